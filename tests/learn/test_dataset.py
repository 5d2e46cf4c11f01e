"""Data sets of clips: written and read back, cut, counted; what is wrong with one is said with its name."""

import json

import numpy as np
import pytest

from personare.errors import InputError
from personare.learn.dataset import Meta, open_dataset, segment, stats, write_clip
from personare.types import Audio, Motion


@pytest.fixture
def folder(tmp_path, rng):
    for name, seconds in (("one", 3.0), ("two", 1.0)):
        values = rng.uniform(0, 1, (int(30 * seconds), 52)).astype(np.float32)
        sound = (0.3 * rng.standard_normal(int(16000 * seconds))).astype(np.float32).clip(-1, 1)
        write_clip(tmp_path / "data", name, audio=Audio(sound, 16000), motion=Motion(values, 30, "arkit-52"),
                   meta=Meta(speaker=name, licence="CC0"))
    return tmp_path / "data"


def test_what_was_written_comes_back(folder):
    dataset = open_dataset(folder)
    assert [clip.name for clip in dataset.clips] == ["one", "two"]
    assert dataset.speakers == ("one", "two")
    assert len(dataset.clips[0].motion) == 90
    assert dataset.clips[0].audio().duration_s == 3.0
    figures = json.loads(json.dumps(stats(dataset)))
    assert figures["clips"] == 2
    assert figures["seconds"] == pytest.approx(4.0)
    column = np.concatenate([clip.motion.column("jawOpen") for clip in dataset.clips])
    assert figures["columns"]["jawOpen"]["mean"] == pytest.approx(column.mean(), abs=1e-6)


def test_pieces_have_one_length_and_their_own_sound(folder, tmp_path):
    dataset = open_dataset(folder)
    assert segment(dataset, tmp_path / "cut", seconds=1.2, overlap_s=0.2) == 4
    cut = open_dataset(tmp_path / "cut")
    assert [len(clip.motion) for clip in cut.clips] == [36, 36, 36, 30]
    whole = dataset.clips[0]
    np.testing.assert_array_equal(cut.clips[1].motion.values, whole.motion.values[30:66])
    np.testing.assert_allclose(cut.clips[1].audio().samples, whole.audio().samples[16000:35200], atol=1e-4)
    with pytest.raises(InputError, match="less than the length"):
        segment(dataset, tmp_path / "cut2", seconds=1, overlap_s=1)


def test_curves_that_outlast_the_sound_leave_no_piece_without_sound(tmp_path, rng):
    write_clip(tmp_path / "whole", "one", audio=Audio(np.full(16000 - 3520, 0.1, np.float32), 16000),
               motion=Motion(rng.uniform(0, 1, (30, 52)), 30, "arkit-52"))
    assert segment(open_dataset(tmp_path / "whole"), tmp_path / "cut", seconds=0.1) == 8
    assert all(len(clip.audio().samples) for clip in open_dataset(tmp_path / "cut").clips)


def test_what_is_wrong_is_said_with_the_clip(folder, tmp_path, rng):
    (folder / "two" / "audio.flac").unlink()
    with pytest.raises(InputError, match="two"):
        open_dataset(folder)
    write_clip(folder, "two", audio=Audio(np.zeros(160000, np.float32), 16000),
               motion=Motion(rng.uniform(0, 1, (30, 52)), 30, "arkit-52"))
    with pytest.raises(InputError, match="two"):
        open_dataset(folder)
    (folder / "two" / "meta.json").write_text('{"speeker": "x"}')
    with pytest.raises(InputError, match="two"):
        open_dataset(folder)
    with pytest.raises(InputError, match=r"docs/learn\.md"):
        open_dataset(tmp_path)


def test_numbers_that_are_none_and_unknown_columns_are_named_with_their_place(folder):
    path = folder / "two" / "motion.npz"
    with np.load(path) as file:
        arrays = dict(file)
    broken = arrays["values"].copy()
    broken[12, 17] = np.nan
    np.savez(path, **arrays | {"values": broken})
    with pytest.raises(InputError, match=r"two.motion\.npz.* 1 that are not, the first in frame 12, column jawOpen"):
        open_dataset(folder)
    names = arrays["names"].copy()
    names[17] = "jawOpne"
    np.savez(path, **arrays | {"names": names})
    with pytest.raises(InputError, match=r"two.motion\.npz: expected the columns of arkit-52, got jawOpne"):
        open_dataset(folder)
