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
        vertices = motion.values @ self.shapes.reshape(len(self.shapes), -1)
        vertices = vertices.reshape(len(motion), -1, 3)
        vertices += self.rest
        if motion.head_pose is not None:
            vertices = _turned(vertices, motion.head_pose, self.head_weight, self.head_pivot)
        return Mesh(vertices, self.surface.triangles)


def _turned(vertices, pose, weight, pivot):
    """Blend each vertex between rest and the posed head, (t, v, 3)."""
    offset = vertices - pivot
    turned = offset @ pose[:, :3, :3].transpose(0, 2, 1) + pose[:, None, :3, 3]
    turned -= offset
    turned *= weight[:, None]
    turned += vertices
    return turned
