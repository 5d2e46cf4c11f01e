"""What a suspicious take is warned about, and what a good one is not."""

from dataclasses import replace

import numpy as np
import pytest

import personare
from personare.motion.checks import warnings_of
from personare.spaces import Space, space_named
from personare.types import Motion


@pytest.fixture(scope="module")
def speech():
    return personare.animate("examples/hello.wav")


def test_good_speech_is_not_warned_about(speech):
    assert warnings_of(speech) == ()


def test_percent_and_degrees(speech):
    (text,) = warnings_of(replace(speech, values=speech.values * 100))
    assert "divide by 100" in text
    livelink = space_named("livelink-61")
    values = np.zeros((50, 61), np.float32)
    values[:, livelink.index("headYaw")] = np.linspace(-30, 30, 50)
    assert any("looks like degrees" in text for text in warnings_of(Motion(values, 30, livelink)))


@pytest.mark.parametrize("seed", range(5))
def test_columns_in_another_order(speech, seed):
    mixed = speech.values[:, np.random.default_rng(seed).permutation(52)]
    assert any("another order" in text for text in warnings_of(replace(speech, values=mixed)))


def test_eyes_that_turn_against_their_shapes(rng):
    names = ("LeftEyeYaw", "EyeLookInLeft", "EyeLookOutLeft")
    yaw = np.cumsum(rng.normal(size=200)).astype(np.float32) * 0.05
    values = np.stack([yaw, np.maximum(yaw, 0), np.maximum(-yaw, 0)], axis=1)
    right = Motion(values, 60, Space("eyes", names))
    assert warnings_of(right) == ()
    exchanged = Motion(values[:, [0, 2, 1]], 60, Space("eyes", names))
    assert any("left and right look swapped" in text for text in warnings_of(exchanged))


def test_a_jaw_that_never_moves_and_a_column_that_is_stuck(speech):
    still = speech.with_columns({"jawOpen": np.zeros(len(speech)), "cheekPuff": np.full(len(speech), 0.6)})
    texts = warnings_of(still)
    assert any(text.startswith("jawOpen never moves") for text in texts)
    assert any(text.startswith("cheekPuff stand still at more than 0.25") for text in texts)
