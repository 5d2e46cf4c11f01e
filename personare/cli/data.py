"""`personare data`: clips to learn from, made of other people's data and recordings, looked at, cut, counted."""

import json
from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import clips
from personare.cli.options import Quiet
from personare.errors import InputError
from personare.progress import Mode, Report, print_figures

Folder = Annotated[Path, typer.Argument(help="Folder of clips; see docs/learn.md.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@clips.command("import", epilog="Example: `personare data import phone/ -o takes --format livelink --speaker me`")
def import_(
    source: Annotated[Path, typer.Argument(help="File or folder to import.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of clips to make, or to add to.")],
    format: Annotated[str, typer.Option(help="livelink, facegood, facetalk, nvp, audiodvp, deep3d, style-avatar, "
                                        "vocaset, biwi; or takes: anything personare reads.")] = "takes",
    fps: Annotated[float | None, typer.Option(min=1, max=240, help="Frames a second, where the files do not say it.")
                   ] = None,
    speaker: Annotated[str, typer.Option(help="Name of the speaker, where the files do not say it.")] = "",
    emotion: Annotated[str, typer.Option(help="Name of the emotion, likewise.")] = "",
    language: Annotated[str, typer.Option(help="Language, likewise.")] = "",
    licence: Annotated[str, typer.Option(help="On what terms the clips may be used; goes into the bundle.")] = "",
    quiet: Quiet = False,
):
    """Make clips of other people's data sets or of recordings."""
    from personare.learn.importers import import_clips

    report = Report(Mode.of(quiet=quiet, json_lines=False))
    with report.file(source):
        names = import_clips(source, output, format=format, fps=fps, speaker=speaker, emotion=emotion,
                             language=language, licence=licence, progress=report.stage("import"), warn=report.warning)
        report.say(f"{len(names)} clips in {output}")


@clips.command(epilog="Example: `personare data check takes`")
def check(
    folder: Folder,
    write_lags: Annotated[bool, typer.Option("--write-lags", help="Note the measured lags in meta.json; learning "
                                             "shifts the curves back.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
):
    """Look for lag, drift, clipping, and curves that are dead, frozen or out of range."""
    from personare.learn.dataset import noted_lag, open_dataset
    from personare.learn.inspection import inspected

    report = Report(Mode.of(quiet=quiet or as_json, json_lines=False))
    with report.file(folder):
        dataset = open_dataset(folder)
        findings, lags = inspected(dataset, progress=report.stage("check"))
        for clip in dataset.clips if write_lags else ():
            if lags[clip.name] is not None:
                noted_lag(clip, clip.meta.sync_lag_ms + lags[clip.name])
    if as_json:
        told = [{name: value for name, value in vars(finding).items() if value is not None} for finding in findings]
        print(json.dumps({"findings": told, "lag_ms": lags}, indent=2))  # noqa: T201
        return
    for name, lag in lags.items():
        report.say(f"{name}: lag {'not measurable' if lag is None else f'{lag:+.0f} ms'}")
    for finding in findings:
        report.warning(f"{finding.clip or folder}: {finding.text}")
    if not findings:
        report.say("nothing looks wrong")


@clips.command(epilog="Example: `personare data segment takes -o pieces --seconds 8`")
def segment(
    folder: Folder,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the pieces; another one.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of a piece.")] = 8.0,
    overlap: Annotated[float, typer.Option(min=0, help="Seconds that neighbours share.")] = 0.0,
    quiet: Quiet = False,
):
    """Cut clips into pieces of one length."""
    from personare.learn.dataset import open_dataset
    from personare.learn.dataset import segment as cut

    if output.resolve() == folder.resolve():
        raise InputError("--output", expected="another folder than that of the clips", got=str(output),
                         remedy="choose another name")
    report = Report(Mode.of(quiet=quiet, json_lines=False))
    with report.file(folder):
        count = cut(open_dataset(folder), output, seconds=seconds, overlap_s=overlap)
        report.say(f"{count} pieces in {output}")


@clips.command(epilog="Example: `personare data stats takes`")
def stats(folder: Folder, as_json: AsJson = False):
    """Count clips, seconds, speakers, and how far each column moves."""
    from personare.learn.dataset import open_dataset
    from personare.learn.dataset import stats as counted

    found = counted(open_dataset(folder))
    if as_json:
        print(json.dumps(found, indent=2))  # noqa: T201
        return
    report = Report(Mode.BAR)
    rates, speakers, emotions = (", ".join(map(str, found[name])) for name in ("fps", "speakers", "emotions"))
    report.say(f"{found['clips']} clips, {found['seconds']:.0f} s, {found['space']} at {rates} frames a second; "
               f"speakers: {speakers or 'not stated'}; emotions: {emotions or 'not stated'}")
    columns = found["columns"].items()
    moving = dict(sorted(((name, column) for name, column in columns if column["std"] > 1e-4),
                         key=lambda pair: -pair[1]["std"])[:40])
    print_figures(moving)
