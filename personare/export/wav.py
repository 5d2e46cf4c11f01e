"""The sound of a take as a WAV file, for the formats that keep one beside or inside."""

import wave

import numpy as np


def write_wav(path, audio, *, rate_hz=None):
    """Write 16-bit mono sound, piece by piece.

    Args:
        path: where to.
        audio: AudioStream.
        rate_hz: samples a second; default its own.
    """
    own = int(audio.rate_hz)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz or own)
        for chunk in _resampled(audio, rate_hz or own):
            file.writeframes(np.round(np.clip(chunk, -1, 1) * 32767).astype("<i2").tobytes())


def _resampled(audio, rate_hz):
    """Chunks at another rate."""
    if rate_hz == audio.rate_hz:
        yield from audio.chunks()
        return
    import soxr

    resampler = soxr.ResampleStream(audio.rate_hz, rate_hz, 1, dtype="float32", quality="HQ")
    for chunk in audio.chunks():
        yield resampler.resample_chunk(np.asarray(chunk, np.float32), last=False)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)
