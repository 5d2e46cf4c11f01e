"""style_avatar's renderer against numbers of the original code, made with deterministic weights."""

import zlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")

from personare.learn.nets import style_avatar as nets  # noqa: E402
from personare.learn.portrait_losses import laplacian  # noqa: E402

CONFIG = nets.StyleAvatarConfig()


def tensor(key, shape, scale=1.0, offset=0.0):
    """The filler of the fixtures: an integer hash of the name and the place."""
    mask = np.uint64(0xFFFFFFFF)
    u = (np.arange(np.prod(shape, dtype=int), dtype=np.uint64) * np.uint64(2654435761)
         + np.uint64(zlib.crc32(key.encode()))) & mask
    for shift, factor in ((16, 2246822519), (13, 3266489917), (16, 1)):
        u = ((u ^ (u >> np.uint64(shift))) * np.uint64(factor)) & mask
    return torch.from_numpy((offset + scale * (u / 2**32 - 0.5)).reshape(shape).astype(np.float32))


def fill(network, prefix):
    """Give a network the weights of the fixtures, by the names of its tensors, in place: the largest takes 734 MB."""
    for name, value in network.state_dict().items():
        scale = 0.2 if name.endswith("bias") else np.sqrt(12.0 / np.prod(value.shape[1:]))
        value.copy_(tensor(prefix + name, value.shape, scale))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "facegood_styleavatar_deep3d"


@pytest.fixture(scope="module")
def published(fixtures):
    return dict(np.load(fixtures / "styleavatar_render.npz"))


def layout_of(path):
    """name -> shape of a list of keys."""
    pairs = (line.split(" ", 1) for line in path.read_text().splitlines() if line)
    return {key: tuple(int(n) for n in shape.strip("[]").split(",")) for key, shape in pairs}


@pytest.mark.parametrize(("part", "make"), [
    ("tex_encoder", lambda: nets.texture_encoder(CONFIG)), ("face_unet", lambda: nets.generator(CONFIG)),
    ("discriminator", lambda: nets.judge(CONFIG)), ("unetnop", lambda: nets.TextureUNet(16, 3, pooled=False))])
def test_names_and_shapes(fixtures, part, make):
    with torch.device("meta"):
        network = make()
    layout = layout_of(fixtures / f"styleavatar_render_{part}_keys.txt")
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == layout


@pytest.fixture(scope="module")
def neural_texture():
    return fill(nets.texture_encoder(CONFIG), "tex_encoder.")(tensor("render.tex", (1, 9, 256, 256), 2))


def test_texture_encoder(published, neural_texture):
    assert neural_texture.shape == (1, 16, 64, 64)
    np.testing.assert_allclose(neural_texture[:, :, ::8, ::8], published["neural_texture_sub8"], atol=2e-5)
    stats = [neural_texture.mean(), neural_texture.std(), neural_texture.abs().max()]
    np.testing.assert_allclose(stats, published["neural_texture_stats"], rtol=1e-3, atol=1e-5)
    small = fill(nets.texture_encoder(CONFIG), "tex_encoder.")(tensor("render.tex_small", (1, 9, 64, 64), 2))
    np.testing.assert_allclose(small, published["neural_texture_from_64"], atol=2e-5)


def test_sampler_and_generator(published, neural_texture):
    y, x = torch.meshgrid(torch.arange(224) / 223, torch.arange(224) / 223, indexing="ij")
    small, large = (nets.sampled(neural_texture, uv) for uv in (
        torch.from_numpy(published["uv64"]), torch.stack([x, y])[None]))
    np.testing.assert_allclose(small, published["sample64"], atol=2e-5)
    np.testing.assert_allclose(large[:, :, ::16, ::16], published["sample224_sub16"], atol=2e-5)
    generator = fill(nets.generator(CONFIG), "face_unet.")
    assert sum(value.numel() for value in generator.parameters()) == 183_470_019
    np.testing.assert_allclose(generator(small), published["render64"], atol=2e-4)
    drawn = generator(large)
    np.testing.assert_allclose(drawn[:, :, ::8, ::8], published["render224_sub8"], atol=2e-4)
    np.testing.assert_allclose([drawn.mean(), drawn.std(), drawn.abs().max()], published["render224_stats"], rtol=1e-3,
                               atol=1e-5)


def test_judge(published):
    found = fill(nets.judge(CONFIG), "discriminator.")(tensor("render.disc_in", (1, 12, 64, 64), 2))
    for scale, seen in enumerate(found):
        for layer, values in enumerate(seen):
            np.testing.assert_allclose(values[:, :8], published[f"disc_s{scale}_l{layer}"], rtol=1e-4, atol=2e-5)


def test_unet_without_pooling(published):
    network = fill(nets.TextureUNet(16, 3, pooled=False), "unetnop.")
    np.testing.assert_allclose(network(tensor("render.nop_in", (1, 16, 64, 64), 2)), published["unetnop64"], atol=2e-5)


def test_background_that_shrinks_and_pyramid(published):
    before, after = (np.unpackbits(published[f"bgerode_{name}"]).reshape(1, 1, 224, 224) for name in ("in", "out"))
    np.testing.assert_array_equal(nets.shrunk_background(torch.from_numpy(before.astype(np.float32))), after)
    found = laplacian(tensor("lap.a", (1, 3, 64, 64)), tensor("lap.b", (1, 3, 64, 64)))
    assert float(found) == pytest.approx(float(published["lap_loss"][0]), rel=1e-5)
