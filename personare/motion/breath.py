"""Lips that part before speech: people breathe in and get ready before their voice begins.

In tracked film (`benchmarks/vox_breath.py`) lips are 0.6 cm apart for the half second before a voice sets in after a
pause, however short the pause, while a mouth that follows the sound alone is shut until it does. Animators know this
as anticipation. Lips still meet for a first p, b or m, and a mouth that will not speak soon stays closed.
"""

from dataclasses import replace

import numpy as np

from personare.motion.articulation import lip_gap_cm
from personare.motion.mouth import REST_CM, UNIT_CM
from personare.spaces import ARKIT_52

# How far lips part at strength 1, how long before speech they begin to, and how quickly they do and let go again.
PART_CM, LEAD_S, RISE_S, FALL_S = 0.6, 0.5, 0.12, 0.15
# Rest begins as lips come down from the last word; what is shorter than the second is no pause but a closure.
COMING_DOWN_S, LEAST_PAUSE_S = 0.2, 0.2
# A mouth at rest: lips no further apart than this on an average head, and without so much of a contact.
SHUT_CM, SHUT_CONTACT = 0.15, 0.3
# Lips give way to a closure within this time, to the whole at so much of the shapes that make it.
GIVE_WAY_S = 0.1
CONTACT = {"mouthPressLeft": 0.12, "mouthPressRight": 0.12, "mouthRollLower": 0.4}
# Shapes of a breath, for a centimetre between the lips.
_SHARES = {"jawOpen": 3.0, "mouthLowerDownLeft": 1.0, "mouthLowerDownRight": 1.0}
_CM = sum(share * UNIT_CM[name.removesuffix("Left").removesuffix("Right")][0] for name, share in _SHARES.items())
PER_CM = {name: share / _CM for name, share in _SHARES.items()}


class BreathStream:
    """Parts the lips before speech in consecutive chunks of one motion.

    Args:
        fps: frames a second of the motion.
        strength: 0..2; 0 leaves everything as it is and looks nowhere ahead.

    Attributes:
        look_ahead_s: a frame depends on no frame later than this after it.
    """

    def __init__(self, fps, strength):
        self._cm = PART_CM * strength
        self._after = int(LEAD_S * fps + 1e-9) if strength else 0
        self._before = max(1, round((FALL_S + LEAST_PAUSE_S) * fps) + 1)
        self._fps = fps
        self.look_ahead_s = self._after / fps
        self._kept = None

    def push(self, motion):
        """The frames that a chunk makes certain, as Motion; maybe none."""
        if not self._after or not len(motion):
            return motion
        if self._kept is None:
            # Before the first frame the mouth was at rest, for any time.
            self._kept = _still(motion, self._before)
        self._kept = _joined(self._kept, motion)
        return self._take()

    def finish(self):
        """The remaining frames; None where there are none."""
        if self._kept is None:
            return None
        self._kept = _joined(self._kept, _still(self._kept, self._after))
        return self._take()

    def _take(self):
        motion, count = self._kept, len(self._kept) - self._before - self._after
        if count <= 0:
            return motion.frames(0, 0)
        self._kept = motion.frames(count, len(motion))
        given = motion.frames(self._before, self._before + count)
        if not set(ARKIT_52.columns) <= set(motion.space.columns):
            return given
        gap, contact = lip_gap_cm(motion), _contact(motion)
        share = self._readiness((gap < SHUT_CM) & (contact < SHUT_CONTACT)) * (1 - self._given_way(contact))
        missing_cm = (np.maximum(REST_CM[0] + self._cm - gap, 0) * share)[self._before:self._before + count]
        return given.with_columns({name: np.minimum(given.column(name) + missing_cm * per_cm, 1)
                                   for name, per_cm in PER_CM.items()})

    def _readiness(self, still):
        """(t,) 0..1, how near speech is: 0 in the middle of speech and where none is near."""
        ready, fps = np.zeros(len(still)), self._fps
        edges = np.flatnonzero(np.diff(np.concatenate([[False], still, [False]])))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if end == len(still) or (end - begin < round(LEAST_PAUSE_S * fps) and begin > 0):
                continue
            reach = slice(max(begin - int(COMING_DOWN_S * fps), end - self._after, 0), end + int(FALL_S * fps) + 1)
            at = np.arange(len(still))[reach]
            near = np.clip((LEAD_S - (end - at) / fps) / RISE_S, 0, 1)
            down = np.clip((at - begin) / fps / COMING_DOWN_S + 1, 0, 1)
            after = np.clip(1 - (at - end) / fps / FALL_S, 0, 1)
            ready[reach] = np.maximum(ready[reach], _eased(near) * _eased(down) * _eased(after))
        return ready

    def _given_way(self, contact):
        """(t,) 0..1, how much of the contact of this frame and of the next ones asks lips to close by now."""
        most, reach = contact.copy(), int(GIVE_WAY_S * self._fps)
        for i in range(1, reach + 1):
            most[:-i] = np.maximum(most[:-i], contact[i:] * (1 - i / (reach + 1)))
        return most


def _contact(motion):
    """(t,) 0..1, how much lips press on each other or on the teeth."""
    return np.max([np.clip(motion.column(name) / whole, 0, 1) for name, whole in CONTACT.items()], axis=0)


def _eased(share):
    return share * share * (3 - 2 * share)


def _still(motion, count):
    """So many frames in which nothing moves, like those of a motion otherwise."""
    pose = None if motion.head_pose is None else np.repeat(motion.head_pose[-1:], count, axis=0)
    return replace(motion, values=np.zeros((count, len(motion.space)), np.float32), head_pose=pose)


def _joined(one, other):
    pose = None if other.head_pose is None else np.concatenate([one.head_pose, other.head_pose])
    return replace(one, values=np.concatenate([one.values, other.values]), head_pose=pose)
