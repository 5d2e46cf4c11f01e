"""`personare portrait learn`: footage of a person in, a portrait for `personare animate --portrait` out."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import StoppedError, portraits
from personare.cli.options import JsonProgress, Quiet
from personare.errors import MissingExtra
from personare.progress import Mode, Report, print_figures


@portraits.command(epilog="Example: `personare portrait learn footage.mp4 -o anna.portrait`")
def learn(
    footage: Annotated[Path, typer.Argument(help="Video of one person who speaks towards the camera; half a minute or "
                                                 "more in one take.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the portrait to write.")],
    audio: Annotated[Path | None, typer.Option(help="Sound of the pictures; default the video's own.")] = None,
    face: Annotated[str | None, typer.Option(help="Face to follow with; default the built-in head.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels of the window that is painted: 64, 96, 128, 160, 192, 224 or "
                                                  "256; default what the footage holds, at most 192.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Passes over the footage; more are better and take longer.")] = 30,
    threads: Annotated[int, typer.Option(min=1, help="Threads on the processor.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Another number learns from another chance.")] = 0,
    condition: Annotated[str, typer.Option(help="What the neural texture is told: expression, or sound: the expression "
                                                "and what is heard.")] = "expression",
    landmarker: Annotated[Path | None, typer.Option(help="MediaPipe's model file; default your copy.")] = None,
    until: Annotated[float | None, typer.Option(min=1, help="Leave out what comes after so many seconds.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Learn a person from footage; Ctrl-C while it paints keeps what is learned so far."""
    from personare import api

    try:
        from personare.learn.painting import PaintingOptions
        from personare.learn.portraits import PortraitOptions, learn_from_footage
    except ModuleNotFoundError as error:
        raise MissingExtra("learning", package=error.name, extra="learn") from error
    report = Report(Mode.of(quiet=quiet or as_json, json_lines=json_progress))
    options = PortraitOptions(size=size, until_s=until, condition=condition,
                              painting=PaintingOptions(rounds=rounds, threads=threads, seed=seed))
    with report.file(footage):
        figures, notes = learn_from_footage(
            footage, output, audio=None if audio is None else api.open_stream(audio),
            face=None if face is None else api.open_face(face), model=landmarker, options=options,
            progress=report.stage, stopped=(StoppedError,))
        for note in notes:
            report.warning(note)
        report.wrote([output])
    if not (quiet or json_progress):
        print_figures(figures, as_json=as_json)
