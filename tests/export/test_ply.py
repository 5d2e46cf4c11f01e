"""PLY files, read back by trimesh's rules in a few lines."""

from dataclasses import replace

import numpy as np

from personare.export import ply


def parsed(path):
    """(vertices, colours, triangles) of a binary PLY file of this layout."""
    head, _, body = path.read_bytes().partition(b"end_header\n")
    lines = head.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = {line.split()[1]: int(line.split()[2]) for line in lines if line.startswith("element")}
    row = np.dtype("<f4, <f4, <f4, u1, u1, u1")
    rows = np.frombuffer(body, row, count["vertex"])
    faces = np.frombuffer(body, np.dtype([("n", "u1"), ("corners", "<i4", 3)]), count["face"], row.itemsize * len(rows))
    assert len(body) == rows.nbytes + faces.nbytes
    assert (faces["n"] == 3).all()
    columns = [rows[name] for name in row.names]
    return np.stack(columns[:3], axis=1), np.stack(columns[3:], axis=1), faces["corners"]


def test_every_frame_has_the_vertices_of_the_face_bit_for_bit(tmp_path, take):
    take = replace(take, motion=take.motion.frames(0, 3))
    ply.write(tmp_path / "a.plys", take)
    assert len(list((tmp_path / "a.plys").iterdir())) == 4
    for number, want in enumerate(take.face.mesh(take.motion).vertices):
        vertices, colors, triangles = parsed(tmp_path / "a.plys" / f"frame_{number:06d}.ply")
        assert np.array_equal(vertices, want)
        assert np.array_equal(triangles, take.face.surface.triangles)
        assert colors.std() > 10
    assert np.array_equal(parsed(tmp_path / "a.plys/rest.ply")[0], take.face.neutral())
