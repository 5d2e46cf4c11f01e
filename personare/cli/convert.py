"""`personare convert`: takes and faces into other formats, spaces and faces."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import app
from personare.cli.options import FaceName, JsonProgress, Quiet, Size, parse_size, same_file
from personare.errors import InputError, MissingExtra
from personare.progress import Mode, Report


@app.command(epilog="Examples: `personare convert take.csv -o take.glb`, `personare convert take.json --to oculus-15 "
             "-o visemes.csv`, `personare convert bfm FOLDER -o bfm.npz`")
def convert(
    source: Annotated[list[str], typer.Argument(help="A take: file or folder of any format that can be read. Or a face "
                                                "to turn into one file: its path, with its kind before it where files "
                                                "alone do not tell. Or released checkpoints (.pth, .pkl, .safetensors, "
                                                ".pb, or a folder) to make a bundle of, with what belongs to them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write; its suffix says the format.")],
    to: Annotated[str, typer.Option("--to", metavar="SPACE", help="Columns of the result, such as arkit-52, oculus-15, "
                                    "vrm1; see docs/spaces.md. Default: those of the take, or of --face.")] = "",
    of: Annotated[str, typer.Option("--of", metavar="FACE", help="Face that the take is for, where its columns are "
                                    "codes without names.")] = "",
    sound: Annotated[Path | None, typer.Option("--sound", help="Sound to put beside it, for video.")] = None,
    fps: Annotated[float | None, typer.Option(min=1, max=240, help="Change the frame rate.")] = None,
    face: FaceName = "sona",
    size: Size = "512",
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Turn a take into another format, space or face; or a face into one file."""
    from personare import api, registry
    from personare.files.checkpoints import is_zipped_pickle
    from personare.files.tensorflow import SAVED_MODEL

    if (Path(source[0]).suffix.lower() in (".pth", ".safetensors", ".pb") or is_zipped_pickle(source[0])
            or (len(source) == 1 and any((Path(source[0]) / name).is_file() for name in (SAVED_MODEL, "config.json")))):
        _convert_checkpoints(source, output, Report(Mode.of(quiet=quiet, json_lines=json_progress)))
        return
    format, pixels = registry.format_of(output), parse_size(size)
    kind, model = _face_to_convert(source)
    for path in (*source, sound):
        if path and same_file(path, output):
            raise InputError("--output", expected="another file than what is read", got=str(output),
                             remedy="choose another name")
    report = Report(Mode.of(quiet=quiet, json_lines=json_progress))
    with report.file(source[-1]):
        if model:
            api.convert_face(model, output, kind=kind)
        else:
            motion = api.read_motion(source[0])
            motion = motion.at_fps(fps) if fps else motion
            wanted = to or (api.open_face(face) if "face" in registry.row("export", format).needs else "")
            if wanted:
                motion, transfer = api.convert(motion, wanted, source=api.open_face(of) if of else None)
                _tell(report, transfer)
            api.save(motion, output, audio=sound, face=face, format=format, size=pixels,
                     progress=report.stage(f"write {format}"))
        report.wrote([output])


def _convert_checkpoints(paths, folder, report):
    """Make a bundle of one checkpoint or of several files of one.

    Raises:
        MissingExtra: torch is not installed.
    """
    try:
        from personare.learn.convert import convert_checkpoints
    except ModuleNotFoundError as error:
        raise MissingExtra("converting a checkpoint", package=error.name, extra="learn") from error
    with report.file(paths[0]):
        convert_checkpoints(paths, folder)
        report.wrote([folder])


def _face_to_convert(source):
    """(kind or None, path or name) of the face to convert; (None, None) where the source is a take.

    Raises:
        InputError: more than a kind and a path, or neither a take nor a face.
    """
    from personare import registry

    known = registry.names("faces")
    if len(source) == 2 and source[0] in known:
        return source
    if len(source) != 1:
        raise InputError("SOURCE", expected="one take, or a face with its kind before it, as in bfm FOLDER",
                         got=f"{len(source)} words", remedy="convert one at a time")
    path = Path(source[0])
    if source[0].partition("/")[0].partition(":")[0] in known and not path.exists():
        return None, source[0]
    if registry.format_inside(path):
        return None, None
    for found, face in ((registry.face_kind_of, source[0]), (registry.format_to_read, None)):
        try:
            found(path)
            return None, face
        except InputError:
            continue
    raise InputError(path, expected="a take or a face that can be read", got=path.suffix or "a folder of something else"
                     if path.exists() else "nothing there", remedy="see personare list formats and list faces")


def _tell(report, transfer):
    """One line on how a take was converted, and what looks wrong about it."""
    if transfer.route != "names" or transfer.kept < 0.99:
        figures = "".join(f", {name.removesuffix('_mm').replace('_', ' ')} {value:.2f} mm"
                          for name, value in transfer.error.items())
        report.say(f"converted by {transfer.route}: {100 * transfer.kept:.0f} % of the motion kept{figures}")
    for text in transfer.warnings:
        report.warning(text)
