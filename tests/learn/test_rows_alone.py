"""Clips that hold what was heard and no sound, as Neural Voice Puppetry's folders do: from import to a bundle."""

import numpy as np
import pytest

from personare.audio.stored import StoredRows
from personare.cli import app
from personare.errors import AssetError, InputError
from personare.export import nvp
from personare.learn.dataset import open_dataset, segment, stats, write_clip
from personare.learn.importers import import_clips
from personare.learn.inspection import inspected
from personare.spaces import NVP_76
from personare.types import Audio, Motion, Take

SECONDS, SHIFT = 16, 5


def sequence(folder, rng, frames=25 * SECONDS):
    """A sequence whose expressions are smooth functions of the letters, SHIFT frames late."""
    letters = np.stack([5 * np.convolve(rng.standard_normal(frames + 6), np.hanning(9)[1:-1], "valid")
                        for _ in range(29)], 1)
    expression = np.zeros((frames, 76))
    expression[SHIFT:, 5:30] = 0.02 * letters[:-SHIFT, :25]
    (folder / "audio_feature").mkdir(parents=True)
    padded = np.concatenate([np.zeros((8, 29)), letters, np.zeros((7, 29))])
    for i in range(frames):
        np.save(folder / "audio_feature" / f"{i}.deepspeech.npy", padded[i : i + 16])
    nvp.write(folder / "expression.txt", Take(Motion(expression.astype(np.float32), 25.0, NVP_76)))
    return letters.astype(np.float32), expression.astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("nvp"), np.random.default_rng(4)
    return folder, {name: sequence(folder / name, rng) for name in ("anna", "bert")}


@pytest.fixture(scope="module")
def data(source, tmp_path_factory):
    folder, said = tmp_path_factory.mktemp("data"), []
    assert import_clips(source[0], folder, format="nvp", warn=said.append) == ["anna", "bert"]
    assert not said
    return folder


def test_letters_and_expressions_come_through(source, data):
    dataset = open_dataset(data)
    for clip in dataset.clips:
        letters, expression = source[1][clip.name]
        np.testing.assert_allclose(clip.rows.values, letters, atol=1e-5)
        np.testing.assert_allclose(clip.motion.values, expression, atol=1e-6)
        assert (clip.rows.name, clip.rows.rate_hz, clip.speaker) == ("deepspeech", 25.0, clip.name)
        with pytest.raises(InputError, match=rf"{clip.name}.*rows of deepspeech alone.*audio\.flac"):
            clip.audio()
    assert stats(dataset)["seconds"] == 2 * SECONDS


def test_they_are_looked_at_and_cut(data, source, tmp_path):
    findings, lags = inspected(open_dataset(data))
    for name in ("anna", "bert"):
        assert lags[name] == pytest.approx(1000 * SHIFT / 25, abs=10)
    assert {finding.kind for finding in findings} == {"lag", "dead"}
    assert segment(open_dataset(data), tmp_path / "cut", seconds=6, overlap_s=1) == 6
    pieces = {clip.name: clip for clip in open_dataset(tmp_path / "cut").clips}
    np.testing.assert_allclose(pieces["anna_001"].rows.values, source[1]["anna"][0][125:275], atol=1e-5)
    app(["data", "stats", str(data), "--json"], standalone_mode=False)


def test_frames_that_are_wrong_are_named(tmp_path, rng):
    sequence(tmp_path / "carl", rng, frames=40)
    place = tmp_path / "carl" / "audio_feature"
    good = np.load(place / "7.deepspeech.npy")

    def refused(text):
        with pytest.raises(InputError, match=text):
            import_clips(tmp_path, tmp_path / "clips", format="nvp")

    for wrong, text in ((good[:12], r"7\.deepspeech\.npy.*\(16, 29\).*\(12, 29\)"), (good * np.nan, "not finite"),
                        (good + 1, r"7\.deepspeech\.npy.*frame 6"), (good.astype(int), r"7\.deepspeech\.npy.*int64")):
        np.save(place / "7.deepspeech.npy", wrong)
        refused(text)
    (place / "7.deepspeech.npy").unlink()
    refused("no frame 7")


def test_sound_or_rows_there_must_be_and_old_ones_go(tmp_path, data):
    clip = open_dataset(data).clips[0]
    with pytest.raises(InputError, match="neither"):
        write_clip(tmp_path, "one", motion=clip.motion)
    write_clip(tmp_path, "one", motion=clip.motion, audio=Audio(np.zeros(16000 * SECONDS, np.float32), 16000))
    write_clip(tmp_path, "one", motion=clip.motion, rows=clip.rows)
    again = open_dataset(tmp_path).clips[0]
    assert (again.sound, again.features.name) == (None, "features.npz")
    write_clip(tmp_path, "one", motion=clip.motion, rows=clip.rows.part(0, 300))
    with pytest.raises(InputError, match=r"one.*features\.npz, 12\.00 s"):
        open_dataset(tmp_path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of personare without DeepSpeech."""
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path / "home"))


OWN = {"front_end": "deepspeech", "fps": 25.0}


@pytest.mark.parametrize(("method", "options"), [
    ("puppetry", OWN | {"window": 16, "codes": 8}), ("dvp", OWN), ("dvp-ridge", OWN), ("faceformer", OWN)])
def test_methods_learn_from_letters_alone(data, tmp_path, home, method, options):
    pytest.importorskip("torch")
    pytest.importorskip("lightning")
    from personare.learn.learning import learn
    from personare.learn.train import TrainingOptions
    from personare.motion.performance import open_method

    found = learn(method, data, tmp_path / "out", options=options, held_out=["bert"],
                  training=TrainingOptions(rounds=2, steps=30, batch_size=16, learning_rate=2e-3, seed=1))
    assert max(found.proof.values()) <= 1e-5
    assert set(found.figures) == {"learned", "mean", "ridge"}
    # The letters five frames before say all of it: a line through them finds it even from sixteen seconds.
    assert found.figures["ridge"]["r2"] > 0.7
    assert "the rows of deepspeech" in found.bundle.path("report.html").read_text()
    card = found.bundle.card.config
    assert (card["front_end"], card["padding"]) == ("deepspeech", "zero")
    with pytest.raises(AssetError, match="models/deepspeech"):
        open_method(found.bundle.folder).session()


def heard_too(folder, rng, name, rows_hz, options, width):
    """Clips with sound, and rows beside it that the front end of that name would not give."""
    for clip in ("anna", "bert"):
        rows = StoredRows(name, rng.standard_normal((round(4 * rows_hz), width)), rows_hz, options)
        motion = Motion(0.02 * rng.standard_normal((100, 76)), 25.0, NVP_76)
        write_clip(folder, clip, motion=motion, rows=rows,
                   audio=Audio((0.1 * rng.standard_normal(64000)).astype(np.float32), 16000))


@pytest.mark.parametrize(("word", "kind"), [
    ("deepspeech", (25.0, {"rate_hz": 25.0}, 29)), ("mel", (60.0, {"band_count": 64}, 64))])
def test_rows_beside_sound_are_what_a_bundle_is_proved_on(tmp_path, home, rng, word, kind):
    pytest.importorskip("torch")
    pytest.importorskip("lightning")
    from personare.learn.learning import learn

    heard_too(tmp_path / "data", rng, word, *kind)
    found = learn("dvp-ridge", tmp_path / "data", tmp_path / "out", held_out=["bert"],
                  options={"front_end": word, "fps": 25.0})
    assert max(found.proof.values()) <= 1e-5
    assert found.bundle.card.config["front_end"] == word


def test_what_needs_sound_says_so(data, tmp_path, home):
    pytest.importorskip("torch")
    pytest.importorskip("lightning")
    from personare.learn.learning import learn

    with pytest.raises(InputError, match=r"anna.features\.npz.*sound beside it, or rows of mel.*rows of deepspeech"):
        learn("puppetry", data, tmp_path / "out", options={"front_end": "mel"})
    for clip in open_dataset(data).clips:
        write_clip(tmp_path / "mel", clip.name, motion=clip.motion, rows=StoredRows("mel", clip.rows.values, 25.0))
    # What was asked for already is not the remedy.
    with pytest.raises(InputError, match=r"rows of joint.*got no sound, and rows of mel.*hear mel as it is stored"):
        learn("karras", tmp_path / "mel", tmp_path / "out", options={"front_end": "mel"})
    clip = open_dataset(data).clips[0]
    write_clip(tmp_path / "heard", "one", motion=clip.motion, audio=Audio(np.zeros(16000 * SECONDS, np.float32), 16000))
    with pytest.raises(AssetError, match="models/deepspeech"):
        learn("dvp", tmp_path / "heard", tmp_path / "out", options=OWN)
    with pytest.raises(InputError, match="the files that deepspeech needs"):
        learn("facetalk", data, tmp_path / "out", options={"front_end": "deepspeech", "fps": 25.0})
