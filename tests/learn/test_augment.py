"""Augmentation keeps length and range, is seeded, and leaves silence alone where nothing is added."""

from dataclasses import replace

import numpy as np

from personare.learn.augment import AugmentOptions, degrade, effort_curve, raise_voice, warp_bands

NONE = AugmentOptions(noise=0, room=0, colour=0, band=0, codec=0, clipping=0, warp=0, mask=0, level_db=(-20, -20))


def test_degraded_sound_has_the_same_length_and_is_seeded():
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, 15000).astype(np.float32)
    options = AugmentOptions(noise=1, room=1, colour=1, band=1, codec=1, clipping=1)
    for seed in range(8):
        once, again = (degrade(sound, lambda: sound[::-1], np.random.default_rng(seed), options) for _ in range(2))
        assert once.shape == sound.shape
        assert once.dtype == np.float32
        assert np.isfinite(once).all()
        assert np.abs(once).max() <= 1
        np.testing.assert_array_equal(once, again)


def test_level_is_set():
    sound = (0.01 * np.sin(np.arange(15000) * 0.3)).astype(np.float32)
    loud = degrade(sound, None, np.random.default_rng(0), NONE)
    np.testing.assert_allclose(np.sqrt((loud**2).mean()), 0.1, rtol=0.02)


def test_silence_without_noise_stays_silent():
    assert not degrade(np.zeros(15000, np.float32), None, np.random.default_rng(0), NONE).any()


def test_warping_moves_a_peak_and_keeps_the_shape():
    rows = np.tile(np.exp(-(((np.arange(64) - 30) / 3) ** 2)), (5, 1)).astype(np.float32)
    options = AugmentOptions(warp=1, mask=0)
    peaks = {int(warp_bands(rows, np.random.default_rng(seed), options)[0].argmax()) for seed in range(20)}
    assert min(peaks) < 29
    assert max(peaks) > 31


def test_babble_mixes_as_many_voices_as_asked_at_the_level_asked():
    rng = np.random.default_rng(0)
    voice = rng.normal(0, 0.1, 16000).astype(np.float32)
    asked = []

    def others():
        asked.append(len(asked))
        return np.roll(rng.permutation(voice), 1)

    options = replace(NONE, noise=1, snr_db=(12, 12), babble=1, babble_voices=(5, 5))
    alone = degrade(voice, others, np.random.default_rng(1), NONE)
    both = degrade(voice, others, np.random.default_rng(1), options)
    assert len(asked) == 5
    # The level is that of the speech before, so what is left is the babble.
    under_db = 20 * np.log10(np.std(alone) / np.std(both - alone))
    np.testing.assert_allclose(under_db, 12, atol=0.5)


def test_a_raised_voice_gains_more_above():
    effort_db = np.full(16000, 6, np.float32)
    for tone_hz, gain_db in ((100, 6), (6000, 9)):
        tone = np.sin(2 * np.pi * tone_hz * np.arange(16000) / 16000).astype(np.float32)
        raised = raise_voice(tone, effort_db)
        np.testing.assert_allclose(20 * np.log10(raised.std() / tone.std()), gain_db, atol=0.2)
        np.testing.assert_array_equal(raise_voice(tone, 0 * effort_db), tone)


def test_effort_stays_in_its_range_and_moves_slowly():
    options = AugmentOptions(effort=1, effort_db=(-8, 8))
    curve = effort_curve(16000 * 8, np.random.default_rng(3), options)
    assert 8 >= np.abs(curve).max() > 2
    assert np.abs(np.diff(curve)).max() * 16000 < 20
    assert not effort_curve(16000, np.random.default_rng(3), replace(options, effort=0)).any()
