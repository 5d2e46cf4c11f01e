"""What stays the same from frame to frame: a face's looks, its camera and light, as plain arrays."""

from dataclasses import dataclass

import numpy as np

from personare.rendering.light import backdrop, dithered, lamp_table, linear, srgb, tone_table

# Where the depth inside a pixel changes by more than this many pixel widths, the pixel shows an edge.
STEEPEST = 4.0

# GGX below this alpha is a mirror and its highlight a dot smaller than a pixel.
_SMOOTHEST_ALPHA = 0.01


@dataclass(frozen=True, eq=False)
class Scene:
    """Arrays the kernels read.

    Args:
        triangles, welded: (f, 3) int32, over all vertices and over the first vertex at each place.
        weld: (v,) int32, that first vertex.
        attributes: (v, 8) float32: normal (filled in for each frame), openness, linear RGB, 0.
        uv: (v, 2) float32.
        triangle_material: (f,) int32.
        materials: (m, 3) float32: reflectance, GGX alpha, scatter.
        textures: (m, 3) int64: start in texels, width, height; 0 wide for none.
        texels: (n,) float32 linear RGB.
        two_sided: (f,) bool.
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
    camera_from_world: np.ndarray
    lens: np.ndarray
    view: np.ndarray
    lamps: np.ndarray
    ambient: np.ndarray
    backdrop: np.ndarray
    tones: np.ndarray
    picture: np.ndarray


def build_scene(surface, camera, light, *, two_sided=()):
    """The Scene of a face's Surface.

    Args:
        surface: Surface.
        camera: Camera.
        light: Light.
        two_sided: names of materials whose back is drawn too, such as lashes made of single sheets.
    """
    names = [material.name for material in surface.materials]
    sides = np.isin(names, list(two_sided)) if names else np.zeros(0, bool)
    weld = _rooted(surface.weld)
    textures, texels = _packed_textures(surface.materials)
    light_behind = backdrop(light.background, camera.size)
    return Scene(
        triangles=_own(surface.triangles), welded=weld[surface.triangles], weld=weld,
        attributes=_vertex_looks(surface), uv=_own(surface.uv),
        triangle_material=_own(surface.triangle_material), materials=_material_table(surface.materials),
        textures=textures, texels=texels, two_sided=sides[surface.triangle_material],
        camera_from_world=_own(camera.camera_from_world),
        lens=np.array([camera.focal_px, *camera.center_px, camera.near_m, camera.far_m]),
        view=np.array([1 / camera.focal_px, *camera.center_px, 1 / 256, STEEPEST / camera.focal_px], np.float32),
        lamps=lamp_table(light), ambient=np.array([*light.sky, *light.ground], np.float32),
        backdrop=_before_toning(light_behind, light.shoulder), tones=tone_table(light.shoulder),
        picture=dithered(srgb(light_behind)))


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


def _material_table(materials):
    table = np.zeros((len(materials), 3), np.float32)
    for row, material in zip(table, materials, strict=True):
        row[:] = material.specular, max(material.roughness**2, _SMOOTHEST_ALPHA), material.scatter
    return table


def _packed_textures(materials):
    """(m, 3) int64 start, width, height and all texels as (n,) float32 linear light."""
    table, parts, start = np.zeros((len(materials), 3), np.int64), [], 0
    levels = linear(np.arange(256)).astype(np.float32)
    for row, material in zip(table, materials, strict=True):
        if material.texture is not None:
            h, w = material.texture.shape[:2]
            parts.append(levels[np.asarray(material.texture, np.uint8)[..., :3]].ravel())
            row[:] = start, w, h
            start += parts[-1].size
    return table, np.concatenate(parts) if parts else np.zeros(3, np.float32)


def _before_toning(light, shoulder):
    """Light that rolls off to the given one, so that edges blend with the background as it is shown."""
    room = 1 - shoulder
    if room <= 0:
        return light
    above = shoulder - room * np.log(np.maximum((1 - light) / room, 1e-3))
    return np.where(light <= shoulder, light, above).astype(np.float32)
