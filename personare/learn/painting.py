"""Training of a Painter on the windows of one clip, on the processor in minutes."""

import copy
import io
import math
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from personare.errors import InputError
from personare.learn.nets.painter import Painter, PainterOptions

OPSET = 17
# Pixels around each window that its random shifts draw from.
MARGIN = 8


@dataclass(frozen=True, eq=False)
class Windows:
    """What a painter learns from; each window is MARGIN pixels wider on every side than the network's.

    Args:
        pictures: (n, e, e, 3) uint8, e = size + 2 MARGIN.
        uv: (n, e, e, 2) float16.
        part: (n, e, e) uint8.
        depth: (n, e, e) float16.
        code: (n, c) float32.
    """

    pictures: np.ndarray
    uv: np.ndarray
    part: np.ndarray
    depth: np.ndarray
    code: np.ndarray

    def __len__(self):
        return len(self.pictures)


@dataclass(frozen=True)
class PaintingOptions:
    """How to train.

    Args:
        rounds: passes over the windows, 1 or more.
        batch: windows in a step.
        learning_rate: highest; it rises over the first steps and falls to nothing along a cosine.
        noise: deviation of what is added to codes, so that unsure ones are painted well too.
        blind: share of the steps in which the surroundings are not shown, so that the code counts.
        seed: same seed, same portrait on the same machine.
        threads: of the processor.
        half: compute in 16 bits where that is enough; twice as fast on processors made for it, slower on others.
            None where they are (AMX).
    """

    rounds: int = 40
    batch: int = 4
    learning_rate: float = 1.2e-3
    noise: float = 0.2
    blind: float = 0.1
    seed: int = 0
    threads: int = 1
    half: bool | None = None

    def __post_init__(self):
        for name in ("rounds", "batch", "threads"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InputError(name, expected="a whole number above 0", got=repr(getattr(self, name)),
                                 remedy="leave it out for the default")


def mean_texture(windows, texels, *, rounds=3):
    """(3, r, r) float32 colours of the atlas in 0..1: the mean of what was seen there, holes filled from around."""
    total, weight = np.zeros((texels * texels, 3)), np.zeros(texels * texels)
    for picture, uv, part in zip(windows.pictures, windows.uv, windows.part, strict=True):
        seen = part > 0
        at = np.clip((uv[seen].astype(np.float32) * texels).astype(int), 0, texels - 1) @ (1, texels)
        weight += np.bincount(at, minlength=texels * texels)
        for k in range(3):
            total[:, k] += np.bincount(at, weights=picture[seen][:, k], minlength=texels * texels)
    colors = torch.from_numpy(total.T.reshape(1, 3, texels, texels) / 255).float()
    weight = torch.from_numpy(weight.reshape(1, 1, texels, texels)).float()
    found = colors / weight.clamp(min=1)
    known = weight > 0
    while not known.all():
        # A texel without a sample takes the mean of its neighbours that have one.
        near = functional.avg_pool2d(known.float(), 3, 1, 1)
        spread = functional.avg_pool2d(found * known, 3, 1, 1) / near.clamp(min=1e-6)
        found, grown = torch.where(known, found, spread), near > 0
        if (grown == known).all():
            break
        known = grown
    return found[0]


def mean_window(windows):
    """(3, s, s) float32 in 0..1, the mean of all windows."""
    inner = slice(MARGIN, -MARGIN)
    total = sum(picture[inner, inner].astype(np.float64) for picture in windows.pictures)
    return torch.from_numpy((total / len(windows) / 255).transpose(2, 0, 1).copy()).float()


def train_painter(windows, options, *, network=None, progress=None, stopped=()):
    """Train a Painter.

    Args:
        windows: Windows.
        options: PaintingOptions.
        network: PainterOptions but for the size; default those that fit.
        progress: called with (steps done, steps in all).
        stopped: exceptions that end training early; what is learned so far is then returned.

    Returns:
        (Painter in evaluation mode with averaged weights, curve: list of mean losses of rounds).
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    size = windows.pictures.shape[1] - 2 * MARGIN
    network = network or PainterOptions(size=size, texels=size, parts=int(windows.part.max()),
                                        code=windows.code.shape[1])
    painter = Painter(network, mean_texture(windows, network.texels), mean_window(windows))
    painter = painter.to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(painter)
    heed, half = _heed(windows), torch.cpu._is_amx_tile_supported() if options.half is None else options.half
    optimizer = torch.optim.Adam(painter.parameters(), lr=options.learning_rate, betas=(0.9, 0.999))
    steps = max(1, len(windows) // options.batch)
    total, step, curve = steps * options.rounds, 0, []
    try:
        for _ in range(options.rounds):
            order, losses = rng.permutation(len(windows)), []
            for i in range(steps):
                picked = order[i * options.batch : (i + 1) * options.batch]
                inputs, target, weight = _batch(windows, picked, heed, rng, options)
                optimizer.param_groups[0]["lr"] = options.learning_rate * _pace(step, total)
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    painted = painter(*inputs)
                loss = painting_loss(painted.float(), target, weight)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(painter.parameters(), 1.0)
                optimizer.step()
                step += 1
                _average(averaged, painter, min(0.998, step / (step + 10)))
                losses.append(loss.item())
                if progress:
                    progress(step, total)
            curve.append(float(np.mean(losses)))
    except stopped:
        if step < steps:
            raise
    return averaged.eval(), curve


def painting_loss(painted, target, weight):
    """Mean absolute error of colours, and of their differences to neighbours at three scales, where it counts.

    Args:
        painted, target: (b, 3, s, s) float32.
        weight: (b, 1, s, s) float32, 0 where nothing is asked; each picture counts the same.
    """
    loss = _mean((painted - target).abs(), weight)
    for scale in (1, 2, 4):
        error = painted - target if scale == 1 else functional.avg_pool2d(painted - target, scale)
        heed = weight if scale == 1 else functional.avg_pool2d(weight, scale)
        loss = loss + _mean((error[:, :, 1:] - error[:, :, :-1]).abs(), heed[:, :, 1:])
        loss = loss + _mean((error[:, :, :, 1:] - error[:, :, :, :-1]).abs(), heed[:, :, :, 1:])
    return loss


def _mean(error, weight):
    return (error * weight).sum() / (3 * weight.sum()).clamp(min=1e-6)


def _heed(windows):
    """(e, e) float32 in 1..4: how much a pixel counts; more where the pictures differ most, that is the lips."""
    some = windows.pictures[:: max(1, len(windows) // 100)].astype(np.float32).mean(axis=3)
    spread = torch.from_numpy(some.std(axis=0))[None, None]
    spread = functional.avg_pool2d(spread, 5, 1, 2)[0, 0].numpy()
    inside = (windows.depth > 0.02).mean(axis=0) > 0.5
    spread = np.where(inside, spread, 0)
    return (1 + 3 * spread / max(spread.max(), 1e-6)).astype(np.float32)


def _pace(step, total):
    warm = min(1.0, (step + 1) / min(100, 1 + total // 10))
    return warm * (0.5 + 0.5 * math.cos(math.pi * step / total)) + 0.01 * warm


def _average(averaged, painter, keep):
    with torch.no_grad():
        for slow, fast in zip(averaged.parameters(), painter.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)


def _batch(windows, picked, heed, rng, options):
    """((picture, uv, part, depth, code), target, weight) of some windows, shifted, brightened and unsure a little."""
    size = windows.pictures.shape[1] - 2 * MARGIN
    parts = [[] for _ in range(5)]
    for i in picked:
        y, x = rng.integers(0, 2 * MARGIN + 1, 2)
        box = slice(y, y + size), slice(x, x + size)
        for one, array in zip(parts, (windows.pictures[i], windows.uv[i], windows.part[i], windows.depth[i], heed),
                              strict=True):
            one.append(array[box])
    pictures, uv, part, depth, heeds = (torch.from_numpy(np.stack(one)) for one in parts)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.03, (len(picked), 1, 1, 3))).astype(np.float32))
    target = ((pictures.float() / 255) * gain).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    depth = depth.float()
    shown = target
    if rng.random() < options.blind:
        shown = functional.avg_pool2d(target, 32).mean(dim=(2, 3), keepdim=True).expand_as(target)
    code = windows.code[picked] + rng.normal(0, options.noise, (len(picked), windows.code.shape[1]))
    weight = ((depth > -0.01).float() * heeds)[:, None]
    return (shown, uv.float(), part.float(), depth, torch.from_numpy(code.astype(np.float32))), target, weight


def onnx_bytes(painter):
    """The graph as bytes: inputs picture, uv, part, depth and code of one window, output painted (1, 3, s, s)."""
    options, buffer = painter.options, io.BytesIO()
    s = options.size
    inputs = (torch.rand(1, 3, s, s), torch.rand(1, s, s, 2), torch.zeros(1, s, s), torch.ones(1, s, s),
              torch.zeros(1, options.code))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(painter, inputs, buffer, opset_version=OPSET, dynamo=False,
                          input_names=["picture", "uv", "part", "depth", "code"], output_names=["painted"])
    return buffer.getvalue()


def paint(painter, windows, picked):
    """(n, s, s, 3) float32 of some windows as a trained painter paints them, without shifts."""
    inner = slice(MARGIN, -MARGIN)
    painted = []
    with torch.no_grad():
        for i in picked:
            given = [torch.from_numpy(array[i][inner, inner].astype(np.float32))[None]
                     for array in (windows.pictures, windows.uv, windows.part, windows.depth)]
            given[0] = given[0].permute(0, 3, 1, 2) / 255
            painted.append(painter(*given, torch.from_numpy(windows.code[i])[None])[0].permute(1, 2, 0).numpy())
    return np.stack(painted)


def estimated_s(windows, options):
    """Seconds that training will take, from a step or two on this machine."""
    small = PaintingOptions(rounds=1, batch=options.batch, seed=options.seed, threads=options.threads)
    few = Windows(*(array[: 2 * options.batch] for array in
                    (windows.pictures, windows.uv, windows.part, windows.depth, windows.code)))
    start = time.monotonic()
    train_painter(few, small)
    return (time.monotonic() - start) / 2 * (len(windows) // options.batch) * options.rounds
