"""A saved face opens as the same face; files that are none say so."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hostile import refuses, survives

import personare
from personare.errors import AssetError, InputError
from personare.faces.bundle import open_npz, save_face
from personare.faces.joints import Joint
from personare.faces.linear import Corrective, LinearFace
from personare.faces.sona import open_sona
from personare.spaces import Space
from personare.types import Material, Motion, Surface
from tests.faces.heads import grid


@pytest.fixture
def face(rng):
    v, triangles = grid(4, 4)
    n = len(v)
    materials = (Material("skin", (0.5, 0.4, 0.3), 0.4, 0.03, 0.5),
                 Material("eye", texture=rng.integers(0, 256, (4, 6, 3), np.uint8)))
    surface = Surface(triangles=triangles, uv=rng.random((n, 2)), color=rng.random((n, 3)), occlusion=rng.random(n),
                      materials=materials, triangle_material=np.arange(len(triangles)) % 2, weld=np.arange(n))
    return LinearFace("square", Space("own-2", ("a", "b")), surface, v, rng.normal(size=(2, n, 3)), rng.random(n),
                      np.float32([0, 0.1, 0]), (Corrective(("a", "b"), [1, 2], rng.normal(size=(2, 3))),),
                      (Joint("jaw", [0, 0, 0], rng.random(n), {"a": [0.3, 0, 0]}),))


def test_a_saved_face_is_the_same_face(face, tmp_path, rng):
    path = save_face(face, tmp_path / "face.npz")
    back = personare.open_face(path)
    assert (back.name, back.space, back.correctives[0].columns) == ("square", face.space, ("a", "b"))
    motion = Motion(rng.random((5, 2)), 30, face.space, np.tile(np.eye(4), (5, 1, 1)))
    assert np.array_equal(back.mesh(motion).vertices, face.mesh(motion).vertices)
    for name in ("triangles", "uv", "color", "occlusion", "triangle_material", "weld"):
        assert np.array_equal(getattr(back.surface, name), getattr(face.surface, name)), name
    assert np.array_equal(back.surface.materials[1].texture, face.surface.materials[1].texture)
    for one, two in zip(back.surface.materials, face.surface.materials, strict=True):
        assert replace(one, texture=None).__dict__ == replace(two, texture=None).__dict__
    assert np.array_equal(back.joints[0].turns["a"], [0.3, 0, 0])


def test_the_built_in_head_can_be_saved(tmp_path):
    sona = open_sona(character="mara")
    back = open_npz(save_face(sona, tmp_path / "mara.npz"))
    motion = Motion(np.eye(52), 30, "arkit-52")
    assert np.array_equal(back.mesh(motion).vertices, sona.mesh(motion).vertices)
    assert back.space is sona.space


def test_a_folder_with_one_file_is_that_file(face, tmp_path):
    save_face(face, tmp_path / "face.npz")
    assert open_npz(tmp_path).name == "square"
    save_face(face, tmp_path / "second.npz")
    with pytest.raises(InputError, match=r"expected one .npz file in it, got 2"):
        open_npz(tmp_path)


def test_files_of_other_kinds_are_explained(tmp_path):
    np.savez(tmp_path / "a.npz", values=np.zeros(3))
    with pytest.raises(InputError, match="expected a face: arrays rest, shapes, names, triangles"):
        open_npz(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="damaged data"):
        open_npz(tmp_path / "b.npz")
    with pytest.raises(InputError, match="No such file"):
        open_npz(tmp_path / "c.npz")
    with pytest.raises(InputError, match="expected a face made of shapes, got object"):
        save_face(object(), tmp_path / "d.npz")


def spoiled(path, change):
    """Rewrite a saved face with its card or arrays changed."""
    with np.load(path) as file:
        data = dict(file)
    card = json.loads(str(data["personare_face"]))
    change(card, data)
    np.savez(path, **data | {"personare_face": np.array(json.dumps(card))})


@pytest.mark.parametrize("change", [
    lambda card, data: card.pop("columns"), lambda card, data: card.pop("materials"),
    lambda card, data: card.update(kind="os:system"), lambda card, data: data.pop("rest"),
    lambda card, data: data.update(rest=np.full((16, 3), np.nan)),
    lambda card, data: data.update(shapes=np.zeros((9, 16, 3))),
    lambda card, data: data.update(triangles=np.full((2, 3), 10**6)), lambda card, data: card.update(joints=[[]]),
    lambda card, data: card.update(materials=[{"name": 1, "texture": False, "color": [1], "surprise": 2}]),
    lambda card, data: card.update(columns=[1, 2]), lambda card, data: card.update(correctives=[["a", "zz"]]),
], ids=range(11))
def test_parts_that_do_not_fit_are_refused(face, tmp_path, change):
    path = save_face(face, tmp_path / "a.npz")
    spoiled(path, change)
    refuses(open_npz, path, "expected")


def test_newer_layouts_are_refused(face, tmp_path):
    path = save_face(face, tmp_path / "a.npz")
    spoiled(path, lambda card, data: card.update(layout=2))
    with pytest.raises(AssetError, match="layout 2 is above 1; update personare"):
        open_npz(path)


def test_broken_files_give_one_error(face, tmp_path, rng):
    data = save_face(face, tmp_path / "a.npz").read_bytes()
    assert survives(open_npz, tmp_path / "b.npz", data, rng, 200) > 20
