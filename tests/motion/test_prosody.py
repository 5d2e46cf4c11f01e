"""Prosody: level and pitch of known sounds, the same in any pieces; accents where loud and high."""

from dataclasses import replace

import numpy as np
import pytest

import personare
from personare.motion.articulation import TOUCHING_CM, lip_gap_cm
from personare.motion.layers import STILL, Layers, LayerStream
from personare.motion.prosody import Accents, Loudness, VoiceStream, nod_curve, raise_curve
from personare.types import Motion

RATE_HZ = 16000


def tone(pitch_hz, seconds=1.0, level=0.1):
    """A buzz of ten harmonics."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (level * sum(np.sin(2 * np.pi * k * pitch_hz * time_s) / k for k in range(1, 11))).astype(np.float32)


@pytest.mark.parametrize("pitch_hz", [85, 120, 210, 320])
def test_pitch_of_a_buzz(pitch_hz):
    voice = VoiceStream(RATE_HZ, 30.0)
    voice.hear(tone(pitch_hz))
    level, pitch = voice.frames(30)
    assert np.exp(pitch[5:]) == pytest.approx(np.full(25, pitch_hz), rel=0.06)
    expected = 10 * np.log10((tone(pitch_hz) ** 2).mean())
    assert level[5:] == pytest.approx(np.full(25, expected), abs=2)


def test_noise_and_silence_have_no_pitch(rng):
    voice = VoiceStream(RATE_HZ, 30.0)
    voice.hear(np.concatenate([rng.normal(0, 0.1, RATE_HZ), np.zeros(RATE_HZ)]).astype(np.float32))
    level, pitch = voice.frames(90)
    assert np.isnan(pitch).mean() > 0.95
    assert level[-1] < -80


def test_any_pieces_give_the_same(rng):
    sound = np.concatenate([tone(150), np.zeros(4000, np.float32), tone(220, 0.5, 0.3)])
    whole = VoiceStream(RATE_HZ, 25.0, 0.1)
    whole.hear(sound)
    expected = np.array(whole.frames(60))
    pieces, found, fed = VoiceStream(RATE_HZ, 25.0, 0.1), [], 1600
    pieces.hear(sound[:fed])
    for _ in range(60):
        need = min(len(sound), fed + int(rng.integers(640, 900)))
        pieces.hear(sound[fed:need])
        fed = need
        found.append(pieces.frames(1))
    np.testing.assert_array_equal(np.concatenate(found, axis=1), expected)


def test_accents_follow_loud_and_high_syllables():
    accents = Accents(np.random.default_rng(0), 50.0)
    time_s = np.arange(1500) / 50
    strong = (time_s % 1.5 > 1.1) & (time_s % 1.5 < 1.3)
    rows = np.array([accents.voice(t, -20 if s else -32, np.log(190 if s else 140)) for t, s in zip(time_s, strong,
                                                                                                    strict=True)])
    activity, nod, brow = rows.T
    assert activity[-1] > 0.95
    assert 5 < (np.diff((nod > 0.3).astype(int)) == 1).sum() < 20  # 20 strong syllables, six of ten nodded at
    after = (time_s % 1.5 > 1.1) | (time_s % 1.5 < 0.3)
    assert nod[after].sum() > 5 * np.maximum(nod[~after], 0).sum()
    assert 2 < (np.diff((brow > 0.3).astype(int)) == 1).sum() < 14


def test_a_steady_hum_has_no_accents_and_silence_no_activity():
    accents = Accents(np.random.default_rng(0), 30.0)
    hum = np.array([accents.voice(i / 30, -25.0, np.log(120.0)) for i in range(300)])
    assert hum[30:, 1:].max() == 0
    quiet = np.array([accents.voice(10 + i / 30, -90.0, np.nan) for i in range(60)])
    assert quiet[-1, 0] < 0.01


def factors(levels_db, speaking=True):
    """Loudness.factor of 30 levels a second."""
    loudness = Loudness(30.0)
    return np.array([loudness.factor(level, speaking) for level in levels_db])


def test_lips_follow_a_voice_that_leaves_its_usual_level(rng):
    even = -30 + 3 * rng.standard_normal(600)
    assert (factors(even)[60:] == 1).mean() > 0.99
    for change_db, low, high in ((12, 1.3, 2), (-12, 0.5, 0.77), (30, 1.8, 2)):
        found = factors(np.where(np.arange(600) < 300, even, even + change_db))
        np.testing.assert_array_equal(found[60:300], 1)
        assert low < found[345] <= high
        assert np.abs(np.diff(np.log(found))).max() < 0.15


def test_the_first_words_are_the_usual_level_and_pauses_do_not_count():
    assert (factors(np.full(90, -12.0)) == 1).all()
    loudness = Loudness(30.0)
    for level, speaking in ((-30.0, True),) * 90 + ((-70.0, False),) * 900:
        assert loudness.factor(level, speaking) == 1
    assert loudness.factor(-30.0, True) == 1


def test_a_mouth_that_is_open_in_silence_is_no_dropped_voice():
    open_mouth = Motion(np.full((150, 52), 0.3, np.float32), 30.0, "arkit-52")
    stream = LayerStream(30.0, replace(STILL, loudness=1), rate_hz=RATE_HZ)
    stream.hear(np.concatenate([tone(130, 2), np.zeros(RATE_HZ, np.float32), tone(130, 2)]))
    np.testing.assert_array_equal(stream.apply(open_mouth).values, open_mouth.values)


def test_curves_begin_and_end_at_rest():
    for curve in (nod_curve, raise_curve):
        values = np.array([curve(t) for t in np.arange(0, 2, 0.005)])
        assert values[0] == 0
        assert abs(values[-1]) < 1e-9
        assert values.max() > 0.9
        assert np.abs(np.diff(values)).max() < 0.12


def test_layers_hear_the_voice():
    motion = Motion(np.zeros((360, 52), np.float32), 30.0, "arkit-52")
    sound = np.concatenate([np.concatenate([tone(130, 0.8, 0.05), tone(190, 0.2, 0.3), np.zeros(8000, np.float32)])
                            for _ in range(8)])
    deaf = LayerStream(30.0, Layers(seed=1), rate_hz=RATE_HZ).apply(motion)
    stream = LayerStream(30.0, Layers(seed=1), rate_hz=RATE_HZ)
    stream.hear(sound)
    heard = stream.apply(motion)
    assert deaf.column("browInnerUp").max() == 0
    assert heard.column("browInnerUp").max() > 0.2


def test_a_raised_voice_parts_the_lips_further_and_they_still_meet():
    # Syllables that open and close the mouth, ten seconds; the voice is 12 dB up in the second half.
    time_s = np.arange(300) / 30
    jaw = np.round(0.4 * np.abs(np.sin(2 * np.pi * time_s)), 6)
    motion = Motion(np.zeros((300, 52), np.float32), 30.0, "arkit-52").with_columns(
        {"jawOpen": jaw, "mouthClose": np.where(time_s % 1 < 0.2, 0.8 * jaw, 0)})
    assert (touching := lip_gap_cm(motion) < TOUCHING_CM)[200:].any()
    sound = np.concatenate([tone(130, 5, 0.05), tone(130, 5, 0.2)])
    found = {}
    for strength in (0, 1, 2):
        stream = LayerStream(30.0, replace(STILL, loudness=strength), rate_hz=RATE_HZ)
        stream.hear(sound)
        whole = stream.apply(motion)
        assert lip_gap_cm(whole)[touching].max() < TOUCHING_CM + 0.01
        found[strength] = whole.column("jawOpen")
        parts = LayerStream(30.0, replace(STILL, loudness=strength), rate_hz=RATE_HZ)
        parts.hear(sound)
        pieces = [parts.apply(motion.frames(i, i + 7)).values for i in range(0, 300, 7)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole.values)
    np.testing.assert_allclose(found[0], motion.column("jawOpen"))
    np.testing.assert_allclose(found[1][:150], found[0][:150])
    assert found[2][180:].max() > found[1][180:].max() > 1.15 * jaw[180:].max()
    np.testing.assert_array_equal(found[2][jaw == 0], 0)


def test_any_chunks_of_sound_give_the_same_performance(rng):
    sound = np.concatenate([tone(130, 0.8, 0.05), tone(190, 0.3, 0.3), np.zeros(8000, np.float32), tone(150, 1.1, 0.1)])
    cuts = np.sort(rng.integers(0, len(sound), 9))
    pieces = personare.AudioStream(RATE_HZ, lambda: iter(np.split(sound, cuts)))
    whole, chunked = (personare.animate(one, emotion="joy:0.6", articulation=1.4)
                      for one in (personare.Audio(sound, RATE_HZ), pieces))
    np.testing.assert_allclose(chunked.values, whole.values, atol=2e-5)
    np.testing.assert_allclose(chunked.head_pose, whole.head_pose, atol=1e-6)
