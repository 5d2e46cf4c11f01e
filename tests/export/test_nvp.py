"""expression.txt, number by number."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import nvp
from personare.spaces import NVP_76
from personare.types import Motion, Take


def test_every_bit_comes_back(tmp_path, rng):
    motion = Motion(rng.standard_normal((1500, 76)), 25, NVP_76)
    nvp.write(tmp_path / "expression.txt", Take(motion))
    assert np.loadtxt(tmp_path / "expression.txt").shape == (1500, 76)
    back = nvp.read(tmp_path / "expression.txt")
    assert (back.space, back.fps) == (NVP_76, 25)
    assert np.array_equal(back.values, motion.values)


def test_other_widths_are_numbered(tmp_path):
    (tmp_path / "a.txt").write_text("1 2 3\n\n4 5 6\n")
    back = nvp.read(tmp_path / "a.txt")
    assert (back.space.columns, back.values.tolist()) == (("exp_000", "exp_001", "exp_002"), [[1, 2, 3], [4, 5, 6]])
    assert nvp.fits(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("Hello world\n")
    assert not nvp.fits(tmp_path / "b.txt")


@pytest.mark.parametrize(("text", "message"), [
    ("", "no bytes"), ("\n\n", "no lines of numbers"), ("1 2\n1\n", "1 instead of 2 numbers"),
    ("1 x\n", "could not conv"),
    ("1 nan\n", "NaN"), ("1 1e39\n", "NaN or infinite"), ("1 " * 5000 + "\n", "instead of|5000"),
])
def test_broken_files_give_one_clear_error(tmp_path, text, message):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        nvp.read(tmp_path / "a.txt")


def test_the_trackers_own_file(shared):
    with np.load(shared / "fixtures/voice_puppetry_audiodvp/nvp_trump_expressions.npz") as archive:
        assert archive["expressions"].shape[1] == len(NVP_76)
