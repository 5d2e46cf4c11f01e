"""FACEGOOD's frozen graph of 2021 (zsmeif.pb) and its SavedModels of 2023 -> a bundle to run.

The graph names its layers in the order of their making: conv2d, conv2d_1, ..., dense, dense_1: five of the formant
network, one that hears the emotion, then one of the articulation network and one of the emotion in turn. A SavedModel
numbers its variables in the same order, kernel and bias in turn, variables/0 to variables/33; it has no layer that
hears, but its constant emotion as the one constant of its size in the graph. The 37 outputs are columns of FACEGOOD's
116. Names, numbers and shapes are those of both files as published; the numbers of 2023 themselves were not at hand.
"""

import re
from pathlib import Path

import numpy as np
import torch

from personare.errors import InputError
from personare.files.tensorflow import Variables
from personare.learn.export import graph_bytes
from personare.learn.nets.karras import Karras, KarrasConfig
from personare.learn.recipes.facegood import FPS, HEIGHT, WIDTH, ImageWindows
from personare.spaces import FACEGOOD_116
from personare.store import write_bundle

SUFFIX = ".pb"
# Columns of facegood-116 that its networks give, in order.
TRAINED = tuple(FACEGOOD_116.columns[i] for i in (
    10, 13, 14, 15, 18, 33, 38, *range(40, 46), *range(51, 55), *range(57, 61), 63, 64, *range(66, 70),
    *range(74, 83), 84))
_PARTS = tuple(f"{part}.{i}" for i in range(5) for part in ("articulation", "emotion"))
_LAYERS = (*(f"formant.{i}" for i in range(5)), "heard", *_PARTS)
_LAYERS_2023 = (*_LAYERS[:5], *_PARTS, "basis_weights", "basis")
_KEY, _CONSTANT = "variables/{}/.ATTRIBUTES/VARIABLE_VALUE", (1, 1, WIDTH, 16)
_LICENCE = "that of the checkpoint; FACEGOOD's code and data are MIT, its test part is not for commercial use"


def convert_graph(path, folder):
    """Make a bundle of a frozen graph or a SavedModel.

    Args:
        path: .pb file, or the folder with saved_model.pb and variables/.
        folder: where to.

    Returns:
        store.Bundle.

    Raises:
        InputError: missing, damaged, or of another network.
    """
    return facegood_bundle(facegood_of(path), folder, source=Path(path).name)


def facegood_of(path):
    """The network of a frozen graph or a SavedModel, in evaluation mode; see convert_graph."""
    variables = Variables(path)
    saved = Path(path).is_dir()
    network = Karras(KarrasConfig(len(TRAINED), HEIGHT, WIDTH, "tf2" if saved else "tf1")).eval()
    if saved:
        _set_constant(path, variables, network)
        places = [(layer, [_KEY.format(2 * i), _KEY.format(2 * i + 1)]) for i, layer in enumerate(_LAYERS_2023)]
    else:
        named = (*((layer, "conv2d", i) for i, layer in enumerate(_LAYERS)), ("basis_weights", "dense", 0),
                 ("basis", "dense", 1))
        places = [(layer, [_named(path, variables, stem, number, part) for part in ("kernel", "bias")])
                  for layer, stem, number in named]
    for name, keys in places:
        layer = network.get_submodule(name)
        layer = getattr(layer, "convolution", layer)
        kernel, bias = (variables.array(key) for key in keys)
        # TensorFlow keeps kernels as (height, width, in, out).
        kernel = np.moveaxis(kernel, (-1, -2), (0, 1)) if kernel.ndim == 4 else kernel.T
        if kernel.shape != layer.weight.shape or bias.shape != layer.bias.shape:
            raise InputError(path, expected=f"{keys[0]} of shape {tuple(layer.weight.shape)} (out, in, ...)",
                             got=f"{kernel.shape}", remedy="give FACEGOOD's release, for 37 curves")
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel, np.float32)))
            layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias, np.float32)))
    return network


def _set_constant(path, variables, network):
    """The emotion that a SavedModel's graph has as a constant."""
    value = _KEY.rpartition("/")[2]
    found = [name for name, shape in variables.shapes.items() if shape == _CONSTANT and not name.endswith(value)]
    if len(found) != 1:
        raise InputError(path, expected=f"one constant of shape {_CONSTANT} in saved_model.pb, the emotion",
                         got=f"{len(found)}", remedy="give FACEGOOD's folder best_model/Audio2Face")
    constant = np.ascontiguousarray(variables.array(found[0]).transpose(0, 3, 1, 2), np.float32)
    network.constant.copy_(torch.from_numpy(constant))


def _named(path, variables, stem, number, part):
    """Name of a variable of the layer with some number, whatever scope stands before it."""
    wanted = re.compile(rf"(.*/)?{stem}{f'_{number}' if number else ''}/{part}(/read)?")
    found = [name for name in variables.shapes if wanted.fullmatch(name)]
    if not found:
        raise InputError(path, expected=f"a tensor {stem}{f'_{number}' if number else ''}/{part}",
                         got=f"{len(variables.shapes)} tensors such as {', '.join(list(variables.shapes)[:3])}"[:120],
                         remedy="give FACEGOOD's frozen graph of 2021 (zsmeif.pb)")
    return min(found, key=len)


def facegood_bundle(network, folder, *, source):
    """Write a bundle of a network for FACEGOOD's images of sound.

    Args:
        network: nets.karras.Karras, "tf1" or "tf2", with 37 curves.
        folder: where to.
        source: what the weights are of, for the card.
    """
    graph = graph_bytes(ImageWindows(network), {"rows": torch.randn(3, 1, HEIGHT * WIDTH)}, ["values"])
    return write_bundle(
        folder, files={"model.onnx": graph},
        card={"name": "facegood", "method": "karras", "summary": "FACEGOOD Audio2Face's own network",
              "licence": _LICENCE, "sources": [{"name": source, "licence": _LICENCE, "use": "weights"}],
              "config": {"front_end": "lpc", "front_end_options": {"image_hz": FPS}, "frame_hz": FPS, "rows_before": 0,
                         "rows_after": 0, "space": FACEGOOD_116.name, "columns": TRAINED}})
