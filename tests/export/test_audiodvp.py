"""AudioDVP's folders of tensors."""

from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import audiodvp
from personare.files.tensors import read_tensor, tensor_bytes
from personare.spaces import AUDIODVP_64
from personare.types import Motion, Take


@pytest.fixture
def dvp(motion, rng):
    return Motion(rng.standard_normal((60, 64)), 25, AUDIODVP_64, motion.head_pose)


def test_a_motion_comes_back(tmp_path, dvp):
    audiodvp.write(tmp_path / "a.audiodvp", Take(dvp))
    assert read_tensor(tmp_path / "a.audiodvp/delta/00001.pt").shape == (64, 1)
    assert len(list((tmp_path / "a.audiodvp/rotation").iterdir())) == 60
    back = audiodvp.read(tmp_path / "a.audiodvp")
    assert (back.space, back.fps) == (AUDIODVP_64, 25)
    assert np.array_equal(back.values, dvp.values)
    assert np.abs(back.head_pose - dvp.head_pose).max() < 1e-6


def test_the_pose_is_that_of_the_original_formula(tmp_path, rng):
    """V' = Rz Ry Rx (V - t), in units of 92.1567 mm."""
    angles, shift = rng.uniform(-0.5, 0.5, 3), rng.uniform(-0.3, 0.3, 3)
    for name, row in (("delta", np.zeros(64)), ("rotation", angles), ("translation", shift)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "00001.pt").write_bytes(tensor_bytes(row[:, None]))
    pose = audiodvp.read(tmp_path).head_pose[0]
    (sx, sy, sz), (cx, cy, cz) = np.sin(angles), np.cos(angles)
    turn = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ \
        np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    point = rng.standard_normal(3)
    want = turn @ (point - shift)
    assert pose[:3, :3] @ point + pose[:3, 3] / 0.0921567 == pytest.approx(want, abs=1e-5)


def test_predictions_alone_are_read(tmp_path):
    folder = tmp_path / "reenact_delta"
    folder.mkdir()
    for number in (1, 2, 4):
        (folder / f"{number:05d}.pt").write_bytes(tensor_bytes(np.full((64, 1), number, np.float32)))
    back = audiodvp.read(folder)
    assert back.values[:, 0].tolist() == [1, 2, 3, 4]
    assert back.head_pose is None


def test_what_does_not_fit_is_refused(tmp_path, take, dvp):
    with pytest.raises(InputError, match="expected the space audiodvp-64, got arkit-52"):
        audiodvp.write(tmp_path / "a", take)
    audiodvp.write(tmp_path / "a", Take(dvp))
    (tmp_path / "a/rotation/00001.pt").unlink()
    with pytest.raises(InputError, match="rotation and translation of other frames than delta"):
        audiodvp.read(tmp_path / "a")
    (tmp_path / "a/delta/00003.pt").write_bytes(b"hello")
    with pytest.raises(InputError, match=r"00003\.pt: expected one plain tensor"):
        audiodvp.read(tmp_path / "a")
    still = replace(dvp, head_pose=None)
    audiodvp.write(tmp_path / "b", Take(still))
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["delta"]
