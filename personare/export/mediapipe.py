"""Results of MediaPipe's Face Landmarker (.json, .npz): 52 scores and the pose of the head in every frame.

MediaPipe defines no file, so programs save what its interfaces give them. Read are lists of frames of its web interface
(`faceBlendshapes`, `facialTransformationMatrixes`), of its Python interface (`face_blendshapes`, or the list of
categories itself, each with `category_name` and `score`), objects from name to score, and .npz archives with
`blendshapes` and `blendshape_names`. Written is the web interface's form, with a time for each frame.

Source:
    MediaPipe Tasks 1.2.2: FaceLandmarkerResult; the transformation is a rigid 4x4 in centimetres, camera at the
    origin looking along -z, columns first in the web interface and rows first in Python.
"""

import numpy as np

from personare.errors import InputError
from personare.export.reading import LARGEST_BYTES, checked_size, decoded_json, decoded_parts, unreadable
from personare.export.timing import even_rows
from personare.files.arrays import npz_names, read_npz
from personare.spaces import ARKIT_52, MEDIAPIPE_52
from personare.store import atomic_path
from personare.types import Motion

CM = 100.0
# Taken where a file has no times.
FPS = 30.0
_BLENDSHAPES = ("faceBlendshapes", "face_blendshapes", "blendshapes")
_MATRICES = ("facialTransformationMatrixes", "facial_transformation_matrixes", "head_matrix")
_HOLDERS = ("frames", "results", "data")
_SCORES = frozenset(MEDIAPIPE_52.columns) | frozenset(ARKIT_52.columns)
_START_BYTES = 1 << 16


def write(path, take, *, progress=None):
    """Write {"fps", "frames": [{"timestamp_ms", "faceBlendshapes", "facialTransformationMatrixes"}]}.

    Args:
        path: where to.
        take: Take whose motion has columns with ARKit's names; those it does not have, such as _neutral, are 0, and
            tongueOut is no score of MediaPipe's. Its head pose becomes the matrix.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: the motion has none of ARKit's names.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    import msgspec

    motion = take.motion
    known = [name for name in MEDIAPIPE_52.columns if name in motion.space.columns]
    if len(known) < 2:
        raise InputError("motion", expected="columns with ARKit's names", got=motion.space.name,
                         remedy="convert the motion to arkit-52 first")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(msgspec.json.encode({"fps": float(motion.fps)})[:-1] + b',"frames":[')
        for number in range(len(motion)):
            row = motion.frames(number, number + 1)
            scores = {name: round(float(row.column(name)[0]), 6) for name in known}
            file.write(b",\n" * (number > 0) + msgspec.json.encode(_frame(number / motion.fps, scores, row.head_pose)))
            if progress:
                progress(number + 1, len(motion))
        file.write(b"]}\n")


def _frame(time_s, scores, pose):
    categories = [{"index": i, "score": scores.get(name, 0.0), "categoryName": name}
                  for i, name in enumerate(MEDIAPIPE_52.columns)]
    frame = {"timestamp_ms": round(time_s * 1000, 3), "faceBlendshapes": [
        {"categories": categories}]}
    if pose is not None:
        matrix = pose[0].astype(np.float64)
        matrix[:3, 3] *= CM
        frame["facialTransformationMatrixes"] = [
            {"rows": 4, "columns": 4, "data": [round(x, 7) for x in matrix.T.ravel().tolist()]}]
    return frame


def fits(path):
    """Whether a .json or .npz file holds such results."""
    if path.suffix.lower() == ".npz":
        return {"blendshapes", "blendshape_names"} <= npz_names(path)
    if path.suffix.lower() != ".json":
        return False
    try:
        with open(path, "rb") as file:
            start = file.read(_START_BYTES)
    except OSError:
        return False
    names = (b'"browDownLeft"', b'"mouthSmileLeft"', b'"eyeBlinkLeft"')
    return b'"personare-motion"' not in start and b'"weightMat"' not in start and b'"facsNames"' not in start and (
        b'"categoryName"' in start or b'"category_name"' in start or (all(n in start for n in names) and b":" in start))


def read(path):
    """Read results; frames without a face, and uneven times, are interpolated.

    Args:
        path: .json or .npz.

    Returns:
        Motion in mediapipe-52. Where there are matrices also the head pose: the rotation as it is, the place counted
        from its median, because a camera is no rest pose.

    Raises:
        InputError: no such results, or damaged ones.
    """
    path = checked_size(path)
    try:
        if path.suffix.lower() == ".npz":
            times, values, matrices, seen = _archived(path)
        else:
            times, values, matrices, seen = _listed(path)
        if not seen.any():
            raise ValueError("no frame with a face")
        table = np.hstack([values, matrices.reshape(-1, 16)])
        if not seen.all():
            # What is missing at either end is held, so that frame i keeps its time.
            table = np.stack([np.interp(times, times[seen], column[seen]) for column in table.T], axis=1)
        fps, rows = even_rows(times, table)
        pose = _head_pose(rows[:, -16:].reshape(-1, 4, 4)) if rows[:, -16:].any() else None
        return Motion(rows[:, :-16], fps, MEDIAPIPE_52, pose)
    except ValueError as error:
        raise unreadable(path, error) from error


def _head_pose(matrices):
    """(t, 4, 4) float32 head poses of (t, 4, 4) transformations in centimetres; rotations are made exact."""
    if not np.isfinite(matrices).all():
        raise ValueError("a transformation that is not finite")
    u, _, vt = np.linalg.svd(matrices[:, :3, :3].astype(np.float64))
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    pose = np.tile(np.eye(4, dtype=np.float32), (len(matrices), 1, 1))
    pose[:, :3, :3] = u @ vt
    pose[:, :3, 3] = (matrices[:, :3, 3] - np.median(matrices[:, :3, 3], axis=0)) / CM
    return pose


def _archived(path):
    """(times, (t, 52) values, (t, 4, 4) matrices, which frames show a face) of an archive."""
    arrays = read_npz(path, ["blendshapes", "blendshape_names"], most_bytes=LARGEST_BYTES,
                      optional=("time", "detected", "head_matrix"))
    names, scores = [str(name) for name in arrays["blendshape_names"].ravel()], arrays["blendshapes"]
    if scores.dtype.kind != "f" or scores.ndim != 2 or scores.shape[1] != len(names):
        raise ValueError(f"blendshapes of shape {scores.shape} for {len(names)} names")
    count = len(scores)
    values = np.zeros((count, len(MEDIAPIPE_52)), np.float32)
    for i, name in enumerate(names):
        if name in MEDIAPIPE_52.columns:
            values[:, MEDIAPIPE_52.index(name)] = scores[:, i]
    matrices = arrays.get("head_matrix", np.zeros((count, 4, 4)))
    times = arrays.get("time", np.arange(count) / FPS)
    seen = arrays.get("detected", np.ones(count, bool))
    if not (matrices.shape == (count, 4, 4) and times.shape == seen.shape == (count,) and matrices.dtype.kind == "f"):
        raise ValueError("time, detected or head_matrix of another length than blendshapes")
    with np.errstate(over="ignore", invalid="ignore"):
        return times.astype(np.float64), values, matrices.astype(np.float32), seen.astype(bool)


def _listed(path):
    """The same of a list of frames, or of an object that holds one."""
    import msgspec

    holder = msgspec.defstruct("Holder", [
        ("fps", float | None, None), *((name, list[msgspec.Raw] | None, None) for name in _HOLDERS)])
    document = decoded_json(path, list[msgspec.Raw] | holder)
    fps, parts = FPS, document
    if not isinstance(document, list):
        fps = document.fps or FPS
        parts = next((found for name in _HOLDERS if (found := getattr(document, name))), [])
    rows, matrices, times = [], [], []
    for frame in decoded_parts(path, parts, object):
        scores = _scores(frame)
        rows.append([np.nan] * len(MEDIAPIPE_52) if scores is None else [scores.get(name, 0.0)
                                                                         for name in MEDIAPIPE_52.columns])
        matrices.append(_matrix(frame))
        times.append(_time(frame))
    if not rows:
        raise ValueError("no frames")
    with np.errstate(over="ignore"):
        values, table = np.array(rows, np.float32), np.array(matrices, np.float32)
    timed = None not in times
    seconds = np.array(times, np.float64) / 1000 if timed else np.arange(len(rows)) / fps
    return seconds, values, table, ~np.isnan(values).any(axis=1)


def _scores(frame):
    """name -> score of a frame; None where it shows no face."""
    if isinstance(frame, dict):
        part = next((frame[name] for name in _BLENDSHAPES if name in frame), None)
        if part is not None:
            return _scores(part)
        if "categories" in frame:
            return _scores(frame["categories"])
        found = {name: float(score) for name, score in frame.items()
                 if name in _SCORES and isinstance(score, int | float)}
        return found or None
    if isinstance(frame, list) and frame:
        if isinstance(frame[0], list) or (isinstance(frame[0], dict) and "categories" in frame[0]):
            return _scores(frame[0])  # the first of several faces
        pairs = {}
        for category in frame:
            if not isinstance(category, dict):
                return None
            name = category.get("categoryName", category.get("category_name"))
            if isinstance(name, str) and isinstance(category.get("score"), int | float):
                pairs[name] = float(category["score"])
        return pairs or None
    return None


def _matrix(frame):
    """16 numbers, rows first, of a frame's transformation; zeros where it has none."""
    part = next((frame[name] for name in _MATRICES if name in frame), None) if isinstance(frame, dict) else None
    if isinstance(part, list) and part and isinstance(part[0], dict):
        part = part[0]
    columns_first = isinstance(part, dict)
    if columns_first:
        part = part.get("data")
    try:
        matrix = np.array(part if part is not None else np.zeros(16), np.float64).reshape(-1, 16)[0].reshape(4, 4)
    except (TypeError, ValueError, IndexError):
        raise ValueError("a transformation that is no 4 x 4 matrix") from None
    return (matrix.T if columns_first else matrix).ravel().tolist()


def _time(frame):
    """Milliseconds of a frame, or None."""
    for name in ("timestamp_ms", "timestampMs", "timestamp"):
        if isinstance(frame, dict) and isinstance(frame.get(name), int | float):
            return frame[name]
    return None
