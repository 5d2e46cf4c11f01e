import subprocess
import sys
import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from personare.errors import InputError
from personare.rendering import frames
from personare.rendering.camera import frame_face
from personare.rendering.frames import render_frames, warmup


def workers():
    """Names of running render threads."""
    return [t.name for t in threading.enumerate() if t.name.startswith("personare-render")]


def test_frames_come_in_order_and_do_not_depend_on_the_number_of_threads(head, talk):
    one = list(render_frames(head, talk, size=(96, 80), threads=1))
    many = list(render_frames(head, talk, size=(96, 80), threads=5))
    assert len(one) == len(talk)
    assert all(f.shape == (80, 96, 3) and f.dtype == np.uint8 for f in one)
    assert np.array_equal(one, many)
    assert all((a != b).any() for a, b in pairwise(one))
    for i in (0, 9):
        alone, = render_frames(head, talk.frames(i, i + 1), size=(96, 80))
        assert np.abs(alone.astype(int) - one[i]).max() <= 1


def test_the_jaw_moves_down_in_the_picture(head, talk):
    still = replace(talk.with_columns({"lookUp": np.zeros(len(talk))}), head_pose=None)
    camera = frame_face(head, (96, 96))
    shut, *_, wide = render_frames(head, still.frames(0, 11), camera=camera)
    changed = np.argwhere((shut != wide).any(axis=2))
    assert changed[:, 0].min() > 96 / 3


def test_few_frames_are_drawn_ahead_and_closing_stops_the_workers(head, talk, monkeypatch):
    drawn = []
    draw_slice = frames._draw_slice
    monkeypatch.setattr(frames, "_draw_slice", lambda *a: drawn.append(1) or draw_slice(*a))
    long = type(talk)(np.tile(talk.values, (200, 1)), 30, talk.space)
    pictures = render_frames(head, long, size=(32, 32), threads=2)
    assert not workers()
    for _ in range(17):
        next(pictures)
    # Three tasks of eight frames, and at most one for each thread and one more ahead.
    assert len(drawn) <= 3 + 2 + 1
    assert workers()
    pictures.close()
    assert not workers()
    assert len(drawn) <= 3 + 2 + 1
    with pytest.raises(StopIteration):
        next(pictures)


def test_a_failure_in_a_worker_reaches_the_caller(head, talk, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(frames, "_draw_slice", fail)
    with pytest.raises(MemoryError, match="no room"):
        list(render_frames(head, talk, size=(32, 32)))
    assert not workers()


def test_an_empty_motion_gives_no_frames(head, talk):
    assert list(render_frames(head, talk.frames(0, 0), size=(32, 32))) == []


def test_bad_options_are_refused_before_the_first_frame(head, talk):
    for bad, message in (({"size": (8, 8)}, "size: expected"), ({"threads": 0}, "threads: expected a whole number"),
                         ({"threads": 1.5}, "threads: expected"), ({"light": "moon"}, "light: expected one of")):
        with pytest.raises(InputError, match=message):
            render_frames(head, talk, **bad)


def test_without_numba_the_picture_is_the_same(head, talk, monkeypatch):
    fast = list(render_frames(head, talk, size=(64, 64)))
    for name in ("raster", "draw"):
        monkeypatch.setitem(sys.modules, f"personare.rendering.{name}", None)
    slow = list(render_frames(head, talk, size=(64, 64)))
    assert np.abs(np.subtract(fast, slow, dtype=int)).max() <= 1


def test_importing_loads_numba_only_with_warmup():
    script = ("import sys; import personare.rendering.frames as f; assert 'numba' not in sys.modules; f.warmup();"
              "print('numba' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_warmup_may_be_repeated():
    warmup()
    warmup()
