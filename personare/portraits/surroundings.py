"""How hair, ears, neck and background follow a head: a smooth field of displacement over the whole photo.

Near the head everything moves as the head does at its own depth; from there it falls to nothing towards the shoulders
and the edges of the picture. Along the border of the face the field takes on what the expression does there, so that
face and surroundings meet. As the field is smooth and turns nothing over, nothing tears and nothing is uncovered.
"""

from dataclasses import dataclass

import numpy as np

# Points of the field along the longer side of the photo.
_POINTS = 96
# The head's ellipse, in its own radii: up to the first the field is the head's, beyond the second there is none.
_HEAD, _NOTHING = 1.12, 2.5
# The expression's share of the field ends here.
_REACH = 1.75
# The field falls to nothing within this share of the shorter side from the edge of the picture.
_EDGE_SHARE = 0.10
_BORDER_POINTS, _ANCHORS = 96, 48
_INVERSIONS = 6


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The field of one photo, on a grid of (gh, gw) points.

    Args:
        step: pixels between the points of the grid; its first lies at (0, 0).
        points: (gh, gw, 3) float64 world points that stand for what the photo shows there.
        weight: (gh, gw) float64 0..1, how far it follows the head.
        border: (b,) int vertices of the mesh along the border of the face.
        at_border: (b, 2) float64 their pixels on the photo.
        border_points: (b, 3) world, and border_weight (b,): as points and weight, at those pixels.
        spread: (gh * gw, b) float64 what each of them does to the grid.
    """

    step: float
    points: np.ndarray
    weight: np.ndarray
    border: np.ndarray
    at_border: np.ndarray
    border_points: np.ndarray
    border_weight: np.ndarray
    spread: np.ndarray

    def sources(self, camera, turn, vertices):
        """Where on the photo each point of the grid looks, in one frame.

        Args:
            camera: Camera.
            turn: (4, 4) rigid transform of the head in the world, from the photo to the frame.
            vertices: (v, 3) world vertices of the frame.

        Returns:
            (gh, gw, 2) float32 pixels.
        """
        gh, gw = self.weight.shape
        grid = _grid(gh, gw, self.step)
        rigid = self._follow(camera, turn, self.points, grid, self.weight)
        at = self._follow(camera, turn, self.border_points, self.at_border, self.border_weight)
        left = camera.project(vertices[self.border])[:, :2] - self.at_border - at
        forward = rigid + (self.spread @ left).reshape(gh, gw, 2)
        return (grid - _inverted(forward, self.step)).astype(np.float32)

    @staticmethod
    def _follow(camera, turn, points, pixels, weight):
        moved = camera.project(points @ turn[:3, :3].T + turn[:3, 3])[..., :2]
        return weight[..., None] * (moved - pixels)


def surroundings(camera, fade, pixels, on_head):
    """The Surroundings of a photo.

    What is around the face follows as if it stood as deep as the nearest of the face's border. Ears and hair lie
    farther back, but a photo has nothing to show between them and a cheek that turns away.

    Args:
        camera: Camera of the photo.
        fade: (v,) 0 outside the face .. 1 in it.
        pixels: (v, 3) x, y and depth of the mesh on the photo.
        on_head: (v,) bool, vertices of the head without neck and shoulders.
    """
    w, h = camera.size
    step = max(4.0, max(w, h) / _POINTS)
    grid = _grid(int(np.ceil(h / step)) + 1, int(np.ceil(w / step)) + 1, step)
    flat = grid.reshape(-1, 2)
    low, high = pixels[on_head, :2].min(axis=0), pixels[on_head, :2].max(axis=0)
    middle, radius = (low + high) / 2, np.maximum((high - low) / 2, 1)
    border = _spaced(np.flatnonzero((fade > 0.02) & (fade < 0.35)), pixels)
    at_border, depth = pixels[border, :2], pixels[border, 2]
    turn = np.linspace(0, 2 * np.pi, _ANCHORS, endpoint=False)
    anchors = middle + radius * _REACH * np.stack([np.cos(turn), np.sin(turn)], 1)
    spread = _spread(at_border, anchors, flat, radius.mean())
    inside = np.sqrt((((flat - middle) / radius) ** 2).sum(axis=1))
    spread *= (_smooth((_REACH - inside) / 0.3) * _edge(flat, (w, h)))[:, None]
    points = _unprojected(camera, grid, _depth_around(flat, at_border, depth, radius.mean()).reshape(grid.shape[:2]))
    return Surroundings(step, points, _weight(grid, middle, radius, (w, h)), border, at_border,
                        _unprojected(camera, at_border, depth), _weight(at_border, middle, radius, (w, h)), spread)


def _depth_around(places, border, depth, unit):
    """Depth of places: that of the border around them, the nearer the more."""
    away = np.linalg.norm(places[:, None] - border[None], axis=2) / unit
    share = 1 / (away + 0.02) ** 3
    return share @ depth / share.sum(axis=1)


def _grid(gh, gw, step):
    y, x = np.indices((gh, gw))
    return np.stack([x * step, y * step], -1).astype(np.float64)


def _smooth(share):
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def _weight(points, middle, radius, size):
    away = np.sqrt((((points - middle) / radius) ** 2).sum(axis=-1))
    return _smooth((_NOTHING - away) / (_NOTHING - _HEAD)) * _edge(points, size)


def _edge(points, size):
    """0 at the edges of the picture, 1 within."""
    x, y = points[..., 0], points[..., 1]
    inward = np.minimum(np.minimum(x, size[0] - x), np.minimum(y, size[1] - y))
    return _smooth(inward / (_EDGE_SHARE * min(size)))


def _unprojected(camera, pixels, depth):
    """World points of pixels at a depth."""
    x = (pixels[..., 0] - camera.center_px[0]) * depth / camera.focal_px
    y = -(pixels[..., 1] - camera.center_px[1]) * depth / camera.focal_px
    seen = np.stack([x, y, -depth], -1)
    matrix = camera.camera_from_world
    return (seen - matrix[:3, 3]) @ matrix[:3, :3]


def _spaced(candidates, pixels):
    """Some of the vertices, spread evenly over the picture."""
    if len(candidates) <= _BORDER_POINTS:
        return candidates
    places = pixels[candidates, :2]
    chosen = [int(np.argmax(places[:, 1]))]
    away = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < _BORDER_POINTS:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return candidates[chosen]


def _spread(border, anchors, grid, unit):
    """(g, b) what a unit step of each point of the border does to the grid; nothing at the anchors."""
    n = len(border)
    points = np.concatenate([border, anchors]) / unit
    gram = -np.linalg.norm(points[:, None] - points[None], axis=2)
    gram -= 1e-2 * np.eye(len(points))
    solve = np.linalg.inv(np.block([[gram, np.ones((len(points), 1))], [np.ones((1, len(points))), np.zeros((1, 1))]]))
    near = -np.linalg.norm(grid[:, None] / unit - points[None], axis=2)
    return np.concatenate([near, np.ones((len(grid), 1))], 1) @ solve[:, :n]


def _inverted(forward, step):
    """The field seen from where it leads to: b with b(q) = forward(q - b(q)), by iteration."""
    gh, gw = forward.shape[:2]
    y, x = np.indices((gh, gw)).astype(np.float64)
    back = forward
    for _ in range(_INVERSIONS):
        back = _looked_up(forward, x - back[..., 0] / step, y - back[..., 1] / step)
    return back


def _looked_up(field, x, y):
    gh, gw = field.shape[:2]
    x, y = np.clip(x, 0, gw - 1.001), np.clip(y, 0, gh - 1.001)
    column, row = x.astype(int), y.astype(int)
    across, down = (x - column)[..., None], (y - row)[..., None]
    upper = field[row, column] * (1 - across) + field[row, column + 1] * across
    lower = field[row + 1, column] * (1 - across) + field[row + 1, column + 1] * across
    return upper * (1 - down) + lower * down
