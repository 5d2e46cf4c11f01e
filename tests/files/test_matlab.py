"""MATLAB files: equal to scipy's reader on what both read; broken and hostile ones are refused in little memory."""

import struct
import zlib

import numpy as np
import pytest
from hostile import refuses, survives
from matfiles import element, mat, matrix

from personare.errors import InputError
from personare.files.matlab import read_mat


@pytest.mark.parametrize("packed", [False, True])
def test_numbers_equal_those_of_scipy(tmp_path, rng, packed):
    io = pytest.importorskip("scipy.io")
    data = {"a": rng.random((3, 4)), "i": np.arange(10, dtype=np.uint16), "e": np.zeros((0, 3)), "one": np.float32(2),
            "cube": rng.random((2, 3, 4)).astype(np.float32), "text": "hello", "cell": np.array([1, "x"], object),
            "struct": {"x": 1}, "complex": 1j * np.ones(3), "b": np.int8([[-1, 2]])}
    io.savemat(tmp_path / "a.mat", data, do_compression=packed)
    found, expected = read_mat(tmp_path / "a.mat"), io.loadmat(tmp_path / "a.mat")
    assert sorted(found) == ["a", "b", "cube", "e", "i", "one", "text"]
    for name in set(found) - {"text"}:
        assert np.array_equal(found[name], expected[name]), name
    assert list(read_mat(tmp_path / "a.mat", ["cube"])) == ["cube"]


def test_small_and_big_endian_elements(tmp_path):
    (tmp_path / "a.mat").write_bytes(mat(matrix("x", (2, 2), struct.pack("<4d", 1, 2, 3, 4))))
    assert np.array_equal(read_mat(tmp_path / "a.mat")["x"], [[1, 3], [2, 4]])
    body = (struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 1) + struct.pack(">HH4s", 1, 1, b"x\0\0\0")
            + struct.pack(">IId", 9, 8, 7.0))
    big = b"".ljust(124) + struct.pack(">H", 0x0100) + b"MI" + struct.pack(">II", 14, len(body)) + body
    (tmp_path / "b.mat").write_bytes(big)
    assert read_mat(tmp_path / "b.mat")["x"] == 7


def test_missing_names_and_foreign_files_are_explained(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(mat(matrix("x", (1, 1), bytes(8))))
    with pytest.raises(InputError, match="expected the variable shapePC, got x; check that it is the right file"):
        read_mat(path, ["x", "shapePC"])
    path.write_bytes(b"MATLAB 7.3 MAT-file, HDF5".ljust(512))
    with pytest.raises(InputError, match="HDF5"):
        read_mat(path)
    with pytest.raises(InputError, match="No such file"):
        read_mat(tmp_path / "none.mat")


@pytest.mark.parametrize("data", [
    mat(matrix("x", (10**6, 3 * 10**4), bytes(8))),                           # claims 240 GB
    mat(matrix("x", (10**7, 3), bytes(8))),
    mat(struct.pack("<II", 14, 2**31), bytes(64)),
    mat(element(15, zlib.compress(struct.pack("<II", 14, 2**31) + bytes(2**26), 9))),   # 64 MB out of 65 kB
    mat(element(15, zlib.compress(matrix("x", (2**14, 2**12), bytes(2**20)), 9))),
    mat(matrix("x", (-1, 4), bytes(8))), mat(matrix("x", (2,) * 80, bytes(8))),
    mat(matrix("x", (1, 1), bytes(8)))[:-4], mat(b"\0" * 16), mat(element(15, b"no zlib")),
])
def test_claims_and_bombs_are_refused(tmp_path, data):
    (tmp_path / "a.mat").write_bytes(data)
    refuses(lambda path: read_mat(path, ["x"]), tmp_path / "a.mat", "damaged data")


def test_broken_files_give_one_error(tmp_path, rng):
    io = pytest.importorskip("scipy.io")
    for packed in (False, True):
        io.savemat(tmp_path / "a.mat", {"a": rng.random((3, 4)), "i": np.arange(9)}, do_compression=packed)
        assert survives(read_mat, tmp_path / "b.mat", (tmp_path / "a.mat").read_bytes(), rng, 400) > 50
