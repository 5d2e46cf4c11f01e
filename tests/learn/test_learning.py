"""Learning from start to end: a bundle that runs without torch and says what the network says, and a report."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from personare.cli import app  # noqa: E402
from personare.errors import AssetError, InputError, OutputError  # noqa: E402
from personare.learn import comparison  # noqa: E402
from personare.learn.dataset import Meta, open_dataset, write_clip  # noqa: E402
from personare.learn.learning import chosen, learn  # noqa: E402
from personare.learn.train import TrainingOptions  # noqa: E402
from personare.store import read_bundle  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402

SHORT = TrainingOptions(rounds=2, steps=3, batch_size=4, learning_rate=1e-3, seed=2)
SMALL = {"karras": {"width": 8, "networks": 2, "bands": 16}, "karras-paper": {}, "facegood": {},
         "facetalk": {"known": 3, "fresh": 8, "overlap": 2, "front_end": "mel", "fps": 20.0, "steps": 3}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three clips whose jaw follows the loudness of the sound."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(3)
    for name in ("one", "three", "two"):
        level = np.repeat(rng.uniform(0, 1, 30), 1600).astype(np.float32)
        values = np.zeros((90, 52), np.float32)
        values[:, 17] = level[:: 48000 // 90][:90]
        values[:, 20] = 0.3 - 0.3 * values[:, 17]
        sound = (0.3 * level * rng.standard_normal(48000)).astype(np.float32)
        write_clip(folder, name, audio=Audio(sound, 16000), motion=Motion(values, 30, "arkit-52"),
                   meta=Meta(speaker="me", licence="CC0", source="a generator"))
    return folder


@pytest.fixture(scope="module")
def learned(data, tmp_path_factory):
    """Function: what learn gave for a method, made once."""
    folder, made = tmp_path_factory.mktemp("bundles"), {}

    def of(method):
        if method not in made:
            made[method] = learn(method, data, folder / method, options=SMALL[method], training=SHORT)
        return made[method]

    return of


@pytest.mark.parametrize("method", SMALL)
def test_a_bundle_runs_without_torch_as_the_network_does(method, learned, tmp_path):
    found = learned(method)
    assert max(found.proof.values()) <= 1e-5
    assert set(found.proof) == {"network", "pieces", "threads"}
    script = f"""
import sys; sys.modules["torch"] = sys.modules["lightning"] = None
import numpy as np, personare
audio = personare.Audio(0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
motion = personare.animate(audio, model={str(found.bundle.folder)!r}, layers=personare.STILL)
print(len(motion), motion.space.name, float(np.abs(motion.column("jawOpen")).max()))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    count, space, _ = done.stdout.split()
    assert (count, space) == ("30", "arkit-52")


@pytest.mark.parametrize("method", SMALL)
def test_the_report_says_what_it_has_to_beat(method, learned):
    found = learned(method)
    assert set(found.figures) == {"learned", "mean", "ridge", "built-in"}
    page = found.bundle.path("report.html").read_text()
    assert page.count("<svg") >= 2
    assert "jawOpen" in page
    assert "CC0" in page
    assert json.loads(found.bundle.path("figures.json").read_text())["held_out"]["ridge"] == found.figures["ridge"]
    assert found.bundle.card.sources == [{"name": "a generator", "licence": "CC0", "use": "training"}]


def test_karras_hears_phones_mouth_and_bands_as_asked():
    from personare.learn.recipes import options_of, recipe_class

    def parts(**options):
        kind = recipe_class("karras")
        return [part["name"] for part in kind(options_of(kind.options_type, options)).front_end().options["parts"]]

    assert parts() == ["phones", "mouth", "mel"]
    assert parts(mouth=False, bands=0) == ["phones"]


@pytest.mark.parametrize("method", ["karras", "karras-paper"])
def test_a_run_that_was_stopped_ends_where_it_would_have(method, data, learned, tmp_path):
    class Stopped(BaseException):
        pass

    def stop(number, *_):
        if number == 0:
            raise Stopped

    out = tmp_path / "bundle"
    with pytest.raises(Stopped):
        learn(method, data, out, options=SMALL[method], training=SHORT, tell=stop)
    assert not out.exists()
    with pytest.raises(InputError, match="same training"):
        learn(method, data, out, options=SMALL[method], training=TrainingOptions(rounds=2, steps=3, seed=9))
    found = learn(method, data, out, options=SMALL[method], training=SHORT)
    assert found.bundle.card.files["weights.safetensors"] == learned(method).bundle.card.files["weights.safetensors"]


def test_the_last_clips_are_kept_for_judging(data, tmp_path):
    dataset = open_dataset(data)
    assert chosen(dataset, None) == ("two",)
    assert chosen(dataset, ()) == ()
    with pytest.raises(InputError, match="did you mean 'one'"):
        chosen(dataset, ["on"])


def test_what_is_in_the_way_is_not_overwritten(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        learn("karras", data, tmp_path, options=SMALL["karras"], training=SHORT)
    with pytest.raises(InputError, match="width"):
        learn("karras", data, tmp_path / "bundle", options={"widht": 3}, training=SHORT)


def test_figures_of_what_is_known(rng):
    truth = rng.standard_normal((500, 3)).astype(np.float32)
    truth[:, 2] = 0.5
    half = truth * [0.5, 0.5, 1]
    found = comparison.figures(truth, half)
    assert found["r2"] == pytest.approx(0.75, abs=0.01)
    assert found["r2_mean"] == pytest.approx(0.75, abs=0.01)
    assert found["r"] == pytest.approx(1)
    mean = np.repeat(truth.mean(axis=0)[None], 500, axis=0)
    assert comparison.figures(truth, mean)["r2"] == pytest.approx(0, abs=1e-5)


def test_the_command_stops_on_ctrl_c_and_goes_on(data, tmp_path):
    import signal

    words = [sys.executable, "-m", "personare", "learn", "karras", "--data", str(data), "--out", str(tmp_path / "b"),
             "--steps", "2", "--batch-size", "4", "--option", "width=8", "--option", "bands=16"]
    with subprocess.Popen([*words, "--rounds", "5000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        assert "round 1 of 5000" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        told, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from there" in told
    assert said == "stopped; nothing half-written is left\n"
    assert not (tmp_path / "b").exists()
    done = subprocess.run([*words, "--rounds", "2", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["learned"].keys() == {"r2", "r2_mean", "r", "error"}
    assert (tmp_path / "b" / "card.json").is_file()


def test_a_style_is_found_for_a_take_that_was_not_learned_from(data):
    from personare.learn.prepared import prepared
    from personare.learn.recipes import options_of, recipe_class
    from personare.learn.styles import fitted_code
    from personare.learn.train import fit

    kind = recipe_class("karras")
    recipe = kind(options_of(kind.options_type, SMALL["karras"] | {"style_dropout": 0.0}))
    corpus = prepared(open_dataset(data), recipe.front_end(), fps=30, columns=("jawOpen", "mouthPucker"),
                      held_out=("two",))
    # Somebody with the lips always pushed forward: only a style can tell.
    first, second, held = corpus.clips
    first.values[:, 1] += 0.6
    held.values[:, 1] += 0.6
    learned = dataclasses.replace(corpus, clips=(first, second), value_mean=first.values.mean(0))
    network, _ = fit(recipe, learned, TrainingOptions(rounds=6, steps=25, batch_size=8, learning_rate=5e-3))
    code = fitted_code(recipe, network, corpus, held, frames=30)

    def error(code):
        return np.abs(recipe.spoken_with(network, corpus, held, code)[30:] - held.values[30:]).mean()

    learned_styles = torch.cat([one.styles for one in network], 1).detach()
    assert error(code) < 1.1 * error(learned_styles[:1])
    assert error(code) < 0.7 * min(error(learned_styles[1:2]), error(torch.zeros_like(code)))


def test_a_style_is_added_to_a_bundle(data, learned, tmp_path):
    from personare.learn.styles import add_style
    from personare.motion.karras import open_karras

    before = learned("karras").bundle
    app(["style", str(before.folder), "--data", str(data), "--name", "new", "--seconds", "2", "-o",
         str(tmp_path / "more")], standalone_mode=False)
    after = read_bundle(tmp_path / "more")
    assert open_karras(after.folder).styles == (*open_karras(before.folder).styles, "new")
    assert after.card.files["model.onnx"] == before.card.files["model.onnx"]
    with pytest.raises(AssetError, match="recipe karras"):
        add_style(learned("facegood").bundle.folder, tmp_path / "no", data, name="new")
