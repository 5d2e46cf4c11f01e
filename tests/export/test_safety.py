"""Whatever goes wrong while any format is written, what stood there before is still there, and nothing else."""

import contextlib
import resource
import signal
from dataclasses import replace

import numpy as np
import pytest

from personare import registry
from personare.errors import InputError, OutputError
from personare.spaces import space_named
from personare.types import Motion

ROWS = registry.TABLES["export"]
FORMATS = tuple(name for name, row in ROWS.items() if not row.extra and "vrm" not in row.needs)
# Formats of lines: what is left of a cut file may be a shorter take.
LINES = ("csv", "a2f-csv", "emotion", "rhubarb", "rhubarb-xml", "moho", "nvp")
READABLE = tuple(name for name in FORMATS if ROWS[name].reader)
# A file that each folder format writes.
MEMBERS = {"obj": "rest.obj", "ply": "rest.ply", "png": "frame_000000.png", "facegood": "BS_name.npy",
           "facetalk": "nphm_tracking/nphm_expressions/frame_00000.npz", "audiodvp": "delta/00001.pt"}


def prepared(tmp_path, name):
    """Where a format is to be written: a file, or a folder with a file of its own in it, that says before."""
    target = tmp_path / "out"
    if ROWS[name].folder:
        (target / MEMBERS[name]).parent.mkdir(parents=True)
        (target / MEMBERS[name]).write_text("before")
    else:
        target.write_text("before")
    return target


def files_of(target):
    """The files of a result."""
    return [path for path in target.rglob("*") if path.is_file()] if target.is_dir() else [target]


def one_of(target, name):
    """The file of a result that is damaged."""
    return target / MEMBERS[name] if ROWS[name].folder else target


def untouched(target):
    """Whether the folder is as it was."""
    return [path.name for path in target.parent.iterdir()] == ["out"] and \
        [path.read_text() for path in files_of(target)] == ["before"]


def fitting(take, name):
    """The take with a motion in the space that a format needs."""
    space = "vrm1" if name == "vrma" else ROWS[name].space
    if space in ("", "arkit-52"):
        return take
    values = np.random.default_rng(5).random((len(take.motion), len(space_named(space))))
    return replace(take, motion=Motion(values, take.motion.fps, space, take.motion.head_pose))


@pytest.fixture
def long_take(take):
    """The take, longer and with more detail, so that files outgrow the buffers of a writer."""
    repeat = np.arange(400) % 60
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 255, (96, 96, 3), dtype=np.uint8) for _ in range(60)]
    motion = replace(take.motion, values=take.motion.values[repeat], head_pose=take.motion.head_pose[repeat])
    return replace(take, motion=motion, frames=lambda: (pictures[i] for i in repeat))


@contextlib.contextmanager
def no_file_above(size):
    """Let every write past that size of a file fail, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0, 0.05, 0.95])
def test_a_full_disk(tmp_path, long_take, name, share):
    take = fitting(long_take, name)
    (tmp_path / "whole").mkdir()
    registry.load("export", name)(tmp_path / "whole/out", take)
    size = max(path.stat().st_size for path in files_of(tmp_path / "whole/out"))
    (tmp_path / "target").mkdir()
    target = prepared(tmp_path / "target", name)
    with pytest.raises(OutputError, match=r"out: writing failed \(.+\); free space or choose another"), \
            no_file_above(int(size * share)):
        registry.load("export", name)(target, take)
    assert untouched(target)


@pytest.mark.parametrize("name", FORMATS)
def test_an_interruption(tmp_path, take, name):
    def interrupt(done, total):
        raise KeyboardInterrupt

    target = prepared(tmp_path, name)
    with pytest.raises(KeyboardInterrupt):
        registry.load("export", name)(target, fitting(take, name), progress=interrupt)
    assert untouched(target)


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_that_is_none(tmp_path, take, name):
    (tmp_path / "out").write_text("before")
    with pytest.raises(OutputError, match="cannot write there"):
        registry.load("export", name)(tmp_path / "out" / "out", fitting(take, name))
    assert untouched(tmp_path / "out")


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_in_the_way_is_not_replaced(tmp_path, take, name):
    if ROWS[name].folder:
        (tmp_path / "out").write_text("before")
    else:
        (tmp_path / "out").mkdir()
        (tmp_path / "out/notes.txt").write_text("before")
    with pytest.raises(OutputError, match="expected a f"):
        registry.load("export", name)(tmp_path / "out", fitting(take, name))
    assert untouched(tmp_path / "out")


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_file_replaces_the_old_one_and_progress_reaches_the_end(tmp_path, take, name):
    steps, target = [], prepared(tmp_path, name)
    registry.load("export", name)(target, fitting(take, name), progress=lambda *step: steps.append(step))
    assert steps[-1] == (60, 60)
    assert steps == sorted(steps)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert all(path.read_bytes() != b"before" for path in files_of(target))


@pytest.mark.parametrize("name", READABLE)
def test_every_cut_of_a_file_is_refused_or_read_as_fewer_frames(tmp_path, take, name):
    target = tmp_path / "out"
    registry.load("export", name)(target, fitting(take, name))
    read, victim, messages = registry.load_reader(name), one_of(target, name), []
    whole, count = victim.read_bytes(), len(read(target))
    for share in np.linspace(0, 0.999, 40):
        victim.write_bytes(whole[:int(len(whole) * share)])
        try:
            assert len(read(target)) <= count
        except InputError as error:
            messages.append(str(error))
    assert "\n" not in "".join(messages)
    assert len(messages) >= (1 if name in LINES else 30)


@pytest.mark.parametrize("name", READABLE)
def test_random_damage_gives_one_clear_error_or_a_motion(tmp_path, take, name, rng):
    take, target = fitting(take, name), tmp_path / "out"
    registry.load("export", name)(target, replace(take, motion=take.motion.frames(0, 8)))
    read, victim = registry.load_reader(name), one_of(target, name)
    whole = victim.read_bytes()
    for _ in range(150):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        victim.write_bytes(damaged)
        with contextlib.suppress(InputError):
            assert np.isfinite(read(target).values).all()
