"""Core types: frozen, checked once at construction, NumPy only. Conventions: docs/conventions.md."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from personare.arrays import checked, checked_number, frame_count, resample_in_time
from personare.errors import InputError
from personare.spaces import Space, space_named


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono sound.

    Args:
        samples: (n,) float32, nominally in [-1, 1]; n may be 0.
        rate_hz: samples a second.
    """

    samples: np.ndarray
    rate_hz: int

    def __post_init__(self):
        checked_number("rate_hz", self.rate_hz, "Hz")
        if np.asarray(self.samples).dtype.kind in "iub":
            raise InputError("samples", expected="floats in -1..1", got=str(np.asarray(self.samples).dtype),
                             remedy="divide 16-bit samples by 32768")
        object.__setattr__(self, "samples", checked("samples", self.samples, ("n",)))

    @property
    def duration_s(self):
        """Length in seconds."""
        return len(self.samples) / self.rate_hz

    def stream(self):
        """The same sound as an AudioStream."""
        return AudioStream(self.rate_hz, lambda: iter([self.samples]), self.duration_s)


@dataclass(frozen=True, eq=False)
class AudioStream:
    """Mono sound that is read as it is needed, so hours of it stay out of memory.

    Args:
        rate_hz: samples a second.
        chunks: returns a fresh iterator of (n,) float32 each time it is called.
        duration_s: length in seconds where the container says it, else None; an estimate, for progress only.
    """

    rate_hz: int
    chunks: Callable[[], Iterator[np.ndarray]]
    duration_s: float | None = None

    def __post_init__(self):
        checked_number("rate_hz", self.rate_hz, "Hz")


@dataclass(frozen=True, eq=False)
class Features:
    """What a front end makes of sound.

    Args:
        values: (t, c) float32.
        rate_hz: rows a second; row i stands at time i / rate_hz.
        kind: name of the front end.
    """

    values: np.ndarray
    rate_hz: float
    kind: str

    def __post_init__(self):
        checked_number("rate_hz", self.rate_hz, "Hz")
        object.__setattr__(self, "values", checked("values", self.values, ("t", "c")))


@dataclass(frozen=True, eq=False)
class Motion:
    """Coefficients over time: the only currency between methods, faces, tracking and exporters.

    Args:
        values: (t, k) float32, one column for each name in space.
        fps: frames a second; frame i stands at time i / fps.
        space: a Space or the name of one.
        head_pose: (t, 4, 4) float32 rigid transforms of the head against its rest pose, about the face's
            own head pivot, metres; None for a head at rest.
    """

    values: np.ndarray
    fps: float
    space: Space
    head_pose: np.ndarray | None = None

    def __post_init__(self):
        checked_number("fps", self.fps, "frames a second")
        object.__setattr__(self, "space", space_named(self.space))
        object.__setattr__(self, "values", checked("values", self.values, ("t", len(self.space))))
        if self.head_pose is not None:
            pose = checked("head_pose", self.head_pose, (len(self.values), 4, 4))
            object.__setattr__(self, "head_pose", pose)

    def __len__(self):
        return len(self.values)

    @property
    def duration_s(self):
        """Length in seconds, t / fps."""
        return len(self) / self.fps

    def column(self, name):
        """(t,) float32 view of one column."""
        return self.values[:, self.space.index(name)]

    def columns(self, names):
        """(t, len(names)) float32 copy of several columns, in that order."""
        return self.values[:, self.space.indices(names)]

    def with_columns(self, columns):
        """A new Motion in which the named columns, a dict of (t,) arrays, are replaced."""
        values = self.values.copy()
        for name, curve in columns.items():
            values[:, self.space.index(name)] = checked(name, curve, (len(self),))
        return replace(self, values=values)

    def frames(self, start, stop):
        """Frames start <= i < stop as a Motion; all of them are the motion itself."""
        if start == 0 and stop == len(self):
            return self
        pose = None if self.head_pose is None else self.head_pose[start:stop]
        return replace(self, values=self.values[start:stop], head_pose=pose)

    def at_fps(self, fps):
        """The same motion at another frame rate, linearly interpolated; as many frames as cover its length."""
        checked_number("fps", fps, "frames a second")
        if fps == self.fps or not len(self):
            return replace(self, fps=fps)
        count = frame_count(self.duration_s, fps)
        values = resample_in_time(self.values, from_hz=self.fps, to_hz=fps, frame_count=count)
        pose = self.head_pose
        if pose is not None:
            pose = _orthonormal(resample_in_time(pose, from_hz=self.fps, to_hz=fps, frame_count=count))
        return replace(self, values=values, fps=fps, head_pose=pose)


def _orthonormal(pose):
    """Nearest rotations to interpolated ones, (t, 4, 4)."""
    u, _, vt = np.linalg.svd(pose[:, :3, :3])
    pose = pose.copy()
    pose[:, :3, :3] = u @ vt
    return pose


@dataclass(frozen=True, eq=False)
class Style:
    """How something is said.

    Args:
        values: (d,) float32.
        kind: speaker, emotion, or statistics of a reference clip.
    """

    values: np.ndarray
    kind: str

    def __post_init__(self):
        object.__setattr__(self, "values", checked("values", self.values, ("d",)))


@dataclass(frozen=True, eq=False)
class Material:
    """How a part of a face looks.

    Args:
        name: such as "skin".
        color: linear RGB in 0..1, multiplied with the vertex colour and the texture.
        roughness: 0 mirror .. 1 matt.
        specular: reflectance at normal incidence, 0..1 (0.04 for most things, 0.028 for skin).
        scatter: 0..1, how far light wraps past the terminator (skin about 0.5).
        texture: (h, w, 3 or 4) uint8 sRGB, sampled with uv, first row at v = 1; a fourth channel says how opaque
            it is. Or a function that returns one, the same array each time, so that it may be made when it is
            needed; None for none.
        relief: metres by which white of the texture stands above black.
        strands: 0..1, how far highlights run across strands along which v grows, as on hair.
        casts: whether it throws shadow.
        two_sided: its back is drawn too, as that of single sheets should.
    """

    name: str
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    roughness: float = 0.5
    specular: float = 0.04
    scatter: float = 0.0
    texture: np.ndarray | Callable[[], np.ndarray] | None = None
    relief: float = 0.0
    strands: float = 0.0
    casts: bool = True
    two_sided: bool = False

    def picture(self):
        """The texture itself, (h, w, 3 or 4) uint8, or None."""
        return self.texture() if callable(self.texture) else self.texture


@dataclass(frozen=True, eq=False)
class Mesh:
    """A face's surface over time.

    Args:
        vertices: (t, v, 3) float32, metres, right-handed, +y up, +z out of the face, +x the subject's left.
        triangles: (f, 3) int32, counter-clockwise seen from outside.
    """

    vertices: np.ndarray
    triangles: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "vertices", checked("vertices", self.vertices, ("t", "v", 3), finite=False))


@dataclass(frozen=True, eq=False)
class Surface:
    """Topology and looks of a face, the same for every frame.

    Args:
        triangles: (f, 3) int32, counter-clockwise seen from outside.
        uv: (v, 2) float32 in 0..1, origin at the lower left.
        color: (v, 3) float32 linear RGB in 0..1, times the material's colour.
        occlusion: (v,) float32 in 0..1, 1 = open to the light.
        materials: the materials in use.
        triangle_material: (f,) int32 index into materials.
        weld: (v,) int32, index of the first vertex at the same place: vertices doubled at a uv seam share
            one smooth normal.
    """

    triangles: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    occlusion: np.ndarray
    materials: tuple[Material, ...]
    triangle_material: np.ndarray
    weld: np.ndarray

    def __post_init__(self):
        def put(name, shape, dtype=np.float32):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape, dtype=dtype))

        put("triangles", ("f", 3), np.int32)
        put("uv", ("v", 2))
        v, f = len(self.uv), len(self.triangles)
        put("color", (v, 3))
        put("occlusion", (v,))
        put("triangle_material", (f,), np.int32)
        put("weld", (v,), np.int32)
        for name, limit in (("triangles", v), ("weld", v), ("triangle_material", len(self.materials))):
            index = getattr(self, name)
            if index.size and (index.min() < 0 or index.max() >= limit):
                raise InputError(name, expected=f"indices in 0..{limit - 1}",
                                 got=f"{index.min()}..{index.max()}", remedy="check the source of the mesh")


class Face(ABC):
    """Anything that turns Motion into a Mesh. Subclasses are final.

    Attributes:
        name: such as "sona".
        space: the Space whose columns it understands.
        surface: its Surface.
        head_weight: (v,) float32 in 0..1, how far each vertex follows the head pose (0 shoulders, 1 head).
        head_pivot: (3,) float32 metres, the point the head turns about.
    """

    name: str
    space: Space
    surface: Surface
    head_weight: np.ndarray
    head_pivot: np.ndarray

    @abstractmethod
    def mesh(self, motion):
        """Mesh of a Motion in this face's space; (t, v, 3) vertices, so pass hours in slices."""

    @abstractmethod
    def neutral(self):
        """(v, 3) float32 vertices at rest, metres."""


@dataclass(frozen=True, eq=False)
class Take:
    """Everything an exporter may need of one result; each takes what it can carry.

    Args:
        motion: the animation.
        face: the face it is for; None where no face is known.
        audio: the sound it belongs to; None for none.
        frames: returns a fresh iterator of (h, w, 3) uint8 sRGB pictures, one for each frame of motion;
            None where nothing was rendered.
        name: title of the take, used as subject or node name.
        start_s: seconds since midnight at frame 0, for formats with a time code.
    """

    motion: Motion
    face: Face | None = None
    audio: AudioStream | None = None
    frames: Callable[[], Iterator[np.ndarray]] | None = None
    name: str = "personare"
    start_s: float = field(default=0.0)


@dataclass(frozen=True, eq=False)
class Track:
    """How one person's face moves through a video: face.mesh(motion) drawn with camera lies on the pictures.

    Args:
        face: the fitted person: its rest is the person's, every vertex follows the head pose.
        motion: expression and head pose of every picture; its fps is the mean rate of the video.
        camera: Camera of the pictures, at rest in the world; see personare.rendering.camera.
        times_s: (t,) float64 times of the pictures, from 0 on; not evenly spaced where the rate varies.
        landmarks: (t, n, 3) float32 what was found: x, y in pixels and z in the unit of x; NaN where no face was seen.
        seen: (t,) bool, whether the face was found; elsewhere motion is interpolated.
        source: path or name of the video.
        cuts: pictures at which another shot begins.
        light: (t, 3, 9) float32 spherical harmonics of red, green, blue; None where it was not fitted.
        notes: sentences on what a user should know, with time codes.
    """

    face: Face
    motion: Motion
    camera: object
    times_s: np.ndarray
    landmarks: np.ndarray
    seen: np.ndarray
    source: str = ""
    cuts: tuple[int, ...] = ()
    light: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        t = len(self.motion)
        for name, shape, dtype in (("times_s", (t,), np.float64), ("landmarks", (t, "n", 3), np.float32),
                                   ("seen", (t,), bool)):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape, dtype=dtype, finite=False))
        if self.light is not None:
            object.__setattr__(self, "light", checked("light", self.light, (t, 3, 9)))

    def __len__(self):
        return len(self.motion)


class Portrait(ABC):
    """A real person who can be shown: a photo, or what was learned from footage. Subclasses are final.

    Attributes:
        face: the Face that its motion is for.
        size: (w, h) pixels of its pictures.
        fps: pictures a second that suit it; of a photo any.
    """

    face: Face
    size: tuple[int, int]
    fps: float

    @abstractmethod
    def frames(self, motion):
        """Iterator of (h, w, 3) uint8 sRGB pictures, one for each frame of a Motion in this portrait's face's space."""
