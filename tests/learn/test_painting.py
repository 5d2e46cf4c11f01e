"""The painter: it learns to paint what is hidden from it, from mesh, code and surroundings; its graph equals it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from personare.learn.nets.painter import Painter, PainterOptions  # noqa: E402
from personare.learn.painting import (  # noqa: E402
    MARGIN,
    PaintingOptions,
    Windows,
    mean_texture,
    mean_window,
    onnx_bytes,
    paint,
    painting_loss,
    train_painter,
)

SIZE = 32


def windows(rng, t=24):
    """A disc with a pattern on it whose middle gets brighter with the first code, on a ground that changes."""
    edge = SIZE + 2 * MARGIN
    y, x = (np.mgrid[:edge, :edge] + 0.5) / edge
    inside = np.hypot(x - 0.5, y - 0.5) < 0.3
    code = rng.normal(size=(t, 3)).astype(np.float32)
    light = rng.uniform(0.4, 0.8, (t, 1, 1, 1))
    pattern = 0.5 + 0.3 * np.sin(30 * x) * np.sin(30 * y)
    middle = np.hypot(x - 0.5, y - 0.5) < 0.12
    skin = pattern + 0.15 * code[:, :1, None] * middle
    pictures = np.where(inside[None, ..., None], skin[..., None] * light / 0.6, light)
    uv = np.stack([x, y], 2)[None].repeat(t, 0)
    return Windows((np.clip(pictures, 0, 1) * 255).astype(np.uint8).repeat(3, 3)[..., :3], uv.astype(np.float16),
                   inside[None].repeat(t, 0).astype(np.uint8),
                   (0.35 - np.hypot(x - 0.5, y - 0.5))[None].repeat(t, 0).astype(np.float16), code)


@pytest.fixture(scope="module")
def learned():
    found = windows(np.random.default_rng(0), 40)
    some = Windows(*(getattr(found, name)[:32] for name in ("pictures", "uv", "part", "depth", "code")))
    painter, curve = train_painter(some, PaintingOptions(rounds=30, half=False), network=PainterOptions(
        size=SIZE, texels=SIZE, parts=1, code=3, widths=(16, 24, 32)))
    return found, some, painter, curve


def error(painted, found, picked):
    inner = slice(MARGIN, -MARGIN)
    truth, hidden = found.pictures[picked][:, inner, inner] / 255, found.depth[picked][:, inner, inner] > 0
    return np.abs(painted - truth)[hidden].mean()


def test_unseen_windows_are_painted_better_than_their_mean_and_than_the_texture(learned):
    found, some, painter, curve = learned
    unseen = np.arange(32, 40)
    mean = mean_window(some).permute(1, 2, 0).numpy()[None]
    assert curve[-1] < 0.7 * curve[0]
    assert error(paint(painter, found, unseen), found, unseen) < 0.7 * error(mean, found, unseen)


def test_what_is_hidden_is_not_looked_at(learned):
    found, _, painter, _ = learned
    first = paint(painter, found, [33])
    pictures = found.pictures.copy()
    pictures[33][found.depth[33] > 0] = 0
    blind = Windows(pictures, found.uv, found.part, found.depth, found.code)
    np.testing.assert_array_equal(paint(painter, blind, [33]), first)


def test_the_code_moves_what_it_moved_in_the_pictures(learned):
    found, _, painter, _ = learned
    low, high = found.code.copy(), found.code.copy()
    low[35, 0], high[35, 0] = -1, 1
    dark, bright = (paint(painter, Windows(found.pictures, found.uv, found.part, found.depth, code), [35])[0]
                    for code in (low, high))
    change = (bright - dark).mean(axis=2)
    middle = SIZE // 2
    assert change[middle - 3:middle + 3, middle - 3:middle + 3].mean() > 0.1
    assert abs(change[:6].mean()) < 0.05


def test_the_same_seed_gives_the_same_painter():
    found = windows(np.random.default_rng(1), 8)
    one, other = (train_painter(found, PaintingOptions(rounds=2, half=False))[0] for _ in range(2))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_stopping_keeps_what_is_learned():
    found = windows(np.random.default_rng(1), 8)

    class Stop(BaseException):
        pass

    def stop(step, total):
        if step == 3:
            raise Stop

    painter, curve = train_painter(found, PaintingOptions(rounds=3, half=False), progress=stop, stopped=(Stop,))
    assert not painter.training
    assert len(curve) == 1
    with pytest.raises(Stop):
        train_painter(found, PaintingOptions(rounds=3, half=False), progress=stop)


def test_the_graph_equals_the_network(learned):
    import onnxruntime

    found, _, painter, _ = learned
    inner = slice(MARGIN, -MARGIN)
    session = onnxruntime.InferenceSession(onnx_bytes(painter), providers=["CPUExecutionProvider"])
    given = {"picture": (found.pictures[34][inner, inner] / 255).astype(np.float32).transpose(2, 0, 1)[None],
             "uv": found.uv[34][inner, inner].astype(np.float32)[None],
             "part": found.part[34][inner, inner].astype(np.float32)[None],
             "depth": found.depth[34][inner, inner].astype(np.float32)[None], "code": found.code[34][None]}
    painted = session.run(None, given)[0][0].transpose(1, 2, 0)
    np.testing.assert_allclose(painted, paint(painter, found, [34])[0], atol=2e-4)


def test_the_loss_counts_where_it_should_and_does_not_depend_on_its_area():
    target, painted = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16)
    painted[..., 8:] = 5.0
    weight = torch.zeros(1, 1, 16, 16)
    weight[..., :7] = 1
    assert painting_loss(painted, target, weight) == 0
    shifted = torch.full((1, 3, 16, 16), 0.25)
    whole, half = (painting_loss(shifted, target, w) for w in (torch.ones(1, 1, 16, 16), weight))
    assert abs(whole - 0.25) < 1e-6
    assert abs(half - 0.25) < 1e-6


def test_a_texture_without_holes_is_the_mean_of_what_was_seen(rng):
    found = windows(rng, 6)
    texture = mean_texture(found, 16)
    assert texture.shape == (3, 16, 16)
    assert torch.isfinite(texture).all()
    assert texture.min() >= 0
    assert texture.max() <= 1
    assert abs(texture[:, 8, 8].mean() - (found.pictures[:, 24, 24] / 255).mean()) < 0.1


def test_a_painter_of_a_batch_is_that_of_each_picture():
    torch.manual_seed(0)
    options = PainterOptions(size=32, texels=32, parts=2, code=3, widths=(8, 8, 8))
    painter = Painter(options).eval()
    given = (torch.rand(3, 3, 32, 32), torch.rand(3, 32, 32, 2), torch.randint(0, 3, (3, 32, 32)).float(),
             torch.rand(3, 32, 32) - 0.5, torch.randn(3, 3))
    with torch.no_grad():
        together = painter(*given)
        alone = torch.cat([painter(*(part[i:i + 1] for part in given)) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
