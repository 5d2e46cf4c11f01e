"""The torch networks and the field without torch are the same functions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

CONFIG = {"pairs": 3, "middle": 2, "global_size": 8, "local_size": 4, "identity_hidden": 24, "anchor_hidden": 8,
          "compressed_size": 4, "expression_size": 6, "expression_hidden": 32}


@pytest.fixture
def networks(rng):
    from personare.faces.nphm_model import EXPRESSION, IDENTITY, model_of
    from personare.learn.nets.nphm import Expression, Identity, NphmConfig

    torch.manual_seed(0)
    config, anchors = NphmConfig(**CONFIG), rng.uniform(-0.3, 0.3, (8, 3)).astype(np.float32)
    identity, expression = Identity(config, anchors), Expression(config)
    tensors = {IDENTITY + name: value.numpy() for name, value in identity.state_dict().items()}
    tensors |= {EXPRESSION + name: value.numpy() for name, value in expression.state_dict().items()}
    return identity, expression, model_of(tensors, anchors), config


def test_both_give_the_same(networks, rng):
    identity, expression, model, config = networks
    codes = rng.normal(0, 0.3, (2, config.identity_size)).astype(np.float32)
    faces = rng.normal(0, 0.5, (2, config.expression_size)).astype(np.float32)
    points, person = rng.uniform(-0.4, 0.4, (80, 3)).astype(np.float32), np.arange(80) % 2
    with torch.no_grad():
        anchors = identity.anchors_of(torch.from_numpy(codes))
        distance = identity(torch.from_numpy(points), torch.from_numpy(person), torch.from_numpy(codes)).numpy()
        offsets = expression(torch.from_numpy(points), torch.from_numpy(person), torch.from_numpy(codes), anchors,
                             torch.from_numpy(faces)).numpy()
    for who in (0, 1):
        field = model.field(codes[who], faces[who])
        np.testing.assert_allclose(field.anchors, anchors[who], atol=1e-6)
        np.testing.assert_allclose(field.offsets(points)[person == who], offsets[person == who], atol=2e-6)
        # Training leaves out members with less than 0.2 % of the blend.
        np.testing.assert_allclose(model.field(codes[who]).sdf(points)[person == who], distance[person == who],
                                   atol=2e-2)


def test_names_and_shapes_are_those_of_the_checkpoints(networks):
    identity, expression, _, config = networks
    assert set(identity.state_dict()) == {
        *(f"ensembled_deep_sdf.lin{i}.{kind}" for i in range(5) for kind in ("weight", "bias")),
        *(f"mlp_pos.{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias"))}
    assert identity.state_dict()["ensembled_deep_sdf.lin0.weight"].shape == (6, 24, 3 + 8 + 4)
    assert expression.state_dict()["defDeepSDF.lin6.weight"].shape == (3, 32)
    assert expression.state_dict()["compressor.0.weight"].shape == (4, config.identity_size + 3 * 8)


def test_softplus_has_its_gradient(rng):
    from personare.learn.nets.nphm import softplus

    x = torch.from_numpy(rng.normal(0, 0.05, (9, 11)).astype(np.float32)).requires_grad_()
    softplus(x).square().sum().backward()
    exact = x.detach().double().requires_grad_()
    torch.nn.functional.softplus(exact, 100).square().sum().backward()
    np.testing.assert_allclose(x.grad, exact.grad, atol=1e-5)
