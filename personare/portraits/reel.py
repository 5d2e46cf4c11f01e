"""The pictures of one shot, kept as a video that any picture can be reached in, and the order to show them in."""

from fractions import Fraction

import numpy as np

from personare.errors import AssetError, InputError

# Constant rate factor at which nothing is lost to the eye, and pictures from one that stands alone to the next.
QUALITY, GROUP = 12, 12
_ENCODER_THREADS, _KEPT_GROUPS = 2, 2
# Turning points are looked for in so much of each end, and footage below this is always shown forwards and back whole.
_END_S, _SHORT_S = 1.0, 4.0
# A turn slows down and speeds up again for so long on each side; closer than this to a picture, it alone is shown.
EASE_S, _WHOLE = 0.3, 0.02
_BT709, _LIMITED_RANGE = 1, 1


class ReelWriter:
    """Writes a reel; a context manager. Odd sizes grow by a row or column, which reading takes off again.

    Args:
        path: .mp4 to write.
        size: (w, h) pixels.
        fps: pictures a second.
    """

    def __init__(self, path, size, fps):
        import av
        from av.video.reformatter import VideoReformatter

        self._container = av.open(str(path), "w", format="mp4")
        stream = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = (side + side % 2 for side in size)
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": str(QUALITY), "g": str(GROUP), "keyint_min": str(GROUP),
                          "sc_threshold": "0", "bf": "0"}
        context = stream.codec_context
        context.thread_count = _ENCODER_THREADS
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        self._stream, self._size, self._count = stream, size, 0
        self._reformat = VideoReformatter().reformat

    def push(self, picture):
        """Append one (h, w, 3) uint8 picture."""
        import av

        w, h = self._size
        picture = np.pad(picture, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge") if h % 2 or w % 2 else picture
        frame = self._reformat(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"),
                               format="yuv420p", src_colorspace="ITU709", dst_colorspace="ITU709",
                               dst_color_range="MPEG")
        frame.pts, frame.time_base = self._count, 1 / Fraction(self._stream.average_rate)
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._container.mux(self._stream.encode(None))
        self._container.close()


class Reel:
    """Pictures of a reel by number, in any order; those around the last one are kept.

    Args:
        path: .mp4 that ReelWriter wrote.
        size: (w, h) pixels.
        count: pictures in it.
    """

    def __init__(self, path, size, count):
        self._path, self._size, self._count = path, size, count
        self._groups = {}

    def pictures(self, numbers):
        """(h, w, 3) uint8 for each number, one after the other; between two whole ones both, dissolved."""
        import av

        try:
            with av.open(str(self._path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                for number in np.asarray(numbers, np.float64):
                    yield self._between(container, stream, number)
        except (av.FFmpegError, IndexError, KeyError) as error:
            raise AssetError(f"{self._path}: unreadable pictures ({error}); learn the portrait again") from error

    def _between(self, container, stream, number):
        low = int(number)
        share = number - low
        if share < _WHOLE or share > 1 - _WHOLE:
            return self._picture(container, stream, round(number))
        one, other = (self._picture(container, stream, at).astype(np.float32) for at in (low, low + 1))
        return (one + np.float32(share) * (other - one) + np.float32(0.5)).astype(np.uint8)

    def _picture(self, container, stream, number):
        group = number // GROUP
        if group not in self._groups:
            while len(self._groups) >= _KEPT_GROUPS:
                del self._groups[next(iter(self._groups))]
            self._groups[group] = self._decoded(container, stream, group)
        return self._groups[group][number - group * GROUP]

    def _decoded(self, container, stream, group):
        first, found = group * GROUP, []
        wanted = min(GROUP, self._count - first)
        step = 1 / (stream.average_rate * stream.time_base)
        container.seek(int(first * step) + (stream.start_time or 0), stream=stream)
        w, h = self._size
        for frame in container.decode(stream):
            if round((frame.pts - (stream.start_time or 0)) / step) >= first:
                picture = frame.reformat(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG").to_ndarray()
                found.append(picture[:h, :w])
            if len(found) == wanted:
                break
        return found


def turning_points(poses, fps):
    """(first, last) pictures to turn round at: those near both ends where the head moves least.

    Args:
        poses: (t, 4, 4) head poses.
        fps: pictures a second.
    """
    t = len(poses)
    if t < 3 or t < _SHORT_S * fps:
        return 0, t - 1
    # A turn of one radian moves a face about as far as ten centimetres do.
    change = np.diff(poses[:, :3, :3].reshape(t, -1), axis=0), 10 * np.diff(poses[:, :3, 3], axis=0)
    speed = np.sqrt(sum(np.square(part).sum(axis=1) for part in change))
    speed = np.convolve(np.pad(speed, 1, mode="edge"), np.full(2, 0.5), mode="valid")[:t]
    end = max(1, round(_END_S * fps))
    return int(speed[:end].argmin()), int(t - end + speed[t - end :].argmin())


def playing_order(count, length, turns, *, ease=0):
    """(count,) float64 places in the footage, forwards and back again between the turning points, without a jump.

    Args:
        count: pictures to show.
        length: pictures there are.
        turns: (first, last) from turning_points. Up to the last picture nothing turns where that is enough.
        ease: pictures before and after each turn over which the speed changes from 1 to -1, evenly; places between
            two pictures are both, dissolved.
    """
    first, last = turns
    if not 0 <= first <= last < length:
        raise InputError("turns", expected=f"two numbers in 0..{length - 1}", got=repr(turns), remedy="order them")
    if count <= length:
        return np.arange(count, dtype=np.float64)
    span = last - first
    ease = min(ease, span // 2)
    # A wave whose tips, ease / 2 outside of the turns, are rounded off so that they touch them.
    half, time = max(1, span + ease), np.arange(count) - first + ease / 2
    far = np.abs((time + half) % (2 * half) - half)
    for tip in (0, half) if ease else ():
        off = np.abs(far - tip)
        rounded = (np.square(off) + ease**2) / (2 * ease)
        far = np.where(off < ease, rounded if tip == 0 else half - rounded, far)
    # The first way starts where the footage does.
    start = np.arange(count) < last - ease / 2
    return np.clip(np.where(start, np.arange(count), first - ease / 2 + far), 0, length - 1)
