"""Mouth curves as a front end are those of the built-in model, in pieces too."""

from pathlib import Path

import numpy as np
import pytest

import personare
from personare.audio.front_ends import open_front_end
from personare.errors import InputError
from personare.motion.lips import CURVES
from personare.motion.mouth_rows import mouth

HELLO = personare.load(Path(__file__).parents[2] / "examples" / "hello.wav")


def test_rows_are_the_models_curves():
    rows = mouth(HELLO)
    motion = personare.animate(HELLO, fps=60, layers=personare.STILL)
    assert rows.values.shape == (len(motion), len(CURVES))
    np.testing.assert_allclose(rows.values[:, CURVES.index("jawOpen")], motion.column("jawOpen"), atol=1e-6)
    np.testing.assert_allclose(rows.values[:, CURVES.index("mouthSmile")], motion.column("mouthSmileLeft"), atol=1e-6)


def test_pieces_give_what_the_whole_gives():
    front_end = open_front_end("mouth", model="vox-small-live")
    assert front_end.look_ahead_s < 0.04
    assert front_end.options == {"model": "vox-small-live"}
    samples = HELLO.samples[: 2 * front_end.sample_rate_hz]

    def rows(size):
        stream = front_end.stream()
        return np.concatenate([*(stream.push(samples[i : i + size]) for i in range(0, len(samples), size)),
                               stream.finish()])

    assert HELLO.rate_hz == front_end.sample_rate_hz
    np.testing.assert_allclose(rows(777), rows(len(samples)), atol=1e-5)


def test_an_unknown_model_is_told():
    with pytest.raises(InputError, match="vox-small"):
        open_front_end("mouth", model="vax")
