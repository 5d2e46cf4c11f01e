"""A small face, a motion and takes of them."""

import base64
import json
import queue
import shutil
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from personare.faces.linear import LinearFace
from personare.spaces import ARKIT_52
from personare.types import Audio, Material, Motion, Surface, Take

PIVOT_M = np.array([0.0, -0.06, -0.02], np.float32)


def icosphere(levels):
    """(v, 3) float64 unit vectors and (f, 3) int triangles, counter-clockwise seen from outside."""
    g = (1 + 5**0.5) / 2
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g), (0, -1, -g), (0, 1, -g),
              (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2),
             (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5),
             (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    points, middles = [np.array(p) / np.linalg.norm(p) for p in points], {}

    def middle(a, b):
        key = min(a, b), max(a, b)
        if key not in middles:
            point = points[a] + points[b]
            points.append(point / np.linalg.norm(point))
            middles[key] = len(points) - 1
        return middles[key]

    for _ in range(levels):
        faces = [t for a, b, c in faces for ab, bc, ca in [(middle(a, b), middle(b, c), middle(c, a))]
                 for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
    return np.array(points), np.array(faces)


def _texture():
    """(16, 32, 3) uint8 with a different colour in each corner."""
    texture = np.full((16, 32, 3), 200, np.uint8)
    texture[:8, :16, 0] = 40
    texture[8:, 16:, 2] = 60
    return texture


@pytest.fixture(scope="session")
def small_face():
    """LinearFace: an egg of 642 vertices and two materials, one smooth random bump for each ARKit shape."""
    rng = np.random.default_rng(7)
    unit, triangles = icosphere(3)
    rest = unit * [0.075, 0.11, 0.09]
    centre = rng.standard_normal((52, 3)) * [1, 1, 0.3] + [0, 0, 0.6]
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    near = np.clip(1 - np.linalg.norm(unit[None] - centre[:, None], axis=2) / 0.7, 0, None) ** 2
    shapes = near[:, :, None] * rng.standard_normal((52, 1, 3)) * 0.012
    shapes[ARKIT_52.index("cheekPuff")] = 0
    weight = np.clip((rest[:, 1] + 0.09) / 0.06, 0, 1)
    uv = np.stack([0.5 + np.arctan2(unit[:, 0], unit[:, 2]) / (2 * np.pi), 0.5 + unit[:, 1] / 2], axis=1)
    surface = Surface(
        triangles=triangles, uv=uv, color=0.5 + 0.5 * unit * [0.4, 0.4, 0.4], occlusion=0.6 + 0.4 * unit[:, 1] ** 2,
        materials=(Material("skin", (0.9, 0.7, 0.6), roughness=0.6, specular=0.028), Material("unused"),
                   Material("cap", (0.2, 0.3, 0.8), roughness=0.3, texture=_texture())),
        triangle_material=np.where(rest[triangles][:, :, 1].mean(axis=1) > 0.06, 2, 0),
        weld=np.arange(len(rest)))
    return LinearFace("egg", ARKIT_52, surface, rest, shapes, weight, PIVOT_M)


def poses(angles, shifts):
    """(t, 4, 4) poses of (t, 3) turns about x, then y, then z and (t, 3) shifts."""
    out = np.tile(np.eye(4), (len(angles), 1, 1))
    for axis in range(3):
        turn = np.tile(np.eye(4), (len(angles), 1, 1))
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn[:, a, a] = turn[:, b, b] = np.cos(angles[:, axis])
        turn[:, b, a] = np.sin(angles[:, axis])
        turn[:, a, b] = -turn[:, b, a]
        out = turn @ out
    out[:, :3, 3] = shifts
    return out


@pytest.fixture
def motion(rng):
    """Motion of 2 s at 30 fps: every column moves, the head turns, nods, tilts and shifts."""
    time_s = np.arange(60)[:, None] / 30
    values = 0.5 + 0.5 * np.sin(time_s * rng.uniform(2, 9, 52) + rng.uniform(0, 6, 52))
    angles = 0.3 * np.sin(time_s * [2.1, 3.3, 1.7] + [0, 1, 2])
    return Motion(values, 30.0, ARKIT_52, poses(angles, 0.01 * np.cos(time_s * [1, 2, 3])))


@pytest.fixture
def take(motion, small_face):
    """Take of the motion on the small face, with sound and tiny pictures."""
    sound = Audio(0.1 * np.sin(np.arange(32000) * 0.17), 16000)
    pictures = np.linspace(0, 255, 60).astype(np.uint8)
    return Take(motion, face=small_face, audio=sound.stream(), name="take one", start_s=3661.5,
                frames=lambda: (np.full((18, 32, 3), level, np.uint8) for level in pictures))


NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def khronos():
    """Function: path -> (errors, warnings, messages) of the Khronos validator, for many files at once."""
    if not (shutil.which("node") and (NODE / "node_modules" / "gltf-validator").is_dir()):
        pytest.skip("needs node and `npm install` in tests/export/node")

    def validate(paths):
        done = subprocess.run(["node", NODE / "validate.mjs", *map(str, paths)], capture_output=True, text=True,
                              check=True)
        return {path: (r["errors"], r["warnings"], r["messages"]) for path, r in json.loads(done.stdout).items()}

    return validate


class _Pages(SimpleHTTPRequestHandler):
    """Serves a folder, and keeps what a page posts."""

    answers: queue.Queue

    def do_POST(self):
        """Take an answer."""
        self.answers.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Function: what three.js and three-vrm find in a file at a time, see node/character.html, and its picture."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not (chromium and (NODE / "node_modules" / "@pixiv" / "three-vrm").is_dir()):
        pytest.skip("needs chromium and `npm install` in tests/export/node")
    root = tmp_path_factory.mktemp("browser")
    (root / "node_modules").symlink_to(NODE / "node_modules")
    shutil.copy(NODE / "character.html", root)
    pages = type("Pages", (_Pages,), {"answers": queue.Queue()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(pages, directory=root))
    thread = Thread(target=server.serve_forever)
    thread.start()

    def show(path, *, time_s, animation=None):
        query = f"answer=/found&file={Path(shutil.copy(path, root)).name}&time={time_s}"
        if animation:
            query += f"&animation={Path(shutil.copy(animation, root)).name}"
        command = [chromium, "--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
                   "--enable-unsafe-swiftshader", "--no-first-run", "--disable-background-networking",
                   "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
                   f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=512,512",
                   f"http://127.0.0.1:{server.server_port}/character.html?{query}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                found = json.loads(pages.answers.get(timeout=180))
            finally:
                process.terminate()
        assert "error" not in found, found
        return found, _pixels(base64.b64decode(found.pop("picture").partition(",")[2]))

    yield show
    server.shutdown()
    thread.join()
    server.server_close()


def _pixels(content):
    """(h, w, 3) uint8 of a PNG."""
    import av

    decoder = av.CodecContext.create("png", "r")
    frame, = [*decoder.decode(av.Packet(content)), *decoder.decode(None)]
    return frame.to_ndarray(format="rgb24")
