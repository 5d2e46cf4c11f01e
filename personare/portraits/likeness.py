"""A person's mesh that lies on their photo to the pixel, and how it moves with a motion."""

from dataclasses import dataclass, replace

import numpy as np

from personare.portraits.closing import OPENING, Closing, lid_edges
from personare.portraits.parts import parts_kept_whole, warp
from personare.portraits.points import EYES, LIP_PAIRS, OUTER_CORNERS, OUTER_LIPS
from personare.types import Motion

# Smoothing of the warp onto the landmarks, as a share of the distance between the outer corners of the eyes: noise of
# a landmark. What lies behind the landmarks follows what is in front.
_NOISE = 0.006
# Lips count as open where they stand apart by more than so much of the mouth's width.
OPEN_SHARE = 0.05
_BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
# Speech is what moves the mouth by more than this; its envelope rises and falls over so many seconds.
_STILL, _SPEAKING, _EASE_S = 0.02, 0.12, 0.20
# An eye whose columns add up to this has moved.
_MOVED = 0.10
# The head turns no farther from the photo than what is hidden there allows, radians; it moves by metres.
_TURN_RAD, _MOVE_M = 0.24, 0.02
# A head that the photo shows from the side hides more: from the first angle on it turns less, down to a share.
_FRONTAL_RAD, _HIDING_RAD, _LEAST_TURN = 0.30, 0.60, 0.45


@dataclass(frozen=True, eq=False)
class Likeness:
    """A fitted person.

    Args:
        face: LinearFace whose mesh of `own`, turned by `pose`, lies on the photo.
        camera: Camera of the photo.
        own: (k,) float32 the expression on the photo, in the face's space.
        pose: (4, 4) float64 head pose on the photo.
        closing: (v, 3) float32 metres by which lips that are apart on the photo meet once what opens them is gone.
        is_open: whether the lips are apart on the photo.
        whole_blinks: how far the columns that close the left and the right eye have to go until its lids meet.
        edges: (7,) int vertices along the edge of each upper lid, left and right, from the outer to the inner corner.
        landmarks: (478, 2) float64 pixels.
    """

    face: object
    camera: object
    own: np.ndarray
    pose: np.ndarray
    closing: np.ndarray
    is_open: bool
    whole_blinks: tuple[float, float]
    edges: tuple
    landmarks: np.ndarray

    def on_photo(self):
        """(v, 3) float32 vertices as they are on the photo, world."""
        return self.vertices(Motion(np.zeros((1, len(self.face.space)), np.float32), 30, self.face.space),
                             np.zeros(1))[0]

    def vertices(self, motion, speech):
        """World vertices of some frames.

        Args:
            motion: Motion in the face's space, relative to a face at rest.
            speech: (t,) 0 where the mouth is as on the photo .. 1 where speech has it; see speech_of.

        Returns:
            (t, v, 3) float32 metres. Motion of zeros is the photo.
        """
        pose = self._poses(motion).astype(np.float32)
        space = self.face.space
        values = self._mixed(self.face.weights(motion), space, speech)
        still = self.face.mesh(Motion(values, motion.fps, space)).vertices
        if self.is_open:
            still += np.asarray(speech, np.float32)[:, None, None] * self.closing
        pivot = np.asarray(self.face.head_pivot, np.float32)
        return np.matmul(still - pivot, np.swapaxes(pose[:, :3, :3], 1, 2)) + (pivot + pose[:, None, :3, 3])

    def shut(self):
        """(v, 3) float32 vertices of the head with no expression and its lips closed."""
        return self.face.rest + self.closing * self.is_open

    def turns(self, motion):
        """(t, 4, 4) float64 rigid transforms of the head in the world, from the photo to each frame."""
        pivot = np.asarray(self.face.head_pivot, np.float64)
        return _about(self._poses(motion), pivot) @ np.linalg.inv(_about(self.pose[None], pivot))

    def blinks(self, motion):
        """(t, 2) float32 how far a motion closes the left and the right eye."""
        return self.face.weights(motion)[:, self.face.space.indices(_BLINKS)]

    def looks(self, motion):
        """(t, 2) float32 how far a motion moves the left and the right eye from the photo, 0 not at all .. 1."""
        values = np.abs(self.face.weights(motion))
        names = self.face.space.columns
        amounts = [values[:, [k for k, name in enumerate(names) if name.startswith("eye") and name.endswith(side)]]
                   .sum(axis=1) for side in ("Left", "Right")]
        return np.clip(np.stack(amounts, 1) / _MOVED, 0, 1).astype(np.float32)

    def _poses(self, motion):
        given = np.eye(4)[None].repeat(len(motion), 0) if motion.head_pose is None else motion.head_pose
        side = abs(float(np.arctan2(self.pose[0, 2], self.pose[2, 2])))
        limit = _TURN_RAD * float(np.clip(1 - (side - _FRONTAL_RAD) / _HIDING_RAD, _LEAST_TURN, 1))
        return self.pose @ _limited(np.asarray(given, np.float64), limit)

    def _mixed(self, values, space, speech):
        keep = np.ones((len(values), len(space)), np.float32)
        if self.is_open:
            keep[:, space.indices(OPENING)] = 1 - np.asarray(speech, np.float32)[:, None]
        mixed = keep * self.own + values * (1 - 0.5 * np.clip(keep * self.own, 0, 1))
        for name, whole in zip(_BLINKS, self.whole_blinks, strict=True):
            k = space.index(name)
            mixed[:, k] = self.own[k] + values[:, k] * (whole - self.own[k])
        return mixed.astype(np.float32)


def speech_of(motion):
    """How much speech has the mouth in each frame, (t,) float64 0..1: 0 in pauses, with soft ends.

    It looks ahead and back, so that a closure within a word is speech.
    """
    if not len(motion):
        return np.zeros(0)
    mouth = [name for name in motion.space.columns if name.startswith(("mouth", "jaw"))]
    amount = np.abs(motion.columns(mouth)).sum(axis=1)
    talk = np.clip((amount - _STILL) / (_SPEAKING - _STILL), 0, 1)
    reach = max(1, round(_EASE_S * motion.fps))
    padded = np.pad(talk, reach)
    widest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    window = np.hanning(2 * reach + 3)[1:-1]
    smooth = np.convolve(np.pad(widest, reach), window / window.sum(), "valid")
    # Where nothing is said for the whole window the mouth is exactly the photo's.
    return np.where(widest > 0, smooth, np.minimum(smooth, 1) * (smooth > 1e-3))


def _about(pose, pivot):
    """Head poses about a pivot as plain transforms."""
    out = pose.copy()
    out[:, :3, 3] += pivot - out[:, :3, :3] @ pivot
    return out


def _limited(pose, turn_rad):
    """Head poses (t, 4, 4) whose turn and move are bent to stay within what a photo can show."""
    from personare.faces.joints import matrices, rotation_vectors

    vectors = rotation_vectors(pose[:, :3, :3])
    out = np.tile(np.eye(4), (len(pose), 1, 1))
    out[:, :3, :3] = matrices(_bent(vectors, turn_rad))
    out[:, :3, 3] = _bent(pose[:, :3, 3], _MOVE_M)
    return out


def _bent(vectors, limit):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * np.where(length > 1e-9, limit * np.tanh(length / limit) / np.maximum(length, 1e-9), 1)


def likeness(track, corners, weights, index):
    """Bring the mesh of a Track of one picture onto its landmarks.

    Args:
        track: Track with one frame of a LinearFace.
        corners: (n, 3) int vertices around each landmark of the face.
        weights: (n, 3) float barycentric.
        index: (n,) int which of the 478 landmarks they are.

    Returns:
        Likeness.
    """
    face, camera = track.face, track.camera
    found = np.asarray(track.landmarks[0], np.float64)
    own = track.motion.values[0].astype(np.float32)
    pose = np.eye(4) if track.motion.head_pose is None else track.motion.head_pose[0].astype(np.float64)
    keep = np.asarray(index) < 468
    corners, weights, index = np.asarray(corners)[keep], np.asarray(weights, np.float64)[keep], np.asarray(index)[keep]
    is_open = lip_gap(found) > OPEN_SHARE
    own[[k for k, name in enumerate(face.space.columns) if name.startswith("tongue")]] = 0  # landmarks see no tongue
    if not is_open:
        # Closed lips are closed by the face itself, not by shapes that happen to cancel.
        own[face.space.indices(OPENING)] = 0
    expressed = face.mesh(Motion(own[None], 30, face.space)).vertices[0].astype(np.float64)
    anchors = (expressed[corners] * weights[:, :, None]).sum(axis=1)
    target = found[index, :2].copy()
    pixels, into_head = _to_pixels(anchors, face, camera, pose)
    residual = target - pixels[:, :2]
    if not is_open:
        residual = _paired(residual, index)
    moves = into_head(residual, pixels[:, 2])
    eye_m = (np.linalg.norm(found[OUTER_CORNERS[0], :2] - found[OUTER_CORNERS[1], :2]) * pixels[:, 2].mean()
             / camera.focal_px)
    shift = warp(anchors, moves, expressed, noise=_NOISE * eye_m)
    shift = parts_kept_whole(face, expressed, shift, anchors, moves, (corners, weights, index))
    person = replace(face, rest=(face.rest + shift).astype(np.float32),
                     head_weight=np.ones(len(face.rest), np.float32))
    seen = Closing(person, face, own, corners, weights, index, eye_m, found[:, :2],
                 lambda points: _to_pixels(points, face, camera, pose)[0])
    closing = seen.lips() if is_open else np.zeros(face.rest.shape, np.float32)
    edges = tuple(lid_edges(person, own, found[:, :2], side, seen.project)[0][1:-1] for side in EYES)
    return Likeness(person, camera, own, pose, closing, is_open, tuple(seen.blink(name) for name in _BLINKS), edges,
                    found[:, :2])


def lip_gap(landmarks):
    """How far lips stand apart, as a share of the mouth's width."""
    upper, lower = np.array(LIP_PAIRS).T
    width = np.linalg.norm(landmarks[OUTER_LIPS[0], :2] - landmarks[OUTER_LIPS[10], :2])
    return float(np.linalg.norm(landmarks[upper, :2] - landmarks[lower, :2], axis=1).max() / max(width, 1e-9))


def _to_pixels(points, face, camera, pose):
    """(n, 3) pixels and depth of points of the head, and the way from moves on the picture to moves of the head."""
    turn = camera.camera_from_world[:3, :3] @ pose[:3, :3]
    world = (points - face.head_pivot) @ pose[:3, :3].T + face.head_pivot + pose[:3, 3]

    def into_head(moves, depth):
        across = np.stack([moves[:, 0], -moves[:, 1], np.zeros(len(moves))], 1) * (depth / camera.focal_px)[:, None]
        return across @ turn

    return camera.project(world), into_head


def _paired(residual, index):
    """Residuals in which points of closed lips that meet have the same."""
    place = {k: i for i, k in enumerate(index.tolist())}
    for upper, lower in LIP_PAIRS:
        if upper in place and lower in place:
            both = [place[upper], place[lower]]
            residual[both] = residual[both].mean(axis=0)
    return residual
