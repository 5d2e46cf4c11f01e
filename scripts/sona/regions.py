"""Named places on the skin that the expressions take hold of."""

import numpy as np

from sona import chart, form, rings


def smooth(x, low, high):
    """Smooth step from 0 at low to 1 at high."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


class Skin:
    """The whole skin with an address for every vertex.

    Args:
        half: the Half it was built from.
        p: (v, 3) positions, cm.
        twin, source: as chart.mirror returns them.
    """

    def __init__(self, half, p, twin, source):
        self.p, self.twin = p, twin
        keys = [half.keys[i] for i in source]
        count = len(half.keys)
        self.left = np.arange(len(p)) < count
        self.block = np.array([key[0] for key in keys])
        grid_ring = {}
        for name, block in chart.BLOCKS.items():
            for sector, (r, c) in enumerate(chart.boundary(block)):
                grid_ring.setdefault(("grid", r, c), (name, 0, sector))
        address = [grid_ring.get(key, key) for key in keys]
        patch = [a if a[0] in chart.BLOCKS else ("", -1, -1) for a in address]
        self.patch = np.array([a[0] for a in patch])
        self.ring = np.array([a[1] for a in patch])
        self.sector = np.array([a[2] for a in patch])
        self.row = np.array([key[1] if key[0] == "grid" else -1 for key in keys])
        self.column = np.array([key[2] if key[0] == "grid" else -1 for key in keys])
        self._add_mouth_address()

    def _add_mouth_address(self):
        count = len(chart.boundary(chart.BLOCKS["mouth"]))
        mouth = self.patch == "mouth"
        middle = count // 2
        step = np.where(self.sector <= middle, self.sector, count - 1 - self.sector)
        share = rings.lip_share(middle + 1)
        self.mouth = mouth
        self.upper = mouth & (self.sector < middle)
        self.lower = mouth & (self.sector > middle)
        side = np.where(self.p[:, 0] >= 0, 1.0, -1.0)
        self.along = np.where(mouth, share[np.clip(step, 0, middle)], 0.0) * side

    def near(self, x, y, z, count=1):
        """Indices of the outer skin vertices nearest to a point."""
        outer = np.isin(self.block, ("grid", "mouth", "eye")) & ~((self.patch == "mouth") & (self.ring > 8))
        outer &= ~((self.patch == "eye") & (self.ring > 7))
        index = np.flatnonzero(outer)
        return index[np.argsort(((self.p[index] - (x, y, z)) ** 2).sum(1), kind="stable")[:count]]

    def lids(self, ring):
        """Left eye: indices of one ring in sector order."""
        index = np.flatnonzero((self.patch == "eye") & (self.ring == ring) & self.left)
        return index[np.argsort(self.sector[index])]

    def still_for_mouth(self):
        """Vertices no mouth shape moves: brow and above, ears and behind, neck and below, eyeball pockets."""
        _, y, z = self.p.T
        return (y > 0.6) | (z < 0.6) | (y < -13.5) | (self.patch == "ear") | ((self.patch == "eye") & (self.ring >= 3))

    def still_for_brow(self):
        """Vertices no brow shape moves."""
        _, y, z = self.p.T
        return (y < -1.6) | (z < 2.0) | (y > 8.0) | (self.patch == "ear") | self.eye_opening()

    def eye_opening(self):
        """Lids from just above the crease to the margin and behind."""
        return (self.patch == "eye") & (self.ring >= 5)


def eye_frame(p):
    """Points relative to the left eyeball: x, elevation angle and distance from the eye's x axis."""
    offset = p - form.EYE
    return offset[:, 0], np.arctan2(offset[:, 1], offset[:, 2]), np.hypot(offset[:, 1], offset[:, 2])


def eye_point(x, elevation, radius):
    """The inverse of eye_frame."""
    return form.EYE + np.column_stack([x, radius * np.sin(elevation), radius * np.cos(elevation)])
