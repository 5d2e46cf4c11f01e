"""Files out of a folder, a .zip or a .tar.* by name. Nothing is unpacked to disk, and every size is bounded."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from itertools import islice
from pathlib import Path, PurePosixPath

from personare.errors import InputError

MOST_FILE_BYTES = 2**26       # of one wanted file; an OBJ of ICT-FaceKit has 2.6 MB
MOST_BYTES = 2**30            # an archive unpacked; the whole ICT-FaceKit has 0.5 GB
_MOST_FILES = 10_000
_BLOCK = 512
_LONGEST_NAME = 4096


class _Refused(Exception):
    """Why an archive is not read on."""


def read_files(path, wanted, *, most_file_bytes=MOST_FILE_BYTES, most_bytes=MOST_BYTES):
    """Wanted files of a folder or archive, one after the other, in the archive's own order.

    Args:
        path: folder, .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz.
        wanted: function of a file's path inside, as a PurePosixPath, that says whether it is wanted.
        most_file_bytes: a larger wanted file is refused.
        most_bytes: an archive that unpacks to more is refused, whether those files are wanted or not.

    Yields:
        (PurePosixPath, bytes). Links, devices and names that leave the archive are passed over.

    Raises:
        InputError: missing, damaged, or larger than allowed.
    """
    path = Path(path)
    try:
        yield from _reader(path)(path, wanted, most_file_bytes, most_bytes)
    except _Refused as error:
        raise InputError(path, expected="a face model", got=" ".join(str(error).split())[:200],
                         remedy="check that it is the right file") from error
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="a folder or archive that can be read", got=error.strerror or str(error),
                         remedy="check the path, or download it again") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError,
            NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="a .zip or .tar archive", got=" ".join(f"damaged data ({error})".split())[:200],
                         remedy="download it again") from error


def file_names(path):
    """Paths of the files inside a folder or .zip, as PurePosixPaths, without reading them; at most 10,000."""
    path = Path(path)
    try:
        if path.is_dir():
            return [name for name, _ in _folder_files(path)]
        with zipfile.ZipFile(path) as file:
            return [PurePosixPath(info.filename) for info in file.infolist()[:_MOST_FILES] if not info.is_dir()]
    except (_Refused, OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(path, expected="a folder or a .zip archive", got=str(error) or "something else",
                         remedy="unpack it and name the folder") from error


def is_archive(path):
    """Whether a path's name is that of an archive this module reads."""
    name = Path(path).name.lower()
    return name.endswith((".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))


def _reader(path):
    if path.is_dir():
        return _from_folder
    return _from_zip if path.name.lower().endswith(".zip") else _from_tar


def _checked(name, size, most, what="file"):
    if size > most:
        raise _Refused(f"a {what} of {size >> 20} MB, {name}, where {most >> 20} MB are the limit")


def _folder_files(folder):
    """(path inside, path) of the files of a folder, two levels deep, in alphabetical order."""
    every = (path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    entries = list(islice(every, _MOST_FILES + 1))
    if len(entries) > _MOST_FILES:
        raise _Refused(f"more than {_MOST_FILES} files")
    found = [(PurePosixPath(*path.relative_to(folder).parts), path) for path in entries if path.is_file()]
    return sorted(found)


def _from_folder(folder, wanted, most_file_bytes, _):
    for name, path in _folder_files(folder):
        if wanted(name):
            _checked(name, path.stat().st_size, most_file_bytes)
            yield name, path.read_bytes()


def _from_zip(path, wanted, most_file_bytes, most_bytes):
    with zipfile.ZipFile(path) as file:
        inside = file.infolist()
        if len(inside) > _MOST_FILES:
            raise _Refused(f"{len(inside)} files")
        left = most_bytes
        for info in inside:
            name = PurePosixPath(info.filename)
            if info.is_dir() or not _stays_inside(name) or not wanted(name):
                continue
            _checked(name, info.file_size, most_file_bytes)
            left -= info.file_size
            _checked(path.name, most_bytes - left, most_bytes, "set of files")
            # zipfile stops at file_size, whatever the packed data would unpack to.
            yield name, file.read(info)


def _from_tar(path, wanted, most_file_bytes, most_bytes):
    """A tar archive read once from front to back; tarfile would take as much memory as a header asks for."""
    with _opened(path) as stream:
        unpacked, next_name = 0, None
        for _ in range(_MOST_FILES):
            header = stream.read(_BLOCK)
            if len(header) < _BLOCK or not header.strip(b"\0"):
                return
            name, size, kind = _tar_header(header)
            unpacked += size
            _checked(name, unpacked, most_bytes, "set of files up to")
            if kind in (b"L", b"x"):
                _checked(name, size, _LONGEST_NAME << 4, "name")
                next_name = _long_name(kind, _exactly(stream, size, path)) or next_name
                _skip(stream, -size % _BLOCK, path)
                continue
            name, next_name = PurePosixPath(next_name or name), None
            if kind in (b"0", b"\0") and _stays_inside(name) and wanted(name):
                _checked(name, size, most_file_bytes)
                yield name, _exactly(stream, size, path)
                size = -size % _BLOCK
            else:
                size += -size % _BLOCK
            _skip(stream, size, path)
        raise _Refused(f"more than {_MOST_FILES} files")


def _opened(path):
    """The unpacked stream of a .tar.*; by its first bytes, since suffixes lie."""
    with open(path, "rb") as file:
        start = file.read(6)
    for mark, opened in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open)):
        if start.startswith(mark):
            return opened(path, "rb")
    return open(path, "rb")


def _tar_header(block):
    """(name, size, kind) of one 512-byte header (POSIX ustar)."""
    digits = block[124:136]
    if digits[0] & 0x80:
        size = int.from_bytes(digits, "big") - (0x80 << 88)
    else:
        size = int(digits.strip(b" \0") or b"0", 8)
    # The checksum is what tells a tar archive from any other file: bytes added up, its own field as spaces.
    stated = int(block[148:156].split(b"\0")[0].strip() or b"0", 8)
    if size < 0 or stated != sum(block[:148]) + sum(block[156:]) + 8 * 0x20:
        raise ValueError("no tar header")
    name, prefix = (part.split(b"\0")[0].decode("utf8", "replace") for part in (block[:100], block[345:500]))
    ustar = block[257:262] == b"ustar"
    return f"{prefix}/{name}" if ustar and prefix else name, size, block[156:157]


def _long_name(kind, data):
    """The name that a GNU or pax header gives the next file; None where it gives none."""
    if kind == b"L":
        return data.split(b"\0")[0].decode("utf8", "replace")
    for line in data.split(b"\n"):
        _, _, record = line.partition(b" ")
        if record.startswith(b"path="):
            return record[5:].decode("utf8", "replace")
    return None


def _exactly(stream, count, path):
    data = stream.read(count)
    if len(data) != count:
        raise EOFError(f"{path.name} ends too early")
    return data


def _skip(stream, count, path):
    """Read past some bytes, a megabyte at a time."""
    while count:
        count -= len(_exactly(stream, min(count, 2**20), path))


def _stays_inside(name):
    return not name.is_absolute() and ".." not in name.parts
