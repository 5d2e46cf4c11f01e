"""Change of sample rate with soxr: whole or streamed, with the same samples."""

import numpy as np

from personare.errors import InputError
from personare.types import Audio, AudioStream

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1000, 768000


class Resampler:
    """Streaming resampler (soxr, quality HQ); output sample j stands at the time j / to_hz of the input.

    The pieces may have any size: the samples that come out are the same, bit for bit, and so is their number,
    round(n * to_hz / from_hz), but at least one where any went in.

    Args:
        from_hz, to_hz: sample rates, whole numbers of 1000..768000 Hz.

    Raises:
        InputError: a rate is out of range.
    """

    def __init__(self, from_hz, to_hz):
        from_hz, to_hz = checked_rate("from_hz", from_hz), checked_rate("to_hz", to_hz)
        self._soxr = None
        self._pushed = self._given = 0
        if from_hz != to_hz:
            import soxr

            self._soxr = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def push(self, samples):
        """Take (n,) float32, give (m,) float32; m may be 0."""
        self._pushed += len(samples)
        if self._soxr is not None:
            samples = self._soxr.resample_chunk(np.ascontiguousarray(samples, np.float32))
        self._given += len(samples)
        return samples

    def finish(self):
        """The (m,) float32 that were held back; nothing may be pushed after."""
        rest = np.empty(0, np.float32)
        if self._soxr is not None:
            rest = self._soxr.resample_chunk(rest, last=True)
        if self._pushed and not self._given + len(rest):
            rest = np.zeros(1, np.float32)
        return rest


def resample(audio, rate_hz):
    """Sound at another sample rate.

    Args:
        audio: Audio.
        rate_hz: whole number of 1000..768000 Hz.

    Returns:
        Audio of round(n * rate_hz / audio.rate_hz) samples; the same object where nothing changes.
    """
    if checked_rate("rate_hz", rate_hz) == audio.rate_hz:
        return audio
    resampler = Resampler(audio.rate_hz, rate_hz)
    return Audio(np.concatenate([resampler.push(audio.samples), resampler.finish()]), rate_hz)


def resample_stream(stream, rate_hz):
    """The same for sound that is read as it is needed.

    Args:
        stream: AudioStream.
        rate_hz: whole number of 1000..768000 Hz.

    Returns:
        AudioStream whose chunks, joined, are those of resample().
    """
    if checked_rate("rate_hz", rate_hz) == stream.rate_hz:
        return stream

    def chunks():
        resampler = Resampler(stream.rate_hz, rate_hz)
        for samples in stream.chunks():
            out = resampler.push(samples)
            if len(out):
                yield out
        out = resampler.finish()
        if len(out):
            yield out

    return AudioStream(rate_hz, chunks, stream.duration_s)


def checked_rate(name, rate_hz):
    """rate_hz as an int.

    Raises:
        InputError: not a whole number of 1000..768000 Hz.
    """
    if not (np.isscalar(rate_hz) and rate_hz == rate_hz // 1 and LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ):
        raise InputError(name, expected=f"a whole number of {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz",
                         got=repr(rate_hz), remedy="pass a usual rate such as 16000")
    return int(rate_hz)
