"""PCEN equals a plain loop, forgets the level, and does not depend on how the sound arrives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.audio.mel import MelOptions, log_mel
from personare.audio.pcen import PcenOptions, PcenStream, pcen
from personare.errors import InputError
from personare.types import Audio

OPTIONS = [PcenOptions(), PcenOptions(mel=MelOptions(band_count=20, rate_hz=60.0), smoothing_s=0.06, gain=0.5,
                                      root=1.0)]


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
def test_equals_a_plain_loop(rng, options):
    audio = Audio(0.1 * rng.standard_normal(9001).astype(np.float32), 16000)
    energies = np.exp(log_mel(audio, options=options.mel).values.astype(np.float64))
    share = 1 - np.exp(-1 / (options.smoothing_s * options.mel.rate_hz))
    mean, expected = energies[0], []
    for energy in energies:
        mean = (1 - share) * mean + share * energy
        expected.append((energy / (options.floor + mean) ** options.gain + options.bias) ** options.root
                        - options.bias**options.root)
    features = pcen(audio, options=options)
    assert features.kind == "pcen"
    assert features.rate_hz == options.mel.rate_hz
    np.testing.assert_allclose(features.values, expected, rtol=1e-5, atol=1e-7)


def test_the_level_is_taken_out(rng):
    sound = 0.1 * rng.standard_normal(32000).astype(np.float32)
    options = PcenOptions(floor=1e-12)
    loud, quiet = (pcen(Audio(gain * sound, 16000), options=options).values for gain in (1.0, 0.1))
    assert np.abs(np.log(quiet.mean() / loud.mean())) < 0.1


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 8000), max_size=6))
def test_chunks_of_any_size_give_the_same_rows(cuts):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 8000).astype(np.float32)
    stream = PcenStream()
    pieces = [stream.push(piece) for piece in np.split(sound, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate([*pieces, stream.finish()]), pcen(Audio(sound, 16000)).values, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"smoothing_s": 0}, {"gain": 2}, {"bias": 0}, {"root": 0}, {"floor": 0}, {"mel": 3}])
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        PcenOptions(**wrong)
