"""The command line: personare animate | convert | evaluate | face | list | warmup."""

import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from personare.errors import InputError, PersonareError
from personare.progress import Mode, Report
from personare.registry import TABLES

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]},
                  help="Speech in, a moving face out.\n\nExample: `personare animate hello.wav`")

faces = typer.Typer(no_args_is_help=True)
app.add_typer(faces, name="face", help="Look at faces, and make shapes for them.")

Format = Annotated[str, typer.Option(
    "-f", "--format", metavar="FORMATS", help=f"One or more of {','.join(TABLES['export'])}, or all, which leaves "
    "out folders. Default: what the suffix of --output says, else mp4. See `personare list formats`.")]
Output = Annotated[str | None, typer.Option(
    "-o", "--output", metavar="PATH", help="A file, or a folder: one that exists, or a name that ends with / or has "
    "no suffix. Default: here, named as the sound.")]
FaceName = Annotated[str, typer.Option("--face", help="Name of a face; see `personare list faces`.")]
Size = Annotated[str, typer.Option("--size", metavar="PIXELS", help="Video size: 512, or 720x1280.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")]
JsonProgress = Annotated[bool, typer.Option(
    "--json-progress", help="One JSON object a line on stderr: start, progress, done, warning, error, end.")]
Blink = Annotated[float, typer.Option(min=0, max=2, help="How often the eyes close; 0 never.")]
Gaze = Annotated[float, typer.Option(min=0, max=2, help="Size of glances; 0 off.")]
Head = Annotated[float, typer.Option(min=0, max=2, help="Size of head motion; 0 off.")]
Brows = Annotated[float, typer.Option(min=0, max=2, help="Size of brow raises; 0 off.")]


@app.command(epilog="Example: `personare animate a.wav b.mp3 -o takes/ -f glb,csv,mp4`")
def animate(
    sounds: Annotated[list[Path], typer.Argument(help="Sound or video files, any container, rate and length.")],
    output: Output = None,
    format: Format = "",
    face: FaceName = "sona",
    model: Annotated[str, typer.Option(help="Name of a model or path of a bundle; see `personare list models`.")]
    = "vox",
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames a second.")] = 30.0,
    size: Size = "512",
    seed: Annotated[int, typer.Option(min=0, help="Other blinks, gaze and head motion for another number.")] = 0,
    blink: Blink = 1.0,
    gaze: Gaze = 1.0,
    head: Head = 1.0,
    brows: Brows = 1.0,
    emotion: Annotated[str | None, typer.Option(metavar="TEXT", help="joy, joy:0.7, \"joy:0.5,surprise:0.3\", or a csv "
                                                "file with time codes; lips keep their contacts.")] = None,
    articulation: Annotated[float, typer.Option(min=0.3, max=2, help="0.5 mumbles, 1.5 exaggerates.")] = 1.0,
    still: Annotated[bool, typer.Option("--still", help="Lips only: no blinks, gaze, head or brow motion.")] = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Animate speech: sound in, video, rig animation or curves out."""
    from personare.motion.emotion import emotion_of
    from personare.motion.layers import STILL, Layers

    feeling = emotion_of(emotion)
    layers = STILL if still else Layers(blink=blink, gaze=gaze, head=head, brows=brows, seed=seed)
    formats, pixels = parse_formats(format, output), parse_size(size)
    targets = plan_outputs(sounds, output, formats)
    report, failed = Report(Mode.of(quiet=quiet, json_lines=json_progress)), 0
    for sound, paths in zip(sounds, targets, strict=True):
        try:
            _animate_one(sound, paths, report, face=face, size=pixels, model=model, fps=fps, layers=layers,
                         emotion=feeling, articulation=articulation)
        except PersonareError as error:
            report.error(sound, error)
            failed += 1
    report.close(len(sounds), failed)
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Examples: `personare convert take.csv -o take.glb`, `personare convert take.json --to oculus-15 "
             "-o visemes.csv`, `personare convert bfm FOLDER -o bfm.npz`")
def convert(
    source: Annotated[list[str], typer.Argument(help="A take: file or folder of any format that can be read. Or a face "
                                                "to turn into one file: its path, with its kind before it where files "
                                                "alone do not tell.")],
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

    format, pixels = registry.format_of(output), parse_size(size)
    kind, model = _face_to_convert(source)
    for path in (*source, sound):
        if path and _same_file(path, output):
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


def parse_formats(text, output):
    """Tuple of format names.

    Args:
        text: comma-separated names, "all", or "" to take the suffix of output.
        output: the text given with -o, or None.

    Raises:
        InputError: a name is unknown.
    """
    from personare import registry

    if text == "all":
        return registry.all_formats()
    meant = registry.format_of(output) if _names_file(output) else None
    if not text:
        return (meant or "mp4",)
    wanted = tuple(dict.fromkeys(part.strip().lstrip(".") for part in text.split(",") if part.strip()))
    for name in wanted:
        registry.row("export", name)
    if meant and len(wanted) == 1 and not output.endswith(registry.row("export", wanted[0]).suffix.rpartition(".")[2]):
        raise InputError("--format", expected=f"{meant}, as the name {output} says", got=wanted[0],
                         remedy="leave -f out, or name the file after the format")
    return wanted


def parse_size(text):
    """(width, height) of "512" or "720x1280".

    Raises:
        InputError: neither form, or not in 16..4096.
    """
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and 16 <= int(part) <= 4096 for part in parts):
        raise InputError("--size", expected="512 or 720x1280, each in 16..4096", got=f"'{text}'", remedy="give pixels")
    return int(parts[0]), int(parts[-1])


def plan_outputs(sounds, output, formats):
    """Where each result goes.

    Args:
        sounds: paths of the sound files.
        output: None (here), or the text of a folder, or of a file for one sound and one format.
        formats: names of formats.

    Returns:
        For each sound a dict format -> Path, no path twice, and none of a sound itself.

    Raises:
        InputError: one file name for several results, or that of a recording.
    """
    from personare import registry

    suffix = {name: registry.row("export", name).suffix for name in formats}
    if _names_file(output):
        if len(sounds) * len(formats) != 1:
            raise InputError("--output", expected="a folder for several results", got=output,
                             remedy="end its name with /, as in -o takes/")
        if _same_file(sounds[0], output):
            raise InputError("--output", expected="another file than the recording", got=output,
                             remedy="choose another name")
        return [{formats[0]: Path(output)}]
    folder = Path(output or "")
    stems = [sound.stem for sound in sounds]
    # a.wav and a.mp3 in one run would meet in a.mp4, so they keep their suffixes: a.wav.mp4, a.mp3.mp4.
    stems = [sound.name if stems.count(sound.stem) > 1 else sound.stem for sound in sounds]
    stems = [f"{stem}-{stems[:i].count(stem) + 1}" if stem in stems[:i] else stem for i, stem in enumerate(stems)]
    plans = []
    for stem in stems:
        paths = {name: folder / (stem + suffix[name]) for name in formats}
        # A recording talk.mp4 keeps its name; its face goes to talk-face.mp4.
        plans.append({name: folder / (f"{stem}-face" + suffix[name])
                      if any(_same_file(sound, path) for sound in sounds) else path for name, path in paths.items()})
    return plans


def _names_file(output):
    """Whether -o means one result: it has a suffix, does not end with a slash and is no folder of something else."""
    if output == "-":
        raise InputError("--output", expected="a file or a folder", got="-", remedy="results are not written to a pipe")
    from personare.registry import writes_folder

    folder = bool(output) and Path(output).is_dir() and not writes_folder(output)
    return bool(output and not output.endswith(("/", "\\")) and Path(output).suffix and not folder)


def _same_file(one, other):
    """Whether two paths lead to the same existing file."""
    one, other = Path(one), Path(other)
    return one.exists() and other.exists() and one.samefile(other)


def _animate_one(sound, paths, report, *, face, size, **options):
    from personare import api
    from personare.store import ensure_folder

    with report.file(sound):
        for path in paths.values():
            ensure_folder(path.parent)
        face, audio = api.open_face(face), api.open_stream(sound)
        motion = api.animate(audio, **options, progress=report.stage("listen"))
        for format, path in paths.items():
            api.save(motion, path, audio=audio, face=face, format=format, size=size,
                     progress=report.stage(f"write {format}"))
        report.wrote(paths.values())


class _StoppedError(BaseException):
    """Ctrl-C or a request to end; not a KeyboardInterrupt, which typer answers itself and without a word."""


def _stop(number, frame):
    raise _StoppedError


def main():
    """Entry point: one line for an expected error, 130 for Ctrl-C, never a traceback for the user's mistake."""
    words = sys.argv[1:]
    report = Report(Mode.of(quiet="-q" in words or "--quiet" in words, json_lines="--json-progress" in words))
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = lambda message, *_, **__: report.warning(message)
    try:
        app()
    except PersonareError as error:
        report.error(None, error)
        sys.exit(1)
    except _StoppedError:
        report.stopped()
        sys.exit(130)
