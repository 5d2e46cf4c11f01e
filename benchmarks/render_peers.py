"""The peer's half of render.py: draws a moving mesh with pyrender and prints JSON. Needs no personare.

    python benchmarks/render_peers.py SCENE.npz
"""

import json
import os
import sys
import time
from importlib.metadata import version

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")

import numpy as np
import pyrender
import trimesh


def scene_around(camera_from_world, focal_px, size):
    """A pyrender scene with camera and three lights, but no mesh."""
    w, h = (int(side) for side in size)
    scene = pyrender.Scene(ambient_light=(0.2, 0.2, 0.2), bg_color=(0.4, 0.4, 0.4))
    pose = np.linalg.inv(camera_from_world)
    scene.add(pyrender.IntrinsicsCamera(focal_px, focal_px, w / 2, h / 2, znear=0.05, zfar=100), pose=pose)
    for x, y, z in ((-0.66, 0.58, 0.58), (0.8, 0.1, 0.65), (0.75, 0.4, -0.6)):
        towards = np.array([x, y, z]) / np.linalg.norm((x, y, z))
        right = np.cross((0, 1, 0), towards)
        right /= np.linalg.norm(right)
        lamp = np.eye(4)
        lamp[:3, :3] = np.stack([right, np.cross(towards, right), towards], 1)
        scene.add(pyrender.DirectionalLight(intensity=2.0), pose=pose @ lamp)
    return scene


def mesh_of(vertices, triangles):
    """One frame as a smooth pyrender mesh, the way speech-driven renderers make it."""
    return pyrender.Mesh.from_trimesh(trimesh.Trimesh(vertices, triangles, process=False), smooth=True)


def measure(renderer, scene, vertices, triangles):
    """Median processor milliseconds a frame with new and with the same vertices."""
    new, same = [], []
    for frame in vertices:
        began = time.process_time()
        node = scene.add(mesh_of(frame, triangles))
        color, _ = renderer.render(scene)
        new.append(time.process_time() - began)
        began = time.process_time()
        color, _ = renderer.render(scene)
        same.append(time.process_time() - began)
        scene.remove_node(node)
    if color.std() < 1:
        raise RuntimeError("the peer drew nothing")
    return {"new vertices": float(np.median(new[2:])) * 1000, "same vertices": float(np.median(same[2:])) * 1000}


def main():
    """Measure and print."""
    with np.load(sys.argv[1]) as data:
        scene = scene_around(data["camera_from_world"], float(data["focal_px"]), data["size"])
        w, h = (int(side) for side in data["size"])
        renderer = pyrender.OffscreenRenderer(w, h)
        times = measure(renderer, scene, data["vertices"], data["triangles"])
    from OpenGL.GL import GL_RENDERER, glGetString

    device = glGetString(GL_RENDERER).decode()
    print(json.dumps({"milliseconds": times, "version": version("pyrender"),
                      "device": f"{device}, {os.environ['PYOPENGL_PLATFORM']}"}))


if __name__ == "__main__":
    main()
