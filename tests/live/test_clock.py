"""Frames on a steady clock, in simulated time."""

import numpy as np
import pytest

from personare.live.clock import Pacer, Schedule


class Simulated:
    """A clock that only moves when asked."""

    def __init__(self):
        self.time = 100.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


def played(ready, *, fps=30.0, stall=()):
    """Times at which frames are shown that become ready at the given times; the machine stalls for (at, seconds)."""
    clock, shown, stalls = Simulated(), [], list(stall)
    pacer = Pacer(fps, lambda index, frame: shown.append((index, clock.now())), clock=clock)
    ready, next_ready = np.asarray(ready) + clock.now(), 0
    while next_ready < len(ready) or pacer.waiting:
        wait = pacer.pump()
        until = [clock.now() + wait] if wait is not None else []
        if next_ready < len(ready):
            until.append(max(ready[next_ready], clock.now()))
        if not until:
            break
        clock.time = max(clock.time, min(until))
        if stalls and clock.now() >= 100 + stalls[0][0]:
            clock.time += stalls.pop(0)[1]
        while next_ready < len(ready) and ready[next_ready] <= clock.now():
            pacer.add([next_ready])
            next_ready += 1
    return np.array(shown), pacer


def test_jitter_of_the_source_does_not_reach_the_receiver(rng):
    ready = np.arange(600) / 30 + 0.15 + rng.uniform(0, 0.008, 600)
    shown, pacer = played(np.maximum.accumulate(ready))
    steps = np.diff(shown[60:, 1])
    assert len(shown) == 600
    assert pacer.dropped == 0
    assert np.abs(steps - 1 / 30).max() < 0.001
    assert (shown[:, 1] - 100 - np.arange(600) / 30).max() < 0.15 + 0.008 + 0.012


@pytest.mark.parametrize("drift", [2e-4, -2e-4])
def test_a_clock_that_runs_differently_is_followed_for_eight_hours(drift):
    count = 8 * 3600 * 5
    schedule = Schedule(5.0)
    now = np.arange(count) / 5 * (1 + drift) + 50.0
    ahead = np.array([schedule.ready(i, t) - t for i, t in enumerate(now)])
    # 200 parts in a million are 5.8 seconds in eight hours; the wait between ready and due stays within a few ms.
    assert ahead.min() > -0.002
    assert ahead.max() < 0.02
    assert ahead[-1000:].mean() == pytest.approx(schedule.margin_s, abs=0.008)


def test_a_stall_of_the_machine_drops_frames_and_catches_up():
    shown, pacer = played(np.arange(300) / 30 + 0.1, stall=[(5.0, 0.2)])
    assert 3 <= pacer.dropped <= 8
    assert len(shown) + pacer.dropped == 300
    late = shown[:, 1] - 100 - shown[:, 0] / 30
    assert late[-30:].max() < late[:30].max() + 0.03


def test_a_pause_of_the_sound_moves_the_schedule_and_frames_go_on():
    ready = np.concatenate([np.arange(60) / 30, 60 / 30 + 3.0 + np.arange(60) / 30])
    shown, pacer = played(ready)
    assert pacer.dropped == 0
    assert len(shown) == 120
    assert shown[60, 1] == pytest.approx(100 + ready[60], abs=0.02)


def test_everything_at_once_is_still_shown_in_time():
    shown, pacer = played(np.zeros(90))
    assert pacer.dropped == 0
    np.testing.assert_allclose(np.diff(shown[:, 1]), 1 / 30, atol=2e-3)
