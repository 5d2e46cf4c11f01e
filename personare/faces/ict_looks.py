"""What ICT-FaceKit's mesh looks like: it has no textures, so lips, brows, eyes and teeth are coloured by place."""

from itertools import pairwise

import numpy as np

from personare.errors import InputError
from personare.faces.ict_lashes import lash_texture
from personare.faces.polygons import surface_of
from personare.types import Material, Surface

VERTICES = 26719

# Indices of vertices from the tables of its README: parts, and the 68 landmarks from the brows on.
_INSIDE_MOUTH, _EYE_SOCKETS = slice(11248, 13294), slice(13294, 14062)
_BROWS = ((268, 493, 1914, 2044, 1401), (3615, 4240, 4114, 2734, 2509))
_OUTER_LIPS = (5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841)

_SKIN, _LIPS = (0.60, 0.365, 0.275), (0.46, 0.175, 0.160)
_BROW, _GUM, _TONGUE = (0.10, 0.060, 0.040), (0.34, 0.075, 0.075), (0.42, 0.12, 0.12)
_DEEP, _WHITE = (0.10, 0.020, 0.020), (0.72, 0.68, 0.65)
_IRIS, _RIM, _PUPIL = (0.115, 0.060, 0.028), (0.030, 0.018, 0.012), (0.004, 0.004, 0.004)
_IRIS_CM, _PUPIL_CM, _RIM_CM = 0.62, 0.22, 0.08   # measured on the mesh; an iris is about 1.2 cm wide

_SKIN_LOOK = {"roughness": 0.48, "specular": 0.028, "scatter": 0.5}
# Material of the mesh -> ours. None: shells made for transparency, which would hide what is behind them.
_MATERIALS = {
    "M_Face": Material("skin", **_SKIN_LOOK), "M_BackHead": Material("head", **_SKIN_LOOK),
    "M_GumsTongue": Material("gums", roughness=0.35, specular=0.035, scatter=0.4),
    "M_Teeth": Material("teeth", (0.72, 0.67, 0.58), roughness=0.22, specular=0.05, scatter=0.35),
    "M_ScleraLeft": Material("sclera_left", roughness=0.12, specular=0.035, scatter=0.2),
    "M_IrisLeft": Material("iris_left", roughness=0.08, specular=0.05),
    "M_ScleraRight": Material("sclera_right", roughness=0.12, specular=0.035, scatter=0.2),
    "M_IrisRight": Material("iris_right", roughness=0.08, specular=0.05),
    "M_LacrimalFluid": None, "M_EyeBlend": None, "M_EyeOcclusion": None,
    "M_EyeLashes": Material("lashes", roughness=0.7, specular=0.02, texture=lash_texture, two_sided=True),
}


def dressed(mesh, path):
    """The Surface of the mesh in colours, and the mesh vertex behind each of its vertices.

    Args:
        mesh: Polygons with the vertices of the average head, centimetres.
        path: for errors.

    Returns:
        Surface and (n,) int64.

    Raises:
        InputError: another topology.
    """
    if len(mesh.vertices) != VERTICES or mesh.uv is None or not set(mesh.materials) <= set(_MATERIALS):
        raise InputError(path, expected=f"a mesh of {VERTICES} vertices with the materials of ICT-FaceKit",
                         got=f"{len(mesh.vertices)} vertices and {', '.join(mesh.materials)[:60]}",
                         remedy="open other models as a folder of shapes")
    shown = [i for i, name in enumerate(mesh.materials) if _MATERIALS[name]]
    plain, source = surface_of(mesh, [_MATERIALS[mesh.materials[i]] or Material("shell") for i in
                                      range(len(mesh.materials))])
    place, kind = mesh.vertices[source], _part_of(mesh)[source]
    color = _colors(mesh, place, source, kind)
    keep = np.isin(plain.triangle_material, shown) & ~_before_iris(mesh, plain, source)
    order = np.full(len(mesh.materials), -1)
    order[shown] = np.arange(len(shown))
    triangles, material = plain.triangles[keep], order[plain.triangle_material[keep]]
    return Surface(triangles=triangles, uv=plain.uv % 1.0, color=color, occlusion=_openness(place, source),
                   materials=tuple(plain.materials[i] for i in shown), triangle_material=material,
                   weld=plain.weld), source


def _part_of(mesh):
    """(v,) name of the material of each vertex."""
    part = np.empty(len(mesh.vertices), object)
    for i, name in enumerate(mesh.materials):
        part[np.unique(mesh.triangles[mesh.triangle_material == i])] = name
    return part


def _colors(mesh, place, source, kind):
    """(n, 3) float32 linear RGB of every vertex."""
    color = np.ones((len(place), 3), np.float32)
    skin = (kind == "M_Face") | (kind == "M_BackHead")
    color[skin] = _SKIN
    on_face = np.flatnonzero(kind == "M_Face")
    lips = _inside(place[on_face], mesh.vertices[list(_OUTER_LIPS)], soft_cm=0.10)
    _blend(color, on_face, _LIPS, lips)
    for brow in _BROWS:
        line = mesh.vertices[list(brow)]
        near = _distance_to_line(place[on_face], line + np.float32([0, 0.12, 0]))
        _blend(color, on_face, _BROW, 0.75 * _falloff(near, 0.15, 0.42))
    color[(source >= _INSIDE_MOUTH.start) & (source < _INSIDE_MOUTH.stop)] = _DEEP
    color[(source >= _EYE_SOCKETS.start) & (source < _EYE_SOCKETS.stop)] = _DEEP
    gums = np.flatnonzero(kind == "M_GumsTongue")
    tongue = _falloff(np.abs(place[gums, 0]), 1.3, 2.2) * (place[gums, 1] < -3.2)
    color[gums] = _GUM
    _blend(color, gums, _TONGUE, tongue)
    for side in ("Left", "Right"):
        color[kind == f"M_Sclera{side}"] = _WHITE
        eye = np.flatnonzero(kind == f"M_Iris{side}")
        center = _iris_center(mesh, side)
        away = np.hypot(*(place[eye] - center)[:, :2].T)
        front = place[eye, 2] > center[2] + 0.5
        color[eye] = _WHITE
        _blend(color, eye, _RIM, front * _falloff(away, _IRIS_CM, _IRIS_CM + 0.06))
        _blend(color, eye, _IRIS, front * _falloff(away, _IRIS_CM - _RIM_CM, _IRIS_CM))
        _blend(color, eye, _PUPIL, front * _falloff(away, _PUPIL_CM - 0.02, _PUPIL_CM + 0.02))
    return color


def _iris_center(mesh, side):
    """(3,) centre of an eyeball: the middle of its iris mesh."""
    part = mesh.triangles[mesh.triangle_material == mesh.materials.index(f"M_Iris{side}")]
    around = mesh.vertices[np.unique(part)]
    return (around.min(0) + around.max(0)) / 2


def _before_iris(mesh, surface, source):
    """(f,) bool: triangles of the sclera that lie in front of the iris; the mesh has no hole there."""
    hidden = np.zeros(len(surface.triangles), bool)
    middle = mesh.vertices[source[surface.triangles]].mean(1)
    for side in ("Left", "Right"):
        center = _iris_center(mesh, side)
        away = np.hypot(*(middle - center)[:, :2].T)
        hidden |= ((surface.triangle_material == mesh.materials.index(f"M_Sclera{side}"))
                   & (away < _IRIS_CM + 0.10) & (middle[:, 2] > center[2]))
    return hidden


def _openness(place, source):
    """(n,) float32: the mouth's inside and the sockets get little light."""
    is_open = np.ones(len(source), np.float32)
    inside = (source >= _INSIDE_MOUTH.start) & (source < _EYE_SOCKETS.stop)
    is_open[inside] = 0.25
    z = place[:, 2]
    within = (source >= 14062) & (source < 21451)     # gums, tongue and teeth
    is_open[within] = np.clip((z[within] - 6.0) / 5.5, 0.15, 0.8)
    return is_open


def _blend(color, rows, tone, share):
    color[rows] += np.asarray(share, np.float32)[:, None] * (np.float32(tone) - color[rows])


def _falloff(distance, full, none):
    """1 below full, 0 above none, smooth between."""
    x = np.clip((none - distance) / (none - full), 0, 1)
    return x * x * (3 - 2 * x)


def _distance_to_line(points, line):
    """(n,) distance of points to a polyline, seen from the front."""
    return np.min([_to_segment(points, a, b) for a, b in pairwise(line)], axis=0)


def _to_segment(points, a, b):
    along = (b - a)[:2]
    share = np.clip((points[:, :2] - a[:2]) @ along / (along @ along), 0, 1)
    return np.hypot(*(points[:, :2] - a[:2] - share[:, None] * along).T)


def _inside(points, ring, *, soft_cm):
    """(n,) 0..1: how far points lie inside a closed line, seen from the front."""
    closed = np.concatenate([ring, ring[:1]])
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), bool)
    for a, b in pairwise(closed):
        crosses = (a[1] > y) != (b[1] > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0])
    distance = _distance_to_line(points, closed)
    return _falloff(np.where(inside, -distance, distance), 0.0, soft_cm)


def head_weights(rest):
    """(v,) how far each vertex follows the head, and the point it turns about, metres: the neck stays below."""
    weight = _falloff(-rest[:, 1], 0.090, 0.180)
    return weight.astype(np.float32), np.float32([0.0, -0.025, 0.005])
