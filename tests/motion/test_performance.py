"""A performance: the numbers of the main path, in any pieces."""

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.motion.performance import Performance, open_method
from personare.motion.pieces import joined


@pytest.mark.parametrize("size", [160, 1234, 100_000])
def test_pieces_make_no_difference(size):
    audio = personare.load("examples/hello.wav")
    sound = audio.samples[:2 * audio.rate_hz]
    whole = personare.animate(personare.Audio(sound, audio.rate_hz), emotion="joy:0.5", articulation=1.2)
    performance = Performance(from_hz=audio.rate_hz, emotion="joy:0.5", articulation=1.2)
    pieces = [performance.push(sound[i:i + size]) for i in range(0, len(sound), size)]
    live = joined([*pieces, performance.finish()])
    np.testing.assert_allclose(live.values, whole.values, atol=1e-5)


def test_a_feeling_comes_from_the_next_frame_on():
    performance = Performance(from_hz=16000, layers=personare.STILL)
    before = performance.push(np.zeros(16000, np.float32))
    performance.feel({"joy": 1.0})
    after = joined([performance.push(np.zeros(32000, np.float32)), performance.finish()])
    assert before.column("mouthSmileLeft").max() < 0.05
    assert after.column("mouthSmileLeft")[-1] > 0.2


def test_wrong_options_are_explained():
    with pytest.raises(InputError, match="frames a second"):
        Performance(from_hz=16000, fps=0)
    with pytest.raises(InputError, match="a Layers, such as"):
        Performance(from_hz=16000, layers="none")
    with pytest.raises(InputError, match="motion: expected one of"):
        open_method("voxx")
