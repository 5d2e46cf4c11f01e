"""Clips to learn portraits from: our own files, style_avatar's databases, and what is refused."""

import io
from dataclasses import replace

import av
import numpy as np
import pytest

from personare.errors import InputError
from personare.learn import portrait_data
from personare.learn.portrait_data import PortraitData, as_picture, video_frames, write_portrait_clip


def test_a_clip_comes_back_as_it_was_written(person, tmp_path):
    clip = person(frames=3, size=16)
    write_portrait_clip(tmp_path, clip)
    data = PortraitData(tmp_path)
    assert data.names == ("anna",)
    assert data.clip("anna").name == "anna"
    for name in (*portrait_data.NEEDED, *portrait_data.OPTIONAL):
        found, value = getattr(data.clip("anna"), name), getattr(clip, name)
        np.testing.assert_array_equal(found, value)
        assert found.dtype == value.dtype


def test_clips_are_kept_while_there_is_room(person, tmp_path, monkeypatch):
    clips = [person(name, frames=2, size=16) for name in "abc"]
    for clip in clips:
        write_portrait_clip(tmp_path, clip)
    monkeypatch.setattr(portrait_data, "KEPT_BYTES", 2 * clips[0].size_bytes)
    data = PortraitData(tmp_path)
    first = data.clip("a")
    data.clip("b")
    assert data.clip("a") is first
    data.clip("c")
    assert data.clip("a") is first
    assert sorted(data._kept) == ["a", "c"]


@pytest.mark.parametrize(("change", "told"), [
    ({"uv": np.zeros((2, 16, 8, 2), np.float32)}, r"expected \(2, 16, 16, 2\) of kind f, got \(2, 16, 8, 2\)"),
    ({"background": np.zeros((2, 16, 16), np.uint8)}, "of kind b, got"),
    ({"texture": np.zeros((1, 8, 9, 3), np.uint8)}, r"expected \(n, r, r, 3\) uint8"),
    ({"expressions": np.zeros((3, 4), np.float32)}, "expected 2 rows of 2 axes"),
])
def test_arrays_that_do_not_fit_together_are_refused(person, change, told):
    with pytest.raises(InputError, match=told):
        replace(person(frames=2, size=16), **change)


def test_files_that_are_no_clips_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="file of plain arrays"):
        PortraitData(tmp_path).clip("a")
    np.savez(tmp_path / "a.npz", pictures=np.zeros(1))
    with pytest.raises(InputError, match="expected an array named uv"):
        PortraitData(tmp_path).clip("a")
    np.savez(tmp_path / "a.npz", **{name: np.array([{}], object) for name in portrait_data.NEEDED})
    with pytest.raises(InputError, match="damaged data"):
        PortraitData(tmp_path).clip("a")


def encoded(frames):
    """Bytes of a video of (t, h, w, 3) uint8 sRGB, nearly without loss."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv444p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


@pytest.fixture
def database(person, tmp_path):
    lmdb = pytest.importorskip("lmdb", reason="needs the extra personare[data]")
    clip = person(frames=4, size=64)
    grey = {name: np.repeat(255 * getattr(clip, name)[..., None].astype(np.uint8), 3, axis=-1)
            for name in ("background", "mouth")}
    # Written from blue, green, red: u is in blue.
    uv = np.zeros((4, 64, 64, 3), np.uint8)
    uv[..., 2], uv[..., 1] = (np.round(255 * clip.uv[..., i].astype(float)) * ~clip.background for i in range(2))
    videos = {"align": clip.pictures, "uv": uv, "bg": grey["background"], "mouth": grey["mouth"],
              "texture": np.repeat(clip.texture[:, ::-1], 4, axis=0), "coeff": None}
    with lmdb.open(str(tmp_path), max_dbs=16, map_size=1 << 24) as environment:
        parts = {name: environment.open_db(f"train_{name}".encode()) for name in videos}
        with environment.begin(write=True) as writing:
            for name, frames in videos.items():
                writing.put(b"10", b"cos\nsystem\n(S'false'\ntR." if frames is None else encoded(frames),
                            db=parts[name])
    return tmp_path, clip


def test_a_database_of_style_avatar(database):
    folder, clip = database
    data = PortraitData(folder)
    assert data.names == ("10",)
    found = data.clip("10")
    assert found.texture.shape == (4, 64, 64, 3)
    for name in ("pictures", "texture"):
        ours, theirs = getattr(found, name).astype(float), getattr(clip, name).astype(float)
        assert np.abs(ours - theirs).mean() < 3, name
    np.testing.assert_array_equal(found.background, clip.background)
    np.testing.assert_array_equal(found.mouth, clip.mouth)
    error = np.abs(found.uv.astype(float) - clip.uv.astype(float))[~clip.background]
    # A level is 1 / 255; colours lose one or two even in a video without loss.
    assert error.mean() < 2 / 255
    assert found.drawn is None
    with pytest.raises(InputError, match="sub-databases such as test_align"):
        PortraitData(folder, part="test")


def test_what_is_no_video_is_told():
    with pytest.raises(InputError, match="align of 3: expected a video"):
        video_frames(b"\x00" * 64, "align of 3")


def test_colours_are_scaled_as_the_originals_scale_them():
    picture = np.array([[[0, 128, 255]]], np.uint8)
    np.testing.assert_allclose(as_picture(picture)[:, 0, 0], [-1, 0, 255 / 128 - 1])
    np.testing.assert_allclose(as_picture(picture, half=127.5)[:, 0, 0], [-1, 128 / 127.5 - 1, 1], atol=1e-7)
