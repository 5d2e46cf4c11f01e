"""Shards come back as they were written; batches are seeded and their targets stand where the sound is."""

from dataclasses import replace

import numpy as np

from personare.audio.mel import MelOptions
from personare.learn.augment import AugmentOptions
from personare.learn.data import Sampler, read_shard, write_shard
from personare.learn.phones import PHONE_ID

MEL = MelOptions(band_count=16, rate_hz=120.0)


def bursts():
    """One utterance: a loud vowel between 0.5 and 1 s, and again from 1.5 to 2 s, of 2.5 s."""
    time = np.arange(40000) / 16000
    on = ((time > 0.5) & (time < 1)) | ((time > 1.5) & (time < 2))
    a = PHONE_ID["AA"]
    sound = (0.3 * on * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    return sound, [(0, 0, 0.5), (a, 0.5, 1), (0, 1, 1.5), (a, 1.5, 2)], "toy"


def test_a_shard_comes_back(tmp_path):
    write_shard(tmp_path / "a.npz", [bursts(), bursts()])
    first, second = read_shard(tmp_path / "a.npz")
    np.testing.assert_allclose(first.samples / 32767, bursts()[0], atol=1e-4)
    assert second.phones.tolist() == [row[0] for row in bursts()[1]]
    np.testing.assert_allclose(second.ends_s, [0.5, 1, 1.5, 2])
    assert second.speaker == "toy"


def sampler(tmp_path, seed):
    write_shard(tmp_path / "a.npz", [bursts()])
    return Sampler([read_shard(tmp_path / "a.npz")], [1], mel=MEL, context=(2, 1), frame_count=60, augment=None,
                   seed=seed)


def test_targets_stand_where_the_sound_is(tmp_path):
    batch = sampler(tmp_path, 3).batch(16)
    # The row a frame is centred on: the middle one of the stem's three, after the context.
    centre = 2 * 2 + 1 + 2 * np.arange(60)
    energy = batch.rows[:, centre].max(axis=2)
    vowel = batch.phones == PHONE_ID["AA"]
    assert ((energy > -8) == vowel).mean() > 0.97


def test_batches_are_seeded(tmp_path):
    one, two = sampler(tmp_path, 3).batch(2), sampler(tmp_path, 3).batch(2)
    np.testing.assert_array_equal(one.rows, two.rows)
    assert one.rows.shape == (2, 2 * (2 + 60 + 1) + 1, 16)


def test_tempo_stretches_the_labels_with_the_sound(tmp_path):
    write_shard(tmp_path / "a.npz", [bursts()])
    quiet = AugmentOptions(noise=0, room=0, colour=0, band=0, codec=0, clipping=0, warp=0, mask=0, breath=0,
                           level_db=(-20, -20), speed=(0, 0), tempos=(0.7, 1.5))
    batch = Sampler([read_shard(tmp_path / "a.npz")], [1], mel=MEL, context=(2, 1), frame_count=120, augment=quiet,
                    seed=4).batch(24)
    energy = batch.rows[:, 2 * 2 + 1 + 2 * np.arange(120)].max(axis=2)
    assert ((energy > -8) == (batch.phones == PHONE_ID["AA"])).mean() > 0.96


def test_a_raised_voice_moves_no_label(tmp_path):
    write_shard(tmp_path / "a.npz", [bursts()])
    options = AugmentOptions(noise=0, room=0, colour=0, band=0, codec=0, clipping=0, warp=0, mask=0, breath=0,
                             level_db=(-30, -30), speed=(0, 0), tempos=(1.0,), effort=1)
    batches = [Sampler([read_shard(tmp_path / "a.npz")], [1], mel=MEL, context=(2, 1), frame_count=240, augment=one,
                       seed=4).batch(24) for one in (options, replace(options, effort=0))]
    found = []
    for batch in batches:
        energy = batch.rows[:, 2 * 2 + 1 + 2 * np.arange(240)].max(axis=2)
        vowel = batch.phones == PHONE_ID["AA"]
        assert ((energy > -10) == vowel).mean() > 0.96
        found.append(np.median([row[spoken].std() for row, spoken in zip(energy, vowel, strict=True) if spoken.any()]))
    assert found[0] > 2 * found[1]


def test_breath_falls_into_pauses_and_moves_no_label(tmp_path):
    write_shard(tmp_path / "a.npz", [bursts()])
    options = AugmentOptions(noise=0, room=0, colour=0, band=0, codec=0, clipping=0, warp=0, mask=0, breath=1,
                             level_db=(-20, -20), speed=(0, 0), tempos=(1.0,))
    batch = Sampler([read_shard(tmp_path / "a.npz")], [1], mel=MEL, context=(2, 1), frame_count=240, augment=options,
                    seed=4).batch(16)
    energy = batch.rows[:, 2 * 2 + 1 + 2 * np.arange(240)].max(axis=2)
    silent = batch.phones == 0
    assert 0.05 < (energy[silent] > -14).mean() < 0.8
    assert batch.gates[:, :, 2][silent & (energy > -14)].mean() > 0.8


def test_background_voices_are_drawn_like_those_in_front(tmp_path):
    quiet, loud = bursts(), (np.full(40000, 0.9, np.float32), *bursts()[1:])
    for name, utterance in {"quiet": quiet, "loud": loud}.items():
        write_shard(tmp_path / f"{name}.npz", [utterance])
    shards = [read_shard(tmp_path / f"{name}.npz") for name in ("quiet", "loud")]
    for weights, expected in (((1, 0), 0.3), ((0, 1), 0.9)):
        drawn = Sampler(shards, weights, mel=MEL, context=(2, 1), frame_count=60, augment=None, seed=0)
        np.testing.assert_allclose([drawn._voices(40000).max() for _ in range(8)], expected, atol=0.01)
