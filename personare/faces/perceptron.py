"""Coordinate networks on a CPU: the constant part of the input is folded into biases, points go through in chunks.

A network of the DeepSDF kind sees a point and a code, and sees both again half-way. For one head and one expression
the code is the same for millions of points, so its products are added to the biases once. What is left is one product
of matrices a layer, and one pass for bias, point and softplus (personare/faces/layers.py).
"""

from dataclasses import dataclass

import numpy as np

from personare.errors import AssetError

# Rows at a time: their activations stay in the processor's cache. Always as many, for products of fewer rows may run
# through other kernels that round differently. Kernels for processors without AVX-512 also round by the place of a row.
CHUNK = 512


@dataclass(frozen=True, eq=False)
class Perceptron:
    """A network whose code is folded in. Made by fold.

    Args:
        inner: (h_in, h_out) float32 of every layer but the first and the last.
        biases: (h,) float32 of every layer but the last.
        points: (d, h) float32, what a point adds to each of these layers; (0, h) where it adds nothing.
        last, last_bias: (o, h) and (o,) float32.
        beta: sharpness of the softplus, 0 for max(x, 0).
    """

    inner: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    points: tuple[np.ndarray, ...]
    last: np.ndarray
    last_bias: np.ndarray
    beta: np.float32

    def __call__(self, points):
        """(n, o) float32 outputs at (n, d) float32 points; a row depends on its place in the last bits at most."""
        from personare.faces.layers import project

        out = np.empty((len(points), len(self.last)), np.float32)
        for start, x in _chunks(points):
            kept = min(len(x), len(out) - start)
            project(self._hidden(x)[:kept], self.last, self.last_bias, out[start : start + kept])
        return out

    def features(self, points):
        """(n, h) float32: the last hidden layer before its softplus, at (n, d) points."""
        out = np.empty((len(points), len(self.biases[-1])), np.float32)
        for start, x in _chunks(points):
            kept, skip = min(len(x), len(out) - start), self.points[-1]
            rows = self._hidden(x, len(self.biases) - 1) @ self.inner[-1]
            out[start : start + kept] = (rows + self.biases[-1] + x[:, : len(skip)] @ skip)[:kept]
        return out

    def _hidden(self, x, layers=None):
        """(n, h) after the first `layers` hidden layers; default all."""
        from personare.faces.layers import activate

        rows = np.zeros((len(x), len(self.biases[0])), np.float32)
        for layer, bias in enumerate(self.biases[:layers]):
            if layer:
                rows = rows @ self.inner[layer - 1]
            skip = self.points[layer]
            activate(rows, bias, x[:, : len(skip)], skip, self.beta)
        return rows

    def with_jacobian(self, points):
        """(n, o) outputs and (n, o, d) derivatives by the points, both float32."""
        from personare.faces.layers import activate_with_slope, project, turn_tangents

        n, d = points.shape
        out = np.empty((n, len(self.last)), np.float32)
        jacobian = np.empty((n, len(self.last), d), np.float32)
        for start, x in _chunks(points):
            rows = np.zeros((len(x), len(self.biases[0])), np.float32)
            tangents = np.zeros((d, *rows.shape), np.float32)
            for layer, bias in enumerate(self.biases):
                if layer:
                    rows, tangents = rows @ self.inner[layer - 1], tangents @ self.inner[layer - 1]
                skip, slopes = self.points[layer], np.empty_like(rows)
                activate_with_slope(rows, bias, x[:, : len(skip)], skip, self.beta, slopes)
                turn_tangents(tangents, skip, slopes)
            kept = min(len(x), n - start)
            project(rows[:kept], self.last, self.last_bias, out[start : start + kept])
            jacobian[start : start + kept] = (tangents[:, :kept] @ self.last.T).transpose(1, 2, 0)
        return out, jacobian


def fold(weights, biases, code, *, dimensions, points_first=True, beta=100.0):
    """Make the network of one code.

    Where a layer takes more than the layer before it gives, the input is joined on there and both are divided by
    the square root of 2.

    Args:
        weights, biases: (out, in) and (out,) of each layer, in order.
        code: (c,) the constant part of the input.
        dimensions: d, entries of a point; d + c is what the first layer takes.
        points_first: the input is (point, code) rather than (code, point).
        beta: sharpness of the softplus between layers; 0 for max(x, 0).

    Returns:
        Perceptron.

    Raises:
        AssetError: the layers do not fit each other or the code.
    """
    code = np.asarray(code, np.float64)
    inputs = dimensions + len(code)
    at = slice(0, dimensions) if points_first else slice(len(code), inputs)
    of_code = slice(dimensions, inputs) if points_first else slice(0, len(code))
    inner, folded, skips, before = [], [], [], 0
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        weight, bias = np.asarray(weight, np.float64), np.asarray(bias, np.float64)
        joined = weight.shape[1] - before
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or joined not in (0, inputs) or (
                layer == len(weights) - 1 and joined):
            raise AssetError(f"layer {layer}: {weight.shape} does not follow {before} values and an input of {inputs};"
                             " this is no network of the NPHM family")
        if joined:
            weight = weight / np.sqrt(2) if layer else weight
            bias = bias + weight[:, before:][:, of_code] @ code
        skips.append(_float32(weight[:, before:][:, at].T if joined else np.zeros((0, len(bias)))))
        inner.append(_float32(weight[:, :before].T))
        folded.append(_float32(bias))
        before = len(bias)
    return Perceptron(tuple(inner[1:-1]), tuple(folded[:-1]), tuple(skips[:-1]),
                      _float32(inner[-1].T), folded[-1], np.float32(beta))


def _float32(array):
    return np.ascontiguousarray(array, np.float32)


def _chunks(points):
    """(start, rows) of chunks of points, the last one filled up with its last row."""
    points = np.ascontiguousarray(points, np.float32)
    for start in range(0, len(points), CHUNK):
        x = points[start : start + CHUNK]
        missing = CHUNK - len(x)
        yield start, np.concatenate([x, np.repeat(x[-1:], missing, 0)]) if missing else x
