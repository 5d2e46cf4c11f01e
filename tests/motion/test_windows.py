"""Windowed sessions: any pieces give the same motion, which a plain loop over windows gives too."""

import numpy as np
import pytest

from personare.audio.front_ends import features_of, open_front_end
from personare.errors import InputError
from personare.motion.windows import WindowPlan, WindowSession
from personare.spaces import Space
from personare.types import Audio

SPACE = Space("three", ("a", "b", "c"))
PLANS = {
    "mel 60 to 30": (60, 30, 3, 2, (0, 0), "silence", "run"),
    "filtered, clamped": (50, 25, 4, 4, (3, 4), "zero", "clamp"),
    "edge": (100, 30, 0, 5, (1, 0), "edge", "run"),
}


def plan_of(rate, hz, before, after, reach, padding, edges):
    front_end = open_front_end("mel", band_count=8, rate_hz=rate)
    matrix = np.random.default_rng(1).standard_normal(((before + 1 + after) * 8, 3)).astype(np.float32) / 40

    def decode(outputs):
        width = sum(reach) + 1
        return np.stack([outputs[i : i + width].mean(axis=0) for i in range(len(outputs) - width + 1)])

    return WindowPlan(front_end, hz, before, after, run=lambda w: w.reshape(len(w), -1) @ matrix, space=SPACE,
                      decode=decode, reach_before=reach[0], reach_after=reach[1], padding=padding, edges=edges)


def plain(plan, sound, fps_count):
    """The same by the words of WindowPlan: every frame for itself."""
    rows = features_of(plan.front_end, Audio(sound, 16000)).values
    silent = plan.front_end.silent_row()
    outside = {"silence": lambda i: silent, "zero": lambda i: 0 * silent,
               "edge": lambda i: rows[0] if i < 0 else rows[-1]}[plan.padding]

    def output(frame):
        own = int(plan.centre(frame))
        window = [rows[i] if 0 <= i < len(rows) else outside(i) for i in range(own - plan.rows_before,
                                                                               own + plan.rows_after + 1)]
        return plan.run(np.stack(window)[None])[0]

    inside = max(int(np.ceil(len(sound) / 16000 * plan.frame_hz - 1e-6)) - 1, 0)
    limit = (lambda i: min(max(i, 0), inside)) if plan.edges == "clamp" else (lambda i: i)
    return np.stack([plan.decode(np.stack([output(limit(i + j)) for j in range(-plan.reach_before,
                                                                               plan.reach_after + 1)]))[0]
                     for i in range(fps_count)])


@pytest.mark.parametrize("name", PLANS)
def test_any_pieces_give_what_a_plain_loop_gives(name, rng):
    plan = plan_of(*PLANS[name])
    sound = (0.1 * rng.standard_normal(17000)).astype(np.float32)
    takes = []
    for cuts in ([], np.sort(rng.integers(0, len(sound), 50))):
        session = WindowSession(plan, fps=plan.frame_hz)
        pieces = [session.push(piece).values for piece in np.split(sound, cuts)]
        takes.append(np.concatenate([*pieces, session.finish().values]))
    count = int(np.ceil(len(sound) / 16000 * plan.frame_hz - 1e-6))
    wanted = plain(plan, sound, count)
    for take in takes:
        assert take.shape == (count, 3)
        np.testing.assert_allclose(take, wanted, atol=2e-5)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("fps", [24.0, 30.0])
def test_no_frame_moves_before_the_look_ahead_reaches_what_changed(name, fps, rng):
    plan = plan_of(*PLANS[name])
    sound = (0.1 * rng.standard_normal(17000)).astype(np.float32)
    changed = sound.copy()
    changed[9600:] = 0.5 * rng.standard_normal(len(sound) - 9600)
    takes = []
    for one in (sound, changed):
        session = WindowSession(plan, fps=fps)
        takes.append(np.concatenate([session.push(one).values, session.finish().values]))
    sure = int((0.6 - session.look_ahead_s) * fps)
    np.testing.assert_allclose(takes[0][:sure], takes[1][:sure], atol=1e-6)
    assert np.abs(takes[0] - takes[1]).max() > 1e-3


def test_nothing_is_taken_after_the_end():
    session = WindowSession(plan_of(*PLANS["edge"]))
    assert len(session.finish()) == 1
    with pytest.raises(InputError, match="new session"):
        session.push(np.zeros(10, np.float32))
