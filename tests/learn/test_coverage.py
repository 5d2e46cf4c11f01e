"""Which triangle a pixel sees: no holes, no doubles, the same on every path."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

from personare.learn import coverage  # noqa: E402
from personare.learn.shading import rotations  # noqa: E402


def ellipsoid(rows=134, columns=268):
    """(v, 3) and (f, 3) of a closed surface of about 36,000 vertices, counter-clockwise from outside."""
    polar = np.linspace(0, np.pi, rows + 2)[1:-1]
    around = np.arange(columns) * 2 * np.pi / columns
    ring = np.stack(np.broadcast_arrays(np.sin(polar)[:, None] * np.sin(around), np.cos(polar)[:, None],
                                        np.sin(polar)[:, None] * np.cos(around)), -1).reshape(-1, 3)
    vertices = np.concatenate([ring, [[0, 1, 0], [0, -1, 0]]]) * [0.7, 1.0, 0.8]
    at = np.arange(rows * columns).reshape(rows, columns)
    after = np.roll(at, -1, 1)
    quads = np.stack([at[:-1], at[1:], after[1:], after[:-1]], -1).reshape(-1, 4)
    top, bottom = len(ring), len(ring) + 1
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]],
                                np.stack([at[0], after[0], np.full(columns, top)], -1),
                                np.stack([after[-1], at[-1], np.full(columns, bottom)], -1)])
    return torch.tensor(vertices).float(), torch.tensor(triangles)


def perspective(points, distance=4.0, focal=2.6):
    """Clip coordinates of points before a camera that looks along -z, row 0 uppermost."""
    x, y, z = points.unbind(-1)
    depth = distance - z
    return torch.stack([focal * x, -focal * y, (21 * depth - 40) / 19, depth], -1)


def poses(count, generator):
    turn = rotations(2 * torch.pi * torch.rand(count, 3, generator=generator))
    move = 0.3 * (torch.rand(count, 1, 3, generator=generator) - 0.5)
    return turn, move


def test_no_holes_in_sixty_poses_of_36000_vertices():
    vertices, triangles = ellipsoid()
    assert len(vertices) > 35_900
    turn, move = poses(60, torch.Generator().manual_seed(0))
    for one, shift in zip(turn, move, strict=True):
        clip = perspective(vertices @ one.T + shift)[None]
        seen = coverage.triangle_ids(clip, triangles, (128, 128))
        # The outline is convex, so what is covered of a row is one run.
        mask = (seen[0] >= 0).int()
        assert mask.sum() > 3000
        assert (torch.diff(torch.nn.functional.pad(mask, (1, 1)), dim=1).abs().sum(1) <= 2).all()
        # Without the backs the same pixels are covered: the front has no hole that the back fills.
        assert torch.equal(coverage.triangle_ids(clip, triangles, (128, 128), cull=True), seen)


def test_torch_and_numba_agree_to_the_bit():
    vertices, triangles = ellipsoid(20, 40)
    turn, move = poses(4, torch.Generator().manual_seed(1))
    clip = perspective(vertices @ turn.mT + 4 * move)
    clip[1, :50, 3] = -1
    clip[2, 7] = torch.nan
    for cull in (False, True):
        ours = coverage.triangle_ids(clip, triangles, (70, 50), cull=cull)
        keys = coverage.cover_ref(*coverage._fixed(clip, (70, 50)), triangles, (70, 50), cull=cull)
        assert torch.equal(ours, torch.where(keys > 0, coverage.LAST - (keys & coverage.LAST), -1))
        assert (ours >= 0).any()
        assert (ours < 0).any()


def test_each_pixel_of_a_shared_edge_belongs_to_one_triangle():
    # Four triangles about the middle of a pixel, edges through pixel middles.
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1], [1 / 9, 1 / 9]])
    clip = torch.cat([corners, torch.zeros(5, 1), torch.ones(5, 1)], 1)[None]
    fan = torch.tensor([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    each = torch.stack([coverage.triangle_ids(clip, one[None], (9, 9))[0] >= 0 for one in fan])
    assert (each.sum(0) == 1).all()
    assert (coverage.triangle_ids(clip, fan, (9, 9)) >= 0).all()


def test_nearer_wins_then_the_first_and_what_is_behind_is_left_out():
    def square(z, w=1.0):
        return torch.tensor([[-w, -w, z, w], [w, -w, z, w], [w, w, z, w], [-w, w, z, w]])

    two = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    for first, second, winner in ((0.5, 0.2, 1), (0.2, 0.5, 0), (0.2, 0.2, 0)):
        seen = coverage.triangle_ids(torch.cat([square(first), square(second)])[None], two, (8, 8))
        assert ((seen // 2) == winner).all()
    assert (coverage.triangle_ids(square(1.5)[None], two[:2], (8, 8)) == -1).all()
    assert (coverage.triangle_ids(square(0.0, -1.0)[None], two[:2], (8, 8)) == -1).all()
