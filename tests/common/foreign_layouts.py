"""The built-in head in the layouts of FLAME and of the Basel model: real geometry, made-up statistics."""

from functools import lru_cache

import numpy as np
import sona_photo

from personare.faces.bfm import EXPRESSION, BfmModel, open_bfm, save_bfm
from personare.faces.polygons import linear_light
from personare.faces.sona import open_sona
from personare.portraits.layouts import laid_on
from personare.tracking.landmarks import COUNT

_JAW = ("jawOpen", "jawForward", "jawLeft", "jawRight")
_EYES = tuple(f"eyeLook{way}{side}" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right"))
# How far the shapes of the built-in head go in what the made-up statistics were drawn from.
_SPREAD = 0.25


# Skin and eyeballs before and above these planes, metres; the Basel model ends below the chin.
_WHOLE, _FRONT = (-1.0, -1.0), (-0.02, -0.10)


@lru_cache(maxsize=2)
def _cut(planes):
    """One of these cuts: which vertices of the built-in head, triangles, colours, shapes by name."""
    sona = open_sona()
    names = [material.name for material in sona.surface.materials]
    kept = np.isin(sona.surface.triangle_material, [names.index("skin"), names.index("eye")])
    kept &= (sona.rest[sona.surface.triangles][..., [2, 1]] > planes).all((1, 2))
    welded = sona.surface.weld[sona.surface.triangles[kept]]
    used, triangles = np.unique(welded, return_inverse=True)
    shapes = {name: sona.shapes[k][used] for k, name in enumerate(sona.space.columns)}
    return used, triangles.reshape(-1, 3), sona.surface.color[used], shapes


def places(corners, weights, index, *, front):
    """What personare.tracking.anchors.through takes, of landmarks on the built-in head; front for the Basel model."""
    used, weld = _cut(_FRONT if front else _WHOLE)[0], open_sona().surface.weld
    place = np.searchsorted(used, weld[corners]).clip(max=len(used) - 1)
    there = (used[place] == weld[corners]).all(1)
    out = [np.zeros((COUNT, 3), np.int32), np.zeros((COUNT, 3), np.float32), np.zeros(COUNT, bool)]
    for part, values in zip(out, (place, weights, there), strict=True):
        part[index[there]] = values[there]
    return out


def _modes(shapes, count):
    """(count, v, 3) principal moves of some shapes, in deviations; those beyond their number move nothing."""
    flat = np.stack([shape.reshape(-1) for shape in shapes])
    _, sizes, along = np.linalg.svd(flat, full_matrices=False)
    modes = np.zeros((count, flat.shape[1]))
    some = min(count, len(sizes))
    modes[:some] = _SPREAD * sizes[:some, None] * along[:some]
    return modes.reshape(count, -1, 3)


def flame_arrays(expressions=40):
    """The arrays of a FLAME file without modes of shape: its jaw turns, its eyes do, the rest are expressions."""
    used, triangles, _, shapes = _cut(_WHOLE)
    vertices = open_sona().rest[used].astype(np.float64)
    moving = [shape for name, shape in shapes.items() if name not in (*_JAW, *_EYES)]
    jaw = np.linalg.norm(shapes["jawOpen"], axis=1)
    weights = np.zeros((len(vertices), 5))
    weights[:, 2] = np.clip(jaw / np.quantile(jaw, 0.995), 0, 1)
    middles = []
    for column, side in ((3, "Left"), (4, "Right")):
        eye = np.linalg.norm(shapes[f"eyeLookUp{side}"], axis=1) > 1e-3
        eye &= np.linalg.norm(shapes[f"eyeBlink{side}"], axis=1) < 1e-6
        weights[eye, column], weights[eye, 2] = 1, 0
        middles.append(vertices[eye].mean(0))
    weights[:, 1] = 1 - weights.sum(1)
    places = np.array([[0, -0.12, -0.07], [0, -0.08, -0.07], [0, -0.005, -0.02], *middles])
    # A regressor's rows say of which vertices a joint is the mean; any weights that add up to 1 will do.
    system = np.concatenate([vertices.T, np.ones((1, len(vertices)))])
    wanted = np.concatenate([places, np.ones((5, 1))], 1)
    regressor = wanted @ np.linalg.solve(system @ system.T, system)
    return {"v_template": vertices, "f": triangles.astype(np.uint32),
            "shapedirs": np.moveaxis(_modes(moving, expressions), 0, 2),
            "posedirs": np.zeros((len(vertices), 3, 36)), "J_regressor": regressor,
            "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32), "weights": weights}


def bfm_model():
    """BfmModel of the front of the head, 64 expressions, a mode of identity and one of albedo that do nothing."""
    used, triangles, color, shapes = _cut(_FRONT)
    vertices, v = open_sona().rest[used], len(used)
    light = np.linspace(0, 1, 256)
    albedo = np.interp(color, linear_light(light), light)
    about = np.full((v, 8), len(triangles))
    for corner, vertex in zip(np.repeat(np.arange(len(triangles)), 3), triangles.ravel(), strict=True):
        free = np.flatnonzero(about[vertex] == len(triangles))
        if len(free):
            about[vertex, free[0]] = corner
    still = np.zeros((80, v, 3))
    return BfmModel(mean=vertices, identity=still, expression=_modes(list(shapes.values()), EXPRESSION),
                    albedo_mean=albedo, albedo=still, triangles=triangles, incident=about, landmarks=np.arange(68))


def write_bfm(folder):
    """Write bfm_model to bfm.npz, and beside it texture coordinates as flat and in three columns as style_avatar's."""
    model = bfm_model()
    low, high = model.mean.min(0), model.mean.max(0)
    uv = 0.05 + 0.9 * (model.mean - low) / (high - low).max()
    np.savez(folder / "uv.npz", uv=np.float32(uv * [0.764, 1, 0] + [0, 0, 0.5]))
    return save_bfm(model, folder / "bfm.npz")


def laid_bfm(folder):
    """(layout, FaceSurface) of write_bfm's face on the built-in head; the landmarks of the head serve on both."""
    layout, face = open_bfm(write_bfm(folder)), open_sona()
    corners, weights, _ = sona_photo.anchors()
    there = (face.rest[corners] * weights[:, :, None]).sum(1)[:468:2].astype(np.float64)
    return layout, laid_on(face, layout, (there - bfm_model().middle, there))
