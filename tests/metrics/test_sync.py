"""Lip sync: known lags are found between frames, with the right sign, and nothing is claimed where nothing is known."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.metrics.sync import MODEL_LATE_MS, RATE_HZ, lip_gaps, measure_sync, sync_of


def speech(seconds=6.0, seed=3):
    """Smooth lip gap at 100 Hz, and the same as a function of time."""
    rng = np.random.default_rng(seed)
    at, high = np.cumsum(rng.uniform(0.12, 0.4, 60)), rng.uniform(0.3, 1, 60)

    def gap(time_s):
        return (high * np.exp(-((np.asarray(time_s)[:, None] - at) / 0.06) ** 2)).sum(axis=1)

    return gap(np.arange(int(seconds * RATE_HZ)) / RATE_HZ), gap


@pytest.mark.parametrize("late_s", [-0.237, -0.043, 0.0, 0.073, 0.181])
def test_a_late_picture_has_a_positive_lag_to_a_few_milliseconds(late_s):
    heard, gap = speech()
    times = np.cumsum(np.random.default_rng(0).uniform(0.033, 0.047, 120))
    times = times[times < 5.4]
    found = sync_of(heard, 0.02 * gap(times - late_s) + 0.05, times)
    assert found.measurable
    assert found.lag_ms == pytest.approx(1000 * late_s, abs=3)
    assert found.correlation > 0.95


def test_drift_and_lost_faces_do_not_move_the_lag():
    heard, gap = speech()
    times = np.arange(140) / 25
    seen = gap(times - 0.1) + 0.8 * np.sin(times) + 0.3 * times
    seen[30:42] = np.nan
    found = sync_of(heard, seen, times)
    assert found.measurable
    assert found.lag_ms == pytest.approx(100, abs=10)


def test_another_voice_is_not_measurable():
    heard, _ = speech()
    _, other = speech(seed=11)
    times = np.arange(140) / 25
    for seen in (other(times), np.random.default_rng(1).normal(size=140), np.zeros(140), np.full(140, np.nan)):
        assert not sync_of(heard, seen, times).measurable


def test_a_lag_beyond_the_range_is_not_claimed():
    heard, gap = speech()
    times = np.arange(140) / 25
    assert not sync_of(heard, gap(times - 0.7), times).measurable


def test_lip_gap_does_not_change_with_size(rng):
    points = rng.normal(size=(4, 478, 3))
    np.testing.assert_allclose(lip_gaps(3 * points + 7), lip_gaps(points))
    assert np.isnan(lip_gaps(np.full((1, 478, 3), np.nan)))[0]


def test_known_lags_of_real_videos_are_found(shared, monkeypatch):
    pytest.importorskip("mediapipe")
    monkeypatch.setenv("PERSONARE_FACE_LANDMARKER", str(shared / "data/face_landmarker/face_landmarker.task"))
    for name, lag_ms in (("MEAD_M030_level_3_angry_016", -200), ("liveportrait_d20", -240)):
        found = measure_sync(shared / f"data/videos/{name}.mp4")
        assert found.measurable
        assert found.lag_ms == pytest.approx(lag_ms, abs=25)
    with pytest.raises(InputError, match="a silent sound track"):
        measure_sync(shared / "data/videos/liveportrait_d18.mp4")
    assert MODEL_LATE_MS > 0
