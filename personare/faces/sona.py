"""Sona, the built-in head: our own geometry (CC0) with all 52 ARKit shapes. Made by scripts/make_sona.py."""

import numpy as np

from personare.assets import builtin_path
from personare.errors import AssetError
from personare.faces.linear import LinearFace
from personare.spaces import space_named
from personare.store import read_bundle
from personare.types import Material, Surface

SHORT = 65535  # weights and uv in 0..1 are stored as 16-bit integers


def open_sona(folder=None):
    """Open the built-in head.

    Args:
        folder: another bundle of the same layout; default the one that ships with personare.

    Returns:
        LinearFace in the space arkit-52; origin in the middle of the face, metres, +y up, +z out of the face.

    Raises:
        AssetError: the bundle is missing, damaged, or not of this layout.
    """
    bundle = read_bundle(builtin_path("sona") if folder is None else folder)
    config = bundle.card.config
    try:
        with np.load(bundle.path("sona.npz"), allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        space = space_named(config["space"])
        surface = Surface(
            triangles=data["triangles"], uv=data["uv"] / np.float32(SHORT), color=data["color"],
            occlusion=data["occlusion"] / np.float32(255), weld=data["weld"],
            materials=tuple(Material(**material) for material in config["materials"]),
            triangle_material=data["triangle_material"])
        return LinearFace(
            name=bundle.card.name, space=space, surface=surface, rest=data["rest"],
            shapes=_dense(data, len(data["rest"]), np.float32(config["delta_unit_m"])),
            head_weight=data["head_weight"] / np.float32(SHORT), head_pivot=data["head_pivot"])
    except (KeyError, TypeError) as error:
        raise AssetError(f"{bundle.folder}: not laid out as a sona bundle ({error}); reinstall personare") from error


def _dense(data, vertices, unit_m):
    """(k, v, 3) float32 displacements from the lists of vertices that each shape moves."""
    counts = data["shape_counts"]
    shapes = np.zeros((len(counts), vertices, 3), np.float32)
    shape = np.repeat(np.arange(len(counts)), counts)
    shapes[shape, data["shape_vertices"]] = data["shape_steps"] * unit_m
    return shapes
