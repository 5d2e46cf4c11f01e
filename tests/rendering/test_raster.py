import numpy as np
import pytest

from personare.rendering.raster_ref import SAMPLE_X, SAMPLE_Y, project_ref, sample_keys_ref, vertex_normals_ref

LENS = np.array([60.0, 24.0, 24.0, 0.5, 10.0])


def flat(points):
    """(v, 2) int32 points in 1/256 pixel, all at depth 1."""
    return np.ascontiguousarray(points, np.int32), np.ones(len(points), np.float32)


def jittered_square(rng, n, size_px):
    """A square of n x n cells whose inner corners are moved and whose diagonals are drawn at random."""
    # Steps of half a sample distance put many corners and edges exactly on samples.
    y, x = np.meshgrid(np.linspace(0, size_px, n + 1) * 256, np.linspace(0, size_px, n + 1) * 256, indexing="ij")
    step = size_px * 256 / n / 3
    inner = np.zeros(x.shape, bool)
    inner[1:-1, 1:-1] = True
    x, y = (np.where(inner, (a + rng.uniform(-step, step, a.shape)) // 32 * 32, a) for a in (x, y))
    a = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    b, c, d = a + n + 1, a + n + 2, a + 1
    turn = rng.random(len(a)) < 0.5
    first = np.where(turn[:, None], np.stack([a, b, c], 1), np.stack([a, b, d], 1))
    second = np.where(turn[:, None], np.stack([a, c, d], 1), np.stack([b, c, d], 1))
    return np.stack([x.ravel(), y.ravel()], 1), np.concatenate([first, second]).astype(np.int32)


def test_a_triangulated_square_covers_every_sample_exactly_once(kernels, rng):
    for n, size in ((1, 24), (5, 31), (9, 24), (2, 200)):
        points, triangles = jittered_square(rng, n, size)
        screen, near = flat(points)
        count = np.zeros((size, size, 4), int)
        for t in triangles:
            count += kernels.sample_keys(screen, near, t[None], np.array([True]), size, size) != 0
        assert (count == 1).all()


def test_top_and_left_edges_own_their_samples(kernels):
    # Corners on the first sample of pixels (1, 1) and (4, 4): of samples on the outline, those on top and left count.
    low, high = 256 + np.array([SAMPLE_X[0], SAMPLE_Y[0]]), 4 * 256 + np.array([SAMPLE_X[0], SAMPLE_Y[0]])
    screen, near = flat([low, (low[0], high[1]), high, (high[0], low[1])])
    drawn = kernels.sample_keys(screen, near, np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.zeros(2, bool), 6, 6) != 0
    assert np.array_equal(np.argwhere(drawn[..., 0]), [(y, x) for y in (1, 2, 3) for x in (1, 2, 3)])


def soup(rng, kind):
    """Screen, nearness, triangles and sides of random triangles of one kind."""
    n = 300
    reach = {"small": 8, "large": 400, "huge": 2**20}[kind] * 256
    center = rng.integers(-20 * 256, 60 * 256, (n, 1, 2))
    points = center + rng.integers(-reach, reach + 1, (n, 3, 2))
    points = np.clip(points, -(2**28) + 1, 2**28 - 1)
    points[::17, 1] = points[::17, 0]
    points[::13, 2, 1] = points[::13, 1, 1]
    near = rng.uniform(0.1, 2, (n, 3)).astype(np.float32)
    near[::11, 1] = 0
    near[::7] = 0.5
    order = rng.permutation(3 * n).reshape(n, 3).astype(np.int32)
    screen, nearness = np.empty((3 * n, 2), np.int32), np.empty(3 * n, np.float32)
    screen[order], nearness[order] = points, near
    return screen, nearness, order, rng.random(n) < 0.5


@pytest.mark.parametrize("kind", ["small", "large", "huge"])
@pytest.mark.parametrize("size", [(40, 33), (16, 17), (131, 50)])
def test_samples_equal_the_reference_to_the_last_bit(kernels, rng, kind, size):
    screen, near, triangles, sides = soup(rng, kind)
    w, h = size
    keys = kernels.sample_keys(screen, near, triangles, sides, w, h)
    assert (keys != 0).mean() > 0.2
    assert np.array_equal(keys, sample_keys_ref(screen, near, triangles, sides, w, 0, h))
    assert np.array_equal(keys, kernels.sample_keys(screen, near, triangles, sides, w, h, band_rows=5))
    assert np.array_equal(keys[7:12], sample_keys_ref(screen, near, triangles, sides, w, 7, 5))


def numbers(keys):
    """Triangle number of each sample, -1 for none."""
    return np.where(keys != 0, 2**31 - 1 - (keys & 0xFFFFFFFF), -1)


def test_the_nearer_triangle_wins_in_any_order_and_the_first_of_equals(kernels):
    screen = np.array([(0, 0), (0, 8000), (8000, 0)] * 3, np.int32)
    triangles = np.arange(9, dtype=np.int32).reshape(3, 3)
    for near, winner in (((1, 2, 3), 2), ((3, 1, 2), 0), ((1, 3, 2), 1), ((2, 2, 1), 0), ((1, 2, 2), 1)):
        near = np.repeat(np.array(near, np.float32), 3)
        keys = kernels.sample_keys(screen, near, triangles, np.ones(3, bool), 20, 20)
        assert set(np.unique(numbers(keys))) == {-1, winner}


def test_crossing_triangles_meet_where_their_depths_are_equal(kernels):
    screen = np.array([(0, -9000), (0, 18000), (20480, 4480)] * 2, np.int32)
    near = np.array([1, 1, 2, 1.5, 1.5, 1.5], np.float32)
    keys = kernels.sample_keys(screen, near, np.array([[0, 1, 2], [3, 4, 5]], np.int32), np.ones(2, bool), 80, 40)
    row = numbers(keys)[17, :, 0]
    assert np.array_equal(row[:70], np.repeat([1, 0], [40, 30]))


def test_backs_are_drawn_only_where_asked(kernels):
    screen, near = flat([(0, 0), (0, 5000), (5000, 0)])
    front, back = np.array([[0, 1, 2]], np.int32), np.array([[0, 2, 1]], np.int32)
    for triangles, sides, drawn in ((front, False, True), (front, True, True), (back, False, False),
                                    (back, True, True)):
        assert kernels.sample_keys(screen, near, triangles, np.array([sides]), 16, 16).any() == drawn


def test_coverage_is_the_area_of_a_disc(kernels):
    angle = np.arange(90) / 90 * 2 * np.pi
    for radius in (3.3, 10.7, 20.1):
        rim = 24.3 + radius * np.stack([np.cos(angle), np.sin(angle)], 1)
        screen, near = flat(np.rint(256 * np.concatenate([[(24.3, 24.3)], rim])))
        triangles = np.stack([np.zeros(90), 1 + np.arange(90), 1 + (np.arange(90) + 1) % 90], 1).astype(np.int32)
        covered = (kernels.sample_keys(screen, near, triangles, np.ones(90, bool), 48, 48) != 0).mean(axis=2)
        area = 45 * np.sin(2 * np.pi / 90) * radius**2
        # Errors at the rim are independent: they grow with the square root of its length.
        assert abs(covered.sum() - area) < 0.25 * np.sqrt(2 * np.pi * radius)
        assert set(np.unique(covered)) == {0, 0.25, 0.5, 0.75, 1}


def test_projection_follows_the_conventions_and_refuses_what_cannot_be_drawn(kernels):
    points = np.array([[0, 0, -2], [0.5, 0.25, -2], [0, 0, -0.4], [0, 0, 1], [0, 0, -11], [np.nan, 0, -2],
                       [np.inf, 0, -2], [0, 0, np.nan], [1e30, 0, -2], [40000, 0, -2]], np.float32)
    out = []
    for project in (kernels.project, project_ref):
        camera, screen = np.empty((10, 3), np.float32), np.zeros((10, 2), np.int32)
        near = np.full(10, 7, np.float32)
        project(points, np.eye(4), LENS, camera, screen, near)
        assert np.array_equal(near, [0.5, 0.5, 0, 0, 0, 0, 0, 0, 0, 0])
        assert np.array_equal(screen[:2], [(24 * 256, 24 * 256), (39 * 256, 16.5 * 256)])
        out.append((camera, screen, near))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*out, strict=True))


def test_normals_of_a_sphere_point_outwards(kernels, make_head):
    face = make_head()
    sphere = slice(0, 25 * 49)
    points = np.ascontiguousarray(face.rest[sphere] / (0.075, 0.115, 0.09), np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    triangles = face.surface.triangles[: 2 * 24 * 48]
    weld = face.surface.weld[sphere]
    results = []
    for vertex_normals in (kernels.vertex_normals, vertex_normals_ref):
        attributes = np.full((len(points), 8), 5, np.float32)
        vertex_normals(points, weld[triangles], weld, attributes)
        cosine = (attributes[:, :3] * points).sum(axis=1)
        assert cosine.min() > np.cos(np.radians(3))
        assert (attributes[:, 3:7] == 5).all()
        results.append(attributes)
    assert np.allclose(*results, atol=1e-6)
    # Both sides of the uv seam share one normal.
    assert np.array_equal(results[0][:, :3], results[0][weld, :3])


def test_broken_triangles_do_not_spoil_their_neighbours(kernels):
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan, 0, 0], [1e30, 0, 0], [2, 2, 0], [9, 9, 9]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 1, 3], [1, 2, 4], [0, 1, 5], [5, 5, 5], [0, 0, 1]], np.int32)
    for vertex_normals in (kernels.vertex_normals, vertex_normals_ref):
        attributes = np.zeros((7, 8), np.float32)
        vertex_normals(points, triangles, np.arange(7, dtype=np.int32), attributes)
        assert np.array_equal(attributes[:, :3], np.tile(np.array([0, 0, 1.0]), (7, 1)))
