"""FaceTalk's folders."""

import wave
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import facetalk
from personare.spaces import MONONPHM_100, NPHM_200
from personare.types import Motion, Take


@pytest.mark.parametrize("space", [NPHM_200, MONONPHM_100])
def test_codes_come_back_bit_for_bit(tmp_path, take, rng, space):
    motion = Motion(rng.standard_normal((30, len(space))), 24, space)
    facetalk.write(tmp_path / "a.facetalk", Take(motion, audio=take.audio))
    back = facetalk.read(tmp_path / "a.facetalk")
    assert (back.space, back.fps) == (space, 24)
    assert np.array_equal(back.values, motion.values)
    with np.load(tmp_path / "a.facetalk/nphm_tracking/nphm_expressions/frame_00007.npz") as frame:
        assert np.array_equal(frame["expression"], motion.values[7])
    with wave.open(str(tmp_path / "a.facetalk/audio/cleaned_audio.wav")) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (16000, 32000)


def test_frames_are_found_by_number_and_gaps_are_filled(tmp_path):
    for number, value in ((9, 0.0), (10, 1.0), (12, 3.0)):
        np.savez(tmp_path / f"frame_{number}.npz", np.full((1, 200), value))
    assert facetalk.fits(tmp_path)
    assert facetalk.read(tmp_path).values[:, 5].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("arrays", "message"), [
    ({"a": np.zeros(200), "b": np.zeros(200)}, "no array expression or exp"), ({"exp": np.zeros(7)}, "codes of 7 inst"),
    ({"exp": np.array([{}])}, "Python objects|damaged"), ({"exp": np.full(200, np.nan)}, "NaN"),
])
def test_broken_files_give_one_clear_error(tmp_path, arrays, message):
    np.savez(tmp_path / "frame_0.npz", **arrays)
    with pytest.raises(InputError, match=message):
        facetalk.read(tmp_path)


def test_other_motion_and_empty_folders_are_refused(tmp_path, take):
    with pytest.raises(InputError, match="expected the space nphm-200 or mononphm-100, got arkit-52"):
        facetalk.write(tmp_path / "a", replace(take))
    with pytest.raises(InputError, match="no frames"):
        facetalk.read(tmp_path)
