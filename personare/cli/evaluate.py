"""`personare evaluate`: how right the lips are, and how near to a real take."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import app
from personare.progress import Mode, Report

SUITES = ("phonelip", "motion", "diversity")


@app.command(epilog="Example: `personare evaluate mine.npz tracked.csv --face sona`")
def evaluate(
    files: Annotated[list[Path], typer.Argument(
        help="PREDICTION and TRUTH, files or folders; or for phonelip a csv file with the columns id, audio, speaker; "
        "or for diversity several predictions.")],
    suite: Annotated[str, typer.Option(
        help="motion: against real takes; phonelip: lips against phone labels; diversity: predictions against each "
        "other. Default motion for two files, phonelip for one.")] = "",
    face: Annotated[str, typer.Option(help="Face whose vertices are compared; motion and diversity.")] = "",
    audio: Annotated[Path | None, typer.Option(help="Sound of the take, for blinks on accents; motion.")] = None,
    lips: Annotated[Path | None, typer.Option(help="Text file with the vertex numbers of the face's lips.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Folder of id.lab files; default labels/ beside it.")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder the audio paths start from.")] = None,
    model: Annotated[str, typer.Option(help="Name of a model or path of a bundle; phonelip.")] = "vox",
    predictions: Annotated[Path | None, typer.Option(help="Folder of id.npz, .csv or .json to score instead.")] = None,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames a second asked of the model.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
):
    """Measure how right the lips are, or how near a prediction is to a real take."""
    from personare import api
    from personare.errors import InputError
    from personare.progress import print_figures
    from personare.spaces import unknown_name

    suite = suite or ("phonelip" if len(files) == 1 else "motion")
    if suite not in SUITES:
        raise unknown_name("suite", suite, SUITES)
    fitting = {"phonelip": len(files) == 1, "motion": len(files) == 2, "diversity": len(files) >= 2}
    if not fitting[suite]:
        raise InputError("files", expected={"phonelip": "one csv file", "motion": "a prediction and a truth",
                                            "diversity": "two predictions or more"}[suite], got=f"{len(files)} files",
                         remedy="see personare evaluate --help")
    report = Report(Mode.of(quiet=as_json, json_lines=False))
    with report.file(files[0]):
        if suite == "phonelip":
            figures = api.evaluate(files[0], labels=labels, root=root, model=model, predictions=predictions, fps=fps,
                                   progress=report.stage("listen"))
        elif suite == "motion":
            figures = api.compare(*files, audio=audio, face=face or None, lips=lips,
                                  progress=report.stage("compare"))
        else:
            figures = api.diversity(files, face=face or "sona")
    print_figures(figures, as_json=as_json)
