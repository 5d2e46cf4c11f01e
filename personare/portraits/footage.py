"""A person learned from footage: their own pictures, with the mouth painted anew as a Motion says.

Head, eyes and background are those of the footage, picture by picture; what the person's lips, jaw and chin cover is
hidden from a small network, which paints it from the mesh of the new expression and from what is around it, and the
result is blended in with a soft edge. Footage that is too short for the speech is shown forwards and back.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import final

import msgspec
import numpy as np

from personare.assets import open_graph
from personare.errors import AssetError, InputError
from personare.faces.bundle import read_linear
from personare.files.arrays import read_npz
from personare.portraits.bundle import (
    FACE,
    GRAPH,
    METHOD,
    REEL,
    REGION,
    SHOT,
    VOICE,
    FootageOptions,
    Shot,
)
from personare.portraits.crops import cut, opacity, put
from personare.portraits.guides import guide
from personare.portraits.reel import EASE_S, Reel, playing_order, turning_points
from personare.portraits.region import Region, windows
from personare.spaces import sound_columns
from personare.store import read_bundle
from personare.types import Motion, Portrait

_THREADS = 2
# Room beyond what was seen of a person, as a share of their range.
_ROOM = 0.1


@final
class FootagePortrait(Portrait):
    """An opened portrait.

    Args:
        bundle: store.Bundle.

    Attributes:
        face, size, fps: see Portrait.
        columns: names of the columns that count; what else a Motion says is left as it was filmed.
        duration_s: length of the footage.
    """

    def __init__(self, bundle):
        self._bundle = bundle
        try:
            self.options = msgspec.convert(bundle.card.config, FootageOptions)
            arrays = read_npz(bundle.path(SHOT))
            self.shot = Shot(*(arrays[name] for name in Shot.__dataclass_fields__))
            self.face = read_linear(bundle.path(FACE))
            self.region = Region(self.face, self.options.columns, *(arrays[name] for name in REGION),
                                 self.options.half_m)
        except (msgspec.ValidationError, KeyError, InputError) as error:
            raise AssetError(f"{bundle.folder}: its parts do not fit this release ({error}); learn it again") from error
        self.size, self.fps, self.columns = self.options.size, self.options.fps, self.options.columns
        self.duration_s = self.options.count / self.fps

    @cached_property
    def _graph(self):
        return open_graph(self._bundle.path(GRAPH))

    @property
    def voice_path(self):
        """Path of what turns speech into this person's expressions, see motion.voice."""
        return self._bundle.path(VOICE)

    @property
    def limits(self):
        """(lowest, highest), each (c,): how far this person's columns went in the footage, with a little room."""
        return reach_of(self.shot.values[:, self.region.indices])

    def frames(self, motion):
        """The person's pictures, their mouth moved by a Motion.

        Args:
            motion: Motion with this face's columns; those that move the mouth count. At another frame rate than the
                footage's, pictures are repeated or left out.

        Returns:
            Iterator of (h, w, 3) uint8, one for each frame of motion.
        """
        # A hair more than the time itself, so that rounding never shows the picture before.
        numbers = (np.arange(len(motion)) * (self.fps / motion.fps) + 1e-6).astype(np.int64)
        order = playing_order(int(numbers.max(initial=-1)) + 1, self.options.count,
                              turning_points(self.shot.pose, self.fps), ease=round(EASE_S * self.fps))
        return self.painted(motion, order[numbers])

    def painted(self, motion, numbers):
        """(h, w, 3) uint8 for each frame of a Motion, over the pictures of the given numbers; halves are dissolved."""
        sound, motion = self._sound(motion), self._known(motion)
        reel, numbers = Reel(self._bundle.path(REEL), self.size, self.options.count), np.asarray(numbers, np.float64)
        return _ahead(self._repaint, zip(reel.pictures(numbers), np.rint(numbers).astype(np.int64), motion.values,
                                         sound, strict=True))

    def paint(self, picture, values, pose, sound=None):
        """Another picture of the person under the same camera, its mouth painted anew.

        Args:
            picture: (h, w, 3) uint8.
            values: (k,) float32 columns of this face.
            pose: (4, 4) head pose in that picture.
            sound: (s,) float32, options.sounds numbers on what is heard; default what is usual.

        Returns:
            (h, w, 3) uint8.
        """
        sound = np.zeros(self.options.sounds, np.float32) if sound is None else sound
        return self._painted(picture, values, pose, windows(self.region, self.camera, pose[None])[0], sound)

    @cached_property
    def camera(self):
        """The Camera of the pictures."""
        return self.shot.camera_of(self.size)

    def _known(self, motion):
        """The motion in this face's columns."""
        if motion.space.columns == self.face.space.columns:
            return motion
        missing = [name for name in self.columns if name not in motion.space.columns and name.startswith("jaw")]
        if missing:
            raise InputError("motion", expected=f"columns of {self.face.space.name}", got=motion.space.name,
                             remedy="convert it first")
        values = np.zeros((len(motion), len(self.face.space)), np.float32)
        both = [name for name in self.face.space.columns if name in motion.space.columns]
        values[:, self.face.space.indices(both)] = motion.columns(both)
        return Motion(values, motion.fps, self.face.space)

    def _sound(self, motion):
        """(t, s) float32 numbers on what is heard, which speak adds for painters that ask for them; 0 without."""
        names = sound_columns(self.options.sounds)
        told = set(names) <= set(motion.space.columns)
        return motion.columns(names) if told and names else np.zeros((len(motion), len(names)), np.float32)

    def _repaint(self, picture, number, values, sound):
        """One picture of the footage with the mouth of a row of values."""
        row = self.shot.values[number].copy()
        row[self.region.indices] = values[self.region.indices]
        return self._painted(picture, row, self.shot.pose[number], self.shot.window[number], sound)

    def _painted(self, picture, row, pose, window, sound):
        motion, size = Motion(row[None], self.fps, self.face.space, pose[None]), self.options.window
        seen = guide(self.region, self.camera, window, motion, size)
        given = cut(picture, window, size).astype(np.float32).transpose(2, 0, 1)[None] / 255
        painted = self._graph.run(None, {
            "picture": given, "uv": seen.uv[None], "part": seen.part[None].astype(np.float32),
            "depth": seen.depth[None],
            "code": np.concatenate([self.shot.codes(row[None, self.region.indices]), sound[None]], axis=1)})[0]
        return put(picture, window, np.clip(painted[0].transpose(1, 2, 0), 0, 1), opacity(seen.depth))


def reach_of(values):
    """(lowest, highest), each (c,): how far a person's (t, c) columns went, with a little room."""
    low, high = values.min(axis=0), values.max(axis=0)
    return low - _ROOM * (high - low), high + _ROOM * (high - low)


def open_footage(folder):
    """Open a portrait that `personare portrait learn` wrote.

    Raises:
        AssetError: missing, damaged, changed, or no portrait.
    """
    bundle = read_bundle(Path(folder))
    if bundle.card.method != METHOD:
        raise AssetError(f"{folder}: a bundle of '{bundle.card.method}', not a portrait; name one that "
                         "`personare portrait learn` wrote")
    return FootagePortrait(bundle)


def _ahead(work, jobs):
    """work(*job) for each job, in order, a few of them at once."""
    pool, waiting = ThreadPoolExecutor(_THREADS, thread_name_prefix="personare-portrait"), deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(work, *job))
            if len(waiting) > _THREADS + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
