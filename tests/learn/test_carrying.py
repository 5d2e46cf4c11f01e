"""A graph that carries its past gives what the plain graph gives, in any pieces."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra personare[learn]")
pytest.importorskip("onnx", reason="export needs the extra personare[learn]")

from personare.errors import InputError  # noqa: E402
from personare.learn.carrying import carrying  # noqa: E402
from personare.learn.export import Folded, onnx_bytes  # noqa: E402
from personare.learn.nets.vox import Vox, VoxConfig  # noqa: E402

CONFIG = VoxConfig(band_count=8, width=96, dilations=(1, 2, 1), aheads=(1, 0, 2), dropout=0.0)
CONTEXT = CONFIG.frames_before + CONFIG.frames_after


def opened(content):
    import onnxruntime

    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("bits", [16, 4])
def test_frames_in_pieces_are_those_of_the_plain_graph(bits):
    torch.manual_seed(3)
    plain = onnx_bytes(Folded(Vox(CONFIG).eval()), bits=bits)
    rows = np.random.default_rng(0).normal(size=(2 * (40 + CONTEXT) + 1, 8)).astype(np.float32)
    expected = np.concatenate(opened(plain).run(None, {"rows": rows[None]}), axis=2)[0]
    graph, state, got, at = opened(carrying(plain)), np.zeros((CONTEXT, 96), np.float32), [], 0
    for count in (1, 2, 7, 1, 40 + CONTEXT - 11):
        *outputs, state = graph.run(None, {"rows": rows[2 * at:2 * (at + count) + 1], "state": state})
        got.append(np.concatenate(outputs, axis=1))
        at += count
    np.testing.assert_allclose(np.concatenate(got)[CONTEXT:], expected, atol=1e-5)


def test_another_graph_is_refused():
    phones = onnx_bytes(Folded(Vox(CONFIG).eval(), phones=True), outputs=("phones",))
    with pytest.raises(InputError, match="the graph of a vox network"):
        carrying(phones)
