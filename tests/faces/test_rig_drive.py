"""What drives what: names first, then what is there."""

import numpy as np
import pytest

from personare.faces.rig_drive import MOUTH, Control, gaze_angles, jaw_angles, plan_drive
from personare.faces.rig_names import VISEMES
from personare.faces.vrm import Clip
from personare.spaces import ARKIT_52
from personare.types import Motion


def controls(*names):
    return [Control(name, ((0, i, 1.0),)) for i, name in enumerate(names)]


def clip(name, preset=True, **options):
    return Control(name, ((0, 0, 1.0),), Clip(name, preset, ((0, 0, 1.0),), **options))


def motion_of(**columns):
    values = np.zeros((1, 52), np.float32)
    for name, weight in columns.items():
        values[0, ARKIT_52.index(name)] = weight
    return Motion(values, 30.0, ARKIT_52)


def weights(drive, **columns):
    row = drive.weights(motion_of(**columns))[0]
    return {control.name: pytest.approx(float(weight)) for control, weight in zip(drive.controls, row, strict=True)
            if weight}


def test_a_name_of_its_own_goes_before_a_name_for_both_sides():
    drive = plan_drive(controls("mouthSmile", "mouthSmile_L", "mouthSmile_R", "mouthFrown", "jawOpen"))
    assert weights(drive, mouthSmileLeft=0.8) == {"mouthSmile_L": 0.8}
    assert weights(drive, mouthFrownLeft=0.8, mouthFrownRight=0.4) == {"mouthFrown": 0.6}
    assert "mouthSmile" not in drive.found.values()


def test_halves_of_a_shape_go_together_and_doubles_do_not():
    drive = plan_drive(controls("browInnerUp_L", "browInnerUp_R", "jawOpen", "JawOpen"))
    assert weights(drive, browInnerUp=0.5, jawOpen=0.3) == {"browInnerUp_L": 0.5, "browInnerUp_R": 0.5, "jawOpen": 0.3}


def test_an_exact_name_goes_before_another_tools_name():
    assert weights(plan_drive(controls("mouthOpen", "jawOpen")), jawOpen=1) == {"jawOpen": 1}
    assert weights(plan_drive(controls("mouthOpen")), jawOpen=1) == {"mouthOpen": 1}


def test_without_mouth_close_the_jaw_gives_way():
    drive = plan_drive(controls("jawOpen", "mouthFunnel", "mouthPucker", "mouthLeft"))
    assert drive.found["mouthClose"] == "less of jawOpen"
    assert weights(drive, jawOpen=0.5, mouthClose=0.2) == {"jawOpen": 0.3}
    assert weights(drive, jawOpen=0.3, mouthClose=0.4) == {}
    whole = plan_drive(controls("jawOpen", "mouthClose"))
    assert weights(whole, jawOpen=0.5, mouthClose=0.2) == {"jawOpen": 0.5, "mouthClose": 0.2}


def test_visemes_make_the_mouth_only_where_shapes_do_not():
    visemes = [f"viseme_{name}" for name in VISEMES]
    alone = plan_drive(controls(*visemes, "mouthSmileLeft", "eyeBlinkLeft"))
    assert len(alone.visemes) == 15
    assert set(MOUTH) <= set(alone.found)
    assert weights(alone, mouthSmileLeft=0.5) == {"mouthSmileLeft": 0.5}
    assert "mouthSmileLeft" not in weights(alone, jawOpen=0.5)
    assert weights(alone, eyeBlinkLeft=1) == {"eyeBlinkLeft": 1}
    both = plan_drive(controls(*visemes, "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker"))
    assert both.visemes == {}
    few = plan_drive(controls("viseme_aa", "viseme_PP"))
    assert few.visemes == {}


def test_visemes_without_a_mark_count_only_in_company():
    assert len(plan_drive(controls(*VISEMES)).visemes) == 15
    assert plan_drive(controls("aa", "E", "oh")).visemes == {}
    assert len(plan_drive([clip("aa"), clip("ih"), clip("ou")]).visemes) == 3
    assert len(plan_drive(controls("あ", "い", "う", "え", "お")).visemes) == 5


def test_clips_of_their_own_go_before_presets():
    drive = plan_drive([clip("blink"), clip("blinkLeft"), clip("eyeBlinkRight", preset=False)])
    assert weights(drive, eyeBlinkLeft=1) == {"blinkLeft": 1}
    assert weights(drive, eyeBlinkRight=1) == {"eyeBlinkRight": 1}
    assert weights(plan_drive([clip("blink")]), eyeBlinkLeft=1, eyeBlinkRight=0.5) == {"blink": 0.75}


def test_gaze_by_clips_where_the_character_looks_so():
    looks = [clip(name) for name in ("lookUp", "lookDown", "lookLeft", "lookRight")]
    drive = plan_drive(looks, looks_by_clips=True)
    assert weights(drive, eyeLookOutLeft=0.6, eyeLookInRight=0.4) == {"lookLeft": 0.5}
    assert weights(drive, eyeLookUpLeft=0.6, eyeLookUpRight=0.6) == {"lookUp": 0.6}
    assert plan_drive(looks).found == {}
    assert plan_drive(looks, bones=("leftEye", "rightEye"), looks_by_clips=True).eyes == ()
    assert plan_drive([], bones=("leftEye", "rightEye"), looks_by_clips=True).eyes == ("left", "right")


def test_bones_do_what_no_shape_does():
    drive = plan_drive(controls("eyeBlinkLeft"), bones=("jaw", "leftEye", "rightEye"))
    assert drive.jaw == ("jawOpen", "jawLeft", "jawRight")
    assert drive.eyes == ("left", "right")
    shapes = plan_drive(controls("jawOpen", "eyeLookUpLeft", "eyeLookUpRight"), bones=("jaw", "leftEye", "rightEye"),
                        eyes_by_shapes=lambda side, used: side == "left")
    assert shapes.jaw == ()
    assert shapes.eyes == ("right",)


def test_angles_have_the_signs_of_the_conventions():
    values = motion_of(eyeLookOutLeft=1, eyeLookUpLeft=1, eyeLookInRight=1, jawOpen=1, jawLeft=0.5).values
    assert np.degrees(gaze_angles(values, "left")) == pytest.approx(np.array([[30, 25]]))
    assert np.degrees(gaze_angles(values, "right")) == pytest.approx(np.array([[30, 0]]))
    assert np.degrees(jaw_angles(values, ("jawOpen", "jawLeft"))) == pytest.approx(np.array([[24, 3]]))
    assert np.degrees(jaw_angles(values, ())) == pytest.approx(np.array([[0, 0]]))


def test_targets_are_sums_of_binds_silenced_as_clips_say():
    clips = [Control("jawOpen", ((3, 1, 1.0), (5, 0, 0.5)), Clip("jawOpen", False, (), is_binary=True)),
             Control("blinkLeft", ((3, 0, 0.25),), Clip("blinkLeft", True, ())),
             Control("blinkRight", ((3, 0, 0.5),), Clip("blinkRight", True, ()))]
    drive = plan_drive(clips)
    rows = drive.targets(motion_of(jawOpen=0.6, eyeBlinkLeft=0.4, eyeBlinkRight=1), {3: 2, 5: 1, 7: 4})
    assert rows[3] == pytest.approx(np.array([[0.6, 1]]))
    assert rows[5] == pytest.approx(np.array([[0.5]]))
    assert not rows[7].any()
