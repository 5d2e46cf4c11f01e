"""Life beside the lips: blinks, gaze, head, brows and loudness from a seed and the voice; emotion and articulation.

Every layer here is a function of time, of past frames and of past sound alone, so a take cut into chunks of any size
gives the same numbers as the whole, and live use needs no look-ahead beyond the model's own. Breath, which has to know
what comes, is added before (breath.py).

Figures: blinks while speaking come 15 to 25 times a minute, preferably in pauses (Bentivoglio et al. 1997,
"Analysis of blink rate patterns"); a lid closes in about 80 ms and opens in about 170 ms (VanderWerf et al.
2003, "Eyelid movements"); saccades of a few degrees last 30 to 50 ms and follow each other by about a second
(Lee, Badler and Badler 2002, "Eyes Alive"); heads of speakers move by some degrees below 1 Hz and nod with
emphasis (Munhall et al. 2004, "Visual prosody and speech intelligibility"). docs/motion/layers.md compares what comes
out with tracked speakers.
"""

from dataclasses import dataclass, replace
from math import exp

import numpy as np

from personare.errors import InputError
from personare.motion.articulation import LEAST, MOST, articulate, checked_articulation
from personare.motion.emotion import EmotionTrack, blend, emotion_of, pose_of
from personare.motion.expressions import manners
from personare.motion.eyes import Blinks, Gaze, eye_columns
from personare.motion.head import rotation_from_angles, smooth_noise
from personare.motion.prosody import Accents, Loudness, VoiceStream
from personare.spaces import ARKIT_52
from personare.types import Motion

HEAD_YAW_RAD, HEAD_PITCH_RAD, HEAD_ROLL_RAD = np.radians((3.2, 2.2, 3.2))
HEAD_RATES_HZ = (1.3, 0.9, 0.85)
QUICK_SHARE, QUICK_HZ = 0.14, 2.4
HEAD_SHIFT_M, SHIFT_HZ = 0.003, 0.23
NOD_RAD = np.radians(3.0)
BROW_RAISE = 0.5
# An expression makes way for speech within the first, and comes back to itself within the second.
TALK_S = (0.12, 0.7)
# Sound may run ahead of a frame by this much, where the model has heard it anyway: nods then meet their accent.
MOST_LEAD_S = 0.10
BLINK = ("eyeBlinkLeft", "eyeBlinkRight")
WIDE = ("eyeWideLeft", "eyeWideRight")
# A mouth in which the sum of these is below the first does not speak; above the second it does.
SPEAKING = (0.05, 0.15)
MOUTH = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDownLeft", "mouthUpperUpLeft")
HELD_COLUMNS = frozenset(ARKIT_52.columns)


@dataclass(frozen=True)
class Layers:
    """Strength of each layer, 0 (off) to 2; 1 is a calm speaker.

    Args:
        blink: how often the eyes close, 0 for never, 2 for twice as often.
        gaze: size of saccades; the eyes keep to the viewer while the head turns.
        head: size of head motion.
        brows: size of brow raises on emphasis.
        seed: an integer >= 0; the same seed gives the same motion.
        loudness: how far lips follow a voice that is raised or dropped; needs the sound.
        breath: how far lips part before speech; frames then come 0.7 s later. See breath.py.
    """

    blink: float = 1.0
    gaze: float = 1.0
    head: float = 1.0
    brows: float = 1.0
    seed: int = 0
    loudness: float = 1.0
    breath: float = 0.0

    def __post_init__(self):
        for name in ("blink", "gaze", "head", "brows", "loudness", "breath"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value <= 2):
                raise InputError(name, expected="a strength in 0..2", got=repr(value), remedy="use 1 for the usual")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise InputError("seed", expected="an integer >= 0", got=repr(self.seed), remedy="use 0, 1, 2 ...")


STILL = Layers(blink=0, gaze=0, head=0, brows=0, loudness=0)


def layers_of(*, still=False, **strengths):
    """Layers of these strengths; still is lips alone, of which breath is a part where it is asked for."""
    layers = Layers(**strengths)
    return replace(STILL, breath=layers.breath) if still else layers


class LayerStream:
    """Adds articulation, emotion and layers to consecutive chunks of one motion.

    Args:
        fps: frames a second of the motion.
        layers: strengths and seed; breath is left to BreathStream.
        emotion: Emotion, or what emotion_of takes.
        articulation: 0.3..2, see articulation.articulate.
        rate_hz: rate of the sound that hear() will get; None where there is none: stress is then read off the mouth,
            and nothing is loud.
        lead_s: how far sound is heard before its frame comes, as Session.look_ahead_s says.
    """

    def __init__(self, fps, layers, *, emotion=None, articulation=1.0, rate_hz=None, lead_s=0.0):
        self.fps, self.layers = fps, layers
        self._still = layers == replace(STILL, seed=layers.seed, breath=layers.breath)
        self._articulation = checked_articulation(articulation)
        self._track = EmotionTrack(emotion_of(emotion))
        self._voice = None if rate_hz is None else VoiceStream(rate_hz, fps, min(lead_s, MOST_LEAD_S))
        self._frame, self._mouth = 0, 0.0
        self._phase, self._talk = 0.0, 0.0
        self._loudness = Loudness(fps)
        self._accents = Accents(np.random.default_rng([layers.seed, 3]), fps)
        self._blinks = Blinks(np.random.default_rng([layers.seed, 1]), max(layers.blink, 0.01))
        self._gaze = Gaze(np.random.default_rng([layers.seed, 2]))

    def hear(self, samples):
        """Take sound, (n,) float32 at rate_hz, before the frames it belongs to are applied."""
        if self._voice is not None:
            self._voice.hear(samples)

    def feel(self, mixture, *, at_s=0.0):
        """From a time on change to another emotion.

        Args:
            mixture: {name: strength} as in Emotion, {} for neutral.
            at_s: seconds from the start; no earlier than the next frame and the last change that was asked for.
        """
        self._track.add(max(at_s, self._frame / self.fps), mixture)

    def apply(self, motion):
        """The next frames with everything added.

        Args:
            motion: Motion; frames follow those of the last call.

        Returns:
            Motion of the same length, with a head pose where there is head motion. Motion in a space without the
            ARKit-52 columns comes back as it is.

        Raises:
            InputError: emotion or articulation is asked of such a motion.
        """
        if not len(motion):
            return motion
        plain = self._track.silent and self._articulation == 1
        if self._still and plain:
            # Feelings may still come, so the clocks go on.
            self._frame += len(motion)
            if self._voice is not None:
                self._voice.skip(len(motion))
            return motion
        if motion.space is not ARKIT_52 and not set(motion.space.columns) >= HELD_COLUMNS:
            if not plain:
                raise InputError("emotion", expected="a model whose motion has the ARKit-52 shapes",
                                 got=motion.space.name, remedy="leave emotion and articulation out")
            # Sound that no frame will ask for must not pile up.
            self._voice = None
            return motion
        time_s = (self._frame + np.arange(len(motion))) / self.fps
        self._frame += len(motion)
        strengths = self._track.strengths(time_s)
        manner = manners(strengths)
        activity, nod, brow, lid, talk, loud, look = self._follow(time_s, motion.columns(MOUTH).sum(axis=1), manner)
        motion = articulate(motion, np.clip(loud * self._articulation * manner.articulation, LEAST, MOST))
        if strengths.any():
            motion = blend(motion, pose_of(strengths, time_s, seed=self.layers.seed, activity=talk))
        return motion if self._still else self._alive(motion, time_s, manner, activity, nod, brow, lid, look)

    def _alive(self, motion, time_s, manner, activity, nod, brow, lid, look):
        """Blinks, gaze, brows and head on a finished face."""
        angles = self._head_angles(time_s, manner, activity, nod)
        columns = {}
        if self.layers.gaze:
            look = look * (self.layers.gaze * manner.glances[:, None])
            look[:, 1] += np.radians(manner.look_down_deg)
            columns |= eye_columns(look, angles[:, :2])
        if self.layers.blink:
            columns |= {name: np.maximum(motion.column(name), lid) for name in BLINK}
            columns |= {name: motion.column(name) * (1 - lid) for name in WIDE}
        if self.layers.brows:
            raised = self.layers.brows * BROW_RAISE * manner.brows * brow
            columns |= {name: motion.column(name) + share * raised * (1 - motion.column(name)) for name, share in
                        (("browInnerUp", 1.0), ("browOuterUpLeft", 0.7), ("browOuterUpRight", 0.6))}
        values = motion.values.copy()
        if columns:
            raw = np.array(list(columns.values()))
            values[:, motion.space.indices(columns)] = np.minimum(np.maximum(raw, 0), 1).T
        pose = self._pose(time_s, angles, motion.head_pose) if self.layers.head else motion.head_pose
        return Motion(values, motion.fps, motion.space, pose)

    def _follow(self, time_s, mouth, manner):
        """Activity, nod, brow, lid, talk, loud (t,) and gaze (t, 2) of each frame, from the past alone.

        Talk is activity that begins at once and ends slowly, so that syllables do not shake an expression; loud is how
        much further lips part than in even speech.
        """
        rows, look = [], []
        heard = None if self._voice is None else [part.tolist() for part in self._voice.frames(len(mouth))]
        blinks, fast = manner.blinks.tolist(), 1 - exp(-1 / self.fps / 0.08)
        for i, (now_s, open_now) in enumerate(zip(time_s.tolist(), mouth.tolist(), strict=True)):
            loud = 1.0
            if heard is None:
                # Without sound, an opening above the usual stands for stress.
                self._mouth += fast * (open_now - self._mouth)
                accents = self._accents
                accents.activity += (1 - exp(-1 / self.fps / 0.35)) * (min(open_now * 2.5, 1.0) - accents.activity)
                found = accents.stress(now_s, 4 * (self._mouth - 0.7 * accents.activity))
            else:
                found = self._accents.voice(now_s, heard[0][i], heard[1][i])
                # A mouth that is open in silence, before a word or in a stop, is no dropped voice.
                share = self._accents.speaking * min(max((open_now - SPEAKING[0]) / (SPEAKING[1] - SPEAKING[0]), 0), 1)
                loud = self._loudness.factor(heard[0][i], share) ** self.layers.loudness
            rows.append((*found, self._blinks.lid(now_s, found[0], blinks[i]), self._talking(found[0]), loud))
            look.append(self._gaze.direction(now_s, found[0]))
        return *np.array(rows).T, np.array(look)

    def _talking(self, activity):
        self._talk += (1 - exp(-1 / self.fps / TALK_S[int(activity < self._talk)])) * (activity - self._talk)
        return self._talk

    def _head_angles(self, time_s, manner, activity, nod):
        """(t, 3) yaw, pitch, roll in radians; pitch is positive downwards."""
        if not self.layers.head:
            return np.zeros((len(time_s), 3))
        # The tempo of the mood runs the clock of the wandering; a sum from left to right is the same in any chunks.
        phase = np.cumsum(np.concatenate([[self._phase], manner.tempo / self.fps]))
        self._phase, phase = phase[-1], phase[:-1]
        size = manner.head * (0.45 + 0.55 * activity)
        slow = [smooth_noise(phase * rate_hz, seed=self.layers.seed, channel=channel)
                for channel, rate_hz in enumerate(HEAD_RATES_HZ)]
        quick = [smooth_noise(phase * QUICK_HZ, seed=self.layers.seed, channel=channel) for channel in (3, 4, 5)]
        angles = np.array(slow).T + QUICK_SHARE * np.array(quick).T
        angles = angles * size[:, None] * (HEAD_YAW_RAD, HEAD_PITCH_RAD, HEAD_ROLL_RAD)
        angles[:, 1] += NOD_RAD * manner.head * nod
        angles += np.radians(np.array([manner.yaw_deg, manner.pitch_deg, manner.roll_deg]).T)
        return self.layers.head * angles

    def _pose(self, time_s, angles, given):
        """(t, 4, 4) float32 head pose, composed with one the motion already had."""
        pose = np.zeros((len(time_s), 4, 4))
        pose[:, 3, 3] = 1
        pose[:, :3, :3] = rotation_from_angles(angles)
        sway = [smooth_noise(time_s * SHIFT_HZ, seed=self.layers.seed, channel=channel) for channel in (6, 7)]
        pose[:, 0, 3], pose[:, 2, 3] = self.layers.head * HEAD_SHIFT_M * np.array(sway)
        if given is not None:
            pose = pose @ given
        return pose.astype(np.float32)
