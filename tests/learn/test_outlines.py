"""Edges give gradients: areas on the picture change as the true areas do."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

from personare.learn.outlines import antialias, edges_of  # noqa: E402
from personare.learn.rasterizing import rasterize  # noqa: E402


def flat(points, z=0.0):
    """Clip coordinates (1, v, 4) of points (v, 2) in -1..1 without perspective."""
    return torch.cat([points, torch.full_like(points[:, :1], z), torch.ones_like(points[:, :1])], 1)[None]


def blended_mask(clip, triangles, size, *, cull=False):
    raster = rasterize(clip, triangles, size, cull=cull)
    mask = raster.interpolated(torch.ones(1, clip.shape[1], 1, dtype=clip.dtype))
    return antialias(mask, raster, clip, edges_of(triangles), cull=cull)


def disc(count, rings):
    """(v, 2) and (f, 3): a disc of radius 1 of small triangles."""
    around = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)
    ring = torch.stack([torch.sin(around), torch.cos(around)], -1)
    points = torch.cat([torch.zeros(1, 2, dtype=torch.float64), *(ring * (k + 1) / rings for k in range(rings))])
    fan = [[0, 1 + i, 1 + (i + 1) % count] for i in range(count)]
    for k in range(rings - 1):
        for i in range(count):
            a, b = 1 + k * count + i, 1 + k * count + (i + 1) % count
            fan += [[a, a + count, b], [b, a + count, b + count]]
    return points, torch.tensor(fan)


@pytest.mark.parametrize("rings", [1, 40])
def test_area_and_its_change_with_size(rings):
    # With 40 rings the triangles are smaller than a pixel, and those that the pixels see are not those at the rim.
    points, triangles = disc(180, rings)
    scale = torch.tensor(0.631, dtype=torch.float64, requires_grad=True)
    mask = blended_mask(flat(points * scale + 0.013), triangles, (64, 64))
    area, change = mask.sum(), torch.autograd.grad(mask.sum(), scale)[0]
    exact = 90 * math.sin(2 * math.pi / 180) * 32 * 32  # of the polygon at scale 1, in pixels
    assert area.item() == pytest.approx(exact * 0.631**2, rel=0.004)
    assert change.item() == pytest.approx(2 * exact * 0.631, rel=0.05)
    plain = rasterize(flat(points * scale + 0.013), triangles, (64, 64)).interpolated(
        torch.ones(1, len(points), 1, dtype=torch.float64)).sum()
    # Without the edge term nothing changes.
    assert not plain.requires_grad or torch.autograd.grad(plain, scale)[0].abs() < 1e-9


@pytest.mark.parametrize("move", [(1.0, 0.0), (0.0, 1.0)])
def test_a_front_outline_takes_over_what_lies_behind(move):
    # A bright square before a dark one that fills the picture; half of the picture counts.
    square = torch.tensor([[-0.41, -0.43], [0.37, -0.43], [0.37, 0.39], [-0.41, 0.39]], dtype=torch.float64)
    corners = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    front = flat(square + shift * torch.tensor(move, dtype=torch.float64), -0.5)
    behind = flat(torch.tensor([[-2.0, -2], [2, -2], [2, 2], [-2, 2]], dtype=torch.float64), 0.5)
    clip = torch.cat([front, behind], 1)
    raster = rasterize(clip, corners, (50, 50))
    colors = torch.tensor([1.0] * 4 + [0.2] * 4, dtype=torch.float64)[None, :, None]
    picture = antialias(raster.interpolated(colors), raster, clip, edges_of(corners))[0, ..., 0]
    half = picture[:, 25:] if move[0] else picture[25:]
    change = torch.autograd.grad(half.sum(), shift, retain_graph=True)[0]
    # 25 pixels to the unit; the square is 0.82 * 25 high and 0.78 * 25 wide.
    length = (0.82 if move[0] else 0.78) * 25
    assert change.item() == pytest.approx(0.8 * length * 25, rel=0.06)
    assert torch.autograd.grad(blended_mask(clip, corners, (50, 50)).sum(), shift)[0].abs() < 1e-9  # covered all over


def test_a_hidden_outline_changes_nothing():
    square = torch.tensor([[-0.4, -0.4], [0.4, -0.4], [0.4, 0.4], [-0.4, 0.4]], dtype=torch.float64)
    corners = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    hidden = flat(square, 0.5).requires_grad_()
    clip = torch.cat([flat(2 * square, -0.5), hidden], 1)
    raster = rasterize(clip, corners, (50, 50))
    colors = torch.linspace(0, 1, 8, dtype=torch.float64)[None, :, None]
    antialias(raster.interpolated(colors), raster, clip, edges_of(corners)).square().sum().backward()
    assert (hidden.grad == 0).all()


def test_inside_a_smooth_surface_no_edge_is_an_outline():
    points, triangles = disc(40, 6)
    clip = flat(points * 3)
    raster = rasterize(clip, triangles, (32, 32))
    colors = raster.interpolated(torch.rand(1, len(points), 3, dtype=torch.float64))
    assert torch.equal(antialias(colors, raster, clip, edges_of(triangles)), colors)
    # A seam of the texture doubles vertices; welded it is no border either.
    doubled = triangles.clone()
    doubled[: len(doubled) // 2] += len(points)
    weld = np.tile(np.arange(len(points)), 2)
    clip = torch.cat([clip, clip], 1)
    raster = rasterize(clip, doubled, (32, 32))
    assert torch.equal(antialias(colors, raster, clip, edges_of(doubled, weld=weld)), colors)
    assert (edges_of(doubled).opposite[:, 1] < 0).sum() > (edges_of(doubled, weld=weld).opposite[:, 1] < 0).sum()


def test_gradients_equal_finite_differences():
    points, triangles = disc(6, 1)
    clip = flat(points * 0.7 + 0.05)
    clip = torch.cat([clip[..., :2] * 2.5, clip[..., 2:3], clip[..., 3:] * 2.5], -1)
    colors = torch.rand(1, len(points), 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def picture(clip, colors):
        raster = rasterize(clip, triangles, (8, 6))
        return antialias(raster.interpolated(colors), raster, clip, edges_of(triangles))

    assert torch.autograd.gradcheck(picture, (clip.requires_grad_(), colors.requires_grad_()), eps=1e-7, atol=1e-5)


def test_culling_counts_the_borders_that_are_drawn():
    square = torch.tensor([[-0.41, -0.43], [0.37, -0.43], [0.37, 0.39], [-0.41, 0.39]], dtype=torch.float64)
    for order, drawn in (([[0, 2, 1], [0, 3, 2]], True), ([[0, 1, 2], [0, 2, 3]], False)):
        mask = blended_mask(flat(square), torch.tensor(order), (50, 50), cull=True)
        assert mask.sum().item() == pytest.approx(0.78 * 0.82 * 625 if drawn else 0, rel=0.01)
