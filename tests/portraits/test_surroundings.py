"""The field around a head: at rest nothing, near the head the head's own motion, at the edges nothing."""


import numpy as np
import pytest
import sona_photo as sona

from personare.faces.joints import matrices


@pytest.fixture(scope="module")
def portrait():
    return sona.Sitter(256).portrait()


def field(portrait, *, columns=None, degrees=0.0, axis=2):
    vectors = np.zeros((1, 3))
    vectors[0, axis] = np.radians(degrees)
    motion = sona.motion_of(portrait.face, columns or {}, turns=matrices(vectors))
    vertices = portrait.likeness.vertices(motion, np.ones(1))[0]
    return portrait.around.sources(portrait.likeness.camera, portrait.likeness.turns(motion)[0], vertices), vertices


def places(portrait, sources):
    y, x = np.indices(sources.shape[:2])
    return np.stack([x, y], -1) * portrait.around.step


def test_at_rest_every_point_looks_at_itself(portrait):
    sources, _ = field(portrait)
    assert np.abs(sources - places(portrait, sources)).max() < 1e-3


@pytest.mark.parametrize(("columns", "degrees"), [({}, 8.0), ({"jawOpen": 0.6}, 0.0), ({"jawOpen": 0.5}, -9.0)])
def test_the_border_of_the_face_meets_its_surroundings_and_nothing_folds(portrait, columns, degrees):
    sources, vertices = field(portrait, columns=columns, degrees=degrees)
    around, camera = portrait.around, portrait.likeness.camera
    from personare.portraits.surroundings import _looked_up

    now = camera.project(vertices[around.border])[:, :2]
    back = _looked_up(sources.astype(float), now[:, 0] / around.step, now[:, 1] / around.step)
    off = np.linalg.norm(back - around.at_border, axis=1)
    moved = np.linalg.norm(now - around.at_border, axis=1)
    assert np.median(off) < 0.3
    assert np.percentile(off, 90) < max(1.0, 0.15 * moved.max())
    # Orientation is kept everywhere: no cell of the grid is turned over, so nothing tears or doubles.
    right, down = np.diff(sources, axis=1)[:-1], np.diff(sources, axis=0)[:, :-1]
    assert (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]).min() > 0
    edge = np.concatenate([sources[0], sources[:, 0]]) - np.concatenate([places(portrait, sources)[0],
                                                                         places(portrait, sources)[:, 0]])
    assert np.abs(edge).max() < 0.5
