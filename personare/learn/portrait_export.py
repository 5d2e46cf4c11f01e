"""Trained networks of portraits as bundles that run without torch."""

import io
import warnings

import numpy as np
import torch

from personare.learn.export import OPSET
from personare.store import write_bundle

WEIGHTS = "weights.safetensors"


def picture_graph(network, inputs, output):
    """A network on pictures as an ONNX graph; how many, how high and how wide is free.

    Args:
        network: nn.Module; put into evaluation mode.
        inputs: name -> example tensor, in the order that forward takes them.
        output: name of what it gives.

    Returns:
        bytes.
    """
    free = {name: {0: f"{name}_n"} | ({2: f"{name}_h", 3: f"{name}_w"} if value.ndim == 4 else {})
            for name, value in inputs.items()}
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), tuple(inputs.values()), file, opset_version=OPSET, dynamo=False,
                          input_names=list(inputs), output_names=[output],
                          dynamic_axes=free | {output: {0: "n", 2: "h", 3: "w"}})
    return file.getvalue()


def portrait_bundle(folder, task, networks, *, name=None, licence="", sources=(), size=None, layout=""):
    """Write a bundle: the graphs, the weights to go on from, and the card.

    Args:
        folder: where to.
        task: a portrait_tasks.Task.
        networks: nn.ModuleDict as its `networks` gives them; the judge is left out.
        name: of the bundle; default the task's.
        licence, sources: for the card.
        size: (w, h) pixels it was trained on; None where it is not known.
        layout: of the textures it knows: "bfm" for those of the originals, "" for those of our clips.

    Returns:
        store.Bundle.
    """
    from safetensors.torch import save

    networks = networks.eval().cpu()
    files = {file: picture_graph(module, inputs, output)
             for file, (module, inputs, output) in task.graphs(networks).items()}
    for file, array in task.arrays(networks).items():
        packed = io.BytesIO()
        np.save(packed, array)
        files[file] = packed.getvalue()
    state = {f"{part}.{key}": value.contiguous() for part, network in networks.items() if part != "judge"
             for key, value in network.state_dict().items()}
    files[WEIGHTS] = save(state)
    return write_bundle(folder, files=files, card={
        "name": name or task.name, "method": task.name, "summary": task.summary, "licence": licence,
        "sources": list(sources), "config": {"own": task.own(), "size": list(size) if size else [], "layout": layout}})
