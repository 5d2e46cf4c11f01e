"""FLAME equals the paper's formulas written out; its files are read from every release's form and never run."""

import pickle
import sys
import types

import numpy as np
import pytest
from hostile import refuses, survives

import personare
from personare.errors import InputError
from personare.faces.bundle import open_npz, save_face
from personare.faces.flame import open_flame
from personare.faces.joints import rotations
from personare.spaces import FLAME_50, FLAME_100
from personare.types import Motion
from tests.faces.heads import flame_arrays, obj_text, write_flame


@pytest.fixture
def arrays(rng):
    return flame_arrays(rng)


def rotation_ref(vector):
    """Rodrigues' formula for one rotation vector."""
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def flame_ref(model, shape, expression, pose):
    """(v, 3) vertices after Li et al. 2017, equations 1 to 4, one vertex at a time; pose is (5, 3), root first."""
    betas = np.concatenate([shape, np.zeros(300 - len(shape)), expression])
    shaped = model["v_template"] + model["shapedirs"] @ betas
    joints = model["J_regressor"] @ shaped
    turns = [rotation_ref(vector) for vector in pose]
    feature = np.concatenate([(turn - np.eye(3)).ravel() for turn in turns[1:]])
    posed = shaped + model["posedirs"] @ feature
    world = []
    for joint, parent in enumerate((-1, 0, 1, 1, 1)):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turns[joint], joints[joint] - (joints[parent] if parent >= 0 else 0)
        world.append(world[parent] @ local if parent >= 0 else local)
    out = np.zeros_like(posed)
    for i, point in enumerate(posed):
        for joint in range(5):
            moved = world[joint][:3, :3] @ (point - joints[joint]) + world[joint][:3, 3]
            out[i] += model["weights"][i, joint] * moved
    return out


def test_vertices_follow_the_paper(arrays, tmp_path, rng):
    shape, expression, pose = rng.normal(size=80), rng.normal(size=100), rng.normal(size=(5, 3)) * 0.4
    face = open_flame(write_flame(tmp_path / "generic_model.pkl", arrays), shape=shape)
    pose[0] = 0
    motion = Motion(np.concatenate([expression, pose[1:].ravel()])[None], 30, FLAME_100)
    expected = flame_ref(arrays, shape, expression, pose)
    np.testing.assert_allclose(face.mesh(motion).vertices[0], expected, atol=2e-6)


def test_the_head_pose_is_flame_s_global_rotation(arrays, tmp_path, rng):
    face = open_flame(write_flame(tmp_path / "generic_model.pkl", arrays))
    pose = rng.normal(size=(5, 3)) * 0.4
    world = np.eye(4)
    world[:3, :3] = rotation_ref(pose[0])
    motion = Motion(np.concatenate([np.zeros(100), pose[1:].ravel()])[None], 30, FLAME_100, world[None])
    np.testing.assert_allclose(face.mesh(motion).vertices[0], flame_ref(arrays, [], np.zeros(100), pose), atol=2e-6)


def test_fewer_expressions_and_columns(arrays, tmp_path, rng):
    path = write_flame(tmp_path / "generic_model.pkl", arrays)
    face = open_flame(path, expressions=50)
    assert face.space.columns == FLAME_50.columns
    small = Motion(rng.normal(size=(3, 62)), 30, FLAME_50)
    np.testing.assert_allclose(open_flame(path).mesh(small).vertices, face.mesh(small).vertices, atol=1e-6)
    with pytest.raises(InputError, match="expected columns of the space flame-50 of face 'flame', got arkit-52"):
        face.mesh(Motion(np.zeros((1, 52)), 30, "arkit-52"))


def test_slices_give_what_the_whole_gives(arrays, tmp_path, rng):
    face = open_flame(write_flame(tmp_path / "generic_model.pkl", arrays))
    motion = Motion(rng.normal(size=(7, 112)) * 0.3, 30, FLAME_100)
    parts = np.concatenate([face.mesh(motion.frames(0, 2)).vertices, face.mesh(motion.frames(2, 7)).vertices])
    np.testing.assert_allclose(parts, face.mesh(motion).vertices, atol=1e-6)


def test_every_form_of_its_files_gives_one_face(arrays, tmp_path, rng, monkeypatch):
    """Python 2 with chumpy and SciPy as in 2020, a folder, plain arrays, and our own file."""
    sparse = pytest.importorskip("scipy.sparse")
    ch = types.ModuleType("chumpy.ch")
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
        patch.setitem(sys.modules, "chumpy.ch", ch)
        old = dict(arrays, J_regressor=sparse.csc_matrix(arrays["J_regressor"]))
        for name in ("v_template", "shapedirs", "weights"):
            old[name], old[name].x = ch.Ch(), arrays[name]
        write_flame(tmp_path / "flame2020.pkl", old)
    np.savez(tmp_path / "plain.npz", **arrays)
    (tmp_path / "FLAME_masks.pkl").write_bytes(b"beside it")
    face = personare.open_face(tmp_path / "flame2020.pkl")
    motion = Motion(rng.normal(size=(2, 112)) * 0.3, 30, FLAME_100)
    save_face(face, tmp_path / "saved.npz")
    for other in (personare.open_face(tmp_path / "plain.npz"), open_npz(tmp_path / "saved.npz"),
                  open_flame(tmp_path / "saved.npz"), open_flame(tmp_path)):
        np.testing.assert_allclose(other.mesh(motion).vertices, face.mesh(motion).vertices, atol=1e-6)


def test_its_joints_are_what_formats_with_bones_take(arrays, tmp_path, rng):
    face = open_flame(write_flame(tmp_path / "generic_model.pkl", arrays))
    motion = Motion(rng.normal(size=(2, 112)) * 0.3, 30, FLAME_100, np.tile(np.eye(4), (2, 1, 1)))
    assert [joint.name for joint in face.joints] == ["neck", "jaw", "eyeLeft", "eyeRight", "head"]
    turned = rotations(face.joints, motion)
    np.testing.assert_allclose(turned[0, 1], rotation_ref(motion.columns(["jaw_x", "jaw_y", "jaw_z"])[0]), atol=1e-6)
    assert personare.save(motion, tmp_path / "a.bvh", face=face).stat().st_size > 100


def test_uv_of_a_template_beside_it(arrays, tmp_path):
    (tmp_path / "head_template.obj").write_bytes(obj_text(arrays["v_template"], arrays["f"], uv=True))
    face = open_flame(write_flame(tmp_path / "generic_model.pkl", arrays))
    np.testing.assert_allclose(face.surface.uv, arrays["v_template"][:, :2], atol=1e-6)


@pytest.mark.parametrize(("change", "match"), [
    ({"weights": np.ones((72, 4))}, r"weights of shape \(72, 5\)"), ({"v_template": None}, "none named v_template"),
    ({"shapedirs": np.ones((71, 3, 400))}, "shapedirs of shape"), ({"f": np.array([[0, 1, 999]])}, "faces that name"),
    ({"v_template": np.full((72, 3), np.nan)}, "finite"), ({"posedirs": np.zeros((72, 3, 9))}, "posedirs"),
    ({"kintree_table": np.array([[1, 0, 1, 1, 1], [0, 1, 2, 3, 4]])}, "parents: expected a tree"),
    ({"J_regressor": "text"}, "none named J_regressor"),
])
def test_models_that_do_not_fit_are_refused(arrays, tmp_path, change, match):
    path = write_flame(tmp_path / "generic_model.pkl", arrays | change)
    refuses(open_flame, path, match)


def test_options_out_of_range_are_refused(arrays, tmp_path):
    path = write_flame(tmp_path / "generic_model.pkl", arrays)
    with pytest.raises(InputError, match=r"shape: expected up to 300 weights in -10..10, got 301"):
        open_flame(path, shape=np.zeros(301))
    with pytest.raises(InputError, match=r"expressions: expected 1..100, got 0"):
        open_flame(path, expressions=0)
    with pytest.raises(InputError, match=r"expected generic_model.pkl or flame2023.pkl, got no such file"):
        open_flame(tmp_path.parent)


class Payload:
    """What a hostile model does to one who unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_payload_does_not_run(arrays, tmp_path):
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps(arrays | {"v_template": Payload(tmp_path / "ran")}, 2))
    refuses(open_flame, path, "a call of io.open")
    assert not (tmp_path / "ran").exists()


def test_broken_files_give_one_error(tmp_path, rng):
    small = flame_arrays(rng, expressions=2, shapes=1)
    small["shapedirs"] = small["shapedirs"][:, :, :3]
    data = pickle.dumps(small, 2)
    assert survives(open_flame, tmp_path / "generic_model.pkl", data, rng, 100) > 30
