"""Pictures of a video file: upright, with their times, one after the other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare.errors import InputError

LARGEST_PX = 8192
# A picture that comes later than this after the one before it, in mean steps, is no slip of a variable rate.
_QUARTERS = {0: 0, 90: 1, 180: 2, 270: 3}


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Args:
        size: (w, h) pixels as shown, after turning.
        fps: mean pictures a second.
        count: pictures, as the file says; 0 where it does not.
        turned_deg: 0, 90, 180 or 270, how far pictures are turned counter-clockwise to stand upright.
        has_sound: whether there is a sound track.
    """

    size: tuple[int, int]
    fps: float
    count: int
    turned_deg: int
    has_sound: bool


def video_info(path):
    """VideoInfo of a file.

    Raises:
        InputError: missing, no video, or pictures of an absurd size.
    """
    with _opened(path) as container:
        stream, first = _first(path, container)
        turned = _turn(first)
        w, h = (first.height, first.width) if turned % 180 else (first.width, first.height)
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        return VideoInfo((w, h), fps, stream.frames, turned, bool(container.streams.audio))


def read_pictures(path):
    """Every picture of a video with its time.

    Args:
        path: of the file.

    Yields:
        (time_s, (h, w, 3) uint8 sRGB), times from 0 on; pictures are upright whatever the phone was held like.

    Raises:
        InputError: missing, no video, or nothing in it that can be decoded.
    """
    import av

    video_info(path)  # says what is wrong with the file; opened again, for not every format can be wound back
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        step, start, last = 1 / float(stream.average_rate or 25), None, None
        frames = container.decode(stream)
        while True:
            try:
                frame = next(frames, None)
            except av.FFmpegError:
                continue  # a damaged picture; the next one is decoded again
            if frame is None:
                return
            time = frame.time if frame.time is not None else (0.0 if last is None else start + last + step)
            start = time if start is None else start
            time -= start
            if last is not None and time <= last:
                time = last + 1e-3
            last = time
            picture = frame.to_ndarray(format="rgb24")
            yield time, np.ascontiguousarray(np.rot90(picture, _QUARTERS[_turn(frame)]))


def time_code(time_s):
    """A time as people write it: 1:02.35."""
    return f"{int(time_s // 60)}:{time_s % 60:05.2f}"


def _opened(path):
    import av

    from personare.audio.containers import FORMATS

    if not Path(path).is_file():
        raise InputError(path, expected="a video file", got="no such file", remedy="check the path")
    try:
        return av.open(str(path), options={"format_whitelist": FORMATS})
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(path, expected="a video file such as .mp4 or .mov", got=f"nothing readable ({error})",
                         remedy="export it again, as MP4 with H.264") from error


def _first(path, container):
    """(stream, first picture) of an open container."""
    import av

    if not container.streams.video:
        raise InputError(path, expected="a video", got="a file without pictures", remedy="pass a video file")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    try:
        first = next(container.decode(stream), None)
    except av.FFmpegError:
        first = None
    if first is None:
        raise InputError(path, expected="pictures that can be decoded", got="none", remedy="export the video again")
    if max(first.width, first.height) > LARGEST_PX:
        raise InputError(path, expected=f"pictures of at most {LARGEST_PX} pixels", got=f"{first.width}x{first.height}",
                         remedy="scale the video down")
    return stream, first


def _turn(frame):
    """Degrees counter-clockwise that make a picture upright, from the display matrix of its file."""
    return round(getattr(frame, "rotation", 0) / 90) * 90 % 360
