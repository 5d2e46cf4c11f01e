"""Where faces and models live."""

import os
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


def user_path(kind, name):
    """Where a user keeps a copy of something that may not be shipped: $PERSONARE_HOME/kind/name.

    Args:
        kind: "faces" or "models".
        name: such as "flame".

    Returns:
        Path, which need not exist; the home is ~/.local/share/personare unless PERSONARE_HOME says otherwise.
    """
    home = os.environ.get("PERSONARE_HOME") or Path.home() / ".local" / "share" / "personare"
    return Path(home) / kind / name
