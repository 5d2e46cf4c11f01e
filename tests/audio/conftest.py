"""Recordings made by the tests: a click at a known time, in any format."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile


class Recordings:
    """Makes small sound and video files in memory, and finds the click in them again."""

    @staticmethod
    def click(rate_hz, *, at_s=0.777, duration_s=2.03):
        """(n,) float32 silence with a 4 ms burst of 1 kHz whose middle lies on the sample nearest to at_s."""
        samples = np.zeros(round(duration_s * rate_hz), np.float32)
        middle, half = round(at_s * rate_hz), round(0.002 * rate_hz)
        offset = np.arange(-half, half + 1)
        burst = 0.9 * np.hanning(2 * half + 1) * np.cos(2 * np.pi * 1000 * offset / rate_hz)
        samples[middle - half:middle + half + 1] = burst
        return samples

    @staticmethod
    def click_time_s(audio):
        """Time of the loudest burst, by its centre of energy."""
        peak, reach = int(np.abs(audio.samples).argmax()), round(0.006 * audio.rate_hz)
        place = np.arange(max(0, peak - reach), min(len(audio.samples), peak + reach))
        energy = np.square(audio.samples[place].astype(np.float64))
        return float((energy * place).sum() / energy.sum() / audio.rate_hz)

    @staticmethod
    def soundfile(samples, rate_hz, *, format="WAV", subtype="PCM_16"):
        """Bytes of a file written by libsndfile."""
        file = io.BytesIO()
        soundfile.write(file, samples, rate_hz, format=format, subtype=subtype)
        return file.getvalue()

    @staticmethod
    def container(samples, rate_hz, *, format, codec, picture=None, sound_from_s=0.0, picture_from_s=0.0, options=None,
                  jump=None):
        """Bytes of a file written by FFmpeg, with 25 pictures a second of a codec where one is named.

        jump is (sample number, seconds): time stamps move by that much from that sample on.
        """
        file = io.BytesIO()
        with av.open(file, "w", format=format, options=options or {}) as out:
            if picture:
                video = out.add_stream(picture, rate=25)
                video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
            sound = out.add_stream(codec, rate=rate_hz, layout="mono")
            for i in range(50 if picture else 0):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 5 * i, np.uint8), format="rgb24")
                frame.pts, frame.time_base = i + round(picture_from_s * 25), Fraction(1, 25)
                out.mux(video.encode(frame))
            out.mux(video.encode(None) if picture else [])
            place, move_s = jump or (len(samples), 0.0)
            for part, start_s in ((samples[:place], 0.0), (samples[place:], place / rate_hz + move_s)):
                if len(part):
                    frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
                    frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
                    frame.pts = round((start_s + sound_from_s) * rate_hz)
                    out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
        return file.getvalue()


@pytest.fixture(scope="session")
def recordings():
    """Recordings, the maker of small sound and video files."""
    return Recordings
