"""From ARKit-52 to what a rig has: its morph targets, clips, visemes and bones.

What each column drives is settled once, when a rig is opened. A column goes to the clip or morph target of its name;
what has no name of its own is made of what is there: an unsided target by the mean of both sides, a mouth without
jawOpen by the rig's visemes, a missing mouthClose by less jawOpen, gaze and jaw by their bones.
"""

from dataclasses import dataclass, field

import numpy as np

from personare.faces.rig_names import VISEMES, arkit_columns, is_exact, viseme_of, words_of
from personare.faces.visemes import VOWELS, viseme_weights
from personare.faces.vrm import silenced
from personare.spaces import ARKIT_52

MOUTH = tuple(name for name in ARKIT_52.columns if name.startswith(("mouth", "jaw")))
# What visemes do not say and a shape of its own adds, without opening the lips.
_BESIDE = tuple(name for name in MOUTH if name.startswith((
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPucker", "mouthLeft", "mouthRight")))
# Fewer shapes of the mouth than this, or no jawOpen among them, say less than visemes do.
_FEW_MOUTHS, _FEW_VISEMES, _FEW_VOWELS, _FEW_PLAIN = 4, 5, 3, 10
# Angles at weight 1, as the built-in head turns its eyes and its jaw.
GAZE_UP_RAD, GAZE_DOWN_RAD, GAZE_SIDE_RAD = np.radians([25.0, 28.0, 30.0])
JAW_RAD, JAW_SIDE_RAD = np.radians([24.0, 6.0])
_LOOKS = {"lookUp": "Up", "lookDown": "Down"}


@dataclass(frozen=True, eq=False)
class Control:
    """Something of a rig that a number drives.

    Args:
        name: as in the file.
        binds: (node, number of the target, weight at 1), ...
        clip: its Clip, where it is one of a VRM.
    """

    name: str
    binds: tuple
    clip: object = None

    @property
    def preset(self):
        """Name of the VRM preset it is, or ""."""
        return self.clip.name if self.clip and self.clip.preset else ""


@dataclass(frozen=True, eq=False)
class Drive:
    """How ARKit-52 moves a rig.

    Args:
        controls: what there is to drive, Controls of clips first.
        mix: (52, c) float32, weight of each column in each control.
        visemes: control -> viseme, where the mouth is made of visemes; empty otherwise.
        eyes: "left" and "right" where a bone turns that eye.
        jaw: columns that the bone of the jaw makes.
        closes_by_jaw: there is no mouthClose, so jawOpen gives way to it.
        found: column -> what makes it, in words.
    """

    controls: tuple
    mix: np.ndarray
    visemes: dict
    eyes: tuple
    jaw: tuple
    closes_by_jaw: bool
    found: dict = field(default_factory=dict)

    @property
    def missing(self):
        """Columns that nothing makes."""
        return tuple(name for name in ARKIT_52.columns if name not in self.found)

    def weights(self, motion):
        """(t, c) float32 weights of all controls, each as if it stood alone."""
        values = self.values(motion)
        weights = values @ self.mix
        if self.visemes:
            own = [name for name in _BESIDE if self.mix[ARKIT_52.index(name)].any()]
            rest = motion.with_columns(dict.fromkeys(own, np.zeros(len(motion), np.float32)))
            weights[:, list(self.visemes)] = viseme_weights(rest, tuple(self.visemes.values()))
        return weights

    def values(self, motion):
        """(t, 52) float32 in the order of ARKit-52, jawOpen less mouthClose where a rig has no mouthClose."""
        values = motion.columns(ARKIT_52.columns)
        if self.closes_by_jaw:
            jaw, close = ARKIT_52.index("jawOpen"), ARKIT_52.index("mouthClose")
            values[:, jaw] = np.maximum(values[:, jaw] - np.maximum(values[:, close], 0), 0)
        return values

    def targets(self, motion, counts):
        """Weights of morph targets.

        Args:
            motion: Motion in ARKit-52.
            counts: node -> number of targets of its mesh.

        Returns:
            dict of node -> (t, k) float32, to be added to the weights that the file starts with.
        """
        weights = self.weights(motion)
        clips = [i for i, control in enumerate(self.controls) if control.clip]
        if clips:
            weights[:, clips] = silenced([self.controls[i].clip for i in clips], weights[:, clips])
        rows = {node: np.zeros((len(weights), count), np.float32) for node, count in counts.items()}
        for control, column in zip(self.controls, weights.T, strict=True):
            if column.any():
                for node, target, share in control.binds:
                    if node in rows:
                        rows[node][:, target] += share * column
        return rows

    def used(self):
        """Numbers of the controls that something drives."""
        return [i for i in range(len(self.controls)) if i in self.visemes or self.mix[:, i].any()]


def plan_drive(controls, *, bones=(), eyes_by_shapes=lambda side, controls: True, looks_by_clips=False):
    """The Drive of a rig.

    Args:
        controls: Controls, those of clips first.
        bones: names of the bones it has: "leftEye", "rightEye", "jaw".
        eyes_by_shapes: whether the eyeball of a side ("left", "right") follows these controls, a list of numbers.
        looks_by_clips: gaze is made by clips such as lookUp.

    Returns:
        Drive; it may move nothing.
    """
    mix = np.zeros((len(ARKIT_52), len(controls)), np.float32)
    found = {}
    for i, columns in _named(controls):
        for column in columns:
            mix[ARKIT_52.index(column), i] = 1 / len(columns)
            found.setdefault(column, controls[i].name)
    if looks_by_clips and _look_by_clips(controls, mix, found):
        bones = [bone for bone in bones if not bone.endswith("Eye")]
    jaw = _jaw_columns(found, bones)
    visemes = _visemes(controls, {*found, *jaw})
    if visemes:
        beside = [name for name in _BESIDE if name in found]
        made = [name for name in MOUTH if name not in beside]
        mix[ARKIT_52.indices(made)] = 0
        found |= dict.fromkeys(made, "visemes " + " ".join(visemes.values()))
        jaw = ()
    found |= dict.fromkeys(jaw, "bone of the jaw")
    closes = "mouthClose" not in found and "jawOpen" in found
    if closes:
        found["mouthClose"] = f"less of {found['jawOpen']}"
    eyes = tuple(side for side in ("left", "right") if f"{side}Eye" in bones and not _shapes_turn(
        side, mix, eyes_by_shapes))
    for side in eyes:
        found |= {name: f"bone of the {side} eye" for name in _looks(side) if name not in found}
    return Drive(tuple(controls), mix, visemes, eyes, jaw, closes, found)


def _looks(side):
    """The columns of one eye's gaze."""
    return [f"eyeLook{way}{side.capitalize()}" for way in ("Up", "Down", "In", "Out")]


def _shapes_turn(side, mix, eyes_by_shapes):
    controls = np.flatnonzero(mix[ARKIT_52.indices(_looks(side))].any(0))
    return len(controls) > 0 and eyes_by_shapes(side, controls.tolist())


def _named(controls):
    """(control, columns) of the controls that names decide; the best name of each column, no column twice."""
    ranked = []
    for i, control in enumerate(controls):
        columns = _columns_of(control)
        if columns:
            exact = len(columns) == 1 and not control.preset and is_exact(control.name, columns[0])
            ranked.append((0 if exact else len(columns), i, columns))
    taken = {}
    for rank, i, columns in sorted(ranked, key=lambda entry: entry[:2]):
        half = words_of(controls[i].name)[1] if not columns[0].endswith(("Left", "Right")) else ""
        others = [taken[column] for column in columns if column in taken]
        # Two halves of one shape, such as browInnerUp_L and browInnerUp_R, go together.
        if all(half and mark[0] == rank and half not in mark[1] for mark in others):
            for column in columns:
                taken[column] = rank, {half, *(taken[column][1] if column in taken else ())}
            yield i, columns


def _columns_of(control):
    if control.preset:
        return {"blink": ("eyeBlinkLeft", "eyeBlinkRight"), "blinkLeft": ("eyeBlinkLeft",),
                "blinkRight": ("eyeBlinkRight",)}.get(control.preset, ())
    return arkit_columns(control.name)


def _look_by_clips(controls, mix, found):
    """Gaze by the clips lookUp ... lookRight: the mean of both eyes, where no clip of a column's own makes it.

    Returns:
        Whether there are such clips.
    """
    there = False
    sides = {"lookLeft": ("eyeLookOutLeft", "eyeLookInRight"), "lookRight": ("eyeLookInLeft", "eyeLookOutRight")}
    for i, control in enumerate(controls):
        columns = sides.get(control.preset) or tuple(
            f"eyeLook{_LOOKS[control.preset]}{side}" for side in ("Left", "Right") if control.preset in _LOOKS)
        if columns and not any(column in found for column in columns):
            mix[ARKIT_52.indices(columns), i] = 0.5
            found |= dict.fromkeys(columns, control.name)
            there = True
    return there


def _jaw_columns(found, bones):
    """Columns that the bone of the jaw makes, where there is one and no shape opens the mouth."""
    if "jaw" not in bones or "jawOpen" in found:
        return ()
    return tuple(name for name in ("jawOpen", "jawLeft", "jawRight") if name not in found)


def _visemes(controls, columns):
    """control -> viseme, where the mouth has to be made of visemes and there are enough of them."""
    mouths = [column for column in columns if column in MOUTH]
    if "jawOpen" in mouths and len(mouths) >= _FEW_MOUTHS:
        return {}
    plain = sum(viseme_of(control.name, plain=True) is not None for control in controls) >= _FEW_PLAIN
    chosen = {}
    for i, control in enumerate(controls):
        preset = VOWELS.get(control.preset)
        viseme = preset if control.clip and control.clip.preset else viseme_of(control.name, plain=plain)
        if viseme in VISEMES and viseme not in chosen.values():
            chosen[i] = viseme
    vowels = sum(viseme in VOWELS.values() for viseme in chosen.values())
    return chosen if len(chosen) >= _FEW_VISEMES or vowels >= _FEW_VOWELS else {}


def gaze_angles(values, side):
    """(t, 2) float64 turn of one eye in radians: to the subject's left, and up.

    Args:
        values: (t, 52) ARKit-52.
        side: "left" or "right".
    """
    up, down, inward, outward = (values[:, ARKIT_52.index(name)].astype(np.float64) for name in _looks(side))
    aside = (outward - inward) * (1 if side == "left" else -1) * GAZE_SIDE_RAD
    return np.stack([aside, up * GAZE_UP_RAD - down * GAZE_DOWN_RAD], 1)


def jaw_angles(values, columns):
    """(t, 2) float64 turn of the jaw in radians: open, and to the subject's left; only for some of its columns."""
    def of(name):
        return values[:, ARKIT_52.index(name)].astype(np.float64) if name in columns else np.zeros(len(values))

    return np.stack([of("jawOpen") * JAW_RAD, (of("jawLeft") - of("jawRight")) * JAW_SIDE_RAD], 1)
