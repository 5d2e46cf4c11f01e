"""Cuts, lost faces and other people of made-up detections."""

import numpy as np

from personare.tracking.detect import Detections, find_cuts, find_other_pictures, notes_of, seen_from_afar
from personare.tracking.landmarks import COUNT

TIMES = np.arange(30) / 25


def moving(rng, *, step=1.0):
    """(30, 478, 3) landmarks of one face of 80 pixels that drifts."""
    face = rng.uniform(-60, 60, (COUNT, 3)).astype(np.float32)
    face[33], face[263] = (-40, 0, 0), (40, 0, 0)
    return face + (np.arange(30)[:, None, None] * np.array([step, 0, 0]) + 200).astype(np.float32)


def test_a_jump_or_another_size_is_a_cut_and_motion_is_none(rng):
    points = moving(rng, step=4.0)
    assert find_cuts(points) == ()
    points[12:] += np.float32([150, 0, 0])
    assert find_cuts(points) == (12,)
    larger = moving(rng)
    larger[20:] = (larger[20:] - 200) * 1.6 + 200
    assert find_cuts(larger) == (20,)


def test_another_picture_is_a_cut_and_a_wild_ride_is_none(rng):
    shot, other = rng.uniform(0, 255, (2, 48, 64, 3)).astype(np.uint8), rng.uniform(0, 255, (90, 160, 3))
    shots = [seen_from_afar(shot[0] // 2)] * 10 + [seen_from_afar(255 - shot[0] // 4)] * 10
    assert find_other_pictures(np.stack(shots)) == (10,)
    rolled = [seen_from_afar(np.roll(np.kron(other[:, :, :1], np.ones((1, 1, 3))), 40 * i, 1)) for i in range(20)]
    assert find_other_pictures(np.stack(rolled)) == ()
    assert find_other_pictures(np.stack(shots[:1])) == ()
    small = seen_from_afar(np.full((20, 24, 3), 77, np.uint8))
    np.testing.assert_allclose(small, 77)


def test_notes_say_when(rng):
    points = moving(rng)
    points[10:15] = np.nan
    cut, lost, other = notes_of(points, TIMES, (20,), [0.48])
    assert "0:00.80" in cut
    assert "from 0:00.40 to 0:00.56" in lost
    assert "more than one person from 0:00.48" in other


def test_of_very_many_notes_the_first_are_given(rng):
    points = moving(rng)
    points = np.concatenate([points] * 4)
    points[::2] = np.nan
    notes = notes_of(points, np.arange(120) / 25, (), [])
    assert len(notes) == 21
    assert notes[-1] == "40 more"


def test_a_face_is_measured_between_the_eyes(rng):
    points = moving(rng)
    points[3] = np.nan
    found = Detections(points, TIMES, (640, 480), 25.0)
    assert abs(found.eye_px - 80) < 1e-3
    assert found.found.sum() == 29
