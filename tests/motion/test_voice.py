"""A person's way to speak, solved for."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.motion.voice import fit_voice, heard, scaled_voice, spoken
from personare.spaces import ARKIT_52, Space
from personare.types import Audio, Motion

MOUTH = Space("mouth", ("jawOpen", "mouthPucker", "mouthSmileLeft", "tongueUp"))


def told_of(rng, t=400):
    """Smooth curves of the built-in model's space."""
    walk = np.cumsum(rng.normal(size=(t, 3)), axis=0)
    walk = walk - np.stack([np.convolve(walk[:, k], np.full(25, 0.04), mode="same") for k in range(3)], 1)
    values = np.zeros((t, 52), np.float32)
    for k, name in enumerate(("jawOpen", "mouthPucker", "mouthFunnel")):
        values[:, ARKIT_52.index(name)] = np.clip(0.3 + 0.1 * walk[:, k], 0, 1)
    return Motion(values, 25.0, ARKIT_52)


def test_a_persons_own_map_and_delay_are_found(rng):
    told = told_of(rng)
    jaw = told.column("jawOpen")
    late, narrow = np.roll(jaw, 2), np.roll(told.column("mouthPucker"), 2)
    values = np.stack([0.1 + 0.5 * late, 0.4 * np.sqrt(narrow), 0.3 - 0.2 * late, np.full(400, 0.2)], 1)
    voice = fit_voice(told.frames(0, 300), Motion(values[:300], 25.0, MOUTH))
    assert voice.lag == 2
    bounds = values.min(axis=0), values.max(axis=0)
    said = spoken(voice, told, bounds)
    assert said.space.columns == MOUTH.columns
    unseen = slice(310, 390)
    assert np.corrcoef(said.values[unseen, 0], values[unseen, 0])[0, 1] > 0.95
    assert np.corrcoef(said.values[unseen, 1], values[unseen, 1])[0, 1] > 0.95
    assert (said.values >= bounds[0] - 1e-6).all()
    assert (said.values <= bounds[1] + 1e-6).all()


def test_without_sound_the_range_is_the_persons(rng):
    told = told_of(rng)
    tracked = np.stack([rng.uniform(0.1, 0.3, 200), rng.uniform(0, 0.9, 200), np.full(200, 0.25), np.full(200, 0.2)], 1)
    voice = scaled_voice(Motion(tracked, 25.0, MOUTH))
    said = spoken(voice, told, (tracked.min(axis=0), tracked.max(axis=0)))
    silent = told.column("jawOpen") == 0
    assert silent.any()
    assert np.abs(said.values[silent, 0] - 0.1).max() < 0.02
    assert said.values[:, 1].max() > 2 * said.values[:, 0].max()
    assert np.ptp(said.values[:, 3]) == 0
    assert abs(said.values[0, 3] - 0.2) < 1e-3


def test_too_little_speech_is_refused(rng):
    told = told_of(rng, 60)
    with pytest.raises(InputError, match=r"5 s of speech or more.*2\.4 s"):
        fit_voice(told, Motion(np.zeros((60, 4)), 25.0, MOUTH))


def test_heard_has_a_row_for_every_frame():
    sound = Audio(np.sin(np.arange(16000) * 0.05).astype(np.float32), 16000)
    motion = heard(sound, 25.0)
    assert len(motion) == 25
    assert motion.space.columns == ARKIT_52.columns
