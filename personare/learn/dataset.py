"""One layout for data to learn from: a folder of clips, each sound, curves with names, and what is known of it.

    DATA/<clip>/audio.flac (or .wav)    DATA/<clip>/motion.npz    DATA/<clip>/meta.json

or flat: DATA/<clip>.wav, <clip>.npz and, where there is something to say, <clip>.json. Frame i of the motion stands
at i / fps seconds of the sound. Beside the sound, or instead of it, features.npz (flat: <clip>.features.npz) may hold
the rows that a front end made of it, see audio/stored.py.
"""

import io
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from personare.audio.stored import read_rows, write_rows
from personare.errors import InputError
from personare.export import npz
from personare.export.reading import LARGEST_BYTES
from personare.files.arrays import read_npz
from personare.spaces import SPACES, Space
from personare.store import atomic_path, ensure_folder
from personare.types import Audio, Motion, Take

SOUNDS, FEATURES = (".flac", ".wav"), "features.npz"
# Sound and curves may differ in length by this much, seconds, before it is said.
LENGTH_SLACK_S = 0.25


class Meta(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a clip; unknown fields are refused, so that a misspelt one is noticed.

    Args:
        speaker, emotion, language: names; "" where they are not known.
        source, licence: where it comes from, and on what terms.
        sync_lag_ms: how much later the curves move than the sound; learning shifts them back.
        held_out: whether the clip is kept for judging.
    """

    speaker: str = ""
    emotion: str = ""
    language: str = ""
    source: str = ""
    licence: str = ""
    sync_lag_ms: float = 0.0
    held_out: bool = False


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording.

    Args:
        name: of the clip.
        sound, take: paths of the sound, None where there are rows alone, and of the motion (.npz).
        meta: Meta.
        features: path of the rows that a front end made of the sound; None where there are none.
    """

    name: str
    sound: Path | None
    take: Path
    meta: Meta
    features: Path | None = None

    def audio(self):
        """Audio of the clip.

        Raises:
            InputError: it holds rows of a front end and no sound.
        """
        from personare.audio.load import load

        if self.sound is None:
            raise InputError(self.take, expected="a clip with sound", got=f"rows of {self.rows.name} alone",
                             remedy="put audio.flac or audio.wav beside it")
        return load(self.sound)

    @cached_property
    def rows(self):
        """StoredRows of the clip; None where there are none."""
        return None if self.features is None else read_rows(self.features)

    @cached_property
    def motion(self):
        """Motion of the clip."""
        return npz.read(self.take)

    @property
    def speaker(self):
        """Name of the speaker."""
        return self.meta.speaker

    @property
    def emotion(self):
        """Name of the emotion."""
        return self.meta.emotion


@dataclass(frozen=True, eq=False)
class Dataset:
    """Clips in one space.

    Args:
        folder: Path.
        clips: tuple of Clip, by name.
        space: Space of every motion.
    """

    folder: Path
    clips: tuple[Clip, ...]
    space: Space

    @property
    def speakers(self):
        """Names of the speakers, in alphabetical order."""
        return tuple(sorted({clip.speaker for clip in self.clips}))

    @property
    def emotions(self):
        """Names of the emotions, in alphabetical order."""
        return tuple(sorted({clip.emotion for clip in self.clips}))

    def only(self, names):
        """The same with some of the clips."""
        return replace(self, clips=tuple(clip for clip in self.clips if clip.name in names))


def open_dataset(folder):
    """Open a folder of clips.

    Args:
        folder: of the layout above.

    Returns:
        Dataset.

    Raises:
        InputError: no clips, a clip without sound or curves, unreadable or misspelt meta, curves of several spaces,
            a take of fewer than two frames, or sound and curves of unequal length; the message names the file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(folder, expected="a folder of clips", got="a file" if folder.exists() else "nothing there",
                         remedy="make one, see docs/learn.md")
    found = [_in_folder(inner) for inner in sorted(folder.iterdir()) if (inner / "motion.npz").is_file()]
    found += [_flat(take) for take in sorted(folder.glob("*.npz")) if npz.fits(take)]
    if not found:
        raise InputError(folder, expected="clips: folders with audio.flac and motion.npz", got="none",
                         remedy="write them as docs/learn.md says")
    clips = tuple(sorted(found, key=lambda clip: clip.name))
    for clip in clips:
        _check_clip(clip)
    space = clips[0].motion.space
    for clip in clips:
        if clip.motion.space != space:
            other = [name for name in clip.motion.space.columns if name not in space.columns]
            raise InputError(clip.take, expected=f"{space.name} as in {clips[0].name}", got=clip.motion.space.name
                             + (f" with {', '.join(other[:3])}" if other else ""),
                             remedy="convert one of them: personare convert --to")
    return Dataset(folder, clips, space)


def _in_folder(folder):
    sound = _first_of(folder / f"audio{suffix}" for suffix in SOUNDS)
    features = _first_of([folder / FEATURES])
    if not (sound or features):
        raise InputError(folder, expected="audio.flac or audio.wav beside motion.npz", got="no sound",
                         remedy="put the sound there or remove the clip")
    return Clip(folder.name, sound, folder / "motion.npz", _meta(folder / "meta.json"), features)


def _flat(take):
    sound = _first_of(take.with_suffix(suffix) for suffix in SOUNDS)
    features = _first_of([take.with_suffix(f".{FEATURES}")])
    if not (sound or features):
        raise InputError(take, expected=f"{take.stem}.flac or {take.stem}.wav beside it", got="no sound",
                         remedy="put the sound there or remove the take")
    return Clip(take.stem, sound, take, _meta(take.with_suffix(".json")), features)


def _first_of(paths):
    return next((path for path in paths if path.is_file()), None)


def _meta(path):
    if not path.is_file():
        return Meta()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Meta)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(path, expected=f"JSON with {', '.join(Meta.__struct_fields__)}", got=str(error),
                         remedy="correct it, or remove the file") from error


def _check_clip(clip):
    from personare.audio.load import open_stream

    try:
        motion = clip.motion
    except InputError as error:
        raise _place_of(clip.take) or error from error
    known = SPACES.get(motion.space.name, motion.space)
    if known != motion.space:
        unknown = [name for name in motion.space.columns if name not in known.columns]
        raise InputError(clip.take, expected=f"the columns of {known.name}", got=", ".join(unknown[:3])
                         or "another order", remedy="name them as docs/spaces.md has them")
    if len(motion) < 2:
        raise InputError(clip.take, expected="two frames or more", got=f"{len(motion)}", remedy="remove the clip")
    lengths = [] if clip.sound is None else [(clip.sound.name, open_stream(clip.sound).duration_s)]
    lengths += [] if clip.features is None else [(clip.features.name, clip.rows.duration_s)]
    for name, length_s in lengths:
        if length_s is None or abs(length_s - motion.duration_s) <= LENGTH_SLACK_S:
            continue
        implied = len(motion) / length_s if length_s else 0
        raise InputError(clip.take, expected=f"curves as long as {name}, {length_s:.2f} s",
                         got=f"{len(motion)} frames at {motion.fps:g} fps, {motion.duration_s:.2f} s",
                         remedy=f"cut them to one length, or correct the frame rate ({implied:.2f} would fit)")


def _place_of(take):
    """An InputError that says where numbers of a file are not finite, or None."""
    try:
        arrays = read_npz(take, ["values", "names"], most_bytes=LARGEST_BYTES)
    except InputError:
        return None
    values, names = arrays["values"], arrays["names"]
    bad = ~np.isfinite(values) if values.ndim == 2 and values.dtype.kind == "f" else np.zeros((0, 0), bool)
    if not bad.any() or len(names) != bad.shape[1]:
        return None
    frame, column = np.argwhere(bad)[0]
    return InputError(take, expected="finite numbers", got=f"{int(bad.sum())} that are not, the first in frame "
                      f"{frame}, column {names[column]}", remedy="fill that part from its neighbours, or cut it out")


def write_clip(folder, name, *, motion, audio=None, rows=None, meta=None):
    """Add a clip to a folder of clips.

    Args:
        folder: of the data set; made where it is missing.
        name: of the clip, used as the name of its folder.
        motion: Motion.
        audio: Audio; stored without loss in 16 bits as FLAC. None where there are rows alone.
        rows: StoredRows, what a front end made of the sound; None for none.
        meta: Meta.

    Returns:
        Path of the clip's folder.

    Raises:
        InputError: neither sound nor rows.
    """
    if audio is None and rows is None:
        raise InputError("audio", expected="sound, or rows of a front end", got="neither", remedy="give one of them")
    target = Path(folder) / name
    ensure_folder(target)
    # What an earlier clip of that name had does not stay.
    for old in (target / FEATURES, *(target / f"audio{suffix}" for suffix in SOUNDS)):
        old.unlink(missing_ok=True)
    if audio is not None:
        with atomic_path(target / "audio.flac") as temporary:
            temporary.write_bytes(_flac(audio))
    if rows is not None:
        write_rows(target / FEATURES, rows)
    with atomic_path(target / "meta.json") as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(meta or Meta()), indent=2))
    # Last, since a folder counts as a clip once it has it.
    npz.write(target / "motion.npz", Take(motion))
    return target


def _flac(audio):
    import soundfile

    packed = io.BytesIO()
    soundfile.write(packed, np.clip(audio.samples, -1, 1), audio.rate_hz, format="FLAC", subtype="PCM_16")
    return packed.getvalue()


def noted_lag(clip, lag_ms):
    """Write a lag into a clip's meta file.

    Args:
        clip: Clip.
        lag_ms: how much later its curves move than its sound.
    """
    path = clip.take.with_name("meta.json") if clip.take.name == "motion.npz" else clip.take.with_suffix(".json")
    meta = msgspec.structs.replace(clip.meta, sync_lag_ms=round(float(lag_ms), 1))
    with atomic_path(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(meta), indent=2))


def segment(dataset, folder, *, seconds, overlap_s=0.0):
    """Cut every clip into pieces of one length.

    Args:
        dataset: Dataset.
        folder: of the new data set.
        seconds: length of a piece, > 0; the last piece of a clip ends with the clip, overlapping more.
        overlap_s: seconds that neighbours share, 0 <= overlap_s < seconds.

    Returns:
        Number of pieces written. Clips shorter than a piece are kept whole.

    Raises:
        InputError: the lengths are out of range.
    """
    if not (seconds > 0 and 0 <= overlap_s < seconds):
        raise InputError("overlap", expected="0 or more, and less than the length of a piece",
                         got=f"{overlap_s} of {seconds} s", remedy="use 4 and 1")
    count = 0
    for clip in dataset.clips:
        audio, rows, motion = None if clip.sound is None else clip.audio(), clip.rows, clip.motion
        size = round(seconds * motion.fps)
        step = max(1, size - round(overlap_s * motion.fps))
        last = max(0, len(motion) - size)
        starts = sorted({*range(0, last, step), last})
        for i, start in enumerate(starts):
            part = motion.frames(start, start + size)
            start_s, length_s = start / motion.fps, part.duration_s
            if audio is not None and round(start_s * audio.rate_hz) >= len(audio.samples):
                continue  # The curves outlast the sound, by less than LENGTH_SLACK_S.
            write_clip(folder, f"{clip.name}_{i:03d}" if len(starts) > 1 else clip.name, motion=part, meta=clip.meta,
                       audio=audio and _part(audio, start_s, length_s),
                       rows=rows and rows.part(start_s, math.ceil(length_s * rows.rate_hz - 1e-6)))
            count += 1
    return count


def _part(audio, start_s, duration_s):
    first, stop = (round(at * audio.rate_hz) for at in (start_s, start_s + duration_s))
    return Audio(audio.samples[first:stop], audio.rate_hz)


def stats(dataset):
    """Figures of a data set: clips, seconds, speakers, emotions, and mean, spread and range of each column.

    Returns:
        dict fit for JSON.
    """
    values = np.concatenate([clip.motion.values for clip in dataset.clips])
    columns = {name: {"mean": float(column.mean()), "std": float(column.std()), "least": float(column.min()),
                      "most": float(column.max())}
               for name, column in zip(dataset.space.columns, values.T, strict=True)}
    return {"clips": len(dataset.clips), "seconds": float(sum(clip.motion.duration_s for clip in dataset.clips)),
            "fps": sorted({float(clip.motion.fps) for clip in dataset.clips}), "space": dataset.space.name,
            "speakers": list(dataset.speakers), "emotions": list(dataset.emotions), "columns": columns}


def shifted(motion, lag_ms):
    """A motion moved earlier by a lag, so that it meets its sound; the last frame is held."""
    if not lag_ms:
        return motion
    position = np.clip(np.arange(len(motion)) + lag_ms / 1000 * motion.fps, 0, len(motion) - 1)
    low = position.astype(np.int64)
    high, share = np.minimum(low + 1, len(motion) - 1), (position - low).astype(np.float32)[:, None]
    # Between two frames a head hardly turns: it takes the nearer one.
    head = None if motion.head_pose is None else motion.head_pose[np.round(position).astype(np.int64)]
    return Motion(motion.values[low] * (1 - share) + motion.values[high] * share, motion.fps, motion.space, head)
