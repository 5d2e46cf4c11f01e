"""The samples of a pixel and the keys that say what they show."""

import numpy as np

from personare.rendering.compiled import inlined

# The standard rotated grid, x and y of each sample in 1/256 pixel, ordered by y.
SAMPLE_X = (96, 224, 32, 160)
SAMPLE_Y = (32, 96, 160, 224)

# A sample shows a surface with holes where it is more opaque than this, so of four as many as it is opaque.
THRESHOLDS = (np.float32(0.625), np.float32(0.125), np.float32(0.875), np.float32(0.375))

# Sample keys end in FIRST - triangle number.
FIRST = np.int64(2**31 - 1)


@inlined
def bits(value):
    """The bits of a float32 as an int64; of two positive numbers the greater has the greater bits."""
    return np.int64(np.float32(value).view(np.int32))
