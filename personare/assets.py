"""Where faces and models live, and how their graphs are opened."""

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


def open_graph(path):
    """An onnxruntime session for one graph: one thread, no spinning, on the processor.

    onnxruntime keeps a device id in the home folder and reports its use to its makers unless it is told not to
    before it is imported; personare tells it not to. A program that imported onnxruntime first has to do so itself.

    Args:
        path: of the .onnx file.

    Returns:
        onnxruntime.InferenceSession.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
