"""Implicit faces: a signed distance that knows a head, as a mesh that keeps its triangles while the head moves.

The neutral head is extracted once. For each frame its vertices are carried along by inverting the deformation, so all
frames share topology, colours and names of vertices; what a frame looks like without that, with as many triangles as
its surface needs, is ImplicitFace.extracted. Formats that want morph targets get a bake: each column's own
displacement, to be added up. Source: reference numbers in tests/parity/test_nphm.py.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.faces.extraction import Grid, extract
from personare.faces.inverse_warp import Carried, carry
from personare.faces.linear import LinearFace, turned, weights_of
from personare.faces.nphm_model import NphmModel
from personare.spaces import Space
from personare.types import Face, Mesh, Motion, Surface

# Vertices are where they should be to this, on the neutral head.
TOLERANCE_M = 3e-5
# The expression changes by at most this in one go; larger changes are walked in steps.
LONGEST_STRIDE = 0.35
# Around anchors, surfaces are looked for more closely; half the width of an eye.
CLOSE_M = 0.02
# What a column moves by less is left out of the bake: it is the network's noise, and files would carry it.
SMALLEST_MOVE_M = 8e-5
# Columns that mean something only on top of another one, and are baked so.
ON_TOP = {"mouthClose": "jawOpen"}


@final
@dataclass(frozen=True, eq=False)
class ImplicitFace(Face):
    """A head of the NPHM family.

    Args:
        name: such as "sona-implicit".
        space: the Space of its motions.
        surface: topology and looks: first the vertices of the extracted skin, then those of parts.
        head_weight: (v,) float32 in 0..1.
        head_pivot: (3,) float32 metres.
        model: NphmModel.
        identity: (identity_size,) code.
        expression_map: (expression_size, k) float32; the expression code is expression_map @ values.
        canonical: (s, 3) float32, the skin on the neutral head, in units of the network.
        canonical_values: (k,) float32, the values at which the head is the neutral one.
        unit_m: metres of one unit.
        grid: Grid on which extracted looks, in units of the network.
        moving: (s,) bool, vertices of the skin that any value moves.
        parts: a LinearFace in the same space for what the field does not hold, such as eyes and teeth; or None.
    """

    name: str
    space: Space
    surface: Surface
    head_weight: np.ndarray
    head_pivot: np.ndarray
    model: NphmModel
    identity: np.ndarray
    expression_map: np.ndarray
    canonical: np.ndarray
    canonical_values: np.ndarray
    unit_m: float
    grid: Grid
    moving: np.ndarray
    parts: LinearFace | None = None

    def __post_init__(self):
        s, k = len(self.canonical), len(self.space)
        v = s + (len(self.parts.rest) if self.parts else 0)
        for name, shape in (("head_weight", (v,)), ("head_pivot", (3,)), ("identity", (self.model.identity_size,)),
                            ("expression_map", (self.model.expression_size, k)), ("canonical", (s, 3)),
                            ("canonical_values", (k,))):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape))
        if len(self.surface.uv) != v:
            raise InputError("surface", expected=f"{v} vertices", got=str(len(self.surface.uv)),
                             remedy="give the skin first, then the parts")

    def field(self, values=None):
        """The Field of one frame; None for the neutral head.

        Args:
            values: (k,) float32 in this face's space.
        """
        code = None if values is None else self.expression_map @ np.asarray(values, np.float32)
        return self.model.field(self.identity, code)

    def extracted(self, values=None, *, grid=None, dense=False):
        """The surface of one frame by marching cubes, without parts and head pose.

        Args:
            values: (k,) float32; None for the neutral head.
            grid: Grid in units of the network; default the face's own.
            dense: evaluate all of the grid, to check against.

        Returns:
            vertices (v, 3) float32 metres and triangles (f, 3) int32.
        """
        field = self.field(values).even()
        vertices, triangles = extract(field.sdf, grid or self.grid, near=field.anchors, radius=CLOSE_M / self.unit_m,
                                      dense=dense)
        return (vertices * self.unit_m).astype(np.float32), triangles

    def neutral(self):
        """(v, 3) float32 vertices at rest, metres."""
        skin = self._resting.points * np.float32(self.unit_m)
        return np.concatenate([skin, self.parts.rest]) if self.parts else skin

    def mesh(self, motion):
        """Mesh of a Motion; every frame has the same triangles.

        Args:
            motion: Motion whose columns are all among this face's.

        Returns:
            Mesh with (t, v, 3) vertices.

        Raises:
            InputError: the motion has a column that this face does not know.
        """
        s, rows = len(self.canonical), weights_of(self, motion)
        vertices = np.empty((len(motion), len(self.head_weight), 3), np.float32)
        vertices[:, :s] = self._resting.points
        state, before = self._at_rest, np.zeros(len(self.space), np.float32)
        moving = np.flatnonzero(self.moving)
        for frame, values in zip(vertices, rows, strict=True):
            state, before = self._carried(state, before, values, self.canonical[moving]), values
            frame[moving] = state.points
        vertices[:, :s] *= np.float32(self.unit_m)
        if self.parts:
            vertices[:, s:] = self.parts.mesh(Motion(rows, motion.fps, self.space)).vertices
        if motion.head_pose is not None:
            vertices = turned(vertices, motion.head_pose, self.head_weight, self.head_pivot)
        return Mesh(vertices, self.surface.triangles)

    @cached_property
    def baked(self):
        """This face as a LinearFace: rest, and for each column what it does at 1. Takes up to a minute, once.

        Where columns work on the same place their sum is not exactly what the field does; bake_error says how far
        off a motion is.
        """
        rest, k = self.neutral(), len(self.space)
        shapes = np.zeros((k, *rest.shape), np.float32)
        moving, below = np.flatnonzero(self.moving), {}
        for column, name in enumerate(self.space.columns):
            base = np.zeros(k, np.float32)
            if ON_TOP.get(name) in self.space.columns:
                base[self.space.index(ON_TOP[name])] = 1
            key = base.tobytes()
            if key not in below:
                below[key] = self._carried(self._at_rest, np.zeros(k, np.float32), base, self.canonical[moving])
            values = base.copy()
            values[column] += 1
            moved = self._carried(below[key], base, values, self.canonical[moving])
            moves = (moved.points - below[key].points) * np.float32(self.unit_m)
            moves[np.linalg.norm(moves, axis=1) < SMALLEST_MOVE_M] = 0
            shapes[column, moving] = moves
        if self.parts:
            shapes[:, len(self.canonical) :] = self.parts.shapes
        return LinearFace(name=self.name, space=self.space, surface=self.surface, rest=rest, shapes=shapes,
                          head_weight=self.head_weight, head_pivot=self.head_pivot)

    @property
    def rest(self):
        """(v, 3) float32 vertices at rest, metres, as exporters ask for them."""
        return self.neutral()

    def targets(self, motion):
        """The bake and a motion as lists of displacements and weights, for formats of morph targets."""
        return self.baked.targets(motion)

    def bake_error(self, motion):
        """How far the bake is off for a motion.

        Args:
            motion: Motion in this face's space; a few dozen frames say enough.

        Returns:
            dict of mean_mm, p95_mm and max_mm over the moving vertices and all frames.
        """
        still = Motion(motion.values, motion.fps, motion.space)
        moving = np.flatnonzero(self.moving)
        gap = np.linalg.norm(self.mesh(still).vertices[:, moving] - self.baked.mesh(still).vertices[:, moving], axis=2)
        return {"mean_mm": float(gap.mean() * 1000), "p95_mm": float(np.quantile(gap, 0.95) * 1000),
                "max_mm": float(gap.max() * 1000)}

    def packed(self):
        """Card and arrays for save_face; a face with parts cannot be packed, its bake can."""
        from personare.faces.nphm import packed

        return packed(self)

    @cached_property
    def _resting(self):
        """Carried of all of the skin at rest."""
        start = carry(self._warp(self.canonical_values), self.canonical, tolerance=TOLERANCE_M / self.unit_m)
        return self._carried(start, self.canonical_values, np.zeros(len(self.space), np.float32), self.canonical)

    @cached_property
    def _at_rest(self):
        """The same for the moving part of it."""
        rows, rest = np.flatnonzero(self.moving), self._resting
        return Carried(rest.points[rows], rest.residual[rows], rest.inverse[rows])

    def _carried(self, state, before, values, canonical):
        """Carried at some values, from that at values close by or far."""
        strides = max(1, int(np.ceil(np.abs(values - before).max(initial=0) / LONGEST_STRIDE)))
        for stride in range(1, strides + 1):
            here = before + (values - before) * np.float32(stride / strides)
            state = carry(self._warp(here), canonical, start=state, tolerance=TOLERANCE_M / self.unit_m)
        return state

    def _warp(self, values):
        return self.model.warp(self.identity, self.expression_map @ values)
