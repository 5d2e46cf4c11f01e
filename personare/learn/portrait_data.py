"""Pictures of people to learn portraits from: folders of clips in our own layout, and databases of style_avatar.

    DATA/<clip>.npz    or    DATA/data.mdb (sub-databases align, uv, bg, texture, mouth, pred_data, or train_align ...)

A clip keeps where each pixel lies on the face as numbers. style_avatar keeps it as a video, 2.7 levels wrong on
average after coding; what is read from there is as wrong as that. Nothing in either is ever run.
"""

import io
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from personare.errors import InputError, MissingExtra
from personare.files.arrays import read_npz
from personare.store import atomic_path, ensure_folder

# Arrays of a clip: those it must have, and those that some methods ask for.
NEEDED = ("pictures", "uv", "background", "texture")
OPTIONAL = ("mouth", "drawn", "expressions", "rows")
MOST_BYTES = 1 << 34
# Clips kept open together; one of 100 frames of 224 pixels takes 50 MB.
KEPT_BYTES = 1 << 30
_DATABASES = {"pictures": "align", "uv": "uv", "background": "bg", "texture": "texture", "mouth": "mouth",
              "drawn": "pred_data"}


@dataclass(frozen=True, eq=False)
class PortraitClip:
    """Consecutive frames of one person.

    Args:
        name: of the clip.
        pictures: (t, h, w, 3) uint8 sRGB.
        uv: (t, h, w, 2) float16 or float32, where a pixel lies on the texture, in 0..1; anything on the background.
        background: (t, h, w) bool, pixels that show no face.
        texture: (n, r, r, 3) uint8 sRGB, what is seen of the face's surface in the first n frames, or in one;
            row 0 at v = 0.
        mouth: (t, h, w) bool, pixels around the mouth that count more; None where it is not known.
        drawn: (t, h, w, 3) uint8, what a renderer drew of the frames; None where there is nothing.
        expressions: (t, k) float32, what a texture of expressions is told; None.
        rows: (t, window, c) float32, the sound around each frame, for a texture of sound; None.

    Raises:
        InputError: arrays whose shapes or kinds do not fit together.
    """

    name: str
    pictures: np.ndarray
    uv: np.ndarray
    background: np.ndarray
    texture: np.ndarray
    mouth: np.ndarray | None = None
    drawn: np.ndarray | None = None
    expressions: np.ndarray | None = None
    rows: np.ndarray | None = None

    def __post_init__(self):
        t, h, w = self.pictures.shape[:3] if self.pictures.ndim == 4 else (0, 0, 0)
        shapes = {"pictures": ((t, h, w, 3), "u"), "uv": ((t, h, w, 2), "f"), "background": ((t, h, w), "b"),
                  "mouth": ((t, h, w), "b"), "drawn": ((t, h, w, 3), "u")}
        for name, (shape, kind) in shapes.items():
            value = getattr(self, name)
            if value is not None and (value.shape != shape or value.dtype.kind != kind or not t):
                self._refuse(name, f"({', '.join(map(str, shape))}) of kind {kind}", value)
        if self.texture.ndim != 4 or self.texture.dtype != np.uint8 or self.texture.shape[3] != 3 \
                or self.texture.shape[1] != self.texture.shape[2] or not len(self.texture):
            self._refuse("texture", "(n, r, r, 3) uint8", self.texture)
        for name, axes in (("expressions", 2), ("rows", 3)):
            value = getattr(self, name)
            if value is not None and (value.ndim != axes or len(value) != t or value.dtype.kind != "f"):
                self._refuse(name, f"{t} rows of {axes} axes, float32", value)

    def _refuse(self, name, expected, value):
        raise InputError(f"{self.name}: {name}", expected=expected, got=f"{value.shape} {value.dtype}",
                         remedy="make the clip again")

    def __len__(self):
        return len(self.pictures)

    @property
    def size_bytes(self):
        """Of all its arrays together."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, np.ndarray))


def write_portrait_clip(folder, clip):
    """Write a PortraitClip as <name>.npz into a folder, which is made."""
    ensure_folder(folder)
    arrays = {name: value for name, value in vars(clip).items() if isinstance(value, np.ndarray)}
    with atomic_path(Path(folder) / f"{clip.name}.npz") as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


class PortraitData:
    """Clips of a folder or a database, read when they are asked for and kept while there is room.

    Args:
        path: folder.
        part: of a database with parts, "train" or "test".

    Attributes:
        names: of the clips.
        layout: of their textures, "bfm" for those of style_avatar's databases.

    Raises:
        InputError: nothing there to learn from. MissingExtra: a database, and LMDB is not installed.
    """

    def __init__(self, path, part="train"):
        self.path = Path(path)
        self.layout = "bfm" if (self.path / "data.mdb").is_file() else ""
        if self.layout:
            self.names, self._read = _database(self.path, part)
        else:
            files = {file.stem: file for file in sorted(self.path.glob("*.npz"))}
            self.names, self._read = tuple(files), lambda name: _of_file(files[name], name)
        if not self.names:
            raise InputError(path, expected="clips (.npz) or style_avatar's data.mdb", got="none" if self.path.is_dir()
                             else "no folder", remedy="make clips of footage first; see docs/portraits/originals.md")
        self._kept = OrderedDict()

    def __len__(self):
        return len(self.names)

    def clip(self, name):
        """PortraitClip of that name."""
        if name not in self._kept:
            self._kept[name] = self._read(name)
            while len(self._kept) > 1 and sum(clip.size_bytes for clip in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]


def _of_file(path, name):
    arrays = read_npz(path, NEEDED, optional=OPTIONAL, most_bytes=MOST_BYTES)
    return PortraitClip(name, **arrays)


def _database(folder, part):
    """(names, function of a name) of a database; keys are decimal numbers."""
    try:
        import lmdb
    except ModuleNotFoundError as error:
        raise MissingExtra("reading LMDB", package="lmdb", extra="data") from error
    try:
        database = _opened(folder.resolve())
        with database.begin() as reading:
            inside = {key.decode(errors="replace") for key, _ in reading.cursor()}
        prefix = "" if "align" in inside else f"{part}_"
        missing = [f"{prefix}{_DATABASES[name]}" for name in NEEDED if f"{prefix}{_DATABASES[name]}" not in inside]
        if missing:
            raise InputError(folder, expected=f"sub-databases such as {missing[0]}",
                             got=", ".join(sorted(inside))[:120] or "none",
                             remedy="give the folder that style_avatar's process_*.py made")
        parts = {name: database.open_db(f"{prefix}{told}".encode(), create=False)
                 for name, told in _DATABASES.items() if f"{prefix}{told}" in inside}
        with database.begin(db=parts["pictures"]) as reading:
            keys = [key.decode(errors="replace") for key, _ in reading.cursor()]
    except lmdb.Error as error:
        raise InputError(folder, expected="a database of LMDB", got=str(error)[:120],
                         remedy="check the download") from error
    return tuple(sorted(keys, key=lambda key: (len(key), key))), lambda key: _of_database(database, parts, key)


@lru_cache(maxsize=4)
def _opened(folder):
    """A database; a process may not open one twice."""
    import lmdb

    return lmdb.open(str(folder), readonly=True, lock=False, max_dbs=64, create=False)


def _of_database(database, parts, key):
    frames = {}
    for name, part in parts.items():
        with database.begin(db=part) as reading:
            content = reading.get(key.encode())
        if content is not None:
            frames[name] = video_frames(content, f"{name} of {key}")
    if not set(NEEDED) <= set(frames):
        raise InputError(f"clip {key}", expected=", ".join(NEEDED), got=", ".join(frames) or "nothing",
                         remedy="leave it out of the database")
    count = min(len(value) for name, value in frames.items() if name != "texture")
    frames = {name: value if name == "texture" else value[:count] for name, value in frames.items()}
    # The videos were written from blue, green, red; u is in what they call blue, v in green.
    frames["uv"] = (frames["uv"][..., [2, 1]] / 255).astype(np.float16)
    for name in ("background", "mouth"):
        if name in frames:
            frames[name] = frames[name][..., 0] > 127
    # Textures are kept with their first row at the top, as pictures are; v grows with ours.
    frames["texture"] = frames["texture"][:, ::-1]
    return PortraitClip(key, **frames)


def video_frames(content, source="video"):
    """Frames of a video in memory.

    Args:
        content: bytes of the file.
        source: for errors.

    Returns:
        (t, h, w, 3) uint8 sRGB.

    Raises:
        InputError: no video, or a damaged one.
    """
    import av

    try:
        with av.open(io.BytesIO(content)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise InputError(source, expected="a video", got=str(error)[:120] or type(error).__name__,
                         remedy="check the file") from error
    if not frames:
        raise InputError(source, expected="a video", got="no frames", remedy="check the file")
    return np.stack(frames)


def as_picture(values, *, half=128.0):
    """(..., 3, h, w) float32 in -1..1 of (..., h, w, 3) uint8.

    Args:
        values: the colours.
        half: the value that becomes 0: 128 as in style_avatar, 127.5 as in pix2pix and what is made of it.
    """
    return np.moveaxis(np.asarray(values, np.float32) / np.float32(half) - 1, -1, -3)
