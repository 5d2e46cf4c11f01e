"""style_avatar's audio2motion against numbers of the original code, made with deterministic weights."""

import zlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")

from personare.learn.nets.stylist import Stylist, StylistConfig  # noqa: E402


def tensor(key, shape, scale=1.0, offset=0.0):
    """The filler of the fixtures: an integer hash of the name and the place."""
    mask = np.uint64(0xFFFFFFFF)
    u = (np.arange(np.prod(shape, dtype=int), dtype=np.uint64) * np.uint64(2654435761)
         + np.uint64(zlib.crc32(key.encode()))) & mask
    for shift, factor in ((16, 2246822519), (13, 3266489917), (16, 1)):
        u = ((u ^ (u >> np.uint64(shift))) * np.uint64(factor)) & mask
    return (offset + scale * (u.astype(np.float64) / 2**32 - 0.5)).reshape(shape).astype(np.float32)


def parameter(key, shape):
    """The rule of the fixtures for a parameter of that name."""
    if key.endswith("running_var"):
        return tensor(key, shape, 0.5, 1.0)
    if key.endswith(("running_mean", "bias")):
        return tensor(key, shape, 0.2)
    if len(shape) <= 1:
        return tensor(key, shape, 0.8, 0.6)
    return tensor(key, shape, np.sqrt(12.0 / np.prod(shape[1:])))


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "facegood_styleavatar_deep3d"


def layout_of(path):
    """name -> shape of a list of keys."""
    pairs = (line.split(" ", 1) for line in path.read_text().splitlines() if line)
    return {key: tuple(int(n) for n in shape.strip("[]").split(",") if n.strip()) for key, shape in pairs}


@pytest.mark.parametrize(("part", "columns"), [("exp", 64), ("pose", 7)])
def test_network(fixtures, part, columns):
    layout = layout_of(fixtures / f"styleavatar_a2m_{part}_keys.txt")
    network = Stylist(StylistConfig(columns=columns)).eval()
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == layout
    network.load_state_dict({key: torch.from_numpy(parameter(key, shape)) for key, shape in layout.items()
                             if not key.endswith("num_batches_tracked")}, strict=False)
    numbers = np.load(fixtures / "styleavatar_audio2motion.npz")
    audio, energy, style = (torch.from_numpy(value) for value in (
        tensor("a2m.audio", (2, 29, 80), 1, 0.5), tensor("a2m.energy", (2, 1, 80), 0.1, 0.05),
        tensor("a2m.style", (2, 135), 4)))
    with torch.no_grad():
        heard, styled = network.encode(audio, energy), network.exp_sty_layer(style)
        outputs = network(audio, energy, style)
    np.testing.assert_allclose(heard, numbers[f"{part}_backbone1"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(styled, numbers[f"{part}_style256"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs, numbers[f"{part}_out"], rtol=1e-5, atol=1e-5)


def test_windows_start_where_the_originals_do(fixtures):
    from personare.motion.stylist import window_starts

    numbers = np.load(fixtures / "styleavatar_windows.npz")
    for name in numbers:
        if name.startswith("left_"):
            size = name.removeprefix("left_")
            frames = len(numbers[f"count_{size}"])
            starts = window_starts(frames, length=32, stride=8)
            np.testing.assert_array_equal(starts, numbers[name])
            count = np.zeros(frames, int)
            for start in starts:
                count[start : start + 32] += 1
            np.testing.assert_array_equal(count, numbers[f"count_{size}"])
            rows = int(size.split("_x")[1])
            places = np.clip(2 * starts[:, None] + np.arange(-8, 72), 0, rows - 1)
            np.testing.assert_array_equal(places, numbers[f"idx_{size}"])
