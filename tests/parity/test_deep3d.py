"""The networks that read coefficients off pictures, with formula weights, against the originals."""

import json

import numpy as np
import pytest
from formula import filled, numbers

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

from torch.nn import functional as F  # noqa: E402

from personare.learn.nets.deep3d import BLOCKS, HEADS, Deep3D, DvpReconstruction, ResNet50  # noqa: E402


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "voice_puppetry_audiodvp"


def test_audiodvp_s_network(fixtures):
    published = np.load(fixtures / "dvp_atnet_reference.npz")
    shapes = json.loads((fixtures / "dvp_atnet_meta.json").read_text())["resnet"]["shapes"]
    network = DvpReconstruction()
    body = {name: value for name, value in network.state_dict().items() if not name.startswith("fc.")}
    assert {name: list(value.shape) for name, value in body.items()} == shapes
    assert not network(torch.rand(2, 3, 224, 224)).any()  # it begins at the mean face
    weights = {name: torch.from_numpy(filled(name, tuple(value.shape), 0.7 if name in shapes else 0.1))
               for name, value in network.state_dict().items()}
    pictures = torch.from_numpy((0.5 * numbers("input:resnet", 2 * 3 * 224 * 224)).reshape(2, 3, 224, 224)).float()
    for training, name in ((False, "resnet_eval_features"), (True, "resnet_train_features")):
        network.load_state_dict(weights)
        with torch.no_grad():
            found = ResNet50.forward(network.train(training), pictures).flatten(1).numpy()
        # Fifty layers of float32 round differently from processor to processor: 1.4e-5 seen.
        np.testing.assert_allclose(found, published[name], atol=3e-5 * np.abs(published[name]).max())
    network.load_state_dict(weights)
    with torch.no_grad():
        found = network.eval()(pictures).numpy()
    np.testing.assert_allclose(found, published["resnet_eval_coef"], atol=1e-5 * np.abs(found).max())


def written_again(state, pictures):
    """Deep3DFaceRecon_pytorch's network, straight from the description: strides in the middle convolution."""
    def normalised(name, x):
        return F.batch_norm(x, *(state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))

    def unit(name, norm, x, **options):
        return normalised(norm, F.conv2d(x, state[f"{name}.weight"], **options))

    x = F.relu(unit("backbone.conv1", "backbone.bn1", pictures, stride=2, padding=3))
    x = F.max_pool2d(x, 3, 2, 1)
    for layer, count in enumerate(BLOCKS, 1):
        for k in range(count):
            name, stride = f"backbone.layer{layer}.{k}", 2 if layer > 1 and k == 0 else 1
            y = F.relu(unit(f"{name}.conv1", f"{name}.bn1", x))
            y = F.relu(unit(f"{name}.conv2", f"{name}.bn2", y, stride=stride, padding=1))
            y = unit(f"{name}.conv3", f"{name}.bn3", y)
            if k == 0:
                x = unit(f"{name}.downsample.0", f"{name}.downsample.1", x, stride=stride)
            x = F.relu(x + y)
    x = F.adaptive_avg_pool2d(x, 1)
    return torch.cat([F.conv2d(x, state[f"final_layers.{i}.weight"], state[f"final_layers.{i}.bias"])
                      for i in range(len(HEADS))], 1).flatten(1)


def formula_state():
    """Weights of the whole network by the fixtures' rule."""
    return {name: torch.from_numpy(filled(name, tuple(value.shape), 0.7))
            for name, value in Deep3D().state_dict().items()}


def test_deep3d_s_network_and_its_bundle(tmp_path):
    """From a checkpoint of the published layout to a row of coefficients, without torch."""
    pytest.importorskip("onnx", reason="needs onnx, an optional install")
    from personare.learn.convert import convert_checkpoint
    from personare.tracking.deep3d import Deep3DNetwork, deep3d_coefficients, face_crop

    state = formula_state()
    assert [tuple(state[f"final_layers.{i}.weight"].shape) for i in range(7)] == [(n, 2048, 1, 1) for n in HEADS]
    torch.save({"net_recon": state, "opt_00": {"state": {0: {"step": 3}}, "param_groups": []},
                "sched_00": {"gamma": 0.2}}, tmp_path / "epoch_20.pth")
    bundle = convert_checkpoint(tmp_path / "epoch_20.pth", tmp_path / "deep3d")
    y, x = np.mgrid[0:360, 0:480]
    picture = np.stack([x * 255 // 479, y * 255 // 359, ((x // 20 + y // 20) % 2) * 200 + 20], -1).astype(np.uint8)
    points = np.array([[200.0, 150], [270, 148], [236, 190], [208, 230], [262, 228]])
    network = Deep3DNetwork(bundle.folder)
    fit = deep3d_coefficients(picture, points, network=network)
    crop = face_crop((480, 360), points, standard=network.standard).picture(picture)
    with torch.no_grad():
        expected = written_again(state, torch.from_numpy(crop.transpose(2, 0, 1)[None] / np.float32(255))).numpy()
    found = np.concatenate([fit.identity, fit.expression, fit.texture, fit.angles_rad, fit.light.reshape(1, 27),
                            fit.translation], 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
