"""Other rigs' shapes as sums of ARKit's: mouth shapes of Oculus, VRM and Rhubarb, and FACEGOOD's channels.

Each row says which ARKit-52 shapes, at which weight, look like one column of another space at weight 1. Sided names
without a side stand for both. The mouth shapes are ours, by articulation: openings as loud speech has them, lips
together for p b m, lower lip on the teeth for f v.

Sources:
    Meta, Oculus viseme reference (which phones each shape stands for); VRM consortium, VRMC_vrm expressions; D. Wolf,
    Rhubarb Lip Sync, shapes A to X after Preston Blair; FACEGOOD Audio2Face, list of 116 controllers. The table that
    FACEGOOD ships leaves out mouth_oh_c and mouth_oo_c, and with them most of the rounding; they are kept here.
"""

from types import MappingProxyType

from personare.faces.visemes import RECIPES, VOWELS

_VRM = """
blink       eyeBlink 1
blinkLeft   eyeBlinkLeft 1
blinkRight  eyeBlinkRight 1
lookUp      eyeLookUp 1
lookDown    eyeLookDown 1
lookLeft    eyeLookOutLeft 1  eyeLookInRight 1
lookRight   eyeLookInLeft 1  eyeLookOutRight 1
happy       mouthSmile .75  cheekSquint .5  eyeSquint .35  browOuterUp .1
angry       browDown .85  eyeSquint .35  noseSneer .4  mouthPress .35  mouthFrown .25
sad         browInnerUp .8  mouthFrown .6  mouthShrugLower .25  eyeLookDown .2
relaxed     mouthSmile .35  eyeSquint .2  eyeBlink .15
surprised   browInnerUp .8  browOuterUp .8  eyeWide .7  jawOpen .25
neutral
"""
# VRM 0.x calls the same expressions by other names.
_VRM0 = {"aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "blinkLeft": "blink_l", "blinkRight": "blink_r",
         "happy": "joy", "sad": "sorrow", "relaxed": "fun", "lookUp": "lookup", "lookDown": "lookdown",
         "lookLeft": "lookleft", "lookRight": "lookright"}
_RHUBARB = """
A  mouthPress .25  mouthRollLower .15  mouthRollUpper .1
B  jawOpen .05  mouthLowerDown .2  mouthUpperUp .08  mouthStretch .12
C  jawOpen .2  mouthLowerDown .12  mouthUpperUp .06  mouthSmile .15  mouthStretch .08
D  jawOpen .4  mouthLowerDown .14  mouthUpperUp .08
E  jawOpen .2  mouthFunnel .28  mouthPucker .2
F  jawOpen .06  mouthFunnel .22  mouthPucker .75
G  jawOpen .06  mouthRollLower .45  mouthUpperUp .2
H  jawOpen .16  mouthLowerDown .1  mouthUpperUp .05  tongueOut .12
X
"""
_FACEGOOD = """
mouth_stretch_c          jawOpen 1
mouth_oh_c               jawOpen .22  mouthFunnel .55  mouthPucker .2
mouth_oo_c               mouthFunnel .2  mouthPucker .8
mouth_funnel_dl          mouthFunnel .25
mouth_funnel_dr          mouthFunnel .25
mouth_funnel_ul          mouthFunnel .25
mouth_funnel_ur          mouthFunnel .25
mouth_pucker_l           mouthPucker .5
mouth_pucker_r           mouthPucker .5
mouth_suck_dl            mouthRollLower .5
mouth_suck_dr            mouthRollLower .5
mouth_suck_ul            mouthRollUpper .5
mouth_suck_ur            mouthRollUpper .5
mouth_lipCornerPull_l    mouthSmileLeft 1
mouth_lipCornerPull_r    mouthSmileRight 1
mouth_lipCornerPullOpen_l  mouthSmileLeft .8  mouthStretchLeft .2
mouth_lipCornerPullOpen_r  mouthSmileRight .8  mouthStretchRight .2
mouth_lipStretch_l       mouthStretchLeft 1
mouth_lipStretch_r       mouthStretchRight 1
mouth_lipStretchOpen_l   mouthStretchLeft 1
mouth_lipStretchOpen_r   mouthStretchRight 1
mouth_lipCornerDepress_l mouthFrownLeft 1
mouth_lipCornerDepress_r mouthFrownRight 1
mouth_lipCornerDepressFix_l  mouthFrownLeft .5
mouth_lipCornerDepressFix_r  mouthFrownRight .5
mouth_lowerLipDepress_l  mouthLowerDownLeft 1
mouth_lowerLipDepress_r  mouthLowerDownRight 1
mouth_upperLipRaise_l    mouthUpperUpLeft 1
mouth_upperLipRaise_r    mouthUpperUpRight 1
mouth_press_l            mouthPressLeft 1
mouth_press_r            mouthPressRight 1
mouth_dimple_l           mouthDimpleLeft 1
mouth_dimple_r           mouthDimpleRight 1
mouth_chinRaise_d        mouthShrugLower 1
mouth_chinRaise_u        mouthShrugUpper 1
mouth_lowerLipProtrude_c mouthShrugLower .6  mouthFunnel .2
mouth_sideways_l         mouthLeft 1
mouth_sideways_r         mouthRight 1
jaw_sideways_l           jawLeft 1
jaw_sideways_r           jawRight 1
jaw_thrust_c             jawForward 1
tooth_d_d                jawOpen .2
cheek_puff_l             cheekPuff .5
cheek_puff_r             cheekPuff .5
cheek_UP                 cheekSquint 1
cheek_raise_l            cheekSquintLeft 1
cheek_raise_r            cheekSquintRight 1
nose_out_l               noseSneerLeft .5
nose_out_r               noseSneerRight .5
nose_wrinkle_l           noseSneerLeft 1
nose_wrinkle_r           noseSneerRight 1
brow_lower_l             browDownLeft 1
brow_lower_r             browDownRight 1
brow_raise_c             browInnerUp 1
brow_raise_l             browOuterUpLeft 1
brow_raise_r             browOuterUpRight 1
eye_blink1_l             eyeBlinkLeft .5
eye_blink1_r             eyeBlinkRight .5
eye_blink2_l             eyeBlinkLeft 1
eye_blink2_r             eyeBlinkRight 1
eye_lidTight_l           eyeSquintLeft 1
eye_lidTight_r           eyeSquintRight 1
eye_shutTight_l          eyeSquintLeft 1
eye_shutTight_r          eyeSquintRight 1
eye_upperLidRaise_l      eyeWideLeft 1
eye_upperLidRaise_r      eyeWideRight 1
eye_downLidRaise_l       eyeSquintLeft .5
eye_downLidRaise_r       eyeSquintRight .5
eye_lookDown1_l          eyeLookDownLeft .5
eye_lookDown1_r          eyeLookDownRight .5
eye_lookDown2_l          eyeLookDownLeft 1
eye_lookDown2_r          eyeLookDownRight 1
eye_lookUp_l             eyeLookUpLeft 1
eye_lookUp_r             eyeLookUpRight 1
eye_lookLeft_l           eyeLookOutLeft 1
eye_lookRight_l          eyeLookInLeft 1
eye_lookLeft_r           eyeLookInRight 1
eye_lookRight_r          eyeLookOutRight 1
tongue_u                 tongueOut .5
"""
SIDED = ("eyeBlink", "eyeLookUp", "eyeLookDown", "eyeSquint", "eyeWide", "mouthSmile", "mouthFrown", "mouthDimple",
         "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown", "browOuterUp", "cheekSquint",
         "noseSneer")


def _sides(shape):
    return [shape + side for side in ("Left", "Right")] if shape in SIDED else [shape]


def _read(table, renamed=None):
    """Column -> {ARKit shape: weight} of a table of lines."""
    rows = {}
    for line in table.strip().split("\n"):
        column, *words = line.split()
        row = {}
        for shape, weight in zip(words[::2], words[1::2], strict=True):
            row.update(dict.fromkeys(_sides(shape), float(weight)))
        rows[(renamed or {}).get(column, column)] = MappingProxyType(row)
    return MappingProxyType(rows)


def _of_visemes(names):
    return {name: {side: weight for shape, weight in RECIPES[viseme].items() for side in _sides(shape)}
            for name, viseme in names.items()}


_VOWELS0 = {_VRM0[name]: viseme for name, viseme in VOWELS.items()}

# Space -> column -> {ARKit shape: weight}; a column that is not listed does nothing a shape of ARKit's could do.
POSES = MappingProxyType({
    "oculus-15": MappingProxyType(_of_visemes({name: name for name in RECIPES})),
    "vrm1": MappingProxyType(_read(_VRM) | _of_visemes(VOWELS)),
    "vrm0": MappingProxyType({name: shapes for name, shapes in _read(_VRM, _VRM0).items() if name != "surprised"}
                             | _of_visemes(_VOWELS0)), "rhubarb-9": _read(_RHUBARB),
    "facegood-116": _read(_FACEGOOD), "facegood-116-ue": _read(_FACEGOOD),
})
