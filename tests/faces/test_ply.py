"""PLY in its three encodings gives the same mesh; claims of a header are checked against the file."""

import struct

import numpy as np
import pytest
from hostile import refuses, survives

from personare.faces.ply import read_ply
from personare.faces.polygons import read_mesh_file
from tests.faces.heads import grid

HEADER = ("ply\nformat {format} 1.0\ncomment by hand\nelement vertex {v}\nproperty float x\nproperty float y\n"
          "property double z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nelement edge 1\n"
          "property int vertex1\nelement face {f}\nproperty list uchar int vertex_indices\nend_header\n")


def ply(v, faces, format):
    """A PLY file with colours and an element that nobody needs."""
    head = HEADER.format(format=format, v=len(v), f=len(faces)).encode()
    if format == "ascii":
        rows = [f"{x:.9g} {y:.9g} {z:.9g} 255 0 51" for x, y, z in v] + ["7"]
        return head + "\n".join(rows + [f"{len(face)} " + " ".join(map(str, face)) for face in faces]).encode()
    order = "<" if "little" in format else ">"
    body = b"".join(struct.pack(order + "ffdBBB", *p, 255, 0, 51) for p in v) + struct.pack(order + "i", 7)
    return head + body + b"".join(struct.pack(f"{order}B{len(face)}i", len(face), *face) for face in faces)


FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")


@pytest.mark.parametrize("format", FORMATS)
def test_all_encodings_give_the_mesh(format):
    v, triangles = grid()
    mesh = read_ply(ply(v, triangles.tolist(), format))
    np.testing.assert_allclose(mesh.vertices, v, atol=1e-7)
    assert np.array_equal(mesh.triangles, triangles)
    np.testing.assert_allclose(mesh.color, np.tile([1, 0, 0.2], (len(v), 1)), atol=1e-6)


@pytest.mark.parametrize("format", FORMATS)
def test_polygons_of_mixed_size_are_cut_into_fans(format):
    v = grid(3, 3)[0]
    mesh = read_ply(ply(v, [[0, 3, 4, 1], [1, 4, 2], [3, 6, 7, 8, 4]], format))
    assert mesh.triangles.tolist() == [[0, 3, 4], [0, 4, 1], [1, 4, 2], [3, 6, 7], [3, 7, 8], [3, 8, 4]]


CLAIM = HEADER.format(format="binary_little_endian", v=10_000_000, f=1).encode()


@pytest.mark.parametrize(("data", "match"), [
    (b"", "no PLY header"), (b"ply\nformat ascii 1.0\n", "no PLY header"), (CLAIM, "10000000 rows of vertex"),
    (CLAIM.replace(b"10000000", b"4000000"), "ends before its vertices do"),
    (CLAIM.replace(b"10000000", b"-1"), "-1 rows"), (CLAIM.replace(b"10000000", b"x"), "expected a mesh"),
    (CLAIM.replace(b"binary_little_endian", b"utf8"), "unknown line"),
    (CLAIM.replace(b"10000000", b"3").replace(b"double z", b"text z"), "unknown line"),
    (HEADER.format(format="ascii", v=3, f=0).encode() + b"0 0 0 1 1 1\n" * 3 + b"1\n", "no faces"),
    (HEADER.format(format="ascii", v=3, f=1).encode() + b"0 0 nan 1 1 1\n" * 3 + b"1\n3 0 1 2", "no finite"),
    (HEADER.format(format="ascii", v=3, f=1).encode() + b"0 0 0 1 1 1\n" * 3 + b"1\n3 0 1 7", "faces that name"),
    (HEADER.format(format="ascii", v=3, f=1).encode() + b"0 0 0 1 1 1\n" * 3 + b"1\n999999999 0 1", "ends before"),
    (ply(grid()[0], [[0, 1, 2]], "binary_little_endian")[:-5], "ends before"),
    (b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nend_header\n1\n2\n3\n", "without x, y, z"),
    (b"ply\nproperty float x\nformat ascii 1.0\nend_header\n", "unknown line"),
])
def test_broken_meshes_are_refused(tmp_path, data, match):
    (tmp_path / "a.ply").write_bytes(data)
    refuses(read_mesh_file, tmp_path / "a.ply", match)


@pytest.mark.parametrize("format", FORMATS)
def test_broken_files_give_one_error(tmp_path, rng, format):
    v, triangles = grid(4, 4)
    faces = [*triangles.tolist(), [0, 1, 2, 3]]
    assert survives(read_mesh_file, tmp_path / "a.ply", ply(v, faces, format), rng, 150) > 20
