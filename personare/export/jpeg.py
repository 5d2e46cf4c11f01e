"""JPEG pictures, for large textures inside other files.

Source:
    ITU-T T.81; written by PyAV (FFmpeg's mjpeg).
"""

from fractions import Fraction

import numpy as np

# FFmpeg's quantiser scale: 2 is its finest; 3 keeps pores and takes about 1.3 bits a texel.
QUANTISER = 3


def jpeg(picture):
    """Bytes of a JPEG file.

    Args:
        picture: (h, w, 3) uint8 sRGB.
    """
    import av

    h, w = picture.shape[:2]
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = w, h, "yuvj420p", Fraction(1, 25)
    encoder.qmin = encoder.qmax = QUANTISER
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
