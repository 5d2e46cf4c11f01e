"""Contact sheets: every picture in its place, every name legible."""

import numpy as np

from personare.rendering.sheet import _GLYPHS, contact_sheet, lettering


def test_every_sign_differs_and_case_does_not():
    pictures = {sign: lettering(sign).tobytes() for sign in _GLYPHS}
    assert len(set(pictures.values())) == len(pictures)
    np.testing.assert_array_equal(lettering("jawOpen"), lettering("JAWOPEN"))
    assert not lettering(" ").any()
    assert "\n".join("".join(" #"[int(dot)] for dot in row) for row in lettering("T")) == "\n".join(
        ["##### ", *["  #   "] * 6])


def test_pictures_stand_in_rows_with_their_names_below():
    pictures = [np.full((20, 30, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = contact_sheet(pictures, ["a", "b", "a name far too long for its picture"], columns=2)
    assert sheet.shape == (2 * 36, 60, 3)
    np.testing.assert_array_equal(sheet[:20, 30:60], pictures[1])
    np.testing.assert_array_equal(sheet[36:56, :30], pictures[2])
    np.testing.assert_array_equal(sheet[24:31, 4:10, 0] < 128, lettering("a"))
    assert (sheet[36:, 30:] == 255).all()
