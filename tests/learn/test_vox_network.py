"""The network learns a toy problem; the exported graph equals it; its context is what its config says."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra personare[learn]")
pytest.importorskip("onnx", reason="export needs the extra personare[learn]")

from personare.assets import builtin_path  # noqa: E402
from personare.errors import AssetError, InputError  # noqa: E402
from personare.learn.data import Batch  # noqa: E402
from personare.learn.export import HALF_ABOVE, LAST, Folded, onnx_bytes, read_network, weights_bytes  # noqa: E402
from personare.learn.loop import TrainOptions, _begun_late, own_rows, train  # noqa: E402
from personare.learn.nets.vox import Vox, VoxConfig  # noqa: E402
from personare.motion.vox import open_vox  # noqa: E402
from personare.store import read_bundle  # noqa: E402

CONFIG = VoxConfig(band_count=8, width=48, dilations=(1, 2), aheads=(1, 0), dropout=0.0)
CONTEXT = CONFIG.frames_before + CONFIG.frames_after


class Toy:
    """Frames with sound in the upper bands are closed, with phone 1; nothing else happens."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def batch(self, size):
        """A Batch of 40 frames."""
        closed = self.rng.random((size, 40 + CONTEXT)) < 0.3
        rows = self.rng.normal(0, 0.3, (size, 2 * (40 + CONTEXT) + 1, 8)).astype(np.float32)
        rows[:, 1::2, 4:] += 3 * closed[:, :, None]
        closed = closed[:, CONFIG.frames_before :][:, :40]
        gates = np.zeros((size, 40, 3), np.float32)
        gates[:, :, 0] = closed
        still = np.zeros((size, 40, 18), np.float32)
        return Batch(rows, still, gates, closed.astype(np.int64), np.ones(size, np.float32), CONFIG.frames_before)


def test_a_toy_problem_is_learned(tmp_path):
    network = Vox(CONFIG)
    options = TrainOptions(steps=150, batch_size=8, learning_rate=1e-2, average=0.9, half_precision=False)
    train([network], Toy, options, checkpoint=tmp_path / "c.pt")
    batch = Toy(99).batch(4)
    with torch.no_grad():
        curves, gates, phones = network(torch.from_numpy(batch.rows))
    assert ((gates[:, :, 0].numpy() > 0) == (batch.gates[:, :, 0] > 0)).mean() > 0.97
    assert (phones.argmax(2).numpy() == batch.phones).mean() > 0.97
    assert curves.abs().mean() < 0.05


def test_gates_may_be_asked_to_begin_late_and_end_in_time():
    network = Vox(CONFIG)
    train([network], Toy, TrainOptions(steps=200, batch_size=8, learning_rate=1e-2, average=0.9, half_precision=False,
                                       gate_lags=(1,)))
    batch = Toy(99).batch(8)
    with torch.no_grad():
        found = network(torch.from_numpy(batch.rows))[1][:, 1:, 0].numpy() > 0
    closed = batch.gates[:, :, 0] > 0
    late = closed[:, 1:] & closed[:, :-1]
    assert found[late].mean() > 0.95
    assert found[~late].mean() < 0.03


def test_an_example_of_late_gates_begins_late_too():
    gates = torch.tensor([0.0, 0.2, 0.9, 1.0, 0.4, 0.0])[None, :, None]
    curves = phones = torch.arange(6.0)[None, :, None]
    later, late, named = _begun_late((curves, gates, phones), 1)
    assert late.flatten().tolist() == pytest.approx([0.0, 0.2, 0.9, 0.4, 0.0])
    assert later.flatten().tolist() == named.flatten().tolist() == [1, 2, 3, 4, 5]
    assert torch.equal(_begun_late((curves, gates, phones), 0)[1], gates)


def test_a_checkpoint_of_other_networks_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("personare.learn.loop.SAVE_EVERY", 5)
    options = TrainOptions(steps=5, batch_size=2, half_precision=False)
    train([Vox(CONFIG)], Toy, options, checkpoint=tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="2 networks"):
        train([Vox(CONFIG), Vox(CONFIG)], Toy, options, checkpoint=tmp_path / "checkpoint.pt")


def test_a_stopped_run_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("personare.learn.loop.SAVE_EVERY", 10)
    steps = []

    def run(count):
        network = Vox(CONFIG)
        options = TrainOptions(steps=count, batch_size=4, half_precision=False)
        return train([network], Toy, options, checkpoint=tmp_path / "c.pt",
                     report=lambda step, *_: steps.append(step))[0]

    kept, again = run(50).state_dict(), run(50).state_dict()
    assert steps == [50]
    assert all(torch.equal(kept[name], again[name]) for name in kept)
    run(100)
    assert steps == [50, 100]


def test_a_student_with_less_context_sees_its_own_rows_and_learns_too():
    small = VoxConfig(band_count=8, width=32, dilations=(1,), aheads=(1,), dropout=0.0)
    batch = Toy(1).batch(2)
    rows = own_rows(batch, small)
    assert rows.shape[1] == 2 * (40 + small.frames_before + small.frames_after) + 1
    # The row in the middle of the first frame is the same one.
    np.testing.assert_array_equal(rows[:, 2 * small.frames_before + 1], batch.rows[:, 2 * CONFIG.frames_before + 1])
    teacher, student = Vox(CONFIG), Vox(small)
    losses = []
    train([teacher, student], Toy, TrainOptions(steps=150, batch_size=8, learning_rate=1e-2, half_precision=False,
                                                average=0.9), report=lambda step, seconds, loss: losses.append(loss))
    assert losses[-1][1] < 0.4 * losses[0][1]


def test_a_teacher_is_imitated_and_left_as_it_was():
    teacher, student = Vox(CONFIG).eval(), Vox(CONFIG)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    losses = {}
    for name, example in (("alone", None), ("taught", teacher)):
        torch.manual_seed(0)
        student = Vox(CONFIG)
        train([student], Toy, TrainOptions(steps=50, batch_size=4, half_precision=False), teacher=example,
              report=lambda step, seconds, loss, name=name: losses.update({name: loss[0]}))
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    # A teacher that knows nothing is in the way.
    assert losses["taught"] > losses["alone"]


@pytest.mark.parametrize(("bits", "near"), [(16, 1e-3), (8, 2e-2), (4, 0.1)])
def test_phones_are_given_as_posteriors(bits, near):
    import onnxruntime

    network = Vox(CONFIG).eval()
    graph = onnx_bytes(Folded(network, phones=True), outputs=("phones",), bits=bits)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    rows = np.random.default_rng(0).normal(size=(1, 2 * (5 + CONTEXT) + 1, 8)).astype(np.float32)
    (phones,) = session.run(None, {"rows": rows})
    with torch.no_grad():
        expected = network(torch.from_numpy(rows))[2].softmax(2)
    np.testing.assert_allclose(phones, expected, atol=near)
    np.testing.assert_allclose(phones.sum(2), 1, atol=1e-5)
    large = sum(value.numel() * (16 if bits == 4 and name in LAST else bits) / 8
                for name, value in network.named_parameters() if value.numel() > HALF_ABOVE)
    assert len(graph) < large + 20_000


def test_the_graph_equals_the_network():
    import onnxruntime

    torch.manual_seed(0)
    network = Vox(CONFIG, mean=torch.full((8,), -3.0), std=torch.full((8,), 2.0))
    with torch.no_grad():
        network.train()(torch.randn(4, 41, 8))
    folded = Folded(network.eval())
    session = onnxruntime.InferenceSession(onnx_bytes(folded), providers=["CPUExecutionProvider"])
    rows = torch.randn(1, 2 * (20 + CONTEXT) + 1, 8)
    with torch.no_grad():
        expected = folded(rows)
        original = network(rows)
    for got, want, near in zip(session.run(None, {"rows": rows.numpy()}), expected, original, strict=False):
        np.testing.assert_allclose(got, want, atol=1e-5)
        np.testing.assert_allclose(got, near, atol=2e-2)


def test_context_is_as_declared():
    network = Vox(CONFIG).eval()
    rows = torch.randn(1, 2 * (9 + CONTEXT) + 1, 8)
    with torch.no_grad():
        before = network(rows)[1]
        assert before.shape == (1, 9, 3)
        middle = 4
        first, last = 2 * middle, 2 * (middle + CONTEXT) + 2
        for row, changes in ((first - 1, False), (first, True), (last, True), (last + 1, False)):
            other = rows.clone()
            other[:, row] += 5
            assert bool((network(other)[1][:, middle] != before[:, middle]).any()) is changes


def test_weights_come_back_as_the_network_they_were(tmp_path):
    pytest.importorskip("safetensors", reason="weights need the extra personare[learn]")
    torch.manual_seed(1)
    network = Vox(CONFIG, mean=torch.full((8,), -3.0)).eval()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weights_bytes(network))
    again = read_network(path)
    assert again.config == CONFIG
    rows = torch.randn(1, 2 * (20 + CONTEXT) + 1, 8)
    with torch.no_grad():
        for got, want in zip(again(rows), network(rows), strict=True):
            np.testing.assert_allclose(got, want, atol=2e-2)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(AssetError, match=r"weights\.safetensors: not the weights of a vox network"):
        read_network(path)


def test_the_shipped_weights_are_those_of_the_shipped_graph():
    pytest.importorskip("safetensors", reason="weights need the extra personare[learn]")
    method = open_vox()
    bundle = read_bundle(builtin_path("vox"))
    network = read_network(bundle.path("weights.safetensors"))
    context = method.options.frames_before + method.options.frames_after
    rows = np.random.default_rng(0).normal(-8, 3, (2 * (30 + context) + 1, 64)).astype(np.float32)
    with torch.no_grad():
        curves, gates, _ = network(torch.from_numpy(rows)[None])
    np.testing.assert_allclose(method.run(rows)[:, :18], curves[0], atol=2e-2)
    assert np.corrcoef(method.run(rows)[:, 18:].ravel(), gates[0].ravel())[0, 1] > 0.9999
