"""Threads, blocks and pieces change nothing: each method's bundle says the same within 1e-5 of its largest value.

Networks are as they are drawn, or drawn once more where they begin at zero: what is tested is arithmetic, not learning.
"""

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")
import onnxruntime  # noqa: E402

from personare import registry  # noqa: E402
from personare.audio import networks  # noqa: E402
from personare.learn.dataset import Meta, open_dataset, write_clip  # noqa: E402
from personare.learn.prepared import prepared  # noqa: E402
from personare.learn.recipes import RECIPES, options_of, recipe_class  # noqa: E402
from personare.motion import facetalk, session, windows  # noqa: E402
from personare.spaces import Space  # noqa: E402
from personare.store import write_bundle  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402

TOLERANCE = 1e-5
MEL = '{"name": "mel", "options": {"band_count": 8, "rate_hz": 30.0}}'
HEARS = {"front_end": MEL, "fps": 15.0}
OPTIONS = {
    "karras": {"width": 8, "networks": 2, "bands": 16, "phones": False}, "karras-paper": {}, "facegood": {},
    "puppetry": HEARS | {"window": 4, "codes": 4}, "puppetry-footage": {"frames": 100},
    "dvp": HEARS | {"rows": 7}, "dvp-ridge": HEARS | {"rows": 5, "every": 1},
    "faceformer": HEARS | {"context": 1, "every": 1, "width": 16, "seconds": 0.5},
    "stylist": {"width": 16, "front_end": "mel"},
    "facetalk": HEARS | {"known": 3, "fresh": 8, "overlap": 2, "steps": 3},
}
DEEP = ("karras-paper", "facegood")
BUILT_IN = ("vox", "vox-small", "vox-live", "vox-small-live", "facetalk")
# Lengths of sound pushed at a time, in turn; none divides another, nor any block.
PIECES = (701, 4001, 37, 11003)
FACE = Space("mine", ("jaw", "lips"))


def clips(folder, seconds):
    """Two people whose jaw follows the loudness."""
    rng = np.random.default_rng(3)
    for name in ("a", "b"):
        level = np.repeat(rng.uniform(0, 1, 10 * seconds), 1600)
        sound = (0.3 * level * rng.standard_normal(len(level))).astype(np.float32)
        jaw = level[(np.arange(30 * seconds) * 1600) // 3]
        motion = Motion(np.stack([jaw, 0.3 + 0.5 * jaw * jaw], 1).astype(np.float32), 30, FACE)
        write_clip(folder, name, audio=Audio(sound, 16000), motion=motion, meta=Meta(speaker=name, licence="CC0"))
    return open_dataset(folder)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Function: folder of a bundle of a method, exported once."""
    home, made = tmp_path_factory.mktemp("made"), {}

    def of(method):
        if method not in made:
            kind, more = recipe_class(method), {}
            if method == "puppetry-footage":
                more = {"base": str(of("puppetry"))}
            recipe = kind(options_of(kind.options_type, OPTIONS[method] | more))
            seconds = 16 if method == "puppetry-footage" else 3
            dataset = clips(home / f"data-{seconds}", seconds)
            corpus = prepared(dataset, recipe.front_end(), fps=recipe.fps, columns=FACE.columns)
            torch.manual_seed(0)
            network = recipe.network(corpus).eval()
            with torch.no_grad():
                for value in network.parameters():
                    # As torch draws them, ten layers in a row leave nothing of what goes in.
                    if not value.any() or (method in DEEP and value.ndim > 1):
                        value.normal_(0, (2 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1)
            files, config = recipe.export(network, corpus)
            write_bundle(home / method, files=files, card={
                "name": method, "method": recipe.method or method, "summary": "made by a test", "licence": "CC0",
                "sources": [], "config": config})
            made[method] = home / method
        return made[method]

    return of


@pytest.fixture
def sound(rng):
    level = np.repeat(rng.uniform(0, 1, 17), 1600)
    return (0.3 * level * rng.standard_normal(len(level))).astype(np.float32)


def said(method, sound, *, bundle=None, pieces=None, threads=1, monkeypatch=None):
    """(t, k) values, by graphs that use so many threads."""
    opening = onnxruntime.InferenceSession

    def with_threads(path, settings, **options):
        assert settings.intra_op_num_threads == 1
        settings.intra_op_num_threads = threads
        return opening(path, settings, **options)

    with monkeypatch.context() as patch:
        patch.setattr(onnxruntime, "InferenceSession", with_threads)
        name = recipe_class(method).method or method if bundle else method
        opened = registry.load("motion", name)(*([bundle] if bundle else []))
        take = opened.session(fps=25.0)
        stops = [0, *np.cumsum(PIECES * 2)] if pieces else [0, len(sound)]
        parts = [take.push(sound[start:stop]) for start, stop in pairwise(stops)]
        return np.concatenate([part.values for part in (*parts, take.finish())])


def with_blocks(patch, frames, seconds):
    """Everything that goes through networks block by block takes blocks of other sizes."""
    patch.setattr(windows, "BLOCK_FRAMES", frames)
    patch.setattr(networks, "BLOCK_FRAMES", frames)
    for module in (windows, facetalk, session):
        patch.setattr(module, "BLOCK_S", seconds)


def check(name, sound, monkeypatch, **given):
    whole = said(name, sound, monkeypatch=monkeypatch, **given)
    size = max(1.0, float(np.abs(whole).max()))
    assert whole.std(axis=0).max() > 1e-4
    far = {}
    for threads in (2, 4):
        far[f"{threads} threads"] = said(name, sound, threads=threads, monkeypatch=monkeypatch, **given)
    far["pieces"] = said(name, sound, pieces=True, monkeypatch=monkeypatch, **given)
    for frames, seconds in ((1, 0.3), (7, 1.0), (1000, 60.0)):
        with monkeypatch.context() as patch:
            with_blocks(patch, frames, seconds)
            far[f"blocks of {frames}"] = said(name, sound, pieces=frames == 7, threads=1 + (frames == 7) * 3,
                                              monkeypatch=monkeypatch, **given)
    for what, values in far.items():
        assert values.shape == whole.shape, what
        assert np.abs(values - whole).max() <= TOLERANCE * size, what


@pytest.mark.parametrize("method", RECIPES)
def test_a_bundle_says_the_same_however_it_is_run(method, bundle, sound, monkeypatch):
    check(method, sound, monkeypatch, bundle=bundle(method))


@pytest.mark.parametrize("method", BUILT_IN)
def test_so_do_the_built_in_models(method, sound, monkeypatch):
    check(method, sound, monkeypatch)
