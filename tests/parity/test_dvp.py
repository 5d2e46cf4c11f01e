"""ATnet's features and AudioDVP's audio network with formula weights give what the originals give."""

import json

import numpy as np
import pytest
from formula import filled, numbers

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

from personare.learn.nets.dvp import atnet_of, audio_expression_of  # noqa: E402


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "voice_puppetry_audiodvp"


@pytest.fixture(scope="module")
def published(fixtures):
    return dict(np.load(fixtures / "dvp_atnet_reference.npz"))


def tensors_of(fixtures, network, gain):
    shapes = json.loads((fixtures / "dvp_atnet_meta.json").read_text())[network]["shapes"]
    return {key: filled(key, tuple(shape), gain) for key, shape in shapes.items()}


def test_the_audio_network(fixtures, published):
    network = audio_expression_of(tensors_of(fixtures, "a2e", 1.0))
    features = numbers("input:a2e", 5 * 7 * 256).reshape(5, 7, 256).astype(np.float32)
    with torch.no_grad():
        found = network(torch.from_numpy(features))
    np.testing.assert_allclose(found, published["a2e_output"], atol=1e-5)


def test_their_bundles_give_the_published_numbers_without_torch(fixtures, published, tmp_path):
    pytest.importorskip("onnx", reason="needs onnx, an optional install")
    from personare.assets import open_graph
    from personare.audio.atnet import Atnet
    from personare.learn.convert import convert_checkpoint

    bundle = convert_checkpoint(fixtures / "dvp_audio2expression_formula.safetensors", tmp_path / "dvp")
    features = numbers("input:a2e", 5 * 7 * 256).reshape(5, 7, 256).astype(np.float32)
    found = open_graph(bundle.path("model.onnx")).run(None, {"rows": features})[0]
    np.testing.assert_allclose(found, published["a2e_output"][:, :, 0], atol=1e-5)
    tensors = {name: torch.from_numpy(value) for name, value in tensors_of(fixtures, "atnet", 0.7).items()}
    torch.save(tensors, tmp_path / "atnet.pth")
    convert_checkpoint(tmp_path / "atnet.pth", tmp_path / "atnet")
    images = (10 * numbers("input:atnet", 4 * 28 * 12)).reshape(4, 336).astype(np.float32)
    np.testing.assert_allclose(Atnet(tmp_path / "atnet").run(images), published["atnet_features"][0], rtol=1e-5,
                               atol=1e-5)


def test_features_and_landmarks_of_atnet(fixtures, published):
    network = atnet_of(tensors_of(fixtures, "atnet", 0.7))
    windows = torch.from_numpy(10 * numbers("input:atnet", 4 * 28 * 12).reshape(1, 4, 28, 12)).float()
    rest = torch.from_numpy(numbers("input:atnet_landmark", 6).reshape(1, 6)).float()
    with torch.no_grad():
        features, landmarks = network.features(windows[0]), network(windows, rest)
    np.testing.assert_allclose(features, published["atnet_features"][0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(landmarks, published["atnet_pca"], rtol=1e-5, atol=1e-5)
