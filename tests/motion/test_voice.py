"""A person's way to speak, solved for: delay, range, closures, what is kept on disk and what is refused."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.motion.strengths import Strengths
from personare.motion.voice import (
    OFFSETS_S,
    RATE_HZ,
    Heard,
    Opening,
    closed_at,
    heard,
    likeness,
    read_voice,
    scaled_voice,
    spoken,
    surroundings,
)
from personare.motion.voice_learning import Mouth, find_opening, fit_voice
from personare.spaces import ARKIT_52, Space
from personare.types import Audio, Motion

MOUTH = Space("mouth", ("jawOpen", "mouthPucker", "mouthSmileLeft", "tongueUp"))
# Only the jaw parts lips, by 25 mm at 1; errors count by what moves.
TOLD = Mouth(np.diag([1.0, 0.2, 0.2, 0.1]), np.array([0.025, 0, 0, 0]))
FPS = 25.0


def heard_of(rng, seconds=20.0):
    """Smooth curves of the built-in model's space, phones that go with them, nothing closed."""
    t = round(seconds * RATE_HZ)
    walk = np.cumsum(rng.normal(size=(t + 60, 3)), axis=0)
    walk = np.stack([np.convolve(walk[:, k] - np.convolve(walk[:, k], np.full(61, 1 / 61), "same"),
                                 np.full(7, 1 / 7), "same") for k in range(3)], 1)[30 : 30 + t]
    values = np.zeros((t, 52), np.float32)
    for k, name in enumerate(("jawOpen", "mouthPucker", "mouthFunnel")):
        values[:, ARKIT_52.index(name)] = np.clip(0.3 + 0.05 * walk[:, k], 0, 1)
    phones = np.exp(0.5 * walk @ rng.normal(size=(3, 6)))
    phones = (phones / phones.sum(axis=1, keepdims=True)).astype(np.float32)
    return Heard(Motion(values, RATE_HZ, ARKIT_52), phones, np.zeros(t, np.float32))


def tracked_of(told, late_s, times_s):
    """(t, 4) what a person does who is late and whose jaw opens half as far as the model's."""
    rows = told.curves.columns(("jawOpen", "mouthPucker"))
    place = np.clip((times_s - late_s) * RATE_HZ, 0, len(rows) - 1)
    jaw, pucker = (np.interp(place, np.arange(len(rows)), row) for row in rows.T)
    return np.stack([0.1 + 0.5 * jaw, 0.4 * np.sqrt(pucker), 0.3 - 0.2 * jaw, np.full(len(jaw), 0.2)], 1)


@pytest.fixture(scope="module")
def learned():
    """(Voice, explained, Heard, values of all pictures): learned from the first 16 s of 20."""
    rng = np.random.default_rng(5)
    told, times_s = heard_of(rng), np.arange(500) / FPS
    values = tracked_of(told, 4 / RATE_HZ, times_s).astype(np.float32)
    noisy = values + rng.normal(0, 0.01, values.shape).astype(np.float32)
    voice, explained = fit_voice(told, Motion(noisy[:400], FPS, MOUTH), times_s[:400], TOLD)
    return voice, explained, told, values


def test_a_persons_own_map_and_delay_are_found(learned):
    voice, explained, told, values = learned
    assert voice.lag_s == pytest.approx(4 / RATE_HZ)
    bounds = values.min(axis=0), values.max(axis=0)
    said = spoken(voice, told, FPS, bounds)
    assert said.space.columns == MOUTH.columns
    assert len(said) == 500
    unseen = slice(410, 495)
    for k in (0, 1, 2):
        assert np.corrcoef(said.values[unseen, k], values[unseen, k])[0, 1] > 0.93
    assert (said.values >= bounds[0] - 1e-6).all()
    assert (said.values <= bounds[1] + 1e-6).all()
    # What is explained is told of what was left out.
    assert 0.8 < explained < 0.999


def test_lips_open_as_far_as_the_persons_though_little_is_explained(rng):
    told, times_s = heard_of(rng, 40), np.arange(1000) / FPS
    values = tracked_of(told, 0, times_s)
    jaw = values[:, 0].std() * np.repeat(rng.normal(size=250), 4)
    values[:, 0] += jaw - jaw.mean()
    voice, explained = fit_voice(told, Motion(values[:800].astype(np.float32), FPS, MOUTH), times_s[:800], TOLD)
    assert explained < 0.7
    squares = voice.values(told, times_s)[800:, 0]
    said = spoken(voice, told, FPS, (np.full(4, -9.0), np.full(4, 9.0))).values[800:, 0]
    own, ranges = np.ptp(np.quantile(values[:, 0], (0.05, 0.95))), [np.ptp(np.quantile(one, (0.05, 0.95)))
                                                                     for one in (squares, said)]
    assert ranges[0] < 0.6 * own
    assert 1.3 * ranges[0] < ranges[1] < 1.2 * own


def test_lips_close_where_a_closure_is_heard_and_stay_closed_however_loud(learned):
    voice, _, told, _ = learned
    closed = np.zeros(len(told), np.float32)
    closed[round(17 * RATE_HZ) : round(17 * RATE_HZ) + 3] = 1
    speaking = Heard(told.curves, told.phones, closed)
    wide, frame = (np.full(4, -9.0), np.full(4, 9.0)), round((17 + voice.lag_s) * FPS)
    for amount in (0.5, 1.0, 1.8):
        said = spoken(voice, speaking, FPS, wide, articulation=amount).values @ TOLD.gap
        open_ = spoken(voice, told, FPS, wide, articulation=amount).values @ TOLD.gap
        assert said[frame] == pytest.approx(voice.opening.shut, abs=1e-5)
        assert open_[frame] > voice.opening.shut + 0.0005 * amount
        np.testing.assert_array_equal(said[frame + 4 :], open_[frame + 4 :])
    sizes = [np.ptp(spoken(voice, told, FPS, wide, articulation=amount).values[:, 0]) for amount in (0.5, 1.0, 1.8)]
    np.testing.assert_allclose(np.array(sizes) / sizes[1], (0.5, 1, 1.8), rtol=1e-3)


def test_strengths_size_and_calm_the_lips_and_leave_closures(learned):
    voice, _, told, _ = learned
    wide = np.full(4, -9.0), np.full(4, 9.0)
    plain = spoken(voice, told, FPS, wide)
    half = spoken(voice, told, FPS, wide, strengths=Strengths(lips=0.5))
    np.testing.assert_array_equal(half.values, spoken(voice, told, FPS, wide, articulation=0.5).values)
    calm = spoken(voice, told, FPS, wide, strengths=Strengths(smoothing_ms=200))
    assert len(calm) == len(plain)
    assert np.abs(np.diff(calm.values[:, 0], 2)).mean() < 0.5 * np.abs(np.diff(plain.values[:, 0], 2)).mean()
    with pytest.raises(InputError, match=r"upper: expected 1 with a portrait from footage.*got 0\.5.*--upper-face"):
        spoken(voice, told, FPS, wide, strengths=Strengths(upper=0.5))


def test_an_opening_brings_gaps_to_the_wanted_ones_along_the_persons_way():
    gap, along = np.array([0.02, 0.0]), np.array([50.0, 5.0])
    opening = Opening(gap, along, np.array([0.004, 0.006]), np.array([0.002, 0.010]), 0.001, np.array([0.05, 0.0]))
    values = np.array([[0.2, 0.3], [0.3, 0.3], [0.25, 0.3], [0.35, 0.3]])
    opened = opening.opened(values)
    np.testing.assert_allclose(opened @ gap, [0.002, 0.010, 0.006, 0.012], atol=1e-12)
    np.testing.assert_allclose(opened[:, 1] - 0.3, 5 * (opened - values) @ gap, atol=1e-12)
    np.testing.assert_allclose(opening.closed(values, np.array([0, 1, 0.5, 1])) @ gap, [0.004, 0.001, 0.003, 0.001],
                               atol=1e-12)


def test_gaps_and_closed_lips_are_the_persons(rng):
    values = rng.uniform(0.1, 0.6, (400, 4))
    values[:, 1] = 0.5 - 0.4 * values[:, 0]
    answers = values.mean(axis=0) + 0.3 * (values - values.mean(axis=0))
    opening = find_opening(answers, values, TOLD.gap)
    assert opening.shut == pytest.approx(np.quantile(values @ TOLD.gap, 0.03))
    assert opening.rest @ TOLD.gap == pytest.approx(opening.shut)
    assert opening.along @ TOLD.gap == pytest.approx(1)
    assert opening.along[1] == pytest.approx(-0.4 / 0.025, rel=0.02)
    size = np.ptp(opening.opened(answers) @ TOLD.gap) / np.ptp(values @ TOLD.gap)
    assert 0.8 < size < 0.95
    still = find_opening(np.full((50, 4), 0.2), np.full((50, 4), 0.2), TOLD.gap)
    np.testing.assert_allclose(still.opened(np.full((3, 4), 0.2)), 0.2, atol=1e-4)


def test_likeness_is_one_for_the_same_and_less_for_what_is_further(rng):
    rows = rng.normal(size=(200, 9)).astype(np.float32)
    around = surroundings(rows, np.arange(10, 20) / 10, rows.mean(axis=0), rows.std(axis=0))
    assert around.shape == (10, len(OFFSETS_S), 9)
    alike = likeness(around, around, 3)
    np.testing.assert_allclose(np.diag(alike), 1, atol=1e-3)
    assert (alike[~np.eye(10, dtype=bool)] < 0.8).all()
    near = likeness(around, around + np.float32(0.01), 3)
    np.testing.assert_allclose(np.diag(near), np.exp(-0.5 * 0.01 * np.sqrt(len(OFFSETS_S))), atol=2e-3)


def test_a_short_closure_between_two_pictures_is_not_missed():
    closed = np.zeros(120, np.float32)
    closed[61] = 1
    told = Heard(Motion(np.zeros((120, 52)), RATE_HZ, ARKIT_52), np.zeros((120, 6), np.float32), closed)
    found = closed_at(told, np.arange(20) / 10, 10.0)
    np.testing.assert_array_equal(np.flatnonzero(found), [10])


def test_files_come_back_to_the_bit_and_damaged_ones_are_refused(learned, tmp_path):
    voice, _, told, _ = learned
    voice.save(tmp_path / "voice.npz")
    wide = np.full(4, -9.0), np.full(4, 9.0)
    np.testing.assert_array_equal(spoken(read_voice(tmp_path / "voice.npz"), told, FPS, wide).values,
                                  spoken(voice, told, FPS, wide).values)
    with np.load(tmp_path / "voice.npz") as file:
        arrays = dict(file)
    for change in ({"version": 9}, {"weight": arrays["weight"][:, :2]}, {"opening_given": np.zeros(7)}):
        np.savez(tmp_path / "other.npz", **arrays | change)
        with pytest.raises(InputError, match="learn the portrait again"):
            read_voice(tmp_path / "other.npz")


def test_without_sound_the_range_is_the_persons(rng):
    told = heard_of(rng)
    silent = np.arange(1200) < 300
    curves = np.where(silent[:, None], 0, told.curves.values)
    told = Heard(Motion(curves, RATE_HZ, ARKIT_52), told.phones, told.closed)
    tracked = np.stack([rng.uniform(0.1, 0.3, 200), rng.uniform(0, 0.9, 200), np.full(200, 0.25), np.full(200, 0.2)], 1)
    voice = scaled_voice(Motion(tracked, FPS, MOUTH))
    bounds = tracked.min(axis=0), tracked.max(axis=0)
    said = spoken(voice, told, FPS, bounds).values
    assert len(said) == 500
    assert np.abs(said[:120, 0] - 0.1).max() < 0.02
    assert said[:, 1].max() > 2 * said[:, 0].max()
    assert np.ptp(said[:, 3]) == 0
    assert abs(said[0, 3] - 0.2) < 1e-3
    half = spoken(voice, told, FPS, bounds, strengths=Strengths(lips=0.5)).values
    assert np.ptp(half[:, 0]) < 0.8 * np.ptp(said[:, 0])


def test_too_little_speech_is_refused(rng):
    with pytest.raises(InputError, match=r"5 s of speech or more.*2\.4 s"):
        fit_voice(heard_of(rng, 3), Motion(np.zeros((60, 4)), FPS, MOUTH), np.arange(60) / FPS, TOLD)


def test_silence_teaches_nobody(rng):
    told = heard(Audio(np.zeros(8 * 16000, np.float32), 16000))
    tracked = Motion(rng.uniform(0, 1, (180, 4)), FPS, MOUTH)
    with pytest.raises(InputError, match="audio: expected speech, got silence; give the sound of the pictures"):
        fit_voice(told, tracked, np.arange(180) / FPS, TOLD)


def test_heard_has_a_row_for_every_moment_and_needs_arkits_curves():
    sound = Audio(np.sin(np.arange(16000) * 0.05).astype(np.float32), 16000)
    told = heard(sound)
    assert len(told) == len(told.phones) == len(told.closed) == 60
    np.testing.assert_allclose(told.phones.sum(axis=1), 1, atol=1e-4)
    assert told.curves.space.columns == ARKIT_52.columns


def test_closures_are_heard_in_speech(request):
    from personare.api import load

    told = heard(load(request.config.rootpath / "examples" / "hello.wav"))
    assert 0.01 < (told.closed > 0.5).mean() < 0.25
    # A closure, and an open vowel, of those that scripts/draw_photo.py shows.
    assert told.closed[round(1.19 * RATE_HZ)] > 0.9
    assert told.closed[round(4.5 * RATE_HZ) : round(4.8 * RATE_HZ)].max() == 0
