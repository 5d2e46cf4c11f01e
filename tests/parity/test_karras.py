"""FACEGOOD's networks and losses against numbers of the original TensorFlow code, made with deterministic weights."""

import json
import zlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra personare[learn]")

from personare.learn.nets.karras import Karras, KarrasConfig, facegood_loss, position_loss  # noqa: E402

TOLERANCE = 2e-6
# The TF1 graph names its layers in the order of their making: formant, emotion, then a pair for every later layer.
TF1 = {**{f"formant.{i}": i for i in range(5)}, "heard": 5, **{f"articulation.{i}": 6 + 2 * i for i in range(5)},
       **{f"emotion.{i}": 7 + 2 * i for i in range(5)}}


def hashed(key, shape, scale):
    """The filler of the fixtures: an integer hash of a name and a place, evenly spread over scale * (-0.5..0.5)."""
    mask = np.uint64(2**32 - 1)
    seed = np.uint64(zlib.crc32(key.encode()))
    x = (np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(0x9E3779B1) + seed) & mask
    for shift, factor in ((16, 0x85EBCA77), (13, 0xC2B2AE3D)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & mask
    x ^= x >> np.uint64(16)
    return (scale * (x / 2**32 - 0.5)).reshape(shape)


def fill(layer, key):
    """Set the kernel and bias of one layer, which TensorFlow keeps as (height, width, in, out)."""
    shape = layer.weight.shape[2:] + layer.weight.shape[1::-1]
    kernel = hashed(f"{key}.kernel", shape, np.sqrt(12 / np.prod(shape[:-1])))
    layer.weight.data = torch.from_numpy(np.moveaxis(kernel, (-1, -2), (0, 1)).astype(np.float32))
    layer.bias.data = torch.from_numpy(hashed(f"{key}.bias", layer.bias.shape, 0.2).astype(np.float32))


def named(key, shape, scale=1.0):
    return torch.from_numpy(hashed(key, shape, scale).astype(np.float32))


@pytest.fixture(scope="module")
def images():
    return named("facegood.input", (4, 32, 64), 4.0)


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "facegood_styleavatar_deep3d"


def facegood(variant):
    """A network with the weights of the fixtures."""
    network = Karras(KarrasConfig(variant=variant, dropout=0.5)).eval()
    if variant == "tf2":
        keys = {f"formant.{i}": f"formant.{i}" for i in range(5)}
        keys |= {f"{part}.{i}": f"articulation.{i}.{name}" for i in range(5)
                 for part, name in (("articulation", "conv"), ("emotion", "emotion"))}
        constant = hashed("facegood.emotion", (1, 1, 64, 16), 2.0).transpose(0, 3, 1, 2)
        network.constant.copy_(torch.from_numpy(constant.astype(np.float32)))
        last = ("output.fc1", "output.fc2")
    else:
        keys = {part: f"tf1.conv2d_{i}" for part, i in TF1.items()}
        last = ("tf1.dense_0", "tf1.dense_1")
    for part, key in keys.items():
        fill(network.get_submodule(part).convolution, key)
    fill(network.basis_weights, last[0])
    fill(network.basis, last[1])
    return network


def watched(network, images):
    """(output, output of the formant network, of the articulation network), as TensorFlow orders axes."""
    seen = {}
    network.formant[-1].register_forward_hook(lambda *call: seen.update(formant=call[2]))
    network.basis_weights.register_forward_hook(lambda *call: seen.update(articulation=call[1][0]))
    with torch.no_grad():
        output = network(images)
    return output.numpy(), seen["formant"].permute(0, 2, 3, 1).numpy(), seen["articulation"].numpy()


def test_the_network_of_2023(fixtures, images):
    network = facegood("tf2")
    assert sum(value.numel() for value in network.parameters()) == 1473204
    with np.load(fixtures / "facegood_net_tf2.npz") as original:
        output, formant, articulation = watched(network, images)
        np.testing.assert_allclose(formant, original["formant"], atol=TOLERANCE)
        np.testing.assert_allclose(articulation, original["articulation"].reshape(4, -1), atol=TOLERANCE)
        np.testing.assert_allclose(output, original["output"], atol=TOLERANCE)


def test_the_network_of_2021(fixtures, images):
    network = facegood("tf1")
    with np.load(fixtures / "facegood_net_tf1.npz") as original, torch.no_grad():
        np.testing.assert_allclose(network(images), original["output"], atol=TOLERANCE)
        emotion = network.heard_emotion(images).permute(0, 2, 3, 1)
        np.testing.assert_allclose(emotion, original["emotion"], atol=TOLERANCE)


def test_zeros_on_both_sides_would_be_another_network(fixtures, images):
    network = facegood("tf2")
    for layer in [*network.formant[:4], *network.articulation[:4]]:
        layer.forward = lambda x, layer=layer: torch.relu(torch.nn.functional.conv2d(
            x, layer.convolution.weight, layer.convolution.bias, layer.stride, [k // 2 for k in layer.kernel]))
    with np.load(fixtures / "facegood_net_tf2.npz") as original, torch.no_grad():
        assert np.abs(network(images).numpy() - original["output"]).max() > 0.01


def test_losses(fixtures, images):
    wanted = json.loads((fixtures / "facegood_losses.json").read_text())
    curves = named("facegood.gt", (4, 37))
    emotion = named("facegood.emo_for_loss", (4, 1, 64, 16)).permute(0, 3, 1, 2)
    with torch.no_grad():
        network = facegood("tf2")
        predicted, constant = network(images), network.heard_emotion(images)
        position = position_loss(predicted, curves).item()
        assert position == pytest.approx(wanted["loss_P_tf2"], rel=1e-5)
        motion = facegood_loss(predicted, curves, constant).item() - position
        assert motion == pytest.approx(wanted["loss_M_tf2"], rel=1e-5)
        assert position + motion == pytest.approx(wanted["tf2_loss_shipped_emotion_constant"], rel=1e-5)
        learned = facegood_loss(predicted, curves, emotion).item()
        assert learned == pytest.approx(wanted["tf2_loss_with_emo_for_loss"], rel=1e-5)
        network = facegood("tf1")
        predicted, heard = network(images), network.heard_emotion(images)
        assert facegood_loss(predicted, curves, heard, variant="tf1").item() == pytest.approx(wanted["tf1_loss"],
                                                                                              rel=1e-5)
