"""Pictures of video files: upright, complete and timed, whatever the file is like."""

from fractions import Fraction

import av
import numpy as np
import pytest

from personare.errors import InputError
from personare.tracking.video import read_pictures, time_code, video_info

W, H, COUNT = 96, 64, 20


def picture(i):
    """A bright corner at the upper left on grey that grows with i."""
    image = np.full((H, W, 3), 40 + 5 * i, np.uint8)
    image[:24, :32] = (240, 30, 30)
    return image


def write_video(path, *, times_ms=None, sound=False, codec="libx264", format="mp4"):
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        if times_ms:
            stream.codec_context.time_base = Fraction(1, 1000)
        tone = container.add_stream("aac", rate=16_000) if sound else None
        for i in range(COUNT):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            if times_ms:
                frame.pts, frame.time_base = times_ms[i], Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
        if tone:
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            block.rate = 16_000
            for packet in [*tone.encode(block), *tone.encode()]:
                container.mux(packet)
    return path


def turn(path, degrees):
    """Write the display matrix of a phone held sideways into the track header of an mp4."""
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = np.array([cos * 65536, sin * 65536, 0, -sin * 65536, cos * 65536, 0, 0, 0, 1 << 30], ">i4").tobytes()
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    data[start:start + 36] = matrix
    path.write_bytes(data)


@pytest.mark.parametrize(("codec", "format", "name"), [("libx264", "mp4", "a.mp4"), ("mpeg1video", "mpeg", "b.mpg"),
                                                       ("libx264", "matroska", "c.mkv")])
def test_every_picture_comes_with_its_time(tmp_path, codec, format, name):
    path = write_video(tmp_path / name, codec=codec, format=format)
    found = list(read_pictures(path))
    assert len(found) == COUNT
    np.testing.assert_allclose([time_s for time_s, _ in found], np.arange(COUNT) / 25, atol=2e-3)
    for i, (_, image) in enumerate(found):
        assert image.shape == (H, W, 3)
        assert abs(int(image[40, 60, 0]) - (40 + 5 * i)) < 8
        assert image[6, 6, 0] > 180
    assert video_info(path).size == (W, H)
    assert not video_info(path).has_sound


@pytest.mark.parametrize(("degrees", "corner"), [(90, (6, -6)), (180, (-6, -6)), (270, (-6, 6))])
def test_pictures_of_a_phone_stand_upright(tmp_path, degrees, corner):
    path = write_video(tmp_path / "phone.mp4")
    turn(path, degrees)
    _, image = next(iter(read_pictures(path)))
    assert image.shape == ((W, H, 3) if degrees % 180 else (H, W, 3))
    assert image[corner][0] > 180
    assert image[corner][1] < 110
    assert video_info(path).size == image.shape[1::-1]


def test_a_rate_that_varies_keeps_its_times(tmp_path):
    times_ms = list(np.cumsum([33, 67, 40, 20] * 5) - 33)
    path = write_video(tmp_path / "phone.mp4", times_ms=[int(time) for time in times_ms])
    found = [time_s for time_s, _ in read_pictures(path)]
    np.testing.assert_allclose(found, np.array(times_ms) / 1000, atol=2e-3)


def test_sound_is_told(tmp_path):
    assert video_info(write_video(tmp_path / "a.mp4", sound=True)).has_sound


def test_a_file_that_breaks_off_gives_what_is_there(tmp_path):
    path = write_video(tmp_path / "a.mkv", format="matroska")
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * 0.8)])
    assert 3 < len(list(read_pictures(path))) <= COUNT


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_bytes(b""),
                                  lambda path: path.write_bytes(b"no video" * 99)])
def test_what_is_no_video_is_refused(tmp_path, make):
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(InputError, match=r"a\.mp4: expected"):
        next(iter(read_pictures(path)))


def test_a_sound_file_has_no_pictures(tmp_path):
    with pytest.raises(InputError, match="without pictures"):
        video_info(_tone(tmp_path / "a.wav"))


def _tone(path):
    import soundfile

    soundfile.write(path, np.zeros(1600, np.float32), 16_000)
    return path


def test_times_read_as_people_write_them():
    assert time_code(62.349) == "1:02.35"
    assert time_code(0.04) == "0:00.04"
