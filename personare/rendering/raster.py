"""Triangles to samples: serial numba kernels. `raster_ref.py` holds their NumPy twins.

Sample positions are multiples of 1/256 pixel and edge functions are integers, so an edge shared by two
triangles is decided once: no sample is drawn twice and none is missed. Each pixel has four samples on a rotated
grid, each on a row of its own, so near-horizontal and near-vertical edges get five levels instead of three.
"""

import numpy as np

from personare.rendering.compiled import compiled, inlined
from personare.rendering.masked import cover_masked
from personare.rendering.samples import FIRST, SAMPLE_X, SAMPLE_Y, bits
from personare.rendering.texture import lay_texture

# Fixed-point units in a pixel, and how far (in pixels) a vertex may lie outside. Edge functions multiply two
# differences below 2 * 2**20 * 2**8 = 2**29, which leaves 64-bit integers room to spare.
SUBPIXELS = 256
GUARD_PX = 2.0**20

# Positions of the 16 samples of 4 neighbouring pixels, which are tested at once.
LANE_X = np.array([256 * pixel + x for pixel in range(4) for x in SAMPLE_X], np.int32)
LANE_Y = np.array(SAMPLE_Y * 4, np.int32)

# Triangles below this extent (64 pixels, in 1/256 pixel) are tested in 32-bit integers: an edge function at most
# four pixels outside their box stays below 2 * (64 * 256) * (68 * 256) < 2**31.
WIDE = 64 * SUBPIXELS

@compiled("void(float32[:,::1], float64[:,::1], float64[::1], float32[:,::1], int32[:,::1], float32[::1])")
def project(vertices, camera_from_world, lens, points, screen, nearness):
    """Take vertices to camera space and to the screen.

    Args:
        vertices: (v, 3) float32 world.
        camera_from_world: (4, 4) float64.
        lens: (5,) float64: focal_px, center x, center y, near, far.
        points: (v, 3) float32 out, camera space.
        screen: (v, 2) int32 out, x and y in 1/256 pixel.
        nearness: (v,) float32 out, 1 / depth; 0 for a vertex that cannot be drawn (not finite, nearer than
            near, farther than far, or too far outside), and no triangle that has one is drawn.
    """
    m = camera_from_world
    for i in range(vertices.shape[0]):
        x, y, z = np.float64(vertices[i, 0]), np.float64(vertices[i, 1]), np.float64(vertices[i, 2])
        u = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
        v = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
        depth = -(m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        points[i, 0] = u
        points[i, 1] = v
        points[i, 2] = -depth
        nearness[i] = 0
        if depth >= lens[3] and depth <= lens[4]:
            scale = lens[0] / depth
            x_px = lens[1] + u * scale
            y_px = lens[2] - v * scale
            if abs(x_px) < GUARD_PX and abs(y_px) < GUARD_PX:
                screen[i, 0] = np.int32(np.floor(x_px * SUBPIXELS + 0.5))
                screen[i, 1] = np.int32(np.floor(y_px * SUBPIXELS + 0.5))
                nearness[i] = 1 / depth


@compiled("void(float32[:,::1], int32[:,::1], int32[::1], float32[:,::1])")
def vertex_normals(points, welded, weld, attributes):
    """Smooth unit normals: triangle normals summed at each place, weighted by area.

    Args:
        points: (v, 3) float32.
        welded: (f, 3) int32 triangles over the first vertex at each place.
        weld: (v,) int32, that first vertex.
        attributes: (v, 8) float32; columns 0..2 out, (0, 0, 1) where no triangle gives a direction, and 7, the
            depth.
    """
    for i in range(points.shape[0]):
        attributes[i, 7] = -points[i, 2]
        attributes[i, 0] = attributes[i, 1] = attributes[i, 2] = 0
    for t in range(welded.shape[0]):
        a, b, c = np.uint32(welded[t, 0]), np.uint32(welded[t, 1]), np.uint32(welded[t, 2])
        px, py, pz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        qx, qy, qz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
        if abs(nx) + abs(ny) + abs(nz) < np.float32(1e15):
            for k in (a, b, c):
                attributes[k, 0] += nx
                attributes[k, 1] += ny
                attributes[k, 2] += nz
    for i in range(points.shape[0]):
        if weld[i] == i:
            x, y, z = attributes[i, 0], attributes[i, 1], attributes[i, 2]
            length = np.sqrt(x * x + y * y + z * z)
            if length > 0:
                scale = np.float32(1) / length
                attributes[i, 0], attributes[i, 1], attributes[i, 2] = x * scale, y * scale, z * scale
            else:
                attributes[i, 0], attributes[i, 1], attributes[i, 2] = 0, 0, 1
    for i in range(points.shape[0]):
        k = np.uint32(weld[i])
        if k != i:
            attributes[i, 0], attributes[i, 1] = attributes[k, 0], attributes[k, 1]
            attributes[i, 2] = attributes[k, 2]


@inlined
def doubled_area(screen, a, b, c):
    """Twice the area of a triangle, above 0 where it is seen from its front; int64."""
    ax, ay = np.int64(screen[a, 0]), np.int64(screen[a, 1])
    return ((screen[c, 0] - ax) * (screen[b, 1] - ay) - (screen[c, 1] - ay) * (screen[b, 0] - ax))


@compiled("int64(int32[:,::1], float32[::1], int32[:,::1], boolean[::1], int64, int64, int64,"
          "int32[:,::1], int64[::1])")
def bin_triangles(screen, nearness, triangles, two_sided, width, height, band_rows, reach, starts):
    """Find the bands of rows each triangle may touch, and how many each band gets.

    Args:
        screen, nearness: from project.
        triangles: (f, 3) int32.
        two_sided: (f,) bool, whether the back of a triangle is drawn too.
        width, height: pixels.
        band_rows: pixel rows in a band.
        reach: (f, 2) int32 out, first and last band; first above last for a triangle that is not drawn.
        starts: (bands + 1,) int64 out, where the list of each band starts.

    Returns:
        Length of all lists together.
    """
    starts[:] = 0
    for t in range(triangles.shape[0]):
        reach[t, 0] = 0
        reach[t, 1] = -1
        a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        if nearness[a] > 0 and nearness[b] > 0 and nearness[c] > 0:
            area = doubled_area(screen, a, b, c)
            if area > 0 or (area < 0 and two_sided[t]):
                x_low = min(screen[a, 0], screen[b, 0], screen[c, 0])
                x_high = max(screen[a, 0], screen[b, 0], screen[c, 0])
                y_low = min(screen[a, 1], screen[b, 1], screen[c, 1])
                y_high = max(screen[a, 1], screen[b, 1], screen[c, 1])
                # The last sample of a pixel is at 224 and the first at 32, so ceil and floor of the difference.
                row_low = max(0, (y_low - 224 + 255) >> 8)
                row_high = min(height - 1, (y_high - 32) >> 8)
                if row_low <= row_high and (x_high >= 32) and (x_low >> 8) < width:
                    reach[t, 0] = row_low // band_rows
                    reach[t, 1] = row_high // band_rows
                    for band in range(row_low // band_rows, row_high // band_rows + 1):
                        starts[np.uint64(band + 1)] += 1
    for band in range(1, starts.shape[0]):
        starts[band] += starts[band - 1]
    return starts[-1]


@compiled("void(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[:,::1], float32[:,::1], int32[::1],"
          "float32[:,::1], int32[:,::1], float32[:,::1], int64[:,::1], float32[:,::1])")
def list_triangles(reach, starts, filled, listed, triangles, attributes, triangle_material, points, screen, uv,
                   textures, facets):
    """Fill the lists of all bands, each in the order of the triangles.

    Args:
        reach, starts: from bin_triangles.
        filled: (bands,) int64 scratch.
        listed: (n,) int32 out, triangle numbers.
        triangles, attributes, triangle_material: as in draw.
        points: (v, 3) float32, camera space.
        screen, uv, textures: as in draw.
        facets: (f, 24) float32 out, columns 0..3: normal at the first corner and material of what is listed, and how
            its texture lies.
    """
    filled[:] = 0
    for t in range(reach.shape[0]):
        for band in range(reach[t, 0], reach[t, 1] + 1):
            k = np.uint64(band)
            listed[np.uint64(starts[k] + filled[k])] = t
            filled[k] += 1
        if reach[t, 1] >= 0:
            a = np.uint32(triangles[t, 0])
            facets[t, 0], facets[t, 1], facets[t, 2] = attributes[a, 0], attributes[a, 1], attributes[a, 2]
            facets[t, 3] = triangle_material[t]
            m = np.uint32(triangle_material[t])
            if textures[m, 1] > 0:
                b, c = np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
                lay_texture(facets, t, (a, b, c), points, uv, doubled_area(screen, a, b, c), textures, m)


@inlined
def edge_bias(dx, dy):
    """0 for a top or left edge, which owns the samples on it, else -1."""
    return np.int64(0) if dy < 0 or (dy == 0 and dx > 0) else np.int64(-1)


@inlined
def cover_block(samples, start, number, at, right, down, near, slope_x, slope_y, limits):
    """Test 16 samples, those of 4 neighbouring pixels, against a small triangle. All integers fit 32 bits.

    Args:
        samples: (n,) int64 in and out, keys: bits of the nearness (float32), then FIRST - triangle number,
            so that the greater key is the nearer triangle, and of two at the same depth the earlier one.
        start: position of the first sample.
        number: FIRST - triangle number.
        at, right, down: three edge functions at the upper left corner of the first pixel, and their change
            for one unit of x and y.
        near, slope_x, slope_y: float32 nearness at that corner and its change.
        limits: lowest and highest nearness of the triangle.
    """
    for k in range(16):
        i = start + np.uint64(k)
        x, y = LANE_X[k], LANE_Y[k]
        in_a = np.int32(at[0] + np.int32(x * right[0]) + np.int32(y * down[0]))
        in_b = np.int32(at[1] + np.int32(x * right[1]) + np.int32(y * down[1]))
        in_c = np.int32(at[2] + np.int32(x * right[2]) + np.int32(y * down[2]))
        z = near + (slope_x * np.float32(x) + slope_y * np.float32(y))
        z = z if z > limits[0] else limits[0]
        z = z if z < limits[1] else limits[1]
        key = (bits(z) << 32) | number
        key = key if (in_a | in_b | in_c) >= 0 else np.int64(0)
        old = samples[i]
        samples[i] = key if key > old else old


@inlined
def cover_block_wide(samples, start, number, at, right, down, near, slope_x, slope_y, limits):
    """cover_block for triangles of any size, in 64-bit integers."""
    for k in range(16):
        i = start + np.uint64(k)
        x, y = np.int64(LANE_X[k]), np.int64(LANE_Y[k])
        if ((at[0] + x * right[0] + y * down[0]) | (at[1] + x * right[1] + y * down[1])
                | (at[2] + x * right[2] + y * down[2])) >= 0:
            z = near + (slope_x * np.float32(x) + slope_y * np.float32(y))
            z = z if z > limits[0] else limits[0]
            z = z if z < limits[1] else limits[1]
            samples[i] = max(samples[i], (bits(z) << 32) | number)


@inlined
def slopes(screen, nearness, a, b, c, share):
    """Change of nearness for one fixed-point unit of x and of y, float64; share is 1 / doubled area."""
    ux, uy = np.float64(screen[b, 0] - screen[a, 0]), np.float64(screen[b, 1] - screen[a, 1])
    vx, vy = np.float64(screen[c, 0] - screen[a, 0]), np.float64(screen[c, 1] - screen[a, 1])
    u, v = np.float64(nearness[b]) - nearness[a], np.float64(nearness[c]) - nearness[a]
    return (u * vy - v * uy) * share, (v * ux - u * vx) * share


@inlined
def share_plane(facets, t, k, right, down, x, y, scale):
    """Write the edge function through (x, y), scaled, as value at the upper left of the picture, and slopes.

    Divided by the sum of all three, the planes of a triangle give the share of each corner at a point, correct in
    perspective. One line of cache holds them, and many pixels look them up.
    """
    facets[t, k] = -np.float64(right * x + down * y) * scale
    facets[t, k + 1] = right * scale
    facets[t, k + 2] = down * scale


@inlined
def cover_solid(samples, number, rows, columns, below, width, at, right, down, plane, limits, small):
    """Draw a triangle without holes, in blocks of four pixels.

    Args:
        samples, width: as in fill_band.
        number: FIRST - triangle number.
        rows, columns: first and last to look at; rows are those of the band, `below` rows under the triangle's first.
        at, right, down: edge functions at the upper left corner of the first pixel, and their change.
        plane: nearness at the corner of the triangle's box and its change for 1/256 pixel.
        limits, small: as in cover_block, and whether its integers fit 32 bits.
    """
    in_a, in_b, in_c = at
    for row in range(rows[0], rows[1] + 1):
        at_a, at_b, at_c = in_a, in_b, in_c
        near = plane[0] + plane[2] * np.float32((row + below) * 256)
        for column in range(columns[0], columns[1] + 1, 4):
            first = np.uint64((row * (width + 4) + column) * 4)
            start = near + plane[1] * np.float32((column - columns[0]) * 256)
            if small:
                cover_block(samples, first, number,
                            (np.int32(at_a), np.int32(at_b), np.int32(at_c)),
                            (np.int32(right[0]), np.int32(right[1]), np.int32(right[2])),
                            (np.int32(down[0]), np.int32(down[1]), np.int32(down[2])),
                            start, plane[1], plane[2], limits)
            else:
                cover_block_wide(samples, first, number, (at_a, at_b, at_c), right, down, start, plane[1], plane[2],
                                 limits)
            at_a += right[0] * 1024
            at_b += right[1] * 1024
            at_c += right[2] * 1024
        in_a += down[0] * 256
        in_b += down[1] * 256
        in_c += down[2] * 256


@compiled("void(int32[:,::1], float32[::1], int32[:,::1], int32[::1], int64, int64, int64, int64, int64,"
          "int64[::1], int64[::1], float32[:,::1], int64[:,::1], uint16[::1], float32[:,::1], float32[:,::1])")
def fill_band(screen, nearness, triangles, listed, start, stop, width, first_row, row_count, samples, touched,
              uv, textures, texels, materials, facets):
    """Draw the listed triangles into the samples of one band of pixel rows.

    Args:
        screen, nearness, triangles: as in bin_triangles.
        listed: (n,) int32 triangles; those of this band are start <= i < stop.
        width: pixels in a row.
        first_row, row_count: the band.
        samples: (row_count * (w + 4) * 4,) int64 in and out, keys as in cover_block, four to a pixel, 0 for
            none; the four pixels right of the picture are scratch.
        touched: (2,) int64 out, first and last pixel column that may hold something.
        uv, textures, texels, materials: as in draw.
        facets: (f, 24) float32 out, columns 4..13: share_plane of each corner, and 1 for a triangle seen from its
            front, else -1.
    """
    leftmost, rightmost = np.int64(width), np.int64(-1)
    for n in range(start, stop):
        t = np.uint32(listed[np.uint64(n)])
        a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        area = doubled_area(screen, a, b, c)
        front = area > 0
        if front:
            b, c = c, b
        share = 1 / np.float64(abs(area))
        ax, ay = np.int64(screen[a, 0]), np.int64(screen[a, 1])
        bx, by = np.int64(screen[b, 0]), np.int64(screen[b, 1])
        cx, cy = np.int64(screen[c, 0]), np.int64(screen[c, 1])
        slope_x, slope_y = slopes(screen, nearness, a, b, c, share)
        limits = (min(nearness[a], nearness[b], nearness[c]), max(nearness[a], nearness[b], nearness[c]))
        y_low, y_high = min(ay, by, cy), max(ay, by, cy)
        x_low, x_high = min(ax, bx, cx), max(ax, bx, cx)
        top = max(0, (y_low - 224 + 255) >> 8)
        row_low, row_high = max(0, top - first_row), min(row_count - 1, ((y_high - 32) >> 8) - first_row)
        low, high = max(0, (x_low - 224 + 255) >> 8), min(width - 1, (x_high - 32) >> 8)
        small = x_high - x_low < WIDE and y_high - y_low < WIDE
        right, down = (ay - by, by - cy, cy - ay), (bx - ax, cx - bx, ax - cx)
        x, y = low * 256, (row_low + first_row) * 256
        in_a = down[0] * (y - ay) + right[0] * (x - ax) + edge_bias(down[0], -right[0])
        in_b = down[1] * (y - by) + right[1] * (x - bx) + edge_bias(down[1], -right[1])
        in_c = down[2] * (y - cy) + right[2] * (x - cx) + edge_bias(down[2], -right[2])
        # Nearness starts at the upper left pixel of the box, wherever the band begins, and goes on in float32.
        corner = np.float32(nearness[a] + slope_x * np.float64(x - ax) + slope_y * np.float64(top * 256 - ay))
        rise_x, rise_y = np.float32(slope_x), np.float32(slope_y)
        number = FIRST - np.int64(t)
        share_plane(facets, t, 4, right[1], down[1], bx, by, nearness[a] * share)
        share_plane(facets, t, 10 if front else 7, right[2], down[2], cx, cy, nearness[b] * share)
        share_plane(facets, t, 7 if front else 10, right[0], down[0], ax, ay, nearness[c] * share)
        facets[t, 13] = 1 if front else -1
        leftmost, rightmost = min(leftmost, low), max(rightmost, high)
        if materials[np.uint32(facets[t, 3]), 5] > 0:
            near = corner + rise_y * np.float32((row_low + first_row - top) * 256)
            cover_masked(samples, triangles, t, (row_low, row_high), (low, high), first_row, width,
                         (in_a, in_b, in_c), right, down, (near, rise_x, rise_y), limits,
                         (uv, textures, texels, facets))
            continue
        cover_solid(samples, number, (row_low, row_high), (low, high), first_row - top, width, (in_a, in_b, in_c),
                    right, down, (corner, rise_x, rise_y), limits, small)
    touched[0], touched[1] = leftmost, rightmost
