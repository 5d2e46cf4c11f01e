"""Shape checks and resampling in time, the two things every layer needs."""

import math

import numpy as np

from personare.errors import InputError


def checked(name, value, shape, *, dtype=np.float32, finite=True):
    """Return value as a C-contiguous array of dtype, or say exactly what is wrong with it.

    Args:
        name: argument name for the message.
        value: anything NumPy can turn into an array.
        shape: tuple of ints (exact), strings (free axis names) as in ("t", 52).
        dtype: result type.
        finite: refuse NaN and infinity.

    Returns:
        Array of the given shape and dtype; the input itself where nothing had to change.

    Raises:
        InputError: wrong number of axes, wrong fixed axis, not numeric, or not finite.
    """
    try:
        array = np.ascontiguousarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise InputError(name, expected=f"{_spec(shape)} {np.dtype(dtype).name}", got=type(value).__name__,
                         remedy="pass a numeric array") from error
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or want == have for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        raise InputError(name, expected=f"shape {_spec(shape)}", got=f"shape {array.shape}",
                         remedy="check the axis order and size")
    if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(np.size(array) - np.isfinite(array).sum())
        raise InputError(name, expected="finite numbers", got=f"{bad} NaN or infinite values",
                         remedy="clean the input first, for example with numpy.nan_to_num")
    return array


def _spec(shape):
    """A shape as it is written in messages."""
    return "(" + ", ".join(str(axis) for axis in shape) + ("," if len(shape) == 1 else "") + ")"


def checked_number(name, value, unit, *, least=0.0, most=np.inf):
    """Return value as a float in (0, inf), or in least..most where those are given.

    Raises:
        InputError: not a real number, not finite, or out of range.
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (real and math.isfinite(value) and least <= value <= most and value > 0):
        wanted = f"{least:g}..{most:g} {unit}" if np.isfinite(most) else f"a positive number of {unit}"
        raise InputError(name, expected=wanted, got=repr(value), remedy="pass a number in that range")
    return float(value)


def frame_count(duration_s, fps):
    """Frames that cover some seconds: ceil(duration_s * fps), at least 1 unless there is nothing to cover.

    The small term keeps exact multiples, such as 3.1 s at 10 fps, from gaining a frame by rounding.
    """
    return max(1, int(np.ceil(duration_s * fps - 1e-6))) if duration_s > 0 else 0


def resample_in_time(values, *, from_hz, to_hz, frame_count=None):
    """Resample rows to another rate by linear interpolation; row i stands at time i / rate.

    Args:
        values: (t, ...) float, t >= 1.
        from_hz, to_hz: rates in Hz, > 0.
        frame_count: rows wanted; default floor((t - 1) * to / from) + 1, the last time that is covered.

    Returns:
        (frame_count, ...) of values' dtype; times past the last row hold it.
    """
    if from_hz == to_hz and frame_count in (None, len(values)):
        return values
    if frame_count is None:
        # The small term keeps exact multiples, such as 29 * 60 / 30, on their own side of floor.
        frame_count = int(np.floor((len(values) - 1) * to_hz / from_hz + 1e-9)) + 1
    position = np.minimum(np.arange(frame_count) * (from_hz / to_hz), len(values) - 1)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    share = (position - low).astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    return values[low] * (1 - share) + values[high] * share


def correlations(one, other):
    """Pearson's r of each column.

    Args:
        one, other: (t, k) float.

    Returns:
        (k,) float64; 0 where one of the two is constant.
    """
    x, y = one - one.mean(axis=0), other - other.mean(axis=0)
    size = np.sqrt((x**2).sum(axis=0, dtype=np.float64) * (y**2).sum(axis=0, dtype=np.float64))
    return np.where(size > 1e-12, (x * y).sum(axis=0, dtype=np.float64) / np.maximum(size, 1e-12), 0.0)
