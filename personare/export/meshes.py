"""Vertices of a take for the formats that store them: checked once, then slice by slice, so hours need no memory."""

import numpy as np

from personare.errors import InputError
from personare.export.textures import sampled

# Vertices held at a time; a face of 20,000 has 140 frames in it.
_SLICE_BYTES = 32 << 20


def checked_face(take, format):
    """The face of a take.

    Raises:
        InputError: it has none.
    """
    if take.face is None:
        raise InputError("face", expected=f"a face, whose vertices {format} stores", got="none",
                         remedy="name one such as sona")
    return take.face


def slices(take):
    """Vertices of every frame, some frames at a time.

    Args:
        take: Take with a face.

    Yields:
        (t, v, 3) float32 metres, as face.mesh gives them.

    Raises:
        InputError: a vertex is not finite, or the number of vertices changes.
    """
    face, motion = take.face, take.motion
    v = len(face.neutral())
    step = max(1, _SLICE_BYTES // max(1, v * 12))
    for start in range(0, len(motion), step):
        vertices = face.mesh(motion.frames(start, start + step)).vertices
        if vertices.shape[1] != v or not np.isfinite(vertices).all():
            raise InputError(f"face '{face.name}'", expected=f"{v} finite vertices in every frame",
                             got=f"{vertices.shape[1]}, some of them NaN or infinite" if vertices.shape[1] == v
                             else str(vertices.shape[1]), remedy="check the motion and the model it is for")
        yield vertices


def frames(take):
    """Iterator of (frame number, (v, 3) float32 metres)."""
    done = 0
    for vertices in slices(take):
        yield from enumerate(vertices, done)
        done += len(vertices)


def material_vertices(surface):
    """(v,) int: the material of the first triangle at each vertex, 0 for loose ones."""
    material = np.zeros(len(surface.uv), np.int64)
    # Backwards, so that the first triangle has the last word.
    material[surface.triangles[::-1].ravel()] = surface.triangle_material[::-1].repeat(3)
    return material


def vertex_colors(surface, *, linear=False):
    """Colour of each vertex as formats without materials want it: vertex times occlusion times material times texture.

    Args:
        surface: Surface.
        linear: keep linear RGB; else sRGB.

    Returns:
        (v, 3) float32 in 0..1.
    """
    owner = material_vertices(surface)
    rgb = surface.color * surface.occlusion[:, None]
    for number, material in enumerate(surface.materials):
        here, picture = np.flatnonzero(owner == number), material.picture()
        rgb[here] *= np.array(material.color, np.float32)
        if picture is not None and len(here):
            rgb[here] *= sampled(picture, surface.uv[here])
    rgb = np.clip(rgb, 0, 1)
    return rgb if linear else srgb(rgb)


def srgb(linear):
    """sRGB in 0..1 of linear RGB in 0..1 (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055).astype(np.float32)
