"""Trained network -> ONNX graph: normalisation folded away, weights stored in 16 bits, a fixed opset."""

import io

import torch
from torch import nn

OPSET = 17
# Smaller tensors stay in 32 bits; they are biases and cost nothing.
HALF_ABOVE = 1024


class Folded(nn.Module):
    """A Vox for inference: each convolution with its normalisation folded in, weights rounded to 16 bits.

    Args:
        network: a trained learn.nets.vox.Vox.
    """

    def __init__(self, network):
        super().__init__()
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
        """curves (b, t, 18) and gates (b, t, 3) as in Vox."""
        x = ((rows - self.mean) / self.std).transpose(1, 2)
        x = torch.relu(self.stem(x))
        for convolution, (before, after) in zip(self.convolutions, self.cuts, strict=True):
            x = x[:, :, before : x.shape[2] - after] + torch.relu(convolution(x))
        x = torch.relu(self.hidden(x))
        x = torch.cat([x, self.phones(x).softmax(1)], 1)
        return self.curves(x).transpose(1, 2), self.gates(x).transpose(1, 2)


def onnx_bytes(folded, *, row_count=301):
    """The graph as bytes: input "rows" (1, r, c), outputs "curves" and "gates".

    Args:
        folded: a Folded network.
        row_count: rows of the example the graph is traced with.
    """
    import copy
    import warnings

    folded = copy.deepcopy(folded).eval()
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(folded, (torch.zeros(1, row_count, len(folded.mean)),), file, opset_version=OPSET,
                          dynamo=False, input_names=["rows"], output_names=["curves", "gates"],
                          dynamic_axes={"rows": {1: "r"}, "curves": {1: "t"}, "gates": {1: "t"}})
    return _with_half_weights(file.getvalue())


def _with_half_weights(content):
    """Store large weights in 16 bits, with a cast in front; runtimes fold the cast when they load."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(content)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > HALF_ABOVE:
            name = tensor.name
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half")
            tensor.CopyFrom(half)
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model.SerializeToString()
