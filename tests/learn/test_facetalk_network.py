"""The network of facetalk: what it sees, what it learns from, and that its bundle says what it says."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")
pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")

import personare  # noqa: E402
from personare.audio.front_ends import open_front_end  # noqa: E402
from personare.errors import AssetError, InputError  # noqa: E402
from personare.learn.diffusion import DiffusionOptions, facetalk_loss  # noqa: E402
from personare.learn.facetalk import WEIGHTS, block_network, facetalk_files, read_facetalk, run_options  # noqa: E402
from personare.learn.nets.facetalk import Facetalk, FacetalkConfig, paper  # noqa: E402
from personare.learn.prepared import Corpus  # noqa: E402
from personare.learn.recipes.facetalk import FacetalkRecipe, FacetalkTraining  # noqa: E402
from personare.motion.blocks import Blocks  # noqa: E402
from personare.motion.facetalk import open_facetalk  # noqa: E402
from personare.spaces import space_named  # noqa: E402
from personare.store import write_bundle  # noqa: E402
from personare.types import Audio  # noqa: E402

CONFIG = FacetalkConfig(row_width=5, columns=3, known=4, fresh=6, width=16, layers=2, heads=2, feedforward=24,
                        step_width=8, styles=2, gates=True, dropout=0.0, carried=True)
VARIANTS = {"ours": CONFIG, "as in the paper": replace(CONFIG, carried=False, causal=True, gates=False, styles=0),
            "wide hearing": replace(CONFIG, align=1)}
FRONT_END = open_front_end("mel", rate_hz=60.0, band_count=5)


def network_of(config):
    torch.manual_seed(1)
    network = Facetalk(config, code_mean=np.float32([0.3, 0.1, 0]), code_std=np.float32([0.2, 0.1, 0.05])).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return network


def inputs(config, seed=0):
    g, frames = torch.Generator().manual_seed(seed), config.known + config.fresh
    known = torch.zeros(2, frames)
    known[:, : config.known] = torch.tensor([[1.0], [-1.0]])
    return [torch.randn(2, frames, config.columns, generator=g), known,
            torch.randn(2, frames, config.width, generator=g), torch.ones(2), torch.tensor([700, 40]),
            torch.tensor([1, 0]) * bool(config.styles), torch.tensor([1.0, 1.3])]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_bundle_says_what_the_network_says(name, tmp_path, rng):
    network = network_of(VARIANTS[name])
    options = run_options(network, FRONT_END, ("jawOpen", "browInnerUp", "headYaw"), space="arkit-52", guidance=1.5,
                          styles=("one", "two") if network.config.styles else ())
    write_bundle(tmp_path, files=facetalk_files(network), card={
        "name": "facetalk", "method": "facetalk", "summary": "made by a test", "licence": "CC0", "sources": [],
        "config": msgspec.to_builtins(options)})
    opened = open_facetalk(tmp_path)
    assert opened.options == options
    takes = [Blocks(one, options, style=1 if opened.styles else 0, seed=3)
             for one in (opened.network, block_network(network))]
    for _ in range(4):
        rows = rng.standard_normal((takes[0].stop_row - takes[0].first_row, 5)).astype(np.float32)
        (codes, gates), (expected, told) = (take.next(rows) for take in takes)
        np.testing.assert_allclose(codes, expected, atol=1e-5)
        assert (gates is None) == (told is None)
        if gates is not None:
            np.testing.assert_allclose(gates, told, atol=1e-5)
        assert expected.std() > 0.1
    state = read_facetalk(tmp_path / WEIGHTS).state_dict()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    session = opened.session(style="two" if opened.styles else None, seed=2)
    assert len(session.push(np.zeros(16000, np.float32))) > 0
    with pytest.raises(InputError, match=r"one of one, two, got 'three'" if opened.styles else "has no styles"):
        opened.session(style="three")
    for name, value in (("seed", -1), ("strength", 5), ("steps", 0), ("guidance", -1)):
        with pytest.raises(InputError, match=name):
            opened.session(**{name: value})


def test_weights_of_16_bits_are_what_both_run(tmp_path):
    network = network_of(replace(CONFIG, width=64, feedforward=64))
    files = facetalk_files(network, bits=16)
    assert len(files["model.onnx"]) < 0.7 * len(facetalk_files(network)["model.onnx"])
    (tmp_path / WEIGHTS).write_bytes(files[WEIGHTS])
    (tmp_path / "model.onnx").write_bytes(files["model.onnx"])
    from personare.assets import open_graph

    given = inputs(network.config)
    names = ("window", "known", "tokens", "heard", "time", "style", "strength")
    found = open_graph(tmp_path / "model.onnx").run(None, {n: v.numpy() for n, v in zip(names, given, strict=True)})
    with torch.no_grad():
        expected = read_facetalk(tmp_path / WEIGHTS).denoiser(*given).numpy()
    np.testing.assert_allclose(found[0], expected, atol=2e-5)
    (tmp_path / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(AssetError, match="not the weights of a facetalk network"):
        read_facetalk(tmp_path / WEIGHTS)


@pytest.mark.parametrize("space", ["nphm-200", "flame-100"])
def test_any_space_is_diffused(space, tmp_path, rng):
    """Codes as small as NPHM's, told apart by their statistics alone."""
    columns = space_named(space).columns
    means, deviations = rng.normal(0, 0.01, len(columns)), rng.uniform(1e-4, 3e-2, len(columns))
    config = replace(CONFIG, columns=len(columns), gates=False)
    network = Facetalk(config, code_mean=np.float32(means), code_std=np.float32(deviations)).eval()
    write_bundle(tmp_path, files=facetalk_files(network), card={
        "name": "facetalk", "method": "facetalk", "summary": "made by a test", "licence": "CC0", "sources": [],
        "config": msgspec.to_builtins(run_options(network, FRONT_END, columns, space=space, styles=("a", "b")))})
    motion = personare.animate(Audio(0.1 * rng.standard_normal(64000), 16000), model=tmp_path, seed=1)
    assert motion.space.name == space
    assert motion.head_pose is None
    shares = (motion.values - means) / deviations
    assert 0.2 < shares.std() < 2
    assert np.abs(shares).max() < 8


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_frame_sees(name):
    """Derivatives are zero exactly where the paper's masks say so."""
    config = VARIANTS[name]
    network, given = network_of(config), inputs(config)
    window, tokens, frame = given[0].requires_grad_(), given[2].requires_grad_(), 6
    network.denoiser(*given)[0, frame].sum().backward()
    seen = window.grad[0].abs().sum(-1) > 0
    assert seen.tolist() == [not config.causal or i <= frame for i in range(10)]
    heard = tokens.grad[0].abs().sum(-1) > 0
    # Other frames' sound comes through self-attention alone.
    assert heard.tolist() == [not config.causal or i <= frame for i in range(10)]
    network.zero_grad()
    one = network.denoiser.layers[0].sound(torch.randn(1, 10, config.width), tokens[:1])
    grad = torch.autograd.grad(one[0, frame].sum(), tokens)[0][0].abs().sum(-1) > 0
    assert grad.tolist() == [abs(i - frame) <= config.align for i in range(10)]


def test_the_encoder_hears_what_it_says_it_needs():
    network = network_of(CONFIG)
    rows = torch.randn(1, CONFIG.row_count(7), 5, requires_grad=True)
    tokens, gates = network.encoder(rows)
    assert tokens.shape == (1, 7, 16)
    assert gates.shape == (1, 7, 3)
    seen = torch.autograd.grad(tokens[0, 3].square().sum(), rows)[0][0].abs().sum(-1) > 0
    # Frame 3 stands on row 2 * 3 of those that begin 2 (reach + 1) before frame 0.
    own, reach = 6 + 2 * (CONFIG.reach + 1), 2 * (CONFIG.reach + 1)
    assert torch.nonzero(seen).flatten()[[0, -1]].tolist() == [own - reach, own + reach]


def loss(network, *, seed=0):
    g = torch.Generator().manual_seed(3)
    rows = torch.randn(8, CONFIG.row_count(10), 5, generator=g)
    codes = torch.rand(8, 10, 3, generator=g)
    gates = torch.rand(8, 10, 3, generator=g)
    return facetalk_loss(network, rows, codes, gates=gates, style=torch.ones(8, dtype=torch.long),
                         options=DiffusionOptions(), generator=torch.Generator().manual_seed(seed))


def test_a_network_that_knows_the_answer_has_no_loss():
    class Knowing(torch.nn.Module):
        config, code_mean, code_std = CONFIG, torch.zeros(3), torch.ones(3)

        def encoder(self, rows):
            return torch.zeros(len(rows), 10, 16), torch.zeros(len(rows), 10, 3)

        def denoiser(self, window, known, tokens, heard, time, style, strength):
            assert sorted(set(known.unique().tolist())) == [-1, 0, 1]
            assert set(style.tolist()) == set(heard.tolist()) == {0, 1}
            return self.truth * strength[:, None, None] + self.wrong

    network, codes = Knowing(), torch.rand(64, 10, 3)
    network.truth, network.wrong = codes, 0.0
    rows = torch.randn(64, CONFIG.row_count(10), 5)

    def figure(valid=None):
        return facetalk_loss(network, rows, codes, style=torch.ones(64, dtype=torch.long), valid=valid,
                             options=DiffusionOptions(velocity=0), generator=torch.Generator().manual_seed(0)).item()

    assert figure() < 1e-10
    network.wrong = torch.zeros(10, 3)
    network.wrong[: CONFIG.known] = 5.0
    assert figure() < 1e-10
    network.wrong[8] = 1.0
    assert figure() == pytest.approx(1 / 6, rel=1e-5)
    valid = torch.ones(64, 10, dtype=torch.bool)
    valid[:, 8] = False
    assert figure(valid) < 1e-10


def test_it_learns_and_the_seed_decides():
    network = network_of(CONFIG).train()
    assert loss(network).item() == loss(network).item() != loss(network, seed=1).item()
    first = loss(network).item()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for step in range(60):
        optimiser.zero_grad()
        loss(network, seed=step).backward()
        optimiser.step()
    assert loss(network).item() < 0.7 * first


def test_the_size_of_the_paper():
    network = Facetalk(paper(58, 200))
    assert 25e6 < sum(value.numel() for value in network.parameters()) < 60e6
    assert network.config.causal
    assert not network.config.carried


def test_options_that_do_not_fit_are_refused():
    recipe = FacetalkRecipe(FacetalkTraining(front_end="mel", fps=20))
    assert recipe.network(corpus_of(recipe)).config.rows_per_frame == 3
    assert recipe.rows_before == 3 * 4
    with pytest.raises(InputError, match=r"fps: expected 60 \(rows of mel\) over a whole number, got 29; use 30"):
        FacetalkRecipe(FacetalkTraining(front_end="mel", fps=29))
    for name, value in (("size", "huge"), ("overlap", 30), ("deaf", 1), ("guidance", 0), ("strength_low", 2)):
        with pytest.raises(InputError, match=name):
            FacetalkTraining(**{name: value})


def corpus_of(recipe):
    """What a network needs to know of data, without any."""
    width = recipe.front_end().width
    return Corpus((), recipe.front_end(), recipe.fps, space_named("arkit-52"), ("jawOpen",), ("a", "b"), ("",),
                  np.zeros(width, np.float32), np.ones(width, np.float32), np.zeros(1, np.float32),
                  np.ones(1, np.float32), np.zeros(width, np.float32))
