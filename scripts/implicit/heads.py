"""Heads of sona as numbers to learn from: many identities, any expression."""

import numpy as np

from personare.api import animate
from personare.faces.sona import AXES, CHARACTERS, open_sona
from personare.spaces import ARKIT_52

SOLID = ("skin", "mouth")
# The head every distance field is learned of: lips apart, so that all that can open is open.
CANONICAL = {"jawOpen": 0.22, "mouthUpperUpLeft": 0.25, "mouthUpperUpRight": 0.25, "mouthLowerDownLeft": 0.3,
             "mouthLowerDownRight": 0.3}


class Heads:
    """The skin of many people, with all that shapes and their correctives do to it.

    Args:
        weights: (p, axes) identity weights, columns as in AXES.

    Attributes:
        triangles: (f, 3) of the skin and the inside of the mouth, doubled vertices merged.
        outer: (v,) bool, which vertices the skin has, the inside of the mouth aside.
        shapes: names of the 52 ARKit shapes, columns of expressions.
        canonical: (shapes,) float32 weights of CANONICAL.
    """

    def __init__(self, weights):
        face = open_sona()
        surface, materials = face.surface, [material.name for material in face.surface.materials]
        solid = np.isin(surface.triangle_material, [materials.index(name) for name in SOLID])
        self.vertices, corners = np.unique(surface.weld[surface.triangles[solid]], return_inverse=True)
        self.triangles = corners.reshape(-1, 3)
        skin = surface.weld[surface.triangles[surface.triangle_material == materials.index("skin")]]
        self.outer = np.isin(self.vertices, skin)
        self.weights, self.shapes = weights.astype(np.float32), ARKIT_52.columns
        self.canonical = np.array([CANONICAL.get(name, 0.0) for name in self.shapes], np.float32)
        # Correctives are further columns, driven by the products of theirs.
        self.products = [ARKIT_52.indices(corrective.columns) for corrective in face.correctives
                         if set(corrective.columns) <= set(self.shapes)]
        people = [self._person(row) for row in self.weights]
        self.rest = np.stack([rest for rest, _ in people])
        self.moves = np.stack([moves for _, moves in people])
        self.caps, self.loops = self._caps()

    def _person(self, row):
        """(v, 3) rest and (v, 3, columns) float16 moves of one identity, metres."""
        face = open_sona(identity={axis: float(weight) for axis, weight in zip(AXES, row, strict=True) if weight})
        columns = list(face.shapes[face.space.indices(self.shapes)][:, self.vertices])
        for corrective in face.correctives:
            if set(corrective.columns) <= set(self.shapes):
                moves = np.zeros((len(face.rest), 3), np.float32)
                moves[corrective.vertices] = corrective.moves
                columns.append(moves[self.vertices])
        return face.rest[self.vertices], np.stack(columns, 2).astype(np.float16)

    def _caps(self):
        """Fans over the open rims: (c, 3) triangles, and the rims whose middles are extra vertices."""
        edges = np.concatenate([self.triangles[:, [i, (i + 1) % 3]] for i in range(3)])
        known = set(map(tuple, edges.tolist()))
        following = {b: a for a, b in known if (b, a) not in known}
        caps, loops = [], []
        while following:
            start, at = next(iter(following.items()))
            loop = [start]
            while at != start:
                loop.append(at)
                at = following.pop(at)
            following.pop(start)
            middle = len(self.vertices) + len(loops)
            caps += [(a, b, middle) for a, b in zip(loop, loop[1:] + loop[:1], strict=True)]
            loops.append(loop)
        return np.array(caps), loops

    def columns(self, expressions):
        """(g, columns) weights of shapes and correctives for (g, shapes) expressions."""
        products = [expressions[:, drivers].prod(1) for drivers in self.products]
        return np.concatenate([expressions, np.stack(products, 1)], 1) if products else expressions

    def meshes(self, expression):
        """(p, v, 3) float32 metres: everybody in one expression, (shapes,)."""
        columns = self.columns(expression[None])[0]
        used = np.flatnonzero(columns)
        return self.rest + self.moves[..., used].astype(np.float32) @ columns[used]

    def corners(self, persons, expressions, triangles):
        """(g, n, 3, 3) float32 metres: corners of (g, n) drawn triangles, each group in its own expression."""
        columns = self.columns(expressions)
        drawn = self.triangles[triangles].reshape(len(persons), -1)
        posed = [self.rest[person, rows] + self.moves[person, rows].astype(np.float32) @ column
                 for person, rows, column in zip(persons, drawn, columns, strict=True)]
        return np.stack(posed).reshape(*triangles.shape, 3, 3)

    def closed(self, mesh):
        """Vertices and triangles of one mesh with its caps."""
        middles = [mesh[loop].mean(0) for loop in self.loops]
        return np.concatenate([mesh, middles]), np.concatenate([self.triangles, self.caps])


def identities(rng, count):
    """(count, axes) weights: every character, then mixtures of two with single axes on top."""
    axes = tuple(AXES)
    people = np.zeros((len(CHARACTERS), len(axes)), np.float32)
    for row, person in zip(people, CHARACTERS.values(), strict=True):
        for axis, weight in person.identity.items():
            row[axes.index(axis)] = weight
    rows = np.zeros((count, len(axes)), np.float32)
    rows[: len(people)] = people
    for row in rows[len(people):]:
        a, b = people[rng.integers(len(people), size=2)]
        share = rng.uniform(0, 1)
        row += share * a + (1 - share) * b
        row += (rng.random(len(row)) < 0.3) * rng.normal(0, 0.5, len(row))
    return np.clip(rows, -1.6, 1.6)


class Expressions:
    """Draws weights of shapes: speech, single shapes, mixtures, closed lips on an open jaw, blinks."""

    def __init__(self, rng, recordings):
        self.rng, self.shapes = rng, ARKIT_52.columns
        self.speech = np.concatenate([animate(path, fps=30).columns(self.shapes) for path in recordings])
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
            elif kind < 0.82:
                some = rng.integers(len(row), size=rng.integers(2, 6))
                row[some] = rng.uniform(0, 0.9, len(some))
            elif kind < 0.95:
                row[self.at["jawOpen"]] = rng.uniform(0, 1)
                row[self.at["mouthClose"]] = row[self.at["jawOpen"]] * rng.uniform(0.85, 1)
            if rng.random() < 0.6:
                row[:] = np.maximum(row, row[self.other_side])
            if rng.random() < 0.25:
                row[[self.at["eyeBlinkLeft"], self.at["eyeBlinkRight"]]] = rng.uniform(0, 1) ** 0.5
        close, jaw = self.at["mouthClose"], self.at["jawOpen"]
        rows[:, close] = np.minimum(rows[:, close], rows[:, jaw])
        return np.clip(rows, 0, 1)
