"""Names of morph targets and bones, in the spellings of the tools that write them."""

import pytest

from personare.faces.rig_names import VISEMES, arkit_columns, bones_of, is_exact, viseme_of
from personare.spaces import ARKIT_52


def snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def sided(name):
    return name.removesuffix("Left") + "_L" if name.endswith("Left") else (
        name.removesuffix("Right") + "_R" if name.endswith("Right") else name)


@pytest.mark.parametrize("spelling", [
    str, str.lower, str.upper, snake, sided, lambda n: n[0].upper() + n[1:], lambda n: f"blendShape1.{n}",
    lambda n: f"BS_{n}", lambda n: f"Head_{sided(n)}", lambda n: sided(n).replace("_L", ".l").replace("_R", ".r"),
    lambda n: "_".join(word.capitalize() for word in snake(sided(n)).split("_")),
])
def test_every_shape_is_found_in_every_spelling(spelling):
    for column in ARKIT_52.columns:
        name = spelling(column)
        assert arkit_columns(name) == (column,), name
        assert is_exact(name, column)


@pytest.mark.parametrize(("name", "columns"), [
    ("mouthSmile", ("mouthSmileLeft", "mouthSmileRight")), ("browInnerUp_L", ("browInnerUp",)),
    ("cheekPuff_R", ("cheekPuff",)), ("L_eyeBlink", ("eyeBlinkLeft",)), ("mouth_L", ("mouthLeft",)),
    ("eyesClosed", ("eyeBlinkLeft", "eyeBlinkRight")), ("mouthOpen", ("jawOpen",)),
    ("Face.M_F00_000_00_Fcl_EYE_Close_R", ("eyeBlinkRight",)), ("まばたき", ("eyeBlinkLeft", "eyeBlinkRight")),
    ("Corrective_jawOpen_mouthSmileLeft", ()), ("hair_left", ()), ("viseme_aa", ()), ("", ()), ("_", ()), ("L", ()),
])
def test_other_names(name, columns):
    assert arkit_columns(name) == columns


def test_visemes_by_their_marks_and_plain_ones_only_where_asked():
    for viseme in VISEMES:
        assert {viseme_of(f"viseme_{viseme}"), viseme_of(f"vrc.v_{viseme.lower()}")} == {viseme}
        assert viseme_of(viseme) is None
        assert viseme_of(viseme, plain=True) == viseme
    for name, viseme in {"viseme_I": "ih", "viseme_O": "oh", "viseme_U": "ou", "Fcl_MTH_A": "aa", "あ": "aa",
                         "Face.M_F00_000_00_Fcl_MTH_O": "oh", "jawOpen": None, "leave": None}.items():
        assert viseme_of(name, plain=True) == viseme


@pytest.mark.parametrize(("name", "bone"), [
    ("Head", "head"), ("mixamorig:Head", "head"), ("J_Bip_C_Head", "head"), ("Bip001 Head", "head"),
    ("head.x", "head"), ("CC_Base_Head", "head"), ("HeadTop_End", None), ("Head_end", None), ("headset", None),
    ("mixamorig9:Neck", "neck"), ("J_Bip_C_Neck", "neck"), ("LeftEye", "leftEye"), ("eye.R", "rightEye"),
    ("J_Adj_L_FaceEye", "leftEye"), ("CC_Base_R_Eye", "rightEye"), ("Eye", None), ("Jaw", "jaw"),
    ("CC_Base_JawRoot", "jaw"), ("c_jawbone.x", "jaw"), ("LeftEyebrow", None), ("neckTwist01", None),
])
def test_bones(name, bone):
    assert bones_of(["Hips", name]) == ({bone: 1} if bone else {})


def test_the_first_bone_of_a_role_is_taken():
    assert bones_of(["Head", "Neck1", "Neck", "head_2"]) == {"head": 0, "neck": 1}
