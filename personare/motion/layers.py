"""Life beside the lips: blinks, gaze and head motion, drawn from a seed and from how the mouth moves.

Every layer is a function of time and of past frames alone, so a take cut into chunks of any size gives
the same numbers as the whole, and live use needs no look-ahead.

Figures: blinks while speaking come 15 to 25 times a minute, preferably in pauses (Bentivoglio et al. 1997,
"Analysis of blink rate patterns"); a lid closes in about 80 ms and opens in about 170 ms (VanderWerf et al.
2003, "Eyelid movements"); saccades of a few degrees last 30 to 50 ms and follow each other by about a second
(Lee, Badler and Badler 2002, "Eyes Alive"); heads of speakers move by some degrees below 1 Hz and nod with
emphasis (Munhall et al. 2004, "Visual prosody and speech intelligibility").
"""

from dataclasses import dataclass, field, replace

import numpy as np

from personare.errors import InputError

BLINK_CLOSE_S, BLINK_HOLD_S, BLINK_OPEN_S = 0.085, 0.035, 0.170
BLINK_MEAN_S, BLINK_LEAST_S = 3.4, 0.9
SACCADE_S, FIXATION_MEAN_S = 0.045, 1.6
GAZE_YAW_RAD, GAZE_PITCH_RAD = np.radians(5.0), np.radians(3.0)
# Rotation of an eyeball at weight 1 of an eyeLook shape, as on the built-in head.
EYE_FULL_RAD = np.radians(28.0)
HEAD_YAW_RAD, HEAD_PITCH_RAD, HEAD_ROLL_RAD = np.radians((4.2, 2.6, 2.0))
HEAD_SHIFT_M = 0.003
NOD_RAD = np.radians(3.0)
BLINK = ("eyeBlinkLeft", "eyeBlinkRight")
MOUTH = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDownLeft", "mouthUpperUpLeft")


@dataclass(frozen=True)
class Layers:
    """Strength of each layer, 0 (off) to 2; 1 is a calm speaker.

    Args:
        blink: how often the eyes close, 0 for never, 2 for twice as often.
        gaze: size of saccades; the eyes keep to the viewer while the head turns.
        head: size of head motion.
        brows: size of brow raises on emphasis.
        seed: an integer >= 0; the same seed gives the same motion.
    """

    blink: float = 1.0
    gaze: float = 1.0
    head: float = 1.0
    brows: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for name in ("blink", "gaze", "head", "brows"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value <= 2):
                raise InputError(name, expected="a strength in 0..2", got=repr(value), remedy="use 1 for the usual")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise InputError("seed", expected="an integer >= 0", got=repr(self.seed), remedy="use 0, 1, 2 ...")


STILL = Layers(blink=0, gaze=0, head=0, brows=0)


@dataclass
class LayerStream:
    """Adds layers to consecutive chunks of one motion.

    Args:
        fps: frames a second of the motion.
        layers: strengths and seed.
    """

    fps: float
    layers: Layers
    _frame: int = 0
    _activity: float = 0.0
    _emphasis: float = 0.0
    _nod: float = 0.0
    _brow: float = 0.0
    _blinks: "_Blinks" = field(default=None)
    _gaze: "_Gaze" = field(default=None)

    def __post_init__(self):
        self._blinks = _Blinks(np.random.default_rng([self.layers.seed, 1]), max(self.layers.blink, 0.01))
        self._gaze = _Gaze(np.random.default_rng([self.layers.seed, 2]))

    def apply(self, motion):
        """The next frames with the layers added.

        Args:
            motion: Motion in a space that has the ARKit columns; frames follow those of the last call.

        Returns:
            Motion of the same length, with a head pose where there is head motion.
        """
        if not len(motion) or self.layers == replace(STILL, seed=self.layers.seed):
            return motion
        time_s = (self._frame + np.arange(len(motion))) / self.fps
        self._frame += len(motion)
        activity, nod, brow, lid = self._follow(time_s, motion.columns(MOUTH).sum(axis=1))
        angles = self._head_angles(time_s, activity, nod)
        columns = {}
        if self.layers.gaze:
            columns |= self._eye_columns(time_s, angles)
        if self.layers.blink:
            columns |= {name: np.maximum(motion.column(name), lid) for name in BLINK}
        if self.layers.brows:
            raised = self.layers.brows * brow
            columns |= {name: np.clip(motion.column(name) + share * raised, 0, 1) for name, share in
                        (("browInnerUp", 1.0), ("browOuterUpLeft", 0.6), ("browOuterUpRight", 0.6))}
        motion = motion.with_columns(columns)
        if self.layers.head:
            motion = replace(motion, head_pose=self._pose(time_s, angles, motion.head_pose))
        return motion

    def _follow(self, time_s, mouth):
        """Speech activity, nod, brow and lid for each frame, from the past alone."""
        step_s = 1 / self.fps
        # One-pole filters: activity follows in 0.35 s, emphasis rises above it, nods follow in 0.12 s.
        slow, fast, nod_share = (1 - np.exp(-step_s / s) for s in (0.35, 0.08, 0.12))
        rows = np.empty((4, len(mouth)))
        for i, now in enumerate(mouth.tolist()):
            self._activity += slow * (min(now * 2.5, 1.0) - self._activity)
            self._emphasis += fast * (now - self._emphasis)
            stress = min(max(self._emphasis - 0.7 * self._activity, 0.0), 1.0)
            self._nod += nod_share * (stress - self._nod)
            self._brow += slow * (stress - self._brow)
            lid = self._blinks.lid(float(time_s[i]), self._activity)
            rows[:, i] = self._activity, self._nod, self._brow, lid
        return rows

    def _head_angles(self, time_s, activity, nod):
        """(t, 3) yaw, pitch, roll in radians; pitch is positive downwards."""
        if not self.layers.head:
            return np.zeros((len(time_s), 3))
        size = self.layers.head * (0.35 + 0.65 * activity)
        slow = [smooth_noise(time_s * rate_hz, seed=self.layers.seed, channel=channel)
                for channel, rate_hz in ((0, 0.32), (1, 0.45), (2, 0.28))]
        quick = [smooth_noise(time_s * 1.3, seed=self.layers.seed, channel=channel) for channel in (3, 4, 5)]
        angles = np.stack(slow, axis=1) + 0.22 * np.stack(quick, axis=1)
        angles = angles * size[:, None] * (HEAD_YAW_RAD, HEAD_PITCH_RAD, HEAD_ROLL_RAD)
        angles[:, 1] += self.layers.head * NOD_RAD * nod
        return angles

    def _eye_columns(self, time_s, angles):
        """Eye curves: saccades about the viewer, less what the head already turned."""
        look = np.array([self._gaze.direction(float(t)) for t in time_s]) * self.layers.gaze
        yaw, pitch = ((look - 0.8 * angles[:, :2]) / EYE_FULL_RAD).T
        left, right = np.clip(yaw, 0, 1), np.clip(-yaw, 0, 1)
        down, up = np.clip(pitch, 0, 1), np.clip(-pitch, 0, 1)
        return {"eyeLookOutLeft": left, "eyeLookInRight": left,
                "eyeLookInLeft": right, "eyeLookOutRight": right,
                "eyeLookDownLeft": down, "eyeLookDownRight": down,
                "eyeLookUpLeft": up, "eyeLookUpRight": up}

    def _pose(self, time_s, angles, given):
        """(t, 4, 4) float32 head pose, composed with one the motion already had."""
        pose = np.zeros((len(time_s), 4, 4))
        pose[:, 3, 3] = 1
        pose[:, :3, :3] = rotation_from_angles(angles)
        sway = [smooth_noise(time_s * 0.23, seed=self.layers.seed, channel=channel) for channel in (6, 7)]
        pose[:, 0, 3], pose[:, 2, 3] = self.layers.head * HEAD_SHIFT_M * np.array(sway)
        if given is not None:
            pose = pose @ given
        return pose.astype(np.float32)


@dataclass
class _Blinks:
    """Times of blinks: random intervals, shortened when speech has just paused."""

    rng: np.random.Generator
    often: float = 1.0
    start_s: float = -1.0
    next_s: float = -1.0
    spoke: bool = False

    def lid(self, time_s, activity):
        """Weight of eyeBlink at time_s; call with rising times."""
        if self.next_s < 0:
            self.next_s = time_s + 0.6 + self._interval() / 2
        if time_s >= self.next_s:
            # The event keeps its own time rather than the frame's, so the frame rate does not shift it.
            self.start_s, self.next_s = self.next_s, self.next_s + self._interval()
        pause = self.spoke and activity < 0.15
        self.spoke = activity > 0.3 or (self.spoke and not pause)
        if pause and time_s - self.start_s > BLINK_MEAN_S / 2 / self.often:
            self.next_s = min(self.next_s, time_s + 0.1)
        return blink_curve(time_s - self.start_s) if self.start_s >= 0 else 0.0

    def _interval(self):
        # Log-normal with sigma 0.5: mean = exp(mu + sigma^2 / 2).
        free_s = self.rng.lognormal(np.log(BLINK_MEAN_S - BLINK_LEAST_S) - 0.125, 0.5)
        # However often, a blink ends before the next begins.
        return max((BLINK_LEAST_S + free_s) / self.often, BLINK_CLOSE_S + BLINK_HOLD_S + BLINK_OPEN_S)


@dataclass
class _Gaze:
    """Fixations joined by saccades."""

    rng: np.random.Generator
    start_s: float = 0.0
    end_s: float = -1.0
    old: tuple = (0.0, 0.0)
    new: tuple = (0.0, 0.0)

    def direction(self, time_s):
        """(yaw, pitch) in radians at time_s; call with rising times."""
        while time_s >= self.end_s:
            self.start_s = max(self.end_s, 0.0)
            self.end_s = self.start_s + 0.35 + self.rng.exponential(FIXATION_MEAN_S - 0.35)
            self.old = self.new
            # Two of three fixations return to the viewer, as listeners are looked at most of the time.
            away, yaw, pitch = self.rng.random() < 1 / 3, *self.rng.normal(size=2)
            size = 1.0 if away else 0.25
            self.new = (float(size * yaw * GAZE_YAW_RAD), float(size * pitch * GAZE_PITCH_RAD))
        share = ease((time_s - self.start_s) / SACCADE_S)
        return tuple(a + share * (b - a) for a, b in zip(self.old, self.new, strict=True))


def ease(x):
    """Minimum-jerk step: 0 below 0, 1 above 1."""
    x = min(max(x, 0.0), 1.0)
    return x * x * x * (10 - 15 * x + 6 * x * x)


def blink_curve(since_s):
    """Weight of eyeBlink, since_s seconds after a blink began: quick close, short hold, slower opening."""
    if since_s < 0:
        return 0.0
    if since_s < BLINK_CLOSE_S + BLINK_HOLD_S:
        return ease(since_s / BLINK_CLOSE_S)
    return 1 - ease((since_s - BLINK_CLOSE_S - BLINK_HOLD_S) / BLINK_OPEN_S)


def smooth_noise(position, *, seed, channel):
    """Random smooth curve of its arguments alone, so that any chunk of it can be computed by itself.

    Args:
        position: (t,) float, in lattice cells, >= 0; the curve varies over about one cell.
        seed, channel: integers that pick the curve.

    Returns:
        (t,) float64 of about unit variance, continuous in its second derivative (cubic B-spline).
    """
    cell = np.floor(position).astype(np.int64)
    first = int(cell[0])
    # Blocks of 64 lattice values are drawn from (seed, channel, block): counter-based, as Philox is.
    blocks = range(first // 64, (int(cell[-1]) + 3) // 64 + 1)
    draws = [np.random.default_rng([seed, channel, 7, block]).normal(size=64) for block in blocks]
    lattice = np.concatenate(draws)
    x = position - cell
    at = cell - blocks[0] * 64
    weights = ((1 - x) ** 3, 3 * x**3 - 6 * x**2 + 4, -3 * x**3 + 3 * x**2 + 3 * x + 1, x**3)
    curve = sum(w * lattice[at + i] for i, w in enumerate(weights)) / 6
    # 151/315 is the mean square of a cubic B-spline over unit white noise.
    return curve / np.sqrt(151 / 315)


def rotation_from_angles(angles):
    """(t, 3, 3) rotations from (t, 3) yaw, pitch, roll in radians: R = Ry(yaw) Rx(pitch) Rz(roll).

    Positive yaw turns towards the subject's left (+x), positive pitch nods down, positive roll leans the
    head towards the subject's right shoulder.
    """
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles).T, np.sin(angles).T
    zero, one = np.zeros(len(angles)), np.ones(len(angles))

    def matrices(*entries):
        return np.stack(entries, axis=-1).reshape(-1, 3, 3)

    ry = matrices(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    rx = matrices(one, zero, zero, zero, cp, -sp, zero, sp, cp)
    rz = matrices(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return ry @ rx @ rz
