"""Lips that part before speech: people breathe in and get ready before their voice begins.

In tracked film (`benchmarks/vox_breath.py`) lips are 0.6 to 0.7 cm apart for half a second before they speak after a
pause, in short pauses all the way through, while a mouth that follows the sound alone is shut until then. Animators
know this as anticipation. Lips still meet for a first p, b or m, and a mouth that will not speak soon stays closed.
"""

from dataclasses import replace

import numpy as np

from personare.motion.articulation import lip_gap_cm
from personare.motion.mouth import REST_CM, UNIT_CM
from personare.motion.pieces import joined
from personare.spaces import ARKIT_52

# How far lips part at strength 1, how long before speech they begin to, and how quickly they do and let go again.
PART_CM, LEAD_S, RISE_S, FALL_S = 0.6, 0.45, 0.12, 0.15
# A mouth at rest: lips no further apart than this on an average head, and without so much of a contact.
SHUT_CM, SHUT_CONTACT = 0.15, 0.3
# Rest shorter than this is part of speech. Speech is a mouth that moves for so long of so long; a click does not.
LEAST_PAUSE_S, LEAST_SPEECH_S, WITHIN_S = 0.2, 0.2, 0.25
# Before a pause lips come down from the last word; where they are to stay parted, this is when they stop doing so.
COMING_DOWN_S = 0.2
# Lips give way to a closure within this time, to the whole at so much of a shape that makes one.
GIVE_WAY_S = 0.1
CONTACT = {"mouthPressLeft": 0.12, "mouthPressRight": 0.12, "mouthRollLower": 0.4, "mouthClose": 0.08}
# Shapes of a breath, for a centimetre between the lips.
_SHARES = {"jawOpen": 3.0, "mouthLowerDownLeft": 1.0, "mouthLowerDownRight": 1.0}
_CM = sum(share * UNIT_CM[name.removesuffix("Left").removesuffix("Right")][0] for name, share in _SHARES.items())
PER_CM = {name: share / _CM for name, share in _SHARES.items()}


class BreathStream:
    """Parts the lips before speech in consecutive chunks of one motion.

    Motion without the ARKit-52 columns comes late but as it is, and so does a mouth that is never at rest; below 4
    frames a second there is nothing to part in time, and nothing is done.

    Args:
        fps: frames a second of the motion.
        strength: 0..2; 0 leaves everything as it is and looks nowhere ahead.

    Attributes:
        look_ahead_s: a frame depends on no frame later than this after it.
    """

    def __init__(self, fps, strength):
        self._cm, self._fps = PART_CM * strength, fps
        self._within, self._lead = int(WITHIN_S * fps + 1e-9), int(LEAD_S * fps + 1e-9)
        self._after = self._lead + self._within if strength and self._within else 0
        # What is let go of by now began with speech after a pause, which both have to be seen whole.
        self._before = self._within + round((LEAST_PAUSE_S + FALL_S) * fps) + 1
        self.look_ahead_s = self._after / fps
        self._kept = None

    def push(self, motion):
        """The frames that a chunk makes certain, as Motion; maybe none."""
        if not self._after or not len(motion):
            return motion
        if self._kept is None:
            self._kept = joined([motion.frames(0, 1)] * self._before)
        self._kept = joined([self._kept, motion])
        return self._take()

    def finish(self):
        """The remaining frames; None where there are none."""
        if self._kept is None:
            return None
        silence = replace(self._kept, values=np.zeros_like(self._kept.values)).frames(0, 1)
        self._kept = joined([self._kept, *[silence] * self._after])
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
        still = (gap < SHUT_CM) & (contact < SHUT_CONTACT)
        share = self._readiness(self._speaks(~still)) * (1 - self._giving_way(contact))
        missing_cm = (np.maximum(REST_CM[0] + self._cm - gap, 0) * share)[self._before:self._before + count]
        columns = {name: given.column(name) for name in PER_CM}
        return given.with_columns({name: np.minimum(column + missing_cm * PER_CM[name], np.maximum(column, 1))
                                   for name, column in columns.items()})

    def _speaks(self, moves):
        """(t,) bool, where a mouth that moves does so for LEAST_SPEECH_S of the WITHIN_S before or after."""
        total = np.concatenate([[0], np.cumsum(moves)])
        at, least = np.arange(len(moves)), round(LEAST_SPEECH_S * self._fps)
        ahead = total[np.minimum(at + self._within, len(moves))] - total[at]
        behind = total[at + 1] - total[np.maximum(at + 1 - self._within, 0)]
        return moves & ((ahead >= least) | (behind >= least))

    def _readiness(self, speaks):
        """(t,) 0..1, how near speech is: 0 in the middle of speech and where none is near."""
        ready, fps = np.zeros(len(speaks)), self._fps
        edges = np.flatnonzero(np.diff(np.concatenate([[True], speaks, [True]])))
        # A last pause that does not end here is nearer to the last frame than any that is given out by now.
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if end - begin < round(LEAST_PAUSE_S * fps):
                continue
            reach = slice(max(begin - int(COMING_DOWN_S * fps), end - self._lead, 0), end + int(FALL_S * fps) + 1)
            at = np.arange(len(speaks))[reach]
            near = np.clip((LEAD_S - (end - at) / fps) / RISE_S, 0, 1)
            down = np.clip((at - begin) / fps / COMING_DOWN_S + 1, 0, 1)
            after = np.clip(1 - (at - end) / fps / FALL_S, 0, 1)
            ready[reach] = np.maximum(ready[reach], _eased(near) * _eased(down) * _eased(after))
        return ready

    def _giving_way(self, contact):
        """(t,) 0..1, how much of the contact of this frame and those around it asks lips to be closed."""
        most, reach = contact.copy(), int(GIVE_WAY_S * self._fps)
        for i in range(1, reach + 1):
            share = 1 - i / (reach + 1)
            most[:-i] = np.maximum(most[:-i], contact[i:] * share)
            most[i:] = np.maximum(most[i:], contact[:-i] * share)
        return most


def _contact(motion):
    """(t,) 0..1, how much lips press on each other or on the teeth."""
    return np.max([np.clip(motion.column(name) / whole, 0, 1) for name, whole in CONTACT.items()], axis=0)


def _eased(share):
    return share * share * (3 - 2 * share)
