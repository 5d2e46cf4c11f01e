"""What emotions look like: facial action units of the literature as ARKit shapes, and the manner of head and eyes.

Poses are prototypes of the Facial Action Coding System (Ekman and Friesen 1978; Ekman, Friesen and Hager 2002,
Investigator's Guide, table of emotion predictions), translated one action unit at a time: AU1 browInnerUp, AU2
browOuterUp, AU4 browDown, AU5 eyeWide, AU6 cheekSquint, AU7 eyeSquint, AU9 noseSneer, AU10 mouthUpperUp, AU12
mouthSmile, AU14 mouthDimple, AU15 mouthFrown, AU16 mouthLowerDown, AU17 mouthShrugLower, AU20 mouthStretch, AU23 and
24 mouthRoll and mouthPress, AU26 jawOpen, AU43 a part of eyeBlink. Weights are sized for a speaking face: what
speech needs (jaw, lips) is small. Contempt is AU12 and 14 of one side (Ekman and Heider 1988), pain AU4, 6, 7, 9,
10 and 43 (Prkachin and Solomon 2008), grief as crying: AU1, 4, 6, 7, 15, 17 and 20. The remaining names are those of
NVIDIA Audio2Face-3D, whose ten emotions are all here.

Manner: heads move more and faster in joy and anger than in neutral speech (Busso et al. 2007, "Rigid head motion in
expressive speech animation"), slower and bowed in sadness (Wallbott 1998, "Bodily expression of emotion").
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from personare.spaces import ARKIT_52

# Emotion, its action units, the ARKit weights at strength 1.
_POSES = """
joy         mouthSmile .62  cheekSquint .6  eyeSquint .3  mouthUpperUp .14  mouthDimple .08  browOuterUp .08
sadness     browInnerUp .85  browDown .15  mouthFrown .75  mouthShrugLower .3  eyeBlink .2  eyeSquint .1
anger       browDown .95  eyeWide .25  eyeSquint .4  noseSneer .25  mouthPress .35  mouthRollLower .1  mouthRollUpper .1  mouthFrown .25  mouthLowerDown .22  mouthUpperUp .12  jawForward .12
surprise    browInnerUp .85  browOuterUp .85  eyeWide .75  jawOpen .1
disgust     noseSneer .7  mouthUpperUp .3  mouthFrown .35  browDown .5  eyeSquint .45  cheekSquint .4  mouthShrugLower .3  mouthLowerDown .12
fear        browInnerUp .95  browOuterUp .4  browDown .3  eyeWide .8  eyeSquint .15  mouthStretch .7  mouthLowerDown .18  jawOpen .04
contempt    mouthSmileLeft .5  mouthDimpleLeft .6  mouthDimpleRight .1  cheekSquintLeft .25  eyeSquint .2  eyeBlink .12  browOuterUpRight .3
amusement   mouthSmile .75  cheekSquint .8  eyeSquint .45  mouthUpperUp .22  mouthDimple .15  browInnerUp .1  jawOpen .05
amazement   browInnerUp .75  browOuterUp .8  eyeWide .7  mouthSmile .3  cheekSquint .15  jawOpen .1
cheekiness  mouthSmileLeft .65  mouthSmileRight .3  mouthDimpleLeft .3  cheekSquintLeft .5  cheekSquintRight .25  eyeSquintRight .35  eyeSquintLeft .2  browOuterUpLeft .55  browDownRight .15
grief       browInnerUp 1  browDown .45  mouthFrown .85  mouthShrugLower .4  mouthStretch .3  eyeSquint .5  cheekSquint .4  eyeBlink .2  mouthUpperUp .12
outofbreath browInnerUp .4  browOuterUp .1  browDown .15  noseSneer .12  mouthStretch .15  mouthFunnel .1  jawOpen .1  eyeBlink .12
pain        browDown .85  browInnerUp .35  cheekSquint .7  eyeSquint .75  noseSneer .5  mouthUpperUp .25  mouthStretch .45  eyeBlink .25
"""  # noqa: E501


@dataclass(frozen=True)
class Manner:
    """How somebody in a mood holds and moves what does not speak; every field is neutral at its default.

    Args:
        head: factor on the size of head motion.
        tempo: factor on its speed.
        blinks: factor on how often the eyes close.
        brows: factor on brow raises with stress.
        glances: factor on the size of glances away.
        articulation: factor on the openings of speech.
        onset: factor on how long a change of mood takes.
        yaw_deg, pitch_deg, roll_deg: where the head is held; pitch is positive downwards.
        look_down_deg: where the eyes rest, below the viewer.
    """

    head: float = 1.0
    tempo: float = 1.0
    blinks: float = 1.0
    brows: float = 1.0
    glances: float = 1.0
    articulation: float = 1.0
    onset: float = 1.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    look_down_deg: float = 0.0


_MANNERS = {
    "joy": Manner(1.3, 1.15, 1.1, 1.2, 1.0, 1.08, 1.0, pitch_deg=-1.5, roll_deg=2.0),
    "sadness": Manner(0.8, 0.65, 1.0, 0.6, 0.8, 0.85, 1.8, pitch_deg=6.0, roll_deg=1.5, look_down_deg=5.0),
    "anger": Manner(1.25, 1.4, 0.6, 0.5, 0.4, 1.15, 0.8, pitch_deg=3.5),
    "surprise": Manner(0.9, 1.0, 0.5, 1.0, 0.6, 1.1, 0.5, pitch_deg=-2.5),
    "disgust": Manner(0.9, 0.9, 1.1, 0.6, 1.2, 1.0, 1.0, yaw_deg=4.0, pitch_deg=-2.0, roll_deg=-2.0),
    "fear": Manner(0.8, 1.6, 1.3, 0.7, 1.3, 0.95, 0.6, pitch_deg=-2.0),
    "contempt": Manner(0.7, 0.8, 0.9, 0.6, 1.0, 0.95, 1.2, yaw_deg=-3.0, pitch_deg=-4.0, roll_deg=2.5),
    "amusement": Manner(1.4, 1.2, 1.2, 1.2, 1.1, 1.1, 0.9, pitch_deg=-2.5, roll_deg=2.5),
    "amazement": Manner(1.0, 1.0, 0.6, 1.1, 0.7, 1.1, 0.6, pitch_deg=-2.5),
    "cheekiness": Manner(1.2, 1.1, 1.0, 1.2, 1.2, 1.05, 0.9, pitch_deg=1.5, roll_deg=4.0),
    "grief": Manner(0.9, 0.8, 1.4, 0.5, 1.0, 0.85, 1.6, pitch_deg=7.0, look_down_deg=6.0),
    "outofbreath": Manner(1.2, 1.0, 1.1, 0.8, 1.0, 0.9, 1.2, pitch_deg=2.0),
    "pain": Manner(0.9, 1.2, 1.3, 0.4, 1.1, 0.95, 0.8, pitch_deg=3.0, roll_deg=-2.0),
}
ALIASES = MappingProxyType({
    "happy": "joy", "happiness": "joy", "sad": "sadness", "angry": "anger", "surprised": "surprise",
    "disgusted": "disgust", "fearful": "fear", "afraid": "fear", "contemptuous": "contempt", "amused": "amusement",
    "out_of_breath": "outofbreath", "calm": "neutral",
})


def _read(table):
    """(names, (e, 52) weights): a sided shape without its side stands for both."""
    names, rows = [], []
    for line in table.strip().split("\n"):
        name, *words = line.split()
        row = np.zeros(len(ARKIT_52))
        for shape, weight in zip(words[::2], words[1::2], strict=True):
            sides = [shape] if shape in ARKIT_52.columns else [f"{shape}Left", f"{shape}Right"]
            row[list(ARKIT_52.indices(sides))] = float(weight)
        names.append(name)
        rows.append(row)
    return tuple(names), np.array(rows)


EMOTIONS, POSES = _read(_POSES)
"""Names, and their (e, 52) float64 weights at strength 1; "neutral" is a name too and has none."""
_MANNER_ROWS = np.array([[getattr(_MANNERS[name], field.name) for field in fields(Manner)] for name in EMOTIONS])
_NEUTRAL_ROW = np.array([getattr(Manner(), field.name) for field in fields(Manner)])
ONSET = _MANNER_ROWS[:, [field.name for field in fields(Manner)].index("onset")]


def manners(strengths):
    """The manner of each frame of a mixed mood.

    Args:
        strengths: (t, e) float in 0..1, columns EMOTIONS.

    Returns:
        Manner whose fields are (t,) arrays; mixtures are weighted means, at most one whole emotion in all.
    """
    if not strengths.any():
        return _neutral(len(strengths))
    total = np.maximum(strengths.sum(axis=1, keepdims=True), 1)
    rows = np.tile(_NEUTRAL_ROW, (len(strengths), 1))
    for share, row in zip((strengths / total).T, _MANNER_ROWS - _NEUTRAL_ROW, strict=True):
        rows += share[:, None] * row
    return Manner(*rows.T)


@lru_cache(maxsize=4)
def _neutral(count):
    """The manner of count frames of no mood; read-only, since live frames share it."""
    rows = np.tile(_NEUTRAL_ROW[:, None], (1, count))
    rows.flags.writeable = False
    return Manner(*rows)
