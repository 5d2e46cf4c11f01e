"""Each published method learns what is there to learn, and its bundle says what its network says, without torch."""

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

from personare.audio.front_ends import features_of, open_front_end  # noqa: E402
from personare.errors import InputError  # noqa: E402
from personare.learn.dataset import Meta, open_dataset, write_clip  # noqa: E402
from personare.learn.learning import learn  # noqa: E402
from personare.learn.prepared import prepared  # noqa: E402
from personare.learn.recipes import RECIPES, recipe_class  # noqa: E402
from personare.learn.recipes.hearing import heard_through  # noqa: E402
from personare.learn.train import TrainingOptions  # noqa: E402
from personare.spaces import Space  # noqa: E402
from personare.store import read_bundle  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402

MEL = '{"name": "mel", "options": {"band_count": 8, "rate_hz": 30.0}}'
FACE = Space("mine", ("jaw", "lips"))
CASES = {
    "puppetry": ({"front_end": MEL, "window": 4, "codes": 4, "fps": 15.0}, {"rounds": 6, "steps": 60}),
    "dvp": ({"front_end": MEL, "rows": 7, "fps": 15.0}, {"rounds": 4, "steps": 150}),
    "dvp-ridge": ({"front_end": MEL, "rows": 5, "every": 1, "fps": 15.0}, {}),
    "faceformer": ({"front_end": MEL, "context": 1, "every": 1, "width": 16, "seconds": 0.5, "fps": 15.0},
                   {"rounds": 4, "steps": 40}),
}


def written(folder, names):
    """Clips of people a and b: the jaw follows loudness, and lips stand differently in each."""
    rng = np.random.default_rng(3)
    for name in names:
        level = np.repeat(rng.uniform(0, 1, 100), 1600)
        sound = (0.3 * level * rng.standard_normal(160000)).astype(np.float32)
        jaw = np.convolve(level, np.ones(4000) / 4000, "same")[(np.arange(150) * 160000) // 150]
        motion = Motion(np.stack([jaw, (0.5 if name[0] == "b" else -0.5) + 0.5 * jaw], 1).astype(np.float32), 15, FACE)
        write_clip(folder, name, audio=Audio(sound, 16000), motion=motion, meta=Meta(speaker=name[0], licence="CC0"))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return written(tmp_path_factory.mktemp("data"), ("a1", "a2", "b1", "b2"))


@pytest.fixture(scope="module")
def learned(data, tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("bundles"), {}

    def of(method):
        if method not in made:
            options, training = CASES[method]
            training = recipe_class(method).training | {"batch_size": 8} | training
            made[method] = learn(method, data, folder / method, options=options, held_out=("a2", "b2"),
                                 training=TrainingOptions(**training, seed=1))
        return made[method]

    return of


@pytest.mark.parametrize("method", CASES)
def test_it_learns_and_its_bundle_says_so(method, learned):
    found = learned(method)
    assert max(found.proof.values()) <= 1e-5
    # Both people in one number: what a network without speakers can know is the jaw alone.
    assert found.figures["learned"]["r2"] > (0.05 if method == "dvp" else 0.5)
    assert (found.curve == []) == (method == "dvp-ridge")


@pytest.mark.parametrize("method", CASES)
def test_no_torch_is_needed(method, learned):
    folder = learned(method).bundle.folder
    script = f"""
import sys; sys.modules["torch"] = sys.modules["lightning"] = None
import numpy as np, personare
audio = personare.Audio(0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
motion = personare.animate(audio, model={str(folder)!r}, layers=personare.STILL, fps=15)
print(len(motion), motion.space.name)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["15", "mine"]


@pytest.mark.parametrize("method", ["puppetry", "faceformer", "dvp-ridge"])
def test_people_are_styles(method, learned):
    from personare import registry

    opened = registry.load("motion", method.partition("-")[0])(learned(method).bundle.folder)
    assert opened.styles == ("mean", "a", "b")
    sound = np.zeros(16000, np.float32)

    def lips(style):
        session = opened.session(fps=15, style=style)
        return np.concatenate([part.column("lips") for part in (session.push(sound), session.finish())]).mean()

    assert lips("a") < lips("mean") < lips("b")
    assert lips("b") - lips("a") > 0.2
    with pytest.raises(InputError, match="style"):
        opened.session(style="c")


def test_the_ridge_is_the_least_squares_solution(data):
    options, _ = CASES["dvp-ridge"]
    kind = recipe_class("dvp-ridge")
    recipe = kind(kind.options_type(**options, strength=0.3))
    corpus = prepared(open_dataset(data), recipe.front_end(), fps=15, held_out=("a2",))
    network = recipe.network(corpus)
    x, y = (np.concatenate(parts).astype(np.float64) for parts in zip(*(
        (corpus.windows(clip, rows_before=2, rows_after=2).reshape(len(clip.values), -1), clip.values)
        for clip in corpus.to_learn), strict=True))
    mean, std = np.tile(corpus.row_mean, 5), np.tile(corpus.row_std, 5)
    x, people = (x - mean) / std, np.repeat([0, 1, 1], 150)
    own, rest = (np.stack([part[people == i].mean(axis=0) for i in (0, 1)]) for part in (x, y))
    inner, outer = x - own[people], y - rest[people]
    weight = np.linalg.solve(inner.T @ inner / len(x) + 0.3 * np.eye(40), inner.T @ outer / len(x))
    clip = corpus.held_out[0]
    windows = corpus.windows(clip, rows_before=2, rows_after=2).reshape(len(clip.values), -1)
    wanted = ((windows - mean) / std - own[0]) @ weight + rest[0]
    np.testing.assert_allclose(recipe.predict(network, corpus, clip), wanted, atol=1e-4)


def test_footage_on_top_of_a_bundle(data, learned, tmp_path):
    base = learned("puppetry").bundle.folder
    mine = written(tmp_path / "mine", ("b1", "b2", "b3", "b4", "b5"))
    found = learn("puppetry-footage", mine, tmp_path / "b", options={"base": str(base), "frames": 200})
    assert max(found.proof.values()) <= 1e-5
    assert found.figures["learned"]["r2"] > 0.5
    assert set(read_bundle(tmp_path / "b").card.files) >= {"footage.npz", "model.onnx", "filter.onnx"}
    with pytest.raises(InputError, match="--option base=FOLDER"):
        learn("puppetry-footage", data, tmp_path / "c")
    with pytest.raises(InputError, match="one of dvp"):
        learn("puppetry-footage", data, tmp_path / "c", options={"base": str(learned("dvp").bundle.folder)})


def test_karras_hears_through_any_front_end(data, tmp_path):
    options = {"width": 8, "networks": 1, "front_end": '{"name": "mfcc", "options": {"coefficient_count": 5}}'}
    found = learn("karras", data, tmp_path / "b", options=options, held_out=("a2", "b2"),
                  training=TrainingOptions(rounds=1, steps=2, batch_size=4))
    assert max(found.proof.values()) <= 1e-5
    heard = read_bundle(tmp_path / "b").card.config["front_end_options"]
    assert (heard["parts"][0]["name"], heard["rate_hz"]) == ("mfcc", 60.0)


def test_front_ends_by_one_word():
    assert heard_through("phones+mel").width == 42 + 64
    again = heard_through('{"name": "mfcc", "options": {"coefficient_count": 5}}')
    assert features_of(again, Audio(np.zeros(1600, np.float32), 16000)).values.shape[1] == 5
    assert heard_through("mel").options == open_front_end("mel", band_count=64, rate_hz=60.0).options
    for text in ("mell", "mel:path", "{", '{"options": {}}', "[1]"):
        with pytest.raises(InputError, match="one of phones, mel"):
            heard_through(text)


@pytest.mark.parametrize(("method", "options", "told"), [
    ("puppetry", {"window": 5}, "2, 4, 8, 16, 32 or 64"), ("puppetry", {"early": -1}, "early"),
    ("dvp", {"rows": 6}, "odd"), ("dvp", {"rows": 5}, "7 or more"), ("dvp-ridge", {"every": 0}, "every"),
    ("faceformer", {"width": 10}, "multiple of 4 heads"), ("faceformer", {"fps": 0}, "fps"),
])
def test_options_out_of_range(method, options, told):
    with pytest.raises(InputError, match=told):
        recipe_class(method).options_type(**options)


def test_every_recipe_is_there():
    for method in RECIPES:
        assert recipe_class(method).summary
