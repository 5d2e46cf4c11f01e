"""OBJ files of many styles give the same mesh; broken ones give one error."""

import numpy as np
import pytest
from hostile import refuses, survives

from personare.errors import InputError
from personare.faces.obj import read_obj, read_obj_vertices
from personare.faces.polygons import read_mesh_file
from tests.faces.heads import grid, obj_text

SQUARE = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def test_vertices_uv_and_faces_come_back():
    v, triangles = grid()
    mesh = read_obj(obj_text(v, triangles, uv=True))
    np.testing.assert_allclose(mesh.vertices, v, atol=1e-8)
    assert np.array_equal(mesh.triangles, triangles)
    assert np.array_equal(mesh.triangles_uv, triangles)
    np.testing.assert_allclose(mesh.uv, v[:, :2], atol=1e-6)
    assert np.array_equal(read_obj_vertices(obj_text(v, triangles)), mesh.vertices)


@pytest.mark.parametrize("faces", [
    b"f 1 2 3 4", b"f -4 -3 -2 -1", b"f 1// 2// 3// 4//", b"f 1//1 2//2 3//3 4//4", b"f 1 2 3\nf 1 3 4 # two",
    b"g part\r\ns 1\r\nf 1 2 3 4\r\n", b"  f\t1 2 3 4", b"f 1 2\nf 1 2 3 4",
])
def test_styles_of_faces(faces):
    mesh = read_obj(SQUARE + faces)
    assert np.array_equal(mesh.triangles, [[0, 1, 2], [0, 2, 3]])
    assert mesh.uv is None


@pytest.mark.parametrize(("faces", "uv"), [
    (b"f 1/1/1 2/2/1 3/3/1 4/1/1", [[0, 1, 2], [0, 2, 0]]), (b"f 1/1 2 3/3 4", [[0, -1, 2], [0, 2, -1]]),
    (b"f 1/1/ 2/2/ 3/3/ 4/1/", [[0, 1, 2], [0, 2, 0]]), (b"f 1// 2/2/1 3// 4/1/1", [[-1, 1, -1], [-1, -1, 0]]),
    (b"f -4/-3/-1 -3/-2/-1 -2/-1/-1 -1/-3/-1", [[0, 1, 2], [0, 2, 0]]),
])
def test_styles_of_uv(faces, uv):
    mesh = read_obj(SQUARE + b"vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\n" + faces)
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.triangles_uv.tolist() == uv


def test_materials_colours_and_odd_lines():
    text = (b"# made by hand\nmtllib a.mtl\no head\n" + b"".join(
        b"v %d %d 0 1 0.5 0\n" % (x, y) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))
        + b"vn 0 0 1\nusemtl skin\nf 1 2 3\nusemtl eyes\nf 1 3 4\nusemtl skin\nf 2 3 4\nl 1 2\n")
    mesh = read_obj(text)
    assert mesh.materials == ("skin", "eyes")
    assert mesh.triangle_material.tolist() == [0, 1, 0]
    assert np.array_equal(mesh.color, [[1, 0.5, 0]] * 4)


@pytest.mark.parametrize(("text", "match"), [
    (b"", "no vertices"), (SQUARE, "no faces"), (SQUARE + b"f 1 2 9", "faces that name vertices 0..8 of 4"),
    (SQUARE + b"f 0 1 2", "faces that name vertices -1"), (SQUARE + b"f -9 1 2", "faces that name vertices"),
    (SQUARE + b"f a b c", "corners are no numbers"), (SQUARE + b"v nan 0 0\nf 1 2 3", "1 vertices that are no finite"),
    (SQUARE + b"v 1e999 0 0\nf 1 2 3", "no finite"), (SQUARE + b"v 1 2\nf 1 2 3", "lines of 3 numbers"),
    (SQUARE + b"v 1 2 x\nf 1 2 3", "lines of 3 numbers"), (b"v 1 2\nv 1 2\nv 1 2\nf 1 2 3", "lines of 2 numbers"),
    (SQUARE + b"vt 0 0\nf 1/5 2/1 3/1", "faces that name uv"), (SQUARE + b"f " + b"9" * 5000 + b" 1 2", "no numbers"),
    (SQUARE + b"f 99999999999999999999 1 2", "no numbers"),
])
def test_broken_meshes_are_refused(tmp_path, text, match):
    (tmp_path / "a.obj").write_bytes(text)
    refuses(read_mesh_file, tmp_path / "a.obj", match)


def test_meshes_larger_than_a_head_are_refused(monkeypatch):
    monkeypatch.setattr("personare.faces.obj.MOST_VERTICES", 100)
    with pytest.raises(InputError, match="101 vertices, where 100 are read"):
        read_obj(b"v 0 0 0\n" * 101 + b"f 1 2 3")


def test_broken_files_give_one_error(tmp_path, rng):
    v, triangles = grid(4, 4)
    assert survives(read_mesh_file, tmp_path / "a.obj", obj_text(v, triangles, uv=True), rng, 200) > 50


def test_missing_and_large_files(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_mesh_file(tmp_path / "none.obj")
    with open(tmp_path / "big.obj", "wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(InputError, match="expected a mesh of at most 256 MB"):
        read_mesh_file(tmp_path / "big.obj")
