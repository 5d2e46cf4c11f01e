"""Footage that was tracked becomes clips: the head drawn from a known camera, so that all of it is known."""

import numpy as np
import pytest

from personare import api
from personare.audio.phones import phones
from personare.errors import InputError
from personare.learn.portrait_data import PortraitData
from personare.learn.portrait_footage import ClipOptions, clips_of, sound_rows
from personare.rendering.camera import frame_face
from personare.types import Audio, Motion, Track

FRAMES, SIZE = 12, (160, 128)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """(path of a video of the built-in head, its Track)."""
    face, camera = api.open_face("sona"), frame_face(api.open_face("sona"), SIZE)
    values = np.zeros((FRAMES, len(face.space)), np.float32)
    values[:, face.space.index("jawOpen")] = 0.6 * np.sin(np.arange(FRAMES)) ** 2
    motion = Motion(values, 25, face.space, np.tile(np.eye(4, dtype=np.float32), (FRAMES, 1, 1)))
    path = tmp_path_factory.mktemp("film") / "head.mp4"
    api.save(motion, path, face=face, size=SIZE)
    seen = np.ones(FRAMES, bool)
    seen[9] = False
    return path, Track(face, motion, camera, np.arange(FRAMES) / 25, np.zeros((FRAMES, 1, 3), np.float32), seen,
                       cuts=(5,))


def test_clips_of_footage(filmed, tmp_path):
    path, track = filmed
    told = []
    names = clips_of(track, path, tmp_path, ClipOptions(size=96, texture_size=128, frames=4, textures=2),
                     progress=lambda done, total: told.append((done, total)))
    # A cut at 5, nothing seen at 9; a stretch of one frame is no clip.
    assert names == ["head_000000", "head_000005", "head_000010"]
    assert told[-1][1] == FRAMES
    data = PortraitData(tmp_path)
    assert [len(data.clip(name)) for name in names] == [4, 4, 2]
    clip = data.clip(names[0])
    assert clip.pictures.shape == (4, 96, 96, 3)
    assert clip.texture.shape == (2, 128, 128, 3)
    np.testing.assert_allclose(clip.expressions, track.motion.values[:4])
    face = ~clip.background
    assert 0.1 < face.mean() < 0.6
    assert (clip.mouth <= face).all()
    assert 0.02 < clip.mouth.mean() < 0.5 * face.mean()
    # The texture, looked up, is the picture again: not to the level, since light moves, but nearer than its mean.
    error = np.abs(clip.drawn.astype(float) - clip.pictures)[face].mean()
    assert error < 0.35 * np.abs(clip.pictures[face] - clip.pictures[face].mean(axis=0)).mean()
    assert (clip.drawn[~face] == 0).all()


def test_rows_are_the_sound_around_each_frame(request):
    sound = api.load(request.config.rootpath / "examples" / "hello.wav")
    rows, heard = sound_rows(sound, np.array([0.5, 0.75]), 16), phones(sound).values
    assert rows.shape == (2, 16, 42)
    np.testing.assert_allclose(rows[0, 8], heard[30], atol=1e-6)
    # Row k stands 0.04 (k - 8) s from the frame: 2.4 rows of the 60 in a second.
    np.testing.assert_allclose(rows[1, 13], heard[57], atol=1e-5)
    np.testing.assert_allclose(rows[1, 3], heard[33], atol=1e-5)
    np.testing.assert_allclose(rows[0, 7], 0.4 * heard[27] + 0.6 * heard[28], atol=1e-5)
    assert rows.dtype == np.float32


def test_a_texture_of_sound_learns_from_clips_of_a_film_with_sound(filmed, tmp_path, monkeypatch, request):
    pytest.importorskip("torch", reason="needs the extra personare[learn]")
    from personare import filmed as tracking
    from personare.cli import app

    _, track = filmed
    sound = api.load(request.config.rootpath / "examples" / "hello.wav")
    sound = Audio(sound.samples[: round(0.48 * sound.rate_hz)], sound.rate_hz)
    path = api.save(track.motion, tmp_path / "loud.mp4", audio=sound, face=track.face, size=SIZE)
    monkeypatch.setattr(tracking, "track", lambda *_, **__: track)
    words = ["portrait", "clips", str(path), "-o", str(tmp_path / "clips"), "--size", "64", "--texture", "64", "-q"]
    assert app(words, standalone_mode=False) in (None, 0)
    data = PortraitData(tmp_path / "clips")
    assert [data.clip(name).rows.shape for name in data.names] == [(5, 16, 42), (4, 16, 42), (2, 16, 42)]
    words = ["portrait", "train", "puppetry-renderer", "--data", str(tmp_path / "clips"), "-o", str(tmp_path / "npr"),
             "--steps", "1", "-q"]
    for option in ("texture=audio", "columns=42", "crop=0", "width=2", "levels=3", "features=3", "texture_size=16"):
        words += ["--option", option]
    assert app(words, standalone_mode=False) in (None, 0)


def test_bad_options_and_footage_without_a_face_are_refused(filmed, tmp_path):
    from dataclasses import replace

    path, track = filmed
    with pytest.raises(InputError, match="divisible by 32"):
        ClipOptions(size=100)
    with pytest.raises(InputError, match="frames: expected 2 or more, got 1"):
        ClipOptions(frames=1)
    with pytest.raises(InputError, match="seen for two frames or more, got none"):
        clips_of(replace(track, seen=np.zeros(FRAMES, bool)), path, tmp_path)
    assert not list(tmp_path.iterdir())


def test_commands(filmed, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="needs the extra personare[learn]")
    from personare import filmed as tracking
    from personare.cli import app
    from personare.portraits.style_avatar import StyleAvatar

    path, track = filmed
    monkeypatch.setattr(tracking, "track", lambda *_, **__: track)
    words = ["portrait", "clips", str(path), "-o", str(tmp_path / "clips"), "--size", "64", "--texture", "64", "-q"]
    assert app(words, standalone_mode=False) in (None, 0)
    words = ["portrait", "train", "style-avatar-nvp", "--data", str(tmp_path / "clips"), "-o", str(tmp_path / "nvp"),
             "--steps", "2", "--option", "width=2", "--option", "features=3", "--option", "size=16", "-q"]
    assert app(words, standalone_mode=False) in (None, 0)
    assert StyleAvatar(tmp_path / "nvp").blends
    with pytest.raises(InputError, match="expected name=value, got width"):
        app([*words, "--option", "width", "--fresh"], standalone_mode=False)
