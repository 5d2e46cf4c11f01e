"""The built-in implicit head: an NPHM of our own, trained on sona's identities and shapes.

A signed distance for who it is and a deformation for what it does, as NPHM has them, but small: 39 members of width 64
and a deformation of width 192. Both codes are linear maps, of sona's identity axes and of the 52 ARKit shapes, which
the bundle holds. Eyes, teeth, tongue, hair and brows are sona's own, and so are the colours. Made by
scripts/make_sona_implicit.py from our geometry alone (CC0).
"""

from dataclasses import replace

import numpy as np

from personare.assets import builtin_path
from personare.errors import AssetError
from personare.faces.extraction import Grid, extract
from personare.faces.implicit import CLOSE_M, ImplicitFace
from personare.faces.linear import Corrective, LinearFace
from personare.faces.nphm_model import EXPRESSION, IDENTITY, model_of
from personare.faces.sona import CHARACTERS, open_sona
from personare.files.arrays import read_npz
from personare.store import read_bundle
from personare.types import Motion, Surface

WEIGHTS = "weights.npz"
SKIN = ("skin", "mouth")
# Shapes that move a vertex of sona's skin less than this leave the skin beside it where it is.
_STILL_M = 2e-5


def open_sona_implicit(folder=None, *, character="sona", identity=None):
    """Open the built-in implicit head.

    Args:
        folder: another bundle of the same layout; default the one that ships with personare.
        character: name of one of sona's CHARACTERS.
        identity: axis -> weight in -2..2, added to the character's, as for open_sona.

    Returns:
        ImplicitFace in sona's space, place and size.

    Raises:
        AssetError: the bundle is missing, damaged, or not of this layout.
        InputError: no such character or axis, or a weight out of range.
    """
    sona = open_sona(character=character, identity=identity)
    bundle = read_bundle(builtin_path("sona-implicit") if folder is None else folder)
    config, data = bundle.card.config, read_npz(bundle.path(WEIGHTS))
    try:
        unit_m = float(config["unit_m"])
        model = model_of({name: value for name, value in data.items() if name.startswith((IDENTITY, EXPRESSION))},
                         data["anchors"])
        asked = CHARACTERS[character].identity | {
            axis: CHARACTERS[character].identity.get(axis, 0) + weight for axis, weight in (identity or {}).items()}
        code = data["identity_map"].astype(np.float32) @ np.array(
            [asked.get(axis, 0.0) for axis in config["axes"]], np.float32)
        at = config["canonical"]
        canonical_values = np.array([at.get(name, 0.0) for name in sona.space.columns], np.float32)
        grid = Grid(tuple(_axis(**axis) / unit_m for axis in config["grid"]))
        # Columns that the deformation does not know, such as those of the tongue, move sona's parts alone.
        expression_map = np.zeros((model.expression_size, len(sona.space)), np.float32)
        expression_map[:, sona.space.indices(config["shapes"])] = data["expression_map"]
    except (KeyError, TypeError, ValueError) as error:
        raise AssetError(f"{bundle.folder}: not laid out as an implicit head ({error}); reinstall personare") from error
    field = model.field(code).even()
    canonical, triangles = extract(field.sdf, grid, near=field.anchors, radius=CLOSE_M / unit_m)
    name = "sona-implicit" if character == "sona" else f"sona-implicit/{character}"
    return _dressed(sona, canonical, triangles, canonical_values, {
        "name": name, "model": model, "identity": code, "expression_map": expression_map, "unit_m": unit_m,
        "grid": grid})


def _axis(*, low, high, fine, step, largest):
    """Positions along an axis, metres: `step` apart in the stretches of `fine`, wider towards both ends."""
    positions = [float(low)]
    while positions[-1] < high:
        here = positions[-1]
        away = min(max(a - here, here - b, 0.0) for a, b in fine)
        positions.append(here + min(max(step, 0.15 * away), largest))
    return np.array(positions)


def _dressed(sona, canonical, triangles, canonical_values, fields):
    """The face of an extracted skin, coloured as sona is, with the parts of sona that are no skin."""
    from personare.faces.nearest import nearest

    skin = [i for i, material in enumerate(sona.surface.materials) if material.name in SKIN]
    known = np.unique(sona.surface.triangles[np.isin(sona.surface.triangle_material, skin)])
    posed = sona.mesh(Motion(canonical_values[None], 30, sona.space)).vertices[0, known]
    place = (canonical * fields["unit_m"]).astype(np.float32)
    rows, shares = nearest(place, posed, 3)

    def taken(values):
        return np.einsum("nk,nk...->n...", shares, values[known][rows]).astype(np.float32)

    material = np.zeros(len(sona.surface.uv), np.int32)
    material[sona.surface.triangles.reshape(-1)] = np.repeat(sona.surface.triangle_material, 3)
    parts = _parts(sona, skin)
    surface = _joined(Surface(
        triangles=triangles, uv=np.zeros((len(place), 2)), color=taken(_painted(sona.surface, skin)),
        occlusion=taken(sona.surface.occlusion), materials=parts.surface.materials,
        triangle_material=material[known][rows[triangles[:, 0], 0]], weld=np.arange(len(place))), parts.surface)
    reach = np.linalg.norm(sona.shapes[:, known], axis=2).max(0)
    return ImplicitFace(
        **fields, space=sona.space, surface=surface, canonical=canonical, canonical_values=canonical_values,
        head_weight=np.concatenate([taken(sona.head_weight), parts.head_weight]), head_pivot=sona.head_pivot,
        moving=reach[rows].max(1) > _STILL_M, parts=parts)


def _painted(surface, materials):
    """(v, 3) float32 linear RGB of all vertices, with what the textures of some materials add at each of them."""
    color = surface.color.copy()
    for index in materials:
        picture = surface.materials[index].picture()
        if picture is None:
            continue
        vertices = np.unique(surface.triangles[surface.triangle_material == index])
        h, w = picture.shape[:2]
        at = surface.uv[vertices] * [w, -h] + [-0.5, h - 0.5]
        column, row = (np.clip(np.round(at[:, i]).astype(int), 1, size - 2) for i, size in ((0, w), (1, h)))
        sampled = sum(picture[row + i, column + j, :3].astype(np.float32) for i in (-1, 0, 1) for j in (-1, 0, 1))
        color[vertices] *= (sampled / (9 * 255)) ** 2.2
    return color


def _parts(face, without):
    """A LinearFace of the triangles whose material is none of some."""
    surface = face.surface
    keep = ~np.isin(surface.triangle_material, without)
    vertices, corners = np.unique(surface.triangles[keep], return_inverse=True)
    new = np.zeros(len(surface.uv), np.int32)
    new[vertices] = np.arange(len(vertices))
    weld = surface.weld[vertices]
    weld = np.where(np.isin(weld, vertices), new[weld], np.arange(len(vertices)))
    materials = tuple(replace(material, texture=None, relief=0.0) if i in without else material
                      for i, material in enumerate(surface.materials))
    correctives = []
    for corrective in face.correctives:
        mine = np.isin(corrective.vertices, vertices)
        if mine.any():
            correctives.append(Corrective(corrective.columns, new[corrective.vertices[mine]], corrective.moves[mine]))
    return LinearFace(
        name=face.name, space=face.space, rest=face.rest[vertices], shapes=face.shapes[:, vertices],
        head_weight=face.head_weight[vertices], head_pivot=face.head_pivot, correctives=tuple(correctives),
        surface=replace(surface, materials=materials, triangles=corners.reshape(-1, 3), uv=surface.uv[vertices],
                        color=surface.color[vertices], occlusion=surface.occlusion[vertices], weld=weld,
                        triangle_material=surface.triangle_material[keep]))


def _joined(one, other):
    """One Surface of two with the same materials."""
    shift = len(one.uv)

    def both(name, step=0):
        return np.concatenate([getattr(one, name), getattr(other, name) + step])

    return replace(other, triangles=both("triangles", shift), uv=both("uv"), color=both("color"),
                   occlusion=both("occlusion"), weld=both("weld", shift), triangle_material=both("triangle_material"))


