"""What a client of Audio2Face-3D asks for, as options of ours and as arithmetic on the weights.

Numbers out of a parameter's range are brought into it, as its deployment files would be refused; names that mean
nothing here are counted and told in the last status, so that no client that works elsewhere fails here.
docs/serve.md lists what each does.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from personare.errors import InputError
from personare.live.voices import LimitError
from personare.motion.emotion import Emotion, EmotionTrack
from personare.motion.layers import Layers
from personare.spaces import A2F_68, ARKIT_52, EMOTIONS

FPS = 30.0
NAMES = tuple(name[0].upper() + name[1:] for name in A2F_68.columns)
# Range of each parameter of the face, as validators and deployment files of the service have it.
RANGES = {
    "inputStrength": (0, 3), "lowerFaceSmoothing": (0, 0.1), "upperFaceSmoothing": (0, 0.1),
    "lowerFaceStrength": (0, 2), "upperFaceStrength": (0, 2), "skinStrength": (0, 2), "blinkStrength": (0, 2),
    "blinkOffset": (0, 1), "eyelidOpenOffset": (-1, 1), "lipOpenOffset": (-0.2, 0.2), "saccadeStrength": (0, 2),
    "saccadeSeed": (0, 4999),
}
# Other spellings, from deployment files.
_SPELLED = {"input_strength": "inputStrength", "eyelid_offset": "eyelidOpenOffset", "lip_close_offset": "lipOpenOffset"}
# Clients send the strength that suits their model, 1.2 to 1.4: this one stands for speech as our model has it.
USUAL_LOWER_STRENGTH = 1.25
# Keys of emotions that one stream may have before it.
MOST_KEYS = 1000
_ALL = np.array(ARKIT_52.columns)
_UPPER = np.array([name.startswith(("brow", "eyeSquint", "eyeWide", "cheekSquint")) for name in _ALL])
_LOWER = np.array([name.startswith(("jaw", "mouth", "cheekPuff", "noseSneer", "tongue")) for name in _ALL])
_BLINK = np.array([name.startswith("eyeBlink") for name in _ALL])
_PARTING = np.array([name.startswith(("mouthLowerDown", "mouthUpperUp")) for name in _ALL])
_CLOSING = _ALL == "mouthClose"


@dataclass(frozen=True, eq=False)
class Wishes:
    """One stream's header.

    Args:
        rate_hz: of the sound.
        face: name -> number, see RANGES.
        multipliers, offsets: (68,) float32 in the order of NAMES.
        clamps: whether weights are kept in 0..1 after that.
        beginning: {emotion: strength}.
        transition_s: how long a change of emotion takes, 0.05..10.
        strength: factor on emotions, 0..1.
        most_emotions: how many of a mixture are felt, the strongest.
        unused: names of what was sent and means nothing here.
    """

    rate_hz: int
    face: dict
    multipliers: np.ndarray
    offsets: np.ndarray
    clamps: bool = False
    beginning: dict = field(default_factory=dict)
    transition_s: float = 0.5
    strength: float = 1.0
    most_emotions: int = len(EMOTIONS)
    unused: tuple = ()

    @classmethod
    def of(cls, header):
        """Read them from an AudioStreamHeader message.

        Raises:
            InputError: sound of a form that is not known, a number that is none, or an unknown emotion.
        """
        rate_hz, unused = _rate_of(header.audio_header), []
        face = {}
        for spelled, value in header.face_params.float_params.items():
            name = _SPELLED.get(spelled, spelled)
            if name in RANGES:
                face[name] = float(np.clip(_number(spelled, value), *RANGES[name]))
            else:
                unused.append(spelled)
        shapes = header.blendshape_params
        asked = header.emotion_post_processing_params
        unused += [name for name in ("emotion_contrast", "preferred_emotion_strength", "enable_preferred_emotion")
                   if asked.HasField(name)]
        feelings = header.emotion_params
        wanted = feelings.live_transition_time if feelings.HasField("live_transition_time") else 0.5
        transition_s = _number("live_transition_time", wanted) + _smoothing_s(asked)
        strength = asked.emotion_strength if asked.HasField("emotion_strength") else 1.0
        most = asked.max_emotions if asked.HasField("max_emotions") else len(EMOTIONS)
        made = cls(rate_hz, face, _row_of("multipliers", shapes.bs_weight_multipliers, 1.0, unused),
                   _row_of("offsets", shapes.bs_weight_offsets, 0.0, unused), shapes.enable_clamping_bs_weight,
                   transition_s=min(max(transition_s, 0.05), 10.0),
                   strength=min(max(_number("emotion_strength", strength), 0.0), 1.0),
                   most_emotions=min(max(most, 1), len(EMOTIONS)), unused=tuple(unused))
        made.beginning.update(made.mixture(feelings.beginning_emotion))
        return made

    def options(self):
        """layers, emotion and articulation of the Performance: no head, since the service's frames have none."""
        face = self.face
        layers = Layers(head=0, gaze=face.get("saccadeStrength", 1.0), seed=round(face.get("saccadeSeed", 0)))
        articulation = face.get("lowerFaceStrength", USUAL_LOWER_STRENGTH) / USUAL_LOWER_STRENGTH
        return {"layers": layers, "emotion": self.emotion(), "articulation": min(max(articulation, 0.3), 2.0)}

    def emotion(self):
        """The Emotion at the start."""
        return Emotion(((0.0, self.beginning),), self.transition_s)

    def mixture(self, sent):
        """{emotion: strength} of a message's map, with what the header asks for.

        Raises:
            InputError: an unknown emotion, or a strength outside 0..1.
        """
        for name, value in sent.items():
            if name not in EMOTIONS.columns:
                raise InputError("emotion", expected=f"one of {', '.join(EMOTIONS.columns)}", got=repr(name[:40]),
                                 remedy="use one of those")
            if not 0 <= value <= 1:
                raise InputError(name, expected="a strength in 0..1", got=f"{value:g}", remedy="use 1 for all of it")
        strongest = sorted(sent.items(), key=lambda item: -item[1])[:self.most_emotions]
        return {name: value * self.strength for name, value in strongest if value > 0}

    def summary(self):
        """A sentence for the last status."""
        if not self.unused:
            return "SUCCESS"
        shown = ", ".join(name[:40] for name in self.unused[:8])
        return f"SUCCESS; without effect: {shown}" + (" ..." if len(self.unused) > 8 else "")


def _number(name, value):
    if not math.isfinite(value):
        raise InputError(name[:40], expected="a number", got=str(value), remedy="leave it out")
    return float(value)


def _smoothing_s(asked):
    """Seconds that the exponential smoothing of emotions, a share of the last frame kept, adds to a change."""
    kept = _number("live_blend_coef", asked.live_blend_coef) if asked.HasField("live_blend_coef") else 0.0
    return 0.0 if kept <= 0 else min(-1 / FPS / math.log(min(kept, 0.999)), 5.0)


def _rate_of(audio):
    got = (audio.audio_format, audio.channel_count, audio.bits_per_sample)
    if got != (0, 1, 16):
        raise InputError("audio_header", expected="PCM (0), 1 channel, 16 bits", got=str(got),
                         remedy="convert the sound first")
    if not 8000 <= audio.samples_per_second <= 192000:
        raise InputError("samples_per_second", expected="8000..192000", got=str(audio.samples_per_second),
                         remedy="use 16000")
    return audio.samples_per_second


def _row_of(argument, sent, usual, unused):
    row = np.full(len(NAMES), usual, np.float32)
    at = {name.lower(): i for i, name in enumerate(NAMES)}
    for name, value in sent.items():
        place = at.get(name.lower())
        if place is None:
            unused.append(name)
        else:
            row[place] = np.clip(_number(f"{argument} of {name}", value), -100, 100)
    return row


class Shaping:
    """The parameters of face and blend shapes on consecutive frames of one stream."""

    def __init__(self, wishes):
        self._wishes, face = wishes, wishes.face
        self._scale = np.full(len(_ALL), face.get("skinStrength", 1.0))
        self._scale[_UPPER] *= face.get("upperFaceStrength", 1.0)
        self._scale[_BLINK] = face.get("blinkStrength", 1.0)
        if face.get("lowerFaceStrength") == 0:
            self._scale[_LOWER] = 0
        opened, parted = face.get("eyelidOpenOffset", 0.0), face.get("lipOpenOffset", 0.0)
        self._shift = _BLINK * (face.get("blinkOffset", 0.0) - opened) + _PARTING * max(parted, 0.0)
        self._shift += _CLOSING * max(-parted, 0.0)
        smoothing_s = _UPPER * face.get("upperFaceSmoothing", 0.0) + _LOWER * face.get("lowerFaceSmoothing", 0.0)
        # A share of the last frame that has this time constant.
        self._kept = np.where(smoothing_s > 0, np.exp(-1 / FPS / np.maximum(smoothing_s, 1e-6)), 0.0)
        self._last = None

    def apply(self, motion):
        """(t, 68) float32 weights in the order of NAMES; the tongue's are 0 unless an offset says otherwise."""
        rows = motion.columns(ARKIT_52.columns) * self._scale + self._shift
        rows = np.clip(rows, 0, 1) if self._shift.any() else rows
        if self._kept.any():
            for i, row in enumerate(rows):
                self._last = row if self._last is None else row + self._kept * (self._last - row)
                rows[i] = self._last
        weights = np.zeros((len(rows), len(NAMES)), np.float32)
        weights[:, :len(_ALL)] = rows
        weights = weights * self._wishes.multipliers + self._wishes.offsets
        return np.clip(weights, 0, 1) if self._wishes.clamps else weights


class Feelings:
    """Emotions with time codes, given to the voice and kept for the metadata of frames."""

    def __init__(self, wishes, voice):
        self._wishes, self._voice = wishes, voice
        self._track, self._keys = EmotionTrack(wishes.emotion()), 0

    def add(self, sent):
        """Take the list of EmotionWithTimeCode of a message, times rising.

        Raises:
            InputError: as Wishes.mixture, or a time that is none. LimitError: too many.
        """
        self._keys += len(sent)
        if self._keys > MOST_KEYS:
            raise LimitError(f"emotions: expected at most {MOST_KEYS} keys in a stream, got more; send changes only")
        for key in sorted(sent, key=lambda key: key.time_code):
            if not 0 <= key.time_code < 1e6:
                raise InputError("time_code", expected="seconds >= 0", got=str(key.time_code),
                                 remedy="count from the start of the sound")
            mixture = self._wishes.mixture(key.emotion)
            self._voice.feel(mixture, at_s=key.time_code)
            self._track.add(key.time_code, mixture)

    def at(self, time_s):
        """(t, 10) strengths in the order of EMOTIONS at (t,) times."""
        from personare.motion.expressions import EMOTIONS as OURS

        return self._track.strengths(time_s)[:, [OURS.index(name) for name in EMOTIONS.columns]]
