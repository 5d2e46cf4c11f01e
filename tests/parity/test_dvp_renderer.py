"""AudioDVP's renderer of faces and its judge against numbers of the original code, made with deterministic weights."""

import json

import numpy as np
import pytest
from formula import fill, numbers

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")

from personare.learn.nets.dvp_renderer import dvp_judge, dvp_renderer  # noqa: E402


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
