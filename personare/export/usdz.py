"""Packages of Universal Scene Description (.usdz): scene, textures and sound in one file, for phones and viewers.

An archive without compression in which the data of every file starts at a multiple of 64 bytes and the scene comes
first.

Source:
    Pixar, Usdz File Format Specification 1.3.
"""

import struct
import zipfile

import numpy as np

from personare.export.meshes import checked_face
from personare.export.textures import texture_files
from personare.export.usd import scene
from personare.export.wav import write_wav
from personare.store import atomic_path

_ALIGNMENT = 64
# Mean difference of a texture's channels, in levels, below which it counts as grey.
LEAST_COLOUR = 8
# Bytes of a local file header before the name (PKWARE APPNOTE 4.3.7), and the mark that other writers of usdz give the
# field that only fills space.
_LOCAL_HEADER, _FILLING = 30, 0x1986
_EPOCH = (1980, 1, 1, 0, 0, 0)


def _is_coloured(picture):
    """Whether a texture carries colour of its own: a grey one is but the grain of the vertices' colours.

    A preview surface shows the texture or the vertices' colours, not their product.
    """
    return np.ptp(picture[::4, ::4, :3].astype(np.int16), axis=2).mean() > LEAST_COLOUR


def write(path, take, *, progress=None):
    """Write a package.

    Args:
        path: where to.
        take: Take with a face; its sound, where it has one, plays with it.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: no face, or a motion that is not for it.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    face = checked_face(take, "usdz")
    files, users = texture_files(face.surface)
    names = [f"textures/{index}{suffix}" for index, (suffix, *_) in enumerate(files)]
    textures = {number: (names[index], files[index][2]) for number, index in users.items()}
    sound = None if take.audio is None else "sound.wav"
    with atomic_path(path) as temporary:
        recording = temporary.with_name(temporary.name + ".wav")
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as package:
                with _member(package, "scene.usda") as file:
                    for text in scene(take, sound=sound, textures=textures, progress=progress):
                        file.write(text.encode())
                for name, (_, encoded, _) in zip(names, files, strict=True):
                    with _member(package, name) as file:
                        file.write(encoded())
                if sound:
                    write_wav(recording, take.audio)
                    with _member(package, sound) as file, open(recording, "rb") as source:
                        while block := source.read(1 << 20):
                            file.write(block)
        finally:
            recording.unlink(missing_ok=True)


def _member(package, name):
    """An open member of the archive whose data is aligned."""
    info = zipfile.ZipInfo(name, _EPOCH)
    start = package.fp.tell() + _LOCAL_HEADER + len(name.encode()) + 4
    filling = -start % _ALIGNMENT
    info.extra = struct.pack("<HH", _FILLING, filling) + b"\0" * filling
    return package.open(info, "w")
