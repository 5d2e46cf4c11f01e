"""A method that moves eyes and head itself: layers say how much, and add nothing of theirs."""

import numpy as np
import pytest

import personare
from personare.motion.brought import GROUPS, scaled, without
from personare.motion.codes import code_names, codes_of, motion_of
from personare.motion.layers import STILL, Layers
from personare.motion.performance import Performance

NAMES = code_names("arkit-52", head=True)
ALL = ("blink", "gaze", "head", "brows")


class Method:
    """Half of everything, and a turned head."""

    brings = ALL

    def session(self, *, fps=30.0, style=None, seed=0):
        self.rate_hz, self.fps = 16000, fps
        return self

    def push(self, samples):
        return self._motion(len(samples) // 800)

    def finish(self):
        return self._motion(0)

    def _motion(self, count):
        codes = np.full((count, 55), 0.5, np.float32)
        codes[:, 52:] = 0.1
        return motion_of(codes, NAMES, space="arkit-52", fps=20)


def codes(layers):
    take = Performance(Method(), from_hz=16000, fps=20, layers=layers)
    motion = take.push(np.random.default_rng(0).standard_normal(16000).astype(np.float32))
    return codes_of(motion, NAMES), motion


def test_the_usual_strength_leaves_all_as_it_is():
    found, _ = codes(Layers(seed=3))
    np.testing.assert_allclose(found[:, :52], 0.5)
    np.testing.assert_allclose(found[:, 52:], 0.1, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_each_strength_changes_its_own_part_alone(name):
    for strength in (0.5, 2):
        found, _ = codes(Layers(**{name: strength}))
        expected = np.full(55, 0.5)
        expected[52:] = 0.1
        own = [NAMES.index(column) for column in GROUPS[name]] or [52, 53, 54]
        expected[own] *= 1 if name == "blink" and strength > 1 else strength
        np.testing.assert_allclose(found, np.repeat(expected[None], len(found), axis=0), atol=1e-6)
        assert len(own) > 1


def test_still_is_still():
    found, motion = codes(STILL)
    assert motion.head_pose is None
    for name in ALL:
        assert not found[:, [NAMES.index(column) for column in GROUPS[name]]].any()
    assert found[:, NAMES.index("jawOpen")].all()


def test_what_is_not_brought_stays_a_layer():
    assert without(Layers(seed=4), ("gaze",)) == Layers(gaze=0, seed=4)
    motion = motion_of(np.full((2, 55), 0.5, np.float32), NAMES, space="arkit-52", fps=20)
    left = scaled(motion, STILL, ("gaze",))
    assert left.column("eyeBlinkLeft").all()
    assert not left.column("eyeLookInLeft").any()
    assert isinstance(left, personare.Motion)
