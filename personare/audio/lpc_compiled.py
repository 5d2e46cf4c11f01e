"""The recursion of lpc.py compiled with numba: the same sums window by window, forty times as fast as in NumPy."""

import numpy as np
from numba import njit

_SIGNATURE = "void(float64[:,::1], float64[::1], float64, float64[:,::1])"


def _polynomials(windows, taper, white_noise, result):
    """Fill (t, order + 1) result from (t, n) windows; see lpc.polynomials_ref."""
    count, length = windows.shape
    order = result.shape[1] - 1
    # Zeros behind the window, so that every lag has as many products and they are summed side by side.
    x = np.zeros(length + order)
    energy, old = np.empty(order + 1), np.empty(order + 1)
    for row in range(count):
        for i in range(length):
            x[i] = windows[row, i] * taper[i]
        for lag in range(order + 1):
            energy[lag] = 0.0
        for i in range(length):
            at = x[i]
            for lag in range(order + 1):
                energy[lag] += at * x[i + lag]
        found = result[row]
        found[0] = 1.0
        for m in range(1, order + 1):
            found[m] = 0.0
        energy[0] *= 1.0 + white_noise
        error = energy[0]
        if error <= 0.0:
            continue
        for m in range(1, order + 1):
            known = 0.0
            for j in range(m):
                known += found[j] * energy[m - j]
            reflection = -known / error
            if not abs(reflection) < 1.0:
                break
            for j in range(m):
                old[j] = found[j]
            for j in range(1, m + 1):
                found[j] += reflection * old[m - j]
            error *= 1.0 - reflection * reflection


try:
    fill = njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")(_polynomials)
except (RuntimeError, OSError, EOFError, ValueError):
    # A read-only install without a writable home folder has no place for a cache, or its file is damaged.
    fill = njit(_SIGNATURE, nogil=True, error_model="numpy")(_polynomials)
