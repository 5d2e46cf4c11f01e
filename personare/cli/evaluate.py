"""`personare evaluate`: how right the lips are."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import app
from personare.progress import Mode, Report


@app.command(epilog="Example: `personare evaluate index.csv --suite phonelip`")
def evaluate(
    index: Annotated[Path, typer.Argument(help="csv file with the columns id, audio, speaker.")],
    suite: Annotated[str, typer.Option(help="phonelip: lips against phone labels of real speech.")] = "phonelip",
    labels: Annotated[Path | None, typer.Option(help="Folder of id.lab files; default labels/ beside it.")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder the audio paths start from.")] = None,
    model: Annotated[str, typer.Option(help="Name of a model or path of a bundle.")] = "vox",
    predictions: Annotated[Path | None, typer.Option(help="Folder of id.npz, .csv or .json to score instead.")] = None,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames a second asked of the model.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
):
    """Measure how right the lips are."""
    from personare import api
    from personare.progress import print_figures
    from personare.spaces import unknown_name

    if suite != "phonelip":
        raise unknown_name("suite", suite, ("phonelip",))
    report = Report(Mode.of(quiet=as_json, json_lines=False))
    with report.file(index):
        figures = api.evaluate(index, labels=labels, root=root, model=model, predictions=predictions, fps=fps,
                               progress=report.stage("listen"))
    print_figures(figures, as_json=as_json)
