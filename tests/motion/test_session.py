"""Any chunks give the same motion; the declared look-ahead is what sound really reaches."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.audio.mel import MelOptions
from personare.errors import InputError
from personare.motion.session import Pipeline, Session
from personare.spaces import ARKIT_52

MEL = MelOptions(band_count=8, rate_hz=120.0)
BEFORE, AFTER, REACH_BEFORE, REACH_AFTER = 3, 2, 2, 1


def toy_run(rows):
    """A stand-in network: frame i is the mean of every row it may see."""
    count = (len(rows) - 1) // 2 - BEFORE - AFTER
    windows = [rows[2 * i : 2 * (i + BEFORE + AFTER) + 3].mean() for i in range(count)]
    return np.array(windows, np.float32)[:, None]


def toy_decode(outputs):
    """A stand-in decoder that looks at two frames before and one after each frame."""
    mean = (outputs[:-3] + outputs[1:-2] + outputs[2:-1] + outputs[3:]) / 4
    return np.repeat(mean / -20, len(ARKIT_52), axis=1)


def session(fps=30.0):
    """A fresh session of the toy pipeline."""
    return Session(Pipeline(MEL, toy_run, toy_decode, BEFORE, AFTER, REACH_BEFORE, REACH_AFTER, "arkit-52"), fps=fps)


def whole(sound, fps=30.0):
    """(t, 52) of one push."""
    take = session(fps)
    return np.concatenate([take.push(sound).values, take.finish().values])


SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, 20000).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=12),
       fps=st.sampled_from([24.0, 25.0, 29.97, 30.0, 60.0, 90.0]))
def test_chunks_of_any_size_give_the_same_motion(cuts, fps):
    take = session(fps)
    edges = [0, *sorted(cuts), len(SOUND)]
    pieces = [take.push(SOUND[a:b]).values for a, b in pairwise(edges)]
    pieces.append(take.finish().values)
    np.testing.assert_allclose(np.concatenate(pieces), whole(SOUND, fps), atol=1e-5)


@pytest.mark.parametrize(("seconds", "fps", "frames"), [
    (0, 30.0, 1), (1e-4, 30.0, 1), (1.0, 30.0, 30), (1.01, 30.0, 31), (2.0, 60.0, 120), (1.0, 24.0, 24),
    (9.0, 25.0, 225), (1.0, 29.97, 30), (1.0, 120.0, 120)])
def test_frames_cover_the_sound(seconds, fps, frames):
    assert len(whole(np.zeros(int(seconds * 16000), np.float32), fps)) == frames


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
def test_frames_depend_on_sound_up_to_the_declared_look_ahead_and_no_further(fps):
    frame = 20
    limit = frame / fps + session(fps).look_ahead_s
    changed = []
    for at_s in (limit - 0.02, limit + 1e-4):
        other = SOUND.copy()
        other[int(np.ceil(at_s * 16000)) :] *= -0.2
        changed.append(np.abs(whole(other, fps)[: frame + 1] - whole(SOUND, fps)[: frame + 1]).max(axis=1))
    assert changed[0][frame] > 1e-5
    assert changed[1].max() == 0


def test_push_gives_every_frame_that_is_certain():
    take = session()
    got = sum(len(take.push(chunk)) for chunk in np.split(SOUND, 100))
    certain = int((len(SOUND) / 16000 - take.look_ahead_s) * 30)
    assert got >= certain


def test_memory_of_a_long_take_is_bounded():
    take = session()
    sizes = []
    for _ in range(12):
        take.push(SOUND)
        sizes.append(take._network.size + take._values.size + take._outputs.size)
    assert max(sizes[6:]) <= max(sizes[:6])


@pytest.mark.parametrize("fps", [0, -1, float("nan"), "30"])
def test_a_senseless_frame_rate_is_refused(fps):
    with pytest.raises(InputError, match="fps: expected a positive number of frames a second"):
        session(fps)


def test_sound_after_the_end_is_refused():
    take = session()
    take.finish()
    with pytest.raises(InputError, match="use a new session"):
        take.push(SOUND)
    assert len(take.finish()) == 0
