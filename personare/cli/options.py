"""What several commands ask for, and how their answers are read."""

from pathlib import Path
from typing import Annotated

import typer

from personare.errors import InputError
from personare.registry import TABLES

Format = Annotated[str, typer.Option(
    "-f", "--format", metavar="FORMATS", help=f"One or more of {', '.join(TABLES['export'])}, with commas; or all, "
    "without folders and point caches. Default: what the suffix of --output says, else mp4. "
    "See `personare list formats`.")]
Output = Annotated[str | None, typer.Option(
    "-o", "--output", metavar="PATH", help="A file, or a folder: one that exists, or a name that ends with / or has "
    "no suffix. Default: here, named as the sound.")]
FaceName = Annotated[str, typer.Option("--face", help="Name of a face; see `personare list faces`.")]
Size = Annotated[str, typer.Option("--size", metavar="PIXELS", help="Video size: 512, or 720x1280.")]
Photo = Annotated[Path | None, typer.Option(
    "--photo", metavar="PATH", help="A picture of a person: the video shows them speaking, at the picture's own size; "
    "--face says what is fitted to it.")]
Renderer = Annotated[Path | None, typer.Option(metavar="BUNDLE", help="With --photo: draw the face with a network, a "
                                               "bundle of personare portrait train style-avatar.")]
PortraitPath = Annotated[Path | None, typer.Option(
    "--portrait", metavar="PATH", help="A portrait that `personare portrait learn` wrote: the video shows this person, "
    "at the footage's own size and frame rate, with its head and eyes.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")]
JsonProgress = Annotated[bool, typer.Option(
    "--json-progress", help="One JSON object a line on stderr: start, progress, done, warning, error, end.")]
Blink = Annotated[float, typer.Option(min=0, max=2, help="How often the eyes close; 0 never.")]
Gaze = Annotated[float, typer.Option(min=0, max=2, help="Size of glances; 0 off.")]
Head = Annotated[float, typer.Option(min=0, max=2, help="Size of head motion; 0 off.")]
Brows = Annotated[float, typer.Option(min=0, max=2, help="Size of brow raises; 0 off.")]
Loudness = Annotated[float, typer.Option(min=0, max=2, help="How far lips follow a raised or dropped voice; 0 off.")]
Breath = Annotated[float, typer.Option(min=0, max=2, help="How far lips part before speech, as filmed ones do; 0 "
                                                 "off. Live, frames come 0.7 s later.")]
Seed = Annotated[int, typer.Option(min=0, help="Another number gives other blinks, gaze and head motion, and another "
                                            "take of models that draw theirs.")]
Model = Annotated[str, typer.Option(help="Name of a model or path of a bundle; see `personare list models`.")]
Fps = Annotated[float, typer.Option(min=1, max=240, help="Frames a second.")]
Emotion = Annotated[str | None, typer.Option(metavar="TEXT", help="joy, joy:0.7, \"joy:0.5,surprise:0.3\", or a csv "
                                             "file with time codes; lips keep their contacts.")]
Articulation = Annotated[float, typer.Option(min=0.3, max=2, help="0.5 mumbles, 1.5 exaggerates.")]
Lips = Annotated[float, typer.Option("--lips", min=0, max=2, help="Size of all that the mouth does, expressions "
                                     "included; lips that meet still meet.")]
Upper = Annotated[float, typer.Option("--upper-face", min=0, max=2, help="Size of brows, squints and sneers.")]
Smoothing = Annotated[float, typer.Option("--smoothing", min=0, max=400, metavar="MS", help="Milliseconds over which "
                                          "motion is smoothed, closures kept; live it comes so much later.")]
Style = Annotated[str | None, typer.Option(metavar="STYLE", help="For models that have styles: the name of one, a "
                                           "take (csv, npz ...) or a video to speak like.")]
Still = Annotated[bool, typer.Option("--still", help="Lips only: no blinks, gaze, head or brow motion.")]


def strengths_of(lips, upper, smoothing_ms, face=None):
    """Strengths of the command line's numbers; None where nothing is asked for.

    Args:
        lips, upper, smoothing_ms: see motion.strengths.Strengths.
        face: name of the face that motion is for; where its columns are codes, its vertices say what is upper face.
    """
    from personare.motion.strengths import Strengths

    found = Strengths(lips, upper, smoothing_ms)
    if face is None or (lips == 1 and upper == 1):
        return None if found.plain else found
    from personare.api import open_face

    return Strengths(lips, upper, smoothing_ms, share_of(open_face(face)))


def share_of(face):
    """What of a Face's codes is upper face; None where its columns are shapes with names."""
    from personare.motion.strengths import parts_of
    from personare.transfer import upper_share

    return None if parts_of(face.space) else upper_share(face)


def style_of(style, face):
    """A style as methods take it: of a video what is tracked in it, with the face of that name."""
    from personare.metrics.videos import SUFFIXES

    if style is None or Path(style).suffix.lower() not in SUFFIXES or not Path(style).is_file():
        return style
    from personare.filmed import style_of_video

    return style_of_video(style, face=face)


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
    meant = registry.format_of(output) if names_file(output) else None
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


def parse_options(pairs):
    """dict of the words of --option: name=value, with - for _ in names.

    Raises:
        InputError: a word without "=".
    """
    for pair in pairs:
        if "=" not in pair:
            raise InputError("--option", expected="name=value", got=pair, remedy="such as --option width=64")
    return {name.strip().replace("-", "_"): value for name, _, value in (pair.partition("=") for pair in pairs)}


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
    if names_file(output):
        if len(sounds) * len(formats) != 1:
            raise InputError("--output", expected="a folder for several results", got=output,
                             remedy="end its name with /, as in -o takes/")
        if same_file(sounds[0], output):
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
                      if any(same_file(sound, path) for sound in sounds) else path for name, path in paths.items()})
    return plans


def names_file(output):
    """Whether -o means one result: it has a suffix, does not end with a slash and is no folder of something else."""
    if output == "-":
        raise InputError("--output", expected="a file or a folder", got="-", remedy="results are not written to a pipe")
    from personare.registry import writes_folder

    folder = bool(output) and Path(output).is_dir() and not writes_folder(output)
    return bool(output and not output.endswith(("/", "\\")) and Path(output).suffix and not folder)


def same_file(one, other):
    """Whether two paths lead to the same existing file."""
    one, other = Path(one), Path(other)
    return one.exists() and other.exists() and one.samefile(other)
