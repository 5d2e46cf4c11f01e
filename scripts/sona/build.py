"""Puts skin and parts together into the arrays of a LinearFace and packs them."""

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from personare.faces.sona_shapes import mirror_name
from sona import (
    atlas,
    brows,
    chart,
    correctives,
    hair,
    identity,
    looks,
    paint,
    parts,
    pictures,
    rings,
    shapes,
    shapes_mouth,
    skin,
)
from sona.regions import Skin, smooth
from sona.solve import Sheet

ORIGIN = np.array([0.0, -3.4, 7.0])     # the middle of the face, which becomes the origin
HEAD_PIVOT = np.array([0.0, -4.0, -1.0])  # atlas
FAIR_REACH = 0.52                       # bends of the skin shorter than about this, in cm, are ironed out
LID_FLOOR = 0.45
# Least light on parts behind lids and lips: the bake sees the mouth half open only, and light comes through skin.
PART_FLOOR = {"teeth_upper": 0.58, "teeth_lower": 0.58, "gum_upper": 0.30, "gum_lower": 0.30, "tongue": 0.45,
                "eye": 0.30}
DELTA_UNIT_M = 2e-6                     # one step of a stored displacement
AXIS_UNIT_M = 4e-6                      # one step of a stored identity axis, which may move hair far


def build_skin():
    """The skin: (Skin, triangles (f, 3), uv (v, 2), seam copies)."""
    half = chart.build_half()
    quads, twin, source = chart.mirror(half)
    p = skin.place_grid(half, twin, source, quads)
    rings.fill(half, p)
    p = fair(p, half, source, chart.triangulate(quads))
    full = skin.mirrored(p, source)
    uv = looks.chart_uv(half, source, len(half.keys))
    return Skin(half, full, twin, source), quads, uv


def fair(p, half, source, triangles):
    """The half's positions with faint ridges of the form's joints ironed out; nose, lids, lips and ears stay."""
    full = skin.mirrored(p, source)
    keep = np.full(len(p), 4.0)
    for i, key in enumerate(half.keys):
        if key[0] == "grid":
            nose = 15 <= key[1] <= skin.BASE_ROW + 1 and key[2] <= skin.NOSE_COLUMNS
            keep[i] = 20.0 if nose or key[1] == chart.ROWS else 0.0
        elif key[0] == "mouth":
            keep[i] = np.interp(key[1], (0, 5), (0.5, 6.0))
        elif key[0] == "eye":
            keep[i] = np.interp(key[1], (0, 3), (0.5, 20.0))
    smooth_p = Sheet(full, triangles).fair(full, reach_cm=FAIR_REACH, keep=keep[source])[:len(p)]
    midline = np.array([chart.on_midline(key) for key in half.keys])
    smooth_p[midline, 0] = 0.0
    last = len(chart.boundary(chart.BLOCKS["mouth"])) - 1
    for ring in (rings.LIP_SEAL, rings.LIP_SEAL + 1):
        for sector in range(last // 2):
            pair = [half.index[("mouth", ring, k)] for k in (sector, last - sector)]
            smooth_p[pair] = smooth_p[pair].mean(0)  # the lips touch
    return smooth_p


def split_seam(head, quads, uv):
    """Double the vertices of the back midline, so that the uv chart opens there.

    Returns:
        triangles, copied (n,) indices of the doubled vertices (their copies are appended), uv with them.
    """
    seam = np.flatnonzero(head.column == chart.COLUMNS)
    copy = np.arange(len(head.p))
    copy[seam] = len(head.p) + np.arange(len(seam))
    quads = quads.copy()
    right = np.arange(len(quads)) >= len(quads) // 2
    quads[right] = copy[quads[right]]
    return chart.triangulate(quads), seam, np.concatenate([uv, uv[seam] * (-1, 1) + (1, 0)])


def all_parts(head):
    """Every separate part, in drawing order."""
    return [parts.both(parts.eye()), parts.both(parts.caruncle()), parts.teeth(parts.TEETH_UP, parts.UPPER_ARCH, True),
            parts.teeth(parts.TEETH_LOW, parts.LOWER_ARCH, False), parts.gums(parts.UPPER_ARCH, True),
            parts.gums(parts.LOWER_ARCH, False), parts.tongue(), brows.brows(), brows.lashes(head), hair.scalp(),
            hair.short(), hair.bob(), hair.curls()]


def assemble(names):
    """All arrays of the head, in cm about the skull: a dict.

    Args:
        names: the shapes wanted, in order.
    """
    head, quads, uv = build_skin()
    rig = shapes.Rig(head, chart.triangulate(quads))
    triangles, seam, uv = split_seam(head, quads, uv)
    pieces = all_parts(head)
    double = np.concatenate([np.arange(len(head.p)), seam])
    start = np.cumsum([len(double)] + [len(q.p) for q in pieces])
    count = int(start[-1])
    out = {"rest": np.concatenate([head.p[double]] + [q.p for q in pieces]),
           "triangles": np.concatenate([triangles] + [q.triangles + s for q, s in zip(pieces, start, strict=False)]),
           "color": np.concatenate([looks.skin_color(head)[double]] + [q.color for q in pieces]),
           "tint": np.concatenate([looks.skin_tint(head)[double]] + [looks.part_tint(q) for q in pieces]),
           "uv": atlas.layout(uv, pieces), "weld": np.arange(count)}
    out["weld"][len(head.p):len(double)] = seam
    material = [m["name"] for m in looks.MATERIALS]
    inside = (head.mouth & (head.ring >= rings.LIP_SEAL + 1))[double]
    out["triangle_material"] = np.concatenate(
        [np.where(inside[triangles].all(1), material.index("mouth"), 0)]
        + [np.full(len(q.triangles), material.index(q.material)) for q in pieces])
    _drop_empty_triangles(out)
    out["part"] = np.concatenate([np.zeros(len(double), int)]
                                 + [np.full(len(q.p), k + 1) for k, q in enumerate(pieces)])
    out["part_names"] = ["skin"] + [q.name for q in pieces]
    rig_shapes(out, names, rig, pieces, start, double)
    out["axes"], out["eye_weight"] = identity.axes(out["rest"], out["triangles"], out["part"],
                                                       out["part_names"], pieces)
    out["head_weight"] = head_weight(out["rest"])
    hair.bound(out, pieces, start)
    out["fields"] = np.zeros((count, paint.FIELDS))
    out["fields"][:len(double)] = looks.paint_fields(head)[double]
    out["occlusion"] = bake(out, names, head, double)
    return out


def rig_shapes(out, names, rig, pieces, start, double):
    """Shapes and correctives of all parts, exactly symmetric, and how far vertices follow the jaw and the lips."""
    head, count = rig.skin, len(out["rest"])
    deltas = np.zeros((len(names), count, 3))
    for k, name in enumerate(names):
        move = rig.delta.get(name, np.zeros_like(head.p))
        deltas[k, :len(double)] = move[double]
        for q, s in zip(pieces, start, strict=False):
            part = shapes.part_delta(q, name, head, move)
            if part is not None:
                deltas[k, s:s + len(q.p)] = part
    out["shapes"] = deltas
    part = np.array(out["part_names"])[out["part"]]
    lids = np.zeros(count)
    lids[:len(double)] = ((head.patch == "eye") * smooth(head.ring, 0, 3))[double]
    lids[part == "lashes"] = 1.0
    for name, field, value in (("jaw", rig.jaw, 1.0), ("lip_share", rig.lip_share, 0.0)):
        out[name] = np.where(np.isin(part, shapes.WITH_JAW), value, 0.0)
        out[name][:len(double)] = (0.5 * (field + field[head.twin]))[double]
    pair = _symmetrise(out, names, head.twin)
    alone = ~pair & (np.abs(out["rest"][:, 0]) > 1e-6)
    if out["shapes"][:, alone].any():
        raise ValueError("a vertex moves that has no mirror image")
    found = correctives.correctives(
        out["rest"], dict(zip(names, out["shapes"], strict=True)), out["jaw"], eye=part == "eye", lids=lids,
        lips=rig.lips.index, outer=rig.lips.ring <= rings.LIP_SEAL + 1,
        teeth=_solids(out["triangles"], np.isin(part, ("teeth_upper", "teeth_lower"))),
        spread=lambda move: _padded(rig.spread(move)[double], count))
    found["jawOpen", "mouthClose"] = _padded(shapes_mouth.closed_over_jaw(head, rig.lip_share)[double], count)
    out["correctives"] = correctives.with_mirror_images(found, out["twin"], pair)


def _padded(move, count):
    """Displacements (count, 3): those of the skin, then zeros."""
    return np.concatenate([move, np.zeros((count - len(move), 3))])


def _solids(triangles, member):
    """The triangles of each connected piece of a part."""
    mine = triangles[member[triangles].all(1)]
    link = sparse.coo_matrix((np.ones(len(mine) * 3), (mine.ravel(), np.roll(mine, 1, axis=1).ravel())),
                             (len(member), len(member)))
    label = sparse.csgraph.connected_components(link, directed=False)[1][mine[:, 0]]
    return [mine[label == one] for one in np.unique(label)]


def _drop_empty_triangles(out):
    """Leave out triangles without area, such as those at the poles of the eyeballs."""
    a, b, c = (out["rest"][out["triangles"][:, k]] for k in range(3))
    keep = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-7
    out["triangles"], out["triangle_material"] = out["triangles"][keep], out["triangle_material"][keep]


def _symmetrise(out, names, skin_twin):
    """Make left and right agree exactly, also where parts were built in one piece; (v,) which vertices have a twin."""
    p = out["rest"]
    code = np.column_stack([p, 5.0 * out["part"], _occurrence(np.column_stack([p, out["part"]]))])
    distance, twin = cKDTree(code).query(code * (-1, 1, 1, 1, 1))
    twin[:len(skin_twin)] = skin_twin  # where the lips touch, the nearest vertex may be the other lip's
    distance[:len(skin_twin)] = 0.0
    pair = (distance < 0.02) & (twin[twin] == np.arange(len(p)))
    pair &= ~np.isin(out["part"], [out["part_names"].index(name) for name in hair.STYLES])  # parted at one side
    twin = np.where(pair, twin, np.arange(len(p)))
    flip = np.where(pair[:, None], (-1.0, 1.0, 1.0), 1.0)
    out["rest"] = 0.5 * (p + p[twin] * flip)
    out["twin"] = twin
    deltas = out["shapes"]
    for k, name in enumerate(names):
        if name.endswith("Right"):
            deltas[k] = np.where(pair[:, None], deltas[names.index(name[:-5] + "Left")][twin] * flip, deltas[k])
        elif not name.endswith("Left"):
            deltas[k] = 0.5 * (deltas[k] + deltas[k][twin] * flip)
    return pair


def _occurrence(rows):
    """(v,) how many earlier vertices stand at the same place: poles, seams and strips with two sides repeat theirs."""
    _, place = np.unique(np.round(rows, 5), axis=0, return_inverse=True)
    order = np.argsort(place.ravel(), kind="stable")
    place = place.ravel()[order]
    first = np.maximum.accumulate(np.where(np.r_[True, place[1:] != place[:-1]], np.arange(len(place)), 0))
    count = np.empty(len(place))
    count[order] = np.arange(len(place)) - first
    return count


def head_weight(p):
    """(v,) 1 on the head, falling smoothly to 0 down the neck; the chin keeps 1."""
    level = p[:, 1] + 0.25 * np.maximum(p[:, 2] - 2.0, 0.0)
    return smooth(level, -16.8, -10.4)


def bake(out, names, head, double):
    """Ambient occlusion (v,): the outside with the mouth shut, the inside of the mouth with it open."""
    part = np.array(out["part_names"])[out["part"]]
    shut = out["rest"]
    opened = shut + 0.75 * out["shapes"][names.index("jawOpen")]
    sheets = np.isin(part, ("lashes", "brows", "scalp", *hair.STYLES))
    casts = ~sheets[out["triangles"]].any(1)
    value = []
    for p in (shut, opened):
        normals = looks.vertex_normals(p, out["triangles"], out["weld"])
        value.append(looks.occlusion(p, out["triangles"], normals, casts=casts))
    inside = np.isin(part, ("teeth_upper", "teeth_lower", "gum_upper", "gum_lower", "tongue"))
    inside[:len(double)] = (head.mouth & (head.ring >= rings.LIP_SEAL - 1))[double]
    ao = np.where(inside, value[1], value[0])
    floor = np.full(len(part), 0.06)
    for name, least in PART_FLOOR.items():
        floor[part == name] = least
    lids = (head.patch == "eye") & (head.ring >= 2)
    floor[:len(double)][lids[double]] = LID_FLOOR  # they unfold when the eye closes
    ao = np.where(sheets, 1.0, _smoothed(ao, out))
    return np.clip(floor + (1 - floor) * ao, 0, 1)


def _smoothed(values, out, rounds=2):
    """Mean with the neighbours, so that the bake's grain does not show."""
    t = out["weld"][out["triangles"]]
    for _ in range(rounds):
        total, share = np.zeros(len(values)), np.zeros(len(values))
        for k in range(3):
            np.add.at(total, t[:, k], values[t].sum(1))
            np.add.at(share, t[:, k], 3.0)
        values = np.where(share > 0, total / np.maximum(share, 1), values)[out["weld"]]
    return values


def _lists(prefix, fields, unit_m, smallest):
    """Displacements (k, v, 3) in cm as lists of the vertices that move, in 16-bit steps."""
    steps = np.rint(fields * 0.01 / unit_m)
    if np.abs(steps).max() > 32767:
        raise ValueError(f"a displacement of {prefix} does not fit into 16 bits; raise its unit")
    moved = (np.abs(steps) > smallest).any(2)
    return {f"{prefix}_counts": moved.sum(1).astype(np.int32),
            f"{prefix}_vertices": np.concatenate([np.flatnonzero(m) for m in moved]).astype(np.uint16),
            f"{prefix}_steps": np.concatenate([s[m] for s, m in zip(steps, moved, strict=True)]).astype(np.int16)}


def stored_half(columns, move, copy, done):
    """What is stored of a displacement (v, 3): one-sided shapes whole, their images not at all, others by half."""
    image = {mirror_name(name) for name in columns}
    if image == set(columns):
        return np.where(copy[:, None], 0.0, move)
    return np.zeros_like(move) if image in done else move


def pack(out, names):
    """Bytes of sona.npz: 16-bit numbers, shapes and axes as lists of the vertices that move.

    What is symmetric is stored for one of each pair of twins: for vertices that are not a twin's copy.
    """
    rest = ((out["rest"] - ORIGIN) * 0.01).astype(np.float32)
    copy = (out["twin"] != np.arange(len(rest))) & (out["rest"][:, 0] < 0)
    kept = np.where(copy[:, None], 0.0, np.stack(list(out["axes"].values())))
    targets, done = [((name,), move) for name, move in zip(names, out["shapes"], strict=True)], []
    half = []
    for columns, move in targets + list(out["correctives"].items()):
        half.append(stored_half(columns, move, copy, done))
        done.append(set(columns))
    arrays = _lists("shape", np.stack(half), DELTA_UNIT_M, 5) | _lists("axis", kept, AXIS_UNIT_M, 4) | {
        "twin": np.where(copy, out["twin"], np.arange(len(rest))).astype(np.uint16),
        "jaw": np.rint(out["jaw"] * 255).astype(np.uint8),
        "lip_share": np.rint(out["lip_share"] * 255).astype(np.uint8),
        "mouth_weight": np.rint(identity.mouth_weight(out["rest"]) * 255).astype(np.uint8),
        "tint": np.rint(out["tint"] * 255).astype(np.uint8),
        "eye_weight": np.rint(out["eye_weight"] * 255).astype(np.uint8),
        "rest": rest,
        "triangles": out["triangles"].astype(np.uint16),
        "uv": np.rint(out["uv"] * 65535).astype(np.uint16),
        "color": looks.stored_color(out["color"], out["part"], out["part_names"]).astype(np.float16),
        "occlusion": np.rint(out["occlusion"] * 255).astype(np.uint8),
        "triangle_material": out["triangle_material"].astype(np.uint8),
        "weld": out["weld"].astype(np.uint16),
        "bind": out["bind"].astype(np.uint16),
        "part": out["part"].astype(np.uint8),
        "head_weight": np.rint(out["head_weight"] * 65535).astype(np.uint16),
        "head_pivot": ((HEAD_PIVOT - ORIGIN) * 0.01).astype(np.float32),
    }
    return pictures.npz(arrays, plain=("shape_", "axis_", "rest"))
