"""Heads of sona as numbers to learn from: any identity, any expression, one product of matrices for many at once."""

import numpy as np

from personare.api import animate
from personare.faces.sona import AXES, CHARACTERS, open_sona

SOLID = ("skin", "mouth")
# The head every distance field is learned of: lips and lids apart, so that all that can open is open.
CANONICAL = {"jawOpen": 0.22, "mouthUpperUpLeft": 0.25, "mouthUpperUpRight": 0.25, "mouthLowerDownLeft": 0.3,
             "mouthLowerDownRight": 0.3}


class Heads:
    """The closed skin of sona, linear in identity axes, shapes, and products of both.

    Attributes:
        outer: (v,) bool, which vertices the skin has, the inside of the mouth aside.
        triangles: (f, 3) of the skin and the inside of the mouth, doubled vertices merged.
        caps: (c, 3) further triangles that close the neck and the eye sockets; their middles are extra vertices.
        axes, shapes: names.
    """

    def __init__(self):
        face = open_sona()
        surface, materials = face.surface, [material.name for material in face.surface.materials]
        solid = np.isin(surface.triangle_material, [materials.index(name) for name in SOLID])
        welded = surface.weld[surface.triangles[solid]]
        self.vertices, corners = np.unique(welded, return_inverse=True)
        self.triangles = corners.reshape(-1, 3)
        outer = surface.weld[surface.triangles[surface.triangle_material == materials.index("skin")]]
        self.outer = np.isin(self.vertices, outer)
        self.axes, self.shapes = tuple(AXES), face.space.columns
        rest, moves, turns = face.rest[self.vertices], [], []
        self.eye_axes = []
        for axis in self.axes:
            other = open_sona(identity={axis: 1.0})
            moves.append(other.rest[self.vertices] - rest)
            change = (other.shapes - face.shapes)[:, self.vertices]
            if np.abs(change).max() > 1e-7:
                self.eye_axes.append(self.axes.index(axis))
                turns.append(change)
        self.eye_shapes = [k for k, name in enumerate(self.shapes) if name.startswith("eye")]
        turns = [turn[self.eye_shapes] for turn in turns]
        self.rest = rest.reshape(-1)
        columns = [*moves, *face.shapes[:, self.vertices], *np.concatenate(turns)]
        self.basis = np.ascontiguousarray(np.stack(columns).reshape(len(columns), -1))
        self.canonical = np.array([CANONICAL.get(name, 0.0) for name in self.shapes], np.float32)
        self.caps, self.cap_loops = self._caps()

    def _caps(self):
        """Fans over the open rims."""
        edges = np.concatenate([self.triangles[:, [i, (i + 1) % 3]] for i in range(3)])
        known = set(map(tuple, edges.tolist()))
        following = {b: a for a, b in known if (b, a) not in known}
        caps, loops = [], []
        while following:
            start, following_one = next(iter(following.items()))
            loop = [start]
            while following_one != start:
                loop.append(following_one)
                following_one = following.pop(loop[-1])
            following.pop(start)
            middle = len(self.vertices) + len(loops)
            caps += [(a, b, middle) for a, b in zip(loop, loop[1:] + loop[:1], strict=True)]
            loops.append(loop)
        return np.array(caps), loops

    def meshes(self, identities, expressions):
        """(g, v, 3) float32 metres of (g, axes) identities and (g, shapes) expressions."""
        products = (identities[:, self.eye_axes, None] * expressions[:, None, self.eye_shapes]).reshape(
            len(identities), -1)
        moved = np.concatenate([identities, expressions, products], 1).astype(np.float32) @ self.basis
        return (moved + self.rest).reshape(len(identities), -1, 3)

    def closed(self, mesh):
        """Vertices and triangles of one mesh with its caps."""
        middles = [mesh[loop].mean(0) for loop in self.cap_loops]
        return np.concatenate([mesh, middles]), np.concatenate([self.triangles, self.caps])


def identities(rng, heads, count):
    """(count, axes) weights: every character, mixtures of two, and single axes on top."""
    people = np.zeros((len(CHARACTERS), len(heads.axes)), np.float32)
    for row, person in zip(people, CHARACTERS.values(), strict=True):
        for axis, weight in person.identity.items():
            row[heads.axes.index(axis)] = weight
    rows = np.zeros((count, len(heads.axes)), np.float32)
    rows[: len(people)] = people
    for row in rows[len(people):]:
        a, b = people[rng.integers(len(people), size=2)]
        share = rng.uniform(0, 1)
        row += share * a + (1 - share) * b
        row += (rng.random(len(row)) < 0.3) * rng.normal(0, 0.5, len(row))
    return np.clip(rows, -1.6, 1.6)


class Expressions:
    """Draws weights of shapes: speech, single shapes, mixtures, closed lips on an open jaw, blinks."""

    def __init__(self, rng, heads, recordings):
        self.rng, self.shapes = rng, heads.shapes
        self.speech = np.concatenate([animate(path, fps=30).values for path in recordings])
        self.at = {name: k for k, name in enumerate(self.shapes)}
        self.other_side = np.array([self.at.get(self._mirrored(name), k) for k, name in enumerate(self.shapes)])

    @staticmethod
    def _mirrored(name):
        for one, other in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(one) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
                return name.removesuffix(one) + other
        return name

    def draw(self, count):
        """(count, shapes) float32 in 0..1."""
        rng, rows = self.rng, np.zeros((count, len(self.shapes)), np.float32)
        for row in rows:
            kind = rng.random()
            if kind < 0.35:
                row += self.speech[rng.integers(len(self.speech))] * rng.uniform(0.7, 1.4)
            elif kind < 0.55:
                row[rng.integers(len(row))] = rng.uniform(0.2, 1)
            elif kind < 0.85:
                some = rng.integers(len(row), size=rng.integers(2, 6))
                row[some] = rng.uniform(0, 0.9, len(some))
            elif kind < 0.95:
                row[self.at["jawOpen"]] = rng.uniform(0, 0.6)
                row[self.at["mouthClose"]] = row[self.at["jawOpen"]] * rng.uniform(0.85, 1)
            if rng.random() < 0.6:
                row[:] = np.maximum(row, row[self.other_side])
            if rng.random() < 0.25:
                row[[self.at["eyeBlinkLeft"], self.at["eyeBlinkRight"]]] = rng.uniform(0, 1) ** 0.5
        close, jaw = self.at["mouthClose"], self.at["jawOpen"]
        rows[:, close] = np.minimum(rows[:, close], rows[:, jaw])
        return np.clip(rows, 0, 1)
