"""What stays the same from frame to frame: a face's looks, its camera and light, as plain arrays."""

from dataclasses import dataclass

import numpy as np

from personare.rendering.light import backdrop, dithered, lamp_table, linear, srgb, tone_table

# Where the depth inside a pixel changes by more than this many pixel widths, the pixel shows an edge.
STEEPEST = 4.0

# GGX below this alpha is a mirror and its highlight a dot smaller than a pixel.
_SMOOTHEST_ALPHA = 0.01

# Columns of facets, the scratch that draw wants; texture.py says what they hold.
FACET_COLUMNS = 24

# Texels along a side of the shadow's map: about 2 mm each for a head and its shoulders.
SHADOW_SIZE = 208
# The map reaches so much farther than what the picture shows at rest: room for a head that moves.
_ROOM = 1.25

# Each level of a texture is half the size of the one before; 13 bring 4096 down to 1.
LEVELS = 13

# A lock of hair seen from afar would thin out, for its single hairs hide more than the mean of their opacity says.
OPAQUER = 1.2

# Packed textures, newest last; the arrays they were made of are kept with them, so that no id is used again.
_PACKED, _MOST_PACKED = {}, 2


@dataclass(frozen=True, eq=False)
class Scene:
    """Arrays the kernels read.

    Args:
        triangles, welded: (f, 3) int32, over all vertices and over the first vertex at each place.
        weld: (v,) int32, that first vertex.
        attributes: (v, 8) float32: normal (filled in for each frame), openness, linear RGB, depth (likewise).
        uv: (v, 2) float32.
        triangle_material: (f,) int32.
        materials: (m, 6) float32: reflectance, GGX alpha, scatter, relief, strands, 1 where the texture has holes.
        textures: (m, 3 * LEVELS) int64: start in texels, width, height of each level; 0 wide for none.
        texels: (n,) uint16 linear RGBA.
        two_sided: (f,) bool.
        casts: (f,) bool, whether a triangle throws shadow.
        shadow_size: texels along a side of the shadow's map, 0 for no shadow.
        shadow_frame: (12,) float32, from aimed.
        camera_from_world: (4, 4) float64.
        lens: (5,) float64 focal_px, center x, center y, near, far.
        view: (5,) float32 1 / focal_px, center x, center y, 1 / 256, steepest relative depth change of a pixel.
        lamps: (l, 8) float32.
        ambient: (6,) float32 sky and ground.
        backdrop: (h, w, 3) float32 linear, such that toning gives `picture`.
        tones: (TONE_STEPS,) uint8.
        picture: (h, w, 3) uint8, the background alone.
    """

    triangles: np.ndarray
    welded: np.ndarray
    weld: np.ndarray
    attributes: np.ndarray
    uv: np.ndarray
    triangle_material: np.ndarray
    materials: np.ndarray
    textures: np.ndarray
    texels: np.ndarray
    two_sided: np.ndarray
    casts: np.ndarray
    shadow_size: int
    shadow_frame: np.ndarray
    camera_from_world: np.ndarray
    lens: np.ndarray
    view: np.ndarray
    lamps: np.ndarray
    ambient: np.ndarray
    backdrop: np.ndarray
    tones: np.ndarray
    picture: np.ndarray

# Texels to a pixel beyond which relief is taken off.
_RELIEF_LOST = 4.0**1.5


def build_scene(surface, rest, camera, light, *, two_sided=()):
    """The Scene of a face.

    Args:
        surface: its Surface.
        rest: (v, 3) float32, its vertices at rest.
        camera: Camera.
        light: Light.
        two_sided: names of further materials whose back is drawn too, such as lashes made of single sheets.
    """
    sides = np.array([material.two_sided or material.name in two_sided for material in surface.materials], bool)
    weld = _rooted(surface.weld)
    pictures = [material.picture() for material in surface.materials]
    textures, texels = _packed_textures(pictures)
    materials = _material_table(surface.materials, pictures)
    _flatten_what_is_small(materials, surface, rest, camera, textures)
    order = _drawing_order(surface, rest, camera, materials)
    triangles, slots = surface.triangles[order], surface.triangle_material[order]
    lamps = lamp_table(light)
    light_behind = backdrop(light.background, camera.size)
    return Scene(
        triangles=_own(triangles), welded=weld[triangles], weld=weld,
        attributes=_vertex_looks(surface), uv=_own(surface.uv),
        triangle_material=_own(slots), materials=materials,
        textures=textures, texels=texels, two_sided=sides[slots],
        casts=np.array([m.casts for m in surface.materials], bool)[slots],
        shadow_size=SHADOW_SIZE if len(lamps) and lamps[0, 7] > 0 else 0,
        shadow_frame=aimed(rest, camera, lamps[0, :3]) if len(lamps) else np.zeros(12, np.float32),
        camera_from_world=_own(camera.camera_from_world),
        lens=np.array([camera.focal_px, *camera.center_px, camera.near_m, camera.far_m]),
        view=np.array([1 / camera.focal_px, *camera.center_px, 1 / 256, STEEPEST / camera.focal_px], np.float32),
        lamps=lamps, ambient=np.array([*light.sky, *light.ground], np.float32),
        backdrop=_before_toning(light_behind, light.shoulder), tones=tone_table(light.shoulder),
        picture=dithered(srgb(light_behind)))


def _flatten_what_is_small(materials, surface, rest, camera, textures):
    """Take the relief off materials whose texels are so much finer than pixels that only its mean is left, in place."""
    place = camera.project(rest)[surface.triangles][:, :, :2]                 # (f, 3, 2)
    across, down = place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]
    pixels = np.abs(across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0])
    uv = surface.uv[surface.triangles]
    along, up = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    share = np.abs(along[:, 0] * up[:, 1] - along[:, 1] * up[:, 0])
    for slot in np.flatnonzero(materials[:, 3] > 0):
        mine = surface.triangle_material == slot
        texels = share[mine].sum() * float(textures[slot, 1] * textures[slot, 2])
        if texels > _RELIEF_LOST * max(float(np.nan_to_num(pixels[mine]).sum()), 1e-9):
            materials[slot, 3] = 0


def _drawing_order(surface, rest, camera, materials):
    """(f,) order of the triangles: solid ones, then those with holes from the nearest on.

    A sheet of hair is looked up only where nothing nearer is drawn yet, and most of them lie behind others.
    """
    holes = materials[surface.triangle_material, 5] > 0
    facing = np.asarray(camera.camera_from_world, np.float64)[2, :3]
    near = np.nan_to_num(np.asarray(rest, np.float64) @ facing)[surface.triangles].mean(axis=1)
    return np.lexsort((np.where(holes, -near, 0), holes))


def aimed(rest, camera, towards):
    """Where the shadow's map lies: it looks from the lamp at what the picture shows at rest.

    It stays where it is, so that shadows of what rests do not flicker.

    Args:
        rest: (v, 3) float32 world.
        camera: Camera.
        towards: (3,) unit direction to the lamp in camera axes.

    Returns:
        (12,) float32: axes of the map across, down and towards the lamp, its middle, texels in a metre; all in camera
        space. Texels are 0 where there is nothing to see.
    """
    frame = np.zeros(12, np.float32)
    across = np.cross((0, 1, 0) if abs(towards[1]) < 0.9 else (1, 0, 0), towards)
    across /= np.linalg.norm(across)
    frame[:3], frame[3:6], frame[6:9] = across, np.cross(towards, across), towards
    rest = np.asarray(rest, np.float64)
    rest = rest[np.isfinite(rest).all(axis=1)]
    x, y, depth = camera.project(rest).T
    w, h = camera.size
    shown = (depth > camera.near_m) & (depth < camera.far_m) & (x >= 0) & (x <= w) & (y >= 0) & (y <= h)
    if shown.any():
        points = rest[shown] @ camera.camera_from_world[:3, :3].T + camera.camera_from_world[:3, 3]
        flat = points @ frame[:6].reshape(2, 3).T
        low, high = flat.min(axis=0), flat.max(axis=0)
        reach = (high - low).max()
        frame[9:11] = (low + high) / 2
        frame[11] = SHADOW_SIZE / (_ROOM * reach) if reach > 0 else 0
    return frame


def _own(array):
    """A writable C-contiguous array: compiled kernels are typed for those only."""
    return array if array.flags.writeable and array.flags.c_contiguous else np.array(array, order="C")


def _rooted(weld):
    """weld with every chain followed to its end, in case a source welds in several steps."""
    weld = np.array(weld)
    while not np.array_equal(weld[weld], weld):
        weld = np.minimum(weld[weld], weld)
    return weld


def _vertex_looks(surface):
    """(v, 8) float32: openness and the colour of light that each vertex sends back, normals still 0.

    Occluded light is reflected several times in a bright hollow, so red stays longer than blue in skin; the
    cubic is fitted in Jimenez et al., Practical Realtime Strategies for Accurate Indirect Occlusion, 2016.
    """
    own = np.zeros((len(surface.uv), 3), np.float32)
    for corner in surface.triangles.T:
        own[corner] = np.array([m.color for m in surface.materials], np.float32)[surface.triangle_material]
    albedo, is_open = surface.color * own, surface.occlusion[:, None]
    a, b, c = 2.0404 * albedo - 0.3324, -4.7951 * albedo + 0.6417, 2.7552 * albedo + 0.6903
    kept = np.maximum(is_open, ((is_open * a + b) * is_open + c) * is_open)
    looks = np.zeros((len(albedo), 8), np.float32)
    looks[:, 3] = surface.occlusion
    looks[:, 4:7] = albedo * kept
    return looks


def _material_table(materials, pictures):
    table = np.zeros((len(materials), 6), np.float32)
    for row, material, picture in zip(table, materials, pictures, strict=True):
        holes = picture is not None and picture.shape[2] == 4
        row[:] = (material.specular, max(material.roughness**2, _SMOOTHEST_ALPHA), material.scatter, material.relief,
                  material.strands, holes)
    return table


def _packed_textures(pictures):
    """(m, 3 * LEVELS) int64 start, width and height of each level, and all texels as (n,) uint16 linear RGBA.

    A picture that several materials share is stored once.
    """
    key = tuple(map(id, pictures))
    if key in _PACKED:
        return _PACKED[key][1:]
    table, parts, start, known = np.zeros((len(pictures), 3 * LEVELS), np.int64), [], 0, {}
    for row, picture in zip(table, pictures, strict=True):
        if picture is None:
            continue
        if id(picture) not in known:
            known[id(picture)] = row
            for level, texels in enumerate(_levels(picture)):
                row[3 * level:3 * level + 3] = start, texels.shape[1], texels.shape[0]
                parts.append(texels.ravel())
                start += texels.size
        row[:] = known[id(picture)]
    packed = table, np.concatenate(parts) if parts else np.zeros(4, np.uint16)
    _PACKED[key] = (list(pictures), *packed)
    while len(_PACKED) > _MOST_PACKED:
        _PACKED.pop(next(iter(_PACKED)), None)
    return packed


def _levels(picture):
    """LEVELS arrays (h, w, 4) uint16, linear; each texel is the mean of four of the level before, and more opaque."""
    try:
        from personare.rendering.texture import halve, unpack
    except ImportError:
        from personare.rendering.texture_ref import halve_ref as halve
        from personare.rendering.texture_ref import unpack_ref as unpack
    h, w, channels = picture.shape
    texels = np.empty((h, w, 4), np.uint16)
    unpack(np.asarray(picture, np.uint8), np.rint(linear(np.arange(256)) * 65535).astype(np.uint16), texels)
    for _ in range(LEVELS):
        yield texels
        h, w = max(1, h // 2), max(1, w // 2)
        half = np.empty((h, w, 4), np.uint16)
        halve(texels, OPAQUER if channels == 4 else 1.0, half)
        texels = half


def _before_toning(light, shoulder):
    """Light that rolls off to the given one, so that edges blend with the background as it is shown."""
    room = 1 - shoulder
    if room <= 0:
        return light
    above = shoulder - room * np.log(np.maximum((1 - light) / room, 1e-3))
    return np.where(light <= shoulder, light, above).astype(np.float32)
