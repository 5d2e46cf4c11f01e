"""Linear faces: neutral plus weighted shapes, then the head pose. The engine of every blendshape model."""

from dataclasses import dataclass
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.faces.joints import Joint
from personare.spaces import Space
from personare.types import Face, Mesh, Surface


@final
@dataclass(frozen=True, eq=False)
class Corrective:
    """What a sum of shapes leaves wrong: a displacement whose weight is the product of two or more columns.

    Args:
        columns: the columns that drive it; each counts from 0 to 1, beyond that it is clipped.
        vertices: (n,) int32, the vertices that move.
        moves: (n, 3) float32 metres at weight 1.
    """

    columns: tuple[str, ...]
    vertices: np.ndarray
    moves: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "vertices", checked("vertices", self.vertices, ("n",), dtype=np.int32))
        object.__setattr__(self, "moves", checked("moves", self.moves, (len(self.vertices), 3)))
        if len(self.columns) < 2:
            raise InputError("columns", expected="two or more columns", got=str(self.columns),
                             remedy="add a shape for a single column")

    @property
    def name(self):
        """The columns joined, such as "jawOpen_mouthPucker"."""
        return "_".join(self.columns)


@final
@dataclass(frozen=True, eq=False)
class Targets:
    """A face as a plain list of displacements, for formats that know nothing else.

    Args:
        names: (n) shapes by their columns, then correctives by their names.
        shapes: (n, v, 3) float32 metres at weight 1.
        weights: (t, n) float32; vertices = rest + weights @ shapes before the head pose.
    """

    names: tuple[str, ...]
    shapes: np.ndarray
    weights: np.ndarray


@final
@dataclass(frozen=True, eq=False)
class LinearFace(Face):
    """vertices = rest + sum_k value_k * shape_k + correctives, turned about head_pivot by head_weight.

    Args:
        name: such as "sona".
        space: the Space its shapes are columns of.
        surface: topology and looks.
        rest: (v, 3) float32 metres.
        shapes: (k, v, 3) float32 metres, displacement at weight 1.
        head_weight: (v,) float32 in 0..1.
        head_pivot: (3,) float32 metres.
        correctives: displacements driven by products of columns.
        joints: what of it turns as bones do; see personare.faces.joints.
    """

    name: str
    space: Space
    surface: Surface
    rest: np.ndarray
    shapes: np.ndarray
    head_weight: np.ndarray
    head_pivot: np.ndarray
    correctives: tuple[Corrective, ...] = ()
    joints: tuple[Joint, ...] = ()

    def __post_init__(self):
        v = len(self.surface.uv)
        for name, shape in (("rest", (v, 3)), ("shapes", (len(self.space), v, 3)), ("head_weight", (v,)),
                            ("head_pivot", (3,))):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape))
        for corrective in self.correctives:
            self.space.indices(corrective.columns)
            if len(corrective.vertices) and not 0 <= corrective.vertices.min() <= corrective.vertices.max() < v:
                raise InputError(f"corrective {corrective.name}", expected=f"vertices in 0..{v - 1}",
                                 got=str(corrective.vertices.max()), remedy="check the source of the mesh")

    def neutral(self):
        """(v, 3) float32 vertices at rest, metres."""
        return self.rest

    def weights(self, motion):
        """(t, k) float32 weights of the shapes; columns that the motion does not have are 0.

        Args:
            motion: Motion whose columns are all among this face's, in any order.

        Raises:
            InputError: the motion has a column that this face does not know.
        """
        return weights_of(self, motion)

    def targets(self, motion):
        """The face and a motion as Targets: shapes and correctives with their weights in every frame."""
        weights = self.weights(motion)
        extra = np.zeros((len(self.correctives), *self.rest.shape), np.float32)
        for moves, corrective in zip(extra, self.correctives, strict=True):
            moves[corrective.vertices] = corrective.moves
        return Targets((*self.space.columns, *(corrective.name for corrective in self.correctives)),
                       np.concatenate([self.shapes, extra]),
                       np.concatenate([weights, self._corrective_weights(weights)], 1))

    def mesh(self, motion):
        """Mesh of a Motion.

        Args:
            motion: Motion whose columns are all among this face's.

        Returns:
            Mesh with (t, v, 3) vertices.

        Raises:
            InputError: the motion has a column that this face does not know.
        """
        weights = self.weights(motion)
        used = len(self.space)
        while used > 1 and not weights[:, used - 1].any():
            used -= 1  # what a smaller space lacks stands at the end and costs nothing
        vertices = _blended(weights[:, :used], self.shapes[:used])
        vertices += self.rest
        corrections = self._corrective_weights(weights)
        for frame, k in np.argwhere(corrections):
            corrective = self.correctives[k]
            vertices[frame, corrective.vertices] += corrections[frame, k] * corrective.moves
        if motion.head_pose is not None:
            vertices = turned(vertices, motion.head_pose, self.head_weight, self.head_pivot)
        return Mesh(vertices, self.surface.triangles)

    def _corrective_weights(self, weights):
        """(t, n) float32 weight of every corrective."""
        limited = np.clip(weights, 0, 1)
        drivers = [self.space.indices(corrective.columns) for corrective in self.correctives]
        if not drivers:
            return np.zeros((len(weights), 0), np.float32)
        products = np.stack([limited[:, columns].prod(1) for columns in drivers], 1)
        return np.where(products < LEAST_WEIGHT, np.float32(0), products)


LEAST_WEIGHT = 1e-3  # a corrective below this moves nothing that could be seen, a hundredth of a millimetre
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


def weights_of(face, motion):
    """(t, k) float32 values of a motion in the columns of a face; those that the motion does not have are 0.

    Raises:
        InputError: the motion has a column that the face does not know.
    """
    if motion.space.columns == face.space.columns:
        return motion.values
    known = {name: k for k, name in enumerate(face.space.columns)}
    strange = [name for name in motion.space.columns if name not in known]
    if strange:
        raise InputError("motion", expected=f"columns of the space {face.space.name} of face '{face.name}'",
                         got=f"{motion.space.name} with {', '.join(strange[:3])}", remedy="convert the motion first")
    values = np.zeros((len(motion), len(face.space)), np.float32)
    values[:, [known[name] for name in motion.space.columns]] = motion.values
    return values


def turned(vertices, pose, weight, pivot):
    """Blend each vertex between rest and the posed head, in place: p + weight * ((R - 1) (p - pivot) + t).

    Args:
        vertices: (t, v, 3) float32 metres.
        pose: (t, 4, 4) head poses, as in Motion.
        weight, pivot: head_weight and head_pivot of the face.
    """
    for frame, matrix in zip(vertices, pose, strict=True):
        turn = matrix[:3, :3].T - np.eye(3, dtype=np.float32)
        move = frame @ turn
        move += matrix[:3, 3] - pivot @ turn
        move *= weight[:, None]
        frame += move
    return vertices
