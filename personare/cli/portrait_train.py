"""`personare portrait clips` and `portrait train`: the originals' renderers, trained on footage or on data sets."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import StoppedError, portraits
from personare.cli.options import JsonProgress, Quiet, parse_options
from personare.errors import MissingExtra
from personare.progress import Mode, Report


@portraits.command(epilog="Example: `personare portrait clips footage.mp4 -o clips --size 224`")
def clips(
    footage: Annotated[list[Path], typer.Argument(help="Videos, each of one person.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of clips to make, or to add to.")],
    size: Annotated[int, typer.Option(help="Pixels of a picture's side, divisible by 32.")] = 224,
    texture: Annotated[int, typer.Option(help="Texels of the texture's side, divisible by 32.")] = 256,
    frames: Annotated[int, typer.Option(min=2, help="Most frames of a clip.")] = 250,
    face: Annotated[str, typer.Option("--face", help="Face to follow with.")] = "sona",
    landmarker: Annotated[Path | None, typer.Option(help="MediaPipe's model file; default your copy.")] = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Make clips that `portrait train` learns from: pictures of the face, where each pixel lies on it, its texture."""
    from personare import filmed
    from personare.learn.portrait_footage import ClipOptions, clips_of

    options = ClipOptions(size=size, texture_size=texture, frames=frames)
    report = Report(Mode.of(quiet=quiet, json_lines=json_progress))
    for path in footage:
        with report.file(path):
            track = filmed.track(path, face=face, model=landmarker, progress=report.stage("track"))
            for note in track.notes:
                report.warning(note)
            names = clips_of(track, path, output, options, audio=_sound_of(path, report),
                             progress=report.stage("clips"))
            report.wrote([output / f"{name}.npz" for name in names])


def _sound_of(path, report):
    """AudioStream of a video; None, and a word on it, where it has no sound."""
    from personare.audio.load import open_stream
    from personare.tracking.video import video_info

    if video_info(path).has_sound:
        return open_stream(path)
    report.warning("no sound; its clips cannot teach a texture of sound")
    return None


@portraits.command(epilog="Example: `personare portrait train style-avatar-nvp --data clips -o anna-nvp --minutes 30`")
def train(
    method: Annotated[str, typer.Argument(help="style-avatar, style-avatar-blender, style-avatar-person, "
                                               "style-avatar-nvp, puppetry-renderer or dvp-renderer.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of clips, or of style_avatar's data.mdb.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the bundle to write.")],
    option: Annotated[list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="An option of the method, "
                                                     "such as width=16; as many times as wanted.")] = None,
    steps: Annotated[int, typer.Option(min=0, help="Batches in all; 0 for as many as were published.")] = 0,
    batch_size: Annotated[int, typer.Option(min=0, help="Items in a batch, likewise.")] = 0,
    learning_rate: Annotated[float, typer.Option(min=0, help="At first, likewise.")] = 0,
    minutes: Annotated[float, typer.Option(min=0, help="Stop after so long; 0 for no limit.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads on the processor.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Another number learns from another chance.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on with an earlier run.")] = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Train a renderer of one of the originals, as published or smaller; a stopped run goes on where it was."""
    try:
        from personare.learn.portrait_training import PortraitTraining, learn_portrait
    except ModuleNotFoundError as error:
        raise MissingExtra("learning", package=error.name, extra="learn") from error
    report = Report(Mode.of(quiet=quiet, json_lines=json_progress))
    training = PortraitTraining(steps, batch_size, learning_rate, minutes, device=device, threads=threads, seed=seed)
    with report.file(data):
        try:
            learn_portrait(method, data, output, options=parse_options(option or []), training=training, fresh=fresh,
                           progress=report.stage("train"),
                           tell=lambda step, loss, error: report.say(
                               f"step {step}: loss {loss:.4g}, colours {error:.2f} of 255 off"))
        except StoppedError:
            report.say(f"what is learned so far is kept in {output}.learning; the same command goes on from there")
            raise
        report.wrote([output])
