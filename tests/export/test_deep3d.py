"""Fits of the Basel model: MATLAB files and archives, the pose as the originals apply it."""

import importlib

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import deep3d
from personare.export.rotations import from_zyx, zyx
from personare.spaces import BFM_64, DEEP3D_257
from personare.types import Motion, Take


@pytest.fixture
def fit(rng):
    return Motion(rng.standard_normal((40, 257)) * 0.3, 25, DEEP3D_257)


def test_a_whole_fit_comes_back_bit_for_bit(tmp_path, fit):
    deep3d.write(tmp_path / "a.mat", Take(fit))
    back = deep3d.read(tmp_path / "a.mat")
    assert (back.space, back.fps) == (DEEP3D_257, 25)
    assert np.array_equal(back.values, fit.values)


def test_scipy_reads_what_is_written(tmp_path, fit):
    io = pytest.importorskip("scipy.io", reason="needs scipy, an optional install")
    deep3d.write(tmp_path / "a.mat", Take(fit))
    found = io.loadmat(tmp_path / "a.mat")
    assert np.array_equal(found["coeff"], fit.values)
    assert {name: found[name].shape[1] for name in deep3d.PARTS} == {
        "id": 80, "exp": 64, "tex": 80, "angle": 3, "gamma": 27, "trans": 3}


def test_expression_with_a_head_pose_becomes_a_fit(tmp_path, motion, rng):
    short = Motion(rng.standard_normal((60, 64)), 25, BFM_64, motion.head_pose)
    deep3d.write(tmp_path / "a.mat", Take(short))
    back = deep3d.read(tmp_path / "a.mat")
    assert np.array_equal(back.columns(BFM_64.columns), short.values)
    assert np.abs(back.head_pose[:, :3, :3] - short.head_pose[:, :3, :3]).max() < 1e-6
    shift = short.head_pose[:, :3, 3] - np.median(short.head_pose[:, :3, 3], axis=0)
    assert np.abs(back.head_pose[:, :3, 3] - shift).max() < 1e-6


def test_frames_in_a_folder_and_sadtalkers_short_form(tmp_path, fit):
    io = pytest.importorskip("scipy.io", reason="needs scipy, an optional install")
    (tmp_path / "frames").mkdir()
    for number in (3, 4, 5):
        parts = {name: fit.values[number:number + 1, columns] for name, columns in deep3d.PARTS.items()}
        io.savemat(tmp_path / f"frames/{number:06d}.mat", parts)
    assert np.array_equal(deep3d.read(tmp_path / "frames").values, fit.values[3:6])
    io.savemat(tmp_path / "b.mat", {"coeff_3dmm": np.hstack([fit.values[:, 80:144], fit.values[:, 224:227],
                                                             fit.values[:, 254:257], np.ones((40, 3))])},
               do_compression=True)
    back = deep3d.read(tmp_path / "b.mat")
    assert back.space == BFM_64
    assert np.array_equal(back.values, fit.values[:, 80:144])


def test_archives_of_clips_with_one_identity(tmp_path, fit):
    parts = {name: fit.values[:, columns] for name, columns in deep3d.PARTS.items()}
    np.savez(tmp_path / "a.npz", **(parts | {"id": parts["id"][0], "tex": parts["tex"][0]}), fps=30.0)
    back = deep3d.read(tmp_path / "a.npz")
    assert (back.space, back.fps) == (DEEP3D_257, 30)
    assert np.array_equal(back.values[7, :80], fit.values[0, :80])
    assert np.array_equal(back.values[:, 80:144], parts["exp"])


@pytest.mark.parametrize(("arrays", "message"), [
    ({"exp": np.zeros((3, 64))}, "an array named angle|no coeff"),
    ({"exp": np.zeros((3, 60)), "angle": np.zeros((3, 3)), "trans": np.zeros((3, 3))}, r"exp of shape \(3, 60\)"),
    ({"exp": np.zeros((3, 64)), "angle": np.zeros((2, 3)), "trans": np.zeros((3, 3))}, r"angle of shape \(2, 3\)"),
    ({"exp": np.full((3, 64), np.nan), "angle": np.zeros((3, 3)), "trans": np.zeros((3, 3))}, "NaN"),
])
def test_broken_files_give_one_clear_error(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        deep3d.read(tmp_path / "a.npz")


def test_the_pose_is_that_of_the_original_code(shared, monkeypatch):
    """The original multiplies points @ rotation; its angles come from a hash that lies beside its results."""
    folder = shared / "fixtures/facegood_styleavatar_deep3d"
    monkeypatch.syspath_prepend(str(folder))
    detfill = importlib.import_module("detfill")
    angles = detfill.tensor("bfm.c.ang", (2, 3), 0.8)
    with np.load(folder / "deep3d_synth.npz") as reference:
        rotation = reference["rotation"]
    assert np.abs(from_zyx(angles).transpose(0, 2, 1) - rotation).max() < 1e-6
    assert np.abs(zyx(rotation.transpose(0, 2, 1)) - angles).max() < 1e-6
