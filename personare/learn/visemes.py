"""From phones to a moving mouth: poses, coarticulation by dominance, and closures that are reached.

Each phone pulls every group of curves to its own pose with a strength of its own (dominance functions, after
Cohen and Massaro, 1993): a k leaves the rounding to the vowels around it, an s does not. On top stand three
gates: lips closed for p b m, lip on teeth for f v, rest in pauses. They are hard, never averaged.

The poses were drawn by hand; how far lips part and how wide the mouth is, phone by phone, then came from filmed
people (scripts/vox/calibrate.py): rounded sounds part the lips little, r narrows the mouth, open vowels do not.
"""

import numpy as np

from personare.learn.phones import PHONE_ID, PHONES
from personare.motion.lips import CURVE, CURVES, GATES

# Phone -> jawOpen, lowerDown, upperUp | funnel, pucker, smile, stretch | tongueOut | strength of opening, of width.
_TABLE = """
SIL 0    0    0    0    0    0    0    0    1.0 0.5
P   .06  0    0    0    0    0    0    0    .3  .05
B   .06  0    0    0    0    0    0    0    .3  .05
M   .06  0    0    0    0    0    0    0    .3  .05
F   .06  0    .1   0    0    0    .05  0    .5  .15
V   .06  0    .1   0    0    0    .05  0    .5  .15
W   .005 0    0    .15  .75  0    0    0    .8  1.5
T   .05  .1   .04  0    0    .055 .085 0    .8  .1
D   .05  .1   .04  0    0    .045 .065 0    .8  .1
N   .06  .105 .035 0    0    .06  .09  0    .7  .1
S   .04  .185 .08  0    0    .09  .15  0    1.3 .25
Z   .035 .17  .075 0    0    .065 .11  0    1.3 .25
SH  .04  .115 .09  .28  .26  0    0    0    1.3 .8
ZH  .04  .115 .09  .28  .26  0    0    0    1.3 .8
CH  .04  .125 .1   .25  .3   0    0    0    1.3 .7
JH  .04  .125 .1   .25  .3   0    0    0    1.3 .7
TH  .07  .12  .06  0    0    .025 .055 .35  1.0 .15
DH  .07  .12  .05  0    0    .03  .055 .25  .8  .12
L   .075 .1   .04  0    0    .03  .035 .1   .6  .1
R   .03  .045 .02  .12  .445 0    0    0    .6  .35
K   .085 .095 .04  0    0    .03  .05  0    .5  .06
G   .085 .095 .04  0    0    .03  .05  0    .5  .06
NG  .085 .095 .04  0    0    .03  .05  0    .5  .06
X   .09  .1   .05  0    0    .03  .05  0    .5  .08
H   .125 .09  .045 0    0    .04  .04  0    .2  .04
J   .065 .13  .055 0    0    .17  .11  0    .7  .5
I   .065 .135 .065 0    0    .12  .06  0    1.0 1.0
IH  .09  .125 .055 0    0    .16  .09  0    .9  .7
E   .14  .125 .06  0    0    .16  .085 0    1.1 .9
EH  .185 .125 .055 0    0    .2   .145 0    1.2 .8
AE  .25  .135 .08  0    0    .2   .16  0    1.6 .9
A   .27  .1   .055 0    0    .135 .165 0    1.6 .6
AH  .155 .07  .035 0    0    .02  0    0    1.2 .5
AA  .225 .08  .045 .03  .03  .02  .02  0    1.6 .6
AO  .165 .05  .025 .18  .305 0    0    0    1.5 .8
O   .045 .02  .01  .18  .53  0    0    0    1.2 1.1
U   .015 .01  .01  .18  .725 0    0    0    1.0 1.4
UH  .05  .03  .015 .15  .415 0    0    0    .9  .8
Y   .015 .01  .01  .2   .605 0    0    0    1.0 1.4
OE  .04  .025 .015 .18  .475 0    0    0    1.1 1.1
AX  .09  .08  .035 0    .02  .04  .04  0    .5  .2
ER  .08  .08  .04  .12  .21  0    0    0    .8  .5
"""
_COLUMNS = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel", "mouthPucker", "mouthSmile",
            "mouthStretch", "tongueOut")
_OPENING = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "tongueOut")


def _read_table():
    pose = np.zeros((len(PHONES), len(CURVES)), np.float32)
    strength = np.zeros((len(PHONES), 2), np.float32)
    for line in _TABLE.split("\n")[1:-1]:
        phone, *numbers = line.split()
        numbers = [float(number) for number in numbers]
        for column, value in zip(_COLUMNS, numbers, strict=False):
            pose[PHONE_ID[phone], CURVE[column]] = value
        strength[PHONE_ID[phone]] = numbers[-2:]
    return pose, strength


POSE, STRENGTH = _read_table()
# The curves that part the lips.
IS_OPENING = np.array([name in _OPENING for name in CURVES])

# How far a phone reaches beyond its own time, seconds: lips round early, the jaw follows closely.
OPENING_REACH_S = 0.035
WIDTH_REACH_BEFORE_S = 0.080
WIDTH_REACH_AFTER_S = 0.055
# Lips take about this long to close and to part.
CLOSING_S, PARTING_S = 0.060, 0.060
LONG_PAUSE_S = 0.18
MIN_HOLD_S = 0.035


def targets(phones, starts_s, ends_s, *, frame_count, rate_hz):
    """Mouth curves, gates and phones for every frame of an utterance.

    Args:
        phones: (p,) int class ids in order; gaps between them count as silence.
        starts_s, ends_s: (p,) float seconds.
        frame_count: rows wanted; row i stands at i / rate_hz.
        rate_hz: frames a second.

    Returns:
        curves (t, 18) float32, free of closures; gates (t, 3) float32 in 0..1; phone (t,) int64 class ids.
        personare.motion.lips.constrain joins curves and gates.
    """
    time = np.arange(frame_count) / rate_hz
    phones, starts, ends = _with_silence(np.asarray(phones, np.int64), np.asarray(starts_s, np.float64),
                                         np.asarray(ends_s, np.float64), frame_count / rate_hz)
    if not len(phones):
        return (np.zeros((frame_count, len(CURVES)), np.float32), _gates(phones, starts, ends, time),
                np.zeros(frame_count, np.int64))
    opening, width = _dominance(phones, starts, ends, time)
    curves = np.where(IS_OPENING, opening @ POSE, width @ POSE)
    index = np.clip(np.searchsorted(starts, time, side="right") - 1, 0, len(phones) - 1)
    return curves, _gates(phones, starts, ends, time), phones[index]


def _with_silence(phones, starts, ends, duration_s):
    """Merge neighbouring silences and put silence before, after and into gaps."""
    rows = []
    at = 0.0
    items = [*zip(phones, starts, ends, strict=True), (0, max(duration_s, ends[-1] if len(ends) else 0), None)]
    for phone, start, end in items:
        if start > at + 0.02:
            rows.append([0, at, start])
        if end is None:
            break
        if phone == 0 and rows and rows[-1][0] == 0:
            rows[-1][2] = end
        else:
            rows.append([phone, start, end])
        at = max(at, end)
    merged = []
    for row in rows:
        if merged and row[0] == 0 and merged[-1][0] == 0:
            merged[-1][2] = row[2]
        else:
            merged.append(row)
    array = np.array(merged, np.float64).reshape(-1, 3)
    return array[:, 0].astype(np.int64), array[:, 1], array[:, 2]


def dominance(phones, starts_s, ends_s, *, frame_count, rate_hz):
    """Share that each phone has in every frame; curves are these shares times POSE.

    Args:
        phones, starts_s, ends_s, frame_count, rate_hz: as targets takes them.

    Returns:
        opening, width: (t, 42) float32, rows sum to 1; the one for curves that part the lips, the other for the rest.
    """
    time = np.arange(frame_count) / rate_hz
    return _dominance(*_with_silence(np.asarray(phones, np.int64), np.asarray(starts_s, np.float64),
                                     np.asarray(ends_s, np.float64), frame_count / rate_hz), time)


def _dominance(phones, starts, ends, time):
    """Two (t, 42) shares of phones; weights fall off exponentially outside the middle half of each phone."""
    length = ends - starts
    low, high = starts + 0.25 * length, ends - 0.25 * length
    before = np.maximum(low[None] - time[:, None], 0)
    after = np.maximum(time[:, None] - high[None], 0)
    strength = STRENGTH[phones].copy()
    # Short pauses do not bring the mouth to rest; short vowels do not open it fully.
    strength[:, 0] *= np.where(phones == 0, np.clip(length / LONG_PAUSE_S, 0.1, 2), np.clip(length / 0.07, 0.4, 1.4))
    opening = strength[:, 0] * np.exp(-(before + after) / OPENING_REACH_S) + 1e-9
    width = strength[:, 1] * np.exp(-before / WIDTH_REACH_BEFORE_S - after / WIDTH_REACH_AFTER_S) + 1e-9
    which = np.eye(len(PHONES))[phones]
    return tuple((weight @ which / weight.sum(1, keepdims=True)).astype(np.float32) for weight in (opening, width))


def _gates(phones, starts, ends, time):
    gates = np.zeros((len(time), len(GATES)), np.float32)
    closed = np.isin(phones, [PHONE_ID[p] for p in "PBM"])
    labiodental = np.isin(phones, [PHONE_ID[p] for p in "FV"])
    plosive = np.isin(phones, [PHONE_ID[p] for p in "PB"])
    # A plosive's label ends after its burst; the lips part before that.
    hold_end = np.where(plosive, starts + 0.65 * (ends - starts), ends - 0.01)
    for column, chosen in ((0, closed), (1, labiodental)):
        for start, end in zip(starts[chosen], hold_end[chosen], strict=True):
            middle = (start + end) / 2
            half = max(end - start, MIN_HOLD_S) / 2
            np.maximum(gates[:, column], _envelope(time, middle - half, middle + half), out=gates[:, column])
    for start, end in zip(starts[phones == 0], ends[phones == 0], strict=True):
        if end - start >= LONG_PAUSE_S:
            np.maximum(gates[:, 2], _envelope(time, start + 0.06, end - 0.06), out=gates[:, 2])
    return gates


def _envelope(time, start, end):
    """1 from start to end, raised cosine flanks outside."""
    distance = np.maximum((start - time) / CLOSING_S, (time - end) / PARTING_S)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(distance, 0, 1))
