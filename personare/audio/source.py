"""Where the bytes of a sound come from: a path or a binary file object, opened afresh for every reading."""

import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from personare.errors import InputError

# Length of the pieces that a recording is read in.
CHUNK_S = 4.0

# More channels than any microphone array in use for speech; 22.2 surround has 24, third-order ambisonics 16.
MOST_CHANNELS = 64


class SoundWarning(UserWarning):
    """A recording is damaged, yet usable: what could be read of it is returned."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A recording while it is being decoded.

    Args:
        rate_hz: samples a second.
        duration_s: length the container claims, seconds; None where it says nothing.
        blocks: iterator of (n,) float32, mono.
    """

    rate_hz: int
    duration_s: float | None
    blocks: Iterator[np.ndarray]


class Source:
    """A path or a binary file object.

    Args:
        source: path of a file or named pipe, or an object with read(); one that cannot seek is first copied to
            a temporary file, which vanishes with this object.

    Raises:
        InputError: missing, a folder, a device, not permitted, or text instead of bytes.
    """

    def __init__(self, source):
        self._path = self._file = None
        self._open(source)
        if self._file is not None and self._file is not source:
            weakref.finalize(self, self._file.close)

    def _open(self, source):
        if hasattr(source, "read"):
            self.name = _printable(str(getattr(source, "name", "sound")))
            self._file = _seekable(source, self.name)
            return
        try:
            self._path = os.fspath(source)
        except TypeError:
            raise InputError("sound", expected="a path or a binary file object", got=type(source).__name__,
                             remedy="pass the path of a sound or video file") from None
        self.name = _printable(os.fsdecode(self._path))
        with _named_errors(self.name):
            mode = os.stat(self._path).st_mode
            if stat.S_ISDIR(mode):
                raise InputError(self.name, expected="a sound or video file", got="a folder",
                                 remedy="name a file in it")
            if stat.S_ISFIFO(mode):
                with open(self._path, "rb") as pipe:
                    self._file = _seekable(pipe, self.name)
            elif not stat.S_ISREG(mode):
                raise InputError(self.name, expected="a sound or video file", got="a device",
                                 remedy="record from it to a file first")

    @contextmanager
    def open(self):
        """A seekable binary file at its start; a file object of the caller stays open afterwards."""
        with _named_errors(self.name):
            if self._file is None:
                file = open(self._path, "rb")  # noqa: SIM115
            else:
                file = self._file
                file.seek(0)
        try:
            yield file
        finally:
            if self._file is None:
                file.close()


def _printable(name):
    """The name, or how Python writes it where it would break a one-line message."""
    return name if name.isprintable() else repr(name)


@contextmanager
def _named_errors(name):
    """Turn the system's refusals, and impossible paths, into an InputError."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(name, expected="a sound or video file", got="no such file",
                         remedy="check the path") from None
    except PermissionError:
        raise InputError(name, expected="a file that may be read", got="permission denied",
                         remedy="change its permissions or copy it") from None
    except (OSError, ValueError) as error:
        raise InputError(name, expected="a file that can be read", got=getattr(error, "strerror", None) or str(error),
                         remedy="check the path and the disk") from None


def _seekable(file, name):
    """The file itself if it can seek, else a temporary copy of the rest of it."""
    with _named_errors(name):
        if not isinstance(file.read(0), bytes):
            raise InputError(name, expected="a file opened in binary mode", got="one opened as text",
                             remedy="open it with mode 'rb'")
        if getattr(file, "seekable", lambda: hasattr(file, "seek"))():
            return file
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        shutil.copyfileobj(file, copy)
        return copy


def check_layout(name, *, rate_hz, channel_count):
    """Refuse headers no recording of speech has.

    Raises:
        InputError: rate_hz outside 1000..768000, or channel_count outside 1..64.
    """
    from personare.audio.resampling import HIGHEST_RATE_HZ, LOWEST_RATE_HZ

    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise InputError(name, expected=f"a sample rate of {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz",
                         got=f"{rate_hz} Hz", remedy="its header is damaged; export it again")
    if not 1 <= channel_count <= MOST_CHANNELS:
        raise InputError(name, expected=f"1 to {MOST_CHANNELS} channels", got=str(channel_count),
                         remedy="its header is damaged, or mix it down first")
