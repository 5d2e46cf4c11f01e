"""Tables of poses: every column and shape exists, closures close, sides are the right ones."""

import pytest

from personare.motion.poses import POSES
from personare.spaces import ARKIT_52, space_named


@pytest.mark.parametrize("space", POSES)
def test_every_name_exists(space):
    assert set(POSES[space]) <= set(space_named(space).columns)
    for shapes in POSES[space].values():
        assert set(shapes) <= set(ARKIT_52.columns)
        assert all(0 < weight <= 1 for weight in shapes.values())


def test_the_rounding_of_facegood_is_kept():
    for column in ("mouth_oh_c", "mouth_oo_c"):
        shapes = POSES["facegood-116"][column]
        assert shapes.get("mouthFunnel", 0) + shapes.get("mouthPucker", 0) >= 0.7


def test_looking_left_turns_both_eyes_left():
    assert dict(POSES["vrm1"]["lookLeft"]) == {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}


def test_both_versions_of_vrm_say_the_same():
    assert POSES["vrm0"]["a"] == POSES["vrm1"]["aa"]
    assert POSES["vrm0"]["joy"] == POSES["vrm1"]["happy"]
