"""Clips to learn portraits from, made of footage: tracked, cut to the face, with uv in float and textures unwrapped."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare.audio.phones import phones
from personare.errors import InputError
from personare.learn.portrait_data import PortraitClip, write_portrait_clip
from personare.portraits.surfaces import Unwrapper, looked_up, places, surface_of, window_of, window_picture
from personare.tracking.video import read_pictures

# Frames that the texture of a clip is seen in.
LOOKS = 12
# From one row of the sound around a frame to the next, seconds, as in Neural Voice Puppetry.
ROW_S = 0.04


@dataclass(frozen=True)
class ClipOptions:
    """How footage becomes clips.

    Args:
        size: pixels of a picture's side, divisible by 32; style_avatar's own is 224.
        texture_size: texels of a side, divisible by 32.
        frames: most frames of a clip.
        textures: pictures of the texture that a clip holds, of its first frames one each; 1 for one of all it shows.
        window: rows of sound around each frame, a row every ROW_S.

    Raises:
        InputError: a number out of range.
    """

    size: int = 224
    texture_size: int = 256
    frames: int = 250
    textures: int = 1
    window: int = 16

    def __post_init__(self):
        for name in ("size", "texture_size"):
            if getattr(self, name) % 32 or not 32 <= getattr(self, name) <= 2048:
                raise InputError(name, expected="a number divisible by 32, at most 2048",
                                 got=repr(getattr(self, name)), remedy="change it")
        for name, least in (("frames", 2), ("textures", 1), ("window", 1)):
            if getattr(self, name) < least:
                raise InputError(name, expected=f"{least} or more", got=repr(getattr(self, name)), remedy="change it")


def clips_of(track, video, folder, options=None, *, audio=None, progress=None):
    """Write the clips of a video that was tracked.

    A clip ends where a shot does, where the face is not seen, and after options.frames. Its window is the same for all
    of its frames, so that background and head move as they did.

    Args:
        track: Track of the video.
        video: its path.
        folder: where to.
        options: ClipOptions.
        audio: Audio or AudioStream of the pictures, for textures of sound; None for clips without rows.
        progress: called with (frames done, frames in all).

    Returns:
        list of names.

    Raises:
        InputError: no stretch of two frames or more shows the face.
    """
    options, surface = options or ClipOptions(), surface_of(track.face)
    stretches = _stretches(track, options.frames)
    if not stretches:
        raise InputError(video, expected="a face that is seen for two frames or more", got="none",
                         remedy="use other footage")
    rows = None if audio is None else sound_rows(audio, track.times_s, options.window)
    names, pictures, stem = [], enumerate(picture for _, picture in read_pictures(video)), Path(video).stem
    for first, last in stretches:
        collected = _Collector(surface, track, first, last, options)
        for number, picture in pictures:
            if first <= number < last:
                collected.take(number, picture)
            if progress:
                progress(number + 1, len(track))
            if number == last - 1:
                break
        clip = collected.clip(f"{stem}_{first:06d}", None if rows is None else rows[first:last])
        if clip is not None:
            write_portrait_clip(folder, clip)
            names.append(clip.name)
    return names


def sound_rows(audio, times_s, window):
    """(t, window, 42) float32: phone posteriors around each picture, the row `window // 2` at its own time.

    Args:
        audio: Audio or AudioStream.
        times_s: (t,) of the pictures.
        window: rows; those beyond the ends of the sound repeat the first and the last.
    """
    heard = phones(audio)
    place = (np.asarray(times_s)[:, None] + ROW_S * (np.arange(window) - window // 2)) * heard.rate_hz
    place = np.clip(place, 0, len(heard.values) - 1)
    low = place.astype(np.int64)
    share = (place - low)[..., None].astype(np.float32)
    return heard.values[low] * (1 - share) + heard.values[np.minimum(low + 1, len(heard.values) - 1)] * share


def _stretches(track, most):
    """list of (first, last + 1) of consecutive frames of one shot in which the face is seen."""
    breaks, found, first = {*track.cuts, len(track)}, [], None
    for i in range(len(track) + 1):
        if first is not None and (i in breaks or not track.seen[i] or i - first >= most):
            if i - first >= 2:
                found.append((first, i))
            first = None
        if i < len(track) and track.seen[i] and first is None:
            first = i
    return found


class _Collector:
    """Frames of one clip."""

    def __init__(self, surface, track, first, last, options):
        self.surface, self.track, self.first, self.options = surface, track, first, options
        self.motion = track.motion.frames(first, last)
        self.matrix, self.camera = window_of(surface, track.camera, self.motion, options.size)
        self.arrays = {name: [] for name in ("pictures", "uv", "background", "mouth")}
        self.textures, self.all = [], Unwrapper(surface, options.texture_size)
        self._looks = set(np.linspace(0, last - first - 1, LOOKS).astype(int).tolist())

    def take(self, number, picture):
        """One frame."""
        at = number - self.first
        vertices = self.surface.face.mesh(self.motion.frames(at, at + 1)).vertices[0]
        uv, triangle, _ = places(self.surface, self.camera, vertices)
        face = triangle >= 0
        for name, value in (("pictures", window_picture(picture, self.matrix, self.options.size)),
                            ("uv", uv.astype(np.float16)), ("background", ~face),
                            ("mouth", face & self.surface.speaks[triangle])):
            self.arrays[name].append(value)
        if at in self._looks:
            self.all.look(picture, self.track.camera, vertices)
        if self.options.textures > 1 and at < self.options.textures:
            one = Unwrapper(self.surface, self.options.texture_size)
            one.look(picture, self.track.camera, vertices)
            self.textures.append(one.texture())

    def clip(self, name, rows):
        """PortraitClip of what was taken, with (t, window, c) rows of sound or None; None for less than two frames."""
        if len(self.arrays["pictures"]) < 2:
            return None
        arrays, texture = {key: np.stack(value) for key, value in self.arrays.items()}, self.all.texture()
        drawn = np.stack([np.where(outside[..., None], 0, looked_up(texture, uv.astype(np.float32)))
                          for uv, outside in zip(arrays["uv"], arrays["background"], strict=True)]).astype(np.uint8)
        count = len(arrays["pictures"])
        return PortraitClip(name, texture=np.stack(self.textures or [texture]), drawn=drawn,
                            expressions=self.motion.values[:count].astype(np.float32),
                            rows=None if rows is None else rows[:count], **arrays)
