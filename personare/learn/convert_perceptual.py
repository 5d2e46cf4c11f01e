"""LPIPS's released weights -> a bundle that compares pictures without torch."""

import io

import numpy as np
import torch

from personare.learn.export import OPSET
from personare.learn.nets.perceptual import perceptual_of
from personare.store import write_bundle

# What personare.metrics.pictures reads, a neighbour of this layer.
GRAPH, LINEAR, METHOD = "model.onnx", "linear.npz", "perceptual"
_LICENCE = "that of the checkpoints; LPIPS's is BSD-2-Clause, torchvision's BSD-3-Clause"


def perceptual_bundle(body, linear, folder, *, source):
    """Write a bundle of a network and the weights of its layers.

    Args:
        body, linear: see nets.perceptual.perceptual_of.
        folder: where to.
        source: what the weights are of, for the card.

    Returns:
        store.Bundle.

    Raises:
        InputError: tensors of another layout.
    """
    network, weights, kind = perceptual_of(body, linear)
    names = [f"layer_{i}" for i in range(len(weights))]
    file = io.BytesIO()
    np.savez(file, **dict(zip(names, weights, strict=True)))
    return write_bundle(folder, files={GRAPH: _graph(network, names), LINEAR: file.getvalue()}, card={
        "name": f"lpips-{kind}", "method": METHOD, "summary": "perceptual distance of two pictures",
        "licence": _LICENCE, "sources": [{"name": source, "licence": _LICENCE, "use": "weights"}], "config": {}})


def _graph(network, names):
    """Bytes of the ONNX graph, for pictures of any number and size."""
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.rand(2, 3, 64, 64),), file, opset_version=OPSET, dynamo=False,
                          input_names=["pictures"], output_names=names,
                          dynamic_axes={name: {0: "n", 2: "h", 3: "w"} for name in ("pictures", *names)})
    return file.getvalue()
