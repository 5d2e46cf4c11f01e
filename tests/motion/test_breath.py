"""Lips that part before speech: when, how far, for whom not, and the same in any chunks."""

import numpy as np
import pytest

import personare
from personare.motion.articulation import lip_gap_cm
from personare.motion.breath import FALL_S, LEAD_S, PART_CM, BreathStream
from personare.motion.layers import STILL
from personare.motion.mouth import REST_CM
from personare.motion.performance import Performance, joined
from personare.spaces import ARKIT_52, FACEGOOD_116
from personare.types import Motion

FPS = 60.0
ONLY = personare.Layers(blink=0, gaze=0, head=0, brows=0, loudness=0, breath=1)


def mouth(*parts):
    """Motion of (seconds, {shape: value}) one after the other."""
    values = np.zeros((sum(round(s * FPS) for s, _ in parts), 52), np.float32)
    at = 0
    for seconds, shapes in parts:
        for name, value in shapes.items():
            values[at:at + round(seconds * FPS), ARKIT_52.index(name)] = value
        at += round(seconds * FPS)
    return Motion(values, FPS, ARKIT_52)


def breathed(motion, strength=1.0, chunk=None):
    stream = BreathStream(motion.fps, strength)
    step = chunk or len(motion)
    pieces = [stream.push(motion.frames(i, min(i + step, len(motion)))) for i in range(0, len(motion), step)]
    last = stream.finish()
    return joined(pieces if last is None else [*pieces, last])


OPEN = {"jawOpen": 0.3}
SHUT = {"jawOpen": 0.06, "mouthClose": 0.05, "mouthPressLeft": 0.2, "mouthPressRight": 0.2}


def test_lips_part_before_speech_and_nowhere_else():
    talk = mouth((0.5, OPEN), (1.5, {}), (0.5, OPEN), (1.0, {}))
    gap, before = lip_gap_cm(breathed(talk)) - REST_CM[0], lip_gap_cm(talk) - REST_CM[0]
    at = np.arange(len(gap)) / FPS
    ready = (at > 2.0 - LEAD_S + 0.13) & (at < 2.0)
    np.testing.assert_allclose(gap[ready], PART_CM, atol=0.01)
    elsewhere = ((at > 0.5) & (at <= 2.0 - LEAD_S)) | (at > 2.5)
    np.testing.assert_array_equal(gap[elsewhere], before[elsewhere])
    # Speech itself stays as it was where it is wider than the breath.
    np.testing.assert_array_equal(gap[before > PART_CM], before[before > PART_CM])


def test_strength_scales_how_far_and_zero_is_the_motion_itself():
    talk = mouth((1.0, {}), (0.5, OPEN))
    half, whole = (lip_gap_cm(breathed(talk, strength))[50] - REST_CM[0] for strength in (0.5, 1.0))
    assert half == pytest.approx(PART_CM / 2, abs=1e-3)
    assert whole == pytest.approx(PART_CM, abs=1e-3)
    stream = BreathStream(FPS, 0)
    assert stream.push(talk) is talk
    assert stream.finish() is None
    assert stream.look_ahead_s == 0


def test_lips_still_meet_for_a_first_p():
    talk = mouth((1.0, {}), (0.1, SHUT), (0.4, OPEN))
    gap = lip_gap_cm(breathed(talk))
    assert gap[50] > 0.5
    np.testing.assert_array_equal(gap[60:66], lip_gap_cm(talk)[60:66])
    # They come together over a tenth of a second rather than in one frame.
    assert np.abs(np.diff(gap[50:61])).max() < 0.2


def test_closures_within_speech_are_no_pauses():
    talk = mouth((0.5, OPEN), (0.12, SHUT), (0.5, OPEN), (0.1, {}), (0.5, OPEN))
    np.testing.assert_array_equal(breathed(talk).values[40:], talk.values[40:])


def test_a_short_pause_stays_parted():
    fall = [(1 / FPS, {"jawOpen": 0.3 - 0.05 * i}) for i in range(6)]
    talk = mouth((0.5, OPEN), *fall, (0.3, {}), (0.5, OPEN))
    gap = lip_gap_cm(breathed(talk)) - REST_CM[0]
    assert gap[30:60].min() > 0.5


def test_silence_and_endings_stay_at_rest():
    still = mouth((2.0, {}))
    np.testing.assert_array_equal(breathed(still).values, still.values)


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
def test_any_chunks_give_the_same(fps):
    audio = personare.load("examples/hello.wav")
    spoken = personare.animate(audio, fps=fps, layers=STILL)
    whole = breathed(spoken)
    assert len(whole) == len(spoken)
    assert not np.array_equal(whole.values, spoken.values)
    for chunk in (1, 7, 31):
        np.testing.assert_array_equal(breathed(spoken, chunk=chunk).values, whole.values)
    np.testing.assert_array_equal(personare.animate(audio, fps=fps, layers=ONLY).values, whole.values)


def test_frames_come_late_by_what_is_said():
    """Half a second later than without, and the same frames."""
    audio = personare.load("examples/hello.wav")
    assert Performance(from_hz=16000, layers=ONLY).look_ahead_s == pytest.approx(
        Performance(from_hz=16000, layers=STILL).look_ahead_s + LEAD_S)
    samples = audio.samples[:2 * audio.rate_hz]
    performance = Performance(from_hz=audio.rate_hz, fps=FPS, layers=ONLY)
    early = performance.push(samples)
    assert 0 < len(early) <= (2.0 - LEAD_S) * FPS
    whole = joined([early, performance.push(audio.samples[len(samples):]), performance.finish()])
    np.testing.assert_allclose(whole.values, personare.animate(audio, fps=FPS, layers=ONLY).values, atol=1e-6)


def test_other_rigs_pass_with_their_head_pose():
    motion = Motion(np.zeros((90, len(FACEGOOD_116)), np.float32), FPS, FACEGOOD_116,
                    np.repeat(np.eye(4, dtype=np.float32)[None], 90, axis=0))
    passed = breathed(motion, chunk=20)
    np.testing.assert_array_equal(passed.values, motion.values)
    np.testing.assert_array_equal(passed.head_pose, motion.head_pose)


def test_emotion_and_articulation_come_on_top():
    audio = personare.load("examples/hello.wav")
    plain, glad = (personare.animate(audio, layers=ONLY, emotion=emotion) for emotion in (None, "joy"))
    assert len(plain) == len(glad)
    assert glad.column("mouthSmileLeft").mean() > plain.column("mouthSmileLeft").mean()


def test_let_go_after_the_voice_has_begun():
    """A voice that begins with lips less apart than the breath is followed within FALL_S."""
    talk = mouth((1.0, {}), (0.6, {"jawOpen": 0.08}))
    gap, before = lip_gap_cm(breathed(talk)), lip_gap_cm(talk)
    after = 60 + int(FALL_S * FPS) + 1
    assert gap[61] > before[61] + 0.2
    np.testing.assert_array_equal(gap[after:], before[after:])
