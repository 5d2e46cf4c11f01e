"""Stylist learns: its bundle says what the network says, two speakers keep their styles, the head is learned too."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import personare  # noqa: E402
from personare.errors import InputError  # noqa: E402
from personare.export.rotations import from_zyx, poses, zyx  # noqa: E402
from personare.learn.dataset import Meta, write_clip  # noqa: E402
from personare.learn.learning import learn  # noqa: E402
from personare.learn.recipes.stylist import StylistRecipe, StylistRecipeOptions  # noqa: E402
from personare.learn.train import TrainingOptions  # noqa: E402
from personare.motion.stylist import open_stylist  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402

SMALL = {"width": 16, "front_end": "mel", "dropout": 0.0}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two speakers whose jaw and head follow the loudness, one of them three times as far."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(3)
    for speaker, size in (("calm", 0.3), ("lively", 0.9)):
        for take in ("a", "b", "c"):
            level = np.repeat(rng.uniform(0, 1, 40), 2400).astype(np.float32)
            loud = level[:: 96000 // 150][:150]
            values = np.zeros((150, 52), np.float32)
            values[:, 17] = size * loud
            angles = np.stack([size * np.convolve(loud, np.ones(15) / 15, "same") * 0.2, *np.zeros((2, 150))], axis=1)
            sound = (0.3 * level * rng.standard_normal(96000)).astype(np.float32)
            write_clip(folder, f"{speaker}_{take}", audio=Audio(sound, 16000), meta=Meta(speaker=speaker),
                       motion=Motion(values, 25, "arkit-52", poses(from_zyx(angles))))
    return folder


@pytest.fixture(scope="module")
def learned(data, tmp_path_factory):
    training = TrainingOptions(rounds=5, steps=30, batch_size=16, learning_rate=3e-3, average=0.9, seed=1)
    return learn("stylist", data, tmp_path_factory.mktemp("out") / "bundle", options=SMALL, training=training,
                 held_out=["calm_c", "lively_c"])


def test_the_bundle_says_what_the_network_says(learned):
    assert max(learned.proof.values()) <= 1e-5
    assert learned.figures["learned"]["r2"] > max(0.3, learned.figures["mean"]["r2"] + 0.3)


def test_a_lively_style_moves_farther_than_a_calm_one(data, learned):
    method = open_stylist(learned.bundle.folder)
    assert method.styles == ("mean", "calm", "lively")
    sound = personare.load(data / "calm_c" / "audio.flac")
    takes = {style: personare.animate(sound, model=str(learned.bundle.folder), style=style, fps=25,
                                      layers=personare.STILL) for style in method.styles}
    jaw = {style: take.column("jawOpen").std() for style, take in takes.items()}
    assert jaw["lively"] > 1.5 * jaw["calm"]
    nod = {style: zyx(take.head_pose[:, :3, :3])[:, 0].std() for style, take in takes.items()}
    assert nod["lively"] > 1.2 * nod["calm"]
    by_take = method.code_of(str(data / "lively_a" / "motion.npz"))
    far = [np.linalg.norm(by_take - method.code_of(style)) for style in ("lively", "calm")]
    assert far[0] < far[1]


def test_the_published_network_learns_and_is_proved(data, tmp_path):
    found = learn("stylist", data, tmp_path / "bundle", training=TrainingOptions(rounds=1, steps=2, batch_size=2),
                  options={"exact": True, "front_end": "mel", "formula": "published"}, held_out=())
    assert max(found.proof.values()) <= 1e-5
    weights = found.bundle.path("weights.safetensors").stat().st_size
    assert weights > 4 * 9_000_000


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match="formula"):
        StylistRecipeOptions(formula="median")
    assert StylistRecipe(StylistRecipeOptions(front_end="phones")).front_end().width == 43


def test_it_hears_through_front_ends_of_any_rate_and_files_of_your_own(data, tmp_path):
    heard = StylistRecipe(StylistRecipeOptions(front_end="phones+mfcc")).front_end()
    names = [part["name"] for part in heard.options["parts"]]
    assert (names, heard.rate_hz, heard.options["rate_hz"]) == (["phones", "mfcc", "energy"], 60.0, 60.0)
    with pytest.raises(InputError, match=r"front end mel.*path"):
        StylistRecipe(StylistRecipeOptions(front_end="mel:folder"))
    found = learn("stylist", data, tmp_path / "b", options=SMALL | {"front_end": "mel+mfcc"},
                  training=TrainingOptions(rounds=1, steps=2, batch_size=4))
    assert max(found.proof.values()) <= 1e-5
