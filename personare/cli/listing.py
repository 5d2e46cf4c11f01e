"""`personare list` and `personare warmup`."""

from typing import Annotated

import typer

from personare.cli.apps import app
from personare.cli.options import Quiet
from personare.progress import Mode, Report


@app.command(name="list", epilog="Example: `personare list formats`")
def list_(
    kind: Annotated[str, typer.Argument(help="models, faces, formats, front-ends, or all.")] = "all",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
):
    """List models, faces, formats and front ends."""
    from personare import registry
    from personare.progress import print_tables
    from personare.spaces import unknown_name

    kinds = {"models": "motion", "faces": "faces", "formats": "export", "front-ends": "audio"}
    if kind not in (*kinds, "all"):
        raise unknown_name("kind", kind, (*kinds, "all"))
    wanted = kinds if kind == "all" else {kind: kinds[kind]}
    tables = {title: [(name, registry.row(table, name)) for name in registry.names(table)]
              for title, table in wanted.items()}
    print_tables(tables, as_json=as_json)


@app.command()
def warmup(quiet: Quiet = False):
    """Compile and load everything once, so that the next run starts at full speed."""
    import numpy as np

    from personare import api
    from personare.types import Audio

    report = Report(Mode.of(quiet=quiet, json_lines=False))
    motion = api.animate(Audio(np.zeros(16_000, np.float32), 16_000))
    for _ in api.render(motion.frames(0, 2)):
        pass
    report.say("ready")
