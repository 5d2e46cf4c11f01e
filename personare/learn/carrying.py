"""An exported network -> the same network that carries its own past, so that live sound costs no frame twice.

The plain graph is valid: each run brings the 70 frames of context that its convolutions eat. The carrying graph keeps
the last inputs of each convolution instead, as one more input and output, and works on (t, c) rows, where a convolution
of three taps is one matrix product: two frames cost a quarter of what they did.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from personare.errors import InputError

STATE, NEXT = "state", "next"
_END = 2**31
_TAPS = 3


def carrying(content):
    """A plain graph of a vox network as one that carries its past.

    Args:
        content: bytes of a graph that export.onnx_bytes made, with curves and gates.

    Returns:
        bytes of a graph with inputs rows (2 t + 1, c) and state (s, width), outputs curves (t, 18), gates (t, 3) and
        next (s, width). Its frame j belongs to rows 2 j - 1 to 2 j + 1, and gives what the plain graph gives for frame
        j - frames_after. With a state of zeros the first s frames are wrong.

    Raises:
        InputError: another graph.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    blocks = [node for node in convolutions[1:] if list(_attribute(node, "kernel_shape")) == [_TAPS]]
    dense = [node for node in convolutions[1:] if node not in blocks]
    if len(dense) != 4 or [output.name for output in graph.output] != ["curves", "gates"]:
        raise InputError("content", expected="the graph of a vox network with curves and gates",
                         got=f"{len(convolutions)} convolutions", remedy="pass what onnx_bytes gives")
    build = _Builder(graph)
    x = build.stem(convolutions[0])  # (t, width)
    x, state = build.trunk(x, blocks)
    build.head(x, dense)
    outputs = (("curves", "t", build.size(dense[2])), ("gates", "t", build.size(dense[3])), (NEXT, *state))
    infos = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, *shape in group]
             for group in ((("rows", "r", build.bands), (STATE, *state)), outputs)]
    made = helper.make_model(helper.make_graph(build.nodes, "vox", *infos, build.tensors),
                             opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(made)
    return made.SerializeToString()


class _Builder:
    """Nodes and tensors of the new graph; weights stay in the few bits they are stored in."""

    def __init__(self, graph):
        self._sizes = {tensor.name: tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 1}
        # The exporter writes equal biases once; the others are copies of it.
        copies = [node for node in graph.node if node.op_type == "Identity" and node.input[0] in self._sizes]
        self._sizes |= {node.output[0]: self._sizes[node.input[0]] for node in copies}
        constants = {node.output[0]: numpy_helper.to_array(node.attribute[0].t)
                     for node in graph.node if node.op_type == "Constant"}
        # Each block adds its input less a cut at either end: what is cut before is its reach into the past.
        self._cuts = {node.input[0]: int(constants[node.input[1]][0])
                      for node in graph.node if node.op_type == "Slice"}
        first = next(i for i, node in enumerate(graph.node) if "rows" in node.input)
        self.bands = next(tensor.dims[0] for tensor in graph.initializer if tensor.name == "mean")
        # What lies before the first use of the rows turns stored weights into numbers.
        self.nodes = [*(node for node in graph.node[:first] if node not in copies), *copies]
        self.tensors = list(graph.initializer)

    def size(self, convolution):
        """Channels that come out of a convolution."""
        return self._sizes[convolution.input[2]]

    def stem(self, convolution):
        """(2 t + 1, c) rows -> (t, width): three rows side by side, every second one."""
        x = self._node("Div", self._node("Sub", "rows", "mean"), "std")
        parts = [self._slice(x, first, stop, step=2) for first, stop in ((0, -2), (1, _END), (2, _END))]
        return self._node("Relu", self._product(self._node("Concat", *parts, axis=1), convolution))

    def trunk(self, x, blocks):
        """x through the blocks; and the shape of the state."""
        dilations = [_attribute(block, "dilations")[0] for block in blocks]
        reaches = [(_TAPS - 1) * dilation for dilation in dilations]
        pasts = [f"past{i}" for i in range(len(blocks))]
        self.nodes.append(helper.make_node("Split", [STATE, self._tensor(np.array(reaches, np.int64))], pasts, axis=0))
        ends = []
        for block, past, dilation, reach in zip(blocks, pasts, dilations, reaches, strict=True):
            full = self._node("Concat", past, x, axis=0)  # (reach + t, width)
            ends.append(self._slice(full, -reach, _END))
            taps = [self._slice(full, i * dilation, i * dilation - reach or _END) for i in range(_TAPS)]
            cut = self._cuts[block.input[0]]
            inner = self._slice(full, cut, cut - reach or _END)
            y = self._node("Relu", self._product(self._node("Concat", *taps, axis=1), block))
            x = self._node("Add", inner, y)  # (t, width)
        self._node("Concat", *ends, axis=0, out=NEXT)
        return x, (sum(reaches), self.size(blocks[0]))

    def head(self, x, dense):
        """Curves and gates of the trunk's end."""
        hidden, phones, curves, gates = dense
        x = self._node("Relu", self._product(x, hidden))
        x = self._node("Concat", x, self._node("Softmax", self._product(x, phones), axis=1), axis=1)
        self._product(x, curves, out="curves")
        self._product(x, gates, out="gates")

    def _product(self, x, convolution, out=None):
        """(t, taps * c) times the weights (k, c, taps) of a convolution, plus its bias."""
        weight, bias = convolution.input[1:3]
        shape = self._tensor(np.array([-1, self.size(convolution)], np.int64))
        matrix = self._node("Reshape", self._node("Transpose", weight, perm=[2, 1, 0]), shape)
        return self._node("Add", self._node("MatMul", x, matrix), bias, out=out)

    def _slice(self, x, start, stop, step=1):
        return self._node("Slice", x, *(self._tensor(np.array([value], np.int64)) for value in (start, stop, 0, step)))

    def _tensor(self, values):
        name = f"constant{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(values, name))
        return name

    def _node(self, kind, *inputs, out=None, **options):
        out = out or f"made{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **options))
        return out


def _attribute(node, name):
    return next(attribute.ints for attribute in node.attribute if attribute.name == name)
