"""`personare evaluate`: how right the lips are, and how near to a real take or video."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import app
from personare.progress import Mode, Report

SUITES = ("phonelip", "motion", "diversity", "pictures", "sync")
_WANTED = {"phonelip": "one csv file", "motion": "a prediction and a truth", "diversity": "two predictions or more",
           "pictures": "a predicted and a real video", "sync": "one video with sound"}


@app.command(epilog="Example: `personare evaluate mine.npz tracked.csv --face sona`")
def evaluate(
    files: Annotated[list[Path], typer.Argument(
        help="PREDICTION and TRUTH, files or folders; or for phonelip a csv file with the columns id, audio, speaker; "
        "for diversity several predictions; videos or folders of PNGs for pictures; a video for sync.")],
    suite: Annotated[str, typer.Option(
        help="motion: against real takes; phonelip: lips against phone labels; diversity: predictions against each "
        "other; pictures: a video against the real one; sync: lips against the sound of a video. Default: pictures or "
        "motion for two, sync or phonelip for one.")] = "",
    face: Annotated[str, typer.Option(help="Face whose vertices are compared; motion and diversity.")] = "",
    audio: Annotated[Path | None, typer.Option(help="Sound of the take, for blinks on accents; motion.")] = None,
    lips: Annotated[Path | None, typer.Option(help="Text file with the vertex numbers of the face's lips.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Folder of id.lab files; default labels/ beside it.")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder the audio paths start from.")] = None,
    model: Annotated[str, typer.Option(help="Name of a model or path of a bundle; phonelip.")] = "vox",
    predictions: Annotated[Path | None, typer.Option(help="Folder of id.npz, .csv or .json to score instead.")] = None,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames a second asked of the model.")] = 60.0,
    mask: Annotated[Path | None, typer.Option(help="Picture whose light pixels are the region; pictures. Default: "
                                              "around the mouth, by landmarks.")] = None,
    perceptual: Annotated[Path | None, typer.Option(help="Bundle of a perceptual network (LPIPS); pictures.")] = None,
    identity: Annotated[Path | None, typer.Option(help="ONNX graph of a network like ArcFace; pictures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
):
    """Measure how right the lips are, or how near a prediction is to a real take."""
    from dataclasses import asdict

    from personare import api
    from personare.errors import InputError
    from personare.metrics import videos
    from personare.metrics.sync import measure_sync
    from personare.progress import print_figures
    from personare.spaces import unknown_name

    suite = suite or _suite_of(files)
    if suite not in SUITES:
        raise unknown_name("suite", suite, SUITES)
    least, most = {"phonelip": (1, 1), "sync": (1, 1), "diversity": (2, len(files))}.get(suite, (2, 2))
    if not least <= len(files) <= most:
        raise InputError("files", expected=_WANTED[suite], got=f"{len(files)} files",
                         remedy="see personare evaluate --help")
    report = Report(Mode.of(quiet=as_json, json_lines=False))
    with report.file(files[0]):
        if suite == "phonelip":
            figures = api.evaluate(files[0], labels=labels, root=root, model=model, predictions=predictions, fps=fps,
                                   progress=report.stage("listen"))
        elif suite == "motion":
            figures = api.compare(*files, audio=audio, face=face or None, lips=lips,
                                  progress=report.stage("compare"))
        elif suite == "pictures":
            figures = videos.compare_videos(*files, mask=mask, perceptual=perceptual, identity=identity,
                                            progress=report.stage("compare"))
        elif suite == "sync":
            figures = {name: float(value) for name, value in
                       asdict(measure_sync(files[0], progress=report.stage("look"))).items()}
        else:
            figures = api.diversity(files, face=face or "sona")
    print_figures(figures, as_json=as_json)


def _suite_of(files):
    """The suite that is meant where none is named."""
    from personare.metrics.videos import shows_pictures

    if all(shows_pictures(path) for path in files):
        return "sync" if len(files) == 1 else "pictures"
    return "phonelip" if len(files) == 1 else "motion"
