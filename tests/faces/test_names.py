"""Shapes under any tool's names become columns that speech can drive."""

import numpy as np

from personare.faces.names import arkit_shapes, named_shapes
from personare.spaces import ARKIT_52, ICT_57


def moves(value):
    return np.full((2, 3), value, np.float32)


def test_halves_add_up_and_wholes_are_shared_out():
    shapes = arkit_shapes({"browInnerUp_L": moves(1), "browInnerUp_R": moves(2), "MouthSmile": moves(4),
                           "jaw_open": moves(8)})
    assert shapes[ARKIT_52.index("browInnerUp"), 0, 0] == 3
    assert shapes[ARKIT_52.index("mouthSmileLeft"), 0, 0] == shapes[ARKIT_52.index("mouthSmileRight"), 0, 0] == 2
    assert shapes[ARKIT_52.index("jawOpen"), 0, 0] == 8
    assert np.count_nonzero(shapes.any((1, 2))) == 4


def test_arkit_names_make_an_arkit_face_and_others_follow():
    space, stacked = named_shapes({name: moves(i) for i, name in enumerate(ICT_57.columns)}, "ict")
    assert space.columns[:52] == ARKIT_52.columns
    assert space.columns[52:] == ("PupilDilate_L", "PupilDilate_R", "cheekRaiser_L", "cheekRaiser_R")
    assert stacked.shape == (56, 2, 3)
    exact, _ = named_shapes({name: moves(1) for name in ARKIT_52.columns[:20]}, "twenty")
    assert exact is ARKIT_52


def test_a_few_known_names_are_chance():
    space, stacked = named_shapes({"jawOpen": moves(1), "AA": moves(2), "frown_big": moves(3)}, "own")
    assert space.columns == ("jawOpen", "AA", "frown_big")
    assert stacked[:, 0, 0].tolist() == [1, 2, 3]
