"""Rows at uneven times, or with gaps, as rows at even times."""

import numpy as np

# What a reader takes: rates a take can have, and this many times more time than its rows account for.
SLOWEST_HZ, FASTEST_HZ, WIDEST_GAPS = 1.0, 240.0, 20
# 400 MB of float32; six hours of 68 columns at 60 frames a second.
_MOST_VALUES = 100_000_000
_USUAL_HZ = (24.0, 25.0, 30.0, 50.0, 60.0)


def even_rows(times_s, values, *, fps=None):
    """Frame rate and rows at i / fps.

    Args:
        times_s: (t,) float64 seconds, rising; the first row is taken to stand at 0.
        values: (t, k) float32.
        fps: rate wanted; default what the steps say, or the usual rate that they mean.

    Returns:
        (fps, (n, k) float32), the rows themselves where they are even already.

    Raises:
        ValueError: times that do not rise, or rates and gaps that no take has.
    """
    times_s = np.asarray(times_s, np.float64)
    if len(times_s) < 2:
        return fps or 30.0, values
    steps = np.diff(times_s)
    if not (np.isfinite(times_s).all() and (steps > 0).all()):
        raise ValueError("times that do not rise")
    if fps is None:
        fps = _rate(steps)
        if times_s[-1] - times_s[0] > WIDEST_GAPS * len(times_s) / fps:
            raise ValueError("gaps of many times the length of its frames")
    if not SLOWEST_HZ <= fps <= FASTEST_HZ:
        raise ValueError(f"{fps:.3g} frames a second")
    position = (times_s - times_s[0]) * fps
    total = round(position[-1]) + 1
    if total == len(values) and np.abs(position - np.arange(total)).max() < 0.5:
        return fps, values
    if total * values.shape[1] > _MOST_VALUES:
        raise ValueError(f"{total / fps:.0f} seconds")
    grid = np.arange(total)
    return fps, np.stack([np.interp(grid, position, column) for column in values.T], axis=1).astype(np.float32)


def _rate(steps):
    """Frames a second of steps in seconds: their mean where they are alike, else their median."""
    middle, mean = np.sort(steps)[(len(steps) - 1) // 2], steps.mean()
    alike = np.abs(steps - mean).max() < max(0.05 * mean, 1.1e-3)
    rate = 1 / (mean if alike else middle)
    # Times are often cut to milliseconds, which blurs the rate of a short take more than that of a long one.
    blur = min(0.02, max(2e-4, 1e-3 / steps.sum())) if alike else 0.02
    return next((usual for usual in _USUAL_HZ if abs(usual / rate - 1) < blur), float(rate))


def numbered_rows(numbers, rows):
    """(n, k) float32 rows of every frame from the first number to the last; missing ones are interpolated.

    Raises:
        ValueError: rows of different lengths, no rows, two with one number, or gaps of many times their count.
    """
    if not rows:
        raise ValueError("no frames")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f"frames of {min(widths)} and {max(widths)} numbers")
    values = np.stack(rows).astype(np.float32)
    if len(set(numbers)) < len(numbers):
        raise ValueError("two files of one frame")
    if numbers[-1] - numbers[0] + 1 > WIDEST_GAPS * len(numbers):
        raise ValueError("gaps of many times the number of its frames")
    return even_rows(np.asarray(numbers, np.float64), values, fps=1.0)[1]
