"""Plain JSON (.json): every frame with its time, its weights by name order, and the pose of the head."""

import numpy as np

from personare.errors import InputError
from personare.export.reading import decoded_json, decoded_parts, stacked, unreadable
from personare.export.rotations import matrices, poses, quaternions
from personare.spaces import SPACES, Space
from personare.store import atomic_path
from personare.types import Motion

FORMAT, VERSION = "personare-motion", 1
# Digits that are sure to be enough: a weight of 1e-6 moves nothing, 1e-7 of a quaternion is float32's last bit.
_WEIGHT_DIGITS, _POSE_DIGITS = 6, 7
_FRAMES = 512


def write(path, take, *, progress=None):
    """Write {"format", "version", "fps", "space", "names", "frames"}.

    A frame is {"time": seconds, "weights": [one for each name]}, and where the motion has a head pose also
    "head_rotation": [x, y, z, w] and "head_translation": [metres], about the face's own pivot.

    Args:
        path: where to.
        take: Take.
        progress: called with (frames done, frames in total).

    Raises:
        OutputError: the file could not be written; what was there before is unchanged.
    """
    import msgspec

    motion = take.motion
    head = {"format": FORMAT, "version": VERSION, "fps": float(motion.fps), "space": motion.space.name,
            "names": motion.space.columns}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(msgspec.json.encode(head)[:-1] + b',"frames":[')
        for start in range(0, len(motion), _FRAMES):
            stop = min(start + _FRAMES, len(motion))
            text = ",\n".join(_frame_texts(motion.frames(start, stop), start))
            file.write(b",\n" * (start > 0) + text.encode())
            if progress:
                progress(stop, len(motion))
        file.write(b"]}\n")


def _frame_texts(motion, start):
    """One JSON object for each frame of a piece that starts at frame start of the whole."""
    times = np.round((start + np.arange(len(motion))) / motion.fps, 6)
    columns = [times[:, None], _rounded(motion.values, _WEIGHT_DIGITS)]
    layout = '{"time":%.10g,"weights":[' + ",".join(["%.8g"] * len(motion.space)) + "]"
    if motion.head_pose is not None:
        columns += [_rounded(quaternions(motion.head_pose[:, :3, :3]), _POSE_DIGITS),
                    _rounded(motion.head_pose[:, :3, 3], _POSE_DIGITS)]
        layout += ',"head_rotation":[%.8g,%.8g,%.8g,%.8g],"head_translation":[%.8g,%.8g,%.8g]'
    return [layout % tuple(row) + "}" for row in np.hstack(columns).tolist()]


def _rounded(values, digits):
    """float64 with that many digits after the point; adding zero turns -0.0 into 0.0."""
    return np.round(np.asarray(values, np.float64), digits) + 0.0


def read(path):
    """Read a motion that `write` or another tool in its layout wrote.

    Args:
        path: of the .json file.

    Returns:
        Motion; frame i is taken to stand at i / fps.

    Raises:
        InputError: not such a file, damaged, or of a newer version.
    """
    import msgspec

    # Declared here, so that importing this module stays light.
    document = decoded_json(path, msgspec.defstruct("Document", [
        ("format", str), ("version", int), ("fps", float), ("space", str), ("names", msgspec.Raw),
        ("frames", list[msgspec.Raw])]))
    if document.format != FORMAT or document.version != VERSION:
        raise unreadable(path, f"{document.format[:80]} version {document.version}")
    columns = tuple(next(decoded_parts(path, [document.names], list[str])))
    heads = []
    try:
        space = SPACES.get(document.space)
        if space is None or space.columns != columns:
            space = Space(document.space, columns)
        frames = decoded_parts(path, document.frames, _frame_type())
        values = stacked((_noted(frame, heads).weights for frame in frames), len(columns))
        return Motion(values, document.fps, space, _head_pose(heads))
    except (InputError, ValueError) as error:
        raise unreadable(path, error) from error


def _frame_type():
    import msgspec

    return msgspec.defstruct("Frame", [
        ("time", float), ("weights", list[float]), ("head_rotation", tuple[float, float, float, float] | None, None),
        ("head_translation", tuple[float, float, float], (0.0, 0.0, 0.0))], gc=False)


def _noted(frame, heads):
    """The frame; its pose of the head is appended to a list."""
    heads.append(None if frame.head_rotation is None else (*frame.head_rotation, *frame.head_translation))
    return frame


def _head_pose(heads):
    """(t, 4, 4) float32 of tuples of quaternion and metres, or None where no frame has one."""
    turned = len(heads) - heads.count(None)
    if not turned:
        return None
    if turned < len(heads):
        raise ValueError(f"a head rotation in {turned} of {len(heads)} frames")
    rows = np.array(heads)
    if np.abs(np.linalg.norm(rows[:, :4], axis=1) - 1).max() > 1e-3:
        raise ValueError("a head rotation that is no unit quaternion")
    return poses(matrices(rows[:, :4]), rows[:, 4:])
