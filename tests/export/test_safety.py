"""Whatever goes wrong while any format is written, what stood there before is still there, and nothing else."""

import contextlib
import resource
import signal
from dataclasses import replace

import numpy as np
import pytest

from personare import registry
from personare.errors import InputError, OutputError

FORMATS = tuple(registry.TABLES["export"])
READABLE = tuple(name for name in FORMATS if registry.row("export", name).reader)


@pytest.fixture
def target(tmp_path):
    """A folder that holds one file, out, with the word before."""
    (tmp_path / "out").write_text("before")
    return tmp_path / "out"


@pytest.fixture
def long_take(take):
    """The take, long and detailed enough that every format needs more than 100 kB."""
    repeat = np.arange(1200) % 60
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 255, (96, 96, 3), dtype=np.uint8) for _ in range(60)]
    motion = replace(take.motion, values=take.motion.values[repeat], head_pose=take.motion.head_pose[repeat])
    return replace(take, motion=motion, frames=lambda: (pictures[i] for i in repeat))


def untouched(target):
    """Whether the folder is as it was."""
    return [path.name for path in target.parent.iterdir()] == ["out"] and target.read_text() == "before"


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
@pytest.mark.parametrize("size", [0, 5000, 60000])
def test_a_full_disk(target, long_take, name, size):
    with pytest.raises(OutputError, match=r"out: writing failed \(.+\); free space or choose another"), \
            no_file_above(size):
        registry.load("export", name)(target, long_take)
    assert untouched(target)


@pytest.mark.parametrize("name", FORMATS)
def test_an_interruption(target, take, name):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registry.load("export", name)(target, take, progress=interrupt)
    assert untouched(target)


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_that_is_none(target, take, name):
    with pytest.raises(OutputError, match="cannot write there"):
        registry.load("export", name)(target / "out", take)
    assert untouched(target)


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_file_replaces_the_old_one_and_progress_reaches_the_end(target, take, name):
    steps = []
    registry.load("export", name)(target, take, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (60, 60)
    assert steps == sorted(steps)
    assert [path.name for path in target.parent.iterdir()] == ["out"]
    assert target.stat().st_size > 1000


@pytest.mark.parametrize("name", READABLE)
def test_every_cut_of_a_file_is_refused_or_read_as_fewer_frames(target, take, name):
    registry.load("export", name)(target, take)
    whole, read = target.read_bytes(), registry.load_reader(name)
    messages = []
    for share in np.linspace(0, 0.999, 40):
        target.write_bytes(whole[:int(len(whole) * share)])
        try:
            assert len(read(target)) < 60
        except InputError as error:
            messages.append(str(error))
    assert "\n" not in "".join(messages)
    assert len(messages) >= (30 if name != "csv" else 1)


@pytest.mark.parametrize("name", READABLE)
def test_random_damage_gives_one_clear_error_or_a_motion(target, take, name, rng):
    registry.load("export", name)(target, replace(take, motion=take.motion.frames(0, 8)))
    whole, read = target.read_bytes(), registry.load_reader(name)
    for _ in range(150):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        target.write_bytes(damaged)
        with contextlib.suppress(InputError):
            assert np.isfinite(read(target).values).all()
