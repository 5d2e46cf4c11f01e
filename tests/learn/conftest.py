"""A person to learn from: a face with a pattern on it that stands elsewhere in each frame and opens its mouth."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def person():
    """Function that makes a learn.portrait_data.PortraitClip."""
    return made_person


def made_person(name="anna", frames=12, size=64, seed=0, resolution=64):
    """A PortraitClip whose pictures follow from its texture, its uv and its background."""
    from personare.learn.portrait_data import PortraitClip

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    v, u = np.mgrid[:resolution, :resolution] / resolution
    tone = rng.uniform(0.3, 0.7, 3)
    texture = np.stack([tone[0] + 0.2 * np.sin(9 * u), tone[1] + 0.2 * np.cos(7 * v), tone[2] + 0.2 * u * v], -1)
    arrays = {key: [] for key in ("pictures", "uv", "background", "mouth", "drawn")}
    expressions = np.zeros((frames, 4), np.float32)
    for i in range(frames):
        left, top = 0.2 + 0.02 * rng.integers(-3, 4, 2)
        uv = np.stack([(x - left) / 0.6, (y - top) / 0.6], -1)
        outside = ((uv < 0) | (uv > 1)).any(-1) | (((uv - 0.5) ** 2).sum(-1) > 0.25)
        expressions[i, 0] = rng.uniform(0, 1)
        mouth = (np.abs(uv[..., 0] - 0.5) < 0.2) & (np.abs(uv[..., 1] - 0.7) < 0.15)
        opened = mouth & (np.abs(uv[..., 1] - 0.7) < 0.12 * expressions[i, 0])
        places = np.clip((uv * resolution).astype(int), 0, resolution - 1)
        face = texture[places[..., 1], places[..., 0]]
        wall = np.stack([0.2 + 0.3 * x, 0.6 - 0.3 * y, 0.5 + 0 * x], -1)
        picture = np.where(outside[..., None], wall, np.where(opened[..., None], 0.1, face))
        for key, value in (("pictures", np.round(255 * picture).astype(np.uint8)),
                           ("uv", np.clip(uv, 0, 1).astype(np.float16)), ("background", outside), ("mouth", mouth),
                           ("drawn", np.round(200 * np.where(outside[..., None], 0, face)).astype(np.uint8))):
            arrays[key].append(value)
    return PortraitClip(name, texture=np.round(255 * texture).astype(np.uint8)[None], expressions=expressions,
                        rows=rng.normal(0, 1, (frames, 16, 29)).astype(np.float32),
                        **{key: np.stack(value) for key, value in arrays.items()})
