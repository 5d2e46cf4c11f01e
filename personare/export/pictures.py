"""The pictures of a take, for the formats that show them."""

from contextlib import contextmanager
from itertools import chain

import numpy as np

from personare.errors import InputError


@contextmanager
def pictures(take):
    """Iterator of a take's pictures, at least one; it is closed at the end, so that a renderer stops its threads.

    Raises:
        InputError: there are none.
    """
    if take.frames is None:
        raise InputError("take", expected="pictures", got="none", remedy="render the motion first")
    drawn = iter(take.frames())
    try:
        first = next(drawn, None)
        if first is None:
            raise InputError("take", expected="at least one picture", got="none", remedy="render the motion first")
        yield chain([first], drawn)
    finally:
        if hasattr(drawn, "close"):
            drawn.close()


def checked_picture(picture, shape):
    """A C-contiguous (h, w, 3) uint8 picture, of that shape unless shape is None.

    Raises:
        InputError: it is not.
    """
    picture = np.ascontiguousarray(picture)
    fits = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8 and min(picture.shape) > 0
    if not fits or shape not in (None, picture.shape):
        raise InputError("frames", expected=f"(h, w, 3) uint8 pictures{f' of shape {shape}' if shape else ''}",
                         got=f"{picture.dtype} of shape {picture.shape}", remedy="render every frame alike")
    return picture
