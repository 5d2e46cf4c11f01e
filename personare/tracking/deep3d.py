"""Deep3DFaceRecon's coefficients of the Basel model, read off a picture by its network, your checkpoint of it.

`personare convert epoch_20.pth -o FOLDER` makes a bundle of the checkpoint (learn/nets/deep3d.py); here its graph runs
without torch. A picture is cut as published: five points against a standard face, bicubic, 224x224
(faces/bfm_crop.py, equal to the original in every pixel), RGB in 0..1.

Source:
    Y. Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning, CVPRW 2019.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from personare.arrays import checked
from personare.assets import open_graph, user_path
from personare.errors import AssetError, InputError
from personare.faces.bfm_crop import crop_of
from personare.faces.bfm_fit import DEEP3D_SIZE_PX, split_deep3d
from personare.spaces import DEEP3D_257
from personare.store import CARD, read_bundle
from personare.types import Motion

GRAPH, METHOD = "model.onnx", "deep3d"
# Eyes, nose and corners of the mouth of the standard face, in its own unit; left is the viewer's.
STANDARD_POINTS = [[-0.311, 0.290, 0.134], [0.310, 0.290, 0.132], [0.003, -0.046, 0.552], [-0.252, -0.381, 0.224],
                   [0.248, -0.381, 0.222]]
# Of MediaPipe's 478 landmarks: corners of the eyes, the one on the viewer's left first, nose, corners of the mouth.
_FIVE_OF_478 = ((33, 133), (362, 263), (4,), (61,), (291,))


class Deep3DNetwork:
    """An opened bundle.

    Args:
        folder: of the bundle; default the user's models folder, deep3d.

    Raises:
        AssetError: the bundle is missing, damaged, or of something else.
    """

    def __init__(self, folder=None):
        folder = Path(user_path("models", METHOD) if folder is None else folder)
        if not (folder / CARD).is_file():
            raise AssetError(f"{folder}: no bundle of Deep3DFaceRecon there; make one with personare convert "
                             f"epoch_20.pth -o {folder}")
        bundle = read_bundle(folder)
        if bundle.card.method != METHOD:
            raise AssetError(f"{folder}: a bundle of {bundle.card.method}, not of Deep3DFaceRecon; make one with "
                             "personare convert epoch_20.pth")
        self.standard = np.asarray(bundle.card.config["standard_points"], np.float64)
        self._path = bundle.path(GRAPH)

    @cached_property
    def _graph(self):
        return open_graph(self._path)

    def run(self, crops):
        """(t, 257) float32 in the space deep3d-257 of (t, 224, 224, 3) uint8 sRGB crops, one at a time."""
        crops = checked("crops", crops, ("t", DEEP3D_SIZE_PX, DEEP3D_SIZE_PX, 3), dtype=np.uint8)
        rows = [np.empty((0, len(DEEP3D_257)), np.float32)]
        for crop in crops:
            picture = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
            rows.append(self._graph.run(None, {"pictures": picture})[0])
        return np.concatenate(rows)


def deep3d_coefficients(picture, points, *, network=None):
    """What the network says of the face on one picture.

    Args:
        picture: (h, w, 3) uint8 sRGB.
        points: (5, 2) pixels, y down: eye on the viewer's left and right, tip of the nose, corners of the mouth; or
            (478, 2 or 3) landmarks of MediaPipe.
        network: Deep3DNetwork, or path of its bundle; default the user's.

    Returns:
        faces.bfm_fit.Deep3DFit of one row, in the coordinates of the 224x224 crop.

    Raises:
        InputError: points of another shape, or that span no face.
        AssetError: no bundle.
    """
    network = network if isinstance(network, Deep3DNetwork) else Deep3DNetwork(network)
    picture = checked("picture", picture, ("h", "w", 3), dtype=np.uint8)
    crop = face_crop(picture.shape[1::-1], points, standard=network.standard)
    return split_deep3d(network.run(crop.picture(picture)[None]))


def deep3d_motion(pictures, points, *, fps, network=None):
    """Coefficients of every picture of a clip, cut at one scale as published.

    Args:
        pictures: iterable of (h, w, 3) uint8 sRGB, of one size.
        points: (t, 5, 2) or (t, 478, 2 or 3), see deep3d_coefficients; a point that is not a number is no face.
        fps: pictures a second.
        network: as in deep3d_coefficients.

    Returns:
        Motion in the space deep3d-257; `.mat` and `split_deep3d` take it.

    Raises:
        InputError: points of another shape, pictures of several sizes, or fewer of them than points.
    """
    network = network if isinstance(network, Deep3DNetwork) else Deep3DNetwork(network)
    points, rows, crops = np.asarray(points, np.float64), [], None
    for i, picture in enumerate(pictures):
        if i >= len(points):
            break
        if crops is None:
            crops = face_crop(picture.shape[1::-1], points, standard=network.standard)
        rows.append(network.run(crops[i].picture(picture)[None]))
    if len(rows) < len(points):
        raise InputError("pictures", expected=f"{len(points)} pictures, one for each row of points", got=str(len(rows)),
                         remedy="find the points again")
    return Motion(np.concatenate(rows) if rows else np.empty((0, len(DEEP3D_257))), fps, DEEP3D_257)


def face_crop(size, points, *, standard=STANDARD_POINTS):
    """How a picture, or every picture of a clip, is cut.

    Args:
        size: (w, h) of the picture, pixels.
        points: as in deep3d_coefficients, of one picture or of a clip.
        standard: (5, 3) points of the standard face.

    Returns:
        faces.bfm_crop.Crop, or a list of them.
    """
    points = np.asarray(points, np.float64)
    if points.ndim >= 2 and points.shape[-2] == 478:
        points = five_of_478(points)
    if points.shape[-2:] != (5, 2) or points.ndim > 3:
        raise InputError("points", expected="(5, 2) points or (478, 2) landmarks, or those of a clip",
                         got=str(points.shape), remedy="give eyes, nose and corners of the mouth")
    return crop_of(points * [1, -1] + [0, size[1] - 1], np.asarray(standard), size)


def five_of_478(landmarks):
    """(..., 5, 2) eyes, nose and corners of the mouth of MediaPipe's landmarks (..., 478, 2 or 3), in pixels."""
    return np.stack([landmarks[..., list(index), :2].mean(-2) for index in _FIVE_OF_478], -2)
