"""Linear faces: neutral plus weighted shapes, then the head pose. The engine of every blendshape model."""

from dataclasses import dataclass
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.spaces import Space
from personare.types import Face, Mesh, Surface


@final
@dataclass(frozen=True, eq=False)
class LinearFace(Face):
    """vertices = rest + sum_k value_k * shape_k, turned about head_pivot by head_weight.

    Args:
        name: such as "sona".
        space: the Space its shapes are columns of.
        surface: topology and looks.
        rest: (v, 3) float32 metres.
        shapes: (k, v, 3) float32 metres, displacement at weight 1.
        head_weight: (v,) float32 in 0..1.
        head_pivot: (3,) float32 metres.
    """

    name: str
    space: Space
    surface: Surface
    rest: np.ndarray
    shapes: np.ndarray
    head_weight: np.ndarray
    head_pivot: np.ndarray

    def __post_init__(self):
        v = len(self.surface.uv)
        for name, shape in (("rest", (v, 3)), ("shapes", (len(self.space), v, 3)), ("head_weight", (v,)),
                            ("head_pivot", (3,))):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape))

    def neutral(self):
        """(v, 3) float32 vertices at rest, metres."""
        return self.rest

    def mesh(self, motion):
        """Mesh of a Motion.

        Args:
            motion: Motion whose space is this face's.

        Returns:
            Mesh with (t, v, 3) vertices.

        Raises:
            InputError: the motion is in another space.
        """
        if motion.space.columns != self.space.columns:
            raise InputError("motion", expected=f"the space {self.space.name} of face '{self.name}'",
                             got=motion.space.name, remedy="convert the motion first")
        vertices = _blended(motion.values, self.shapes)
        vertices += self.rest
        if motion.head_pose is not None:
            vertices = _turned(vertices, motion.head_pose, self.head_weight, self.head_pivot)
        return Mesh(vertices, self.surface.triangles)


# OpenBLAS starts threads for products of more multiplications than this; they spin for the cores that the renderer's
# own threads need, and ten times the processor time is gone.
_SERIAL_PRODUCT = 2**18
_FEW_FRAMES = 16


def _blended(values, shapes):
    """values @ shapes, (t, v, 3); a few frames are multiplied in pieces that stay on one core and in its cache."""
    (t, k), flat = values.shape, shapes.reshape(len(shapes), -1)
    if t > _FEW_FRAMES:
        return (values @ flat).reshape(t, -1, 3)
    blended = np.empty((t, flat.shape[1]), np.float32)
    width = max(64, _SERIAL_PRODUCT // max(1, t * k))
    for start in range(0, flat.shape[1], width):
        np.matmul(values, flat[:, start:start + width], out=blended[:, start:start + width])
    return blended.reshape(t, -1, 3)


def _turned(vertices, pose, weight, pivot):
    """Blend each vertex between rest and the posed head, in place: p + weight * ((R - 1) (p - pivot) + t)."""
    for frame, matrix in zip(vertices, pose, strict=True):
        turn = matrix[:3, :3].T - np.eye(3, dtype=np.float32)
        move = frame @ turn
        move += matrix[:3, 3] - pivot @ turn
        move *= weight[:, None]
        frame += move
    return vertices
