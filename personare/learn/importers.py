"""Other people's data sets and recordings -> clips of ours: a table of formats, each a function that yields clips.

Takes of any format that personare reads are paired with the sound beside them. Sets with a layout of their own stand in
importers_sets.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare import registry
from personare.audio.load import load
from personare.errors import InputError, PersonareError
from personare.learn.dataset import LENGTH_SLACK_S, Meta, write_clip
from personare.spaces import BFM_64, DEEP3D_257, unknown_name
from personare.types import Audio, Motion

SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".mov", ".mp4", ".mkv", ".avi", ".webm")
# Folders beside a take's own that data sets keep their sound in.
_SOUND_FOLDERS = ("", "audio", "wav", "wavs", "sound", "../audio", "../wav", "../wavs", "../sound")


@dataclass(frozen=True)
class Found:
    """A clip before it is read.

    Args:
        name: of the clip.
        path: of the take, for messages.
        read: () -> (Audio or StoredRows, Motion, Meta).
    """

    name: str
    path: Path
    read: Callable


@dataclass(frozen=True)
class Layout:
    """How the files of one kind lie.

    Args:
        summary: one line.
        takes: patterns of takes, below the source.
        format: name of the format in the registry; "" for whatever the file is.
        find: "module:function" of the source that yields Found, for layouts that are no pairs of take and sound.
    """

    summary: str
    takes: tuple[str, ...] = ()
    format: str = ""
    find: str = ""


LAYOUTS = {
    "livelink": Layout("takes of the Live Link Face app: .csv beside .mov or .wav", ("**/*.csv",), "csv"),
    "facegood": Layout("FACEGOOD: (t, 116) .npy or folders with BS_value.npy, and sound", ("**/*.npy",), "facegood"),
    "facetalk": Layout("FaceTalk: sequences with frame_*.npz and audio/", find="personare.learn.importers:facetalk"),
    "nvp": Layout("Neural Voice Puppetry: sequences with expression.txt, and audio_feature/ or sound",
                  find="personare.learn.importers_sets:nvp"),
    "audiodvp": Layout("AudioDVP: people with delta/ and audio/", find="personare.learn.importers:audiodvp"),
    "deep3d": Layout("fits by Deep3DFaceRecon: .mat or .npz beside sound or video", ("**/*.mat", "**/*.npz"), "deep3d"),
    "style-avatar": Layout("style_avatar: LMDB with coefficients and sound",
                           find="personare.learn.importers_sets:style_avatar"),
    "vocaset": Layout("VOCASET: data_verts.npy and raw_audio_fixed.pkl, or vertices_npy/ and wav/",
                      find="personare.learn.importers_sets:vocaset"),
    "biwi": Layout("BIWI as FaceFormer prepares it: vertices_npy/ and wav/",
                   find="personare.learn.importers_sets:biwi"),
    "takes": Layout("any take that personare reads, beside its sound",
                    ("**/*.csv", "**/*.npz", "**/*.json", "**/*.npy", "**/*.mat", "**/*.txt", "**/*.tsv")),
}


def import_clips(source, folder, *, format, fps=None, speaker="", emotion="", language="", licence="", progress=None,
                 warn=None):
    """Write clips of another data set as ours.

    Args:
        source: file or folder.
        folder: of the data set to write, or to add to.
        format: name in LAYOUTS.
        fps: frames a second of the takes where their files do not say it, or say it wrongly; None as they say.
        speaker, emotion, language, licence: for clips that do not say.
        progress: called with (clips done, clips in total).
        warn: called with a sentence for each clip that is left out; the others are written.

    Returns:
        Names of the clips written.

    Raises:
        InputError: unknown format, nothing of it there, or no clip that could be read.
    """
    if format not in LAYOUTS:
        raise unknown_name("format", format, tuple(LAYOUTS))
    source = Path(source)
    if not source.exists():
        raise InputError(source, expected="a file or folder to import", got="nothing there", remedy="check the path")
    found = list(registry.loaded(LAYOUTS[format].find)(source) if LAYOUTS[format].find
                 else pairs(source, LAYOUTS[format]))
    if not found:
        raise InputError(source, expected=LAYOUTS[format].summary, got="none of these",
                         remedy="see docs/learn.md for the layout, or choose another --format")
    given, written, last = {"speaker": speaker, "emotion": emotion, "language": language, "licence": licence}, [], None
    for done, one in enumerate(_named_apart(found)):
        try:
            heard, motion, meta = one.read()
            heard, motion = _to_one_length(one, heard, motion if fps is None else Motion(
                motion.values, fps, motion.space, motion.head_pose))
            known = {name: getattr(meta, name) or value for name, value in given.items()}
            write_clip(folder, one.name, motion=motion, **{"audio" if isinstance(heard, Audio) else "rows": heard},
                       meta=Meta(**known, source=meta.source or f"{format}: {source.name}", held_out=meta.held_out))
            written.append(one.name)
        except PersonareError as error:
            last = error
            if warn:
                warn(f"left out {one.name}: {error}")
        if progress:
            progress(done + 1, len(found))
    if not written:
        raise last
    return written


def _named_apart(found):
    """The same with names that are fit for folders, and no name twice."""
    seen = {}
    for one in found:
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in one.name).strip(".") or "clip"
        seen[name] = seen.get(name, 0) + 1
        yield Found(name if seen[name] == 1 else f"{name}-{seen[name]}", one.path, one.read)


def _to_one_length(one, heard, motion):
    """Sound (or rows) and curves of one length: what is beyond the shorter one goes, up to a quarter of it.

    Raises:
        InputError: they differ by more, which is no overhang but another rate or another recording.
    """
    if len(motion) < 2:
        raise InputError(one.path, expected="two frames or more", got=f"{len(motion)}", remedy="leave it out")
    shorter, longer = sorted((heard.duration_s, motion.duration_s))
    if longer - shorter > max(LENGTH_SLACK_S, 0.25 * longer):
        raise InputError(one.path, expected=f"curves as long as its sound, {heard.duration_s:.2f} s",
                         got=f"{len(motion)} frames at {motion.fps:g} fps, {motion.duration_s:.2f} s",
                         remedy=f"give --fps {len(motion) / max(heard.duration_s, 1e-3):.4g} if that is its rate")
    count = min(len(motion), max(2, round(heard.duration_s * motion.fps)))
    motion = motion.frames(0, count)
    if not isinstance(heard, Audio):
        return heard.part(0, min(len(heard.values), round(motion.duration_s * heard.rate_hz))), motion
    return Audio(heard.samples[: round(motion.duration_s * heard.rate_hz)], heard.rate_hz), motion


def pairs(source, layout):
    """Found of every take that has sound; takes without are named in an error of their own when they are read."""
    files = [source] if source.is_file() else sorted({path for pattern in layout.takes for path in source.glob(pattern)
                                                      if not path.name.startswith(".")})
    takes = [take for take in (_take(path, layout) for path in files) if take is not None]
    names = {path.stem for path, _ in takes}
    for path, format in dict(takes).items():
        if layout.format == "csv" and _is_by_product(path, names):
            continue
        stem = path.name if path.is_dir() else path.stem
        yield Found(stem if stem not in ("expression", "motion") else path.parent.name, path,
                    lambda path=path, format=format: _read_pair(path, format))


def _take(path, layout):
    """(path, name of its format), or None where the file is no such take."""
    try:
        if layout.format:
            if layout.format == "facegood" and path.name == "BS_value.npy":
                return path.parent, "facegood"
            if layout.format == "facegood" and (path.name == "BS_name.npy" or not _is_table(path)):
                return None
            fits = registry.row("export", layout.format).fits
            return (path, layout.format) if not fits or registry.loaded(fits)(path) else None
        return path, registry.format_to_read(path)
    except InputError:
        return None


def _is_table(path):
    """Whether a .npy file holds frames of FACEGOOD's 116 weights, by its header alone."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return False
    return array.ndim == 2 and array.shape[1] == 116 and array.shape[0] > 1


def _is_by_product(path, names):
    """Files that the app writes beside a take: the calibrated copy, and the neutral pose."""
    stem = path.stem
    return stem.endswith("_neutral") or (stem.endswith("_cal") and stem.removesuffix("_cal") in names)


def _read_pair(path, format):
    sound = sound_of(path)
    if sound is None:
        raise InputError(path, expected=f"its sound beside it, {path.stem}.wav or a video of it", got="none",
                         remedy="put the sound there under the name of the take")
    motion = registry.load_reader(format)(path)
    if motion.space == DEEP3D_257:
        # Identity, texture and light are of the person and the picture; speech moves the expression.
        motion = Motion(motion.values[:, DEEP3D_257.columns.index("exp_000"):][:, :64], motion.fps, BFM_64,
                        motion.head_pose)
    return load(sound), motion, Meta()


def sound_of(path):
    """Path of the sound of a take, or None: in its folder, or one beside it, under its name or one that it contains."""
    home, stem = (path, path.name) if path.is_dir() else (path.parent, path.stem)
    places = [place for name in _SOUND_FOLDERS if (place := home / name).is_dir()]
    sounds = [sound for place in places for sound in sorted(place.iterdir()) if sound.suffix.lower() in SOUNDS]
    same = [sound for sound in sounds if sound.stem == stem]
    if same:
        return same[0]
    contained = [sound for sound in sounds if sound.stem in stem or stem in sound.stem]
    if contained:
        return max(contained, key=lambda sound: len(sound.stem) if sound.stem in stem else 0)
    own = [sound for sound in sounds if sound.parent == home]
    # A folder of one sequence has one sound, whatever it is called.
    alone = path.is_dir() or len([other for other in home.iterdir() if other.suffix == path.suffix]) == 1
    return (own or sounds)[0] if alone and len(own or sounds) == 1 else None


def facetalk(source):
    """Sequences <id>_<sequence>/ with nphm_tracking/nphm_expressions/frame_*.npz and audio/cleaned_audio.wav."""
    for folder in _folders(source, registry.loaded(registry.row("export", "facetalk").fits)):
        if folder.name not in ("nphm_expressions", "nphm_tracking"):
            yield Found(folder.name, folder, lambda folder=folder: (
                load(_sound_in(folder, "audio/cleaned_audio.wav", "audio")),
                registry.load_reader("facetalk")(folder), Meta(speaker=folder.name.partition("_")[0])))


def audiodvp(source):
    """People <name>/ with delta/*.pt, rotation/, translation/ and audio/audio.wav or video/."""
    for folder in _folders(source, lambda folder: (folder / "delta").is_dir()):
        yield Found(folder.name, folder, lambda folder=folder: (
            load(_sound_in(folder, "audio/audio.wav", "audio", "video", ".")),
            registry.load_reader("audiodvp")(folder), Meta(speaker=folder.name)))


def _folders(source, fits):
    """The source, or the folders up to three below it, that fit."""
    if fits(source):
        return [source]
    return [folder for pattern in ("*", "*/*", "*/*/*") for folder in sorted(source.glob(pattern))
            if folder.is_dir() and fits(folder)]


def _sound_in(folder, *places):
    """Path of the first sound in some files or folders below a folder."""
    for place in places:
        path = folder / place
        if path.is_file():
            return path
        found = sorted(other for other in path.glob("*") if other.suffix.lower() in SOUNDS)
        if found:
            return found[0]
    raise InputError(folder, expected=f"sound in {', '.join(places)}", got="none", remedy="put it there")
