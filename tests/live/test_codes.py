"""Models whose columns are codes have strengths of lips and upper face live, too: the face says which is which."""

import asyncio
from dataclasses import make_dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from personare import STILL, Strengths, animate
from personare.cli import app
from personare.cli.options import strengths_of
from personare.cli.serve import known_share, maker
from personare.errors import AssetError, InputError
from personare.export.wav import write_wav
from personare.live.voices import Host
from personare.motion.performance import Performance
from personare.motion.pieces import joined
from personare.spaces import NVP_76
from personare.types import Audio, Motion

pytest.importorskip("fastapi", reason="the services need the extra serve")
from personare.live.orders import manner_of, order_of


class Codes:
    """A method of codes: frame i is filled with 1 + i, and comes as soon as its time has."""

    def session(self, *, fps=30.0):
        return CodeSession(fps)


class CodeSession:
    rate_hz, look_ahead_s = 16000, 0.0

    def __init__(self, fps):
        self._fps, self._pushed, self._given = fps, 0, 0

    def push(self, samples):
        self._pushed += len(samples)
        stop = int(self._pushed / self.rate_hz * self._fps)
        frames = np.arange(self._given, stop, dtype=np.float32)[:, None] + 1
        self._given = stop
        return Motion(np.repeat(frames, 76, axis=1), self._fps, NVP_76)

    def finish(self):
        return self.push(np.zeros(0, np.float32))


@pytest.fixture
def share():
    """The first forty codes are upper face."""
    return np.diag((np.arange(76) < 40).astype(float))


def check(values, *, lips, upper):
    frames = np.arange(1, len(values) + 1)[:, None]
    np.testing.assert_allclose(values[:, :40], np.repeat(upper * frames, 40, axis=1), rtol=1e-6)
    np.testing.assert_allclose(values[:, 40:], np.repeat(lips * frames, 36, axis=1), rtol=1e-6)


def test_a_voice_of_a_server_has_the_share_of_its_face(share, monkeypatch):
    monkeypatch.setattr("personare.live.voices.open_method", lambda model: Codes())
    options = manner_of({"lips": "1.5", "upper_face": "0.5", "still": "true"}).options()

    async def said(host):
        voice, frames = host.open(**options), []
        await voice.hear(np.zeros(16000, np.float32))
        voice.end()
        async for motion in voice.frames():
            frames.append(motion.values)
        return np.concatenate(frames)

    host = Host("codes", share=share)
    try:
        check(asyncio.run(said(host)), lips=1.5, upper=0.5)
    finally:
        host.close()


def test_pieces_are_the_whole_with_strengths_and_smoothing(share):
    strengths = Strengths(lips=1.4, upper=0.6, smoothing_ms=80, share=share)
    whole = animate(Audio(np.zeros(32000, np.float32), 16000), model=Codes(), layers=STILL, strengths=strengths)
    performance = Performance(Codes(), from_hz=16000, layers=STILL, strengths=strengths)
    live = joined([*(performance.push(np.zeros(777, np.float32)[: 32000 - at]) for at in range(0, 32000, 777)),
                   performance.finish()])
    np.testing.assert_allclose(live.values, whole.values, atol=1e-5)
    np.testing.assert_allclose(whole.values[10, :40], 0.6 * 11, rtol=1e-5)
    np.testing.assert_allclose(whole.values[10, 40:], 1.4 * 11, rtol=1e-5)


def test_the_command_asks_the_face(share, monkeypatch, tmp_path):
    face = SimpleNamespace(space=NVP_76)
    monkeypatch.setattr("personare.api.open_face", lambda name: face)
    monkeypatch.setattr("personare.transfer.upper_share", lambda face: share)
    assert strengths_of(1.2, 1.0, 0.0, "mine").share is share
    monkeypatch.setattr("personare.motion.performance.open_method", lambda model: Codes())
    write_wav(tmp_path / "a.wav", Audio(np.zeros(8000, np.float32), 16000).stream(), rate_hz=16000)
    words = ["live", "--from", str(tmp_path / "a.wav"), "--model", "codes", "--still", "--quiet", "--lips", "1.5",
             "--upper-face", "0.5", "--to"]
    with pytest.raises(InputError, match=r"in --face flame:PATH"):
        app([*words, str(tmp_path / "no.npz")], standalone_mode=False)
    app([*words, str(tmp_path / "a.npz"), "--face", "mine"], standalone_mode=False)
    with np.load(tmp_path / "a.npz") as file:
        values = file["values"]
    ratio = values[:, 60] / values[:, 0]
    np.testing.assert_allclose(ratio, 3.0, rtol=1e-5)


def test_a_face_that_cannot_tell_is_served_without_strengths(share, monkeypatch, tmp_path):
    asked, said, spoken = [], [], []

    def away(face):
        asked.append(face)
        raise AssetError("no model of landmarks")

    monkeypatch.setattr("personare.transfer.upper_share", away)
    face = SimpleNamespace(space=NVP_76)
    assert known_share(face, said.append) is None
    assert "no model of landmarks" in said.pop()
    face = make_dataclass("Head", ["space"], eq=False)(NVP_76)
    monkeypatch.setattr("personare.api.open_face", lambda name: face)
    monkeypatch.setattr("personare.api.open_stream", lambda sound: sound)
    monkeypatch.setattr("personare.api.animate", lambda sound, **options: spoken.append(options["strengths"]))
    monkeypatch.setattr("personare.api.save", lambda *words, **options: None)

    def job(**words):
        maker(SimpleNamespace(method=Codes()), face="mine")("sound", "result", order_of(words), lambda name: None)
        return spoken[-1]

    assert job(smoothing="40").smoothing_ms == 40
    assert len(asked) == 1
    with pytest.warns(UserWarning, match="no model of landmarks"):
        assert job(lips="1.5").share is None
    monkeypatch.setattr("personare.transfer.upper_share", lambda face: share)
    assert job(lips="1.5").share is share
