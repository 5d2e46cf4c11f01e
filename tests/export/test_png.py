"""Pictures come back pixel by pixel."""

from dataclasses import replace

import av
import numpy as np
import pytest

from personare.errors import InputError
from personare.export.png import write


def decoded(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_every_picture_comes_back(tmp_path, take, rng):
    drawn = [rng.integers(0, 255, (17, 23, 3), dtype=np.uint8) for _ in range(3)]
    write(tmp_path / "a.pngs", replace(take, motion=take.motion.frames(0, 3), frames=lambda: iter(drawn)))
    names = sorted(path.name for path in (tmp_path / "a.pngs").iterdir())
    assert names == [f"frame_{i:06d}.png" for i in range(3)]
    for name, picture in zip(names, drawn, strict=True):
        assert np.array_equal(decoded(tmp_path / "a.pngs" / name), picture)


@pytest.mark.parametrize(("frames", "message"), [
    (None, "expected pictures, got none"), (lambda: iter([]), "expected at least one picture"),
    (lambda: iter([np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2, 3), np.uint8)]), r"of shape \(2, 2, 3\)"),
])
def test_missing_or_uneven_pictures_are_refused(tmp_path, take, frames, message):
    with pytest.raises(InputError, match=message):
        write(tmp_path / "a.pngs", replace(take, frames=frames))
    assert list(tmp_path.iterdir()) == []
