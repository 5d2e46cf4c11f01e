"""Folders, zips and arrays of shapes give the same face."""

import shutil

import numpy as np
import pytest
from hostile import refuses

import personare
from personare.errors import InputError
from personare.faces.shapes import open_shapes
from personare.spaces import ARKIT_52
from personare.types import Motion
from tests.faces.heads import grid, obj_text

NAMES = [*(name for name in ARKIT_52.columns if name.startswith("mouth")), "jawOpen", "ownShape"]


@pytest.fixture
def model(rng):
    v, triangles = grid()
    return v, triangles, {name: rng.normal(size=v.shape) * 0.005 for name in NAMES}


@pytest.fixture
def folder(model, tmp_path):
    v, triangles, shapes = model
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "Neutral.obj").write_bytes(obj_text(v, triangles, uv=True))
    for name, moves in shapes.items():
        (tmp_path / "head" / f"{name}.obj").write_bytes(obj_text(v + moves, triangles))
    return tmp_path / "head"


def test_a_folder_a_zip_and_arrays_are_one_face(model, folder, tmp_path):
    v, triangles, shapes = model
    shutil.make_archive(str(tmp_path / "head"), "zip", folder)
    np.savez(tmp_path / "head.npz", rest=v, shapes=np.stack([*shapes.values()]), names=np.array(NAMES),
             triangles=triangles)
    faces = [personare.open_face(tmp_path / name) for name in ("head", "head.zip", "head.npz")]
    for face in faces:
        assert set(face.space.columns) == {*ARKIT_52.columns, "ownShape"}
        np.testing.assert_allclose(face.neutral(), v, atol=1e-6)
        np.testing.assert_allclose(face.shapes[face.space.index("mouthClose")], shapes["mouthClose"], atol=1e-6)
        assert not face.shapes[face.space.index("tongueOut")].any()
    speech = Motion(np.full((2, 52), 0.1), 30, ARKIT_52)
    np.testing.assert_allclose(faces[0].mesh(speech).vertices, faces[2].mesh(speech).vertices, atol=1e-6)


@pytest.mark.parametrize(("scale", "unit"), [(1, 1), (100, 0.01), (1000, 0.001), (10, 0.1)])
def test_the_unit_is_guessed_from_the_height(model, tmp_path, scale, unit):
    v, triangles, shapes = model
    np.savez(tmp_path / "a.npz", rest=v * scale, shapes=np.stack([*shapes.values()]) * scale, names=np.array(NAMES),
             triangles=triangles)
    np.testing.assert_allclose(open_shapes(tmp_path / "a.npz").neutral(), v, atol=1e-6)
    np.testing.assert_allclose(open_shapes(tmp_path / "a.npz", unit_m=2 * unit).neutral(), 2 * v, atol=1e-6)


def test_what_is_wrong_with_a_folder_is_said(model, folder):
    v, triangles, _ = model
    (folder / "extra.obj").write_bytes(obj_text(v[:40], triangles[:4]))
    with pytest.raises(InputError, match=r"expected 72 vertices in every shape, got 40 in extra"):
        open_shapes(folder)
    (folder / "extra.obj").unlink()
    (folder / "Neutral.obj").rename(folder / "someone.obj")
    with pytest.raises(InputError, match=r"expected a mesh file named neutral.obj or neutral.ply"):
        open_shapes(folder)
    for file in folder.iterdir():
        if file.stem != "someone":
            file.unlink()
    (folder / "someone.obj").rename(folder / "base.obj")
    with pytest.raises(InputError, match="expected 1 to 1000 shapes beside the neutral mesh, got 0"):
        open_shapes(folder)


@pytest.mark.parametrize("change", [
    {"rest": np.zeros((10_000_000, 3), np.int8)}, {"shapes": np.zeros((1, 5, 3))}, {"names": np.array(["a", "a"])},
    {"names": np.arange(2)}, {"triangles": np.array([[0, 1, 99]])}, {"triangles": np.zeros((2, 4), int)},
    {"rest": np.full((72, 3), np.nan)}, {"shapes": np.full((2, 72, 3), np.inf)}, {"rest": np.array("text")},
], ids=range(9))
def test_arrays_that_do_not_fit_are_refused(tmp_path, change):
    v, triangles = grid()
    good = {"rest": v, "shapes": np.zeros((2, 72, 3)), "names": np.array(["a", "b"]), "triangles": triangles}
    np.savez(tmp_path / "a.npz", **good | change)
    refuses(open_shapes, tmp_path / "a.npz", "expected", most_bytes=2**27)
