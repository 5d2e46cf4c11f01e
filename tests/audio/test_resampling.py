"""Resampling keeps time and tone, and does not depend on how the sound is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.audio.resampling import Resampler, resample, resample_stream
from personare.errors import InputError
from personare.types import Audio, AudioStream

RATES = [(44100, 16000), (22000, 16000), (8000, 16000), (48000, 16000), (44101, 16000), (16000, 44100)]


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_tone_keeps_its_phase(from_hz, to_hz):
    def tone(rate_hz):
        return 0.5 * np.sin(2 * np.pi * 997 * np.arange(2 * rate_hz) / rate_hz).astype(np.float32)

    audio = resample(Audio(tone(from_hz), from_hz), to_hz)
    assert audio.rate_hz == to_hz
    assert len(audio.samples) == 2 * to_hz
    middle = slice(to_hz // 10, -to_hz // 10)
    np.testing.assert_allclose(audio.samples[middle], tone(to_hz)[middle], atol=2e-5)


def test_what_the_new_rate_cannot_hold_is_gone():
    tone = np.sin(2 * np.pi * 9000 * np.arange(48000) / 48000).astype(np.float32)
    assert np.abs(resample(Audio(tone, 48000), 16000).samples[1000:-1000]).max() < 1e-4


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(RATES), st.integers(1, 30000), st.integers(0, 2**32 - 1), st.integers(1, 20000))
def test_pieces_of_any_size_give_the_same_samples(rates, count, seed, largest):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(count).astype(np.float32)
    cuts = np.cumsum(rng.integers(1, largest + 1, size=1 + 4 * count // largest))
    chunks = np.split(samples, cuts[cuts < count])
    whole = resample(Audio(samples, rates[0]), rates[1]).samples
    streamed = resample_stream(AudioStream(rates[0], lambda: iter(chunks)), rates[1])
    np.testing.assert_array_equal(np.concatenate(list(streamed.chunks())), whole)
    assert abs(len(whole) - max(1, count * rates[1] / rates[0])) <= 0.5


def test_nothing_changes_where_the_rate_is_right():
    audio = Audio(np.ones(5), 16000)
    stream = audio.stream()
    assert resample(audio, 16000) is audio
    assert resample_stream(stream, 16000) is stream
    resampler = Resampler(8000, 8000)
    np.testing.assert_array_equal(resampler.push(np.ones(3, np.float32)), np.ones(3))
    assert len(resampler.finish()) == 0


def test_one_sample_stays_one():
    assert len(resample(Audio(np.ones(1), 48000), 8000).samples) == 1


@pytest.mark.parametrize("rate_hz", [0, -1, 999, 768001, 16000.5, np.nan, np.inf, [16000]])
def test_impossible_rates_are_refused(rate_hz):
    with pytest.raises(InputError, match=r"rate_hz: expected a whole number of 1000 to 768000 Hz, got .*; pass a"):
        resample(Audio(np.ones(5), 16000), rate_hz)
