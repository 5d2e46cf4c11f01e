"""A linear face in torch: what of it shows its expression, moved by columns and head pose, with gradients."""

from dataclasses import dataclass

import numpy as np
import torch

from personare.learn.outlines import Edges, edges_of
from personare.learn.shading import incident_of, normals

# A vertex belongs to the moving face where some column at 1 moves it by half a millimetre, as a share of a head 0.24 m
# high, so that any unit works.
_MOVES, _HEAD = 5e-4, 0.24


@dataclass(frozen=True, eq=False)
class PosedFace:
    """The part of a LinearFace that moves with its expression; make it with posed_face.

    Args:
        source: (v,) int64, its vertices in the face.
        rest: (v, 3). shapes: (k, 3 v) displacement of each column at 1.
        correctives: list of (columns (n,) int64, moves (3 v)): products of columns, each clipped to 0..1.
        weight: (v,) how far each vertex follows the head. pivot: (3,).
        triangles: (f, 3) int64. incident: (v, n) int64. edges: Edges.
        free: (k,) bool, columns that a picture can tell something about.
    """

    source: torch.Tensor
    rest: torch.Tensor
    shapes: torch.Tensor
    correctives: list
    weight: torch.Tensor
    pivot: torch.Tensor
    triangles: torch.Tensor
    incident: torch.Tensor
    edges: Edges
    free: torch.Tensor

    def vertices(self, values, turn, move, offset=None):
        """(b, v, 3) world, metres.

        Args:
            values: (b, k) columns.
            turn: (b, 3, 3) rotation of the head about the pivot. move: (b, 3) metres.
            offset: (v, 3) metres added at rest: another person.
        """
        rest = self.rest if offset is None else self.rest + offset
        points = rest + (values @ self.shapes).view(len(values), -1, 3)
        if self.correctives:
            limited = values.clamp(0, 1)
            weights = torch.stack([limited[:, columns].prod(1) for columns, _ in self.correctives], 1)
            points = points + (weights @ torch.stack([moves for _, moves in self.correctives])).view(points.shape)
        turned = (points - self.pivot) @ turn.mT + self.pivot + move[:, None]
        return points + self.weight[:, None] * (turned - points)

    def normals(self, vertices):
        """(b, v, 3) unit normals, by area."""
        return normals(vertices, self.triangles, self.incident, by_area=True)


def posed_face(face, *, device="cpu"):
    """PosedFace of a LinearFace: triangles that its columns move, but for single sheets such as hair and brows.

    Args:
        face: faces.linear.LinearFace.
        device: where to.
    """
    surface = face.surface
    height = np.ptp(face.rest[face.head_weight > 0.5], axis=0).max() if (face.head_weight > 0.5).any() else _HEAD
    moved = np.abs(face.shapes).max(0).max(-1) > _MOVES / _HEAD * height
    sheet = np.array([material.two_sided for material in surface.materials])[surface.triangle_material]
    kept = moved[surface.triangles].any(1) & ~sheet
    source = np.unique(surface.triangles[kept])
    number = np.full(len(face.rest), -1)
    number[source] = np.arange(len(source))
    triangles = number[surface.triangles[kept]]
    # Vertices doubled at a seam are one; the first of those that are kept stands for all.
    _, first, inverse = np.unique(surface.weld[source], return_index=True, return_inverse=True)
    weld = first[inverse]
    shapes = face.shapes[:, source].reshape(len(face.shapes), -1)
    still = np.array([name.startswith("eyeLook") for name in face.space.columns])

    def put(values):
        return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32, device=device)

    correctives = []
    for corrective in face.correctives:
        moves = np.zeros((len(face.rest), 3), np.float32)
        moves[corrective.vertices] = corrective.moves
        if np.abs(moves[source]).max() > 0:
            columns = torch.as_tensor(np.asarray(face.space.indices(corrective.columns)), device=device)
            correctives.append((columns, put(moves[source].reshape(-1))))
    return PosedFace(
        torch.as_tensor(source, device=device), put(face.rest[source]), put(shapes), correctives,
        put(face.head_weight[source]), put(face.head_pivot), torch.as_tensor(triangles, device=device),
        incident_of(triangles, len(source), weld=weld, device=device), edges_of(triangles, weld=weld, device=device),
        torch.as_tensor((np.abs(shapes).max(1) > _MOVES / _HEAD * height) & ~still, device=device))


@dataclass(frozen=True, eq=False)
class Bumps:
    """Smooth bumps in space that a face's shape is changed by, each 1 at its centre and nearly gone at the next ones.

    Args:
        centers: (n, 3) metres. width: metres.
    """

    centers: np.ndarray
    width: float

    def at(self, points):
        """(v, n) float32 height of every bump at points (v, 3)."""
        squares = ((np.asarray(points, np.float64)[:, None] - self.centers) ** 2).sum(-1)
        return np.exp(-squares / self.width**2).astype(np.float32)


def bumps_over(points, count):
    """Bumps over points (v, 3): one at the foremost, each further one as far from all others as can be."""
    points = np.asarray(points, np.float64)
    chosen = [int(np.argmax(points[:, 2]))]
    nearest = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
    centers = points[chosen]
    apart = np.sqrt(np.sort(((centers[:, None] - centers) ** 2).sum(-1), 1)[:, 1:2]).mean() if count > 1 else 1.0
    return Bumps(centers, float(max(apart, 1e-6)))
