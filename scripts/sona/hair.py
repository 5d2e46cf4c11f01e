"""Hair: a scalp of fine roots and three styles of locks over a shell, separate and removable. Centimetres."""

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from sona import form, sheet
from sona.parts import Part, grid_triangles
from sona.regions import smooth

HAIR_COLOR = np.array([0.052, 0.025, 0.012])
HAIR_CENTRE = np.array([0.0, 2.0, -0.6])
WHORL = np.array([0.16, 0.80, -0.58])  # short hair fans out from here
HAIRLINE_RISE = 11.0                   # degrees by which hairline 1 lifts the edge over the forehead
BEYOND = 1.10                          # the scalp's sheet goes on past the hairline by this factor
PARTING = 1.7                          # x of the bob's parting over the forehead
BOB_Y, LONG_Y = -8.4, -17.5            # where the bob ends, and where with hair_length 1
# Azimuth from the front in degrees -> polar angle of the hairline from straight up, degrees.
HAIRLINE = ((0, 59), (18, 60), (34, 62), (44, 70), (54, 84), (64, 103), (72, 110), (80, 101), (90, 82), (102, 86),
            (113, 108), (128, 122), (150, 131), (180, 134))
SCALP_SHARE = 2.2                      # the head's surface by the scalp's
STYLES = ("hair_short", "hair_bob", "hair_curls")


def hairline(azimuth):
    """Polar angle of the hairline in degrees at azimuths in degrees."""
    az, line = np.array(HAIRLINE, float).T
    return PchipInterpolator(np.r_[-az[1:][::-1], az], np.r_[line[1:][::-1], line])(azimuth)


def directions(azimuth, polar):
    """Unit directions (..., 3) from HAIR_CENTRE at angles in degrees."""
    azimuth, polar = np.radians(azimuth), np.radians(polar)
    return np.stack([np.sin(polar) * np.sin(azimuth), np.cos(polar) + 0 * azimuth, np.sin(polar) * np.cos(azimuth)], -1)


def on_head(direction):
    """Points of the bare head in directions (n, 3) from HAIR_CENTRE."""
    t = np.full(len(direction), 22.0)
    for _ in range(80):
        t -= 0.7 * form.distance(HAIR_CENTRE + t[:, None] * direction)
    return HAIR_CENTRE + t[:, None] * direction


def outward(p):
    """Unit normals of the bare head's form at points (n, 3)."""
    n = form.gradient(p)
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9)


def _rise(azimuth):
    """Degrees by which hairline 1 lifts the edge at azimuths in degrees."""
    return HAIRLINE_RISE * smooth(np.cos(np.radians(azimuth)), 0.25, 0.75)


def scalp(around=56, down=13):
    """The roots: a sheet on the skin of the scalp that fades out past the hairline."""
    azimuth = np.linspace(-180, 180, around + 1)[:-1]
    v = np.linspace(0.02, 1, down)
    edge = BEYOND * hairline(azimuth)

    def at(edge):
        direction = directions(azimuth[None], v[:, None] * edge[None]).reshape(-1, 3)
        p = on_head(direction)
        return p + 0.045 * outward(p)
    p, higher = at(edge), at(edge - _rise(azimuth))
    turn = np.radians(azimuth)
    disc = 0.5 + 0.47 * v[:, None, None] * np.stack([np.sin(turn), -np.cos(turn)], -1)[None]
    color = np.tile(1.6 * HAIR_COLOR / sheet.SHADE, (len(p), 1))
    return Part("scalp", "brow", p, grid_triangles(down, around, closed=True)[:, [0, 2, 1]],
                sheet.place(disc.reshape(-1, 2), sheet.SCALP), color, axes={"hairline": higher - p})


def roots(count, *, margin, rng):
    """About `count` directions evenly over the scalp, `margin` degrees inside the hairline: azimuth and polar."""
    whole = round(SCALP_SHARE * count)
    k = np.arange(whole) + 0.5
    polar = np.degrees(np.arccos(1 - 2 * k / whole))
    azimuth = (np.degrees(np.pi * (1 + 5**0.5) * k) + 180) % 360 - 180
    azimuth, polar = azimuth + rng.normal(0, 2.0, len(k)), polar + rng.normal(0, 1.5, len(k))
    inside = polar < hairline((azimuth + 180) % 360 - 180) - margin
    return azimuth[inside], polar[inside]


def hang(p, heading, length, *, points, weight, height, spread=0.0, cling=0.0):
    """Strands that leave the scalp, fall, and slide over what they meet.

    Args:
        p: (n, 3) roots.
        heading: (n, 3) unit directions at the root.
        length: (n,) cm.
        points: points of a strand.
        weight: how fast a strand turns down, a number or (n,).
        height: (n, points) how far off the head it is kept.
        spread: how much hair over the forehead runs to the side before it falls.
        cling: 0..1, how closely it stays at that height where it would stand off.

    Returns:
        (n, points, 3).
    """
    fine = 6 * (points - 1)
    step = (length / fine)[:, None]
    out, at, direction = [p], p.copy(), heading.copy()
    for k in range(fine):
        aside = spread * smooth(7.6 - np.abs(at[:, 0]), 0.0, 2.5) * smooth(at[:, 2], -1.0, 3.0)
        down = np.column_stack([3.0 * aside * np.sign(p[:, 0] - PARTING), aside - 1, -0.8 * aside])
        direction = direction + np.reshape(weight, (-1, 1)) * step * down
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        at = at + step * direction
        keep = height[:, min((k + 1) // 6, points - 1)]
        for _ in range(3):
            off = keep - _bare(at)
            short = np.maximum(off, 0.0)
            at = at + (short + cling * np.minimum(off, 0.0))[:, None] * outward(at)
        hit = (short > 0)[:, None]
        normal = outward(at)
        slid = direction - np.minimum((direction * normal).sum(1, keepdims=True), 0) * normal
        direction = np.where(hit, slid, direction)
        if (k + 1) % 6 == 0:
            out.append(at)
    return np.stack(out, 1)


def _bare(p):
    """Distance to the head with its ears, (n,)."""
    q = np.abs(p[:, 0])
    ear = np.linalg.norm((np.column_stack([q, p[:, 1], p[:, 2]]) - (7.1, -1.6, -1.3)) / (1.3, 2.9, 1.9), axis=1) - 1
    return np.minimum(form.distance(p), 1.3 * ear)


def cards(strands, wide, lock, shade, name, *, long=None, grow=None, drapes=False):
    """Strips along strands (n, points, 3): a Part whose axes lengthen and fill the hair.

    Args:
        wide: (n,) width at the root; they narrow a little to the tip.
        lock: (n,) which lock of the sheet each shows.
        shade: (n, points) share of HAIR_COLOR.
        long: the strands with hair_length 1.
        grow: (n, points, 3) what hair_volume 1 adds.
        drapes: whether the tips hang free of the head.
    """
    def strip(strands):
        along = np.gradient(strands, axis=1)
        normal = outward(strands.reshape(-1, 3)).reshape(strands.shape)
        across = np.cross(along, normal)
        across /= np.maximum(np.linalg.norm(across, axis=2, keepdims=True), 1e-9)
        taper = np.linspace(1.0, 0.62, strands.shape[1])
        half = 0.5 * (wide[:, None] * taper)[..., None] * across
        return np.stack([strands - half, strands + half], 2)

    n, points = strands.shape[:2]
    p = strip(strands)
    v = np.linspace(0.995, 0.005, points)
    places = np.array(sheet.LOCKS)[lock]
    u = places[:, None, None, :1] + places[:, None, None, 2:3] * np.array([0.03, 0.97])[None, None, :, None]
    v = (places[:, 1:2] + places[:, 3:4] * v)[:, :, None, None]
    uv = np.concatenate(np.broadcast_arrays(u, v + np.zeros((1, 1, 2, 1))), 3)
    strip_triangles = grid_triangles(points, 2)
    t = (strip_triangles[None] + 2 * points * np.arange(n)[:, None, None]).reshape(-1, 3)
    color = HAIR_COLOR / sheet.SHADE * np.repeat(shade[..., None], 2, 2)[..., None]
    axes = {}
    if long is not None:
        axes["hair_length"] = (strip(long) - p).reshape(-1, 3)
    if grow is not None:
        axes["hair_volume"] = np.repeat(grow[:, :, None], 2, 2).reshape(-1, 3)
    root = np.repeat(strands[:, 0], 2 * points, 0)
    # Tips of long hair lie on the shoulders, so they follow the head but half.
    head = 1 - (0.55 if drapes else 0.0) * smooth(np.linspace(0, 1, points), 0.30, 0.80)
    head = np.tile(np.repeat(head, 2), n)
    return Part(name, "hair", p.reshape(-1, 3), t, uv.reshape(-1, 2), color.reshape(-1, 3),
                info={"root": root, "head": head}, axes=axes)


def shell(name, height, *, around=44, down=11, shade=0.55, margin=3.0, parted=False):
    """What lies under the locks: a closed layer of strands without holes, from the crown or from the parting down."""
    azimuth = np.linspace(-180, 180, around + 1)[:-1]
    v = np.linspace(0.03, 1, down)
    edge = hairline(azimuth) - margin

    def at(edge):
        p = on_head(directions(azimuth[None], v[:, None] * edge[None]).reshape(-1, 3))
        return p, p + (height * np.clip(1 - np.repeat(v, around) ** 4, 0, 1) - 0.02)[:, None] * outward(p)
    base, p = at(edge)
    higher = at(edge - _rise(azimuth))[1]
    left, bottom, width, high = sheet.LOCKS[sheet.SHELL]
    # Strands run from the crown down; the pattern repeats forth and back around the head.
    wave = np.abs((np.arange(around) * 8 / around) % 2 - 1)
    across, along = np.broadcast_arrays(wave[None], 0.9 * v[:, None])
    if parted:
        across, along = np.abs((base[:, 2] / 3.5) % 2 - 1), np.clip(np.abs(base[:, 0] - PARTING) / 14, 0, 0.9)
    uv = np.stack([left + width * (0.03 + 0.94 * across), bottom + high * (0.98 - along)], -1)
    color = np.tile(shade * HAIR_COLOR / sheet.SHADE, (len(p), 1))
    return Part(name, "hair", p, grid_triangles(down, around, closed=True)[:, [0, 2, 1]], uv.reshape(-1, 2), color,
                info={"root": base, "head": np.ones(len(p))}, axes={"hairline": higher - p})


def joined(name, pieces):
    """One part of several, their uv as they are."""
    start = np.cumsum([0] + [len(q.p) for q in pieces])
    names = sorted(set().union(*(q.axes for q in pieces)))
    axes = {k: np.concatenate([q.axes.get(k, np.zeros_like(q.p)) for q in pieces]) for k in names}
    return Part(name, "hair", np.concatenate([q.p for q in pieces]),
                np.concatenate([q.triangles + s for q, s in zip(pieces, start, strict=False)]),
                np.concatenate([q.uv for q in pieces]), np.concatenate([q.color for q in pieces]),
                info={k: np.concatenate([q.info[k] for q in pieces]) for k in ("root", "head")}, axes=axes)


def _swept(direction, toward):
    """Headings along the scalp: `toward` (n, 3) freed of its part along the direction out."""
    flat = toward - (toward * direction).sum(1, keepdims=True) * direction
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def short(points=6):
    """Short hair that fans out from the whorl and falls over the forehead to one side."""
    rng = np.random.default_rng(3)
    azimuth, polar = roots(265, margin=2.0, rng=rng)
    direction = directions(azimuth, polar)
    p = on_head(direction)
    whorl = WHORL / np.linalg.norm(WHORL)
    away = _swept(direction, direction - whorl + 1e-3)
    swirl = np.cross(direction, away)
    front = smooth(direction[:, 2], 0.0, 0.6) * smooth(direction[:, 1], 0.0, 0.5)
    heading = (1 - 0.75 * front)[:, None] * away + (0.25 + 0.9 * front)[:, None] * swirl
    heading = _swept(direction, heading + 0.10 * rng.normal(size=p.shape)) + (0.05 + 0.30 * front)[:, None] * direction
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    top = smooth(direction[:, 1], 0.0, 0.7)
    length = 2.4 + 2.6 * top + 0.6 * front + 0.6 * rng.random(len(p))
    rise = (0.10 + 0.75 * top + 0.30 * front + 0.25 * rng.random(len(p)))[:, None]
    height = 0.10 + rise * np.sin(np.pi * np.linspace(0.05, 0.85, points)) ** 0.7
    strands = hang(p, heading, length, points=points, weight=0.12, height=height, cling=0.5)
    longer = hang(p, heading, 1.8 * length, points=points, weight=0.22, height=1.2 * height, cling=0.3)
    s = np.linspace(0, 1, points)
    shade = (0.60 + 0.55 * s) * (0.80 + 0.35 * rng.random((len(p), 1)))
    grow = 0.9 * (s[None, :, None] ** 0.5) * outward(strands.reshape(-1, 3)).reshape(strands.shape)
    lock = rng.choice([0, 1, 2, 3], len(p), p=[0.35, 0.30, 0.20, 0.15])
    part = cards(strands, 1.25 + 0.5 * top + 0.3 * rng.random(len(p)), lock, shade, "hair_short", long=longer,
                 grow=grow)
    part.axes["hairline"] = _follow_edge(part.info["root"])
    return joined("hair_short", [shell("hair_short", 0.30), part])


def bob(points=8):
    """Hair to the chin, parted at the subject's left; with hair_length it falls over the shoulders."""
    rng = np.random.default_rng(5)
    azimuth, polar = roots(310, margin=1.0, rng=rng)
    direction = directions(azimuth, polar)
    p = on_head(direction)
    side = np.where(p[:, 0] > PARTING, 1.0, -1.0)
    toward = np.column_stack([side, 0 * side - 0.2, -0.55 * smooth(p[:, 2], 1.0, 7.0) - 0.9 * smooth(-p[:, 2], 2, 7)])
    heading = _swept(direction, toward + 0.12 * rng.normal(size=p.shape)) + 0.25 * direction
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    layer = rng.random(len(p))
    s = np.linspace(0, 1, points)
    high = smooth(direction[:, 1], -0.2, 0.6)
    height = ((0.30 + 0.55 * layer + 0.30 * high)[:, None] * np.minimum(1, 5 * s + 0.1))

    def to(level):
        length = np.clip(np.linalg.norm(p - HAIR_CENTRE, axis=1) * 0.62 * np.radians(hairline(180) - polar + 20)
                         + (BOB_Y + 9.5 - level) * 1.0, 3.0, None)
        for _ in range(4):  # until the tips end at one level
            strands = hang(p, heading, length, points=points, weight=0.30, height=height, spread=1.0, cling=0.08)
            length = np.clip(length + 0.8 * (strands[:, -1, 1] - level - 0.8 * (layer - 0.5)), 2.5, 40.0)
        return strands
    strands, longer = to(BOB_Y), to(LONG_Y)
    shade = (0.62 + 0.45 * s) * (0.70 + 0.5 * layer[:, None])
    grow = 0.9 * np.minimum(1, 2 * s)[None, :, None] * outward(strands.reshape(-1, 3)).reshape(strands.shape)
    lock = rng.choice([0, 1, 2], len(p), p=[0.5, 0.3, 0.2])
    part = cards(strands, 2.0 + 0.6 * rng.random(len(p)), lock, shade, "hair_bob", long=longer, grow=grow,
                 drapes=True)
    part.axes["hairline"] = _follow_edge(part.info["root"])
    return joined("hair_bob", [shell("hair_bob", 0.34, shade=0.5, parted=True), part])


def curls(points=5):
    """Cropped curls: short tufts that stand off the head in all directions."""
    rng = np.random.default_rng(9)
    azimuth, polar = roots(420, margin=1.5, rng=rng)
    direction = directions(azimuth, polar)
    p = on_head(direction)
    lean = _swept(direction, rng.normal(size=p.shape))
    heading = direction + 0.9 * lean
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    edge = smooth(hairline((azimuth + 180) % 360 - 180) - polar, 0.0, 25.0)
    length = (0.8 + 1.3 * edge) * (0.85 + 0.3 * rng.random(len(p)))
    height = (0.30 + 0.75 * edge)[:, None] * np.linspace(0.1, 1.0, points)
    strands = hang(p, heading, length, points=points, weight=0.25, height=height)
    longer = hang(p, heading, 2.2 * length, points=points, weight=0.15, height=2.0 * height)
    s = np.linspace(0, 1, points)
    shade = (0.55 + 0.7 * s) * (0.8 + 0.4 * rng.random((len(p), 1)))
    grow = 1.2 * s[None, :, None] * outward(strands.reshape(-1, 3)).reshape(strands.shape)
    part = cards(strands, 1.05 + 0.4 * rng.random(len(p)), rng.choice(sheet.CURLS, len(p)), shade, "hair_curls",
                 long=longer, grow=grow)
    part.axes["hairline"] = _follow_edge(part.info["root"])
    return joined("hair_curls", [shell("hair_curls", 0.50, shade=0.5), part])


def _follow_edge(root):
    """(n, 3) what hairline 1 does to locks with these roots: those at the forehead go up with the edge."""
    offset = root - HAIR_CENTRE
    azimuth = np.degrees(np.arctan2(offset[:, 0], offset[:, 2]))
    polar = np.degrees(np.arccos(offset[:, 1] / np.linalg.norm(offset, axis=1)))
    share = np.clip(polar / hairline(azimuth), 0, 1)
    return on_head(directions(azimuth, polar - share * _rise(azimuth))) - on_head(directions(azimuth, polar))


def bound(out, pieces, start):
    """Let hair and scalp ride on the skin at their roots, so that no axis has to be stored for them.

    Their own axes stay. Adds out["bind"]: (v,) the skin vertex whose move each vertex takes as well, itself for none.
    """
    ground = np.flatnonzero(out["part"] == 0)
    tree = cKDTree(out["rest"][ground])
    out["bind"] = np.arange(len(out["rest"]))
    for piece, first in zip(pieces, start, strict=False):
        if piece.name not in (*STYLES, "scalp"):
            continue
        here = slice(first, first + len(piece.p))
        out["bind"][here] = ground[tree.query(piece.info.get("root", piece.p))[1]]
        for name, field in out["axes"].items():
            field[here] = piece.axes.get(name, 0.0)
        out["head_weight"][here] = piece.info.get("head", 1.0)
        out["eye_weight"][here] = 0.0


