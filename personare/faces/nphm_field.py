"""The distance field of NPHM and MonoNPHM heads: members around anchors, blended; points carried to the neutral head.

A head is the zero level of a signed distance, positive outside. Around each anchor of the face a small network knows
the surface near it; a weight that falls off with the distance from the anchor blends them, and one member without an
anchor fills the rest. A moving head is asked at a point by asking the neutral head where that point came from.

Checked against numbers of the original modules (tests/parity/test_nphm.py, 2e-6). Two things differ on purpose: the
originals write +1 into the last point of every call, which leaves holes at the ends of their chunks; and members whose
share of the blend is below SMALLEST_SHARE are left out, which moves a value by less than 3e-7.

Source:
    Giebenhain et al., Learning Neural Parametric Head Models, CVPR 2023; MonoNPHM: Dynamic Head Reconstruction from
    Monocular Videos, CVPR 2024. Details by the authors' code (MIT licence).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from personare.faces.perceptron import Perceptron

# NPHM: weight exp(-(d + NEAR)^2 / VARIANCE) of a member at distance d, a constant one for the member without anchor,
# divided by their sum + FLOOR.
VARIANCE, NEAR, FLOOR = 0.1**2, 1e-5, 1e-6
BACKGROUND = math.exp(-0.2 / VARIANCE)
# MonoNPHM: the nearest 12 anchors, weight exp(-(d / s)^2 / 2) with s = distance of the 8th / 3.75; the member
# without anchor counts as 0.75 away.
NEIGHBOURS, REACH, DEVIATIONS, FAR, SMALL_FLOOR = 12, 8, 3.75, 0.75, 1e-8
# Members with less than this share of the blend are not evaluated.
SMALLEST_SHARE = 1e-6
# Points weighed at a time; at 66 members their weights take 17 MB.
BLOCK = 2**16


@dataclass(frozen=True, eq=False)
class Field:
    """One head in one expression.

    Args:
        anchors: (a, 3) float32 in units of the network.
        members: a + 1 Perceptrons, the last one without anchor.
        mirrored: (a + 1,) bool, members that see their point with x negated.
        nearest: blend the nearest anchors alone, as MonoNPHM does.
        warp: Perceptron from a point of the moving head to its offset to the neutral head and, in MonoNPHM, to
            further coordinates; None for the neutral head.
        extra: how many further coordinates members take.
        colors: (bottleneck, heads): a Perceptron and one for each member, or None where the head has no colour.
        floor: added to the sum of the weights that divides them, FLOOR or SMALL_FLOOR.
    """

    anchors: np.ndarray
    members: tuple[Perceptron, ...]
    mirrored: np.ndarray
    nearest: bool = False
    warp: Perceptron | None = None
    extra: int = 0
    colors: tuple | None = None
    floor: float = FLOOR

    def even(self):
        """The same head without the floor: no collapse far from all anchors, and the same surface.

        Values there are then as steep as elsewhere, so a surface found between two grid points lies where it should.
        """
        return replace(self, floor=1e-30)

    def offsets(self, points):
        """(n, 3) float32 offsets from the moving head to the neutral one."""
        if self.warp is None:
            return np.zeros((len(points), 3), np.float32)
        return self.warp(points)[:, :3]

    def canonical(self, points):
        """(n, 3 + extra) float32: where the points lie in the neutral head."""
        moved = np.zeros((len(points), 3 + self.extra), np.float32)
        moved[:, :3] = points
        if self.warp is not None:
            moved += self.warp(points)
        return moved

    def sdf(self, points):
        """Signed distance.

        Far from all anchors the blend shrinks towards 0 and only its sign means something.

        Args:
            points: (n, 3) float32 in units of the network.

        Returns:
            (n,) float32, positive outside; each value depends on its own point alone, to the last bit.
        """
        points = np.ascontiguousarray(points, np.float32)
        out = np.empty(len(points), np.float32)
        for start in range(0, len(points), BLOCK):
            here = self.canonical(points[start : start + BLOCK])
            out[start : start + BLOCK] = self._blended(here, self._values)[:, 0]
        return out

    def sdf_with_gradient(self, points):
        """(n,) signed distance and (n, 3) its gradient by the points, float32."""
        points = np.ascontiguousarray(points, np.float32)
        values, gradients = np.empty(len(points), np.float32), np.empty((len(points), 3), np.float32)
        for start in range(0, len(points), BLOCK):
            x = points[start : start + BLOCK]
            here, carried = self._canonical_with_jacobian(x)
            parts = self._blended(here, self._slopes)
            value, slope = parts[:, 0], parts[:, 1:].copy()
            slope[:, :3] += self._drift(here, value)
            values[start : start + BLOCK] = value
            gradients[start : start + BLOCK] = slope if carried is None else np.einsum("nc,ncd->nd", slope, carried)
        return values, gradients

    def color(self, points):
        """(n, 3) float32 colour as the network gives it, or None where it has none."""
        if self.colors is None:
            return None
        points = np.ascontiguousarray(points, np.float32)
        return np.concatenate([np.empty((0, 3), np.float32), *(
            self._blended(self.canonical(points[start : start + BLOCK]), self._tints)
            for start in range(0, len(points), BLOCK))])

    def weights(self, points):
        """(n, a + 1) float32 shares of the members at (n, 3) points of the neutral head."""
        raw = self._raw_weights(np.asarray(points, np.float32))
        return raw / (raw.sum(1, keepdims=True) + np.float32(self.floor))

    def _raw_weights(self, points):
        squares = _squares(points, self.anchors)
        if not self.nearest:
            # Exponents down to -20 keep seven digits only if they are summed in 64 bits.
            squares += (2 * NEAR) * np.sqrt(squares.astype(np.float32)) + NEAR**2
            near = np.exp((squares * (-1 / VARIANCE)).astype(np.float32))
            return np.concatenate([near, np.full((len(points), 1), BACKGROUND, np.float32)], 1)
        gap = np.sqrt(squares).astype(np.float32)
        order = np.argpartition(gap, (REACH - 1, NEIGHBOURS - 1), axis=1)
        spread = np.take_along_axis(gap, order[:, REACH - 1 : REACH], 1) / np.float32(DEVIATIONS)
        np.put_along_axis(gap, order[:, NEIGHBOURS:], np.inf, 1)
        gap = np.concatenate([gap, np.full((len(points), 1), FAR, np.float32)], 1) / spread
        return np.exp(gap * gap * np.float32(-0.5))

    def _blended(self, points, evaluate):
        """Sum of share times what `evaluate` gives of each member that counts, (n, o)."""
        weights = self.weights(points[:, :3])
        out = None
        for k, member in enumerate(self.members):
            rows = np.flatnonzero(weights[:, k] > SMALLEST_SHARE)
            if out is not None and not len(rows):
                continue
            part = evaluate(k, member, self._local(points[rows], k))
            if out is None:
                out = np.zeros((len(points), part.shape[1]), np.float32)
            out[rows] += weights[rows, k : k + 1] * part
        return out

    def _local(self, points, k):
        """Points as member k sees them."""
        local = points.copy()
        if k < len(self.anchors):
            local[:, :3] -= self.anchors[k]
        if self.mirrored[k]:
            local[:, 0] *= -1
        return local

    @staticmethod
    def _values(k, member, local):
        return member(local)

    def _slopes(self, k, member, local):
        value, slope = member.with_jacobian(local)
        slope = slope[:, 0]
        if self.mirrored[k]:
            slope[:, 0] *= -1
        return np.concatenate([value, slope], 1)

    def _tints(self, k, member, local):
        bottleneck, heads = self.colors
        return heads[k](bottleneck(member.features(local)))

    def _drift(self, points, value):
        """(n, 3): how the blend changes because the shares do, sum_k (f_k - f) grad share_k."""
        weights, place = self.weights(points[:, :3]), points[:, :3]
        gap = np.sqrt(_squares(place, self.anchors)).astype(np.float32)
        total, spread_slope = np.zeros((len(points), 3), np.float32), 0.0
        if self.nearest:
            order = np.argpartition(gap, REACH - 1, axis=1)[:, REACH - 1]
            eighth = np.take_along_axis(gap, order[:, None], 1)
            spread = eighth / np.float32(DEVIATIONS)
            spread_slope = (place - self.anchors[order]) / (eighth * np.float32(DEVIATIONS))
        for k, member in enumerate(self.members):
            rows = np.flatnonzero(weights[:, k] > SMALLEST_SHARE)
            if not len(rows):
                continue
            excess = member(self._local(points[rows], k))[:, 0] - value[rows]
            away = place[rows] - self.anchors[k] if k < len(self.anchors) else np.zeros((len(rows), 3), np.float32)
            far = gap[rows, k : k + 1] if k < len(self.anchors) else np.full((len(rows), 1), FAR, np.float32)
            if self.nearest:
                log_slope = -away / spread[rows] ** 2 + far**2 / spread[rows] ** 3 * spread_slope[rows]
            else:
                log_slope = -2 / VARIANCE * (far + NEAR) / np.maximum(far, 1e-12) * away
            total[rows] += (weights[rows, k] * excess)[:, None] * log_slope
        return total

    def _canonical_with_jacobian(self, points):
        """Points of the neutral head, and (n, 3 + extra, 3) their derivative; None stands for the identity."""
        if self.warp is None:
            return self.canonical(points), None if not self.extra else np.repeat(
                np.eye(3 + self.extra, 3, dtype=np.float32)[None], len(points), 0)
        moved, jacobian = self.warp.with_jacobian(points)
        moved[:, :3] += points
        jacobian[:, :3] += np.eye(3, dtype=np.float32)
        return moved, jacobian


def _squares(points, anchors):
    """(n, a) float64 squares of distances."""
    squares = np.zeros((len(points), len(anchors)))
    for axis in range(3):
        difference = np.subtract(points[:, axis, None], anchors[None, :, axis], dtype=np.float64)
        difference *= difference
        squares += difference
    return squares
