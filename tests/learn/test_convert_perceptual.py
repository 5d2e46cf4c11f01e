"""LPIPS's weights, as released, against the network written a second time with torch's functions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from personare.errors import InputError  # noqa: E402
from personare.learn.convert import convert_checkpoints  # noqa: E402
from personare.metrics.pictures import Perceptual  # noqa: E402

ALEX = ((0, 3, 64, 11), (3, 64, 192, 5), (6, 192, 384, 3), (8, 384, 256, 3), (10, 256, 256, 3))


@pytest.fixture
def released(tmp_path):
    """Files of the released layouts with random numbers in them."""
    torch.manual_seed(0)
    body = {"classifier.1.weight": torch.zeros(2, 2)}
    for number, inputs, outputs, kernel in ALEX:
        body[f"features.{number}.weight"] = torch.randn(outputs, inputs, kernel, kernel) / (inputs * kernel**2) ** 0.5
        body[f"features.{number}.bias"] = 0.1 * torch.randn(outputs)
    linear = {f"lin{i}.model.1.weight": torch.rand(1, row[2], 1, 1) for i, row in enumerate(ALEX)}
    torch.save(body, tmp_path / "alexnet.pth")
    torch.save(linear, tmp_path / "alex.pth")
    return tmp_path, body, linear


def lpips(one, other, body, linear):
    """The paper's equation 1 for AlexNet."""
    shift, scale = (torch.tensor(row).view(1, 3, 1, 1) for row in ((-.030, -.088, -.188), (.458, .448, .450)))
    x = torch.from_numpy(np.stack([one, other])).permute(0, 3, 1, 2).float() / 127.5 - 1
    x, total = (x - shift) / scale, 0.0
    for i, (number, (stride, padding)) in enumerate(zip((0, 3, 6, 8, 10), ((4, 2), (1, 2), *[(1, 1)] * 3),
                                                        strict=True)):
        if number in (3, 6):
            x = functional.max_pool2d(x, 3, 2)
        x = functional.relu(functional.conv2d(x, body[f"features.{number}.weight"], body[f"features.{number}.bias"],
                                              stride, padding))
        y = x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
        total += ((y[0] - y[1]) ** 2 * linear[f"lin{i}.model.1.weight"][0]).sum(0).mean().item()
    return total


def test_the_bundle_says_what_the_network_says(released, rng):
    folder, body, linear = released
    convert_checkpoints([folder / "alex.pth", folder / "alexnet.pth"], folder / "lpips")
    for shape in ((64, 64, 3), (75, 90, 3)):
        one, other = (rng.integers(0, 256, shape).astype(np.uint8) for _ in range(2))
        assert Perceptual(folder / "lpips").distance(one, other) == pytest.approx(lpips(one, other, body, linear),
                                                                                  rel=1e-4)


def test_weights_of_two_networks_are_refused(released):
    folder, _, linear = released
    torch.save({name: one[:, :32] for name, one in linear.items()}, folder / "alex.pth")
    with pytest.raises(InputError, match=r"AlexNet with LPIPS's alex\.pth"):
        convert_checkpoints([folder / "alexnet.pth", folder / "alex.pth"], folder / "lpips")
