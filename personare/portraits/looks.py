"""What each vertex of a person's mesh shows of their photo: where it looks, how much of it is drawn, what is hidden."""

from dataclasses import replace

import numpy as np

from personare.portraits.eyes import polygon_depth
from personare.portraits.likeness import lip_gap
from personare.portraits.parts import INSIDE, named
from personare.portraits.points import EYES, INNER_LIPS, OUTER_LIPS, OVAL
from personare.portraits.teeth import upper_teeth
from personare.types import Surface

# Longer side of the picture on which depth is looked up.
_DEPTH_PX = 384
# A vertex hides behind what is nearer by more than this.
BEHIND_M = 0.006
# The face fades into its surroundings between these depths inside its oval, as shares of its width, and where it turns
# away from the viewer between these cosines; what lies deeper inside than the third is drawn whichever way it turns.
_FADE_SHARE, _FACING, _CORE_SHARE = (0.015, 0.10), (0.30, 0.60), (0.12, 0.17)
# A face reaches so far from its nearest point, and its border stands no farther behind what is beside it.
_FACE_M, _APART_M = 0.13, 0.030
_RELAXATIONS = 200
# Rings of triangles from the hollow of the mouth to the edge of a lip.
_LIP_RINGS = 5
# Skin within so many widths of an eye is its lids.
_LIDS_REACH = 1.2
# They are drawn in full up to the second of these distances, and fade out to the first.
_LIDS_FADE = (-0.95, -0.65)
# Whatever stands in the way, so much of the light comes to each part of the mouth.
_OPEN = 0.30
# Around lips that stand apart by this share of the mouth's width the face is drawn in full up to the second of these
# distances in widths of the mouth, and fades out to the first, where it is so deep inside the oval, in its widths.
_WIDE = 0.3
_LIPS_FADE, _CHIN_SHARE = (-0.50, -0.30), (0.0, 0.05)
# What lies so far behind the front teeth is lit in full; light falls off over so many metres, to such a share.
_DEPTH, _LOWER_DEPTH = (0.012, 0.020, 0.55), (0.004, 0.010, 0.22)
# Skin of the lids lies in folds: what is behind by this, or turned from the viewer by this cosine, is not what is seen.
_FOLD_M, _FOLD_FACING = 0.0015, 0.15
# Where lips open, what is so close to their edge, in widths of the mouth, may show what is between them.
_LIP_EDGE = 0.035
# How dark the inner side of the lips is where no light comes in.
_LIPS_DARK = 0.35
_EVENINGS = 3


def behind_of(face, vertices, camera, kind):
    """(v,) float metres by which something on the photo is in front of a vertex; 0 and less where it is seen."""
    from personare.portraits.pixels import nearest
    from personare.rendering.raster import project

    scale = max(1.0, max(camera.size) / _DEPTH_PX)
    w, h = (int(np.ceil(side / scale)) for side in camera.size)
    lens = np.array([camera.focal_px / scale, *(np.array(camera.center_px) / scale), camera.near_m, camera.far_m])
    points, screen = np.empty((len(vertices), 3), np.float32), np.zeros((len(vertices), 2), np.int32)
    nearness, map_ = np.empty(len(vertices), np.float32), np.zeros((h, w), np.float32)
    matrix = np.array(camera.camera_from_world, np.float64)
    project(np.ascontiguousarray(vertices, np.float32), matrix, lens, points, screen, nearness)
    solid = np.ascontiguousarray(face.surface.triangles[kind != 3])
    nearest(screen, nearness, solid, np.zeros(len(solid), bool), map_)
    with np.errstate(divide="ignore"):
        depth = np.where(map_ > 0, 1 / map_, np.inf)
    x = np.clip(screen[:, 0] // 256, 0, w - 1)
    y = np.clip(screen[:, 1] // 256, 0, h - 1)
    # The farthest of the neighbours, so that slopes do not count as hiding themselves.
    padded = np.pad(np.where(np.isfinite(depth), depth, 0), 1)
    widest = np.max([padded[i:i + h, j:j + w] for i in range(3) for j in range(3)], axis=0)
    return -points[:, 2] - widest[y, x]


def facing_of(surface, vertices, camera):
    """(v,) cosine between the normal of each vertex and the way to the viewer."""
    corners = vertices[surface.triangles].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(vertices), 3))
    for corner in surface.triangles.T:
        np.add.at(normals, surface.weld[corner], across)
    normals = normals[surface.weld]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    matrix = camera.camera_from_world
    towards = -(vertices @ matrix[:3, :3].T + matrix[:3, 3])
    return ((normals @ matrix[:3, :3].T) * towards).sum(axis=1) / np.linalg.norm(towards, axis=1)


def fade_of(person, vertices, pixels, hidden, kind):
    """(v,) float32 how much of each vertex is drawn: 1 on the face, 0 beyond its oval and where it turns away."""
    oval = person.landmarks[list(OVAL)]
    width = np.ptp(oval[:, 0])
    inward = polygon_depth(pixels[:, :2], oval)
    surface = person.face.surface
    facing = facing_of(surface, vertices, person.camera)
    fade = ~hidden * _between(inward / width, *_FADE_SHARE) * _between(facing, *_FACING)
    # Inside the oval what turns away is nose, lids and lips: they are drawn all the same.
    core = _between(inward / width, *_CORE_SHARE)
    in_front = np.linalg.norm(vertices - vertices[pixels[:, 2].argmin()], axis=1) < _FACE_M
    fade = np.maximum(fade, core * in_front)
    if lip_gap(person.landmarks) > _WIDE:
        # Around such a mouth chin and lips are drawn too, however far the jaw has turned them away.
        lips = person.landmarks[list(OUTER_LIPS)]
        beside = polygon_depth(pixels[:, :2], lips) / max(np.ptp(lips[:, 0]), 1.0)
        around = _between(beside, *_LIPS_FADE) * _between(inward / width, *_CHIN_SHARE)
        fade = np.maximum(fade, around * in_front)
    for rim in EYES.values():
        # Below a lid that closes there must be no open eye, as far as lids reach.
        lids = person.landmarks[list(rim)]
        away = np.linalg.norm(pixels[:, :2] - lids.mean(axis=0), axis=1) / np.linalg.norm(lids[0] - lids[8])
        fade = np.maximum(fade, _between(-away, *_LIDS_FADE) * in_front * ~hidden)
    fade[_apart(pixels, fade)] = 0
    fade[np.unique(surface.triangles[kind == 3])] = 0
    fade[np.unique(surface.triangles[(kind == 1) | (kind == 2)])] = 1
    return fade[surface.weld].astype(np.float32)


def _apart(pixels, fade):
    """Vertices of the fading border that stand far behind the face beside them: ears and neck move with the rest."""
    border, within = np.flatnonzero((fade > 0) & (fade < 0.9)), np.flatnonzero(fade >= 0.9)
    if not len(within):
        return border[:0]
    beside = np.concatenate([within[((pixels[part, None, :2] - pixels[None, within, :2]) ** 2).sum(2).argmin(1)]
                             for part in np.array_split(border, max(1, len(border) // 256))])
    return border[pixels[border, 2] > pixels[beside, 2] + _APART_M]


def _between(value, low, high):
    """0 below low .. 1 above high, smooth."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def drawn_of(surface, kind, fade):
    """The Surface of what is drawn; all that the photo itself colours is of the material skin, or eye."""
    names = [material.name for material in surface.materials]
    keep = (kind < 3) & (fade[surface.triangles].max(axis=1) > 0)
    throat = (kind == 2) & named(surface, "skin")
    slots, color = np.where(kind == 0, names.index("skin"), surface.triangle_material), surface.color.copy()
    if throat.any():
        slots[throat] = names.index("mouth")
        hollow = np.unique(surface.triangles[named(surface, "mouth")])
        color[np.unique(surface.triangles[throat])] = color[hollow].mean(axis=0)
    # Highlights on single teeth are smaller than the pixels of most photos, and would sparkle.
    materials = tuple(replace(material, texture=None, relief=0.0) if material.name in ("skin", "eye")
                      else replace(material, roughness=max(material.roughness, 0.45), relief=0.0)
                      for material in surface.materials)
    occlusion = surface.occlusion.copy()
    inside = _inside(surface, kind)
    occlusion[inside] = _OPEN + (1 - _OPEN) * occlusion[inside]
    return Surface(surface.triangles[keep], surface.uv, color, occlusion, materials, slots[keep],
                   surface.weld)


def kinds_of_materials(surface):
    """(m,) uint8 SKIN, EYE, INSIDE or TEETH of each material of drawn_of."""
    return np.array([1 if material.name == "eye" else 3 if material.name == "teeth" else
                     2 if material.name in INSIDE else 0 for material in surface.materials], np.uint8)


def looks_of(person, vertices, pixels, behind, fade, kind):
    """(v, LOOKS) float32 of pixels.draw_face."""
    from personare.portraits.pixels import (
        FADE,
        LID,
        LOOKS,
        REST_X,
        REST_Y,
        SEEN,
        SHADE,
        SOURCE_D,
        SOURCE_X,
        SOURCE_Y,
    )

    surface = person.face.surface
    looks = np.zeros((len(pixels), LOOKS), np.float32)
    hidden = behind > BEHIND_M
    skin = np.isin(np.arange(len(pixels)), surface.triangles[kind == 0])
    folded = (behind > _FOLD_M) | (facing_of(surface, vertices, person.camera) < _FOLD_FACING)
    free = skin & (hidden | (folded & (_near_eyes(person, pixels) != 0)))
    own = pixels[:, :2]
    if person.is_open:
        # What lies on the open mouth of the photo is lips all the same.
        rim = person.landmarks[list(INNER_LIPS)]
        lips = skin & ~free & (polygon_depth(pixels[:, :2], rim) > -1 - _LIP_EDGE * np.ptp(rim[:, 0]))
        free |= lips
    places = _pulled_out(surface, own.copy(), free, kind)
    if person.is_open:
        looks[lips, REST_X], looks[lips, REST_Y] = ((own - places) * pixels[:, 2:])[lips].T
    looks[:, SOURCE_X], looks[:, SOURCE_Y] = places.T * pixels[:, 2]
    looks[:, SOURCE_D] = pixels[:, 2]
    looks[:, FADE] = fade
    # Light that reaches what the photo does not show: the inner side of the lips lies in the dark of the mouth.
    light = _LIPS_DARK + (1 - _LIPS_DARK) * surface.occlusion
    looks[:, SHADE] = _evened(surface, np.where(hidden & _inner_lips(surface, kind), light, 1), kind)
    looks[:, SEEN] = upper_teeth(person.face)
    looks[:, SHADE] = np.where(_inside(surface, kind), _deep(person.face, kind), looks[:, SHADE])
    looks[:, LID] = _near_eyes(person, pixels)
    return looks


def _near_eyes(person, pixels):
    """(v,) 1 for the left eye and the skin around it, -1 for the right one, 0 elsewhere."""
    near = np.zeros(len(pixels))
    for side, sign in (("Left", 1), ("Right", -1)):
        rim = person.landmarks[list(EYES[side])]
        away = np.linalg.norm(pixels[:, :2] - rim.mean(axis=0), axis=1)
        near[away < _LIDS_REACH * np.linalg.norm(rim[0] - rim[8])] = sign
    return near


def _inside(surface, kind):
    """(v,) bool, teeth and what is behind the lips."""
    return np.isin(np.arange(len(surface.uv)), surface.triangles[kind == 2])


def _deep(face, kind):
    """(v,) how much light reaches a depth behind the front teeth; lower teeth stand between lip and tongue."""
    behind, lower = face.rest[_inside(face.surface, kind), 2].max() - face.rest[:, 2], np.zeros(len(face.rest), bool)
    lower[face.surface.triangles[named(face.surface, "teeth") | named(face.surface, "gums")]] = True
    lower &= ~upper_teeth(face)
    lit, reach, dark = np.where(lower[:, None], _LOWER_DEPTH, _DEPTH).T
    return dark + (1 - dark) * np.exp(-np.maximum(behind - lit, 0) / reach)


def _inner_lips(surface, kind):
    """(v,) bool, the skin that goes on from the hollow of the mouth to the edges of the lips."""
    weld = surface.weld
    skin = weld[surface.triangles[kind == 0]]
    reached = np.zeros(len(weld), bool)
    reached[weld[surface.triangles[kind == 2]]] = True
    for _ in range(_LIP_RINGS):
        reached[skin[reached[skin].any(axis=1)]] = True
    return reached[weld]


def _evened(surface, values, kind):
    """Values (v,) of the skin, each the mean of its neighbours' a few times over."""
    weld, triangles = surface.weld, surface.weld[surface.triangles[kind == 0]]
    a, b = np.concatenate([triangles[:, [i, j]] for i in range(3) for j in range(3)]).T
    count, values = np.maximum(np.bincount(a, minlength=len(values)), 1), values.copy()
    for _ in range(_EVENINGS):
        values = np.bincount(a, values[b], len(values)) / count
    return values[weld]


def _pulled_out(surface, places, free, kind):
    """Pixels of hidden vertices of the skin, drawn from those of their neighbours that are seen."""
    weld, triangles = surface.weld, surface.weld[surface.triangles[kind == 0]]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    edges = edges[free[edges].any(axis=1)]
    a, b = np.concatenate([edges, edges[:, ::-1]]).T
    count = np.maximum(np.bincount(a, minlength=len(places)), 1)[:, None]
    loose = free & (np.bincount(a, minlength=len(places)) > 0)
    for _ in range(_RELAXATIONS):
        total = np.stack([np.bincount(a, places[b, k], len(places)) for k in (0, 1)], 1)
        places[loose] = (total / count)[loose]
    return places[weld]
