"""Pixels of a photo in motion: numba kernels that sample it where it was, and draw the face over it.

The rasteriser is that of personare.rendering; here its fragments are not lit but look at the photo.
"""

import numpy as np

from personare.rendering.compiled import compiled, inlined
from personare.rendering.draw import arrange
from personare.rendering.fragments import collect, interpolate, paint
from personare.rendering.raster import fill_band
from personare.rendering.shade import BATCH, COLUMNS, LB, LG, LR, B, G, R, light_fragments
from personare.rendering.shadow import light_reaching
from personare.rendering.texture import shares

SKIN, EYE, INSIDE, TEETH = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(3)
# Columns of looks, one row for each vertex.
SOURCE_X, SOURCE_Y, SOURCE_D, FADE, SHADE, SEEN, LID, REST_X, REST_Y = range(9)
LOOKS = 9
# Points of the upper lip among those round the mouth, see points.INNER_LIPS.
UPPER_LIP = 11

# Middles of the lips among the points round the mouth.
_TOP, _BOTTOM = 5, 15
# The inside of an open mouth is seen in full up to so many soft edges beyond the line of the lips, for skin lies in
# front of it; at that line it is so dark, and light at one soft edge inside.
_SLACK, _CONTACT = np.float32(2.6), np.float32(0.8)
# Light close behind the upper lip, and how much of the light of a tooth is that of all teeth.
_BELOW_LIP, _ENAMEL, _WET = np.float32(0.72), np.float32(0.4), np.float32(0.65)

_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)


@inlined
def cubic(t):
    """Weights of four samples around a point t between the middle two (Catmull and Rom, 1974)."""
    t2, t3 = t * t, t * t * t
    return (np.float32(-0.5) * t3 + t2 - _HALF * t, np.float32(1.5) * t3 - np.float32(2.5) * t2 + _ONE,
            np.float32(-1.5) * t3 + np.float32(2) * t2 + _HALF * t, _HALF * t3 - _HALF * t2)


@inlined
def within(i, n):
    """The index of the pixel nearest to i."""
    return min(max(i, 0), n - 1)


@inlined
def sampled(picture, x, y):
    """Red, green and blue of a picture at a point in pixels, 0..255, bicubic; beyond its edge the edge goes on."""
    h, w = picture.shape[0], picture.shape[1]
    x, y = min(max(x, np.float32(-8)), np.float32(w + 8)), min(max(y, np.float32(-8)), np.float32(h + 8))
    left, top = np.int64(np.floor(x - _HALF)), np.int64(np.floor(y - _HALF))
    a, b = cubic(x - _HALF - np.float32(left)), cubic(y - _HALF - np.float32(top))
    red, green, blue = _ZERO, _ZERO, _ZERO
    for j in range(4):
        row = within(top - 1 + j, h)
        for i in range(4):
            column = within(left - 1 + i, w)
            weight = a[i] * b[j]
            red += weight * np.float32(picture[row, column, 0])
            green += weight * np.float32(picture[row, column, 1])
            blue += weight * np.float32(picture[row, column, 2])
    top_level = np.float32(255)
    return (min(max(red, _ZERO), top_level), min(max(green, _ZERO), top_level), min(max(blue, _ZERO), top_level))


@inlined
def looked_up(mask, x, y):
    """Value 0..1 of a mask (h, w) uint8 at a point in pixels, bilinear."""
    h, w = mask.shape
    x, y = min(max(x - _HALF, _ZERO), np.float32(w - 1)), min(max(y - _HALF, _ZERO), np.float32(h - 1))
    left, top = np.int64(x), np.int64(y)
    right, below = min(left + 1, w - 1), min(top + 1, h - 1)
    across, down = x - np.float32(left), y - np.float32(top)
    upper = np.float32(mask[top, left]) * (_ONE - across) + np.float32(mask[top, right]) * across
    lower = np.float32(mask[below, left]) * (_ONE - across) + np.float32(mask[below, right]) * across
    return (upper * (_ONE - down) + lower * down) * np.float32(1 / 255)


@inlined
def source_at(field, step, x, y):
    """Where on the photo a point of the frame looks, after the field around the head."""
    gh, gw = field.shape[0], field.shape[1]
    u, v = x / step, y / step
    u, v = min(max(u, _ZERO), np.float32(gw - 1.001)), min(max(v, _ZERO), np.float32(gh - 1.001))
    column, row = np.int64(u), np.int64(v)
    across, down = u - np.float32(column), v - np.float32(row)
    upper_x = field[row, column, 0] * (_ONE - across) + field[row, column + 1, 0] * across
    lower_x = field[row + 1, column, 0] * (_ONE - across) + field[row + 1, column + 1, 0] * across
    upper_y = field[row, column, 1] * (_ONE - across) + field[row, column + 1, 1] * across
    lower_y = field[row + 1, column, 1] * (_ONE - across) + field[row + 1, column + 1, 1] * across
    return upper_x * (_ONE - down) + lower_x * down, upper_y * (_ONE - down) + lower_y * down


@inlined
def blended(one, other, share):
    """A colour and another one, mixed."""
    return (one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1]),
            one[2] + share * (other[2] - one[2]))


@inlined
def away_from(line, x, y):
    """Distance of a point from a line of points (m, 2), and how far along it the nearest place is, 0..1."""
    least, along = np.float32(1e18), _ZERO
    parts = line.shape[0] - 1
    for k in range(parts):
        dx, dy = line[k + 1, 0] - line[k, 0], line[k + 1, 1] - line[k, 1]
        ux, uy = x - line[k, 0], y - line[k, 1]
        t = min(max((ux * dx + uy * dy) / (dx * dx + dy * dy + np.float32(1e-9)), _ZERO), _ONE)
        ux -= t * dx
        uy -= t * dy
        square = ux * ux + uy * uy
        if square < least:
            least, along = square, (np.float32(k) + t) / np.float32(parts)
    return np.sqrt(least), along


@inlined
def depth_in(ring, x, y):
    """How far a point lies inside a closed line of points (m, 2), negative outside."""
    inside, least, m = False, np.float32(1e18), ring.shape[0]
    for k in range(m):
        ax, ay = ring[k, 0], ring[k, 1]
        bx, by = ring[(k + 1) % m, 0], ring[(k + 1) % m, 1]
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
        dx, dy, ux, uy = bx - ax, by - ay, x - ax, y - ay
        t = min(max((ux * dx + uy * dy) / (dx * dx + dy * dy + np.float32(1e-9)), _ZERO), _ONE)
        least = min(least, (ux - t * dx) ** 2 + (uy - t * dy) ** 2)
    return np.sqrt(least) if inside else -np.sqrt(least)


@compiled("void(uint8[:,:,::1], float32[:,::1], float32[::1], float32, float32)")
def draw_lashes(out, line, color, width, share):
    """Draw the line of lashes along the edge of a lid, thinner towards its ends.

    Args:
        out: (h, w, 3) uint8 in and out.
        line: (m, 2) float32 pixels.
        color: (3,) float32 sRGB levels.
        width: of the line in its middle, pixels.
        share: how opaque it is, 0..1.
    """
    h, w = out.shape[0], out.shape[1]
    low_x, high_x, low_y, high_y = line[:, 0].min(), line[:, 0].max(), line[:, 1].min(), line[:, 1].max()
    for row in range(max(0, int(low_y - width - 1)), min(h, int(high_y + width + 2))):
        for column in range(max(0, int(low_x - width - 1)), min(w, int(high_x + width + 2))):
            away, along = away_from(line, np.float32(column) + _HALF, np.float32(row) + _HALF)
            half = _HALF * width * (np.float32(0.25) + np.float32(3) * along * (_ONE - along))
            # A soft edge of a pixel and of the line's own width: lashes thin out.
            cover = min(max((half - away) / (_ONE + half) + _HALF, _ZERO), _ONE) * share
            if half < _HALF:
                cover *= _HALF + half
            if cover > _ZERO:
                for k in range(3):
                    level = np.float32(out[row, column, k])
                    out[row, column, k] = np.uint8(level + cover * (min(color[k], level) - level) + _HALF)


@compiled("void(uint8[:,:,::1], float32[:,:,::1], float32, uint8[:,:,::1])")
def warp_picture(picture, field, step, out):
    """Draw the photo as its field moves it.

    Args:
        picture: (h, w, 3) uint8.
        field: (gh, gw, 2) float32, see Surroundings.sources.
        step: pixels between its points.
        out: (h, w, 3) uint8 out.
    """
    h, w = picture.shape[0], picture.shape[1]
    for row in range(h):
        for column in range(w):
            x, y = np.float32(column) + _HALF, np.float32(row) + _HALF
            u, v = source_at(field, step, x, y)
            if abs(u - x) + abs(v - y) < np.float32(0.002):
                for k in range(3):
                    out[row, column, k] = picture[row, column, k]
            else:
                red, green, blue = sampled(picture, u, v)
                out[row, column, 0] = np.uint8(red + _HALF)
                out[row, column, 1] = np.uint8(green + _HALF)
                out[row, column, 2] = np.uint8(blue + _HALF)


@inlined
def coded(light):
    """sRGB level 0..255 of linear light."""
    light = min(max(light, _ZERO), _ONE)
    if light <= np.float32(0.0031308):
        return np.float32(12.92 * 255) * light
    return np.float32(255) * (np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055))


@inlined
def in_mouth(batch, n, is_tooth, gain, shade, rim, x, y):
    """sRGB levels of a fragment in the mouth, and how much of it lips let through. See draw_face for gain and rim."""
    # Light comes from all sides and goes through what is wet: much of what is sent back knows no direction.
    wet = _ZERO if is_tooth else _WET
    lit = _ONE - _HALF * wet
    red = coded(gain[0] * (wet * batch[R + n] + lit * batch[LR + n]))
    green = coded(gain[1] * (wet * batch[G + n] + lit * batch[LG + n]))
    blue = coded(gain[2] * (wet * batch[B + n] + lit * batch[LB + n]))
    grey = np.float32(0.3) * red + np.float32(0.6) * green + np.float32(0.1) * blue
    red, green, blue = blended((grey, grey, grey), (red, green, blue), gain[3])
    if is_tooth:
        # Light goes through enamel and softens the gaps between teeth.
        red, green, blue = blended((red, green, blue), (gain[9], gain[10], gain[11]), _ENAMEL)
    # The upper lip keeps the light off what is close behind it, and both touch what is at their edges.
    away, _ = away_from(rim[:UPPER_LIP], x, y)
    light = min(away / gain[4], _ONE)
    light = _BELOW_LIP + (_ONE - _BELOW_LIP) * light * (np.float32(2) - light)
    inward = depth_in(rim, x, y) / gain[8]
    light *= shade * min(max(_CONTACT + np.float32(0.2) * inward, _CONTACT), _ONE)
    # Mouths are seen between the lips only, wherever a cheek that turns away would let them through.
    apart = np.sqrt((rim[_TOP, 0] - rim[_BOTTOM, 0]) ** 2 + (rim[_TOP, 1] - rim[_BOTTOM, 1]) ** 2)
    seen = min(max(inward + _HALF + min(np.float32(0.7) * apart / gain[8], _SLACK), _ZERO), _ONE)
    return max(red * light, gain[5]), max(green * light, gain[6]), max(blue * light, gain[7]), seen


@inlined
def show(fragments, weights, start, count, batch, line, face, photo, field, step, blink, look, rim, speech):
    """Add fragments to a line (w, 4) float32 of colour times coverage, and coverage. See draw_face for the rest."""
    triangles, facets, kinds, looks = face
    picture, white, irises, iris, lids, teeth, lips, gain = photo
    for n in range(count):
        i = start + n
        column, t = np.uint32(fragments[i, 0]), np.uint32(fragments[i, 1])
        x, y = np.float32(fragments[i, 2]), np.float32(fragments[i, 3])
        a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        p, q, r = shares(facets, t, x, y)
        d = looks[a, SOURCE_D] * p + looks[b, SOURCE_D] * q + looks[c, SOURCE_D] * r
        u = (looks[a, SOURCE_X] * p + looks[b, SOURCE_X] * q + looks[c, SOURCE_X] * r) / d
        v = (looks[a, SOURCE_Y] * p + looks[b, SOURCE_Y] * q + looks[c, SOURCE_Y] * r) / d
        fade = looks[a, FADE] * p + looks[b, FADE] * q + looks[c, FADE] * r
        x, y = x * np.float32(1 / 256), y * np.float32(1 / 256)
        kind = kinds[np.uint32(facets[t, 3])]
        if kind == EYE:
            share = looked_up(iris, u, v)
            s, w = source_at(field, step, x, y)
            red, green, blue = sampled(white, s, w)
            if share > _ZERO:
                red, green, blue = blended((red, green, blue), sampled(irises, u, v), share)
            moved = look[0] if looks[a, LID] > _ZERO else look[1]
            if moved < _ONE:
                red, green, blue = blended(sampled(picture, u, v), (red, green, blue), moved)
        elif kind >= INSIDE:
            shade = looks[a, SHADE] * p + looks[b, SHADE] * q + looks[c, SHADE] * r
            red, green, blue, seen = in_mouth(batch, n, kind == TEETH, gain, shade, rim, x, y)
            fade *= seen
            own = looked_up(teeth, u, v) * (looks[a, SEEN] * p + looks[b, SEEN] * q + looks[c, SEEN] * r)
            own = max(own, looked_up(lips, u, v) * (_ONE - speech))
            if own > _ZERO:
                red, green, blue = blended((red, green, blue), sampled(picture, u, v), own)
        else:
            rest = (_ONE - speech) / d
            u += rest * (looks[a, REST_X] * p + looks[b, REST_X] * q + looks[c, REST_X] * r)
            v += rest * (looks[a, REST_Y] * p + looks[b, REST_Y] * q + looks[c, REST_Y] * r)
            red, green, blue = sampled(picture, u, v)
            lid = looks[a, LID] * p + looks[b, LID] * q + looks[c, LID] * r
            share = lid * blink[0] if lid > _ZERO else -lid * blink[1]
            if share > _ZERO:
                red, green, blue = blended((red, green, blue), sampled(lids, u, v), share)
            shade = looks[a, SHADE] * p + looks[b, SHADE] * q + looks[c, SHADE] * r
            shade = _ONE + speech * (shade - _ONE)
            red, green, blue = red * shade, green * shade, blue * shade
        weight = weights[i] * fade
        line[column, 0] += weight * red
        line[column, 1] += weight * green
        line[column, 2] += weight * blue
        line[column, 3] += weight


@inlined
def lay_line(line, y, low, high, out):
    """Lay a line of sRGB levels and coverage over row y of a picture, and clear it."""
    for column in range(low, high + 1):
        covered = line[column, 3]
        if covered > _ZERO:
            for k in range(3):
                level = line[column, k] + (_ONE - covered) * np.float32(out[y, column, k])
                out[y, column, k] = np.uint8(min(max(level, _ZERO), np.float32(255)) + _HALF)
            line[column, 0] = line[column, 1] = line[column, 2] = line[column, 3] = 0


@compiled("void(float32[:,::1], int32[:,::1], float32[::1], int32[:,::1], float32[:,::1], float32[:,::1], int32[::1],"
          "float32[:,::1], int64[:,::1], uint16[::1], boolean[::1], boolean[::1], float32[::1], float32[:,::1],"
          "float32[::1], float32[::1], float32[:,::1], float32[:,::1], uint8[::1], float32[:,::1], uint8[:,:,::1],"
          "uint8[:,:,::1], uint8[:,:,::1], uint8[:,::1], uint8[:,:,::1], uint8[:,::1], uint8[:,::1], float32[::1],"
          "float32[:,:,::1], float32,"
          "float32[::1], float32[::1], float32[:,::1], float32, uint8[:,:,::1])")
def draw_face(points, screen, nearness, triangles, attributes, uv, triangle_material, materials, textures, texels,
              two_sided, casts, view, lamps, ambient, frame, facets, heights, kinds, looks, picture, white, irises,
              iris, lids, teeth, lips, gain, field, step, blink, look, rim, speech, out):
    """Draw a face that looks like its photo over a frame.

    Args:
        points .. ambient, frame, facets, heights: as in rendering.draw.draw.
        kinds: (m,) uint8 of each material: SKIN, EYE, INSIDE or TEETH.
        looks: (v, LOOKS) float32: x * d, y * d and depth d on the photo, fade 0..1, shade, whether it may show the
            photo's teeth, 1 for the left eye and the skin around it, -1 for the right one, and x * d and y * d by
            which a mouth at rest looks elsewhere.
        picture: (h, w, 3) uint8, the photo.
        white: (h, w, 3) uint8, the photo with the whites of the eyes where the irises were.
        irises: (h, w, 3) uint8, the photo with the irises whole.
        iris: (h, w) uint8, where irises are.
        lids: (h, w, 3) uint8, the photo with skin in place of eyes and lashes.
        teeth, lips: (h, w) uint8, where the photo shows upper teeth, and where the inside of the mouth and the lips'
            edges.
        gain: (12,) float32: what linear red, green and blue of the mouth are multiplied with, its saturation, how far
            the upper lip's shadow reaches in pixels, the darkest sRGB levels, how soft the edge of the lips is in
            pixels, and sRGB levels of teeth.
        field, step: as in warp_picture.
        blink: (2,) float32, how far the left and the right eye are closed, 0 as on the photo .. 1.
        look: (2,) float32, 0 where an eye is as on the photo .. 1 where it has moved.
        rim: (m, 2) float32 pixels round the opening of the mouth, the edge of the upper lip first.
        speech: 0 where the mouth is that of the photo .. 1 where it is drawn, but for what the photo shows of it.
        out: (h, w, 3) uint8 in and out.
    """
    h, w = out.shape[0], out.shape[1]
    band_rows, starts, listed = arrange(points, screen, nearness, triangles, attributes, uv, triangle_material,
                                        textures, two_sided, casts, frame, facets, heights, h, w)
    samples = np.empty(band_rows * 4 * (w + 4), np.int64)
    touched = np.empty(2, np.int64)
    fragments, weights = np.empty((4 * w, 4), np.int32), np.empty(4 * w, np.float32)
    batch, line = np.empty(COLUMNS * BATCH, np.float32), np.zeros((w, 4), np.float32)
    face, photo = (triangles, facets, kinds, looks), (picture, white, irises, iris, lids, teeth, lips, gain)
    for band in range(len(starts) - 1):
        if starts[band] == starts[band + 1]:
            continue
        rows = min(band_rows, h - band * band_rows)
        samples.fill(0)
        fill_band(screen, nearness, triangles, listed, starts[band], starts[band + 1], w, band * band_rows, rows,
                  samples, touched, uv, textures, texels, materials, facets)
        low, high = touched[0], touched[1]
        for row in range(rows):
            y = band * band_rows + row
            total = collect(samples, row * 4 * (w + 4), low, high, y, facets, materials, view[4], fragments, weights)
            start = np.uint64(0)
            while start < total:
                count = min(total - start, np.uint64(BATCH))
                interpolate(fragments, start, count, triangles, attributes, facets, materials, view, batch)
                paint(fragments, start, count, triangles, uv, facets, materials, textures, texels, batch)
                if heights.shape[0] > 0:
                    light_reaching(batch, count, frame, heights)
                light_fragments(batch, count, lamps, ambient)
                show(fragments, weights, start, count, batch, line, face, photo, field, step, blink, look, rim, speech)
                start += count
            lay_line(line, y, low, high, out)


@compiled("void(int32[:,::1], float32[::1], int32[:,::1], boolean[::1], float32[:,::1])")
def nearest(screen, nearness, triangles, two_sided, out):
    """Nearness of what lies in front at the middle of each pixel, 0 for nothing; (h, w) float32 in and out."""
    h, w = out.shape
    for t in range(triangles.shape[0]):
        a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        if nearness[a] > 0 and nearness[b] > 0 and nearness[c] > 0:
            ax, ay = screen[a, 0] / 256.0, screen[a, 1] / 256.0
            bx, by = screen[b, 0] / 256.0, screen[b, 1] / 256.0
            cx, cy = screen[c, 0] / 256.0, screen[c, 1] / 256.0
            area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)
            if area > 0 or (area < 0 and two_sided[t]):
                for row in range(max(0, int(min(ay, by, cy) - 0.5)), min(h, int(max(ay, by, cy) + 1.5))):
                    for column in range(max(0, int(min(ax, bx, cx) - 0.5)), min(w, int(max(ax, bx, cx) + 1.5))):
                        x, y = column + 0.5, row + 0.5
                        p = ((cx - x) * (by - y) - (cy - y) * (bx - x)) / area
                        q = ((ax - x) * (cy - y) - (ay - y) * (cx - x)) / area
                        r = 1 - p - q
                        if p >= 0 and q >= 0 and r >= 0:
                            near = np.float32(p * nearness[a] + q * nearness[b] + r * nearness[c])
                            if near > out[row, column]:
                                out[row, column] = near
