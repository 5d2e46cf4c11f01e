"""Spaces name their columns once and find them again."""

import pytest

from personare.errors import InputError
from personare.spaces import A2F_68, ARKIT_52, Space, space_named


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
