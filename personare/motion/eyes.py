"""Blinks and gaze: events drawn from a seed, hastened by pauses and by what is said."""

from dataclasses import dataclass

import numpy as np

BLINK_CLOSE_S, BLINK_HOLD_S, BLINK_OPEN_S = 0.080, 0.025, 0.150
BLINK_MEAN_S, BLINK_LEAST_S = 2.7, 0.8
SACCADE_S, FIXATION_MEAN_S = 0.045, 1.6
GAZE_YAW_RAD, GAZE_PITCH_RAD = np.radians(5.0), np.radians(3.0)
# Speakers look away as they begin an utterance and back as they end it (Kendon 1967): chance of the former.
AWAY_AT_ONSET, AWAY_SIZE = 0.4, 1.4
# Rotation of an eyeball at weight 1 of an eyeLook shape, as on the built-in head.
EYE_FULL_RAD = np.radians(28.0)


def ease(x):
    """Minimum-jerk step of one number: 0 below 0, 1 above 1."""
    x = min(max(x, 0.0), 1.0)
    return min(x * x * x * (10 - 15 * x + 6 * x * x), 1.0)


def blink_curve(since_s):
    """Weight of eyeBlink, since_s seconds after a blink began: quick close, short hold, slower opening."""
    if since_s < 0:
        return 0.0
    if since_s < BLINK_CLOSE_S + BLINK_HOLD_S:
        return ease(since_s / BLINK_CLOSE_S)
    return 1 - ease((since_s - BLINK_CLOSE_S - BLINK_HOLD_S) / BLINK_OPEN_S)


@dataclass
class Blinks:
    """Times of blinks: random intervals, shortened when speech has just paused.

    Args:
        rng: numpy Generator.
        often: factor on the rate.
    """

    rng: np.random.Generator
    often: float = 1.0
    start_s: float = -1.0
    next_s: float = -1.0
    spoke: bool = False

    def lid(self, time_s, activity, often=1.0):
        """Weight of eyeBlink at time_s; call with rising times.

        Args:
            time_s: seconds.
            activity: 0 in silence .. 1 in speech.
            often: factor on the rate of this moment.
        """
        if self.next_s < 0:
            self.next_s = time_s + 0.6 + self._interval(often) / 2
        if time_s >= self.next_s:
            # The event keeps its own time rather than the frame's, so the frame rate does not shift it.
            self.start_s, self.next_s = self.next_s, self.next_s + self._interval(often)
        pause = self.spoke and activity < 0.15
        self.spoke = activity > 0.3 or (self.spoke and not pause)
        if pause and time_s - self.start_s > 0.7 * BLINK_MEAN_S / (self.often * often):
            self.next_s = min(self.next_s, time_s + 0.1)
        return blink_curve(time_s - self.start_s) if self.start_s >= 0 else 0.0

    def _interval(self, often):
        # Log-normal with sigma 0.5: mean = exp(mu + sigma^2 / 2).
        free_s = self.rng.lognormal(np.log(BLINK_MEAN_S - BLINK_LEAST_S) - 0.125, 0.5)
        # However often, a blink ends before the next begins.
        return max((BLINK_LEAST_S + free_s) / (self.often * often), BLINK_CLOSE_S + BLINK_HOLD_S + BLINK_OPEN_S)


@dataclass
class Gaze:
    """Fixations joined by saccades.

    Args:
        rng: numpy Generator.
    """

    rng: np.random.Generator
    start_s: float = 0.0
    end_s: float = -1.0
    old: tuple = (0.0, 0.0)
    new: tuple = (0.0, 0.0)
    spoke: bool = False

    def direction(self, time_s, activity):
        """(yaw, pitch) in radians at time_s; call with rising times.

        Args:
            time_s: seconds.
            activity: 0 in silence .. 1 in speech; the eyes tend to leave the viewer when it rises and return
                when it falls.
        """
        begins, ends = not self.spoke and activity > 0.4, self.spoke and activity < 0.15
        self.spoke = begins or (self.spoke and not ends)
        if begins and self.rng.random() < AWAY_AT_ONSET:
            self._turn(time_s, AWAY_SIZE)
        elif ends:
            self._turn(time_s, 0.25)
        while time_s >= self.end_s:
            # Two of three fixations return to the viewer, as listeners are looked at most of the time.
            self._turn(max(self.end_s, 0.0), 1.0 if self.rng.random() < 1 / 3 else 0.25)
        return self._at(time_s)

    def _at(self, time_s):
        share = ease((time_s - self.start_s) / SACCADE_S)
        return tuple(a + share * (b - a) for a, b in zip(self.old, self.new, strict=True))

    def _turn(self, time_s, size):
        yaw, pitch = self.rng.normal(size=2).tolist()
        self.old = self._at(time_s)
        self.start_s, self.new = time_s, (size * yaw * GAZE_YAW_RAD, size * pitch * GAZE_PITCH_RAD)
        self.end_s = time_s + 0.35 + self.rng.exponential(FIXATION_MEAN_S - 0.35)


def eye_columns(look, angles):
    """Eye curves of a gaze: where the eyes look, less what the head already turned.

    Args:
        look: (t, 2) yaw and pitch in radians, of the viewer's direction; pitch is positive downwards.
        angles: (t, 2) yaw and pitch of the head, radians.

    Returns:
        dict of eight ARKit columns, (t,) in 0..1.
    """
    yaw, pitch = ((look - 0.8 * angles) / EYE_FULL_RAD).T
    left, right, down, up = np.minimum(np.maximum((yaw, -yaw, pitch, -pitch), 0), 1)
    return {"eyeLookOutLeft": left, "eyeLookInRight": left,
            "eyeLookInLeft": right, "eyeLookOutRight": right,
            "eyeLookDownLeft": down, "eyeLookDownRight": down,
            "eyeLookUpLeft": up, "eyeLookUpRight": up}
