"""Photos of every kind come out upright, in colour and of a sensible size."""

import struct

import numpy as np
import pytest

from personare.errors import InputError
from personare.portraits import picture as pictures
from personare.portraits.picture import read_picture


@pytest.fixture
def scene():
    y, x = np.mgrid[:72, :99]
    return np.stack([2 * x, 3 * y, 255 - x - y], -1).clip(0, 255).astype(np.uint8)


def write(path, array, form, codec):
    import av

    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream(codec, rate=1)
        stream.height, stream.width = array.shape[:2]
        stream.pix_fmt = form
        file.mux(stream.encode(av.VideoFrame.from_ndarray(array, format=form)))
        file.mux(stream.encode(None))
    return path


def test_colour_grey_and_sixteen_bits(tmp_path, scene):
    got, notes = read_picture(write(tmp_path / "a.png", scene, "rgb24", "png"))
    assert np.array_equal(got, scene)
    assert notes == ()
    grey = scene[..., 0].copy()
    got, _ = read_picture(write(tmp_path / "b.png", grey, "gray", "png"))
    assert np.array_equal(got, np.repeat(grey[..., None], 3, 2))
    deep = scene.astype(np.uint16) * 257
    got, _ = read_picture(write(tmp_path / "c.png", deep.byteswap().view(np.uint16), "rgb48be", "png"))
    assert np.abs(got.astype(int) - scene).max() <= 1


def test_what_is_transparent_stands_on_white(tmp_path, scene):
    clear = np.concatenate([scene, np.full((*scene.shape[:2], 1), 255, np.uint8)], 2)
    clear[:20, :, 3] = 0
    got, _ = read_picture(write(tmp_path / "a.png", clear, "rgba", "png"))
    assert (got[:20] == 255).all()
    assert np.array_equal(got[20:], scene[20:])


def with_orientation(path, number, order):
    """Put an EXIF block with an orientation into a JPEG."""
    mark, kind = (b"II*\x00", "<") if order == "little" else (b"MM\x00*", ">")
    block = mark + struct.pack(kind + "IHHHIHHI", 8, 1, 0x0112, 3, 1, number, 0, 0)
    body = b"Exif\x00\x00" + block
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    return path


# What an orientation says has been done to the picture, as EXIF 2.32 has it (4.6.4, tag 274), undone.
UPRIGHT = {1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
           5: lambda p: p.swapaxes(0, 1), 6: lambda p: p.swapaxes(0, 1)[:, ::-1],
           7: lambda p: p.swapaxes(0, 1)[::-1, ::-1], 8: lambda p: p.swapaxes(0, 1)[::-1]}


@pytest.mark.parametrize("number", list(UPRIGHT))
@pytest.mark.parametrize("order", ["little", "big"])
def test_exif_says_which_side_is_up(tmp_path, scene, number, order):
    path = write(tmp_path / "a.jpg", scene, "rgb24", "png")  # a PNG may be called .jpg
    plain, _ = read_picture(path)
    import av

    jpeg = tmp_path / "b.jpg"
    frame = av.VideoFrame.from_ndarray(scene[:, :98].copy(), format="rgb24").reformat(format="yuvj444p")
    with av.open(str(jpeg), "w", format="image2") as file:
        stream = file.add_stream("mjpeg", rate=1)
        stream.height, stream.width, stream.pix_fmt = 72, 98, "yuvj444p"
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    flat, _ = read_picture(jpeg)
    got, _ = read_picture(with_orientation(jpeg, number, order))
    assert np.array_equal(plain, scene)
    assert np.array_equal(got, UPRIGHT[number](flat))


def test_large_ones_are_brought_down_with_a_note(tmp_path, scene, monkeypatch):
    monkeypatch.setattr(pictures, "LONGEST_PX", 80)
    got, notes = read_picture(write(tmp_path / "big.png", scene, "rgb24", "png"))
    assert got.shape == (58, 80, 3)
    assert notes == ("big.png: 99 x 72 pixels, brought down to 80 x 58",)


@pytest.mark.parametrize(("content", "message"), [(None, "nothing at"), (b"", "cannot be read"), (b"no", "cannot be"),
                                                  (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "cannot be read|holds none")])
def test_what_is_no_picture_is_refused(tmp_path, content, message):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_picture(path)


def test_tiny_ones_are_refused(tmp_path, scene):
    with pytest.raises(InputError, match="64 pixels or more"):
        read_picture(write(tmp_path / "a.png", scene[:40], "rgb24", "png"))
