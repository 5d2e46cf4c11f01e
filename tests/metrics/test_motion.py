"""Figures against a real take say what is wrong with a prediction, and only that."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.metrics.motion import accents_s, beat_alignment, blinks_s, closures, compare, lag_s, paired, touch_limit
from personare.metrics.vertices import diversity, lip_vertex_error, mean_vertex_error, regions
from personare.types import Audio, Motion

FPS = 50.0


def take(shift_s=0.0, size=1.0, seconds=8.0, fps=FPS):
    """A jaw that opens at uneven times and closes in between, lids that blink twice."""
    time_s = np.arange(int(seconds * fps)) / fps - shift_s
    rng = np.random.default_rng(5)
    jaw = np.zeros(len(time_s))
    for at in np.cumsum(rng.uniform(0.25, 0.6, 40)):
        jaw += rng.uniform(0.2, 0.5) * np.clip(1 - np.abs(time_s - at) / 0.1, 0, None)
    lids = sum(np.clip(1 - np.abs(time_s - at) / 0.15, 0, None) for at in (2.0, 5.0))
    motion = Motion(np.zeros((len(time_s), 52), np.float32), fps, "arkit-52")
    return motion.with_columns({"jawOpen": size * jaw, "eyeBlinkLeft": lids, "eyeBlinkRight": lids})


def test_a_take_against_itself_is_perfect():
    figures = compare([paired(take(), take())], face=personare.open_face("sona"))
    for name in ("r_mean", "r2_mean", "r2_pooled", "jaw_r", "lip_gap_r", "lip_gap_size", "closure_recall",
                 "closure_precision"):
        assert figures[name] == pytest.approx(1), name
    for name in ("rmse", "lag_ms", "lve_mm2", "lip_error_mm", "fdd_mm2", "mve_mm", "jaw_velocity_error"):
        assert figures[name] == 0, name
    assert figures["columns"] == 3


def test_a_late_take_has_its_lag_and_worse_lips():
    right, late = (compare([paired(take(shift), take())]) for shift in (0.02, 0.12))
    assert late["lag_ms"] == pytest.approx(120, abs=10)
    assert right["lag_ms"] == pytest.approx(20, abs=10)
    assert late["lip_gap_r"] < right["lip_gap_r"] - 0.3


def test_a_smaller_take_keeps_r_and_loses_size():
    figures = compare([paired(take(size=0.5), take())])
    assert figures["jaw_r"] == pytest.approx(1)
    assert 0.4 < figures["lip_gap_size"] < 0.6
    assert figures["r2_mean"] < 1


def test_a_mouth_that_stays_open_misses_closures():
    real = take()
    ajar = real.with_columns({"jawOpen": 0.1 + 0.8 * real.column("jawOpen")})
    figures = compare([paired(ajar, real)])
    assert figures["closure_recall"] < 0.1
    assert figures["jaw_r"] > 0.99
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / FPS)
    slow = real.with_columns({"jawOpen": 0.5 * wave})
    figures = compare([paired(slow.with_columns({"jawOpen": 0.5 * wave * (wave < 0.99)}), slow)])
    assert figures["closure_recall"] == 1
    assert figures["closure_precision"] == pytest.approx(7 / 15)


def test_closures_lie_between_openings():
    gap = np.array([0, 0, 2, 0.1, 0, 3, 0.2, 2, 0])
    assert touch_limit(gap) == pytest.approx(0.12 * np.percentile(gap, 95))
    assert closures(gap, 0.15).tolist() == [[3, 4]]


def test_other_rates_and_spaces_are_brought_to_the_truth():
    figures = compare([paired(take(fps=100.0), take(fps=FPS))])
    assert figures["r_mean"] > 0.99
    other, _ = personare.motion.retarget.convert(take(), "livelink-61")
    assert compare([paired(other, take())])["rmse"] < 1e-6


def test_takes_of_different_sound_are_refused():
    with pytest.raises(InputError, match="same take"):
        paired(take(seconds=3), take(seconds=8))
    with pytest.raises(InputError, match="convert --to"):
        paired(Motion(np.zeros((400, 76), np.float32), FPS, "nvp-76"), take())
    still = Motion(np.zeros((400, 52), np.float32), FPS, "arkit-52")
    with pytest.raises(InputError, match="at rest"):
        compare([paired(take(), still)])


def test_blinks_on_accents_score_one_and_random_ones_less():
    rate, events = 16000, np.array([1.0, 2.0, 3.5, 5.0])
    time_s = np.arange(7 * rate) / rate
    sound = sum(np.exp(-((time_s - at) % 100) * 8) * (time_s >= at) * np.sin(2 * np.pi * 220 * time_s) for at in events)
    found = accents_s(Audio((0.5 * sound).astype(np.float32), rate))
    assert len(found) == len(events)
    assert np.abs(found - events).max() < 0.04
    assert np.allclose(blinks_s(take()), [2.0, 5.0])
    assert beat_alignment(blinks_s(take()), found) > 0.9
    assert beat_alignment(np.array([2.7]), found) < 0.05
    assert math.isnan(beat_alignment([], found))


def test_lag_of_a_resting_face_is_unknown():
    assert math.isnan(lag_s(np.zeros(100), np.sin(np.arange(100))))


def test_vertex_errors_on_numbers_one_can_check():
    truth = np.zeros((2, 3, 3))
    predicted = truth.copy()
    predicted[0, 0, 1], predicted[1, 1, 2] = 3.0, 4.0
    assert lip_vertex_error([predicted], [truth], [0, 2]) == 4.5
    assert lip_vertex_error([predicted], [truth], [0, 2], squared=False) == 1.5
    assert mean_vertex_error([predicted], [truth]) == pytest.approx(7 / 6)
    assert diversity([truth, predicted, predicted]) == pytest.approx(2 * 7 / 6 / 3)
    with pytest.raises(InputError, match="two predictions"):
        diversity([truth])


def test_lips_and_upper_face_of_the_built_in_head_are_where_they_should_be():
    face = personare.open_face("sona")
    lips, upper = regions(face)
    height = face.neutral()[:, 1]
    assert not set(lips) & set(upper)
    assert height[lips].max() < np.median(height[upper])


def test_command_compares_files_and_folders(tmp_path):
    for folder, shift in (("mine", 0.05), ("real", 0.0)):
        (tmp_path / folder).mkdir()
        personare.save(take(shift), tmp_path / folder / "one.npz")
        personare.save(take(shift), tmp_path / folder / "two.csv")

    def evaluate(*words):
        return subprocess.run([sys.executable, "-m", "personare", "evaluate", *words], cwd=tmp_path,
                              capture_output=True, text=True)

    figures = json.loads(evaluate("mine", "real", "--json").stdout)
    assert figures["clips"] == 2
    assert figures["lag_ms"] == pytest.approx(50, abs=10)
    found = evaluate("mine/one.npz", "real/one.npz", "--suite", "diversity", "--json")
    assert json.loads(found.stdout)["diversity_mm"] > 0
    (tmp_path / "mine" / "two.csv").unlink()
    refused = evaluate("mine", "real")
    assert refused.returncode != 0
    assert "none for two" in refused.stderr
