"""Models of any size are recognised by their tensors, and tensors that do not belong together are refused."""

import numpy as np
import pytest

from personare.errors import AssetError, InputError
from personare.faces.nphm_model import model_of


def plain_sdf(model, identity, points):
    """The formula of the paper for one point after the other, in float64."""
    tensors = {name.removeprefix("identity."): value.astype(np.float64) for name, value in model.tensors.items()
               if name.startswith("identity.")}
    anchors, members = model.anchors(identity).astype(np.float64), len(model.mean_anchors) + 1
    out = np.zeros(len(points))
    for row, q in enumerate(points.astype(np.float64)):
        weights = np.append(np.exp(-(np.linalg.norm(q - anchors, axis=1) + 1e-5) ** 2 / 0.01), np.exp(-20.0))
        for k in range(members):
            x = q - anchors[k] if k < members - 1 else q.copy()
            x[0] *= -1 if k < 2 * model.pairs and k % 2 else 1
            own = identity[model.global_size + k * model.local_size :][: model.local_size]
            inputs = h = np.concatenate([x, identity[: model.global_size], own])
            for layer in range(5):
                h = np.concatenate([h, inputs]) / np.sqrt(2) if layer == 2 else h
                h = tensors[f"ensembled_deep_sdf.lin{layer}.weight"][model.slot(k)] @ h + tensors[
                    f"ensembled_deep_sdf.lin{layer}.bias"][model.slot(k)]
                h = np.logaddexp(0, 100 * h) / 100 if layer < 4 else h
            out[row] += weights[k] * h[0] / (weights.sum() + 1e-6)
    return out


def test_field_is_the_formula(nphm_model, rng):
    identity = rng.normal(0, 0.1, nphm_model.identity_size).astype(np.float32)
    points = rng.uniform(-0.5, 0.5, (60, 3)).astype(np.float32)
    field = nphm_model.field(identity)
    np.testing.assert_allclose(field.sdf(points), plain_sdf(nphm_model, identity, points), atol=2e-6)
    gradients = field.sdf_with_gradient(points)[1]
    step = 1e-5
    for axis in range(3):
        shift = np.eye(3, dtype=np.float32)[axis] * step
        high, low = (plain_sdf(nphm_model, identity, points.astype(np.float64) + s * shift) for s in (1, -1))
        assert np.median(np.abs((high - low) / (2 * step) - gradients[:, axis])) < 1e-4


def test_sizes_are_read_from_shapes(nphm_model):
    assert (nphm_model.pairs, nphm_model.global_size, nphm_model.local_size) == (2, 6, 4)
    assert (nphm_model.expression_size, nphm_model.mode, nphm_model.extra) == (5, "compress", 0)
    assert nphm_model.identity_size == 6 + 6 * 4


def test_without_floor_signs_stay_and_far_values_grow(nphm_model, rng):
    field = nphm_model.field()
    points = rng.uniform(-0.9, 0.9, (300, 3)).astype(np.float32)
    here, even = field.sdf(points), field.even().sdf(points)
    assert np.array_equal(here > 0, even > 0)
    assert np.abs(even).sum() > np.abs(here).sum()


def test_the_neutral_head_is_not_moved(nphm_model):
    assert not nphm_model.field().offsets(np.ones((4, 3), np.float32)).any()


@pytest.mark.parametrize(("change", "told"), [
    (lambda t: t.pop("identity.mlp_pos.0.weight"), "no tensor"),
    (lambda t: t.update({"identity.ensembled_deep_sdf.lin3.weight": np.zeros((4, 24, 9))}), "does not follow"),
    (lambda t: t.update({"identity.mlp_pos.4.bias": np.zeros(12)}), "4 anchors, and 5"),
    (lambda t: t.update({"expression.defDeepSDF.lin1.bias": np.full(32, np.nan)}), "not finite"),
    (lambda t: t.update({"identity.ensembled_deep_sdf.lin0.weight": np.zeros((9, 24, 13))}), "do not belong together"),
])
def test_weights_that_do_not_fit_are_refused(nphm_model, change, told):
    tensors = dict(nphm_model.tensors)
    change(tensors)
    with pytest.raises(AssetError, match=told):
        model_of(tensors, nphm_model.mean_anchors)


def test_codes_have_their_size(nphm_model):
    with pytest.raises(InputError, match=r"expression: expected shape \(5,\)"):
        nphm_model.field(expression=np.zeros(6))
