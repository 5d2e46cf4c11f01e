"""Named coefficient spaces: what each column of a Motion means, addressed by name everywhere."""

import difflib
from dataclasses import dataclass, field
from functools import cached_property

from personare.errors import InputError


@dataclass(frozen=True)
class Space:
    """A named, ordered set of columns.

    Args:
        name: such as "arkit-52".
        columns: unique column names, in order.
        summary: one line for lists; two spaces with the same name and columns are equal whatever it says.
    """

    name: str
    columns: tuple[str, ...]
    summary: str = field(default="", compare=False)

    def __post_init__(self):
        if len(set(self.columns)) != len(self.columns):
            twice = sorted({c for c in self.columns if self.columns.count(c) > 1})
            raise InputError("columns", expected="unique names", got=f"repeated {twice}",
                             remedy="name every column once")

    def __len__(self):
        return len(self.columns)

    def index(self, column):
        """Position of one column.

        Raises:
            InputError: no such column; the message names the nearest.
        """
        try:
            return self._positions[column]
        except (KeyError, TypeError):
            raise unknown_name("column", column, self.columns) from None

    def indices(self, columns):
        """Positions of several columns, as a list of ints."""
        return [self.index(column) for column in columns]

    @cached_property
    def _positions(self):
        return {column: i for i, column in enumerate(self.columns)}


def unknown_name(kind, name, known):
    """An InputError that lists the known names and the nearest one."""
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else "use one of those"
    return InputError(kind, expected=f"one of {', '.join(known)}", got=f"'{name}'", remedy=hint)


# Order of Apple's shapes in Unreal's EARFaceBlendShape, which Live Link, A2F-3D and Azure TTS share.
ARKIT_52 = Space("arkit-52", (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose",
    "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
), "Apple's face shapes, 0..1")

# The tongue of NVIDIA's Audio2Face-3D, in its order and with our small first letter.
TONGUE_16 = (
    "tongueTipUp", "tongueTipDown", "tongueTipLeft", "tongueTipRight", "tongueRollUp", "tongueRollDown",
    "tongueRollLeft", "tongueRollRight", "tongueUp", "tongueDown", "tongueLeft", "tongueRight", "tongueIn",
    "tongueStretch", "tongueWide", "tongueNarrow",
)
A2F_68 = Space("a2f-68", ARKIT_52.columns + TONGUE_16, "Audio2Face-3D: arkit-52 and 16 shapes of the tongue, 0..1")

EMOTIONS = Space("a2f-emotion-10", (
    "amazement", "anger", "cheekiness", "disgust", "fear", "grief", "joy", "outofbreath", "pain", "sadness",
), "emotions of Audio2Face-3D, 0..1")

HEAD_ANGLES = ("headYaw", "headPitch", "headRoll")
EYE_ANGLES = ("leftEyeYaw", "leftEyePitch", "leftEyeRoll", "rightEyeYaw", "rightEyePitch", "rightEyeRoll")
LIVELINK_61 = Space("livelink-61", ARKIT_52.columns + HEAD_ANGLES + EYE_ANGLES,
                    "Live Link Face in the order of its packets: arkit-52 and nine angles, radians")
AZURE_55 = Space("azure-55", (*ARKIT_52.columns, "headRoll", "leftEyeRoll", "rightEyeRoll"),
                 "Azure speech: arkit-52 and three rolls")
MEDIAPIPE_52 = Space("mediapipe-52", ("_neutral", *sorted(ARKIT_52.columns[:-1])),
                     "MediaPipe Face Landmarker: _neutral, then the alphabet, no tongue; 0..1")

ICT_53 = Space("ict-53", (
    "browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R",
    "cheekPuff_L", "cheekPuff_R", "cheekSquint_L", "cheekSquint_R", "eyeBlink_L", "eyeBlink_R", "eyeLookDown_L",
    "eyeLookDown_R", "eyeLookIn_L", "eyeLookIn_R", "eyeLookOut_L", "eyeLookOut_R", "eyeLookUp_L", "eyeLookUp_R",
    "eyeSquint_L", "eyeSquint_R", "eyeWide_L", "eyeWide_R", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimple_L", "mouthDimple_R", "mouthFrown_L", "mouthFrown_R", "mouthFunnel", "mouthLeft",
    "mouthLowerDown_L", "mouthLowerDown_R", "mouthPress_L", "mouthPress_R", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmile_L", "mouthSmile_R",
    "mouthStretch_L", "mouthStretch_R", "mouthUpperUp_L", "mouthUpperUp_R", "noseSneer_L", "noseSneer_R",
), "ICT-FaceKit's model file, sides as _L and _R; 0..1")
ICT_57 = Space("ict-57", (*ICT_53.columns, "PupilDilate_L", "PupilDilate_R", "cheekRaiser_L", "cheekRaiser_R"),
               "all shapes of ICT-FaceKit's folder; 0..1")

# The order of every BS_value.npy that FACEGOOD published: its list 1015, the same as its list 1119_316.
FACEGOOD_116 = Space("facegood-116", (
    "brow_lower_l", "tongue_Scale_X", "tongue_Scale__X", "tongue_Scale_Y", "tongue_Scale__Y", "tongue_Scale_Z",
    "tongue_Scale__Z", "nose_out_l", "nose_out_r", "tongue_u", "tongue_u_u", "cheek_suck_r", "brow_raise_d",
    "mouth_stretch_u", "tongue_u_d", "tooth_d_d", "tongue_d", "tooth_r", "tooth_d_u", "cheek_UP",
    "eye_blink1_l", "eye_blink1_r", "eye_blink2_l", "eye_blink2_r", "eye_lidTight_l", "eye_lidTight_r",
    "eye_shutTight_l", "eye_shutTight_r", "brow_lower_r", "eye_upperLidRaise_l", "eye_upperLidRaise_r",
    "eye_downLidRaise_l", "eye_downLidRaise_r", "jaw_sideways_l", "jaw_sideways_r", "jaw_thrust_c",
    "mouth_chew_c", "mouth_chinRaise_d", "mouth_chinRaise_u", "brow_raise_c", "mouth_dimple_l",
    "mouth_dimple_r", "mouth_funnel_dl", "mouth_funnel_dr", "mouth_funnel_ul", "mouth_funnel_ur",
    "mouth_lipCornerDepressFix_l", "mouth_lipCornerDepressFix_r", "mouth_lipCornerDepress_l",
    "mouth_lipCornerDepress_r", "brow_raise_l", "mouth_lipCornerPullOpen_l", "mouth_lipCornerPullOpen_r",
    "mouth_lipCornerPull_l", "mouth_lipCornerPull_r", "mouth_lipStretchOpen_l", "mouth_lipStretchOpen_r",
    "mouth_lipStretch_l", "mouth_lipStretch_r", "mouth_lowerLipDepress_l", "mouth_lowerLipDepress_r",
    "brow_raise_r", "mouth_lowerLipProtrude_c", "mouth_oh_c", "mouth_oo_c", "mouth_pressFix_c", "mouth_press_l",
    "mouth_press_r", "mouth_pucker_l", "mouth_pucker_r", "mouth_screamFix_c", "mouth_sideways_l",
    "cheek_puff_l", "mouth_sideways_r", "mouth_stretch_c", "mouth_suck_dl", "mouth_suck_dr", "mouth_suck_ul",
    "mouth_suck_ur", "mouth_upperLipRaise_l", "mouth_upperLipRaise_r", "nose_wrinkle_l", "nose_wrinkle_r",
    "cheek_puff_r", "tooth_l", "eye_lookDown1_l", "eye_lookDown2_l", "eye_lookLeft_l", "eye_lookRight_l",
    "eye_lookUp_l", "eye_lookDown1_r", "eye_lookDown2_r", "eye_lookLeft_r", "cheek_raise_l", "eye_lookRight_r",
    "eye_lookUp_r", "tongue_Rot_1X", "tongue_Rot__1X", "tongue_Rot_2X", "tongue_Rot__2X", "tongue_Rot_3X",
    "tongue_Rot__3X", "tongue_Rot_1Y", "tongue_Rot__1Y", "cheek_raise_r", "tongue_Rot_2Y", "tongue_Rot__2Y",
    "tongue_Rot_3Y", "tongue_Rot__3Y", "tongue_Rot_1Z", "tongue_Rot__1Z", "tongue_Rot_2Z", "tongue_Rot__2Z",
    "tongue_Rot_3Z", "tongue_Rot__3Z", "cheek_suck_l",
), "FACEGOOD's rig in the order of its data (list 1015); 0..1")


def _unreal_order(columns):
    """FACEGOOD's list 1119: tongue_Scale_X goes behind tongue_Rot__3Z, and five names keep their place."""
    kept = ("brow_lower_l", "cheek_suck_r", "cheek_raise_l", "cheek_raise_r", "cheek_suck_l")
    first, *moved = (name for name in columns if name not in kept)
    rest = iter([*moved, first])
    return tuple(name if name in kept else next(rest) for name in columns)


FACEGOOD_116_UE = Space("facegood-116-ue", _unreal_order(FACEGOOD_116.columns),
                        "the same in the order of its Unreal packets and its bsname.txt (list 1119); 0..1")

OCULUS_15 = Space("oculus-15", (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
), "Oculus Lipsync's visemes; 0..1")
RHUBARB_9 = Space("rhubarb-9", tuple("ABCDEFGHX"), "Rhubarb Lip Sync's mouth drawings, X at rest; 0..1")
VRM0 = Space("vrm0", (
    "neutral", "a", "i", "u", "e", "o", "blink", "joy", "angry", "sorrow", "fun", "lookup", "lookdown", "lookleft",
    "lookright", "blink_l", "blink_r",
), "presets of VRM 0.x; 0..1")
VRM1 = Space("vrm1", (
    "happy", "angry", "sad", "relaxed", "surprised", "aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft", "blinkRight",
    "lookUp", "lookDown", "lookLeft", "lookRight", "neutral",
), "preset expressions of VRM 1.0; 0..1")


def numbered(stem, count):
    """Names for columns that the field only numbers: stem_000, stem_001, ..."""
    return tuple(f"{stem}_{i:03d}" for i in range(count))


SOUND = "sound"


def sound_columns(count):
    """Names of the columns by which a voice tells a painter what is heard."""
    return numbered(SOUND, count)


# Rotation vectors of FLAME's joints in its own order; its global rotation is Motion.head_pose.
FLAME_POSES = tuple(f"{joint}_{axis}" for joint in ("neck", "jaw", "left_eye", "right_eye") for axis in "xyz")
FLAME_100 = Space("flame-100", numbered("exp", 100) + FLAME_POSES,
                  "FLAME: 100 expressions in sigmas, then neck, jaw and eyes as rotation vectors, radians")
FLAME_50 = Space("flame-50", numbered("exp", 50) + FLAME_POSES, "the same with the first 50 expressions")
BFM_64 = Space("bfm-64", numbered("exp", 64), "expression of the Basel model as Deep3DFaceRecon has it, sigmas")
# The same basis, but AudioDVP fits the mirror image of the face, so its numbers mean other expressions.
AUDIODVP_64 = Space("audiodvp-64", numbered("delta", 64),
                    "expression of AudioDVP: the Basel model's, of the mirrored face")
DEEP3D_257 = Space("deep3d-257", (
    *numbered("id", 80), *numbered("exp", 64), *numbered("tex", 80), "angle_x", "angle_y", "angle_z",
    *numbered("gamma", 27), "trans_x", "trans_y", "trans_z",
), "a whole Deep3DFaceRecon fit: identity, expression, texture, angles, light (9 for each of red, green, blue), place")
NVP_76 = Space("nvp-76", numbered("exp", 76), "expression.txt of Neural Voice Puppetry")
NPHM_200 = Space("nphm-200", numbered("exp", 200), "expression code of NPHM, as FaceTalk animates it")
MONONPHM_100 = Space("mononphm-100", numbered("exp", 100), "expression code of MonoNPHM")

SPACES = {space.name: space for space in (
    ARKIT_52, LIVELINK_61, A2F_68, EMOTIONS, AZURE_55, MEDIAPIPE_52, ICT_53, ICT_57, FACEGOOD_116, FACEGOOD_116_UE,
    OCULUS_15, RHUBARB_9, VRM0, VRM1, FLAME_100, FLAME_50, BFM_64, AUDIODVP_64, DEEP3D_257, NVP_76, NPHM_200,
    MONONPHM_100,
)}


def space_named(name):
    """The space of that name; a Space is returned as it is."""
    if isinstance(name, Space):
        return name
    if name not in SPACES:
        raise unknown_name("space", name, tuple(SPACES))
    return SPACES[name]
