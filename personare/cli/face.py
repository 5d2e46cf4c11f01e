"""`personare face`: look at faces, and make shapes for them."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import faces
from personare.cli.options import Quiet
from personare.errors import InputError
from personare.progress import Mode, Report


@faces.command(epilog="Example: `personare face sheet sona -o sheet.png`")
def sheet(
    face: Annotated[str, typer.Argument(help="Name of a face; see `personare list faces`.")] = "sona",
    output: Annotated[Path, typer.Option("-o", "--output", help="PNG file to write.")] = Path("sheet.png"),
    size: Annotated[int, typer.Option(min=16, max=4096, help="Pixels of each picture.")] = 192,
    columns: Annotated[int, typer.Option(min=1, max=64, help="Pictures in a row.")] = 9,
    quiet: Quiet = False,
):
    """Draw every shape of a face on one picture."""
    from personare import api
    from personare.export.png import png
    from personare.store import atomic_path

    report = Report(Mode.of(quiet=quiet, json_lines=False))
    if output.suffix.lower() != ".png":
        raise InputError("--output", expected="a name that ends with .png", got=str(output), remedy="rename it")
    picture = api.sheet(face, size=size, columns=columns)
    with atomic_path(output) as temporary:
        temporary.write_bytes(png(picture))
    report.wrote([output])


@faces.command(epilog="Example: `personare face rig head.obj -o head.npz`")
def rig(
    head: Annotated[str, typer.Argument(help="A head at rest: path of a mesh, or name of a face.")],
    output: Annotated[Path, typer.Option("-o", "--output", help=".npz opens as a face again, .glb holds it at rest.")],
    template: Annotated[str, typer.Option(help="Face whose shapes are carried over.")] = "sona",
    model: Annotated[Path | None, typer.Option(help="MediaPipe's face_landmarker.task; default your copy.")] = None,
    quiet: Quiet = False,
):
    """Give a head that has none the ARKit shapes (extras faces and track)."""
    from personare import api
    from personare.transfer import rig as make_shapes

    report = Report(Mode.of(quiet=quiet, json_lines=False))
    with report.file(head):
        api.save_face(make_shapes(api.open_face(head), template=api.open_face(template), model=model), output)
        report.wrote([output])
