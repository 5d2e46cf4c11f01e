"""What of a mesh is seen at each pixel: triangle and place in a texture; a serial numba kernel. Twin: uvmap_ref.py.

Looked at is the middle of each pixel, once. It is for networks that paint, not for pictures: nothing is smoothed.
"""

import numpy as np

from personare.rendering.compiled import compiled


@compiled("void(float64[:,::1], int32[:,::1], float32[:,:,::1], boolean[::1], int32[:,::1], float32[:,:,::1],"
          "float64[:,::1])")
def map_uv(points, triangles, corner_uv, two_sided, number, uv, near):
    """Find the nearest triangle at every pixel and interpolate its texture coordinates, correct in perspective.

    Args:
        points: (v, 3) float64: x, y in pixels and depth; triangles with a depth of 0 or less are left out.
        triangles: (f, 3) int32, clockwise on the picture where seen from the front (y grows downwards).
        corner_uv: (f, 3, 2) float32 texture coordinates of each corner.
        two_sided: (f,) bool, whether the back of a triangle is seen too.
        number: (h, w) int32 out, triangle at each pixel, -1 for none.
        uv: (h, w, 2) float32 out, 0 where there is none.
        near: (h, w) float64 scratch.
    """
    h, w = number.shape
    number[:] = -1
    uv[:] = 0
    near[:] = 0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if points[a, 2] <= 0 or points[b, 2] <= 0 or points[c, 2] <= 0:
            continue
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        # Above 0 for a triangle whose corners run counter-clockwise seen from outside, as y points down.
        area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)
        if area == 0 or (area < 0 and not two_sided[t]):
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(w - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(h - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        near_a, near_b, near_c = 1 / points[a, 2], 1 / points[b, 2], 1 / points[c, 2]
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                of_a = ((cx - x) * (by - y) - (cy - y) * (bx - x)) / area
                of_b = ((ax - x) * (cy - y) - (ay - y) * (cx - x)) / area
                of_c = 1 - of_a - of_b
                if of_a < 0 or of_b < 0 or of_c < 0:
                    continue
                of_a, of_b, of_c = of_a * near_a, of_b * near_b, of_c * near_c
                nearness = of_a + of_b + of_c
                if nearness > near[row, column]:
                    near[row, column] = nearness
                    number[row, column] = t
                    for k in range(2):
                        uv[row, column, k] = (of_a * corner_uv[t, 0, k] + of_b * corner_uv[t, 1, k]
                                              + of_c * corner_uv[t, 2, k]) / nearness
