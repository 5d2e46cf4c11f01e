"""Separate pieces of the head: eyeballs, teeth, gums and tongue. Left pieces are built and mirrored."""

from dataclasses import dataclass, field

import numpy as np

from sona import form
from sona.regions import smooth

EYE_SECTORS = 40
IRIS_LIGHT = 1.5  # the iris's texture is so much darker on the whole than its tone
IRIS, PUPIL = 0.66, 0.27  # radii on the eyeball, cm; the iris a little larger than life
TEETH_UP = ((0.84, 1.02), (0.66, 0.88), (0.74, 0.98), (0.68, 0.80), (0.66, 0.76), (0.96, 0.70), (0.92, 0.66))
TEETH_LOW = ((0.52, 0.84), (0.58, 0.84), (0.66, 0.92), (0.68, 0.80), (0.68, 0.76), (1.02, 0.70), (0.96, 0.66))
CHEEK_LIGHT = (1.0, 0.92, 0.66, 0.36, 0.20, 0.13, 0.09)  # share of light that reaches each tooth beside lips and cheek
FLANK_DARK = 0.45  # light that a tooth loses where it touches the next one
# Arch: depth of the front teeth, bend per cm^2, edge height, gum height.
UPPER_ARCH = (8.92, 0.50, -7.55, -6.70)
LOWER_ARCH = (8.66, 0.54, -7.58, -8.36)


@dataclass
class Part:
    """A piece of the head.

    Args:
        name, material: such as "eye", "sclera".
        p: (n, 3) rest positions, cm.
        triangles: (f, 3).
        uv: (n, 2) in 0..1, local to the part.
        color: (n, 3) linear RGB.
        side: (n,) +1 left, -1 right, 0 both.
        info: what the shapes need to know about its vertices.
        axes: identity axis -> (n, 3), what that axis does to this part beside the warp of all, cm.
    """

    name: str
    material: str
    p: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    side: np.ndarray = None
    info: dict = field(default_factory=dict)
    axes: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.side is None:
            self.side = np.zeros(len(self.p))


def grid_triangles(rows, columns, *, closed=False):
    """(f, 3) triangles of a rows x columns vertex grid, optionally closed along the columns."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    n = (c + 1) % columns
    a, b = (r * columns + c).ravel(), ((r + 1) * columns + c).ravel()
    e, d = (r * columns + n).ravel(), ((r + 1) * columns + n).ravel()
    return np.concatenate([np.column_stack([a, b, d]), np.column_stack([a, d, e])])


def merge(name, material, pieces):
    """One part of several; their uv squares are laid side by side, so nothing overlaps."""
    start = np.cumsum([0] + [len(piece.p) for piece in pieces])
    p, color, side = (np.concatenate([getattr(q, k) for q in pieces]) for k in ("p", "color", "side"))
    t = np.concatenate([piece.triangles + first for piece, first in zip(pieces, start[:-1], strict=True)])
    across = int(np.ceil(np.sqrt(len(pieces))))
    uv = [(q.uv * 0.96 + 0.02 + (i % across, i // across)) / across for i, q in enumerate(pieces)]
    info = {k: np.concatenate([q.info[k] for q in pieces]) for k in pieces[0].info}
    axes = {k: np.concatenate([q.axes[k] for q in pieces]) for k in pieces[0].axes}
    return Part(name, material, p, t, np.concatenate(uv), color, side, info, axes)


def mirrored(part):
    """The twin of a left piece on the right side."""
    p = part.p * (-1.0, 1.0, 1.0)
    return Part(part.name, part.material, p, part.triangles[:, [0, 2, 1]], part.uv, part.color,
                -part.side, dict(part.info), {k: v * (-1.0, 1.0, 1.0) for k, v in part.axes.items()})


def both(part):
    """A left piece and its mirror image as one part."""
    return merge(part.name, part.material, [part, mirrored(part)])


def eye(sectors=EYE_SECTORS):
    """Left eyeball: sclera, iris with a limbus ring, pupil; the cornea bulges a little over them."""
    iris = np.arcsin(IRIS / form.EYE_RADIUS)
    pupil = np.arcsin(PUPIL / form.EYE_RADIUS)
    polar = np.concatenate([[0.0, 0.6 * pupil, 0.94 * pupil, 1.06 * pupil],
                            np.linspace(1.4 * pupil, 0.88 * iris, 5), [0.95 * iris, 1.0 * iris, 1.07 * iris],
                            np.linspace(1.25 * iris, np.pi, 13)])
    turn = np.arange(sectors) * 2 * np.pi / sectors
    a, b = np.meshgrid(polar, turn, indexing="ij")
    bulge = 0.07 * np.clip(1 - (a / (1.15 * iris)) ** 2, 0, None) ** 1.5
    radius = (form.EYE_RADIUS + bulge)[..., None]
    p = form.EYE + radius * np.stack([np.sin(a) * np.cos(b), np.sin(a) * np.sin(b), np.cos(a)], -1)
    color = _eye_color(a, b, iris, pupil)
    uv = 0.5 + 0.5 * (a / np.pi)[..., None] * np.stack([np.cos(b), np.sin(b)], -1)
    part = Part("eye", "eye", p.reshape(-1, 3), grid_triangles(len(polar), sectors, closed=True),
                uv.reshape(-1, 2), color.reshape(-1, 3), np.ones(a.size),
                {"iris": ((a > pupil) & (a <= 1.03 * iris)).ravel().astype(float)})
    return part


def caruncle(rows=9, around=12):
    """The pink corner of the left eye, beside the nose."""
    a, b = np.meshgrid(np.linspace(0, np.pi, rows), np.arange(around) * 2 * np.pi / around, indexing="ij")
    ball = np.stack([np.sin(a) * np.cos(b), np.sin(a) * np.sin(b), np.cos(a)], -1)
    p = form.EYE + (-1.26, -0.12, 0.52) + ball * (0.30, 0.20, 0.30)
    uv = 0.5 + 0.5 * (a / np.pi)[..., None] * np.stack([np.cos(b), np.sin(b)], -1)
    color = np.tile([0.62, 0.34, 0.29], (rows * around, 1))
    return Part("caruncle", "tongue", p.reshape(-1, 3), grid_triangles(rows, around, closed=True),
                uv.reshape(-1, 2), color, np.ones(rows * around))


def _eye_color(a, b, iris, pupil):
    """Iris and white in one tone each; fibres, pupil and veins are in the texture."""
    color = np.array([0.30, 0.17, 0.055]) * IRIS_LIGHT * np.ones((*a.shape, 1))
    return np.where((a > 1.03 * iris)[..., None], 1.0, color)


def _tooth(width, height, depth, *, blunt, around=12, up=7):
    """One tooth about the origin: edge at y = 0, root at y = height, front at +z; a rounded box."""
    v = np.linspace(0, 1, up)[:, None]
    w = np.arange(around)[None] * 2 * np.pi / around
    def power(c, e):
        return np.sign(c) * np.abs(c) ** e
    slim = 1 - 0.16 * v**1.5
    edge = np.minimum(1.0, (v / 0.10 + 0.55)) if blunt else np.minimum(1.0, (v / 0.14 + 0.35))
    x = 0.5 * width * power(np.sin(w), 0.55) * slim * np.minimum(1.0, v / 0.05 + 0.86)
    z = 0.5 * depth * power(np.cos(w), 0.6) * edge * (0.8 + 0.2 * v)
    y = height * v + 0 * w
    p = np.stack([x + 0 * y, y, z], -1).reshape(-1, 3)
    p = np.concatenate([p, [[0.0, 0.0, 0.0]]])
    t = grid_triangles(up, around, closed=True)[:, [0, 2, 1]]
    last = len(p) - 1
    cap = np.array([[last, (k + 1) % around, k] for k in range(around)])
    return p, np.concatenate([t, cap])


def arch_point(arch, x):
    """Front of the dental arch at x: z, and the outward normal's angle from +z."""
    z0, bend, _, _ = arch
    return z0 - bend * x**2 / (1 + 0.05 * x**2), np.arctan(2 * bend * x * 0.9)


def teeth(sizes, arch, upper):
    """One row of teeth, both sides."""
    pieces, x = [], 0.0
    for k, (width, height) in enumerate(sizes):
        # Step along the arch by half the tooth, so that neighbours touch.
        _, lean = arch_point(arch, x + 0.25 * width)
        middle = x + 0.5 * width * np.cos(lean)
        z, lean = arch_point(arch, middle)
        depth = 0.55 + 0.08 * k
        p, t = _tooth(width * 0.985, height + 0.25, depth, blunt=k > 2)
        p[:, 2] -= 0.5 * depth
        if not upper:
            p[:, 1] *= -1
            t = t[:, [0, 2, 1]]
        cos, sin = np.cos(lean), np.sin(lean)
        q = np.column_stack([p[:, 0] * cos + p[:, 2] * sin, p[:, 1], -p[:, 0] * sin + p[:, 2] * cos])
        q += (middle, arch[2] + (0.03 if k == 1 and upper else 0.0), z)
        x = middle + 0.5 * width * np.cos(arch_point(arch, middle + 0.25 * width)[1])
        along = np.clip(np.abs(p[:, 1]) / (height + 0.25), 0, 1)[:, None]
        flank = smooth(np.abs(p[:, :1]) / (0.5 * width), 0.55, 1.0)
        color = np.array([0.80, 0.74, 0.64]) * (1 - 0.16 * along) * (1 - FLANK_DARK * flank)
        color = color * CHEEK_LIGHT[k] ** np.array([0.88, 1.0, 1.1])  # what is left comes back from flesh
        turn = np.arctan2(p[:, 0], p[:, 2] + 0.5 * depth)
        uv = 0.5 + 0.45 * along * np.column_stack([np.sin(turn), np.cos(turn)])
        pieces.append(both(Part("teeth", "teeth", q, t, uv, color, np.ones(len(q)))))
    return merge("teeth_upper" if upper else "teeth_lower", "teeth", pieces)


def gums(arch, upper, columns=41, rows=9):
    """The gum along one arch: a thick rounded band that the teeth stand in."""
    sign = 1.0 if upper else -1.0
    x = np.linspace(-1, 1, columns)
    x = 2.55 * np.sign(x) * np.abs(x) ** 1.1
    z, lean = arch_point(arch, x)
    turn = np.linspace(0, 1, rows) * 2 * np.pi
    p = np.empty((columns, rows, 3))
    for k, w in enumerate(turn):
        up = arch[3] + sign * (0.42 - 0.55 * np.cos(w) * (1 if np.cos(w) > 0 else 1.0))
        scallop = 0.05 * np.cos(2 * np.pi * x / 0.78) * (np.cos(w) > 0.5)
        deep = -0.42 + 0.46 * np.sin(w)
        p[:, k] = np.column_stack([x + deep * np.sin(lean), up + sign * scallop, z + deep * np.cos(lean)])
    t = grid_triangles(columns, rows)
    t = t if upper else t[:, [0, 2, 1]]
    color = np.tile([0.46, 0.13, 0.13], (columns * rows, 1))
    uv = np.stack(np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows), indexing="ij"), -1)
    return Part("gum_upper" if upper else "gum_lower", "gums", p.reshape(-1, 3), t, uv.reshape(-1, 2), color)


# Tongue: depth z -> half width, cm; it lies within the lower teeth and so narrows as their arch does.
TONGUE_WIDTH = ((3.0, 1.50), (5.0, 1.44), (5.6, 1.36), (5.9, 1.25), (6.2, 1.13), (6.5, 1.01), (6.8, 0.89), (7.1, 0.74),
                (7.35, 0.58), (7.52, 0.38), (7.6, 0.0))


def tongue_spine(along):
    """Axis of the tongue at rest, (n, 2): y and z; `along` runs from 0 at the root to 1 at the tip."""
    along = np.asarray(along, float)
    return np.column_stack([-8.46 + 0.40 * np.sin(np.pi * along) - 0.02 * along, 3.0 + 4.6 * np.sin(along * np.pi / 2)])


def tongue(rows=19, around=20):
    """The tongue: a flattened tube from the throat to the tip, with a groove along its back."""
    u = 1 - (1 - np.linspace(0, 1, rows)) ** 1.15
    y, z = tongue_spine(u).T
    wide = np.interp(z, *np.array(TONGUE_WIDTH).T)
    wide[-1] = 0.0
    thick = 0.66 * (1 - u**3.0) ** 0.5 * (1 - 0.42 * u)
    w = np.arange(around) * 2 * np.pi / around
    x = wide[:, None] * np.sin(w) * (1 + 0.10 * np.cos(w))  # narrower below, where the gums are
    groove = 0.09 * np.exp(-(np.sin(w) / 0.2) ** 2) * (np.cos(w) > 0) * np.sin(np.pi * u[:, None])
    p = np.stack([x, y[:, None] + thick[:, None] * np.cos(w) - groove, z[:, None] + 0 * w], -1)
    t = grid_triangles(rows, around, closed=True)
    red = np.array([0.36, 0.105, 0.10])
    color = red * (1 - 0.12 * (np.cos(w) < 0))[None, :, None] * np.ones((rows, 1, 1))
    uv = 0.5 + 0.5 * (1 - u)[:, None, None] * np.stack([np.sin(w), np.cos(w)], -1)
    return Part("tongue", "tongue", p.reshape(-1, 3), t, uv.reshape(-1, 2), color.reshape(-1, 3),
                info={"along": np.repeat(u, around), "around": around})
