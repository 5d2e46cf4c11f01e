"""How the parts of a glTF file look: colours and base colour textures, as the renderer wants them.

Source:
    Khronos Group, glTF 2.0 specification, section 3.9, and KHR_texture_transform.
"""

from functools import cache

import msgspec
import numpy as np

from personare.faces.gltf_tables import TextureTransform
from personare.types import Material

LARGEST_SIDE_PX = 2048   # of a texture as it is kept; a portrait shows no more
_ASIDE_SIDE_PX = 512     # of one that is not on the head
_MOST_PIXELS = 1 << 26   # of an encoded picture; 8192 x 8192
_DECODERS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "mjpeg"), (b"RIFF", "webp"))
# What an image format that only an extension names keeps its number in.
_SOURCES = ("EXT_texture_webp",)
# Reflectance at normal incidence: glTF's own for what is no metal; a metal's is its colour, kept below a mirror's.
_PLAIN, _METAL = 0.04, 0.5
# What stands for a picture that cannot be decoded.
_BLANK = np.full((1, 1, 3), 255, np.uint8)


def read_materials(gltf, used, on_head):
    """Materials; their textures are decoded when they are first drawn.

    Args:
        gltf: Gltf.
        used: indices of materials, or None for a part without one.
        on_head: those of them that are seen on the head; the textures of others are kept small.

    Returns:
        list of Material, one for each of used.
    """
    pictures, looks = {}, []
    for index in used:
        if index is None:
            looks.append(Material("none"))
            continue
        material = gltf.row("materials", index)
        base, image = material.pbr_metallic_roughness, _image_of(gltf, material)
        side = LARGEST_SIDE_PX if index in on_head else _ASIDE_SIDE_PX
        key = image, material.alpha_mode, material.alpha_cutoff, side
        if image is not None and key not in pictures:
            pictures[key] = _texture(gltf.picture(image), *key[1:])
        metal = min(max(base.metallic_factor, 0.0), 1.0) if base.base_color_texture is None else 0.0
        looks.append(Material(
            material.name or f"material_{index}", roughness=min(max(base.roughness_factor, 0.05), 1.0),
            color=tuple(min(max(share, 0.0), 1.0) for share in base.base_color_factor[:3]),
            specular=_PLAIN + metal * (_METAL - _PLAIN), texture=pictures.get(key),
            two_sided=material.double_sided))
    return looks


def _texture(content, alpha_mode, cutoff, side):
    """A function that decodes a picture once and keeps it, with its alpha where the material has holes."""
    @cache
    def texture():
        picture = decoded(content, side)
        if picture is None:
            return _BLANK
        if alpha_mode == "OPAQUE":
            return np.ascontiguousarray(picture[..., :3])
        if alpha_mode == "MASK":
            picture[..., 3] = np.where(picture[..., 3] >= cutoff * 255, 255, 0)
        return picture

    return texture


def _image_of(gltf, material):
    """Number of the image of a material's base colour, or None."""
    info = material.pbr_metallic_roughness.base_color_texture
    if info is None:
        return None
    texture = gltf.row("textures", info.index)
    for name in _SOURCES:
        source = (texture.extensions.get(name) or {}).get("source")
        if isinstance(source, int):
            gltf.row("images", source)
            return source
    if texture.source is not None:
        gltf.row("images", texture.source)
    return texture.source


def decoded(content, side=LARGEST_SIDE_PX):
    """(h, w, 4) uint8 sRGB and alpha of an encoded picture, at most `side` wide and high; None if it cannot be read.

    A face with a picture that is damaged or of another kind is still a face, so it is drawn without.
    """
    import av

    codec = next((name for start, name in _DECODERS if content.startswith(start)), None)
    if codec is None:
        return None
    try:
        decoder = av.CodecContext.create(codec, "r")
        decoder.options = {"max_pixels": str(_MOST_PIXELS)}
        frames = [*decoder.decode(av.Packet(content)), *decoder.decode(None)]
        frame = frames[0]
        share = min(1.0, side / max(frame.width, frame.height))
        return frame.reformat(width=max(1, round(frame.width * share)), height=max(1, round(frame.height * share)),
                              format="rgba", interpolation="AREA" if share < 1 else "POINT").to_ndarray()
    except (av.FFmpegError, ValueError, IndexError, MemoryError):
        return None


def texture_place(gltf, material):
    """Which texture coordinates a material uses, and how they are moved.

    Args:
        gltf: Gltf.
        material: index, or None.

    Returns:
        (number of the set, (2, 3) float64 such that uv' = matrix @ (u, v, 1)).
    """
    still = np.eye(2, 3)
    info = None if material is None else gltf.row("materials", material).pbr_metallic_roughness.base_color_texture
    if info is None:
        return 0, still
    entry = info.extensions.get("KHR_texture_transform")
    if entry is None:
        return info.tex_coord, still
    try:
        move = msgspec.convert(entry, TextureTransform)
    except msgspec.ValidationError as error:
        raise gltf.wrong("a KHR_texture_transform", str(error)) from error
    c, s = np.cos(move.rotation), np.sin(move.rotation)
    turn = np.array([[c, s], [-s, c]]) * np.array(move.scale)
    matrix = np.concatenate([turn, np.array(move.offset)[:, None]], 1)
    if not (np.isfinite(matrix).all() and np.abs(matrix).max() < 1e6):
        raise gltf.wrong("a KHR_texture_transform of finite numbers", str(entry)[:80])
    return info.tex_coord if move.tex_coord is None else move.tex_coord, matrix


def unwrapped(uv, triangles):
    """Texture coordinates within 0..1, where a texture repeats beyond.

    Args:
        uv: (v, 2) float32.
        triangles: (f, 3) int32.

    Returns:
        (rows, uv, triangles): the old number of each new vertex, their coordinates, and triangles over them. A
        vertex between two tiles is doubled; a triangle that spans two is left to the rim of the texture.
    """
    if not len(triangles) or (uv.min() >= 0 and uv.max() <= 1):
        return np.arange(len(uv)), uv, triangles
    tile = np.floor(uv[triangles].mean(1) - 1e-6).astype(np.int64)
    key = np.stack([triangles.ravel(), *np.repeat(tile, 3, axis=0).T], 1)
    kept, corners = np.unique(key, axis=0, return_inverse=True)
    return kept[:, 0], (uv[kept[:, 0]] - kept[:, 1:]).astype(np.float32), corners.reshape(-1, 3).astype(np.int32)
