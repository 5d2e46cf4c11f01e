"""Lips that part before speech: when, how far, for whom not, and the same in any chunks."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import personare
from personare.cli import app
from personare.motion.articulation import lip_gap_cm
from personare.motion.breath import FALL_S, LEAD_S, PART_CM, RISE_S, WITHIN_S, BreathStream
from personare.motion.layers import STILL
from personare.motion.mouth import REST_CM
from personare.motion.performance import Performance
from personare.motion.pieces import joined
from personare.motion.strengths import Strengths
from personare.spaces import A2F_68, ARKIT_52, FACEGOOD_116
from personare.types import Motion

FPS = 60.0
ONLY = replace(STILL, breath=1.0)
OPEN = {"jawOpen": 0.3}
SHUT = {"jawOpen": 0.06, "mouthClose": 0.05, "mouthPressLeft": 0.2, "mouthPressRight": 0.2}
SHUT_BY_JAW = {"jawOpen": 0.1, "mouthClose": 0.078}
BITE = {"jawOpen": 0.05, "mouthRollLower": 0.6, "mouthShrugLower": 0.2, "mouthUpperUpLeft": 0.2}


def mouth(*parts, fps=FPS, space=ARKIT_52):
    """Motion of (seconds, {shape: value}) one after the other."""
    counts = [round(seconds * fps) for seconds, _ in parts]
    values = np.zeros((sum(counts), len(space)), np.float32)
    for begin, count, (_, shapes) in zip(np.cumsum([0, *counts]), counts, parts, strict=False):
        for name, value in shapes.items():
            values[begin:begin + count, space.index(name)] = value
    return Motion(values, fps, space)


def breathed(motion, strength=1.0, chunk=None):
    stream = BreathStream(motion.fps, strength)
    step = chunk or max(len(motion), 1)
    pieces = [stream.push(motion.frames(i, min(i + step, len(motion)))) for i in range(0, len(motion), step)]
    last = stream.finish()
    return joined(pieces if last is None else [*pieces, last])


def beyond_rest(motion):
    return lip_gap_cm(motion) - REST_CM[0]


def test_lips_part_before_speech_and_nowhere_else():
    talk = mouth((0.5, OPEN), (1.5, {}), (0.5, OPEN), (1.0, {}))
    gap, before = beyond_rest(breathed(talk)), beyond_rest(talk)
    at = np.arange(len(gap)) / FPS
    np.testing.assert_allclose(gap[(at > 2.0 - LEAD_S + RISE_S + 0.01) & (at < 2.0)], PART_CM, atol=0.01)
    elsewhere = ((at > 0.5) & (at <= 2.0 - LEAD_S)) | (at > 2.5)
    np.testing.assert_array_equal(gap[elsewhere], before[elsewhere])
    # Speech itself stays as it was where it is wider than the breath, and lips part over some frames.
    np.testing.assert_array_equal(gap[before > PART_CM], before[before > PART_CM])
    rising = np.diff(gap[(at > 1.4) & (at < 1.9)])
    assert rising.min() >= 0
    assert rising.max() < 0.2


def test_strength_scales_how_far_and_zero_is_the_motion_itself():
    talk = mouth((1.0, {}), (0.5, OPEN))
    for strength in (0.5, 1.0, 2.0):
        breath = breathed(talk, strength).frames(50, 51)
        assert beyond_rest(breath) == pytest.approx(strength * PART_CM, abs=1e-3)
        assert breath.column("mouthLowerDownLeft") > 0
    stream = BreathStream(FPS, 0)
    assert stream.push(talk) is talk
    assert stream.finish() is None
    assert stream.look_ahead_s == 0


@pytest.mark.parametrize("contact", [SHUT, SHUT_BY_JAW, BITE])
def test_lips_still_meet_for_a_first_consonant(contact):
    talk = mouth((1.0, {}), (0.1, contact), (0.4, OPEN))
    gap, before = lip_gap_cm(breathed(talk)), lip_gap_cm(talk)
    assert gap[50] > 0.5
    np.testing.assert_allclose(gap[60:66], before[60:66], atol=0.03)
    # They come together over a tenth of a second rather than in one frame.
    assert np.abs(np.diff(gap[50:61])).max() < 0.2


def test_a_final_m_opens_gently_into_a_short_pause():
    talk = mouth((0.5, OPEN), (0.1, SHUT), (0.3, {}), (0.5, OPEN))
    gap = lip_gap_cm(breathed(talk))
    np.testing.assert_array_equal(gap[30:36], lip_gap_cm(talk)[30:36])
    assert gap[36:54].max() > 0.6
    assert np.abs(np.diff(gap[35:53])).max() < 0.2


def test_closures_and_short_rests_within_speech_are_no_pauses():
    talk = mouth((0.5, OPEN), (0.12, SHUT), (0.5, OPEN), (0.1, {}), (0.5, OPEN), (0.4, SHUT), (0.5, OPEN))
    np.testing.assert_array_equal(breathed(talk).values, talk.values)


def test_a_short_pause_stays_parted():
    coming_down = [(1 / FPS, {"jawOpen": 0.3 - 0.05 * i}) for i in range(6)]
    talk = mouth((0.5, OPEN), *coming_down, (0.3, {}), (0.5, OPEN))
    assert beyond_rest(breathed(talk))[30:56].min() > 0.5


def test_a_narrow_last_word_stays_narrow():
    talk = mouth((0.5, OPEN), (0.4, {"jawOpen": 0.06}), (0.2, {}), (0.5, OPEN))
    gap, before = lip_gap_cm(breathed(talk)), lip_gap_cm(talk)
    np.testing.assert_array_equal(gap[30:42], before[30:42])
    assert np.diff(gap[30:52]).max() < 0.1


def test_who_does_not_speak_does_not_breathe():
    for never in ({}, {"jawOpen": 0.02}, {"jawOpen": 0.05}, {"mouthPressLeft": 0.04, "mouthPressRight": 0.04}):
        still = mouth((2.0, never))
        np.testing.assert_array_equal(breathed(still).values, still.values)
    click = mouth((2.0, {}), (0.15, OPEN), (2.0, {}))
    np.testing.assert_array_equal(breathed(click).values, click.values)


def test_a_take_that_begins_with_speech_begins_as_it_was():
    talk = mouth((0.5, {"jawOpen": 0.1}), (1.0, {}))
    np.testing.assert_array_equal(breathed(talk).values, talk.values)


def test_let_go_after_the_voice_has_begun():
    """A voice that begins with lips less apart than the breath is followed within FALL_S."""
    talk = mouth((1.0, {}), (0.6, {"jawOpen": 0.08}))
    gap, before = lip_gap_cm(breathed(talk)), lip_gap_cm(talk)
    assert gap[61] > before[61] + 0.2
    assert np.abs(np.diff(gap[50:80])).max() < 0.15
    np.testing.assert_array_equal(gap[60 + int(FALL_S * FPS) + 1:], before[60 + int(FALL_S * FPS) + 1:])


def test_values_beyond_one_stay_where_nothing_is_asked():
    talk = mouth((0.5, {"jawOpen": 1.3}), (0.4, {}), (0.5, {"jawOpen": 1.3}))
    assert breathed(talk).column("jawOpen")[:20] == pytest.approx(1.3)
    assert breathed(talk, 2).column("jawOpen").max() == pytest.approx(1.3)


def babble(fps, seed, count=400):
    """Motion of speech, clicks, closures and pauses of any lengths."""
    rng = np.random.default_rng(seed)
    shapes = (OPEN, {}, {}, SHUT, BITE, {"jawOpen": 0.06})
    parts = [(rng.choice((0.03, 0.1, 0.19, 0.25, 0.6)), shapes[rng.integers(len(shapes))]) for _ in range(60)]
    motion = mouth(*parts, fps=fps)
    return motion.frames(0, min(count, len(motion)))


@pytest.mark.parametrize("fps", [4.0, 12.5, 25.0, 29.97, 60.0, 240.0])
@pytest.mark.parametrize("seed", range(3))
def test_any_chunks_give_the_same(fps, seed):
    motion = babble(fps, seed)
    whole = breathed(motion)
    assert len(whole) == len(motion)
    for chunk in (1, 7, 31):
        np.testing.assert_array_equal(breathed(motion, chunk=chunk).values, whole.values)
    for count in (1, 2, 5):
        assert len(breathed(motion.frames(0, count))) == count


@pytest.mark.parametrize("seed", range(3))
def test_later_frames_change_nothing_earlier_than_the_look_ahead(seed):
    motion, other = babble(FPS, seed), babble(FPS, seed + 10)
    cut = 200
    changed = replace(motion, values=np.concatenate([motion.values[:cut], other.values[cut:]]))
    safe = cut - round(BreathStream(FPS, 1.0).look_ahead_s * FPS)
    np.testing.assert_array_equal(breathed(changed).values[:safe], breathed(motion).values[:safe])


def test_the_built_in_model_breathes_in_pauses_the_same_live():
    audio = personare.load("examples/hallo.wav")
    plain, whole = (personare.animate(audio, fps=FPS, layers=layers) for layers in (STILL, ONLY))
    opened = lip_gap_cm(whole) - lip_gap_cm(plain)
    assert (opened > 0.3).sum() > 20
    performance = Performance(from_hz=audio.rate_hz, fps=FPS, layers=ONLY)
    assert performance.look_ahead_s == pytest.approx(
        Performance(from_hz=audio.rate_hz, fps=FPS, layers=STILL).look_ahead_s + LEAD_S + WITHIN_S, abs=1 / FPS)
    step = audio.rate_hz // 3
    pieces = [performance.push(audio.samples[i:i + step]) for i in range(0, len(audio.samples), step)]
    np.testing.assert_allclose(joined([*pieces, performance.finish()]).values, whole.values, atol=1e-6)


def test_smoothing_comes_before_and_articulation_after():
    audio = personare.load("examples/hallo.wav")
    plain, softer = (personare.animate(audio, fps=FPS, layers=ONLY, articulation=amount) for amount in (1.0, 0.5))
    resting = lip_gap_cm(personare.animate(audio, fps=FPS, layers=STILL)) < 0.1
    breath = resting & (lip_gap_cm(plain) > 0.5)
    assert breath.any()
    np.testing.assert_allclose(beyond_rest(softer)[breath], 0.5 * beyond_rest(plain)[breath], atol=0.05)
    smooth = Strengths(smoothing_ms=80)
    calm = personare.animate(audio, fps=FPS, layers=STILL, strengths=smooth)
    np.testing.assert_allclose(personare.animate(audio, fps=FPS, layers=ONLY, strengths=smooth).values,
                               breathed(calm).values, atol=1e-6)


def test_rigs_with_these_columns_breathe_and_others_pass():
    parts = (1.0, {}), (0.5, OPEN)
    wide = breathed(mouth(*parts, space=A2F_68))
    np.testing.assert_array_equal(wide.columns(ARKIT_52.columns), breathed(mouth(*parts)).values)
    motion = Motion(np.zeros((90, len(FACEGOOD_116)), np.float32), FPS, FACEGOOD_116,
                    np.repeat(np.eye(4, dtype=np.float32)[None], 90, axis=0))
    passed = breathed(motion, chunk=20)
    np.testing.assert_array_equal(passed.values, motion.values)
    np.testing.assert_array_equal(passed.head_pose, motion.head_pose)


def test_the_command_breathes_when_asked(tmp_path):
    frames = {}
    for strength in ("0", "1"):
        out = tmp_path / f"{strength}.json"
        ran = CliRunner().invoke(app, ["animate", "examples/hallo.wav", "-o", str(out), "--still",
                                       "--breath", strength])
        assert ran.exit_code == 0, ran.output
        frames[strength] = np.array([frame["weights"] for frame in json.loads(out.read_text())["frames"]])
    expected = personare.animate("examples/hallo.wav", layers=ONLY).values
    np.testing.assert_allclose(frames["1"], expected, atol=1e-4)
    assert np.abs(frames["1"] - frames["0"]).max() > 0.1
    assert CliRunner().invoke(app, ["animate", "examples/hallo.wav", "--breath", "3"]).exit_code == 2
