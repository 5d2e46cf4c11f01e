"""Scores of pictures against pictures: PSNR, SSIM, and a perceptual distance where a network for it is given.

Source:
    Z. Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE TIP 2004 (11x11
    Gaussian of 1.5 pixels, K = 0.01 and 0.03, windows that lie within the picture, as in the authors' ssim_index.m,
    which takes no reduced picture).
    R. Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from personare.arrays import checked
from personare.assets import open_graph
from personare.errors import AssetError, InputError
from personare.files.arrays import read_npz
from personare.store import CARD, read_bundle

# Rec. 601's weights of red, green and blue: what the authors' rgb2gray takes.
_LUMA = np.array([0.299, 0.587, 0.114])
WINDOW_PX, _SIGMA_PX, _K1, _K2, _FULL = 11, 1.5, 0.01, 0.03, 255.0
GRAPH, LINEAR, METHOD = "model.onnx", "linear.npz", "perceptual"
# A perceptual network halves pictures several times; below this nothing is left.
_SMALLEST_PX = 32


def checked_pair(one, other):
    """Two pictures as (h, w, 3) uint8 of one size.

    Raises:
        InputError: no such pictures, or two sizes.
    """
    other = checked("truth", other, ("h", "w", 3), dtype=np.uint8)
    one = checked("prediction", one, ("h", "w", 3), dtype=np.uint8)
    if one.shape != other.shape:
        raise InputError("prediction", expected=f"pictures of {other.shape[1]}x{other.shape[0]}, as the truth has",
                         got=f"{one.shape[1]}x{one.shape[0]}", remedy="render or scale one of them to the other's size")
    return one, other


def squared_error(one, other, mask=None):
    """Mean squared error of all channels, of 255^2; inside a mask where one is given.

    Args:
        one, other: (h, w, 3) uint8.
        mask: (h, w) bool, some of it true.
    """
    squares = (one.astype(np.float64) - other) ** 2
    return float((squares if mask is None else squares[mask]).mean())


def psnr_db(error):
    """Peak signal-to-noise ratio in dB of a mean squared error, 10 log10(255^2 / error); infinite where it is 0."""
    return float("inf") if error == 0 else float(10 * np.log10(_FULL**2 / error))


def ssim_map(one, other):
    """Structural similarity of two pictures around every pixel whose window lies within them.

    Args:
        one, other: (h, w, 3) uint8, 11 pixels or more each way; their luma is compared.

    Returns:
        (h - 10, w - 10) float64 in -1..1; element i, j stands for pixel i + 5, j + 5.

    Raises:
        InputError: pictures smaller than a window.
    """
    if min(one.shape[:2]) < WINDOW_PX:
        raise InputError("pictures", expected=f"{WINDOW_PX} pixels or more each way",
                         got=f"{one.shape[1]}x{one.shape[0]}", remedy="compare larger ones")
    x, y = one @ _LUMA, other @ _LUMA
    c1, c2 = (_K1 * _FULL) ** 2, (_K2 * _FULL) ** 2
    mean_x, mean_y, xx, yy, xy = (_blurred(part) for part in (x, y, x * x, y * y, x * y))
    spread = xx - mean_x**2 + yy - mean_y**2
    return ((2 * mean_x * mean_y + c1) * (2 * (xy - mean_x * mean_y) + c2)
            / ((mean_x**2 + mean_y**2 + c1) * (spread + c2)))


def ssim(one, other, mask=None):
    """Mean of ssim_map, over the windows whose middle a mask holds where one is given; NaN where it holds none."""
    similar = ssim_map(one, other)
    if mask is None:
        return float(similar.mean())
    edge = WINDOW_PX // 2
    inside = mask[edge:-edge, edge:-edge]
    return float(similar[inside].mean()) if inside.any() else float("nan")


def _blurred(picture):
    """(h - 10, w - 10) means under the Gaussian window."""
    at = np.arange(WINDOW_PX) - WINDOW_PX // 2
    weights = np.exp(-(at**2) / (2 * _SIGMA_PX**2))
    weights /= weights.sum()
    h, w = picture.shape
    rows = sum(weight * picture[i:h - WINDOW_PX + 1 + i] for i, weight in enumerate(weights))
    return sum(weight * rows[:, i:w - WINDOW_PX + 1 + i] for i, weight in enumerate(weights))


class Perceptual:
    """LPIPS: distance of the features that a network for pictures finds in two of them.

    A bundle holds `model.onnx`, which takes "pictures" (n, 3, h, w) float32 RGB in -1..1, of any size, and gives one
    output (n, c, h', w') a layer, and `linear.npz` with an array (c,) >= 0 under the name of each output.
    `personare convert alexnet-owt-7be5be79.pth alex.pth -o FOLDER` makes one of the released weights.

    Args:
        folder: of the bundle.

    Raises:
        AssetError: it is missing, damaged, or of something else.
    """

    def __init__(self, folder):
        if not (Path(folder) / CARD).is_file():
            raise AssetError(f"{folder}: no bundle of a perceptual network there; make one with personare convert "
                             f"alexnet-owt-7be5be79.pth alex.pth -o {folder}")
        bundle = read_bundle(folder)
        if bundle.card.method != METHOD:
            raise AssetError(f"{folder}: a bundle of {bundle.card.method}, not of a perceptual network; see "
                             "docs/evaluate.md")
        self._path = bundle.path(GRAPH)
        self._linear = read_npz(bundle.path(LINEAR))

    @cached_property
    def _graph(self):
        graph = open_graph(self._path)
        missing = [output.name for output in graph.get_outputs() if output.name not in self._linear]
        if missing or [given.name for given in graph.get_inputs()] != ["pictures"]:
            raise AssetError(f"{self._path}: expected an input 'pictures' and a row of {LINEAR} for each output, got "
                             f"none for {', '.join(missing) or 'pictures'}; see docs/evaluate.md")
        return graph

    def distance(self, one, other):
        """0 for equal pictures, about 1 for unlike ones; sum over layers of the mean over places.

        Args:
            one, other: (h, w, 3) uint8 sRGB of one size, 32 pixels or more each way.
        """
        if min(one.shape[:2]) < _SMALLEST_PX:
            raise InputError("pictures", expected=f"{_SMALLEST_PX} pixels or more each way",
                             got=f"{one.shape[1]}x{one.shape[0]}", remedy="compare larger ones")
        pair = np.stack([one, other]).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
        names = [output.name for output in self._graph.get_outputs()]
        layers = self._graph.run(names, {"pictures": np.ascontiguousarray(pair)})
        return float(sum(layer_distance(*layer, self._linear[name]) for name, layer in zip(names, layers, strict=True)))


def layer_distance(one, other, weights):
    """Mean over places of the weighted squares between features of length 1.

    Args:
        one, other: (c, h, w) float features.
        weights: (c,) float.
    """
    one, other = (part.astype(np.float64) / (np.sqrt((part.astype(np.float64) ** 2).sum(axis=0)) + 1e-10)
                  for part in (one, other))
    return float(np.tensordot(np.asarray(weights, np.float64).reshape(-1), (one - other) ** 2, 1).mean())
