"""A video as a style: what is tracked in it, once; names and takes stay what they are."""

from types import SimpleNamespace

import numpy as np

from personare import filmed
from personare.cli.options import strengths_of, style_of
from personare.tracking import track as tracking
from personare.types import Motion


def test_a_style_that_is_a_video_is_tracked(tmp_path, monkeypatch):
    motion, asked = Motion(np.zeros((3, 52), np.float32), 25, "arkit-52"), []
    monkeypatch.setattr(filmed, "track", lambda path, **options: asked.append((path, options["face"])) or
                        SimpleNamespace(motion=motion))
    monkeypatch.setattr(tracking, "performance", lambda track: track.motion)
    video = tmp_path / "anna.mp4"
    assert style_of(str(video), "sona") == str(video)
    video.write_bytes(b"")
    assert style_of(str(video), "sona/mara") is motion
    assert asked == [(str(video), "sona/mara")]
    assert style_of("anna", "sona") == "anna"
    assert style_of(None, "sona") is None


def test_strengths_of_the_command_line():
    assert strengths_of(1, 1, 0, "sona") is None
    found = strengths_of(1.2, 0.5, 30, "sona")
    assert (found.lips, found.upper, found.smoothing_ms, found.share) == (1.2, 0.5, 30, None)
    assert strengths_of(1, 1, 30, "no such face").smoothing_ms == 30
