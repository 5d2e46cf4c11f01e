"""All shapes on every part of the head: skin first, then what rides on it or in it."""

import numpy as np
from scipy.spatial import cKDTree

from sona import shapes_eye, shapes_mouth, shapes_tongue
from sona.regions import eye_frame
from sona.shapes_mouth import FACE_HANDLES, Lips, jaw_aside, jaw_turn, jaw_weight, lip_targets
from sona.solve import Sheet

JAW_FORWARD = 0.65  # cm at weight 1


class Rig:
    """Displacements of the skin for every shape; Right is the mirror image of Left.

    Args:
        skin: a regions.Skin.
        triangles: (f, 3) of the skin.
    """

    def __init__(self, skin, triangles):
        self.skin, self.sheet = skin, Sheet(skin.p, triangles)
        self.jaw = jaw_weight(skin, self.sheet)
        self.lips = Lips(skin)
        self.delta = {}
        self._add_jaw()
        self._add_mouth()
        self._add_eyes()
        self._mirror()

    def _add_jaw(self):
        skin, jaw = self.skin, self.jaw[:, None]
        # The weighted share of the turn is itself a turn by a smaller angle, which keeps the cheek from shrinking.
        small = shapes_mouth.turn_x(skin.p, shapes_mouth.JAW_OPEN_RAD * self.jaw, shapes_mouth.JAW_HINGE)
        # An open mouth is also a narrower one.
        small = small + self._mouth(self.lips.index, self.lips.field(-0.11 * self.lips.p[:, 0]))
        self.delta["jawOpen"] = small
        self.delta["jawForward"] = jaw * (0.0, -0.05, JAW_FORWARD)
        self.delta["jawLeft"] = shapes_mouth.turn_y(skin.p, shapes_mouth.JAW_SIDE_RAD * self.jaw,
                                                    shapes_mouth.JAW_HINGE)
        lips = self.lips
        # How much of what the lips do reaches each vertex when the mouth closes over an open jaw.
        self.lip_share = np.clip(self._mouth(lips.index, lips.field(1.0), jaw_stays=True)[:, 0], 0, 1)
        meet = shapes_mouth.turn_x(lips.p, np.full(len(lips.p), 0.20 * shapes_mouth.JAW_OPEN_RAD),
                                   shapes_mouth.JAW_HINGE)
        meet[:, 0] -= 0.05 * lips.p[:, 0]
        self.delta["mouthClose"] = self._mouth(lips.index, meet - small[lips.index], jaw_stays=True)

    def _mouth(self, index, values, extra=(), *, jaw_stays=False):
        """Extend lip displacements over the face; `extra` are (place, displacement) handles.

        With jaw_stays the chin may stretch, and the jaw line beside it keeps its width.
        """
        skin = self.skin
        still = skin.still_for_mouth()
        if not any(place[1] < -9.5 for place, _ in extra):
            edge = -10.8 + 0.85 * np.maximum(np.abs(skin.p[:, 0]) - 1.2, 0.0) if jaw_stays else -9.9
            still = still | ((skin.p[:, 1] < edge) & ~skin.mouth)  # the chin stays unless a handle moves it
        fixed = dict.fromkeys(np.flatnonzero(still), (0.0, 0.0, 0.0))
        deep = np.flatnonzero(skin.mouth & (skin.ring >= 16))
        fixed.update(dict.fromkeys(deep, (0.0, 0.0, 0.0)))
        fixed.update(zip(index, values, strict=True))
        for place, move in extra:
            fixed.update(dict.fromkeys(skin.near(*place, 3), move))
        keys = np.array(sorted(fixed))
        return self.sheet.extend(keys, np.array([fixed[k] for k in keys]))

    def spread(self, move):
        """Displacements (n, 3) of the lips carried over the face, (v, 3)."""
        return self._mouth(self.lips.index, move)

    def _add_mouth(self):
        targets = lip_targets(self.lips)
        for name in sorted(set(targets) | set(FACE_HANDLES)):
            values = targets.get(name, self.lips.field())  # without a target the lips stay, and stay shut
            self.delta[name] = self._mouth(self.lips.index, values, FACE_HANDLES.get(name, ()))
        press = self.delta["mouthPressLeft"]
        self.delta["mouthRollLower"] += 0.67 * (press + press[self.skin.twin] * (-1, 1, 1))
        self.delta["tongueOut"] = self._mouth(self.lips.index, self.lips.field(
            0, (0.22 * self.lips.top - 0.52 * self.lips.low) * self.lips.middle, 0.14 * self.lips.middle))

    def _add_eyes(self):
        self.delta.update(shapes_eye.lid_shapes(self.skin))
        raise_cheek = (((3.4, -1.9, 8.0), (0.0, 0.28, 0.10)), ((4.6, -1.2, 7.0), (0.0, 0.14, 0.05)))
        self.delta["cheekSquintLeft"] += 0.35 * self.delta["eyeSquintLeft"]
        self.delta["eyeSquintLeft"] += self._mouth(self.lips.index, self.lips.field(), raise_cheek)
        for name in shapes_eye.BROWS:
            index, values = shapes_eye.brow_handles(self.skin, name)
            fixed = dict.fromkeys(np.flatnonzero(self.skin.still_for_brow()), (0.0, 0.0, 0.0))
            fixed.update(zip(index, values, strict=True))
            keys = np.array(sorted(fixed))
            self.delta[name] = self.sheet.extend(keys, np.array([fixed[k] for k in keys]))

    def _mirror(self):
        twin = self.skin.twin
        for name, delta in list(self.delta.items()):
            if name.endswith("Left"):
                self.delta[name[:-4] + "Right"] = delta[twin] * (-1, 1, 1)
            else:
                self.delta[name] = 0.5 * (delta + delta[twin] * (-1, 1, 1))


WITH_JAW = ("teeth_lower", "gum_lower", "tongue")  # the parts that are fixed to the lower jaw


def ride(p, skin, delta, *, neighbours=10, among=None):
    """Displacement of points p that lie on the skin, (n, 3): a weighted mean of the nearest skin vertices'."""
    index = np.arange(len(skin.p)) if among is None else among
    distance, found = cKDTree(skin.p[index]).query(p, neighbours)
    weight = 1.0 / np.maximum(distance, 1e-3) ** 2
    weight /= weight.sum(1, keepdims=True)
    return (delta[index[found]] * weight[..., None]).sum(1)


def part_delta(part, name, skin, delta):
    """Displacement (n, 3) of a separate part for one shape, or None where it stays."""
    if part.name in WITH_JAW and name.startswith("jaw"):
        return {"jawOpen": jaw_turn(part.p), "jawForward": part.p * 0 + (0.0, -0.05, JAW_FORWARD),
                "jawLeft": jaw_aside(part.p), "jawRight": jaw_aside(part.p * (-1, 1, 1)) * (-1, 1, 1)}[name]
    if part.name == "tongue" and name.startswith("tongue"):
        return shapes_tongue.tongue_shapes(part).get(name)  # the others are mirror images
    if part.name == "eye" and name.startswith("eyeLook"):
        left = name.endswith("Left")
        up, side = shapes_eye.GAZES[name.removesuffix("Right").removesuffix("Left") + "Left"]
        p = part.p * (1 if left else -1, 1, 1)
        move = shapes_eye.gaze(p, up, side) * (1 if left else -1, 1, 1)
        return move * (part.side == (1 if left else -1))[:, None]
    if part.name == "brows":
        return ride(part.p, skin, delta, neighbours=12)
    return _lash_delta(part, skin, delta) if part.name == "lashes" else None


def _lash_delta(part, skin, delta):
    """Lashes go with the lid's margin and turn with it about the eyeball, so that those of a closed eye point down."""
    margin = np.flatnonzero((skin.patch == "eye") & (skin.ring == 7))
    flip = np.column_stack([part.side, np.ones((len(part.p), 2))])
    root = part.info["root"]
    move = ride(root * flip, skin, delta, among=margin, neighbours=2)
    turn = eye_frame(root + move * flip)[1] - eye_frame(root)[1]
    y, z = (part.p - root * flip)[:, 1:].T
    cos, sin = np.cos(turn), np.sin(turn)
    return move + np.column_stack([0 * y, y * cos + z * sin - y, z * cos - y * sin - z])
