"""The vertices of one mesh that are nearest to those of another; compiled, imported when it is used."""

import numpy as np
from numba import njit


def nearest(points, others, count):
    """Nearest vertices and how much each counts.

    Args:
        points: (n, 3) float32.
        others: (m, 3) float32, m >= count.
        count: how many of others for each point.

    Returns:
        (n, count) int64 rows of others, nearest first, and (n, count) float32 shares that sum to 1 and fall off with
        the square of the distance.
    """
    order = np.argsort(others[:, 1], kind="stable")
    rows, squares = _search(np.ascontiguousarray(points, np.float32), np.ascontiguousarray(others[order], np.float32),
                            count)
    shares = 1 / np.maximum(squares, 1e-10)
    return order[rows], (shares / shares.sum(1, keepdims=True)).astype(np.float32)


@njit(cache=True, nogil=True)
def _search(points, others, count):
    """Walk up and down from a point's height until no nearer point can follow; others are sorted by height."""
    n, m = len(points), len(others)
    rows, squares = np.zeros((n, count), np.int64), np.full((n, count), np.inf)
    for i in range(n):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        up = np.searchsorted(others[:, 1], y)
        down = up - 1
        while True:
            gap_up = others[up, 1] - y if up < m else np.inf
            gap_down = y - others[down, 1] if down >= 0 else np.inf
            gap = min(gap_up, gap_down)
            if gap * gap >= squares[i, count - 1] or gap == np.inf:
                break
            if gap_up <= gap_down:
                j = up
                up += 1
            else:
                j = down
                down -= 1
            square = (others[j, 0] - x) ** 2 + (others[j, 1] - y) ** 2 + (others[j, 2] - z) ** 2
            if square < squares[i, count - 1]:
                k = count - 1
                while k > 0 and squares[i, k - 1] > square:
                    squares[i, k], rows[i, k] = squares[i, k - 1], rows[i, k - 1]
                    k -= 1
                squares[i, k], rows[i, k] = square, j
    return rows, squares
