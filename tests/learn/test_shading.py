"""Normals, poses and light in torch equal those of faces/bfm_fit.py; so does the whole face model."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

from personare.faces import bfm_fit  # noqa: E402
from personare.faces.bfm import BfmModel  # noqa: E402
from personare.learn import shading  # noqa: E402
from personare.learn.face_model import face_model  # noqa: E402


def model_of(rng):
    """A BfmModel of a bent sheet of 7 x 6 vertices."""
    y, x = np.mgrid[0:7, 0:6]
    mean = np.stack([x * 0.02, y * 0.02, 0.03 * np.cos(0.5 * x) + 0.01 * y], -1).reshape(-1, 3)
    at = np.arange(42).reshape(7, 6)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return BfmModel(mean=mean, identity=rng.normal(0, 1e-3, (80, 42, 3)), expression=rng.normal(0, 1e-3, (64, 42, 3)),
                    albedo_mean=rng.uniform(0.3, 0.7, (42, 3)), albedo=rng.normal(0, 0.01, (80, 42, 3)),
                    triangles=triangles, incident=shading.incident_of(triangles, 42).numpy(),
                    landmarks=rng.integers(0, 42, 68))


@pytest.mark.parametrize("convention", ["deep3d", "audiodvp"])
def test_the_face_model_agrees_with_numpy(rng, convention):
    model = model_of(rng)
    identity, expression, texture = rng.normal(size=(2, 80)), rng.normal(size=(2, 64)), rng.normal(size=(2, 80))
    angles, light, move = rng.normal(0, 0.5, (2, 3)), rng.normal(size=(2, 3, 9)), rng.normal(0, 0.2, (2, 3))
    ours = face_model(model, convention=convention, dtype=torch.float64)
    tensor = torch.tensor
    geometry = ours.geometry(tensor(identity), tensor(expression))
    world = ours.posed(geometry, tensor(angles), tensor(move))
    color = ours.colors(geometry, tensor(angles), tensor(texture), tensor(light))
    marks = ours.marks(ours.clip(world), (224, 224) if convention == "deep3d" else (256, 256))
    turn = np.swapaxes(bfm_fit.rotations(angles), 1, 2)
    if convention == "deep3d":
        shape = bfm_fit.deep3d_geometry(model, identity, expression)
        posed, ambient = bfm_fit.deep3d_posed(shape, angles, move), bfm_fit.DEEP3D_AMBIENT
        points = bfm_fit.landmarks(model, bfm_fit.deep3d_pixels(posed)) + np.array([0, 1])  # whole middles
    else:
        shape = bfm_fit.audiodvp_geometry(model, identity, expression)
        posed, ambient = bfm_fit.audiodvp_posed(shape, angles, move), bfm_fit.AUDIODVP_AMBIENT
        np.testing.assert_allclose(ours.clip(world), bfm_fit.audiodvp_clip(posed), atol=1e-9)
        points = bfm_fit.landmarks(model, bfm_fit.audiodvp_pixels(bfm_fit.audiodvp_clip(posed)), mirrored=True)
    np.testing.assert_allclose(world, posed, atol=1e-9)
    np.testing.assert_allclose(marks, points, atol=1e-7)
    normal = bfm_fit.normals(model, shape, by_area=convention == "audiodvp") @ turn
    np.testing.assert_allclose(color, bfm_fit.shaded(model.reflectance(texture), normal, light, ambient=ambient),
                               atol=1e-9)


def test_turns_are_rotations_with_gradients_at_rest():
    vectors = torch.tensor([[0.0, 0, 0], [1e-5, 0, 0], [0.3, -0.5, 0.2], [0, 3.0, 0]], dtype=torch.float64)
    found = shading.turns(vectors)
    expected = torch.linalg.matrix_exp(torch.stack([torch.stack([
        torch.stack([torch.zeros_like(x), -z, y]), torch.stack([z, torch.zeros_like(x), -x]),
        torch.stack([-y, x, torch.zeros_like(x)])]) for x, y, z in vectors]))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    assert torch.autograd.gradcheck(shading.turns, (vectors.requires_grad_(),))


def test_welded_vertices_share_a_normal(rng):
    triangles = np.array([[0, 1, 2], [3, 5, 4]])  # two sheets that meet along 1-2 and 4-5, doubled
    vertices = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, -1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)
    apart = shading.normals(vertices[None], torch.tensor(triangles), shading.incident_of(triangles, 6))[0]
    joined = shading.normals(vertices[None], torch.tensor(triangles),
                             shading.incident_of(triangles, 6, weld=[0, 1, 2, 3, 1, 2]))[0]
    assert torch.equal(joined[1], joined[4])
    assert torch.equal(joined[2], joined[5])
    torch.testing.assert_close(joined[0], apart[0])
    torch.testing.assert_close(joined[1], torch.nn.functional.normalize(apart[0] + apart[3], dim=0))
