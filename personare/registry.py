"""Name -> "module:object" for everything a user can pick by name; nothing is imported until it is used."""

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points

from personare.errors import AssetError
from personare.spaces import unknown_name


@dataclass(frozen=True)
class Row:
    """One alternative.

    Args:
        target: "module:object".
        summary: one line for `personare list`.
        suffix: file suffix, for formats.
    """

    target: str
    summary: str
    suffix: str = ""


TABLES = {
    "audio": {
        "mel": Row("personare.audio.mel:log_mel", "log-mel spectrogram"),
        "mfcc": Row("personare.audio.mfcc:mfcc", "mel-frequency cepstral coefficients"),
    },
    "motion": {
        "vox": Row("personare.motion.vox:open_vox", "built-in model: any voice to ARKit-52, on a CPU"),
    },
    "faces": {
        "sona": Row("personare.faces.sona:open_sona", "built-in head, CC0, all 52 ARKit shapes"),
    },
    "export": {
        "mp4": Row("personare.export.mp4:write", "H.264 video with AAC sound", ".mp4"),
        "glb": Row("personare.export.glb:write", "glTF 2.0 mesh, morph targets and animation", ".glb"),
        "csv": Row("personare.export.livelink:write", "Live Link Face take, read by Unreal Engine", ".csv"),
        "json": Row("personare.export.json:write", "frames with names, plain JSON", ".json"),
        "a2f": Row("personare.export.a2f:write", "exportFps / facsNames / weightMat JSON", ".a2f.json"),
        "npz": Row("personare.export.npz:write", "NumPy archive, lossless", ".npz"),
    },
}


def names(kind):
    """Names of one table, built-in ones first, then those of installed plug-ins.

    Args:
        kind: "audio", "motion", "faces" or "export".
    """
    return tuple(TABLES[kind]) + tuple(sorted(set(_plugins(kind)) - set(TABLES[kind])))


def row(kind, name):
    """The Row of one name.

    Raises:
        InputError: no such name; the message lists the known ones and the nearest.
    """
    if name in TABLES[kind]:
        return TABLES[kind][name]
    plugins = _plugins(kind)
    if name in plugins:
        point = plugins[name]
        return Row(point.value, f"from {point.dist.name if point.dist else 'a plug-in'}", f".{name}")
    raise unknown_name(kind, name, names(kind))


def load(kind, name):
    """Import and return the object behind a name."""
    module, _, attribute = row(kind, name).target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except AttributeError as error:
        raise AssetError(f"{kind} '{name}': {module} has no {attribute}; reinstall its package") from error


def _plugins(kind):
    return {point.name: point for point in entry_points(group=f"personare.{kind}")}
