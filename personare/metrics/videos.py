"""A predicted video against the real one: pictures, the mouth's region, landmarks and who it looks like.

Source:
    Landmark distance of lips as in L. Chen et al., Lip movements generation at a glance, ECCV 2018, here in shares of
    the eye distance; identity as the cosine of embeddings, J. Deng et al., ArcFace, CVPR 2019.
"""

import re
import warnings
from functools import cached_property
from pathlib import Path

import numpy as np

from personare.arrays import correlations
from personare.assets import open_graph
from personare.errors import AssetError, InputError, MissingExtra
from personare.metrics.pictures import Perceptual, checked_pair, psnr_db, squared_error, ssim
from personare.metrics.sync import lip_gaps
from personare.portraits.picture import read_picture
from personare.tracking.deep3d import five_of_478
from personare.tracking.landmarks import STEADY, landmarks
from personare.tracking.video import read_pictures

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v")
_STILLS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
# Outline of the lips, outer and inner, of MediaPipe's 478 landmarks.
LIPS = (0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181, 185, 191, 267, 269, 270, 291,
        308, 310, 311, 312, 314, 317, 318, 321, 324, 375, 402, 405, 409, 415)
_EYES = (33, 263)
# The mouth's region reaches beyond the lips of the real picture by this share of the eye distance.
AROUND = 0.25
# What neither jaw, lips, lids nor brows move much: bridge and sides of the nose, corners of the eyes, cheekbones,
# forehead.
RIGID = (6, 168, 197, 195, 5, 4, 1, 33, 133, 362, 263, 129, 358, 98, 327, 123, 352, 116, 345, 9, 151, 10, 109, 338)
# Eyes, nose and corners of the mouth in the pictures that networks of ArcFace's kind were trained on, 112x112 pixels.
_FACE_PX = 112
_FACE_POINTS = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
                         [70.7299, 92.2041]])


def shows_pictures(path):
    """Whether a path is a video, or a folder with nothing but stills in it."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES or bool(path.is_dir() and _stills(path))


def _stills(folder):
    """Paths of a folder's stills in the order of the numbers in their names."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in _STILLS]
    return sorted(found, key=lambda path: [int(part) if part.isdigit() else part
                                           for part in re.split(r"(\d+)", path.name)])


def matched_pictures(predicted, truth):
    """Pictures that belong together.

    Two videos are matched by time: each real picture gets the predicted one nearest to it, so rates may differ. With a
    folder on one side pictures are matched by number.

    Args:
        predicted, truth: paths of videos, or of folders of stills.

    Yields:
        (time_s, predicted (h, w, 3) uint8, truth likewise); times of folders count pictures at 25 a second.

    Raises:
        InputError: nothing that can be read, other sizes, or lengths that differ by more than a tenth and 0.25 s
            (folders: at all).
    """
    by_number = Path(predicted).is_dir() or Path(truth).is_dir()
    ours, theirs = (_pictures(path, by_number) for path in (predicted, truth))
    before = after = next(ours, None)
    last_s = left_s = 0.0
    for time_s, real in theirs:
        while after is not None and after[0] <= time_s:
            before, after = after, next(ours, None)
        if before is None or (after is None and time_s > before[0] + (1e-6 if by_number else 0.25)):
            left_s = max(left_s, time_s - (before[0] if before else 0.0))
            last_s = time_s
            continue
        near = before if after is None or time_s - before[0] <= after[0] - time_s else after
        last_s = time_s
        yield time_s, *checked_pair(near[1], real)
    while after is not None:
        left_s, after = max(left_s, after[0] - last_s), next(ours, None)
    if left_s > (1e-6 if by_number else max(0.25, 0.1 * last_s)):
        raise InputError("prediction", expected=f"as many pictures as {truth} has" if by_number else
                         f"a video of {last_s:.1f} s, as {truth} is", got=f"{left_s * (25 if by_number else 1):.3g} "
                         f"{'pictures' if by_number else 's'} more or fewer", remedy="cut both to the same take")


def _pictures(path, by_number):
    """(time_s, picture) of a video or a folder, one after the other."""
    path = Path(path)
    if path.is_dir():
        stills = _stills(path)
        if not stills:
            raise InputError(path, expected="a folder of .png or .jpg pictures", got="none in it",
                             remedy="write one with -f png")
        return ((number / 25, read_picture(still)[0]) for number, still in enumerate(stills))
    found = read_pictures(path)
    return ((number / 25, picture) for number, (_, picture) in enumerate(found)) if by_number else found


def compare_videos(predicted, truth, *, mask=None, perceptual=None, identity=None, landmarker=None, progress=None):
    """Figures of a predicted video against the real one.

    Args:
        predicted, truth: see matched_pictures.
        mask: (h, w) bool, or path of a picture whose light pixels are meant: the region in place of the mouth's.
        perceptual: folder of a bundle, see pictures.Perceptual; None leaves the distance out.
        identity: path of an ONNX graph, see Embedding; None leaves it out.
        landmarker: path of MediaPipe's face_landmarker.task; default the user's copy. Without it, or without
            mediapipe, figures that rest on landmarks are left out with a warning.
        progress: called with (passes done, in total).

    Returns:
        dict of name -> float; docs/evaluate.md defines each.

    Raises:
        InputError: takes that do not belong together. AssetError: a network that is not what it should be.
    """
    told = progress or (lambda done, total: None)
    mask = None if mask is None else _mask(mask)
    perceptual = None if perceptual is None else Perceptual(perceptual)
    identity = None if identity is None else Embedding(identity)
    ours = theirs = None
    try:
        theirs = _found(truth=truth, predicted=predicted, side=2, model=landmarker)
        told(1, 3)
        ours = _found(truth=truth, predicted=predicted, side=1, model=landmarker)
    except (MissingExtra, AssetError) as error:
        if identity is not None:
            raise
        warnings.warn(f"figures of landmarks are left out: {error}", stacklevel=2)
    told(2, 3)
    figures = _of_pictures(predicted, truth, mask, theirs, perceptual)
    if theirs is not None:
        both = np.isfinite(theirs[:, 0, 0]) & np.isfinite(ours[:, 0, 0])
        figures["faces"] = float(both.mean())
        if both.any():
            figures |= of_landmarks(ours[both], theirs[both])
            if identity is not None:
                figures["identity_distance"] = _strangeness(predicted, truth, ours, theirs, identity)
    told(3, 3)
    return figures


def _found(*, predicted, truth, side, model):
    """(t, 478, 3) float32 landmarks of one side's matched pictures, NaN where there is no face."""
    rows = landmarks((pair[side] for pair in matched_pictures(predicted, truth)), model=model)
    nothing = np.full((478, 3), np.nan, np.float32)
    return np.stack([nothing if row is None else row for row in rows])


def _mask(mask):
    if isinstance(mask, np.ndarray):
        return mask.astype(bool)
    return read_picture(mask)[0].mean(axis=2) > 127


def mouth_region(points, shape):
    """The rectangle around a mouth.

    Args:
        points: (478, 3) landmarks of the real picture.
        shape: (h, w, ...) of it.

    Returns:
        (rows, columns) slices: the lips' bounding box and 0.25 eye distances around it, within the picture.
    """
    reach = AROUND * np.linalg.norm(points[_EYES[0], :2] - points[_EYES[1], :2])
    lips = points[list(LIPS), :2]
    low, high = np.floor(lips.min(axis=0) - reach), np.ceil(lips.max(axis=0) + reach)
    (left, top), (right, bottom) = (np.clip(end, 0, (shape[1], shape[0])).astype(int) for end in (low, high))
    return slice(top, bottom), slice(left, right)


def _of_pictures(predicted, truth, mask, points, perceptual):
    """Figures of whole pictures and of the region."""
    rows, region_rows, far, count, last_s = [], [], [], 0, 0.0
    for number, (time_s, ours, theirs) in enumerate(matched_pictures(predicted, truth)):
        rows.append((squared_error(ours, theirs), ssim(ours, theirs)))
        if perceptual is not None:
            far.append(perceptual.distance(ours, theirs))
        region = None
        if mask is not None:
            if mask.shape != theirs.shape[:2] or not mask.any():
                raise InputError("mask", expected=f"light pixels in a picture of {theirs.shape[1]}x{theirs.shape[0]}",
                                 got=f"{mask.sum()} in one of {mask.shape[1]}x{mask.shape[0]}", remedy="draw it anew")
            region = mask
        elif points is not None and np.isfinite(points[number, 0, 0]):
            region = np.zeros(theirs.shape[:2], bool)
            region[mouth_region(points[number], theirs.shape)] = True
        if region is not None and region.any():
            apart = np.abs(ours[region].astype(int) - theirs[region]).mean()
            region_rows.append((squared_error(ours, theirs, region), ssim(ours, theirs, region), apart))
        count, last_s = number + 1, time_s
    if not rows:
        raise InputError("truth", expected="at least one picture", got="none", remedy="check the files")
    error, similar = np.mean(rows, axis=0)
    figures = {"pictures": float(count), "seconds": float(last_s), "psnr_db": psnr_db(error), "ssim": float(similar)}
    if far:
        figures["perceptual_distance"] = float(np.mean(far))
    if region_rows:
        name = "mouth" if mask is None else "region"
        error, similar, apart = np.nanmean(region_rows, axis=0)
        figures |= {f"{name}_psnr_db": psnr_db(error), f"{name}_ssim": float(similar), f"{name}_error": float(apart)}
    return figures


def of_landmarks(ours, theirs):
    """Figures of landmarks.

    Args:
        ours, theirs: (t, 478, 3) float of prediction and truth, both seen in every row.

    Returns:
        dict: landmark_error, lip_landmark_error (after the two mouths' middles are laid on each other),
        shape_distance, all in % of the real picture's eye distance; lip_gap_r, lip_gap_size.
    """
    ours, theirs = (np.asarray(points, np.float64) for points in (ours, theirs))
    eyes = np.linalg.norm(theirs[:, _EYES[0], :2] - theirs[:, _EYES[1], :2], axis=1)[:, None]
    far = np.linalg.norm((ours - theirs)[:, STEADY, :2], axis=2) / eyes
    lips = [side[:, LIPS, :2] - side[:, LIPS, :2].mean(axis=1, keepdims=True) for side in (ours, theirs)]
    gaps = np.stack([lip_gaps(side) for side in (ours, theirs)])
    size = np.percentile(gaps, 95, axis=1)
    return {"landmark_error": float(100 * far.mean()),
            "lip_landmark_error": float(100 * (np.linalg.norm(lips[0] - lips[1], axis=2) / eyes).mean()),
            "lip_gap_r": float(correlations(gaps[0][:, None], gaps[1][:, None])[0]),
            "lip_gap_size": float(size[0] / max(size[1], 1e-9)),
            "shape_distance": 100 * shape_distance(mean_shape(ours), mean_shape(theirs))}


def mean_shape(points):
    """(r, 3) mean place of the points that no expression moves, freed of place, turn and size in every picture.

    Args:
        points: (t, 478, 3) float.
    """
    rigid = points[:, RIGID] - points[:, RIGID].mean(axis=1, keepdims=True)
    rigid = rigid / np.linalg.norm(rigid, axis=(1, 2), keepdims=True)
    mean = rigid[0]
    for _ in range(3):
        mean = np.mean([one @ _turn(one, mean) for one in rigid], axis=0)
        mean /= np.linalg.norm(mean)
    return mean


def shape_distance(one, other):
    """Mean distance of two mean_shapes, in eye distances of the other."""
    apart = np.linalg.norm(one @ _turn(one, other) - other, axis=1).mean()
    eyes = np.linalg.norm(other[RIGID.index(_EYES[0])] - other[RIGID.index(_EYES[1])])
    return float(apart / eyes)


def _turn(one, other):
    """(3, 3) rotation by which `one @ turn` comes nearest to `other` (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(one.T @ other)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return u @ flip @ vt


class Embedding:
    """Who a face is, as a network of ArcFace's kind says: your own ONNX graph.

    The graph takes one input (n, 3, 112, 112) float32 RGB in -1..1, the face cut with eyes, nose and corners of the
    mouth at ArcFace's places, and its first output is (n, d).

    Args:
        path: of the .onnx file.

    Raises:
        AssetError: it is missing, or no graph of that kind.
    """

    def __init__(self, path):
        self._path = Path(path)
        if not self._path.is_file():
            raise AssetError(f"{path}: no graph of an identity network there; give an .onnx file, see docs/evaluate.md")

    @cached_property
    def _graph(self):
        try:
            graph = open_graph(self._path)
        except Exception as error:  # onnxruntime has no common class of what it raises
            raise AssetError(f"{self._path}: no graph that can be run ({error})") from error
        given = graph.get_inputs()
        if len(given) != 1 or list(given[0].shape[1:]) != [3, _FACE_PX, _FACE_PX]:
            raise AssetError(f"{self._path}: expected one input (n, 3, {_FACE_PX}, {_FACE_PX}), got "
                             f"{[one.shape for one in given]}; see docs/evaluate.md")
        return graph

    def of(self, picture, points):
        """(d,) float64 of length 1 of a (h, w, 3) uint8 picture with (478, 3) landmarks."""
        face = cut_face(picture, points).transpose(2, 0, 1)[None] / 127.5 - 1
        row = self._graph.run(None, {self._graph.get_inputs()[0].name: face.astype(np.float32)})[0]
        row = row.reshape(-1).astype(np.float64)
        return row / max(np.linalg.norm(row), 1e-12)


def cut_face(picture, points):
    """(112, 112, 3) float64: a face turned, scaled and moved to ArcFace's places, bilinear, edges held."""
    here = five_of_478(points).astype(np.float64)
    z, w = (np.array([1, 1j]) @ side.T for side in (_FACE_POINTS, here))
    scale = np.vdot(z - z.mean(), w - w.mean()) / np.vdot(z - z.mean(), z - z.mean())
    grid = np.arange(_FACE_PX)[None, :] + 1j * np.arange(_FACE_PX)[:, None]
    at = (grid - z.mean()) * scale + w.mean() - 0.5 * (1 + 1j)
    x, y = np.clip(at.real, 0, picture.shape[1] - 1), np.clip(at.imag, 0, picture.shape[0] - 1)
    left, top = (np.minimum(np.floor(part).astype(int), limit - 2) for part, limit in ((x, picture.shape[1]),
                                                                                    (y, picture.shape[0])))
    dx, dy = (x - left)[..., None], (y - top)[..., None]
    return ((picture[top, left] * (1 - dx) + picture[top, left + 1] * dx) * (1 - dy)
            + (picture[top + 1, left] * (1 - dx) + picture[top + 1, left + 1] * dx) * dy)


def _strangeness(predicted, truth, ours, theirs, identity):
    """Mean of 1 - cosine between the embeddings of pictures that belong together."""
    far = [1 - identity.of(one, a) @ identity.of(other, b)
           for (_, one, other), a, b in zip(matched_pictures(predicted, truth), ours, theirs, strict=True)
           if np.isfinite(a[0, 0]) and np.isfinite(b[0, 0])]
    return float(np.mean(far))
