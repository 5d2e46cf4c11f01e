"""NumPy files: the arrays NumPy would read, and nothing else."""

import pickle
import zipfile

import numpy as np
import pytest
from hostile import refuses, survives

from personare.errors import InputError
from personare.files.arrays import npz_names, read_npy, read_npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_equal_those_of_numpy(tmp_path, rng, save):
    path = tmp_path / "a.npz"
    save(path, a=rng.random((40, 30)), b=np.arange(3), u=np.array(["x", "yy"]), z=np.zeros((0, 3)), s=np.float32(3),
         f=np.asfortranarray(rng.random((3, 4))))
    found, expected = read_npz(path), np.load(path)
    assert set(found) == set(expected.files) == npz_names(path)
    for name, array in found.items():
        assert array.dtype == expected[name].dtype
        assert np.array_equal(array, expected[name])
        assert array.flags.writeable
    assert set(read_npz(path, ["a"], optional=("b", "nothing"))) == {"a", "b"}


def test_npy_files_and_objects_in_them(tmp_path, rng):
    np.save(tmp_path / "a.npy", rng.random((2, 3)))
    assert np.array_equal(read_npy(tmp_path / "a.npy"), np.load(tmp_path / "a.npy"))
    np.save(tmp_path / "o.npy", {"lips": np.arange(4)}, allow_pickle=True)
    assert np.array_equal(read_npy(tmp_path / "o.npy", objects=True)["lips"], [0, 1, 2, 3])
    with pytest.raises(InputError, match="Python objects"):
        read_npy(tmp_path / "o.npy")


def test_objects_in_npz_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}, 1], object))
    with pytest.raises(InputError, match="Python objects"):
        read_npz(tmp_path / "a.npz")


def test_missing_arrays_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=1)
    with pytest.raises(InputError, match="expected an array named rest, got x"):
        read_npz(tmp_path / "a.npz", ["rest"])
    with pytest.raises(InputError, match="No such file"):
        read_npz(tmp_path / "none.npz")
    assert npz_names(tmp_path / "none.npz") == frozenset()


def npy(shape, data=b"", descr="'<f4'"):
    """An .npy file that claims a shape."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize("content", [
    npy("(10000000, 3)"), npy("(10**9,)"), npy("(99999999999, 3)"), npy("(-1,)", bytes(4)), npy("(True,)", bytes(4)),
    npy("(1,)", pickle.dumps(1), "'|O'"), npy("(1,)", bytes(4), "'|V999999999'"), npy("(1,)", bytes(4),
                                                                                         "[('a', '<f4')]"),
    npy("(1,)", bytes(4), "__import__('os').system('ls')"), npy("(" * 100 + ")" * 100), b"\x93NUMPY\x01\x00", b"",
    b"text",
])
@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_claims_are_refused(tmp_path, content, packed):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", packed) as file:
        file.writestr("x.npy", content)
    refuses(read_npz, path, "expected an .npz file of plain arrays")


def test_text_beyond_unicode_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array(["abc"]))
    data = bytearray((tmp_path / "a.npy").read_bytes())
    data[-1] = 0x7F
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(InputError, match="text that is no text"):
        read_npy(tmp_path / "a.npy")


def test_bombs_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", bytes(2**27))
    refuses(lambda path: read_npz(path, most_bytes=2**26), path, "expected at most 64 MB of arrays")


def test_broken_files_give_one_error(tmp_path, rng):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", rest=rng.random((5, 3)), names=np.array(["a", "b"]))
        assert survives(read_npz, tmp_path / "b.npz", (tmp_path / "a.npz").read_bytes(), rng, 400) > 50
    np.save(tmp_path / "a.npy", rng.random((5, 3)))
    assert survives(read_npy, tmp_path / "b.npy", (tmp_path / "a.npy").read_bytes(), rng, 300) > 50
