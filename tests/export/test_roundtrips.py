"""What any format writes it reads back: random motions of random lengths, and plain file names."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personare import registry
from personare.spaces import ARKIT_52, space_named
from personare.types import Motion, Take

ROWS = registry.TABLES["export"]
# Format -> (space, what is lost of a value at most, frame rates); None for rates that it keeps as they are.
KEPT = {
    "npz": ("arkit-52", 0, None), "json": ("arkit-52", 5.1e-7, None), "a2f": ("a2f-68", 5.1e-7, None),
    "csv": ("arkit-52", 1e-9, (30, 60)), "a2f-csv": ("a2f-68", 0, (24, 25, 30, 47, 60)),
    "emotion": ("a2f-emotion-10", 0, (24, 25, 30, 60)), "mediapipe": ("mediapipe-52", 1e-6, (25, 30, 60)),
    "facegood": ("facegood-116", 0, (30,)), "facetalk": ("nphm-200", 0, (24,)), "nvp": ("nvp-76", 0, (25,)),
    "audiodvp": ("audiodvp-64", 0, (25,)), "deep3d": ("deep3d-257", 0, (25,)),
}
CUES = ("rhubarb", "rhubarb-json", "rhubarb-xml", "moho")


@st.composite
def motions(draw, name):
    space, _, rates = KEPT[name]
    count = draw(st.integers(2, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.random((count, len(space_named(space)))) ** draw(st.sampled_from([1, 8, 40]))
    values[:, rng.random(values.shape[1]) < 0.3] = 0
    return Motion(values, draw(st.sampled_from(rates) if rates else st.floats(1, 240)), space)


def test_every_readable_format_is_tested():
    assert set(KEPT) | set(CUES) == {name for name, row in ROWS.items() if row.reader}


@pytest.mark.parametrize("name", KEPT)
def test_a_motion_comes_back(name):
    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(motion=motions(name))
    def check(motion):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"take{ROWS[name].suffix}"
            registry.load("export", name)(path, Take(motion))
            assert registry.format_to_read(path) == name
            back = registry.load_reader(name)(path)
        assert (back.space, len(back)) == (motion.space, len(motion))
        assert back.fps == pytest.approx(motion.fps, rel=1e-9)
        assert np.abs(back.values - motion.values).max() <= KEPT[name][1]

    check()


@pytest.mark.parametrize("name", CUES)
def test_cues_come_back(name):
    from personare.export.mouth_cues import cues_of
    from personare.spaces import RHUBARB_9

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=st.lists(st.tuples(st.integers(0, 8), st.integers(6, 30)), min_size=1, max_size=12))
    def check(drawn):
        rows = np.repeat(np.eye(9)[[k for k, _ in drawn]], [n for _, n in drawn], axis=0)
        motion = Motion(rows, 60, RHUBARB_9)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"take{ROWS[name].suffix}"
            registry.load("export", name)(path, Take(motion))
            back = registry.load_reader(name)(path)
        one, other = cues_of(motion), cues_of(back)
        assert [shape for *_, shape in other][:len(one)] == [shape for *_, shape in one]
        slack = 1 / 24 if name == "moho" else 1.01 / 60
        assert all(abs(a[0] - b[0]) <= slack for a, b in zip(one, other, strict=False))

    check()


@pytest.mark.parametrize(("name", "plain"), [
    ("a2f", "take.json"), ("a2f-csv", "animation_frames.csv"), ("emotion", "a2f_input_emotions.csv"), ("csv", "t.csv"),
    ("json", "t.json"), ("mediapipe", "t.json"), ("rhubarb", "t.tsv"), ("rhubarb", "t.txt"), ("rhubarb-json", "t.json"),
    ("rhubarb-xml", "t.xml"), ("nvp", "expression.txt"), ("nvp", "t.txt"), ("npz", "t.npz"), ("deep3d", "t.mat"),
    ("facegood", "t"), ("facetalk", "t"), ("audiodvp", "t")])
def test_plain_names_are_told_apart_by_what_is_in_the_file(tmp_path, name, plain):
    space = KEPT[name][0] if name in KEPT else "arkit-52"
    rates = KEPT[name][2] if name in KEPT else None
    values = np.random.default_rng(1).random((8, len(space_named(space))))
    registry.load("export", name)(tmp_path / plain, Take(Motion(values, rates[0] if rates else 30, space)))
    assert registry.format_to_read(tmp_path / plain) == name


def test_a_folder_of_nothing_known_is_explained(tmp_path):
    with pytest.raises(ValueError, match="a folder of facegood, facetalk, audiodvp, got no file of theirs"):
        registry.format_to_read(tmp_path)


@pytest.mark.parametrize("fps", [30.0, 60.0, 25.0])
def test_a_live_link_take_keeps_its_bytes(tmp_path, fps):
    from personare.export import livelink

    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32 - 1), power=st.sampled_from([1, 10, 60]), size=st.sampled_from([0.01, 0.5, 1.2]))
    def check(seed, power, size):
        rng = np.random.default_rng(seed)
        angles = rng.uniform(-size, size, (20, 3))
        pose = np.tile(np.eye(4), (20, 1, 1))
        pose[:, :3, :3] = livelink.from_yaw_pitch_roll(angles)
        motion = Motion(rng.random((20, 52)) ** power, fps, ARKIT_52, pose)
        with tempfile.TemporaryDirectory() as folder:
            one, other = Path(folder) / "a.csv", Path(folder) / "b.csv"
            livelink.write(one, Take(motion, start_s=3600))
            livelink.write(other, Take(livelink.read(one), start_s=3600))
            assert one.read_bytes() == other.read_bytes()

    check()
