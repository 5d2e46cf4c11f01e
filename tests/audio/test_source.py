"""Paths and file objects of every kind open, or are refused in one clear line."""

import io
import os
import threading

import numpy as np
import pytest

from personare.audio.load import load, open_stream
from personare.audio.source import check_layout
from personare.errors import InputError


class Pipe(io.RawIOBase):
    """Bytes that can only be read once, forwards."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(buffer)


@pytest.fixture
def wav(recordings):
    return recordings.soundfile(recordings.click(16000), 16000)


def test_paths_and_file_objects_give_the_same(recordings, wav, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav)
    expected = load(path).samples
    for source in (str(path), os.fsencode(path), io.BytesIO(wav), Pipe(wav), io.BufferedReader(Pipe(wav))):
        np.testing.assert_array_equal(load(source).samples, expected)


def test_a_file_object_is_read_from_its_start_and_stays_open(recordings, wav):
    mp3 = recordings.container(recordings.click(16000), 16000, format="mp3", codec="libmp3lame")
    for content in (wav, mp3):
        file = io.BytesIO(content)
        file.seek(77)
        first, second = load(file), load(file)
        np.testing.assert_array_equal(first.samples, second.samples)
        assert not file.closed


def test_a_pipe_can_be_streamed_twice(wav):
    stream = open_stream(Pipe(wav))
    first, second = (np.concatenate(list(stream.chunks())) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a POSIX thing")
def test_a_named_pipe_is_read(wav, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(wav,))
    writer.start()
    assert len(load(tmp_path / "pipe").samples) == round(2.03 * 16000)
    writer.join()


def message_of(source):
    """What load says of a source it refuses."""
    with pytest.raises(InputError) as caught:
        load(source)
    return str(caught.value)


def test_refusals_say_what_is_wrong(tmp_path):
    missing = tmp_path / "missing.wav"
    assert message_of(missing) == f"{missing}: expected a sound or video file, got no such file; check the path"
    assert message_of(tmp_path) == f"{tmp_path}: expected a sound or video file, got a folder; name a file in it"
    assert message_of(5) == ("sound: expected a path or a binary file object, got int; pass the path of a sound or "
                             "video file")
    assert message_of(io.StringIO("a")) == ("sound: expected a file opened in binary mode, got one opened as text; "
                                            "open it with mode 'rb'")
    refusal = message_of("a\0b\n.wav")
    assert refusal.startswith("'a\\x00b\\n.wav': expected a file that can be read, got ")
    assert "embedded null" in refusal
    assert "got File name too long; check the path" in message_of("x" * 5000)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="devices are a POSIX thing")
def test_a_device_is_refused():
    assert message_of("/dev/zero") == ("/dev/zero: expected a sound or video file, got a device; record from it to a "
                                       "file first")


def test_a_file_that_may_not_be_read_is_refused(wav, tmp_path, monkeypatch):
    path = tmp_path / "secret.wav"
    path.write_bytes(wav)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert message_of(path) == (f"{path}: expected a file that may be read, got permission denied; change its "
                                "permissions or copy it")


def test_layouts_no_recording_has_are_refused():
    check_layout("a.wav", rate_hz=8000, channel_count=64)
    with pytest.raises(InputError, match=r"a\.wav: expected 1 to 64 channels, got 1000; its header is damaged, or mix"):
        check_layout("a.wav", rate_hz=8000, channel_count=1000)
    with pytest.raises(InputError, match=r"a\.wav: expected a sample rate of 1000 to 768000 Hz, got 0 Hz; its header"):
        check_layout("a.wav", rate_hz=0, channel_count=1)
