"""AudioDVP's renderer of faces and its judge against numbers of the original code, made with deterministic weights."""

import json
import zlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")

from personare.learn.nets.dvp_renderer import dvp_judge, dvp_renderer  # noqa: E402


def numbers(key, count):
    """The filler of the fixtures: splitmix64 of the name and the place, in -1..1."""
    with np.errstate(over="ignore"):
        x = np.uint64(zlib.crc32(key.encode())) * np.uint64(2**32) + np.arange(count, dtype=np.uint64)
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53 * 2.0 - 1.0


def fill(network, gain):
    """Give a network the weights of the fixtures, by the names of its tensors, and put it into evaluation mode."""
    for key, value in network.state_dict().items():
        last, drawn = key.rsplit(".", 1)[-1], numbers(key, value.numel())
        if last == "num_batches_tracked":
            drawn = np.zeros(1)
        elif last == "running_mean" or last.startswith("bias"):
            drawn = 0.1 * drawn
        elif last == "running_var" or value.ndim == 1:
            drawn = 1 + 0.1 * drawn
        else:
            drawn = drawn * np.sqrt(6.0 / np.prod(value.shape[1:])) * gain
        value.copy_(torch.from_numpy(drawn.reshape(value.shape)))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "voice_puppetry_audiodvp"


@pytest.fixture(scope="module")
def layouts(fixtures):
    return json.loads((fixtures / "dvp_atnet_meta.json").read_text())


@pytest.fixture(scope="module")
def published(fixtures):
    return dict(np.load(fixtures / "dvp_atnet_reference.npz"))


def picture(name, channels):
    """An input of the fixtures."""
    return torch.from_numpy(numbers(name, channels * 256 * 256).reshape(1, channels, 256, 256).astype(np.float32))


@pytest.mark.parametrize(("width", "name", "step"), [(8, "nfr_ngf8_out", 1), (64, "nfr_ngf64_out_stride4", 4)])
def test_renderer(published, layouts, width, name, step):
    network = dvp_renderer(width=width)
    told = layouts[f"nfr_ngf{width}"]
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == told["shapes"]
    assert sum(value.numel() for value in network.parameters()) == told["params"]
    found = fill(network, 0.6)(picture("input:nfr", 21))[0, :, ::step, ::step]
    np.testing.assert_allclose(found, published[name], atol=1e-5)


def test_judge(published, layouts):
    network = dvp_judge()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == layouts["nfr_D"]["shapes"]
    found = fill(network, 0.7)(picture("input:nfr_D", 24))
    np.testing.assert_allclose(found, published["nfr_D_out"], rtol=1e-5, atol=1e-5)
