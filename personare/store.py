"""Safe reading and writing: atomic files, and bundles (card + weights + graph) whose hashes are checked."""

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import msgspec

from personare.errors import AssetError, OutputError

CARD = "card.json"
CARD_VERSION = 1


def ensure_folder(folder):
    """Create a folder and its parents where they are missing.

    Raises:
        OutputError: something else is in the way, or it may not be created.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make this folder ({error.strerror}); choose another with -o") from error


@contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path` that replaces it on success and vanishes on any failure.

    Args:
        path: the final path, in a folder that exists.

    Raises:
        OutputError: the folder is missing or cannot be written, or the disk is full.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise OutputError(f"{path}: expected a file name, got a folder; add a name such as take.mp4")
        handle, temporary = tempfile.mkstemp(prefix=".writing-", suffix=path.suffix, dir=path.parent)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error.strerror}); choose another folder") from error
    os.close(handle)
    temporary = Path(temporary)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        reason = error.strerror or error
        raise OutputError(f"{path}: writing failed ({reason}); free space or choose another") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle says of itself; unknown fields and newer versions are refused.

    Args:
        version: layout version of the card.
        name, method: bundle name and the registry name of the method that runs it.
        summary: one sentence.
        licence: licence of the weights.
        sources: training material, each {name, licence, use}.
        config: the method's own settings.
        files: file name -> sha256 of every other file in the bundle.
    """

    version: int
    name: str
    method: str
    summary: str
    licence: str
    sources: list[dict[str, str]]
    config: dict
    files: dict[str, str]


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """An opened bundle: its card and the checked paths of its files."""

    card: Card
    folder: Path

    def path(self, name):
        """Path of one file of the bundle, its hash checked.

        Raises:
            AssetError: not listed on the card, missing, or changed since it was written.
        """
        if name not in self.card.files:
            raise AssetError(f"{self.folder}: its card lists no {name}; use a bundle that has one")
        path = self.folder / name
        if not path.is_file():
            raise AssetError(f"{path}: missing although the card lists it; fetch or train the bundle again")
        if sha256(path) != self.card.files[name]:
            raise AssetError(f"{path}: differs from the hash on its card; fetch or train the bundle again")
        return path


def sha256(path):
    """Hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bundle(folder):
    """Open a bundle folder.

    Raises:
        AssetError: no card, an unreadable card, unknown fields, or a newer version.
    """
    folder = Path(folder)
    try:
        card = msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
    except FileNotFoundError:
        raise AssetError(f"{folder}: no {CARD} in it; name a bundle folder made by personare") from None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise AssetError(f"{folder / CARD}: unreadable ({error}); fetch or train the bundle again") from error
    if card.version > CARD_VERSION:
        raise AssetError(f"{folder}: card version {card.version} is above {CARD_VERSION}; update personare")
    for name in card.files:
        if Path(name).name != name:
            raise AssetError(f"{folder}: the card lists '{name}', which leaves the bundle; do not use it")
    return Bundle(card=card, folder=folder)


def write_bundle(folder, *, card, files):
    """Write a bundle: every file, then the card with their hashes.

    Args:
        folder: where to; created.
        card: dict of the Card's fields except version and files.
        files: name -> bytes.
    """
    folder = Path(folder)
    ensure_folder(folder)
    for name, content in files.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    card = Card(version=CARD_VERSION, files=hashes, **card)
    with atomic_path(folder / CARD) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))
    return read_bundle(folder)
