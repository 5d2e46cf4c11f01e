"""Where faces and models live."""

from pathlib import Path

from personare.errors import AssetError

BUILTIN = Path(__file__).parent / "builtin"


def builtin_path(name):
    """Path of a file or folder that ships with personare.

    Raises:
        AssetError: the install is incomplete.
    """
    path = BUILTIN / name
    if not path.exists():
        raise AssetError(f"{path}: missing from this install; reinstall personare")
    return path
