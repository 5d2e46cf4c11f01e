"""A 50k-triangle head at 512x512 on one core: milliseconds a frame, against named peers in one run.

Times are processor time, which on one core is the wall time of an idle machine, also where others use it.

Every renderer gets the same moving vertices, the same camera and a picture with 4 samples a pixel. `new vertices` is
what a talking head needs: each frame has other vertices. pyrender is what FaceFormer, CodeTalker and DiffPoseTalk
draw with, each frame as a new Mesh; `same vertices` is its best case, a mesh uploaded once and drawn again.

    python benchmarks/render.py [--peer-python PYTHON] [--frames 30]

PYTHON is an interpreter that has pyrender (pip install pyrender 'numpy<2' 'PyOpenGL>=3.1.7', and EGL or OSMesa of
Mesa), by default this one; without it the peer is left out. PYOPENGL_PLATFORM picks egl or osmesa.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE = (512, 512)
CORE = sorted(os.sched_getaffinity(0))[0]
PEER = Path(__file__).with_name("render_peers.py")


def head(rows=112, columns=224):
    """Vertices and triangles of a generated head: 2 * 112 * 224 = 50,176 triangles on an egg with a nose and ears."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    around, down = 2 * np.pi * u, np.pi * v
    x, y, z = np.sin(around) * np.sin(down), np.cos(down), -np.cos(around) * np.sin(down)
    nose = 0.25 * np.exp(-((x / 0.15) ** 2) - ((y + 0.05) / 0.25) ** 2) * (z > 0)
    ears = 0.25 * np.exp(-(((np.abs(x) - 1) / 0.2) ** 2) - (y / 0.25) ** 2 - (z / 0.12) ** 2) * np.sign(x)
    points = np.stack([0.075 * (x + ears), 0.115 * y, 0.09 * (z + nose)], -1).reshape(-1, 3)
    a = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    b, c, d = a + columns + 1, a + columns + 2, a + 1
    return points.astype(np.float32), np.concatenate([np.stack([a, c, b], 1), np.stack([a, d, c], 1)]).astype(np.int32)


def talking_head(points, triangles):
    """The head as a LinearFace with 52 shapes, as ARKit has."""
    from personare.faces.linear import LinearFace
    from personare.spaces import ARKIT_52
    from personare.types import Material, Surface

    rng = np.random.default_rng(0)
    center = points[rng.integers(0, len(points), 52)]
    near = np.exp(-((points[None] - center[:, None]) ** 2).sum(axis=2) / 0.03**2)
    shapes = (near[..., None] * rng.normal(size=(52, 1, 3)) * 0.004).astype(np.float32)
    _, first, back = np.unique(points.round(6), axis=0, return_index=True, return_inverse=True)
    skin = Material("skin", (0.62, 0.38, 0.29), 0.45, 0.028, 0.5)
    surface = Surface(triangles, np.zeros((len(points), 2)), np.ones_like(points), np.ones(len(points)), (skin,),
                      np.zeros(len(triangles)), first[back.ravel()])
    return LinearFace("egg", ARKIT_52, surface, points, shapes, np.ones(len(points)), np.zeros(3))


def talk(frames, space="arkit-52"):
    """A motion in which everything moves a little and the head turns."""
    from personare.spaces import space_named
    from personare.types import Motion

    space = space_named(space)

    t = np.arange(frames) / 30
    rng = np.random.default_rng(1)
    values = 0.5 + 0.5 * np.sin(2 * np.pi * t[:, None] * rng.uniform(1, 5, len(space)))
    pose = np.tile(np.eye(4), (frames, 1, 1))
    pose[:, 0, 0] = pose[:, 2, 2] = np.cos(0.1 * np.sin(t))
    pose[:, 0, 2] = np.sin(0.1 * np.sin(t))
    pose[:, 2, 0] = -pose[:, 0, 2]
    return Motion(values, 30, space, pose)


def milliseconds(pictures, frames):
    """Median processor milliseconds a frame of an iterator of pictures, over runs of 8 frames."""
    times = []
    for _ in range(frames // 8):
        began = time.process_time()
        for _ in range(8):
            next(pictures)
        times.append((time.process_time() - began) / 8 * 1000)
    return float(np.median(times))


def ours(face, motion, camera):
    """(compiled, NumPy twins) in milliseconds a frame, from curves to pixels on one thread."""
    from personare.rendering import frames

    frames.warmup()
    compiled = milliseconds(frames.render_frames(face, motion, camera=camera, threads=1), len(motion))
    hidden = {name: sys.modules.pop(name) for name in ("personare.rendering.raster", "personare.rendering.draw")}
    sys.modules.update(dict.fromkeys(hidden))
    twins = milliseconds(frames.render_frames(face, motion.frames(0, 8), camera=camera, threads=1), 8)
    sys.modules.update(hidden)
    return compiled, twins


def built_in(frames):
    """Milliseconds a frame of the built-in head with texture, shadow and hair."""
    from personare.faces.sona import open_sona
    from personare.rendering.frames import render_frames

    face = open_sona()
    pictures = render_frames(face, talk(frames, face.space), size=SIZE, threads=1)
    return milliseconds(pictures, frames)


def pyrender(python, vertices, triangles, camera):
    """What render_peers.py measures: a dict of milliseconds, or of the reason why not."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.npz"
        np.savez(scene, vertices=vertices, triangles=triangles, camera_from_world=camera.camera_from_world,
                 focal_px=camera.focal_px, size=camera.size)
        # llvmpipe draws with threads of its own unless told not to.
        environment = {**os.environ, "LP_NUM_THREADS": "0",
                       "PYOPENGL_PLATFORM": os.environ.get("PYOPENGL_PLATFORM", "osmesa")}
        done = subprocess.run([python, PEER, scene], capture_output=True, text=True, env=environment)
    if done.returncode:
        return {"reason": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has pyrender")
    parser.add_argument("--frames", type=int, default=120)
    options = parser.parse_args()
    os.sched_setaffinity(0, {CORE})

    from personare.rendering.camera import frame_face

    points, triangles = head()
    face, motion = talking_head(points, triangles), talk(options.frames)
    camera = frame_face(face, SIZE)
    compiled, twins = ours(face, motion, camera)
    print(f"{len(triangles)} triangles, {SIZE[0]}x{SIZE[1]}, 4 samples a pixel, one core; milliseconds a frame")
    print(f"{'personare, curves to pixels':44s} {compiled:8.1f}")
    print(f"{'personare without numba':44s} {twins:8.1f} {twins / compiled:7.1f} times")
    print(f"{'sona with texture, shadow and hair':44s} {built_in(options.frames):8.1f}")
    peer = pyrender(options.peer_python, face.mesh(motion.frames(0, 20)).vertices, triangles, camera)
    if "reason" in peer:
        print(f"pyrender: not measured ({peer['reason']})")
        return
    for name, value in peer["milliseconds"].items():
        print(f"{'pyrender, ' + name:44s} {value:8.1f} {value / compiled:7.1f} times")
    print(f"pyrender {peer['version']} on {peer['device']}")


if __name__ == "__main__":
    main()
