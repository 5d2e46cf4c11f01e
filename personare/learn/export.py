"""Trained network -> bundle files: an ONNX graph to run, and the weights to go on training from, both in 16 bits."""

import dataclasses
import io
import json

import torch
from torch import nn

from personare.errors import AssetError

OPSET = 17
# Weights that share a scale where they have 4 bits; the scale is the best of these shares of the largest.
GROUP, SHARES = 96, (1.0, 0.9, 0.8, 0.7, 0.6)
# Smaller tensors stay in 32 bits; they are biases and cost nothing.
HALF_ABOVE = 1024
# Where the others have 4 bits these have 16: small, and nothing after them makes up for their errors.
LAST = ("phones.weight", "curves.weight", "gates.weight")


class Folded(nn.Module):
    """A Vox for inference: each convolution with its normalisation folded in, weights rounded to 16 bits.

    Args:
        network: a trained learn.nets.vox.Vox.
        phones: give the posteriors of phones instead of curves and gates.
    """

    def __init__(self, network, *, phones=False):
        super().__init__()
        self.gives_phones = phones
        fuse = torch.nn.utils.fusion.fuse_conv_bn_eval
        network = network.eval()
        self.register_buffer("mean", network.mean)
        self.register_buffer("std", network.std)
        self.stem = fuse(network.stem, network.stem_norm)
        self.convolutions = nn.ModuleList(fuse(block.convolution, block.norm) for block in network.blocks)
        self.cuts = [(block.cut_before, block.cut_after) for block in network.blocks]
        self.hidden, self.phones = network.head[0], network.phones
        self.curves, self.gates = network.curves, network.gates
        with torch.no_grad():
            for value in self.parameters():
                if value.numel() > HALF_ABOVE:
                    value.copy_(value.half().float())

    def forward(self, rows):
        """curves (b, t, 18) and gates (b, t, 3) as in Vox, or posteriors (b, t, 42) alone."""
        x = ((rows - self.mean) / self.std).transpose(1, 2)
        x = torch.relu(self.stem(x))
        for convolution, (before, after) in zip(self.convolutions, self.cuts, strict=True):
            x = x[:, :, before : x.shape[2] - after] + torch.relu(convolution(x))
        x = torch.relu(self.hidden(x))
        phones = self.phones(x).softmax(1)
        if self.gives_phones:
            return phones.transpose(1, 2)
        x = torch.cat([x, phones], 1)
        return self.curves(x).transpose(1, 2), self.gates(x).transpose(1, 2)


def onnx_bytes(folded, *, outputs=("curves", "gates"), bits=16, rows=None, row_count=301):
    """The graph as bytes: input "rows" (1, r, c), and outputs (1, t, d).

    Args:
        folded: a Folded network.
        outputs: names of what it gives, in order.
        bits: of each large weight, 16, 8 or 4; with 8 there is a scale for each output channel, with 4 one for
            every 96 weights of it.
        rows: (b, r, c) float32 examples of the input; weights of 4 bits are then rounded for these.
        row_count: rows of the example the graph is traced with.
    """
    import copy
    import warnings

    from personare.learn.rounding import input_moments

    folded = copy.deepcopy(folded).eval()
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(folded, (torch.zeros(1, row_count, len(folded.mean)),), file, opset_version=OPSET,
                          dynamo=False, input_names=["rows"], output_names=list(outputs),
                          dynamic_axes={"rows": {1: "r"}, **{name: {1: "t"} for name in outputs}})
    return with_short_weights(file.getvalue(), bits, {} if rows is None else input_moments(folded, rows))


def graph_bytes(network, inputs, outputs):
    """A network as an ONNX graph; the first axis of everything is free.

    Args:
        network: nn.Module; put into evaluation mode.
        inputs: name -> example tensor, in the order that forward takes them.
        outputs: names of what it gives, in order.

    Returns:
        bytes.
    """
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), tuple(inputs.values()), file, opset_version=OPSET, dynamo=False,
                          input_names=list(inputs), output_names=list(outputs),
                          dynamic_axes={name: {0: "t"} for name in (*inputs, *outputs)})
    return file.getvalue()


def weights_bytes(network):
    """The network as safetensors: large tensors in 16 bits, its VoxConfig as JSON in the metadata.

    Args:
        network: a learn.nets.vox.Vox.
    """
    from safetensors.torch import save

    state = {name: value.half() if value.is_floating_point() and value.numel() > HALF_ABOVE else value
             for name, value in network.state_dict().items()}
    return save(state, metadata={"config": json.dumps(dataclasses.asdict(network.config))})


def read_network(path):
    """The network that weights_bytes wrote, in evaluation mode, to train on.

    Args:
        path: weights.safetensors of a bundle.

    Raises:
        AssetError: the file is damaged or not of this network.
    """
    from safetensors import SafetensorError, safe_open

    from personare.learn.nets.vox import Vox, VoxConfig

    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads(file.metadata()["config"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config = VoxConfig(**{name: tuple(value) if isinstance(value, list) else value
                              for name, value in config.items()})
        network = Vox(config)
        network.load_state_dict(state)
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise AssetError(f"{path}: not the weights of a vox network ({error}); train it again") from error
    return network.eval()


def with_short_weights(content, bits, moments=None):
    """Store large weights in few bits, with what makes numbers of them in front; runtimes fold that when they load.

    Args:
        content: bytes of an ONNX graph.
        bits: 16, 8 or 4.
        moments: name of a weight -> (n, n) moments of its inputs, see rounding.input_moments; used with 4 bits.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, numpy_helper

    store = {16: _in_16_bits, 8: _in_8_bits,
             4: lambda name, values: _in_4_bits(name, values, (moments or {}).get(name))}[bits]
    model = onnx.load_from_string(content)
    nodes, tensors = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > HALF_ABOVE:
            values = numpy_helper.to_array(tensor)
            more, steps = (_in_16_bits if bits == 4 and tensor.name in LAST else store)(tensor.name, values)
            nodes += steps
            tensors += [numpy_helper.from_array(np.asarray(value), name) for name, value in more.items()]
        else:
            tensors.append(tensor)
    nodes += model.graph.node
    for kept, new in ((model.graph.initializer, tensors), (model.graph.node, nodes)):
        copies = [type(item).FromString(item.SerializeToString()) for item in new]
        del kept[:]
        kept.extend(copies)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _in_16_bits(name, values):
    from onnx import TensorProto, helper

    return {f"{name}.short": values.astype("float16")}, [
        helper.make_node("Cast", [f"{name}.short"], [name], to=TensorProto.FLOAT)]


def _in_8_bits(name, values):
    import numpy as np
    from onnx import TensorProto, helper

    scale = np.maximum(np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True), 1e-8) / 127
    return {f"{name}.short": np.round(values / scale).astype(np.int8), f"{name}.scale": scale.astype(np.float32)}, [
        helper.make_node("Cast", [f"{name}.short"], [f"{name}.whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.whole", f"{name}.scale"], [name])]


def _in_4_bits(name, values, moments=None):
    """Two weights to a byte: the first half of them in the low bits, the second half in the high bits."""
    import numpy as np
    from onnx import TensorProto, helper

    from personare.learn.rounding import rounded

    outputs, inputs, taps = values.shape
    size = GROUP if inputs % GROUP == 0 else inputs
    groups = values.reshape(outputs, inputs // size, size, taps)
    most = np.maximum(np.abs(groups).max(axis=2, keepdims=True), 1e-8) / 7
    scales = [(share * most).astype(np.float16).astype(np.float32).clip(6e-8) for share in SHARES]
    power = np.ones(groups.shape[1:]) if moments is None else np.diag(moments).reshape(groups.shape[1:])
    errors = [(np.square(groups - scale * np.round(groups / scale).clip(-7, 7)) * power).sum(axis=2, keepdims=True)
              for scale in scales]
    scale = np.take_along_axis(np.stack(scales), np.argmin(errors, axis=0)[None], axis=0)[0]
    if moments is None:
        whole = np.round(groups / scale).clip(-7, 7)
    else:
        flat = np.broadcast_to(scale, groups.shape).reshape(outputs, -1)
        whole = rounded(values.reshape(outputs, -1), flat, moments, most=7).reshape(groups.shape)
    low, high = np.split((whole + 8).astype(np.uint8).ravel(), 2)
    tensors = {"short": low | (high << 4), "four": np.uint8(4), "sixteen": np.uint8(16), "middle": np.float32(8),
               "scale": scale.astype(np.float16), "grouped": np.array(groups.shape), "shape": np.array(values.shape)}
    # Bytes as long as possible: what is folded takes memory while the graph is opened.
    steps = [("Mod", ["short", "sixteen"], "low"), ("BitShift", ["short", "four"], "high"),
             ("Concat", ["low", "high"], "codes"), ("Reshape", ["codes", "grouped"], "groups"),
             ("Cast", ["groups"], "whole"), ("Sub", ["whole", "middle"], "signed"), ("Cast", ["scale"], "factor"),
             ("Mul", ["signed", "factor"], "scaled"), ("Reshape", ["scaled", "shape"], "")]
    options = {"Cast": {"to": TensorProto.FLOAT}, "Concat": {"axis": 0}, "BitShift": {"direction": "RIGHT"}}
    return {f"{name}.{key}": value for key, value in tensors.items()}, [
        helper.make_node(kind, [f"{name}.{part}" for part in taken], [f"{name}.{given}" if given else name],
                         **options.get(kind, {})) for kind, taken, given in steps]
