"""Video (.mp4): H.264 pictures and AAC sound, in sync to the frame, in bounded memory."""

from fractions import Fraction
from itertools import chain

import numpy as np

from personare.errors import InputError, OutputError
from personare.export.pictures import checked_picture, pictures
from personare.store import atomic_path

# Rates that every AAC decoder plays; other sound goes to the next one above it, or to the highest.
AAC_RATES_HZ = (16000, 22050, 24000, 32000, 44100, 48000)
# Constant rate factor; between 18 and 20 the loss of x264 stops being visible.
QUALITY = 19
ENCODER_THREADS = 2
# Values of ISO 23091-2, the same in H.264 and MP4: BT.709 for primaries, transfer and matrix, limited range.
BT709, LIMITED_RANGE = 1, 1
_BLOCK = 8192


def write(path, take, *, progress=None):
    """Write a video of a take: its pictures, and its sound if it has any.

    Picture i is shown from i / fps on, and sound sample j is heard at j / rate. Where the sound is longer
    than the pictures, the last one stays until it has ended. Odd sizes grow by one row or column.

    Args:
        path: where to.
        take: Take with frames.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: there are no pictures, they differ in size, or the sound holds NaN.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    import av

    fps = Fraction(take.motion.fps).limit_denominator(1001)
    options = {"movflags": "+faststart"}
    with pictures(take) as frames, atomic_path(path) as temporary:
        first = next(frames)
        try:
            with av.open(str(temporary), "w", format="mp4", options=options) as container:
                picture_track = _PictureTrack(container, fps, first)
                sound_track = _SoundTrack(container, take.audio)
                for picture in chain([first], frames):
                    picture_track.push(picture)
                    sound_track.push_until(picture_track.end_s)
                    if progress:
                        progress(picture_track.count, max(picture_track.count, len(take.motion)))
                while sound_track.outlasts(picture_track.end_s):
                    picture_track.push(picture)
                    sound_track.push_until(picture_track.end_s)
                picture_track.finish()
                sound_track.finish()
        except av.FFmpegError as error:
            raise OutputError(f"{path}: writing failed ({error.strerror}); free space or choose another") from error


class _PictureTrack:
    """The H.264 stream of a container."""

    def __init__(self, container, fps, first):
        from av.video.reformatter import VideoReformatter

        self.container, self.fps, self.count = container, fps, 0
        self.shape = checked_picture(first, None).shape
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = (n + n % 2 for n in self.shape[:2])
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": str(QUALITY)}
        context = stream.codec_context
        context.thread_count = ENCODER_THREADS
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED_RANGE
        self.stream, self.reformatter = stream, VideoReformatter()

    @property
    def end_s(self):
        """Fraction, when the last picture ends."""
        return self.count / self.fps

    def push(self, picture):
        """Encode one (h, w, 3) uint8 picture."""
        import av

        picture = checked_picture(picture, self.shape)
        odd = [(0, n % 2) for n in self.shape[:2]]
        if any(extra for _, extra in odd):
            picture = np.pad(picture, [*odd, (0, 0)], mode="edge")
        frame = self.reformatter.reformat(
            av.VideoFrame.from_ndarray(picture, format="rgb24"), format="yuv420p",
            src_colorspace="ITU709", dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = self.count, 1 / self.fps
        self.count += 1
        self.container.mux(self.stream.encode(frame))

    def finish(self):
        """Write what the encoder held back."""
        self.container.mux(self.stream.encode(None))


class _SoundTrack:
    """The AAC stream of a container; does nothing where there is no sound."""

    def __init__(self, container, audio):
        blocks = _blocks(audio)
        first = next(blocks, None)
        self.container, self.stream, self.resampler = container, None, None
        self.taken = self.given = 0
        self.blocks = iter(()) if first is None else chain([first], blocks)
        self.ended = first is None
        if first is None:
            return
        self.from_hz = audio.rate_hz
        self.rate_hz = next((rate for rate in AAC_RATES_HZ if rate >= audio.rate_hz), AAC_RATES_HZ[-1])
        self.stream = container.add_stream("aac", rate=self.rate_hz, layout="mono")
        # Three bits for each sample are transparent for a voice.
        self.stream.bit_rate = min(128000, 3 * self.rate_hz)
        if self.rate_hz != audio.rate_hz:
            import soxr

            self.resampler = soxr.ResampleStream(audio.rate_hz, self.rate_hz, 1, dtype="float32", quality="HQ")

    def outlasts(self, time_s):
        """Whether there is sound after that time."""
        return not self.ended or (self.taken and Fraction(self.taken, int(self.from_hz)) > time_s)

    def push_until(self, time_s):
        """Encode the sound up to a time, and a block more at most."""
        while not self.ended and Fraction(self.taken, int(self.from_hz)) <= time_s:
            block = next(self.blocks, None)
            self.ended = block is None
            self.taken += 0 if self.ended else len(block)
            self._encode(block)

    def finish(self):
        """Write what the encoder held back."""
        if self.stream is not None:
            self.container.mux(self.stream.encode(None))

    def _encode(self, block):
        import av

        if self.resampler is not None:
            samples = np.zeros(0, np.float32) if block is None else block
            block = self.resampler.resample_chunk(samples, last=block is None)
        if block is None or not len(block):
            return
        frame = av.AudioFrame.from_ndarray(np.clip(block, -1, 1)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = self.rate_hz, self.given, Fraction(1, self.rate_hz)
        self.given += len(block)
        self.container.mux(self.stream.encode(frame))


def _blocks(audio):
    """(n,) float32 blocks of sound of a bounded size, none of them empty."""
    for chunk in audio.chunks() if audio else ():
        for start in range(0, len(chunk), _BLOCK):
            block = np.ascontiguousarray(chunk[start:start + _BLOCK], np.float32)
            if not np.isfinite(block).all():
                raise InputError("audio", expected="finite samples", got="NaN or infinite ones",
                                 remedy="clean the sound first, for example with numpy.nan_to_num")
            yield block
