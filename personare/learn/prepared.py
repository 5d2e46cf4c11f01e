"""Clips as a network sees them: rows of a front end beside values at one frame rate; made once and kept."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare.assets import user_path
from personare.audio.front_ends import features_of
from personare.errors import AssetError, InputError, OutputError
from personare.learn.dataset import shifted
from personare.store import atomic_path, ensure_folder, sha256

# Raised whenever a front end gives other rows than before, so that kept ones are made anew.
FEATURES_VERSION = 1


@dataclass(frozen=True, eq=False)
class PreparedClip:
    """One clip.

    Args:
        name: of the clip.
        rows: (r, c) float32 of the front end; row i stands at i / rate_hz.
        values: (t, k) float32, shifted by the clip's sync lag; frame i stands at i / fps.
        speaker, emotion: index into the names of the Corpus.
        held_out: whether it is kept for judging.
        sound: path of its sound; None where it holds rows alone.
        head_pose: (t, 4, 4) float32 as in Motion; None where the clip has none.
        stored: whether its rows came with it, and were not made of its sound.
    """

    name: str
    rows: np.ndarray
    values: np.ndarray
    speaker: int
    emotion: int
    held_out: bool
    sound: Path | None
    head_pose: np.ndarray | None = None
    stored: bool = False


@dataclass(frozen=True, eq=False)
class Corpus:
    """Everything a network learns from, and what has to be known to build it.

    Args:
        clips: tuple of PreparedClip.
        front_end: FrontEnd of the rows.
        fps: frames a second of the values.
        space: Space of the motions the clips come from.
        columns: names of the columns of the values.
        speakers, emotions: names.
        row_mean, row_std: (c,) float32 over the clips to learn from; std at least 1e-5.
        value_mean, value_std: (k,) float32, likewise.
        silence: (c,) float32, the front end's row of silence; None where files it needs are not there.
    """

    clips: tuple[PreparedClip, ...]
    front_end: object
    fps: float
    space: object
    columns: tuple[str, ...]
    speakers: tuple[str, ...]
    emotions: tuple[str, ...]
    row_mean: np.ndarray
    row_std: np.ndarray
    value_mean: np.ndarray
    value_std: np.ndarray
    silence: np.ndarray | None

    @property
    def to_learn(self):
        """Clips to learn from."""
        return tuple(clip for clip in self.clips if not clip.held_out)

    @property
    def held_out(self):
        """Clips kept for judging."""
        return tuple(clip for clip in self.clips if clip.held_out)

    @property
    def has_sound(self):
        """Whether every clip has its sound."""
        return all(clip.sound for clip in self.clips)

    def centres(self, frames):
        """Rows that frames stand at, as motion.windows.WindowPlan.centre has it."""
        return np.floor(np.asarray(frames) * (self.front_end.rate_hz / self.fps) + 0.5).astype(np.int64)

    def padded(self, clip, first, stop, padding="silence"):
        """(stop - first, c) rows of a clip; outside of it silence, its edge rows, or zeros."""
        rows = clip.rows
        index = np.arange(first, stop)
        taken = rows[np.clip(index, 0, len(rows) - 1)]
        if padding != "edge":
            taken[(index < 0) | (index >= len(rows))] = self.silence if padding == "silence" else 0
        return taken

    def windows(self, clip, *, rows_before, rows_after, padding="silence", frames=None):
        """(t, w, c) windows around frames of a clip, all of them unless some are named."""
        frames = np.arange(len(clip.values)) if frames is None else np.asarray(frames)
        centres = self.centres(frames)
        first, stop = int(centres.min()) - rows_before, int(centres.max()) + rows_after + 1
        rows = self.padded(clip, first, stop, padding)
        return rows[(centres - rows_before - first)[:, None] + np.arange(rows_before + 1 + rows_after)]


def prepared(dataset, front_end, *, fps, columns=(), held_out=(), cache=None, progress=None):
    """Rows and values of every clip.

    Args:
        dataset: dataset.Dataset.
        front_end: FrontEnd.
        fps: frames a second wanted.
        columns: names of the columns to learn; () for all.
        held_out: names of clips kept for judging, beside those whose meta says so.
        cache: folder the rows are kept in; default .features in the data set, or a folder of the user's where that
            cannot be written. Files are named by a hash of the sound, the front end and its options.
        progress: called with (clips done, clips in total).

    Returns:
        Corpus.

    Raises:
        InputError: a clip without sound whose rows are of another front end. AssetError: files that the front end
            needs are missing, and there is sound to be heard.
    """
    columns = tuple(columns) or dataset.space.columns
    index = dataset.space.indices(columns)
    cache, clips = _cache_folder(dataset.folder) if cache is None else Path(cache), []
    for done, clip in enumerate(dataset.clips):
        motion = shifted(clip.motion.at_fps(fps), clip.meta.sync_lag_ms)
        rows = _kept_rows(clip, front_end, cache)
        count = min(len(motion), max(2, int(len(rows) / front_end.rate_hz * fps)))
        clips.append(PreparedClip(clip.name, rows, np.ascontiguousarray(motion.values[:count, index]),
                                  dataset.speakers.index(clip.speaker), dataset.emotions.index(clip.emotion),
                                  clip.meta.held_out or clip.name in held_out, clip.sound,
                                  None if motion.head_pose is None else motion.head_pose[:count],
                                  _comes_with(clip, front_end)))
        if progress:
            progress(done + 1, len(dataset.clips))
    learned = [clip for clip in clips if not clip.held_out] or clips
    row_mean, row_std = _moments([clip.rows for clip in learned])
    value_mean, value_std = _moments([clip.values for clip in learned])
    return Corpus(tuple(clips), front_end, float(fps), dataset.space, columns, dataset.speakers, dataset.emotions,
                  row_mean, row_std, value_mean, value_std, _silence(front_end))


def _silence(front_end):
    try:
        return front_end.silent_row()
    except AssetError:
        return None


def _moments(parts):
    count = sum(len(part) for part in parts)
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / count
    spread = sum(((part - mean) ** 2).sum(axis=0) for part in parts) / count
    return mean.astype(np.float32), np.maximum(np.sqrt(spread), 1e-5).astype(np.float32)


def _cache_folder(folder):
    for place in (folder / ".features", user_path("cache", "features")):
        try:
            ensure_folder(place)
            with atomic_path(place / "probe"):
                pass
            (place / "probe").unlink(missing_ok=True)
        except OutputError:
            continue
        return place
    return None


def _comes_with(clip, front_end):
    return clip.rows is not None and clip.rows.fits(front_end)


def _kept_rows(clip, front_end, cache):
    """(r, c) float32 rows of a clip: its own, read from the cache, or made and kept there."""
    if _comes_with(clip, front_end):
        return clip.rows.values
    if clip.sound is None:
        wanted, got = (f"rows of {one.name}, {width} wide at {one.rate_hz:g} Hz" for one, width in (
            (front_end, front_end.width), (clip.rows, clip.rows.values.shape[1])))
        name = clip.rows.name
        asked = name in (front_end.name, *(part["name"] for part in front_end.options.get("parts", ())))
        raise InputError(clip.features, expected=f"sound beside it, or {wanted}", got=f"no sound, and {got}",
                         remedy=(f"hear {name} as it is stored, at its rate and with nothing beside it" if asked else
                                 f"add --option front_end={name} where the method has it") + ", or put sound there")
    if cache is None:
        return features_of(front_end, clip.audio()).values
    told = json.dumps([FEATURES_VERSION, front_end.name, front_end.options, sha256(clip.sound)], sort_keys=True)
    path = cache / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.npy"
    try:
        rows = np.load(path, allow_pickle=False)
        if rows.ndim == 2 and rows.shape[1] == front_end.width and rows.dtype == np.float32:
            return rows
    except (OSError, ValueError, EOFError):
        pass  # Not there yet, or cut off: made anew.
    rows = features_of(front_end, clip.audio()).values
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, rows)
    return rows
