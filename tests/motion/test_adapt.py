"""Adaptation: a known map is found again, also delayed; files come back; wrong pairs are refused."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.motion.adapt import features, fit_adapter, read_adapter, sound_columns
from personare.motion.head import smooth_noise
from personare.types import Audio, Motion

TARGET = "oculus-15"


def pair(rng, seed, frames=600, lag=0, noise=0.0, fps=30.0):
    """A source of six moving columns, and a target that is a fixed map of it, some frames later."""
    source = np.zeros((frames + 20, 52))
    for i in range(6):
        source[:, 14 + i] = np.clip(0.3 + 0.2 * smooth_noise(np.arange(frames + 20) / 6, seed=seed, channel=i), 0, 1)
    weight = np.random.default_rng(99).uniform(-0.3, 0.6, (52, 15))
    target = 0.2 + (source @ weight)[10 - lag : 10 - lag + frames] * 0.4 + noise * rng.normal(size=(frames, 15))
    return Motion(source[10 : 10 + frames], fps, "arkit-52"), Motion(target, fps, TARGET)


def explained(found, wanted):
    """Share of variance."""
    return 1 - ((found - wanted) ** 2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum()


@pytest.mark.parametrize("lag", [-1, 0, 2])
def test_a_known_map_and_its_lag_are_found(rng, lag):
    adapter = fit_adapter([pair(rng, seed, lag=lag) for seed in range(3)], reach=0)
    source, target = pair(rng, 7, lag=lag)
    assert adapter.lag == lag
    assert explained(adapter.apply(source, limits=(-9, 9)).values[10:-10], target.values[10:-10]) > 0.99


def test_noise_calls_for_more_ridge_and_is_not_learnt(rng):
    def gap(noise):
        takes = [pair(rng, seed, 150, noise=noise) for seed in range(2)]
        source, target = pair(rng, 9, 600)
        return explained(fit_adapter(takes, reach=3).apply(source, limits=(-9, 9)).values, target.values)

    assert gap(0.0) > 0.98
    assert gap(0.1) > 0.8


def test_where_a_take_rests_is_not_taken_for_motion(rng):
    takes = []
    for seed, rest in enumerate((-0.5, 0.0, 0.5)):
        source, target = pair(rng, seed)
        source = Motion(source.values + np.float32(0.1 * rest) * (source.values > 0), 30.0, "arkit-52")
        takes.append((source, Motion(target.values - np.float32(rest), 30.0, TARGET)))
    source, target = pair(rng, 7)
    found = fit_adapter(takes, reach=0).apply(source, limits=(-9, 9)).values
    assert explained(found - found.mean(axis=0), target.values - target.values.mean(axis=0)) > 0.97


def test_sound_columns_are_level_and_phones_at_the_frames_of_the_motion():
    sound = np.zeros(32000, np.float32)
    sound[16000:] = 0.3 * np.sin(np.arange(16000) * 2 * np.pi * 300 / 16000)
    columns = sound_columns(Audio(sound, 16000), Motion(np.zeros((50, 52)), 25.0, "arkit-52"))
    assert columns.shape == (50, 43)
    assert (columns[2:22, 0] < -0.9).all()
    assert np.abs(columns[28:48, 0]).max() < 0.01
    np.testing.assert_allclose((columns[:, 1:] ** 2).sum(axis=1), 1, atol=1e-3)
    assert len(sound_columns(Audio(sound, 16000), Motion(np.zeros((70, 52)), 25.0, "arkit-52"))) == 70


def test_extra_columns_help(rng):
    takes, extras = [], []
    for seed in range(3):
        source, target = pair(rng, seed)
        extra = rng.normal(size=(len(source), 1))
        takes.append((source, Motion(target.values + 0.2 * extra, 30.0, TARGET)))
        extras.append(extra)
    with_it = fit_adapter(takes[:2], extra=extras[:2], reach=0).apply(takes[2][0], extra=extras[2], limits=(-9, 9))
    without = fit_adapter(takes[:2], reach=0).apply(takes[2][0], limits=(-9, 9))
    assert explained(with_it.values, takes[2][1].values) > 0.98
    assert explained(without.values, takes[2][1].values) < 0.9
    with pytest.raises(InputError, match="extra: expected 1 extra columns, got none"):
        fit_adapter(takes[:2], extra=extras[:2], reach=0).apply(takes[2][0])


def test_another_frame_rate_gives_the_same_curves(rng):
    adapter = fit_adapter([pair(rng, seed) for seed in range(2)], reach=1)
    source, _ = pair(rng, 5)
    slow = adapter.apply(source)
    fast = adapter.apply(source.at_fps(60.0))
    assert fast.fps == 60
    assert np.abs(fast.values[:1198:2] - slow.values[:599]).max() < 0.02


def test_values_keep_to_the_limits_and_nothing_stays_nothing(rng):
    adapter = fit_adapter([pair(rng, 0), pair(rng, 1)])
    source, _ = pair(rng, 2)
    values = adapter.apply(source).values
    assert values.min() >= 0
    assert values.max() <= 1
    assert len(adapter.apply(source.frames(0, 0))) == 0
    assert len(adapter.apply(source.frames(0, 1))) == 1


def test_files_come_back_to_the_bit(rng, tmp_path):
    adapter = fit_adapter([pair(rng, 0), pair(rng, 1)])
    adapter.save(tmp_path / "rig.npz")
    source, _ = pair(rng, 2)
    np.testing.assert_array_equal(read_adapter(tmp_path / "rig.npz").apply(source).values, adapter.apply(source).values)


def test_damaged_files_are_refused(rng, tmp_path):
    adapter = fit_adapter([pair(rng, 0), pair(rng, 1)])
    adapter.save(tmp_path / "rig.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with np.load(tmp_path / "rig.npz") as file:
        rows = dict(file)
    np.savez(tmp_path / "short.npz", **rows | {"weight": rows["weight"][:-1]})
    np.savez(tmp_path / "pickle.npz", **rows | {"mean": np.array([{}], dtype=object)})
    for name in ("text.npz", "short.npz", "pickle.npz", "none.npz"):
        with pytest.raises(InputError, match="expected an adapter written by"):
            read_adapter(tmp_path / name)


@pytest.mark.parametrize(("change", "message"), [
    (lambda s, t: [], "at least one pair"),
    (lambda s, t: [(s, Motion(t.values, 25.0, TARGET))], "one frame rate, got 25, 30"),
    (lambda s, t: [(s, t), (t, s)], "the same two spaces"),
    (lambda s, t: [(s, t.frames(0, 300))], "600 and 300 frames"),
])
def test_pairs_that_do_not_belong_together_are_refused(rng, change, message):
    with pytest.raises(InputError, match=message):
        fit_adapter(change(*pair(rng, 0)))


def test_features_look_to_both_sides_and_back_by_the_lag():
    rows = np.arange(5.0)[:, None] ** 2
    np.testing.assert_array_equal(features(rows, 1)[2], [1, 4, 9, 1, 2, 3])
    np.testing.assert_array_equal(features(rows, 0, 1)[:, 0], [0, 0, 1, 4, 9])
    assert (features(-rows, 0)[:, 1] == -np.arange(5.0)).all()
