"""Animated pictures: times without drift, colours close, still parts still."""

from dataclasses import replace

import av
import numpy as np
import pytest

from personare.export import gif


def decoded(path):
    """(times in hundredths of a second, pictures) of a GIF."""
    with av.open(str(path)) as container:
        base = container.streams.video[0].time_base
        frames = [(round(frame.pts * base * 100), frame.to_ndarray(format="rgb24"))
                  for frame in container.decode(video=0)]
    return [time for time, _ in frames], [picture for _, picture in frames]


@pytest.mark.parametrize(("fps", "times"), [
    (25.0, [0, 4, 8, 12, 16, 20]), (30.0, [0, 3, 7, 10, 13, 17]), (60.0, [0, 2, 5, 7, 10, 12]),
    (50.0, [0, 2, 4, 6, 8, 10])])
def test_pictures_start_at_the_nearest_hundredth(tmp_path, take, fps, times):
    gif.write(tmp_path / "a.gif", replace(take, motion=replace(take.motion, fps=fps)))
    found, pictures = decoded(tmp_path / "a.gif")
    assert found[:6] == times
    assert found[-1] == pytest.approx(59 * 100 / fps, abs=2)
    assert np.abs(pictures[-1].astype(int) - 255).max() <= 12


def test_still_parts_stay_still_and_colours_are_close(tmp_path, take, rng):
    ramp = np.stack([np.tile(np.linspace(60, 200, 64), (48, 1))] * 3, axis=2).astype(np.uint8)
    ramp[:, :, 1] //= 2

    def drawn():
        for i in range(70):
            picture = ramp.copy()
            picture[20:28, 10:50] = i * 3
            yield picture

    gif.write(tmp_path / "a.gif", replace(take, frames=drawn))
    _, pictures = decoded(tmp_path / "a.gif")
    assert np.abs(pictures[40].astype(int) - list(drawn())[40]).mean() < 5
    still = np.array([picture[:16] for picture in pictures])
    assert (still == still[0]).all()
