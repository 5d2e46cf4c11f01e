"""`personare learn`: a method trained on clips of your own; `personare style`: a style more for what was learned."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import StoppedError, app
from personare.cli.options import JsonProgress, Quiet, parse_options
from personare.errors import MissingExtra
from personare.learn.recipes import RECIPES
from personare.progress import Mode, Report, print_figures


@app.command(epilog="Example: `personare learn karras --data takes/ --out my-face --rounds 30`")
def learn(
    method: Annotated[str, typer.Argument(help=f"What to train: {', '.join(RECIPES)}; see docs/learn.md.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of clips; personare data import makes one.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the bundle to write.")],
    option: Annotated[list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="An option of the method; "
                                                     "as many times as wanted.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds in all.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Batches in a round.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Items in a batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0, help="Highest learning rate.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so long, at the end of a round.")] = None,
    patience: Annotated[int | None, typer.Option(min=0, help="Stop after so many rounds in vain.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number learns from another chance.")] = 0,
    held_out: Annotated[str, typer.Option("--held-out", metavar="NAMES", help="Clips kept for judging, with commas; or "
                                          "none. Default: those whose meta says so, else the last fifth.")] = "",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads on the processor.")] = None,
    accelerator: Annotated[str | None, typer.Option(help="cpu, gpu or auto.")] = None,
    devices: Annotated[int | None, typer.Option(min=1, help="How many of them.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed, 16-mixed.")] = None,
    logger: Annotated[str | None, typer.Option(help="csv, tensorboard or wandb.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on with an earlier run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Train a method on clips of your own; a run that was stopped goes on where it was."""
    try:
        from personare.learn.learning import learn as learned_from
        from personare.learn.recipes import recipe_class
        from personare.learn.train import TrainingOptions
    except ModuleNotFoundError as error:
        raise MissingExtra("learning", package=error.name, extra="learn") from error
    report = Report(Mode.of(quiet=quiet or as_json, json_lines=json_progress))
    given = {name: value for name, value in (
        ("rounds", rounds), ("steps", steps), ("batch_size", batch_size), ("learning_rate", learning_rate),
        ("minutes", minutes), ("patience", patience), ("threads", threads), ("accelerator", accelerator),
        ("devices", devices), ("precision", precision), ("logger", logger)) if value is not None}
    training = TrainingOptions(**recipe_class(method).training | given | {"seed": seed})
    with report.file(data):
        try:
            found = learned_from(method, data, out, options=parse_options(option or []), training=training,
                                 held_out=_names(held_out), fresh=fresh, progress=report.stage,
                                 tell=_teller(report, training.rounds))
        except StoppedError:
            report.say(f"what is learned so far is kept in {out}.learning; the same command goes on from there")
            raise
        report.wrote([out])
    if found.figures:
        report.say(f"on clips it has not seen; pictures in {out / 'report.html'}")
    if not (quiet or json_progress):
        print_figures(found.figures, as_json=as_json)


@app.command(epilog="Example: `personare style my-face --data clips-of-her --name her -o my-face-2`")
def style(
    bundle: Annotated[Path, typer.Argument(help="A bundle that `personare learn karras` made.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of clips in the new style; the first one is looked at.")],
    name: Annotated[str, typer.Option("--name", help="What the style is to be called.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the bundle to write.")],
    seconds: Annotated[float | None, typer.Option(min=1, help="How much of the clip to look at; default all.")] = None,
    quiet: Quiet = False,
):
    """Give a bundle one style more, found from some seconds of sound and curves; nothing is trained."""
    try:
        from personare.learn.styles import add_style
    except ModuleNotFoundError as error:
        raise MissingExtra("finding a style", package=error.name, extra="learn") from error
    report = Report(Mode.of(quiet=quiet, json_lines=False))
    with report.file(data):
        add_style(bundle, out, data, name=name, seconds=seconds)
        report.wrote([out])


def _teller(report, rounds):
    def tell(number, loss, error, best):
        judged = "" if error != error else f"   held-out error {error:.3f}{'  best so far' if best else ''}"
        report.say(f"round {number + 1:.0f} of {rounds}: loss {loss:.4g}{judged}")

    return tell


def _names(text):
    """Names of clips, () for "none", None for ""."""
    if text == "none":
        return ()
    return tuple(part.strip() for part in text.split(",") if part.strip()) or None
