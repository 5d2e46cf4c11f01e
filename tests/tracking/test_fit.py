"""The fit of a face against clips whose truth is known: landmarks made of a person, an expression and a pose."""

from dataclasses import replace

import numpy as np
import pytest

import personare
from personare.faces.skin import rotation_from_vector
from personare.tracking.anchors import through
from personare.tracking.detect import Detections
from personare.tracking.fit import Fit, fit, projected, rotation_vectors
from personare.tracking.identity import modes, spread_out
from personare.tracking.landmarks import COUNT, INNER_LIPS, LIP_PAIRS

FRAMES, FPS, SIZE, FOCAL = 40, 30.0, (640, 480), 900.0


@pytest.fixture(scope="module")
def head():
    """The built-in head seen through 478 points of its skin; those called lips lie on its lips."""
    face, rng = personare.open_face("sona"), np.random.default_rng(1)
    skin = [material.name for material in face.surface.materials].index("skin")
    front = face.surface.triangles[face.surface.triangle_material == skin]
    front = front[(face.rest[front][:, :, 2].min(1) > -0.04) & (np.abs(face.rest[front][:, :, 1]).max(1) < 0.09)]
    lips = np.abs(face.shapes[face.space.index("mouthClose")]).sum(1)[front].max(1)
    chosen = front[rng.permutation(len(front))[:COUNT]]
    chosen[list(INNER_LIPS)] = front[np.argsort(-lips)[rng.permutation(200)[:len(INNER_LIPS)]]]
    weights = rng.dirichlet((2, 2, 2), COUNT).astype(np.float32)
    return through(face, chosen.astype(np.int32), weights, np.ones(COUNT, bool))


@pytest.fixture(scope="module")
def truth(head):
    """A Fit that somebody could have: another face, a mouth that moves, a head that turns and nods."""
    rng, time_s = np.random.default_rng(2), np.arange(FRAMES) / FPS
    offsets = np.tensordot(rng.normal(size=135) * 0.6, modes(head.rest), 1)
    values = np.zeros((FRAMES, len(head.columns)))
    names = [head.face.space.columns[i] for i in head.columns]
    values[:, names.index("jawOpen")] = 0.25 + 0.25 * np.sin(9 * time_s)
    values[:, names.index("mouthSmileLeft")] = 0.5 * np.clip(np.sin(4 * time_s), 0, 1)
    values[:, names.index("browInnerUp")] = 0.4 * np.clip(np.sin(3 * time_s + 1), 0, 1)
    angles = np.stack([0.1 * np.sin(2 * time_s), 0.35 * np.sin(1.5 * time_s), 0.05 * np.cos(time_s)], 1)
    turn = rotation_from_vector(angles).astype(np.float64)
    move = np.stack([0.03 * np.sin(time_s), 0.01 * np.cos(2 * time_s), np.full(FRAMES, -0.8)], 1)
    return Fit(offsets, FOCAL, values, turn, move)


def seen(head, truth, rng, *, noise_px=0.0):
    """Detections of a truth."""
    pixels, posed, _ = projected(head, truth)
    points = np.zeros((len(pixels), COUNT, 3), np.float32)
    points[:, head.index, :2] = pixels + np.array(SIZE) / 2 + rng.normal(size=pixels.shape) * noise_px
    points[:, head.index, 2] = -posed[..., 2] * FOCAL / 0.8
    return Detections(points, np.arange(len(points)) / FPS, SIZE, FPS)


def test_landmarks_of_a_known_clip_are_met_and_so_are_pose_and_expression(head, truth, rng):
    found = seen(head, truth, rng, noise_px=0.3)
    result = fit(head, found, focal_px=FOCAL)
    clean = projected(head, truth)[0]
    missed = np.linalg.norm(projected(head, result)[0] - clean, axis=-1)
    assert np.median(missed) < 0.3
    assert np.percentile(missed, 99) < 1.5
    # Which way a face looks at rest is part of the person; how it turns from there is not.
    found_turn, true_turn = (turn @ turn[0].T for turn in (result.turn, truth.turn))
    angle = np.degrees(np.linalg.norm(rotation_vectors(found_turn @ np.swapaxes(true_turn, 1, 2)), axis=1))
    assert angle.max() < 1.5
    names = [head.face.space.columns[i] for i in head.columns]
    jaw = names.index("jawOpen")
    assert np.corrcoef(result.values[:, jaw], truth.values[:, jaw])[0, 1] > 0.97
    assert result.values.min() >= 0
    assert result.values.max() <= 1


def test_a_hidden_mouth_is_carried_over_and_wild_landmarks_do_not_pull(head, truth, rng):
    found = seen(head, truth, rng, noise_px=0.2)
    points = found.points.copy()
    points[15:19] = np.nan
    wild = rng.permutation(COUNT)[:40]
    points[:, wild, :2] += 60
    result = fit(head, replace(found, points=points), focal_px=FOCAL)
    clean = projected(head, truth)[0]
    steady = np.setdiff1d(np.arange(len(head.index)), wild)
    missed = np.linalg.norm(projected(head, result)[0] - clean, axis=-1)[:, steady]
    assert np.median(missed) < 1.0
    assert np.median(missed[15:19]) < 6.0


def test_a_cut_is_no_motion(head, truth, rng):
    away = truth.move + np.array([0.15, 0, -0.2])
    there = replace(truth, move=np.where(np.arange(FRAMES)[:, None] < 20, truth.move, away))
    found = replace(seen(head, there, rng), cuts=(20,))
    result = fit(head, found, focal_px=FOCAL)
    clean = projected(head, there)[0]
    assert np.median(np.linalg.norm(projected(head, result)[0] - clean, axis=-1)[18:22]) < 0.5


def test_one_picture_is_a_clip(head, truth, rng):
    found = seen(head, truth.frames([7]), rng)
    result = fit(head, found)
    clean = projected(head, truth.frames([7]))[0]
    missed = np.linalg.norm(projected(head, result)[0] - clean, axis=-1)
    assert np.median(missed) < 0.8


def test_a_person_is_smooth_and_lies_on_its_landmarks(head, rng):
    basis = modes(head.rest)
    offsets = np.tensordot(rng.normal(size=len(basis)), basis, 1)
    carried = spread_out(head.rest, offsets, head.rest)
    assert np.linalg.norm(carried - offsets, axis=1).max() < 0.05 * np.linalg.norm(offsets, axis=1).max()
    far = spread_out(head.rest, offsets, head.rest + np.array([0, 0, -3.0]))
    assert np.abs(far).max() < 1e-6
    mirrored = spread_out(head.rest * [-1, 1, 1], offsets * [-1, 1, 1], head.rest * [-1, 1, 1])
    np.testing.assert_allclose(mirrored, carried * [-1, 1, 1], atol=2e-5)


def test_lips_that_meet_count_by_their_distance():
    upper, lower = zip(*LIP_PAIRS, strict=True)
    assert set(upper) | set(lower) <= set(INNER_LIPS)
    assert not set(upper) & set(lower)
