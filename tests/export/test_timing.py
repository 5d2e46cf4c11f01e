"""Rows at even times."""

import numpy as np
import pytest

from personare.export.timing import even_rows, numbered_rows

RAMP = np.arange(60, dtype=np.float32)[:, None]


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 47.5, 60, 120])
@pytest.mark.parametrize("digits", [3, 9])
def test_even_times_keep_their_rows_and_say_their_rate(fps, digits):
    found, rows = even_rows(np.round(np.arange(60) / fps + 5, digits), RAMP)
    assert rows is RAMP
    assert found == pytest.approx(fps, rel=1e-9 if digits == 9 or fps in (24, 25, 30, 60) else 1e-3)


def test_jittered_times_mean_the_usual_rate(rng):
    fps, rows = even_rows(np.arange(60) / 30 + rng.uniform(-0.004, 0.004, 60), RAMP)
    assert (fps, rows is RAMP) == (30.0, True)


def test_dropped_rows_are_interpolated():
    keep = np.delete(np.arange(60), [7, 8, 30])
    fps, rows = even_rows(keep / 30, RAMP[keep])
    assert fps == 30
    assert np.allclose(rows, RAMP, atol=1e-4)


@pytest.mark.parametrize(("times", "message"), [
    ([0, 0, 1], "do not rise"), ([0, 1, 0.5], "do not rise"), ([0, np.nan, 1], "do not rise"),
    ([0, 1 / 30, 100], "gaps"), ([0, 10, 20], "frames a second"), ([0, 1e-5, 2e-5], "frames a second")])
def test_times_that_no_take_has_are_refused(times, message):
    with pytest.raises(ValueError, match=message):
        even_rows(np.array(times), RAMP[:3])


def test_one_row_is_a_take():
    assert even_rows(np.array([3.0]), RAMP[:1])[0] == 30


def test_numbers_without_a_file_are_interpolated():
    keep = [3, 4, 7, 8]
    assert np.allclose(numbered_rows(keep, [RAMP[i] for i in keep]), RAMP[3:9])


@pytest.mark.parametrize(("numbers", "rows", "message"), [
    ([], [], "no frames"), ([1, 1], [RAMP[0]] * 2, "two files of one frame"), ([1, 90], [RAMP[0]] * 2, "gaps"),
    ([1, 2], [RAMP[0], np.zeros(2)], "frames of 1 and 2 numbers")])
def test_numbers_that_no_take_has_are_refused(numbers, rows, message):
    with pytest.raises(ValueError, match=message):
        numbered_rows(numbers, rows)
