"""Files of others that personare works with but does not ship: where from, and how one comes here."""

import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from personare.assets import user_path
from personare.errors import AssetError, OutputError
from personare.spaces import unknown_name
from personare.store import atomic_path, ensure_folder

_PIECE = 1 << 16
_PATIENCE_S = 30


@dataclass(frozen=True)
class Source:
    """Where a file is published.

    Args:
        url: the file itself, https.
        page: what to read about it.
        licence: its terms, as its publisher states them.
        sha256: hash of the version that was tried.
        size: bytes of it.
        kind, file_name: where it is kept, see assets.user_path.
    """

    url: str
    page: str
    licence: str
    sha256: str
    size: int
    kind: str
    file_name: str

    @property
    def path(self):
        """Where the file is kept."""
        return user_path(self.kind, self.file_name)


SOURCES = {
    "face_landmarker": Source(
        "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
        "face_landmarker.task",
        "https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker", "Apache 2.0, Google",
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff", 3_758_596, "models",
        "face_landmarker.task"),
}


def source(name):
    """The Source of a name.

    Raises:
        InputError: no such name; the message lists the known ones.
    """
    if name not in SOURCES:
        raise unknown_name("file to fetch", name, tuple(SOURCES))
    return SOURCES[name]


def fetch(name, *, progress=None):
    """Download a file to its place; what is there and right already is left as it is.

    Args:
        name: one of SOURCES.
        progress: called with (bytes done, in total).

    Returns:
        Path of the file.

    Raises:
        InputError: no such name.
        AssetError: it cannot be reached, or is not the file that was tried; nothing is kept of it.
        OutputError: it cannot be written.
    """
    wanted = source(name)
    path = wanted.path
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted.sha256:
        return path
    ensure_folder(path.parent)
    digest, done = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(wanted.url, timeout=_PATIENCE_S) as answer, atomic_path(path) as temporary:
            with open(temporary, "wb") as file:
                while (piece := answer.read(_PIECE)) and done <= wanted.size:
                    file.write(piece)
                    digest.update(piece)
                    done += len(piece)
                    if progress:
                        progress(min(done, wanted.size), wanted.size)
            if digest.hexdigest() != wanted.sha256:
                raise AssetError(f"{wanted.url}: not the file that was tried ({done} bytes, sha256 "
                                 f"{digest.hexdigest()[:12]}…); get it by hand from {wanted.page} and put it at {path}")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise AssetError(f"{wanted.url}: cannot be reached ({getattr(error, 'reason', error)}); get it by hand from "
                         f"{wanted.page} and put it at {path}") from error
    except OSError as error:
        raise OutputError(f"{path}: writing failed ({error.strerror}); free space, or set PERSONARE_HOME") from error
    return Path(path)
