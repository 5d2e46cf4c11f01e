"""Paints the atlas: what each texel of skin, eyes and mouth sends back, as a share of the colour of its vertices.

The texture is nearly grey, so that one picture serves every tone. NEUTRAL leaves the colour of the vertices as it is;
those are stored divided by it.
"""

import numba
import numpy as np
from scipy.ndimage import distance_transform_edt

from sona import paint_parts, paint_skin

NEUTRAL = 0.80
PAINTED = ("skin", "mouth", "eye", "teeth", "gums", "tongue")  # materials that the atlas belongs to
QUALITY = 84


@numba.njit(cache=True)
def _lay(uv, triangles, values, size, out, owner, times):
    """Interpolate values (v, n) over the texels of every triangle; times counts how often a texel is met."""
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        ax, ay = uv[a, 0] * size, (1 - uv[a, 1]) * size
        bx, by = uv[b, 0] * size - ax, (1 - uv[b, 1]) * size - ay
        cx, cy = uv[c, 0] * size - ax, (1 - uv[c, 1]) * size - ay
        area = bx * cy - cx * by
        if abs(area) < 1e-12:
            continue
        left, right = ax + min(0.0, bx, cx), ax + max(0.0, bx, cx)
        top, bottom = ay + min(0.0, by, cy), ay + max(0.0, by, cy)
        for row in range(max(0, int(np.ceil(top - 0.5))), min(size - 1, int(np.floor(bottom - 0.5))) + 1):
            for column in range(max(0, int(np.ceil(left - 0.5))), min(size - 1, int(np.floor(right - 0.5))) + 1):
                x, y = column + 0.5 - ax, row + 0.5 - ay
                of_b, of_c = (x * cy - cx * y) / area, (bx * y - x * by) / area
                of_a = 1 - of_b - of_c
                if of_a >= 0 and of_b >= 0 and of_c >= 0:
                    # An edge between two triangles may pass through the middle of a texel.
                    times[row, column] += 1 if of_a > 1e-6 and of_b > 1e-6 and of_c > 1e-6 else 0
                    owner[row, column] = t
                    for k in range(values.shape[1]):
                        out[row, column, k] = of_a * values[a, k] + of_b * values[b, k] + of_c * values[c, k]


def lay_out(uv, triangles, values, size):
    """Values (v, n) over the texels: (size, size, n) float32, (size, size) triangle or -1, and how many share it."""
    out = np.zeros((size, size, values.shape[1]), np.float32)
    owner, times = np.full((size, size), -1, np.int32), np.zeros((size, size), np.uint8)
    _lay(np.asarray(uv, float), np.asarray(triangles, np.int64), np.asarray(values, float), size, out, owner, times)
    return out, owner, times


def atlas(head, names, size):
    """The texture, (size, size, 3) uint8 sRGB.

    Args:
        head: what build.assemble returns.
        names: of the materials.
        size: texels along a side.
    """
    wanted = np.isin(head["triangle_material"], [names.index(name) for name in PAINTED])
    triangles = head["triangles"][wanted]
    values = np.concatenate([head["rest"], head["fields"]], 1)
    laid, owner, _ = lay_out(head["uv"], triangles, values, size)
    inside = owner >= 0
    part = np.array(head["part_names"])[head["part"][triangles[:, 0]]][owner]
    picture = np.full((size, size, 3), NEUTRAL)
    skin = inside & (part == "skin")
    picture[skin] = NEUTRAL * paint_skin.shares(laid[skin].astype(float))
    for name, painter in paint_parts.PAINTERS.items():
        here = inside & (part == name)
        picture[here] = painter(laid[here][:, :3].astype(float), NEUTRAL)
    # The colour at the rim of each chart goes on beyond it, for the sake of coarser levels.
    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return srgb(picture[tuple(nearest)])


def srgb(linear):
    """uint8 sRGB of linear light."""
    linear = np.clip(linear, 0, 1)
    levels = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * levels).astype(np.uint8)


FIELDS = paint_skin.COLUMNS
