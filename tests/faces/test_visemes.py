"""Visemes of a motion: lips that look alike, and that close where the motion closes them."""

import numpy as np
import pytest

from personare.faces.visemes import RECIPES, VOWELS, as_vrm1, lip_figures, viseme_figures, viseme_weights
from personare.spaces import ARKIT_52
from personare.types import Motion

NAMES = tuple(RECIPES)
FIVE = tuple(VOWELS.values())


def motion_of(*recipes):
    values = np.zeros((len(recipes), 52), np.float32)
    for row, recipe in zip(values, recipes, strict=True):
        for name, weight in recipe.items():
            for column in (name,) if name in ARKIT_52.columns else (f"{name}Left", f"{name}Right"):
                row[ARKIT_52.index(column)] = weight
    return Motion(values, 30.0, ARKIT_52)


def speech(rng, count=300):
    """Random mouths, smooth in time, of which some close."""
    values = np.zeros((count, 52), np.float32)
    for name, most in (("jawOpen", 0.6), ("mouthFunnel", 0.6), ("mouthPucker", 0.7), ("mouthClose", 0.5),
                       ("mouthStretchLeft", 0.4), ("mouthStretchRight", 0.4), ("mouthRollLower", 0.5)):
        wave = np.sin(np.arange(count) / 30 * rng.uniform(8, 20) + rng.uniform(0, 6))
        values[:, ARKIT_52.index(name)] = most * np.clip(wave, 0, 1)
    return Motion(values, 30.0, ARKIT_52)


def test_a_sided_pair_counts_as_one():
    both = lip_figures()[ARKIT_52.indices(["mouthSmileLeft", "mouthSmileRight"])].sum(0)
    assert both == pytest.approx([0, 0.79, -0.05, 0.04, 0])


@pytest.mark.parametrize("names", [NAMES, FIVE])
def test_a_vowel_is_mostly_itself(names):
    weights = viseme_weights(motion_of(*(RECIPES[name] for name in FIVE)), names)
    figures = viseme_figures(names)
    for row, vowel in zip(weights, FIVE, strict=True):
        assert row.min() >= 0
        assert row.max() <= 1
        assert np.abs(row @ figures - viseme_figures((vowel,))[0]).max() < 0.12
    if names == FIVE:
        assert weights[range(5), range(5)].min() > 0.4


@pytest.mark.parametrize("names", [NAMES, FIVE])
def test_closed_lips_stay_closed_and_open_ones_open(names, rng):
    motion = speech(rng)
    wanted = motion.values.astype(float) @ lip_figures()[:, 0]
    opening = viseme_weights(motion, names) @ np.maximum(viseme_figures(names)[:, 0], 0)
    assert (wanted <= 0).sum() > 20
    assert opening[wanted <= 0].max() == 0
    assert (opening <= np.maximum(wanted, 0) + 1e-5).all()
    assert np.corrcoef(opening, np.maximum(wanted, 0))[0, 1] > 0.95


def test_p_and_f_have_visemes_of_their_own():
    weights = viseme_weights(motion_of(RECIPES["PP"], RECIPES["FF"]), NAMES)
    assert weights[0, NAMES.index("PP")] > 0.3
    assert weights[1].argmax() == NAMES.index("FF")


def test_vrm1_has_vowels_blinks_and_looks_and_no_emotions(rng):
    motion = speech(rng).with_columns({"eyeBlinkLeft": np.linspace(0, 1, 300), "eyeLookOutLeft": np.full(300, 0.4),
                                       "eyeLookInRight": np.full(300, 0.2), "mouthSmileLeft": np.ones(300)})
    vrm = as_vrm1(motion)
    assert np.allclose(vrm.column("blinkLeft"), np.linspace(0, 1, 300))
    assert not vrm.column("blinkRight").any()
    assert vrm.column("lookLeft") == pytest.approx(0.3)
    for name in ("happy", "angry", "sad", "relaxed", "surprised", "neutral", "blink"):
        assert not vrm.column(name).any()
    assert vrm.column("aa").max() > 0.3
