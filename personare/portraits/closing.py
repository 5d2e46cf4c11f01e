"""What lips and lids of a person lack to meet as those of the face do that the person was made of."""

from dataclasses import dataclass

import numpy as np

from personare.portraits.parts import EYE_RADIUS_M, kinds_of, warp
from personare.portraits.points import EYES, INNER_LIPS, LIP_PAIRS, OUTER_LIPS
from personare.types import Motion

# What opens a mouth: it gives way to speech and comes back in pauses.
OPENING = ("jawOpen", "mouthClose", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft",
           "mouthLowerDownRight", "mouthFunnel", "mouthShrugUpper", "mouthShrugLower", "mouthRollUpper",
           "mouthRollLower", "mouthPressLeft", "mouthPressRight")
# Of the way on which open lips meet, the upper one goes so much.
_UPPER_LIP_SHARE = 0.35
# A blink is stretched for large eyes, within these bounds, and goes a little beyond.
_BLINKS, _OVERLAP = (0.9, 1.7), 0.05
# Noise of a landmark, as a share of the distance between the outer corners of the eyes.
_NOISE = 0.0015
# Landmarks closer to the rim than the first share of that distance follow freely; skin beyond the second stays.
_LIPS_REACH = (0.22, 1.3)


@dataclass(frozen=True, eq=False)
class Closing:
    """A person beside the face they were made of, seen through landmarks.

    Args:
        person, face: LinearFaces.
        own: (k,) float32 the expression on the photo.
        corners, weights, index: (n, 3), (n, 3) and (n,) of the landmarks on both.
        eye_m: distance between the outer corners of the eyes, metres.
        landmarks: (478, 2) pixels.
        project: function of points of the head (m, 3) to (m, 3) pixels and depth.
    """

    person: object
    face: object
    own: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    index: np.ndarray
    eye_m: float
    landmarks: np.ndarray
    project: object

    def lips(self):
        """(v, 3) float32: lips that stay apart once nothing opens them are brought to where they meet on the face."""
        shut = self.own.copy()
        shut[self.face.space.indices(OPENING)] = 0
        return self._closing(LIP_PAIRS, shut, np.zeros_like(self.own), (*INNER_LIPS, *OUTER_LIPS), _UPPER_LIP_SHARE,
                             (INNER_LIPS[0], INNER_LIPS[10], OUTER_LIPS[0], OUTER_LIPS[10]), *_LIPS_REACH)

    def blink(self, name):
        """How far a column that closes an eye has to go for the lids of the person to meet as those of the face do."""
        side = name.removeprefix("eyeBlink")
        k = self.face.space.index(name)
        shut, still = self.own.copy(), np.zeros_like(self.own)
        shut[k] = still[k] = 1
        upper, lower = lid_edges(self.person, self.own, self.landmarks, side, self.project)
        middle = slice(2, -2)

        def gap(face, values):
            vertices, _ = self._at(face, values)
            return float(np.median((vertices[upper[middle]] - vertices[lower[middle]])[:, 1]))

        before, after, target = gap(self.person, self.own), gap(self.person, shut), gap(self.face, still)
        return float(np.clip((before - target) / max(before - after, 1e-6), *_BLINKS)) + _OVERLAP

    def _at(self, face, values):
        vertices = face.mesh(Motion(values[None], 30, face.space)).vertices[0].astype(np.float64)
        return vertices, (vertices[self.corners] * self.weights[:, :, None]).sum(axis=1)

    def _closing(self, pairs, shut, still, rim, upper_share, ends, free, reach):
        """What brings pairs of points as close as they are on the face with the values `still`.

        free and reach are shares of the eyes' distance: points closer to the rim than that follow freely, and what is
        farther from its middle stays.
        """
        place = {k: i for i, k in enumerate(self.index.tolist())}
        pairs = np.array([(place[u], place[low]) for u, low in pairs if u in place and low in place]).reshape(-1, 2)
        rim = [place[k] for k in rim if k in place]
        opened, here = self._at(self.person, self.own)
        (_, closed), (_, rest) = self._at(self.person, shut), self._at(self.face, still)
        apart = (closed[pairs[:, 0]] - closed[pairs[:, 1]]) - (rest[pairs[:, 0]] - rest[pairs[:, 1]])
        moves = np.zeros_like(here)
        moves[pairs[:, 0]], moves[pairs[:, 1]] = -upper_share * apart, (1 - upper_share) * apart
        away = np.linalg.norm(here[:, None] - here[rim][None], axis=2).min(axis=1)
        fixed = away > free * self.eye_m
        fixed[pairs.ravel()] = True
        fixed[[place[k] for k in ends if k in place]] = True
        field = warp(here[fixed], moves[fixed], opened, noise=_NOISE * self.eye_m)
        # Between points that say different things a smooth field overshoots; nothing moves farther than they do.
        length, most = np.linalg.norm(field, axis=1, keepdims=True), np.linalg.norm(moves, axis=1).max()
        field *= np.minimum(1, most / np.maximum(length, 1e-12))
        kind = kinds_of(self.face.surface, self.face.rest)
        field[np.unique(self.face.surface.triangles[kind != 0])] = 0
        far = np.linalg.norm(opened - here[rim].mean(axis=0), axis=1) / self.eye_m
        return (field * np.clip((reach - far) / (0.3 * reach), 0, 1)[:, None]).astype(np.float32)


def lid_edges(person, own, landmarks, side, project):
    """Vertices along the edges of one eye's lids, as the photo has them.

    Of the skin near a landmark the edge of the upper lid is what a blink moves most, that of the lower one the nearest.

    Args:
        person: LinearFace that lies on the photo with the values `own`.
        own: (k,) float32.
        landmarks: (478, 2) pixels.
        side: "Left" or "Right".
        project: function of (v, 3) points of the head to (v, 3) pixels and depth.

    Returns:
        upper (9,) and lower (9,) int, from the outer to the inner corner.
    """
    space, surface = person.space, person.surface
    shut = own.copy()
    shut[space.index(f"eyeBlink{side}")] = 1
    still, blinked = person.mesh(Motion(np.stack([own, shut]), 30, space)).vertices.astype(np.float64)
    skin = np.unique(surface.triangles[kinds_of(surface, person.rest) == 0])
    at, after = project(still[skin]), project(blinked[skin])
    down = after[:, 1] - at[:, 1]
    rim = landmarks[list(EYES[side])]
    along = (rim[8] - rim[0]) / max(np.linalg.norm(rim[0] - rim[8]), 1e-9)
    reach = 0.10 * np.linalg.norm(rim[0] - rim[8])
    near_lid = np.linalg.norm(at[:, None, :2] - rim[None], axis=2)
    front = at[:, 2] < at[near_lid.argmin(axis=0), 2].max() + 0.5 * EYE_RADIUS_M
    upper, lower = [], []
    for places, moved, into in ((rim[:9], down, upper), (rim[[0, *range(15, 8, -1), 8]], -np.abs(down), lower)):
        for place in places:
            away = np.linalg.norm(at[:, :2] - place, axis=1)
            if len(into) in (0, 8):
                into.append(int(skin[np.where(front, away, np.inf).argmin()]))  # the corners stay in a blink
                continue
            aside = np.abs((at[:, :2] - place) @ along)
            score = moved - (0.85 if into is lower else 0.35) * away
            score[~front | (away > 2.5 * reach) | (aside > 0.6 * reach)] = -np.inf
            into.append(int(skin[score.argmax()]))
    return np.array(upper), np.array(lower)
