"""Spaces name their columns once and find them again."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.spaces import (
    A2F_68,
    ARKIT_52,
    BFM_64,
    DEEP3D_257,
    EYE_ANGLES,
    FACEGOOD_116,
    FACEGOOD_116_UE,
    FLAME_POSES,
    HEAD_ANGLES,
    ICT_57,
    LIVELINK_61,
    MEDIAPIPE_52,
    SPACES,
    Space,
    space_named,
)


def test_arkit_has_its_52_names_and_pairs():
    assert len(set(ARKIT_52.columns)) == 52
    left = {c.removesuffix("Left") for c in ARKIT_52.columns if c.endswith("Left")}
    right = {c.removesuffix("Right") for c in ARKIT_52.columns if c.endswith("Right")}
    assert left == right
    assert ARKIT_52.columns[17] == "jawOpen"  # EARFaceBlendShape::JawOpen is 17.


def test_unknown_names_list_the_known_and_the_nearest():
    with pytest.raises(InputError, match="did you mean 'arkit-52'"):
        space_named("arkit-51")


def test_names_must_be_unique():
    with pytest.raises(InputError, match=r"repeated \['a'\]"):
        Space("bad", ("a", "b", "a"))


def test_a2f_adds_16_tongue_columns_to_arkit():
    assert len(A2F_68) == 68
    assert A2F_68.columns[:52] == ARKIT_52.columns
    assert all(name.startswith("tongue") for name in A2F_68.columns[51:])


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
def test_the_number_in_a_name_counts_what_it_says(space):
    number = int(space.name.removesuffix("-ue").rpartition("-")[2]) if "-" in space.name else len(space)
    poses = sum(name in FLAME_POSES for name in space.columns)
    assert len(space) - poses == number
    assert space.summary
    assert space_named(space.name) is space


def test_live_link_adds_nine_angles_to_arkit_in_the_order_of_the_packets():
    assert LIVELINK_61.columns[:52] == ARKIT_52.columns
    assert LIVELINK_61.columns[52:] == HEAD_ANGLES + EYE_ANGLES
    assert LIVELINK_61.index("rightEyeYaw") == 58  # EARFaceBlendShape::EyeYawRight is 58.


def test_mediapipe_is_alphabetical_without_a_tongue():
    names = MEDIAPIPE_52.columns
    assert (names[0], names[1], names[25], names[51]) == ("_neutral", "browDownLeft", "jawOpen", "noseSneerRight")
    assert set(names[1:]) == set(ARKIT_52.columns) - {"tongueOut"}


def test_the_two_orders_of_facegood_hold_the_same_names_in_other_places():
    data, unreal = FACEGOOD_116, FACEGOOD_116_UE
    assert set(data.columns) == set(unreal.columns)
    # The jaw stands at 74 in the data; under the other list column 74 would be the lips' suck.
    assert (data.index("mouth_stretch_c"), unreal.index("mouth_stretch_c")) == (74, 73)
    assert (unreal.columns[74], unreal.index("tongue_Scale_X")) == ("mouth_suck_dl", 114)


def test_the_orders_of_facegood_are_those_of_its_files(shared):
    table = (shared / "fixtures/facegood_styleavatar_deep3d/facegood_channel_orders.csv").read_text().split()
    rows = [line.split(",") for line in table[1:]]
    assert tuple(row[1] for row in rows) == FACEGOOD_116.columns
    assert tuple(row[2] for row in rows) == FACEGOOD_116_UE.columns


def test_the_permutation_of_facegoods_own_demo_leads_from_one_order_to_the_other(shared):
    with np.load(shared / "fixtures/facegood_styleavatar_deep3d/facegood_udp_packet.npz") as packet:
        data, sent = packet["weights_order1015"], packet["weights_sent"]
    assert np.array_equal(data[FACEGOOD_116.indices(FACEGOOD_116_UE.columns)].astype(np.float32), sent)


def test_the_shapes_of_ict_are_those_of_its_archive(shared):
    with np.load(shared / "data/ict_facekit/ict_facekit.npz") as archive:
        assert tuple(archive["expression_names"].tolist()) == ICT_57.columns


def test_a_fit_of_deep3d_has_its_parts_where_they_are():
    columns = DEEP3D_257.columns
    starts = [columns.index(name) for name in ("id_000", "exp_000", "tex_000", "angle_x", "gamma_000", "trans_x")]
    assert starts == [0, 80, 144, 224, 227, 254]
    assert columns[80:144] == BFM_64.columns
