"""Articulation: one leaves everything, less closes nothing less, more opens wider, lips that met meet."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.motion.articulation import MOUTH, articulate, checked_articulation, lip_gap_cm, openness
from personare.motion.lips import CURVE, CURVES, arkit_from_curves, constrain
from personare.motion.mouth import REST_CM, measures_cm
from personare.types import Motion


def speaking(rng, frames=200):
    """Random mouths of which every fourth is a closure, every fourth a labiodental, every fourth rest."""
    free = rng.uniform(0, 0.4, (frames, len(CURVES)))
    free[:, CURVE["mouthClose"]] = 0
    free[:, CURVE["jawOpen"]] += 0.1
    gates = np.eye(4)[np.arange(frames) % 4][:, :3]
    values = arkit_from_curves(constrain(free.astype(np.float32), gates.astype(np.float32)))
    return Motion(values, 30.0, "arkit-52")


def test_one_changes_no_bit(rng):
    motion = speaking(rng)
    np.testing.assert_array_equal(articulate(motion, 1.0).values, motion.values)
    varying = articulate(motion, np.where(np.arange(len(motion)) % 2, 1.0, 1.5))
    np.testing.assert_array_equal(varying.values[1::2], motion.values[1::2])


def test_the_gap_is_that_of_the_measures(rng):
    motion = Motion(rng.random((20, 52)), 30.0, "arkit-52")
    np.testing.assert_allclose(lip_gap_cm(motion), measures_cm(motion)[:, 0], atol=1e-12)


@pytest.mark.parametrize("amount", [0.3, 0.5, 0.7, 1.2, 1.5, 2.0])
def test_openings_scale_and_closures_and_rest_stay(rng, amount):
    motion = speaking(rng)
    before, after = lip_gap_cm(motion), lip_gap_cm(articulate(motion, amount))
    closed, resting, free = before[::4], slice(2, None, 4), slice(3, None, 4)
    assert (closed < 1e-5).all()
    assert (after[::4] < REST_CM[0]).all()
    np.testing.assert_array_equal(articulate(motion, amount).values[resting], motion.values[resting])
    ratio = np.median((after[free] - REST_CM[0]) / (before[free] - REST_CM[0]))
    assert ratio == pytest.approx(amount, rel=0.25)
    assert np.corrcoef(before[free], after[free])[0, 1] > 0.97


def test_values_stay_weights_and_the_upper_face_stays(rng):
    motion = Motion(rng.random((50, 52)), 30.0, "arkit-52")
    loud = articulate(motion, 2.0)
    assert loud.values.min() >= 0
    assert loud.values.max() <= 1
    upper = [name for name in motion.space.columns if name not in MOUTH]
    np.testing.assert_array_equal(loud.columns(upper), motion.columns(upper))


def test_openness_is_smooth_and_none_at_rest():
    gap = np.linspace(-0.2, 1.5, 1000)
    assert openness(np.array([REST_CM[0], 0.0])).max() == 0
    assert np.abs(np.diff(openness(gap))).max() < 0.005
    assert openness(gap).max() == 1


def test_the_dial_is_checked():
    with pytest.raises(InputError, match=r"articulation: expected a number in 0.3..2, got 3"):
        checked_articulation(3)
    assert checked_articulation(1) == 1.0
