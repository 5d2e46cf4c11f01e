"""ICT-FaceKit: every form of its files gives one face that speaks ARKit; what is no ICT-FaceKit is told."""

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.faces.ict import UNIT_M, identity_weights, open_ict
from personare.faces.polygons import read_polygons
from personare.spaces import ARKIT_52, ICT_53, ICT_57
from personare.types import Motion


@pytest.fixture(scope="module")
def fast(shared):
    """The .npz form of the model."""
    return shared / "data" / "ict_facekit" / "ict_facekit.npz"


@pytest.fixture(scope="module")
def archive(shared):
    """The original files, packed."""
    return shared / "data" / "ict_facekit" / "ICT-FaceKit-base.tar.xz"


@pytest.fixture(scope="module")
def face(fast):
    return open_ict(fast)


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory):
    """The original files in a folder."""
    folder = tmp_path_factory.mktemp("ict")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder


def test_the_archive_and_the_fast_file_are_one_face(face, archive):
    packed = personare.open_face(archive)
    np.testing.assert_allclose(packed.neutral(), face.neutral(), atol=1e-7)
    np.testing.assert_allclose(packed.shapes, face.shapes, atol=2e-7)
    assert np.array_equal(packed.surface.triangles, face.surface.triangles)
    assert packed.space is ARKIT_52


def test_folders_and_zips_hold_the_same_identity(unpacked, fast, tmp_path):
    """Identity deltas of the fast file are float16, so it stays within 0.05 mm of the original's OBJ files."""
    weights = {3: 1.5, 17: -2.0}
    original = open_ict(unpacked / "FaceXModel", identity=weights, space="ict-57")
    quick = open_ict(fast, identity=weights, space="ict-57")
    np.testing.assert_allclose(quick.neutral(), original.neutral(), atol=5e-5)
    with zipfile.ZipFile(tmp_path / "ICT-FaceKit-master.zip", "w") as file:
        for name in ("generic_neutral_mesh", *ICT_53.columns):
            file.write(unpacked / "FaceXModel" / f"{name}.obj", f"ICT-FaceKit-master/FaceXModel/{name}.obj")
    zipped = personare.open_face(tmp_path / "ICT-FaceKit-master.zip")
    np.testing.assert_allclose(zipped.neutral(), open_ict(fast).neutral(), atol=1e-7)


def test_each_shape_is_the_original_s_mesh(unpacked, face):
    for column, file in (("jawOpen", "jawOpen"), ("mouthSmileLeft", "mouthSmile_L"), ("eyeBlinkRight", "eyeBlink_R")):
        motion = Motion(np.eye(52)[[ARKIT_52.index(column)]], 30, ARKIT_52)
        mesh = read_polygons((unpacked / "FaceXModel" / f"{file}.obj").read_bytes(), file, vertices_only=True)
        np.testing.assert_allclose(face.mesh(motion).vertices[0, :26719], mesh * UNIT_M, atol=2e-7)


def test_halves_are_driven_together_and_the_tongue_stays(face, fast):
    own = open_ict(fast, space="ict-53")
    assert own.space is ICT_53
    for whole in ("browInnerUp", "cheekPuff"):
        both = sum(own.shapes[ICT_53.index(f"{whole}_{side}")] for side in "LR")
        np.testing.assert_allclose(face.shapes[ARKIT_52.index(whole)], both, atol=1e-8)
    assert not face.shapes[ARKIT_52.index("tongueOut")].any()
    assert open_ict(fast, space="ict-57").space is ICT_57


def test_left_is_the_subject_s_left(face):
    for column, sign in (("mouthSmileLeft", 1), ("eyeBlinkRight", -1), ("browOuterUpLeft", 1), ("mouthLeft", 1)):
        moves = face.shapes[ARKIT_52.index(column)]
        if column == "mouthLeft":
            assert moves[:, 0].sum() > 0
        else:
            size = np.linalg.norm(moves, axis=1)
            assert sign * (size @ face.neutral()[:, 0]) > 0


def test_gaze_turns_the_eyeballs(face):
    """The middle of the left iris goes to the subject's left, and as far as the joint of that eye says."""
    ball = face.joints[0]
    assert ball.name == "eyeLeft"
    iris = [m.name for m in face.surface.materials].index("iris_left")
    used = np.unique(face.surface.triangles[face.surface.triangle_material == iris])
    front = used[face.neutral()[used, 2] > np.quantile(face.neutral()[used, 2], 0.9)]
    for column, axis, sign in (("eyeLookOutLeft", 0, 1), ("eyeLookInLeft", 0, -1), ("eyeLookUpLeft", 1, 1)):
        move = face.shapes[ARKIT_52.index(column), front].mean(0)
        reach = (face.neutral()[front].mean(0) - ball.pivot)[2]
        assert move[axis] == pytest.approx(sign * reach * np.sin(np.linalg.norm(ball.turns[column])), rel=0.1)


def test_eyes_are_seen(face):
    """Nothing of the white stands before the iris, and the shells made for transparency are left away."""
    names = [m.name for m in face.surface.materials]
    assert "shell" not in names
    assert face.surface.materials[names.index("lashes")].texture().shape[2] == 4
    center = face.joints[0].pivot
    white = face.surface.triangles[face.surface.triangle_material == names.index("sclera_left")]
    middle = face.neutral()[white].mean(1)
    ahead = middle[middle[:, 2] > center[2] + 0.005]
    assert np.hypot(*(ahead - center)[:, :2].T).min() > 0.006


def test_lips_close_on_p_b_m(face):
    """Speech from the example sound: the lips of this face touch where those of the built-in model should."""
    upper, lower = 5711, 5517        # inner lips beside the middle, of the 68 landmarks in its README
    motion = personare.animate(Path(__file__).parents[2] / "examples" / "hello.wav", fps=30)
    vertices = face.mesh(motion).vertices
    gap = vertices[:, upper, 1] - vertices[:, lower, 1] - (face.neutral()[upper, 1] - face.neutral()[lower, 1])
    assert gap.max() > 0.006
    assert gap.min() < 0.001


def test_identities_are_checked(fast):
    assert identity_weights([0.5, 1])[:3].tolist() == [0.5, 1, 0]
    with pytest.raises(InputError, match=r"identity 100: expected modes 0\.\.99 with weights"):
        identity_weights({100: 1.0})
    with pytest.raises(InputError, match=r"identity 0: .*got 9\.0"):
        identity_weights([9.0])
    with pytest.raises(InputError, match="space: expected arkit-52, ict-53, ict-57, got vrm1"):
        open_ict(fast, space="vrm1")


def test_identities_that_a_copy_lacks_are_named(unpacked):
    with pytest.raises(InputError, match=r"expected identity050.obj, got no such file"):
        open_ict(unpacked, identity={50: 1.0})


def test_other_models_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected FaceXModel/generic_neutral_mesh.obj, got no such file"):
        open_ict(tmp_path)
    (tmp_path / "generic_neutral_mesh.obj").write_bytes(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(InputError, match="expected the 53 shapes of ICT-FaceKit, got none named browDown_L"):
        open_ict(tmp_path)
    for name in ICT_53.columns:
        (tmp_path / f"{name}.obj").write_bytes((tmp_path / "generic_neutral_mesh.obj").read_bytes())
    with pytest.raises(InputError, match="expected a mesh of 26719 vertices"):
        open_ict(tmp_path)
    np.savez(tmp_path / "a.npz", x=1)
    with pytest.raises(InputError, match="expected an array named neutral"):
        open_ict(tmp_path / "a.npz")
