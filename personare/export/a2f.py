"""Audio2Face's JSON (.a2f.json): exportFps, facsNames and weightMat, which many Blender and Unreal tools read.

The layout is the one of NVIDIA's Omniverse Audio2Face exporter. It has no place for the pose of the head.
"""

import numpy as np

from personare.errors import InputError
from personare.export.reading import decoded_json, decoded_parts, mentions, stacked, unreadable
from personare.spaces import A2F_68, ARKIT_52, Space
from personare.store import atomic_path
from personare.types import Motion

_FRAMES = 1024


def write(path, take, *, progress=None):
    """Write {"exportFps", "trackPath", "numPoses", "numFrames", "facsNames", "weightMat"}.

    Args:
        path: where to.
        take: Take; its name becomes the track path.
        progress: called with (frames done, frames in total).

    Raises:
        OutputError: the file could not be written; what was there before is unchanged.
    """
    import msgspec

    motion = take.motion
    head = {"exportFps": float(motion.fps), "trackPath": take.name, "numPoses": len(motion.space),
            "numFrames": len(motion), "facsNames": motion.space.columns}
    layout = "[" + ",".join(["%.8g"] * len(motion.space)) + "]"
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(msgspec.json.encode(head)[:-1] + b',"weightMat":[')
        for start in range(0, len(motion), _FRAMES):
            # Six digits after the point; adding zero turns -0.0 into 0.0.
            rows = np.round(motion.values[start:start + _FRAMES].astype(np.float64), 6) + 0.0
            text = ",\n".join(layout % tuple(row) for row in rows.tolist())
            file.write(b",\n" * (start > 0) + text.encode())
            if progress:
                progress(start + len(rows), len(motion))
        file.write(b"]}\n")


def fits(path):
    """Whether a .json file has this layout."""
    return path.suffix.lower() == ".json" and mentions(path, b'"weightMat"')


def read(path):
    """Read a file of this layout, of Audio2Face or of another tool.

    Names count in upper or lower case. All 68 of a2f-68, or else all 52 of ARKit, come back in that space, and
    further ones are left out; other names make a space of their own.

    Args:
        path: of the .json file.

    Returns:
        Motion without head pose.

    Raises:
        InputError: not such a file, or damaged.
    """
    import msgspec

    # Declared here, so that importing this module stays light.
    document = decoded_json(path, msgspec.defstruct("Document", [
        ("exportFps", float), ("facsNames", msgspec.Raw), ("weightMat", list[msgspec.Raw])]))
    names, = decoded_parts(path, [document.facsNames], list[str])
    try:
        values = stacked(decoded_parts(path, document.weightMat, list[float]), len(names))
        at = {name.lower(): i for i, name in enumerate(names)}
        for space in (A2F_68, ARKIT_52):
            known = [at.get(name.lower()) for name in space.columns]
            if None not in known:
                return Motion(values[:, known], document.exportFps, space)
        return Motion(values, document.exportFps, Space(f"a2f-{len(names)}", tuple(names)))
    except (InputError, ValueError) as error:
        raise unreadable(path, error) from error
