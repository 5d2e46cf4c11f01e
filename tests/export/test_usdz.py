"""Packages: the layout of the specification to the byte, the scene inside, textures and sound."""

import io
import struct
import wave
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from personare.export import usdz
from personare.types import Audio


def data_offsets(content):
    """name -> where its data starts, read off the local headers (PKWARE APPNOTE 4.3.7)."""
    at, found = 0, {}
    while content[at:at + 4] == b"PK\x03\x04":
        method, = struct.unpack_from("<H", content, at + 8)
        size, name_length, extra_length = struct.unpack_from("<IHH", content, at + 22)
        assert method == 0
        start = at + 30 + name_length + extra_length
        found[content[at + 30:at + 30 + name_length].decode()] = start
        at = start + size
    return found


def test_nothing_is_compressed_and_every_file_is_aligned(tmp_path, take):
    usdz.write(tmp_path / "a.usdz", take)
    offsets = data_offsets((tmp_path / "a.usdz").read_bytes())
    assert list(offsets) == ["scene.usda", "textures/0.png", "sound.wav"]
    assert all(offset % 64 == 0 for offset in offsets.values())
    assert [path.name for path in tmp_path.iterdir()] == ["a.usdz"]


def test_the_sound_is_the_takes(tmp_path, take):
    usdz.write(tmp_path / "a.usdz", take)
    with zipfile.ZipFile(tmp_path / "a.usdz") as package, wave.open(io.BytesIO(package.read("sound.wav"))) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        assert (sound.getframerate(), sound.getnchannels()) == (16000, 1)
    want = np.concatenate(list(take.audio.chunks()))
    assert np.abs(samples / 32767 - want).max() < 1 / 32767


def test_the_same_take_gives_the_same_bytes(tmp_path, take):
    for name in ("a.usdz", "b.usdz"):
        usdz.write(tmp_path / name, take)
    assert (tmp_path / "a.usdz").read_bytes() == (tmp_path / "b.usdz").read_bytes()


def test_without_sound_there_is_none(tmp_path, take):
    usdz.write(tmp_path / "a.usdz", replace(take, audio=None))
    content = (tmp_path / "a.usdz").read_bytes()
    assert b"SpatialAudio" not in content
    assert "sound.wav" not in data_offsets(content)


def test_usd_core_opens_it_and_finds_nothing_wrong(tmp_path, take):
    pytest.importorskip("pxr", reason="needs usd-core, an optional install")
    from pxr import Usd, UsdMedia, UsdValidation

    take = replace(take, audio=Audio(np.zeros(100), 44100).stream())
    usdz.write(tmp_path / "a.usdz", take)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    sound = UsdMedia.SpatialAudio(stage.GetPrimAtPath("/Face/Sound"))
    assert sound.GetFilePathAttr().Get().path == "sound.wav"
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert [e.GetErrorAsString() for e in UsdValidation.ValidationContext(validators).Validate(stage)] == []
