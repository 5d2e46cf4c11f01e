"""JPEG: what a decoder reads is what was written, but for a few levels."""

import numpy as np

from personare.export.jpeg import jpeg


def test_a_decoder_reads_the_picture_back():
    import av

    y, x = np.mgrid[:96, :130]
    picture = np.stack([x * 255 // 130, y * 255 // 96, 128 + 60 * np.sin(x / 9)], 2).astype(np.uint8)
    content = jpeg(picture)
    assert content[:2] == b"\xff\xd8"
    decoder = av.CodecContext.create("mjpeg", "r")
    frame = [*decoder.decode(av.Packet(content)), *decoder.decode(None)][0]
    read = frame.to_ndarray(format="rgb24").astype(int)
    assert read.shape == picture.shape
    assert np.abs(read - picture).mean() < 3
    assert len(content) < picture.size / 4
