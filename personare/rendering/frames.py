"""Motion to frames: the renderer's front door."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from personare.errors import InputError
from personare.rendering.camera import frame_face
from personare.rendering.light import light_named
from personare.rendering.scene import FACET_COLUMNS, build_scene

# Frames evaluated and drawn as one task: enough to read the shapes of a face once for several frames, few enough that
# the pictures of one task stay below 2 million pixels. It depends on nothing else, least of all on the threads.
_MOST_FRAMES, _MOST_PIXELS = 8, 2**21


def render_frames(face, motion, *, camera=None, light="studio", size=(512, 512), threads=None, two_sided=()):
    """Draw a motion on a face, frame by frame.

    Frames are drawn ahead on a thread pool, but only a few: memory stays bounded however long the motion is.
    Closing the iterator, or dropping it, stops the workers.

    Args:
        face: the Face.
        motion: Motion in the face's space.
        camera: Camera; default one that frames the face like a portrait.
        light: a Light or the name of a preset.
        size: (w, h) pixels, each 16..4096; not used with a camera, which has its own.
        threads: frames drawn at once; default one for each processor.
        two_sided: names of materials whose back is drawn too.

    Returns:
        Iterator of (h, w, 3) uint8 sRGB, one for each frame of motion.

    Raises:
        InputError: size or threads out of range, or an unknown light; at once, not at the first frame.
    """
    count = (os.cpu_count() or 1) if threads is None else threads
    if not isinstance(count, int) or count < 1:
        raise InputError("threads", expected="a whole number above 0", got=repr(threads), remedy="pass 1 or more")
    if camera is None:
        camera = frame_face(face, size)
    scene = build_scene(face.surface, face.neutral(), camera, light_named(light), two_sided=two_sided)
    return _drawn_ahead(face, motion, scene, count)


def warmup():
    """Compile every kernel, or load it from the cache; the first frame is then as fast as all others."""
    _kernels()


def _drawn_ahead(face, motion, scene, threads):
    pool = ThreadPoolExecutor(threads, thread_name_prefix="personare-render")
    waiting = deque()
    h, w = scene.picture.shape[:2]
    size = min(_MOST_FRAMES, max(1, _MOST_PIXELS // (w * h)))
    try:
        for start in range(0, len(motion), size):
            waiting.append(pool.submit(_draw_slice, face, motion.frames(start, start + size), scene))
            if len(waiting) > threads + 1:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _draw_slice(face, motion, scene):
    """The frames of a few frames of motion, as a list."""
    project, vertex_normals, draw = _kernels()
    vertices = face.mesh(motion).vertices
    v = vertices.shape[1]
    points, screen = np.empty((v, 3), np.float32), np.zeros((v, 2), np.int32)
    nearness, attributes = np.empty(v, np.float32), scene.attributes.copy()
    facets = np.empty((len(scene.triangles), FACET_COLUMNS), np.float32)
    heights = np.empty((scene.shadow_size, scene.shadow_size), np.float32)
    pictures = []
    for frame in vertices:
        project(np.ascontiguousarray(frame), scene.camera_from_world, scene.lens, points, screen, nearness)
        vertex_normals(points, scene.welded, scene.weld, attributes)
        picture = scene.picture.copy()
        draw(points, screen, nearness, scene.triangles, attributes, scene.uv, scene.triangle_material, scene.materials,
             scene.textures, scene.texels, scene.two_sided, scene.casts, scene.view, scene.lamps, scene.ambient,
             scene.backdrop, scene.tones, scene.shadow_frame, facets, heights, picture)
        pictures.append(picture)
    return pictures


def _kernels():
    """project, vertex_normals and draw: compiled, or their NumPy twins where numba cannot be imported."""
    try:
        from personare.rendering.draw import draw
        from personare.rendering.raster import project, vertex_normals
    except ImportError:
        from personare.rendering.draw_ref import draw_ref as draw
        from personare.rendering.raster_ref import project_ref as project
        from personare.rendering.raster_ref import vertex_normals_ref as vertex_normals
    return project, vertex_normals, draw
