"""What takes long to make, kept in a folder between runs until something that it depends on changes.

A file's name holds a hash of the data, of the options, of all code of the package and the benchmarks, and of the
built-in models, so that a result of other code is never taken for one of this code.
"""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path

import numpy as np

import personare
from personare.store import atomic_path


def kept(cache, name, depends, make):
    """What make gives, from the cache where it was made of the same before.

    Args:
        cache: folder; None to make it anew.
        name: how its file's name begins.
        depends: what the result depends on beside the package: text, numbers, dataclasses, lists and dicts of them.
        make: function without arguments that gives a dict of arrays.

    Returns:
        dict of arrays.
    """
    told = json.dumps([depends, code_hash()], sort_keys=True, default=dataclasses.asdict)
    path = cache / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.npz" if cache else None
    if path and path.is_file():
        with np.load(path) as file:
            return dict(file)
    found = make()
    if path:
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **found)
    return found


def clips_hash(dataset):
    """Text that differs where the names, sounds, motions or notes of a data set do."""
    digest = hashlib.sha256()
    for clip in dataset.clips:
        audio, motion = clip.audio(), clip.motion
        for part in (clip.name, clip.meta, audio.rate_hz, motion.fps, motion.space.columns):
            digest.update(repr(part).encode())
        digest.update(audio.samples.tobytes() + motion.values.tobytes())
        digest.update(b"" if motion.head_pose is None else motion.head_pose.tobytes())
    return digest.hexdigest()


@functools.cache
def code_hash():
    """Text that differs where the code of the package or of the benchmarks does, or a built-in model."""
    package, digest = Path(personare.__file__).parent, hashlib.sha256()
    paths = [*package.rglob("*.py"), *Path(__file__).parent.glob("*.py"), *(package / "builtin").rglob("*")]
    for path in sorted({path for path in paths if path.is_file() and path.suffix != ".pyc"}):
        digest.update(str(path.relative_to(package.parent)).encode() + path.read_bytes())
    return digest.hexdigest()
