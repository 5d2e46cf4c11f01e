"""What a portrait from footage is made of on disk: a reel, a face, how it moves, a voice and a painter."""

import io
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from personare.arrays import checked
from personare.faces.bundle import save_face
from personare.faces.linear import LinearFace
from personare.rendering.camera import Camera
from personare.store import write_bundle

METHOD = "footage"
GRAPH, REEL, FACE, SHOT, VOICE = "painter.onnx", "reel.mp4", "face.npz", "shot.npz", "voice.npz"
# The fields of a Region that are arrays.
REGION = ("vertices", "triangles", "corner_uv", "part", "two_sided", "painted", "center")


class FootageOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the card of a portrait says.

    Args:
        size: (w, h) pixels of the pictures.
        fps: pictures a second.
        count: pictures of the shot.
        window: pixels of the painted window's side.
        half_m: half its side on the face, metres.
        columns: of the face's space that move the mouth.
        heard: whether the voice was learned from the footage's own sound.
        seconds: what learning took, by step.
        sounds: how many numbers on what is heard the painter asks for beside those of the expression.
    """

    size: tuple[int, int]
    fps: float
    count: int
    window: int
    half_m: float
    columns: tuple[str, ...]
    heard: bool
    seconds: dict[str, float] = {}
    sounds: int = 0


@dataclass(frozen=True, eq=False)
class Shot:
    """How the person moves in the pictures that are kept.

    Args:
        values: (t, k) float32 tracked columns of the face's space.
        pose: (t, 4, 4) float32 head poses.
        window: (t, 2, 3) float64, see regions.windows.
        mean: (c,), basis: (c, d) float32: code = (mouth columns - mean) @ basis.
        lens: (5,) float64 focal length, centre x, y, nearest and farthest depth; camera: (4, 4) float64.
    """

    values: np.ndarray
    pose: np.ndarray
    window: np.ndarray
    mean: np.ndarray
    basis: np.ndarray
    lens: np.ndarray
    camera: np.ndarray

    def __post_init__(self):
        t = len(self.values)
        for name, shape, dtype in (("values", ("t", "k"), np.float32), ("pose", (t, 4, 4), np.float32),
                                   ("window", (t, 2, 3), np.float64), ("mean", ("c",), np.float32),
                                   ("basis", (len(self.mean), "d"), np.float32), ("lens", (5,), np.float64),
                                   ("camera", (4, 4), np.float64)):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape, dtype=dtype))

    def codes(self, mouth):
        """(t, d) float32 codes of (t, c) mouth columns."""
        return ((mouth - self.mean) @ self.basis).astype(np.float32)

    def camera_of(self, size):
        """The Camera of the pictures."""
        focal, x, y, near, far = (float(number) for number in self.lens)
        return Camera(self.camera, focal, (x, y), size, near, far)


def region_face(region):
    """(LinearFace, Region): the vertices of a region alone, without pictures, which is all that painting needs."""
    face, kept = region.face, region.vertices
    spot = np.full(len(face.neutral()), -1, np.int32)
    spot[kept] = np.arange(len(kept))
    surface = face.surface
    material = surface.triangle_material[(spot[surface.triangles] >= 0).all(axis=1)]
    triangles = spot[surface.triangles[(spot[surface.triangles] >= 0).all(axis=1)]]
    materials = tuple(replace(one, texture=None) for one in surface.materials)
    weld = spot[surface.weld[kept]]
    surface = replace(surface, triangles=triangles, uv=surface.uv[kept], color=surface.color[kept],
                      occlusion=surface.occlusion[kept], materials=materials, triangle_material=material,
                      weld=np.where(weld < 0, np.arange(len(kept)), weld).astype(np.int32))
    correctives = []
    for one in face.correctives:
        here = spot[one.vertices] >= 0
        if here.any():
            correctives.append(replace(one, vertices=spot[one.vertices[here]], moves=one.moves[here]))
    small = LinearFace(name=face.name, space=face.space, surface=surface, rest=face.rest[kept],
                       shapes=np.ascontiguousarray(face.shapes[:, kept]), head_weight=face.head_weight[kept],
                       head_pivot=face.head_pivot, correctives=tuple(correctives))
    return small, replace(region, face=small, vertices=np.arange(len(kept), dtype=np.int32),
                          painted=spot[region.painted])


def write_footage(folder, *, name, source, options, shot, region, graph):
    """Complete the bundle of a portrait in a folder that holds its reel and voice already.

    Args:
        folder: Path.
        name: of the portrait; source: of the footage, both for the card.
        options: FootageOptions.
        shot: Shot.
        region: Region of a face cut down to it, see region_face.
        graph: bytes of the painter's ONNX graph.
    """
    save_face(region.face, folder / FACE)
    content = io.BytesIO()
    np.savez(content, **{name: getattr(shot, name) for name in Shot.__dataclass_fields__},
             **{name: getattr(region, name) for name in REGION})
    files = {file: (folder / file).read_bytes() for file in (REEL, FACE, VOICE)}
    write_bundle(folder, files=files | {SHOT: content.getvalue(), GRAPH: graph}, card={
        "name": name, "method": METHOD, "licence": "as the footage's", "config": msgspec.to_builtins(options),
        "summary": f"a person learned from {options.count / options.fps:.0f} s of footage",
        "sources": [{"name": source or "footage", "licence": "the user's own", "use": "all"}]})
