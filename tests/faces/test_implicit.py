"""An implicit face keeps its triangles, ends where the field says, and is close to its bake."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.implicit import TOLERANCE_M
from personare.faces.nphm import implicit_face
from personare.types import Face, Motion


@pytest.fixture(scope="module")
def face(nphm_model):
    code = np.random.default_rng(1).normal(0, 0.1, nphm_model.identity_size).astype(np.float32)
    return implicit_face(nphm_model, code, resolution=28)


@pytest.fixture
def motion(face, rng):
    return Motion(rng.normal(0, 0.3, (4, len(face.space))), 24, face.space)


def test_it_is_a_face(face):
    assert isinstance(face, Face)
    assert face.neutral().shape == (len(face.head_weight), 3)
    triangles, v = face.surface.triangles, len(face.surface.uv)
    assert np.array_equal(np.unique(triangles), np.arange(v))


def test_vertices_lie_on_the_surface_of_every_frame(face, motion):
    vertices = face.mesh(motion).vertices
    for values, frame in zip(motion.values, vertices, strict=True):
        field = face.field(values)
        units = frame / np.float32(face.unit_m)
        here = units + field.offsets(units)
        np.testing.assert_allclose(here, face.canonical, atol=2 * TOLERANCE_M / face.unit_m)
    assert np.abs(vertices[0] - vertices[1]).max() > 1e-3


def test_frames_do_not_depend_on_those_before(face, motion):
    whole = face.mesh(motion).vertices
    for i in range(len(motion)):
        np.testing.assert_allclose(face.mesh(motion.frames(i, i + 1)).vertices[0], whole[i], atol=4 * TOLERANCE_M)


def test_tracked_vertices_are_as_far_from_the_surface_as_extracted_ones(face, motion):
    tracked = face.mesh(motion).vertices[0] / np.float32(face.unit_m)
    here = face.field(motion.values[0]).sdf(tracked)
    np.testing.assert_allclose(here, face.field().sdf(face.canonical), atol=1e-3)


def test_extraction_is_that_of_the_dense_grid(face, motion):
    sparse, dense = face.extracted(motion.values[0]), face.extracted(motion.values[0], dense=True)
    np.testing.assert_allclose(sparse[0], dense[0], rtol=0, atol=1e-6)
    assert np.array_equal(sparse[1], dense[1])


def test_the_bake_is_exact_for_single_columns(face):
    one = Motion(np.eye(len(face.space)), 24, face.space)
    np.testing.assert_allclose(face.baked.mesh(one).vertices, face.mesh(one).vertices, atol=4 * TOLERANCE_M)
    np.testing.assert_array_equal(face.baked.rest, face.rest)


def test_the_bake_says_how_far_off_it_is(face, motion):
    error = face.bake_error(motion)
    gap = np.linalg.norm(face.mesh(motion).vertices - face.baked.mesh(motion).vertices, axis=2)
    np.testing.assert_allclose(error["max_mm"], gap.max() * 1000, rtol=1e-3)
    assert 0 < error["mean_mm"] < error["p95_mm"] < error["max_mm"]


def test_head_pose_turns_it(face):
    pose = np.eye(4, dtype=np.float32)[None].copy()
    pose[0, :3, 3] = [0, 0.1, 0]
    motion = Motion(np.zeros((1, len(face.space))), 24, face.space, head_pose=pose)
    np.testing.assert_allclose(face.mesh(motion).vertices[0], face.neutral() + np.float32([0, 0.1, 0]), atol=1e-4)


def test_a_motion_of_another_space_is_refused(face):
    with pytest.raises(InputError, match="convert the motion first"):
        face.mesh(Motion(np.zeros((1, 15)), 30, "oculus-15"))


def test_exporters_take_it(face, motion, tmp_path):
    from personare.export.glb import write
    from personare.types import Take

    write(tmp_path / "a.glb", Take(motion, face=face))
    assert (tmp_path / "a.glb").read_bytes()[:4] == b"glTF"
