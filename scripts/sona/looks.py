"""Colour, baked occlusion, uv layout and materials."""

import numba
import numpy as np

from sona import brows, chart, hair, paint, paint_skin, rings
from sona.regions import smooth

SKIN = np.array([0.70, 0.45, 0.345])
# Textures are named by the file of the bundle that holds them; relief is in metres, see personare.types.Material.
MATERIALS = (
    {"name": "skin", "roughness": 0.50, "specular": 0.028, "scatter": 0.5, "texture": "atlas.jpg", "relief": 0.0009},
    {"name": "mouth", "roughness": 0.35, "specular": 0.04, "scatter": 0.3, "texture": "atlas.jpg", "casts": False},
    {"name": "eye", "roughness": 0.06, "specular": 0.05, "scatter": 0.15, "texture": "atlas.jpg", "casts": False},
    {"name": "teeth", "roughness": 0.22, "specular": 0.05, "scatter": 0.3, "texture": "atlas.jpg", "casts": False},
    {"name": "gums", "roughness": 0.28, "specular": 0.045, "scatter": 0.4, "texture": "atlas.jpg", "relief": 0.0006,
     "casts": False},
    {"name": "tongue", "roughness": 0.36, "specular": 0.045, "scatter": 0.4, "texture": "atlas.jpg",
     "relief": 0.0006, "casts": False},
    {"name": "hair", "roughness": 0.50, "specular": 0.035, "scatter": 0.15, "texture": "strands.jpg", "strands": 0.9,
     "two_sided": True},
    {"name": "brow", "roughness": 0.9, "specular": 0.0, "scatter": 0.1, "texture": "strands.jpg", "two_sided": True,
     "casts": False},
)


def _spot(p, centre, size):
    return np.exp(-(((p - centre) / size) ** 2).sum(1))


# Tones that a character may change, with those of the generated colours, linear RGB. "own" stays as painted.
TONES = {"own": (1.0, 1.0, 1.0), "skin": tuple(SKIN), "lips": (0.54, 0.205, 0.19), "hair": tuple(hair.HAIR_COLOR),
         "scalp": tuple(1.6 * hair.HAIR_COLOR), "brows": tuple(brows.BROW_COLOR), "iris": (0.30, 0.17, 0.055)}


def lip_red(skin):
    """(v,) 0..1 how red the lip is."""
    return 0.85 * skin.mouth * smooth(skin.ring, rings.LIP_BORDER - 1.0, rings.LIP_BORDER + 1.0)


def paint_fields(skin):
    """(v, n) what the painter of the skin wants to know about each vertex."""
    return paint_skin.fields(skin, lip_red(skin))


def skin_tint(skin):
    """(v, 7) shares of TONES in the colour of each skin vertex, rows sum to 1."""
    red = lip_red(skin)
    own = skin.mouth * smooth(skin.ring, rings.LIP_SEAL, rings.LIP_SEAL + 3.0)
    eye = skin.patch == "eye"
    own = np.maximum(own, 0.6 * eye * smooth(skin.ring, rings.EYE_MARGIN - 1.0, rings.EYE_BACK))
    share = dict.fromkeys(TONES, 0.0) | {"own": own, "lips": (1 - own) * red, "skin": (1 - own) * (1 - red)}
    return np.column_stack([share[name] + np.zeros(len(red)) for name in TONES])


def part_tint(part):
    """(n, 7) shares of TONES in the colour of a separate part."""
    share = np.zeros((len(part.p), len(TONES)))
    names = list(TONES)
    main = {"brows": "brows", "scalp": "scalp"} | dict.fromkeys(hair.STYLES, "hair")
    share[:, names.index(main.get(part.name, "own"))] = 1.0
    if part.name == "eye":
        share[:, names.index("iris")] = part.info["iris"]
        share[:, 0] -= part.info["iris"]
    return share


def stored_color(color, part, part_names):
    """(v, 3) colours of vertices such that times the texture they give the painted ones; the eye's texture is whole."""
    share = np.where(part == part_names.index("eye"), 1.0, paint.NEUTRAL)
    sheets = [k for k, name in enumerate(part_names) if name in ("brows", "lashes", "scalp", *hair.STYLES)]
    share[np.isin(part, sheets)] = 1.0
    return np.clip(color / share[:, None], 0, 1)


def skin_color(skin):
    """(v, 3) linear RGB of the skin: warmth on cheeks, nose and ears, the red of the lips, the mouth inside."""
    p = skin.p * (1, 1, 1)
    p[:, 0] = np.abs(p[:, 0])
    color = np.tile(SKIN, (len(p), 1))

    def blend(target, weight):
        nonlocal color
        color = color + np.clip(weight, 0, 1)[:, None] * (np.asarray(target) - color)

    blend((0.66, 0.325, 0.25), 0.55 * _spot(p, (4.3, -3.4, 7.3), (1.7, 1.5, 2.5)))
    blend((0.64, 0.31, 0.245), 0.50 * _spot(p, (0.6, -4.1, 11.0), (1.2, 0.9, 1.6)))
    blend((0.62, 0.30, 0.24), 0.45 * (skin.patch == "ear"))
    blend((0.74, 0.50, 0.385), 0.4 * _spot(p, (0.0, 5.0, 9.0), (4.0, 2.5, 4.0)))
    blend((0.65, 0.41, 0.325), 0.35 * _spot(p, (0.0, -9.5, 8.5), (4.5, 1.6, 4.0)))
    blend((0.57, 0.33, 0.265), 0.40 * _spot(p, (3.1, -0.1, 8.0), (2.2, 1.2, 1.5)))
    blend(TONES["lips"], lip_red(skin))
    blend((0.40, 0.12, 0.11), 0.9 * smooth(skin.ring, rings.LIP_SEAL - 1.5, rings.LIP_SEAL + 1.0) * skin.mouth)
    blend((0.20, 0.045, 0.045), smooth(skin.ring, rings.LIP_SEAL + 1.5, rings.LIP_SEAL + 5) * skin.mouth)
    blend((0.16, 0.05, 0.04), (skin.patch == "nostril") * smooth(skin.ring, 1.0, 3.0))
    eye = skin.patch == "eye"
    over = smooth(p[:, 1], 0.25, 0.55) * smooth(p[:, 0], 1.9, 2.5) * (1 - smooth(p[:, 0], 4.3, 4.9))
    blend((0.36, 0.17, 0.13), 0.85 * eye * (skin.ring == rings.CREASE) * over)
    blend((0.56, 0.25, 0.21), 0.8 * eye * smooth(skin.ring, rings.EYE_MARGIN - 1.5, rings.EYE_BACK - 0.5))
    blend((0.60, 0.34, 0.31), eye * smooth(skin.ring, rings.EYE_BACK, rings.EYE_BACK + 1))
    return np.clip(color, 0, 1)


@numba.njit(cache=True)
def _depth(p, triangles, size, depth):
    for f in range(len(triangles)):
        a, b, c = p[triangles[f, 0]], p[triangles[f, 1]], p[triangles[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-12:
            continue
        for y in range(max(0, int(min(a[1], b[1], c[1]))), min(size - 1, int(max(a[1], b[1], c[1]))) + 1):
            for x in range(max(0, int(min(a[0], b[0], c[0]))), min(size - 1, int(max(a[0], b[0], c[0]))) + 1):
                u = ((b[0] - x - 0.5) * (c[1] - y - 0.5) - (b[1] - y - 0.5) * (c[0] - x - 0.5)) / area
                v = ((c[0] - x - 0.5) * (a[1] - y - 0.5) - (c[1] - y - 0.5) * (a[0] - x - 0.5)) / area
                w = 1.0 - u - v
                if u >= 0 and v >= 0 and w >= 0:
                    depth[y, x] = max(depth[y, x], u * a[2] + v * b[2] + w * c[2])


def occlusion(p, triangles, normals, *, directions=160, size=640, casts=None):
    """Baked ambient occlusion (v,) in 0..1: how much of the sky over each vertex is open, cosine weighted.

    Args:
        casts: (f,) bool, triangles that throw shadow; default all.
    """
    casters = triangles if casts is None else triangles[casts]
    seen, total = np.zeros(len(p)), np.zeros(len(p))
    scale = size / (np.abs(p).max() * 3.6)
    for k in range(directions):
        # Fibonacci points on the sphere.
        up = 1 - 2 * (k + 0.5) / directions
        turn = np.pi * (1 + 5**0.5) * k
        w = np.array([np.sqrt(1 - up * up) * np.cos(turn), up, np.sqrt(1 - up * up) * np.sin(turn)])
        u = np.cross(w, (0.3, 0.9, 0.2) if abs(w[1]) < 0.8 else (1.0, 0, 0))
        u /= np.linalg.norm(u)
        frame = np.stack([u, np.cross(w, u), w], 1)
        q = p @ frame
        q[:, :2] = q[:, :2] * scale + size / 2
        depth = np.full((size, size), -1e9)
        _depth(q, casters, size, depth)
        # A vertex is tested a little off its surface, so that it does not shadow itself.
        off = (p + 0.16 * normals) @ frame
        xy = np.clip((off[:, :2] * scale + size / 2).astype(int), 0, size - 1)
        cosine = np.clip(normals @ w, 0, None)
        total += cosine
        seen += cosine * (off[:, 2] > depth[xy[:, 1], xy[:, 0]] - 0.05)
    return seen / np.maximum(total, 1e-9)


def vertex_normals(p, triangles, weld):
    """(v, 3) smooth unit normals, shared by welded vertices."""
    face = np.cross(p[triangles[:, 1]] - p[triangles[:, 0]], p[triangles[:, 2]] - p[triangles[:, 0]])
    normal = np.zeros_like(p)
    for k in range(3):
        np.add.at(normal, weld[triangles[:, k]], face)
    normal = normal[weld]
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def chart_uv(half, source, count):
    """(v, 2) uv of the skin in 0..1: the chart itself, so that nothing overlaps; ring patches fill their block."""
    keys = [half.keys[i] for i in source]
    uv = np.zeros((len(keys), 2))
    for i, key in enumerate(keys):
        if key[0] == "grid":
            at = (key[2], key[1])
        elif key[0] == "crown":
            at = (0, -0.9)
        else:
            name = key[1] if key[0] == "cap" else key[0]
            block = chart.BLOCKS[name]
            centre = np.array([0.5 * (block.near + block.far) if block.near else 0.0, 0.5 * (block.top + block.bottom)])
            at = centre
            if key[0] != "cap":
                r, c = chart.boundary(block)[key[2]]
                at = centre + (np.array([c, r]) - centre) * (1 - key[1] / (block.rings + 1.5))
        uv[i] = at
    u = (uv[:, 0] / chart.COLUMNS) ** 0.8 * 0.5
    side = np.where(np.arange(len(keys)) < count, 1, -1)
    return np.column_stack([0.5 + side * u, 1 - (uv[:, 1] + 1) / (chart.ROWS + 1)])
