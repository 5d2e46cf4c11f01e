"""Geometry, normals, camera, light and landmarks of the Basel conventions equal those of the original programs.

Deep3DFaceRecon_pytorch and style_avatar's TensorFlow decoder (which agree), and AudioDVP, all run on small models that
a formula makes; see the README files of the fixtures.
"""

import importlib.util
import sys

import numpy as np
import pytest

from personare.faces import bfm_fit
from personare.faces.bfm import AUDIODVP_UNIT_M, BfmModel, rows
from personare.files.matlab import read_mat


def module(path, monkeypatch):
    """A module of the fixtures, imported from its file."""
    monkeypatch.syspath_prepend(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, found)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def deep3d(shared, monkeypatch):
    """Model, coefficients and what the original makes of them."""
    folder = shared / "fixtures" / "facegood_styleavatar_deep3d"
    module(folder / "detfill.py", monkeypatch)
    synth = module(folder / "synth_bfm.py", monkeypatch)
    made = synth.build()
    model = BfmModel(
        mean=made["meanshape"].reshape(-1, 3) * 0.1, identity=rows(made["idBase"]) * np.float32(0.1),
        expression=rows(made["exBase"]) * np.float32(0.1), albedo_mean=made["meantex"].reshape(-1, 3) / 255,
        albedo=rows(made["texBase"]) / np.float32(255), triangles=made["tri"] - 1, incident=made["point_buf"] - 1,
        landmarks=made["keypoints"].ravel() - 1)
    return model, bfm_fit.split_deep3d(synth.coeffs(2)), np.load(folder / "deep3d_synth.npz")


def test_deep3d(deep3d):
    model, fit, expected = deep3d
    geometry = bfm_fit.deep3d_geometry(model, fit.identity, fit.expression)
    np.testing.assert_allclose(geometry, expected["face_shape"], atol=1e-6)
    turn = bfm_fit.rotations(fit.angles_rad)
    np.testing.assert_allclose(np.swapaxes(turn, 1, 2), expected["rotation"], atol=1e-6)
    normal = bfm_fit.normals(model, geometry)
    np.testing.assert_allclose(normal, expected["vertex_normal"], atol=1e-5)
    posed = bfm_fit.deep3d_posed(geometry, fit.angles_rad, fit.translation)
    camera = np.stack([posed[..., 0], posed[..., 1], 10 - posed[..., 2]], -1)
    np.testing.assert_allclose(camera, expected["vertex_camera"], atol=2e-6)
    points = bfm_fit.landmarks(model, bfm_fit.deep3d_pixels(posed))
    np.testing.assert_allclose(points, expected["landmark_image"], atol=1e-4)
    texture = model.reflectance(fit.texture)
    np.testing.assert_allclose(texture, expected["texture01"], atol=1e-6)
    color = bfm_fit.shaded(texture, normal @ np.swapaxes(turn, 1, 2), fit.light, ambient=bfm_fit.DEEP3D_AMBIENT)
    np.testing.assert_allclose(color, expected["color01"], atol=1e-5)


@pytest.fixture
def audiodvp(shared, monkeypatch):
    """The grid face of the fixture's own script, its coefficients, and what AudioDVP makes of them."""
    folder = shared / "fixtures" / "voice_puppetry_audiodvp"
    det = module(folder / "det.py", monkeypatch)
    mean, triangles, basis = grid_face(det)
    n = len(mean)
    keypoints = read_mat(shared / "data" / "faces" / "bfm_index" / "facemodel_info.mat", ["keypoints"])["keypoints"]
    unit = np.float32(AUDIODVP_UNIT_M)
    model = BfmModel(
        mean=mean * AUDIODVP_UNIT_M, identity=rows(basis["id_base"]) * unit, expression=rows(basis["exp_base"]) * unit,
        albedo_mean=0.5 + 0.25 * np.sin(5 * mean + np.array([0.0, 1.0, 2.0])), albedo=rows(basis["tex_base"]),
        triangles=triangles, incident=about_each(triangles, n), landmarks=keypoints.ravel() - 1)
    scales = {"alpha": (1, 80, 1), "delta": (2, 64, 1), "beta": (1, 80, 1), "rotation": (2, 3, 0.3),
              "translation": (2, 3, 0.2), "gamma": (2, 27, 0.2)}
    values = {name: det.tensor(f"fm:{name}", (t, k, 1), scale)[..., 0] for name, (t, k, scale) in scales.items()}
    return model, values, np.load(folder / "dvp_atnet_reference.npz")


def grid_face(det):
    """Mean (36100, 3), triangles and the three bases by name, flat, in AudioDVP's unit."""
    n = 190
    a, b = np.meshgrid(*[np.linspace(-1.3, 1.3, n)] * 2, indexing="ij")
    mean = 0.9 * np.stack([np.sin(a) * np.cos(b), 1.3 * np.sin(b), np.cos(a) * np.cos(b)], -1).reshape(-1, 3)
    index = np.arange(n * n).reshape(n, n)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    basis = {name: det.tensor(f"fm:{name}", (3 * n * n, count), scale) for name, count, scale in (
        ("id_base", 80, 0.0005), ("exp_base", 64, 0.0005), ("tex_base", 80, 0.01))}
    return mean, triangles, basis


def about_each(triangles, vertices):
    """(v, 8) triangles about each vertex, filled up with their number."""
    out = np.full((vertices, 8), len(triangles))
    order = np.argsort(triangles.ravel(), kind="stable")
    vertex, face = triangles.ravel()[order], order // 3
    place = np.arange(len(vertex)) - np.searchsorted(vertex, vertex)
    out[vertex, place] = face
    return out


def test_audiodvp(audiodvp):
    model, values, expected = audiodvp
    geometry = bfm_fit.audiodvp_geometry(model, values["alpha"], values["delta"])
    np.testing.assert_allclose(geometry[:, ::500], expected["fm_geo_s"], atol=2e-6)
    normal = bfm_fit.normals(model, geometry, by_area=True)
    # The original is float32, and about one corner of the grid its face normals nearly cancel.
    np.testing.assert_allclose(normal[:, ::500], expected["fm_normal_s"], atol=1.5e-4)
    world = bfm_fit.audiodvp_posed(geometry, values["rotation"], values["translation"])
    np.testing.assert_allclose(world[:, ::500], expected["fm_world_s"], atol=2e-6)
    np.testing.assert_allclose(bfm_fit.rotations(values["rotation"]), expected["fm_euler"], atol=1e-6)
    clip = bfm_fit.audiodvp_clip(world)
    np.testing.assert_allclose(clip[:, ::500], expected["fm_clip_s"], atol=5e-6)
    pixels = bfm_fit.audiodvp_pixels(clip)
    np.testing.assert_allclose(pixels[:, ::500], expected["fm_screen_s"], atol=2e-4)
    np.testing.assert_allclose(bfm_fit.landmarks(model, pixels, mirrored=True), expected["fm_landmarks"], atol=2e-4)
    turned = normal @ np.swapaxes(bfm_fit.rotations(values["rotation"]), 1, 2)
    color = bfm_fit.shaded(model.reflectance(values["beta"]), turned, bfm_fit.audiodvp_light(values["gamma"]),
                           ambient=bfm_fit.AUDIODVP_AMBIENT)
    np.testing.assert_allclose(color[:, ::500], expected["fm_color_s"], atol=2e-4)
