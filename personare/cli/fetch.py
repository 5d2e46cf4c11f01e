"""`personare fetch`: files of others, brought here after their terms are shown."""

from typing import Annotated

import typer

from personare.cli.apps import app
from personare.cli.options import JsonProgress, Quiet
from personare.progress import Mode, Report


@app.command(epilog="Example: `personare fetch face_landmarker`")
def fetch(
    name: Annotated[str, typer.Argument(help="face_landmarker: finds faces, for track, --photo and portraits.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Download a file that personare works with but does not ship; shows source and licence and asks first."""
    from personare import fetching

    wanted = fetching.source(name)
    report = Report(Mode.of(quiet=quiet, json_lines=json_progress))
    report.say(f"{wanted.url}\n  {wanted.size / 1e6:.1f} MB, {wanted.licence}; {wanted.page}\n  goes to {wanted.path}")
    if not yes and not typer.confirm("Download it?", default=True):
        raise typer.Exit(1)
    with report.file(name):
        report.wrote([fetching.fetch(name, progress=report.stage("download"))])
