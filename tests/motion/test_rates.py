"""Frames at other rates: what np.interp gives, in pieces of any size."""

import numpy as np
import pytest

from personare.motion.rates import Frames


@pytest.mark.parametrize(("frame_hz", "fps"), [(30, 30), (30, 15), (30, 60), (30, 25), (24, 29.97)])
def test_pieces_give_what_interpolation_gives(frame_hz, fps, rng):
    values = rng.standard_normal((91, 2)).astype(np.float32)
    frames, given, most = Frames(frame_hz=frame_hz, fps=fps, width=2), [], 40
    for piece in np.split(values, [3, 4, 40, 77]):
        frames.add(piece)
        given.append(frames.take(most))
    assert sum(map(len, given)) == min(most, int(90 * fps / frame_hz + 1e-9) + 1)
    given = np.concatenate([*given, frames.take(10**6)])
    time = np.arange(len(given)) * frame_hz / fps
    assert len(given) == int(90 * fps / frame_hz + 1e-9) + 1
    for column in (0, 1):
        np.testing.assert_allclose(given[:, column], np.interp(time, np.arange(91), values[:, column]), atol=1e-4)
    assert frames.needed(len(given)) <= 91 < frames.needed(len(given) + 1)
    behind = max(np.ceil(t - 1e-9) - t for t in np.arange(1000) * frame_hz / fps)
    assert frames.between == pytest.approx(behind, abs=1e-9)
