"""NPHM and MonoNPHM against numbers of the original modules, made with deterministic weights."""

import json

import numpy as np
import pytest

from personare.faces.nphm_model import model_of

VALUES, GRADIENTS = 2e-6, 2e-5


def filled(key, shape):
    """The filler of the fixtures: an integer hash of the tensor's name and the place in it."""
    bound = np.sqrt(3 / shape[-1]) if key.endswith("weight") else 0.05
    seed = 0x811C9DC5
    for byte in key.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    mask = np.uint64(0xFFFFFFFF)
    x = (np.uint64(seed) + np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(0x9E3779B1)) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & mask
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & mask
    x ^= x >> np.uint64(16)
    return ((2 * (x.astype(np.float64) / 2**32) - 1) * bound).astype(np.float32).reshape(shape)


def tensors_of(shapes, prefix):
    return {prefix + key: filled(key, shape) for key, shape in shapes.items()}


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "facetalk_nphm"


@pytest.fixture(scope="module")
def nphm(fixtures):
    numbers = dict(np.load(fixtures / "nphm.npz"))
    layouts = json.loads((fixtures / "state_dict_keys_nphm.json").read_text())["state dicts"]
    identity = tensors_of(layouts["nphm_identity decoder_state_dict (pos_mlp_dim=256)"], "identity.")

    def model(mode):
        layout = layouts[f"nphm_expression decoder_state_dict mode={mode}"]
        return model_of(identity | tensors_of(layout, "expression."), numbers["anchors_mean"])

    return numbers, model


def test_identity_field(nphm):
    numbers, model = nphm
    field = model("compress").field(numbers["z_id"])
    np.testing.assert_allclose(field.anchors, numbers["anchors_pred"], atol=VALUES)
    np.testing.assert_allclose(field.weights(numbers["queries"]), numbers["blend_weights"], atol=1e-6)
    np.testing.assert_allclose(field.sdf(numbers["queries"]), numbers["sdf_id"], atol=VALUES)
    values, gradients = field.sdf_with_gradient(numbers["queries"])
    np.testing.assert_allclose(values, numbers["sdf_id"], atol=VALUES)
    np.testing.assert_allclose(gradients, numbers["sdf_id_grad"], atol=GRADIENTS)


def test_members(nphm):
    numbers, model = nphm
    field = model("compress").field(numbers["z_id"])
    for k, member in enumerate(field.members):
        local = field._local(numbers["queries"], k)
        np.testing.assert_allclose(local, numbers["local_coords"][k], atol=VALUES)
        np.testing.assert_allclose(member(local)[:, 0], numbers["sdf_members"][k], atol=VALUES)


def test_the_end_of_a_call_is_like_every_other_point(nphm):
    numbers, model = nphm
    field = model("compress").field(numbers["z_id"])
    assert numbers["sdf_id_original_eval_mode"][-1] - numbers["sdf_id"][-1] > 0.1
    np.testing.assert_allclose(field.sdf(numbers["queries"])[-1], numbers["sdf_id"][-1], atol=VALUES)


def test_other_people(nphm):
    numbers, model = nphm
    for code, sdf, anchors in zip(numbers["z_id_batch"], numbers["sdf_id_batch"], numbers["anchors_pred_batch"],
                                  strict=True):
        field = model("compress").field(code)
        np.testing.assert_allclose(field.anchors, anchors, atol=VALUES)
        np.testing.assert_allclose(field.sdf(numbers["queries"][:64]), sdf, atol=VALUES)


@pytest.mark.parametrize("mode", ["compress", "glob_only", "expr_only", "GNN"])
def test_deformation(nphm, mode):
    numbers, model = nphm
    family = model(mode)
    assert family.mode == mode
    assert family.expression_size == 200
    field = family.field(numbers["z_id"], numbers["z_ex"])
    np.testing.assert_allclose(field.offsets(numbers["queries"]), numbers[f"offsets_{mode}"], atol=VALUES)
    if f"sdf_backward_{mode}" in numbers:
        np.testing.assert_allclose(field.sdf(numbers["queries"]), numbers[f"sdf_backward_{mode}"], atol=VALUES)


def test_gradient_of_a_moving_head(nphm):
    numbers, model = nphm
    field = model("compress").field(numbers["z_id"], numbers["z_ex"])
    gradients = field.sdf_with_gradient(numbers["queries"])[1]
    np.testing.assert_allclose(gradients, numbers["sdf_backward_compress_grad"], atol=GRADIENTS)


@pytest.fixture(scope="module")
def mono(fixtures):
    numbers = dict(np.load(fixtures / "mononphm.npz"))
    layouts = json.loads((fixtures / "state_dict_keys_mononphm.json").read_text())
    tensors = tensors_of(layouts["id_decoder"], "identity.") | tensors_of(layouts["ex_decoder"], "expression.")
    return numbers, model_of(tensors, numbers["anchors_mean"])


def test_mononphm(mono):
    numbers, model = mono
    assert (model.identity_size, model.expression_size, model.pairs, model.extra) == (2176, 100, 30, 2)
    field = model.field(numbers["z_geo"], numbers["z_ex"], appearance=numbers["z_app"])
    queries = numbers["queries"]
    np.testing.assert_allclose(field.anchors, numbers["anchors_pred"], atol=VALUES)
    np.testing.assert_allclose(field.offsets(queries), numbers["offsets"], atol=VALUES)
    np.testing.assert_allclose(field.canonical(queries), numbers["queries_can"], atol=VALUES)
    np.testing.assert_allclose(field.sdf(queries), numbers["sdf"], atol=VALUES)
    np.testing.assert_allclose(field.color(queries), numbers["color"], atol=VALUES)
    neutral = model.field(numbers["z_geo"])
    np.testing.assert_allclose(neutral.sdf(queries), numbers["sdf_canonical_zero_hyper"], atol=VALUES)


def test_gradient_of_mononphm_is_that_of_its_values(mono):
    numbers, model = mono
    field = model.field(numbers["z_geo"], numbers["z_ex"])
    queries, step = numbers["queries"][:40].astype(np.float64), 1e-3
    gradients = field.sdf_with_gradient(queries)[1]
    for axis in range(3):
        shift = np.eye(3)[axis] * step
        slope = (field.sdf(queries + shift).astype(np.float64) - field.sdf(queries - shift)) / (2 * step)
        assert np.median(np.abs(slope - gradients[:, axis])) < 2e-3


def test_inverse_of_the_deformation(nphm):
    from personare.faces.inverse_warp import carry

    numbers, model = nphm
    carried = carry(model("compress").warp(numbers["z_id"], numbers["z_ex"]), numbers["inv_posed"], tolerance=1e-7)
    np.testing.assert_allclose(carried.points, numbers["inv_true_canonical"], atol=1e-6)
    assert carried.residual.max() <= numbers["inv_residual_original"].max() + 1e-6


def test_marching_cubes_of_the_original_grid(fixtures):
    from personare.faces.extraction import box_grid, extract

    numbers = np.load(fixtures / "marching_cubes.npz")
    grid = box_grid(numbers["mini"], numbers["maxi"], int(numbers["res"]))
    np.testing.assert_allclose(grid.points(np.arange(len(numbers["grid"]))), numbers["grid"], atol=1e-6)
    values = dict(zip(map(bytes, grid.points(np.arange(len(numbers["grid"])))), numbers["sdf"], strict=True))
    vertices, triangles = extract(lambda points: np.array([values[bytes(p)] for p in points]), grid, dense=True)
    assert (len(vertices), len(triangles)) == (len(numbers["vertices"]), len(numbers["faces"]))
    order = np.lexsort(np.round(vertices, 6).T), np.lexsort(np.round(numbers["vertices"], 6).T)
    np.testing.assert_allclose(vertices[order[0]], numbers["vertices"][order[1]], atol=1e-6)
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1).sum() / 2, numbers["area"], rtol=1e-5)
    np.testing.assert_allclose((normals * corners[:, 0]).sum() / 6, numbers["volume"], rtol=1e-3)
