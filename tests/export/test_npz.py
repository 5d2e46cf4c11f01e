"""NumPy archives: the same bits back, and nothing hostile in."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import npz
from personare.spaces import Space
from personare.types import Motion, Take


def test_a_motion_comes_back_bit_for_bit(tmp_path, take):
    npz.write(tmp_path / "a.npz", take)
    back = npz.read(tmp_path / "a.npz")
    assert (back.fps, back.space) == (take.motion.fps, take.motion.space)
    assert np.array_equal(back.values, take.motion.values)
    assert np.array_equal(back.head_pose, take.motion.head_pose)


def test_a_space_of_ones_own_and_no_frames(tmp_path):
    motion = Motion(np.zeros((0, 2)), 29.97, Space("two", ("öffnen", "close")))
    npz.write(tmp_path / "a.npz", Take(motion))
    back = npz.read(tmp_path / "a.npz")
    assert (back.fps, back.space, back.values.shape, back.head_pose) == (29.97, motion.space, (0, 2), None)


def test_numpy_alone_reads_it(tmp_path, take):
    npz.write(tmp_path / "a.npz", take)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive["names"].tolist() == list(take.motion.space.columns)
        assert np.array_equal(archive["values"], take.motion.values)


def parts(take):
    """Arrays of a good file."""
    return {"format": npz.FORMAT, "version": 1, "values": take.motion.values, "fps": 30.0, "space": "arkit-52",
            "names": np.array(take.motion.space.columns)}


@pytest.mark.parametrize(("change", "message"), [
    ({"format": "other"}, "got other version 1"),
    ({"version": 2}, "got personare-motion version 2"),
    ({"values": np.zeros((3, 51), np.float32)}, "expected shape"),
    ({"values": np.full((3, 52), np.nan, np.float32)}, "NaN or infinite"),
    ({"values": np.array([{}])}, "a values.npy that is not the array it should be"),
    ({"values": np.zeros((3, 52), int)}, "a values.npy that is not the array it should be"),
    ({"fps": -1.0}, "a positive number of frames a second"),
    ({"fps": np.ones(3)}, "a fps of shape"),
    ({"names": np.array(["a"] * 52)}, "unique names"),
    ({"head_pose": np.zeros((1, 4, 4), np.float32)}, "head_pose: expected shape"),
])
def test_wrong_contents_give_one_clear_error(tmp_path, take, change, message):
    np.savez(tmp_path / "a.npz", **(parts(take) | change))
    with pytest.raises(InputError, match=message):
        npz.read(tmp_path / "a.npz")


def test_a_missing_array_is_named(tmp_path, take):
    np.savez(tmp_path / "a.npz", values=take.motion.values)
    with pytest.raises(InputError, match="an archive without format, version, fps, space, names"):
        npz.read(tmp_path / "a.npz")


@pytest.mark.parametrize("keep", [1, 30, 2000, -30])
def test_truncated_files_give_one_clear_error(tmp_path, take, keep):
    npz.write(tmp_path / "a.npz", take)
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    with pytest.raises(InputError, match="expected a complete file of this format"):
        npz.read(tmp_path / "b.npz")


def test_every_flipped_byte_is_found_or_harmless(tmp_path, take):
    motion = take.motion.frames(0, 2)
    npz.write(tmp_path / "a.npz", Take(motion))
    good = (tmp_path / "a.npz").read_bytes()
    for at in range(0, len(good), 37):
        bad = bytearray(good)
        bad[at] ^= 0xFF
        (tmp_path / "b.npz").write_bytes(bad)
        try:
            back = npz.read(tmp_path / "b.npz")
        except InputError:
            continue
        assert np.array_equal(back.values, motion.values)


def hostile(tmp_path, take, name, content, **options):
    """A good file but for one member."""
    np.savez(tmp_path / "a.npz", **{key: value for key, value in parts(take).items() if key != name})
    with zipfile.ZipFile(tmp_path / "a.npz", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", content, **options)
    return tmp_path / "a.npz"


def test_a_header_that_promises_more_than_there_is(tmp_path, take):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 52)})
    with pytest.raises(InputError, match=r"a values\.npy that is not the array it should be"):
        npz.read(hostile(tmp_path, take, "values", file.getvalue() + b"\0" * 64))


def test_a_zip_bomb_is_not_unpacked(tmp_path, take):
    path = hostile(tmp_path, take, "values", b"\0" * (513 << 20), compresslevel=1)
    assert path.stat().st_size < 4 << 20
    with pytest.raises(InputError, match="513 MB of arrays"):
        npz.read(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="expected a file, got nothing there"):
        npz.read(tmp_path / "none.npz")
    with pytest.raises(InputError, match="expected a file, got a folder"):
        npz.read(tmp_path)


def test_head_pose_may_be_absent(tmp_path, take):
    npz.write(tmp_path / "a.npz", replace(take, motion=replace(take.motion, head_pose=None)))
    assert npz.read(tmp_path / "a.npz").head_pose is None
