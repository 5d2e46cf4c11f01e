"""OBJ files, read back with a reader of a few lines."""

from dataclasses import replace

import numpy as np
import pytest

from personare.errors import OutputError
from personare.export import obj


def parsed(path):
    """(vertices, uv, triangles, groups) of an OBJ file."""
    vertices, uv, triangles, groups = [], [], [], []
    for line in path.read_text().splitlines():
        kind, *words = line.split()
        if kind == "v":
            vertices.append([np.float32(word) for word in words])
        elif kind == "vt":
            uv.append([float(word) for word in words])
        elif kind == "g":
            groups.append((words[0], len(triangles)))
        elif kind == "f":
            corners = [word.split("/") for word in words]
            assert all(corner[0] == corner[1] for corner in corners)
            triangles.append([int(corner[0]) - 1 for corner in corners])
    return np.array(vertices), np.array(uv), np.array(triangles), groups


def test_every_frame_has_the_vertices_of_the_face_bit_for_bit(tmp_path, take):
    take = replace(take, motion=take.motion.frames(0, 3))
    obj.write(tmp_path / "a.objs", take)
    names = sorted(path.name for path in (tmp_path / "a.objs").iterdir())
    assert names == ["frame_000000.obj", "frame_000001.obj", "frame_000002.obj", "rest.mtl", "rest.obj",
                     "rest_0.png"]
    surface = take.face.surface
    for number, want in enumerate(take.face.mesh(take.motion).vertices):
        vertices, uv, triangles, groups = parsed(tmp_path / "a.objs" / f"frame_{number:06d}.obj")
        assert np.array_equal(vertices, want)
        assert np.abs(uv - surface.uv).max() < 1e-6
        order = np.argsort(surface.triangle_material, kind="stable")
        assert np.array_equal(triangles, surface.triangles[order])
        assert groups == [("skin", 0), ("cap", int((surface.triangle_material == 0).sum()))]
    assert np.array_equal(parsed(tmp_path / "a.objs/rest.obj")[0], take.face.neutral())
    materials = (tmp_path / "a.objs/rest.mtl").read_text()
    assert "newmtl skin\nKd 0.9547 " in materials
    assert materials.count("map_Kd rest_0.png") == 1


def test_the_face_at_rest_alone_names_no_materials(tmp_path, take):
    obj.write_rest(tmp_path / "a.rest.obj", take)
    vertices, _, triangles, _ = parsed(tmp_path / "a.rest.obj")
    assert np.array_equal(vertices, take.face.neutral())
    assert len(triangles) == len(take.face.surface.triangles)
    assert "mtl" not in (tmp_path / "a.rest.obj").read_text()


def test_a_shorter_take_leaves_no_frame_of_a_longer_one(tmp_path, take):
    for count in (4, 2):
        obj.write(tmp_path / "a.objs", replace(take, motion=take.motion.frames(0, count)))
    assert len(list((tmp_path / "a.objs").glob("frame_*"))) == 2


def test_a_folder_of_other_things_is_left_alone(tmp_path, take):
    (tmp_path / "a.objs").mkdir()
    (tmp_path / "a.objs/thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"a folder with other files in it, such as thesis\.txt; choose another"):
        obj.write(tmp_path / "a.objs", take)
    assert (tmp_path / "a.objs/thesis.txt").read_text() == "years of work"
