"""From curves to drawings: the cheapest sequence, against every possible one; the shapes that sounds ask for."""

from itertools import pairwise, product

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import mouth_cues
from personare.spaces import A2F_68, ARKIT_52, RHUBARB_9, Space
from personare.types import Motion


def cheapest(cost, least):
    """The least cost of all sequences whose runs last that long, one by one."""
    best = np.inf
    for drawn in product(range(cost.shape[1]), repeat=len(cost)):
        starts = [0, *(i for i in range(1, len(drawn)) if drawn[i] != drawn[i - 1]), len(drawn)]
        if min(b - a for a, b in pairwise(starts)) >= least:
            price = sum(cost[i, k] for i, k in enumerate(drawn)) + mouth_cues._SWITCH * (len(starts) - 2)
            best = min(best, price)
    return best


@pytest.mark.parametrize("least", [1, 2, 3])
def test_no_other_sequence_is_cheaper(rng, least):
    for _ in range(30):
        cost = rng.random((8, 3))
        drawn = mouth_cues._segments(cost, least)
        runs = np.diff([*np.flatnonzero(np.diff(drawn, prepend=-1)), len(drawn)])
        assert runs.min() >= least
        price = cost[np.arange(8), drawn].sum() + mouth_cues._SWITCH * (len(runs) - 1)
        assert price == pytest.approx(cheapest(cost, least))


def held(fps=60, **weights):
    """A second of a mouth that opens wide for a moment and then holds a shape."""
    motion = Motion(np.zeros((90, 68)), fps, A2F_68)
    curves = {name: np.zeros(90) for name in ("jawOpen", *weights)}
    curves["jawOpen"][:20] = 0.5
    for name, value in weights.items():
        curves[name][30:] = value
    return motion.with_columns(curves)


@pytest.mark.parametrize(("weights", "drawing"), [
    ({}, "X"), ({"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "mouthRollUpper": 0.4}, "A"),
    ({"jawOpen": 0.12}, "B"), ({"jawOpen": 0.3}, "C"), ({"jawOpen": 0.5}, "D"),
    ({"jawOpen": 0.15, "mouthFunnel": 0.4, "mouthPucker": 0.2}, "E"), ({"mouthPucker": 0.9, "jawOpen": 0.1}, "F"),
    ({"mouthRollLower": 0.7, "mouthUpperUpLeft": 0.4, "mouthUpperUpRight": 0.4, "jawOpen": 0.07}, "G"),
    ({"jawOpen": 0.25, "tongueTipUp": 0.7}, "H"), ({"jawOpen": 0.4, "mouthClose": 0.4}, "X"),
])
def test_sounds_get_their_drawing(weights, drawing):
    assert mouth_cues.cues_of(held(**weights))[-1][2] == drawing


def test_a_flicker_is_not_drawn():
    motion = held(jawOpen=0.3)
    curve = motion.column("jawOpen").copy()
    curve[60:62] = 0.6
    assert [cue[2] for cue in mouth_cues.cues_of(motion.with_columns({"jawOpen": curve}))][-1] == "C"


def test_cues_cover_the_take_without_gaps(motion):
    cues = mouth_cues.cues_of(motion)
    assert (cues[0][0], cues[-1][1]) == (0, 2)
    assert all(one[1] == other[0] for one, other in pairwise(cues))
    assert min(end - start for start, end, _ in cues[1:-1]) >= mouth_cues.LEAST_S - 1 / 30


def test_the_largest_weight_decides_in_its_own_space():
    values = np.zeros((4, 9))
    values[[0, 1, 2, 3], [8, 2, 2, 5]] = 1
    assert mouth_cues.cues_of(Motion(values, 10, RHUBARB_9)) == [
        (0, pytest.approx(0.05), "X"), (pytest.approx(0.05), pytest.approx(0.25), "C"),
        (pytest.approx(0.25), pytest.approx(0.4), "F")]


def test_no_frames_are_no_cues_and_other_spaces_are_refused():
    assert mouth_cues.cues_of(Motion(np.zeros((0, 52)), 30, ARKIT_52)) == []
    with pytest.raises(InputError, match="expected the space rhubarb-9, or the 52 ARKit columns, got one without"):
        mouth_cues.cues_of(Motion(np.zeros((1, 1)), 30, Space("one", ("a",))))
