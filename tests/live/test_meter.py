"""Figures of a live run are those of its clock, and packets sent to oneself come back."""

import time

import numpy as np
import pytest

import personare
from personare.live.meter import Figures, Jitter, LoopBack, Series
from personare.live.show import Show
from personare.types import Motion


def test_a_series_keeps_the_last_and_does_not_grow():
    series = Series(most=4)
    assert len(series.values()) == 0
    for value in range(10):
        series.add(value)
    assert sorted(series.values()) == [6, 7, 8, 9]


def test_jitter_is_what_the_steps_are_off_and_dropped_frames_are_none():
    jitter = Jitter(10)
    for index, at_s in ((0, 0.0), (1, 0.1), (3, 0.3), (4, 0.42)):
        jitter.add(index, at_s)
    np.testing.assert_allclose(jitter.series.values(), [0, 0, 20], atol=1e-4)


def test_percentiles_and_totals():
    hundred = np.arange(1, 101, dtype=np.float32)
    figures = Figures(40.0, hundred, hundred, hundred[:0], hundred, 100, 2, 10.0)
    rows = figures.percentiles()
    assert list(rows) == ["sound to packet", "compute", "jitter"]
    assert rows["compute"] == {"p50": pytest.approx(50.5), "p95": pytest.approx(95.05), "p99": pytest.approx(99.01),
                               "max": 100}
    assert figures.totals() == {"look-ahead ms": 40.0, "frames shown": 100, "frames dropped": 2, "sound s": 10.0,
                                "compute ms for each 10 ms": pytest.approx(5.05)}


def test_packets_to_oneself_are_timed_on_arrival():
    back = LoopBack(30)
    frame = Motion(np.zeros((1, 52), np.float32), 30, "arkit-52")
    for index in range(20):
        back.time(index, time.monotonic() - 0.05)
        back.send(index, frame)
        time.sleep(0.002)
    back.close()
    assert (back.sent, back.came) == (20, 20)
    assert (back.wire_ms.values() >= 0).all()
    # What arrives was spoken 50 ms before it was sent, and came after that.
    np.testing.assert_allclose(back.arrival_ms.values() - back.wire_ms.values(), 50, atol=2)


def test_a_show_measures_itself():
    class Spoken:
        live, rate_hz = False, 16000

        def chunks(self):
            samples = personare.load("examples/hello.wav").samples[:self.rate_hz]
            begin = time.monotonic()
            for at in range(0, len(samples), 160):
                time.sleep(max(0.0, begin + (at + 160) / self.rate_hz - time.monotonic()))
                yield samples[at:at + 160]

        def close(self):
            pass

    show = Show(Spoken(), [], model="vox-live", loop_back=True)
    rows, totals = show.run().percentiles(), show.figures().totals()
    assert {"sound to packet", "sound to arrival", "arrival jitter", "socket"} <= set(rows)
    assert totals["packets lost"] == 0
    # No packet leaves before the sound it needs has been spoken: a chunk of 10 ms is spoken when it is given.
    assert rows["sound to packet"]["p50"] >= show.performance.look_ahead_s * 1000 - 10
    assert rows["sound to arrival"]["p50"] >= rows["sound to packet"]["p50"] - 0.5
