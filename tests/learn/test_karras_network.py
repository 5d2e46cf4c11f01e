"""The networks of Karras et al. beyond parity: what the paper's variant is told, its losses, and ours over time."""

import graphs
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from personare.errors import InputError  # noqa: E402
from personare.learn.nets.karras import (  # noqa: E402
    NOISE_BASE,
    Balance,
    Karras,
    KarrasConfig,
    motion_loss,
    regularisation_loss,
)
from personare.learn.nets.karras_time import (  # noqa: E402
    CONTEXT_ROWS,
    KarrasTime,
    KarrasTimeConfig,
    KarrasTimeWindows,
)


@pytest.fixture
def paper():
    torch.manual_seed(0)
    return Karras(KarrasConfig(5, variant="paper", emotion_size=6, emotions=40))


def test_the_paper_s_network_is_told_an_emotion_at_every_layer(paper):
    paper.eval()
    images, emotion = torch.randn(3, 32, 64), torch.randn(3, 6)
    with torch.no_grad():
        said = paper(images, emotion)
        assert not torch.allclose(said, paper(images, emotion + 1), atol=1e-3)
        mean = paper.database.mean(0, keepdim=True).expand(3, -1)
        torch.testing.assert_close(paper(images), paper(images, mean))
        # Without what the first four layers are told, the last one alone still moves it, and the other way round.
        for layer in paper.articulation[1:]:
            layer.convolution.weight[:, 256:] = 0
        assert not torch.allclose(paper(images, emotion), paper(images, emotion + 1), atol=1e-4)
        paper.basis_weights.weight[:, 256:] = 0
        torch.testing.assert_close(paper(images, emotion), paper(images, emotion + 1))
    # FACEGOOD's own, without its five layers of the emotion and with one row of the database.
    layers = 4 * (3 * 16 * 16 + 16) + 4 * 16 * 16 + 16
    assert sum(p.numel() for p in Karras(KarrasConfig(37)).parameters()) == 1473204 - layers + 16


def test_noise_is_of_training_alone_and_shared_by_the_frames_of_an_item(paper):
    image = torch.randn(2, 1, 32, 64).expand(2, 2, 32, 64)
    emotion = torch.zeros(2, 2, 6)
    with torch.no_grad():
        noisy = paper.train()(image, emotion)
        assert not torch.allclose(noisy, paper(image, emotion), atol=1e-4)
        torch.testing.assert_close(noisy[:, 0], noisy[:, 1])
        assert torch.equal(paper.eval()(image, emotion), paper(image, emotion))
    assert NOISE_BASE == 1.4


def test_losses_of_adjacent_frames():
    a, b = torch.randn(4, 2, 3, dtype=torch.float64), torch.randn(4, 2, 3, dtype=torch.float64)
    steps = (a[:, 1] - a[:, 0]) - (b[:, 1] - b[:, 0])
    assert motion_loss(a, b).item() == pytest.approx(2 * float((steps**2).mean()))
    assert motion_loss(a + 5, a).item() == pytest.approx(0, abs=1e-20)
    still = torch.ones(4, 2, 3)
    assert regularisation_loss(still).item() == 0
    assert regularisation_loss(a).item() == pytest.approx(
        2 * float(((a[:, 1] - a[:, 0]) ** 2).mean()) / float((a**2).mean()))
    assert regularisation_loss(3 * a).item() == pytest.approx(regularisation_loss(a).item())


def test_balanced_losses_do_not_depend_on_their_scale():
    one, other = Balance(2), Balance(2)
    for step in range(1, 6):
        parts = torch.tensor([1.0 / step, 3.0 + step], requires_grad=True)
        total, scaled = one(*parts), other(100 * parts[0], parts[1])
        torch.testing.assert_close(total, scaled)
    state = one.state_dict()
    assert set(state) == {"step", "squares"}
    again = Balance(2)
    again.load_state_dict(state)
    torch.testing.assert_close(again(*parts), one(*parts))


def test_over_time_windows_say_what_the_whole_says():
    torch.manual_seed(1)
    networks = torch.nn.ModuleList(
        KarrasTime(KarrasTimeConfig(3, 10, 2, width=12, style_size=4)).eval() for _ in range(2))
    rows, style = torch.randn(1, 2 * 7 - 1 + 2 * CONTEXT_ROWS, 10), torch.randn(1, 8)
    with torch.no_grad():
        whole = sum(one(rows, style[:, 4 * i : 4 * i + 4]) for i, one in enumerate(networks))[0] / 2
        windows = torch.stack([rows[0, 2 * i : 2 * i + 2 * CONTEXT_ROWS + 1] for i in range(7)])
        torch.testing.assert_close(KarrasTimeWindows(networks)(windows, style.expand(7, -1)), whole)
        alone = KarrasTimeWindows(networks)(windows[3:4], style)
        torch.testing.assert_close(alone, whole[3:4], atol=1e-6, rtol=1e-5)
        # The declared context is the whole of it: one row more changes nothing, one within changes something.
        one = networks[0]
        longer = torch.cat([torch.randn(1, 2, 10), rows, torch.randn(1, 2, 10)], 1)
        torch.testing.assert_close(one(longer, style[:, :4])[:, 1:-1], one(rows, style[:, :4]))
        changed = rows.clone()
        changed[:, 0] += 1
        assert not torch.allclose(one(changed, style[:, :4])[:, 0], one(rows, style[:, :4])[:, 0], atol=1e-6)


def frozen_graph(folder, network, *, without=()):
    """Write a network as FACEGOOD's frozen graph of 2021."""
    from personare.learn.convert_facegood import _LAYERS

    arrays = {}
    for i, name in enumerate(_LAYERS):
        stem = f"conv2d_{i}" if i else "conv2d"
        arrays |= dict(zip((f"{stem}/kernel", f"{stem}/bias"), kernel_and_bias(network, name), strict=True))
    for stem, name in (("dense", "basis_weights"), ("dense_1", "basis")):
        arrays |= dict(zip((f"{stem}/kernel", f"{stem}/bias"), kernel_and_bias(network, name), strict=True))
    path = folder / "zsmeif.pb"
    path.write_bytes(graphs.frozen({name: array for name, array in arrays.items() if name not in without}))
    return path


def saved_model(folder, network, *, without=()):
    """Write a network as FACEGOOD's SavedModel of 2023."""
    layers = [f"formant.{i}" for i in range(5)]
    layers += [f"{part}.{i}" for i in range(5) for part in ("articulation", "emotion")] + ["basis_weights", "basis"]
    arrays = [array for name in layers for array in kernel_and_bias(network, name)]
    constant = {"Const": network.constant.numpy().transpose(0, 2, 3, 1), "learning": np.ones((1,), np.float32)}
    path = folder / "Audio2Face"
    graphs.saved_model(path, arrays, {name: array for name, array in constant.items() if name not in without})
    return path


def kernel_and_bias(network, name):
    """A layer's arrays as TensorFlow keeps them."""
    layer = network.get_submodule(name)
    layer = getattr(layer, "convolution", layer)
    weight = layer.weight.detach().numpy()
    return np.moveaxis(weight, (0, 1), (-1, -2)) if weight.ndim == 4 else weight.T, layer.bias.detach().numpy()


@pytest.mark.parametrize(("variant", "write", "missing"), [
    ("tf1", frozen_graph, "dense_1/kernel"), ("tf2", saved_model, "Const")])
def test_facegood_s_releases_become_bundles(tmp_path, variant, write, missing):
    pytest.importorskip("onnx")
    from personare.cli import app
    from personare.learn.convert_facegood import TRAINED
    from personare.motion.karras import open_karras

    torch.manual_seed(0)
    network = Karras(KarrasConfig(37, variant=variant)).eval()
    app(["convert", str(write(tmp_path, network)), "-o", str(tmp_path / "bundle")], standalone_mode=False)
    opened = open_karras(tmp_path / "bundle")
    session = opened.session()
    sound = (0.1 * np.random.default_rng(0).standard_normal(16000)).astype(np.float32)
    said = np.concatenate([part.columns(TRAINED) for part in (session.push(sound), session.finish())])
    from personare.audio.lpc import lpc_images
    from personare.learn.convert import convert_checkpoint
    from personare.types import Audio

    with torch.no_grad():
        wanted = network(torch.from_numpy(lpc_images(Audio(sound, 16000)).astype(np.float32))).numpy()
    np.testing.assert_allclose(said, wanted, atol=1e-5)
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="dense_1/kernel" if variant == "tf1" else "one constant of shape"):
        convert_checkpoint(write(tmp_path / "other", network, without=[missing]), tmp_path / "no")


def test_other_shapes_and_numbers_that_are_cut_off_are_refused(tmp_path):
    from personare.learn.convert import convert_checkpoint

    path = saved_model(tmp_path, Karras(KarrasConfig(38, variant="tf2")).eval())
    for named in (path, path / "saved_model.pb"):
        with pytest.raises(InputError, match=r"variables/32.*shape \(37, 150\)"):
            convert_checkpoint(named, tmp_path / "no")
    data = path / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-4])
    with pytest.raises(InputError, match="ends outside the data"):
        convert_checkpoint(path, tmp_path / "no")
    data.unlink()
    with pytest.raises(InputError, match="No such file"):
        convert_checkpoint(path, tmp_path / "no")
