"""FACEGOOD's pairs: names decide, Unreal's list beside data is not believed, the sound is ready to train on."""

import wave
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import facegood
from personare.spaces import ARKIT_52, FACEGOOD_116, FACEGOOD_116_UE, Space
from personare.types import Audio, Motion, Take


@pytest.fixture
def motion116(rng):
    return Motion(rng.random((40, 116)), 30, FACEGOOD_116)


def test_what_is_written_is_what_maya_exports(tmp_path, motion116):
    unreal = Motion(motion116.columns(FACEGOOD_116_UE.columns), 30, FACEGOOD_116_UE)
    facegood.write(tmp_path / "a.facegood", Take(unreal))
    values = np.load(tmp_path / "a.facegood/BS_value.npy", allow_pickle=False)
    assert (values.dtype, values.shape) == (np.float64, (40, 116))
    assert np.array_equal(values.astype(np.float32), motion116.values)
    assert np.load(tmp_path / "a.facegood/BS_name.npy").tolist() == list(FACEGOOD_116.columns)
    assert np.array_equal(facegood.read(tmp_path / "a.facegood").values, motion116.values)


def test_the_sound_is_16_khz_and_of_the_same_length(tmp_path, take):
    sound = Audio(0.5 * np.sin(np.arange(44100) * 0.05), 44100)
    facegood.write(tmp_path / "a.facegood", replace(take, audio=sound.stream()))
    with wave.open(str(tmp_path / "a.facegood/sound.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert abs(file.getnframes() - 16000) <= 2
    assert facegood.read(tmp_path / "a.facegood").space == ARKIT_52


def test_the_list_of_unreal_beside_values_is_not_believed(tmp_path, motion116):
    np.save(tmp_path / "BS_value.npy", motion116.values)
    np.save(tmp_path / "BS_name.npy", np.array(FACEGOOD_116_UE.columns))
    back = facegood.read(tmp_path)
    assert back.space == FACEGOOD_116
    assert np.array_equal(back.column("mouth_stretch_c"), motion116.values[:, 74])


def test_values_alone_and_other_rigs(tmp_path, motion116):
    np.save(tmp_path / "bs_value_1_01.npy", motion116.values.astype(np.float64))
    assert facegood.read(tmp_path / "bs_value_1_01.npy").space == FACEGOOD_116
    np.save(tmp_path / "BS_value.npy", np.eye(2))
    np.save(tmp_path / "BS_name.npy", np.array(["open", "wide"]))
    assert facegood.read(tmp_path / "BS_value.npy").space == Space("facegood-2", ("open", "wide"))


@pytest.mark.parametrize(("values", "names", "message"), [
    (np.zeros((3, 5)), None, "expected 116 columns, or BS_name.npy beside it, got 5 columns"),
    (np.zeros(3), None, r"an array of shape \(3,\)"), (np.zeros((2, 9000)), None, "an array of shape"),
    (np.array([{}]), None, "Python objects|damaged"), (np.zeros((2, 3)), ["a", "b"], r"shape \(2,\)"),
    (np.zeros((2, 2)), ["a", "a"], "unique names"), (np.full((2, 2), np.nan), ["a", "b"], "NaN"),
    (np.full((2, 2), 1e300), ["a", "b"], "NaN or infinite"),
])
def test_broken_files_give_one_clear_error(tmp_path, values, names, message):
    np.save(tmp_path / "BS_value.npy", values)
    if names:
        np.save(tmp_path / "BS_name.npy", np.array(names))
    with pytest.raises(InputError, match=message):
        facegood.read(tmp_path / "BS_value.npy")


def test_the_jaw_of_real_data_follows_the_sound(shared):
    with np.load(shared / "data/facegood/paired/1114_2_01.npz") as clip:
        names, values = clip["names"].tolist(), clip["weights"]
    assert tuple(names) == FACEGOOD_116.columns
    assert values[:, FACEGOOD_116.index("mouth_stretch_c")].max() > 0.5
