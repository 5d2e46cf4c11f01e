"""Shapes for a head that has none: they move as those of the head they come from would."""

import numpy as np
import pytest
import second_head

from personare.faces.rigging import with_shapes_of
from personare.faces.sona import open_sona


@pytest.fixture(scope="module")
def rigged():
    pytest.importorskip("scipy", reason="making shapes needs the extra faces")
    bare, _ = second_head.other_head(shapes=False)
    return with_shapes_of(open_sona(), bare, *second_head.anchors()), second_head.other_head()[0]


@pytest.mark.parametrize(("name", "least"), [("jawOpen", 0.95), ("mouthPucker", 0.97), ("mouthSmileLeft", 0.97),
                                             ("eyeBlinkLeft", 0.9), ("browInnerUp", 0.85), ("eyeLookUpLeft", 0.95)])
def test_shapes_move_as_the_true_ones(rigged, name, least):
    made, true = rigged
    k = made.space.index(name)
    one, other = made.shapes[k].ravel(), true.shapes[k].ravel()
    assert one @ other > least * np.linalg.norm(one) * np.linalg.norm(other)
    assert 0.8 < np.linalg.norm(one) / np.linalg.norm(other) < 1.25


def test_lips_close_over_an_open_jaw(rigged):
    made, true = rigged
    closed = made.shapes[made.space.index("jawOpen")] + made.shapes[made.space.index("mouthClose")]
    wanted = true.shapes[true.space.index("jawOpen")] + true.shapes[true.space.index("mouthClose")]
    lips = np.linalg.norm(true.shapes[true.space.index("mouthPucker")], axis=1) > 0.006
    assert lips.sum() > 100
    assert np.percentile(np.linalg.norm((closed - wanted)[lips], axis=1), 90) < 0.0015


def test_eyeballs_and_teeth_stay_rigid(rigged):
    made, _ = rigged
    names = [material.name for material in made.surface.materials]
    for material, shape in (("eye", "eyeLookUpLeft"), ("teeth", "jawOpen")):
        slot = names.index(material)
        edges = made.surface.triangles[made.surface.triangle_material == slot][:, :2]
        moved = made.rest + made.shapes[made.space.index(shape)]
        before, after = (np.linalg.norm(np.diff(points[edges], axis=1)[:, 0], axis=1) for points in (made.rest, moved))
        assert np.percentile(np.abs(after - before), 99) < 2e-4


def test_what_lies_far_from_the_face_stays(rigged):
    made, _ = rigged
    moves = np.linalg.norm(made.shapes[made.space.index("mouthSmileLeft")], axis=1)
    low = made.rest[:, 1] < np.percentile(made.rest[:, 1], 5)
    assert moves[low].max() < 1e-3
    assert moves.max() > 5e-3
