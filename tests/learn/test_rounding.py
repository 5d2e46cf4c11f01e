import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="rounding measures a network with torch")

from personare.learn.export import Folded, onnx_bytes  # noqa: E402
from personare.learn.nets.vox import Vox, VoxConfig  # noqa: E402
from personare.learn.rounding import input_moments, rounded  # noqa: E402

CONFIG = VoxConfig(band_count=8, width=96, dilations=(1, 2), aheads=(1, 0))


def test_the_output_of_a_layer_stays_nearer_than_with_the_nearest_weights():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 64)) + 0.1 * rng.normal(size=(4000, 64))
    values = rng.normal(size=(32, 64))
    scale = np.broadcast_to(np.abs(values).max(1, keepdims=True) / 7, values.shape)
    whole = rounded(values, scale, inputs.T @ inputs / len(inputs), most=7)
    nearest = np.round(values / scale).clip(-7, 7)
    np.testing.assert_array_equal(whole, np.round(whole))
    assert np.abs(whole).max() <= 7

    def error(found):
        return np.square(inputs @ (found * scale - values).T).mean()

    assert error(whole) < 0.3 * error(nearest)
    np.testing.assert_array_equal(rounded(values, scale, np.eye(64), most=7), nearest)


def test_moments_are_those_of_what_each_tap_of_a_weight_reads():
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv1d(3, 5, 3, stride=2, dilation=2, bias=False))
    rows = torch.randn(2, 3, 40)
    moments = input_moments(layers, rows)["0.weight"]
    with torch.no_grad():
        power = layers(rows).square().mean((0, 2)).numpy()
    flat = layers[0].weight.detach().numpy().reshape(5, 9)
    np.testing.assert_allclose(np.einsum("on,nm,om->o", flat, moments, flat), power, rtol=1e-5)


def test_a_graph_of_4_bits_rounded_for_its_input_is_nearer_to_the_network():
    import onnxruntime

    torch.manual_seed(0)
    network = Vox(CONFIG)
    voice = torch.randn(4, 401, 3) @ torch.randn(3, 8)  # bands that go together, as those of speech do
    with torch.no_grad():
        for _ in range(20):
            network.train()(voice)
    folded = Folded(network.eval())
    with torch.no_grad():
        expected = torch.cat(folded(voice[:1]), 2).numpy()
    errors = []
    for rows in (None, voice[1:]):
        session = onnxruntime.InferenceSession(onnx_bytes(folded, bits=4, rows=rows),
                                               providers=["CPUExecutionProvider"])
        found = np.concatenate(session.run(None, {"rows": voice[:1].numpy()}), axis=2)
        errors.append(np.square(found - expected).mean())
    assert errors[1] < 0.6 * errors[0]
