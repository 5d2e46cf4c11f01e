"""The hole between the lips, and no other, gets a hollow that moves with them and faces the viewer."""

import numpy as np

from personare.faces.cavity import holes, with_cavity
from personare.faces.polygons import Polygons, surface_of
from tests.faces.heads import grid


def cut(rows, columns, row_range, column_range):
    """A grid of the head's front without the vertices strictly inside a range of rows and columns."""
    v, triangles = grid(rows, columns)
    row, column = np.divmod(np.arange(len(v)), columns)
    inside = ((row > row_range[0]) & (row < row_range[1]) & (column > column_range[0]) & (column < column_range[1]))
    return v, triangles[~inside[triangles].any(1)]


MOUTH, EYE = ((11, 13), (6, 12)), ((5, 7), (2, 5))


def dressed(v, triangles):
    surface, source = surface_of(Polygons(np.float32(v), np.int32(triangles)))
    return with_cavity(surface, source, v), surface


def test_a_mouth_is_closed_and_an_eye_is_not():
    v, triangles = cut(19, 19, *MOUTH)
    (surface, source, offset), plain = dressed(v, triangles)
    k = (len(source) - len(v)) // 2
    assert sorted(len(loop) for loop in holes(triangles)) == [k, 4 * 18]
    assert len(surface.triangles) == len(plain.triangles) + 2 * k + k - 2
    assert np.array_equal(surface.triangles[:len(plain.triangles)], plain.triangles)
    assert not offset[:len(v) + k].any()
    assert (offset[len(v) + k:, 2] < -0.01).all()
    (eyed, eye_source, _), _ = dressed(*cut(19, 19, *EYE))
    assert len(eye_source) == len(v)
    assert len(eyed.materials) == 1


def test_the_hollow_is_watertight_and_its_floor_faces_the_viewer():
    v, triangles = cut(19, 19, *MOUTH)
    (surface, source, offset), _ = dressed(v, triangles)
    k = (len(source) - len(v)) // 2
    welded = np.concatenate([np.arange(len(v)), source[len(v):len(v) + k], np.arange(k) + len(v) + k])
    assert [len(loop) for loop in holes(welded[surface.triangles])] == [4 * 18]
    place = v[source] + offset
    a, b, c = (place[corner] for corner in surface.triangles[2 - k:].T)
    assert (np.cross(b - a, c - a)[:, 2] >= -1e-12).all()
    assert np.cross(b - a, c - a)[:, 2].sum() > 0


def test_whole_meshes_and_lines_that_touch_themselves_are_left_alone():
    v, triangles = grid(19, 19)
    (surface, source, _), plain = dressed(v, triangles)
    assert surface is plain
    assert len(source) == len(v)
    bow = np.array([[0, 1, 2], [0, 3, 4]])
    assert holes(bow) == []
    assert holes(np.zeros((0, 3), int)) == []
    assert holes(np.array([[0, 1, 2]]))[0].tolist() == [0, 1, 2]
