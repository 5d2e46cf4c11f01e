"""Motion of one head on another: lips first, and warnings for what looks wrong."""

from dataclasses import replace

import numpy as np
import pytest
import second_head

from personare.faces.bridge import bridge, order_warnings, shape_warnings
from personare.faces.registration import register
from personare.faces.sona import open_sona
from personare.spaces import Space
from personare.types import Motion

MOVED = ("jawOpen", "mouthPucker", "mouthSmileLeft", "mouthSmileRight", "mouthFunnel", "mouthUpperUpLeft")


@pytest.fixture(scope="module")
def joined():
    pytest.importorskip("scipy", reason="finding points needs the extra faces")
    sona, (other, _) = open_sona(), second_head.other_head()
    # Codes without names: nothing but the vertices can tell what they do.
    other = replace(other, space=Space("codes", tuple(f"code_{name}" for name in other.space.columns)))
    points = register((sona.rest, sona.surface.triangles), (other.rest, other.surface.triangles),
                      *second_head.anchors())
    return bridge(sona, other, points)


@pytest.fixture
def motion(joined, rng):
    space = joined.source.space
    values = np.zeros((40, len(space)), np.float32)
    values[:, space.indices(MOVED)] = rng.uniform(0, 0.6, (40, len(MOVED)))
    values[::4] = 0
    values[::4, space.indices(["jawOpen", "mouthClose"])] = 0.15
    return Motion(values, 30, space)


def test_curves_come_through_by_vertices_alone(joined, motion):
    moved = joined.convert(motion, spring=0)
    for name in MOVED:
        wanted, got = motion.column(name), moved.column(f"code_{name}")
        assert np.corrcoef(wanted, got)[0, 1] > 0.95, name
    error = joined.error(motion, moved)
    assert error["mean_mm"] < 0.4
    assert error["lips_mm"] < 0.7


def test_closed_lips_stay_closed(joined, motion):
    moved = joined.convert(motion, spring=0)
    upper, lower = joined.points.vertices[joined.pairs].T
    vertices = joined.target.mesh(moved).vertices
    gap = np.linalg.norm(vertices[:, upper] - vertices[:, lower], axis=2).mean(axis=1)
    rest = np.linalg.norm(joined.target.neutral()[upper] - joined.target.neutral()[lower], axis=1).mean()
    assert gap[::4].max() < rest + 0.0007
    assert np.median(gap[1::4]) > rest + 0.003


def test_a_spring_smooths(joined, motion):
    loose, tight = (joined.convert(motion, spring=spring).values for spring in (0.0, 1.0))
    assert np.abs(np.diff(tight, axis=0)).sum() < 0.8 * np.abs(np.diff(loose, axis=0)).sum()


def test_exchanged_sides_are_noticed(joined):
    sona = joined.source
    assert shape_warnings(sona) == ()
    names = tuple(name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
                  for name in sona.space.columns)
    (text,) = shape_warnings(replace(sona, space=Space("exchanged", names)))
    assert "left and right look exchanged" in text


def test_a_shuffled_list_of_names_is_noticed(joined):
    names = joined.source.space.columns
    right = replace(joined, target=replace(joined.target, space=joined.source.space))
    assert order_warnings(right) == ()
    mixed = Space("mixed", tuple(names[i] for i in np.random.default_rng(0).permutation(len(names))))
    (text,) = order_warnings(replace(joined, target=replace(joined.target, space=mixed)))
    assert "the names look shuffled" in text


def test_other_units_and_dead_shapes_are_noticed():
    sona = open_sona()
    large = replace(sona, rest=sona.rest * 100, shapes=sona.shapes * 100, correctives=(), joints=())
    assert any("lengths are metres" in text for text in shape_warnings(large))
    shapes = sona.shapes.copy()
    shapes[sona.space.index("mouthPucker")] = 0
    (text,) = shape_warnings(replace(sona, shapes=shapes))
    assert text == "shapes that move nothing: mouthPucker"
