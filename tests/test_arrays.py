"""Shape checks say what is wrong; resampling in time keeps times."""

import numpy as np
import pytest

from personare.arrays import checked, resample_in_time
from personare.errors import InputError


def test_checked_returns_the_same_array_where_nothing_changes():
    values = np.zeros((4, 2), np.float32)
    assert checked("values", values, ("t", 2)) is values


@pytest.mark.parametrize(("value", "message"), [
    (np.zeros(3), r"values: expected shape \(t, 2\), got shape \(3,\); check the axis order and size"),
    (np.zeros((3, 3)), r"values: expected shape \(t, 2\), got shape \(3, 3\)"),
    ([[np.nan, 1]], r"values: expected finite numbers, got 1 NaN or infinite values"),
    ("text", r"values: expected \(t, 2\) float32, got str; pass a numeric array"),
])
def test_checked_names_the_fault(value, message):
    with pytest.raises(InputError, match=message):
        checked("values", value, ("t", 2))


def test_resampling_a_line_gives_the_line_at_the_new_times():
    line = np.arange(31, dtype=np.float64)[:, None] / 30
    np.testing.assert_allclose(resample_in_time(line, from_hz=30, to_hz=47)[:, 0], np.arange(48) / 47, atol=1e-12)


def test_resampling_holds_the_last_row_and_keeps_dtype():
    rows = np.array([[0.0], [1.0]], np.float32)
    out = resample_in_time(rows, from_hz=1, to_hz=2, frame_count=5)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[:, 0], [0, 0.5, 1, 1, 1])
