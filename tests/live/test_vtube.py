"""A program that speaks VTube Studio's API gets parameters, asks its user once, and may come and go."""

import json
import threading
import time

import numpy as np
import pytest

pytest.importorskip("websockets", reason="WebSockets need the extra serve")
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from personare.live import vtube
from personare.live.sinks import open_sink
from personare.types import Motion


class Studio:
    """The program: answers as its public description says."""

    def __init__(self, *, port=0, token="secret", hostile=False):
        self.token, self.hostile = token, hostile
        self.asked, self.created, self.frames, self.wrong = 0, [], [], []
        self._server = serve(self._talk, "127.0.0.1", port)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _talk(self, connection):
        known = False
        try:
            for text in connection:
                request = json.loads(text)
                kind, data = request["messageType"], request["data"]
                assert request["apiName"] == "VTubeStudioPublicAPI"
                assert request["apiVersion"] == "1.0"
                answer = {}
                if self.hostile:
                    for junk in ("", "[" * 50_000, "{}", "null", b"\xff\xfe", json.dumps({"requestID": 3})):
                        connection.send(junk)
                if kind == "AuthenticationTokenRequest":
                    self.asked += 1
                    answer = {"authenticationToken": self.token}
                elif kind == "AuthenticationRequest":
                    known = data["authenticationToken"] == self.token
                    answer = {"authenticated": known}
                elif not known:
                    self.wrong.append(kind)
                elif kind == "ParameterCreationRequest":
                    self.created.append(data["parameterName"])
                elif kind == "InjectParameterDataRequest":
                    self.frames.append({one["id"]: one["value"] for one in data["parameterValues"]})
                connection.send(json.dumps({"apiName": "VTubeStudioPublicAPI", "requestID": request["requestID"],
                                            "messageType": kind.replace("Request", "Response"), "data": answer}))
        except ConnectionClosed:
            pass

    def close(self):
        self._server.shutdown()


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def frame(**values):
    return Motion(np.zeros((1, 52), np.float32), 30, "arkit-52").with_columns(
        {name: np.full(1, value) for name, value in values.items()})


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("hostile", [False, True])
def test_frames_arrive_and_the_user_is_asked_once(home, hostile):
    studio = Studio(hostile=hostile)
    for _ in range(2):
        sink = open_sink(f"vts://127.0.0.1:{studio.port}", fps=30)
        before = len(studio.frames)
        sink.send(0, frame(jawOpen=0.5, eyeBlinkLeft=1.0))
        until(lambda before=before: len(studio.frames) > before)
        sink.close()
    assert studio.asked == 1
    assert studio.wrong == []
    assert (home / "live" / vtube.TOKEN).read_text() == "secret"
    assert (home / "live" / vtube.TOKEN).stat().st_mode & 0o77 == 0
    assert len(set(studio.created)) == 52
    assert all(4 <= len(name) <= 32 and name.isalnum() for name in studio.created)
    last = studio.frames[-1]
    assert last["JawOpen"] == 0.5
    assert last["EyeOpenLeft"] == 0
    assert last["EyeOpenRight"] == 1
    assert 0.5 < last["MouthOpen"] <= 1
    studio.close()


def test_a_program_that_restarts_is_found_again_and_frames_never_wait():
    studio = Studio()
    sink = open_sink(f"vts://127.0.0.1:{studio.port}", fps=30)
    sink.send(0, frame())
    until(lambda: studio.frames)
    studio.close()
    began = time.monotonic()
    for i in range(200):
        sink.send(i, frame(jawOpen=0.2))
    assert time.monotonic() - began < 0.5
    again = Studio(port=studio.port)
    until(lambda: again.frames)
    assert again.frames[-1]["JawOpen"] == 0.2
    assert again.asked == 0
    sink.close()
    again.close()


def test_a_face_that_rests_is_sent_again_before_it_is_forgotten():
    studio = Studio()
    sink = open_sink(f"vts://127.0.0.1:{studio.port}", fps=30)
    sink.send(0, frame(jawOpen=0.3))
    until(lambda: len(studio.frames) >= 3)
    assert {round(one["JawOpen"], 3) for one in studio.frames} == {0.3}
    sink.close()
    studio.close()


def test_parameters_are_right_for_the_screen():
    rest = vtube.parameters_of(frame())
    assert rest["MouthOpen"] == 0
    assert rest["MouthSmile"] == 0.5
    assert rest["Brows"] == 0.5
    assert rest["FaceAngleX"] == rest["FaceAngleY"] == rest["FaceAngleZ"] == 0
    closed = vtube.parameters_of(frame(jawOpen=0.4, mouthClose=0.4))
    assert closed["MouthOpen"] == 0
    # The subject's left is on the right of the screen.
    looks = vtube.parameters_of(frame(eyeLookOutLeft=0.6, eyeLookInRight=0.6, eyeLookUpLeft=0.3, eyeLookUpRight=0.3))
    assert looks["EyeLeftX"] == looks["EyeRightX"] == pytest.approx(0.6)
    assert looks["EyeLeftY"] == pytest.approx(0.3)
    angle = np.radians(20)
    yaw = np.eye(4, dtype=np.float32)
    yaw[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    turned = Motion(np.zeros((1, 52), np.float32), 30, "arkit-52", yaw[None])
    assert vtube.parameters_of(turned)["FaceAngleX"] == pytest.approx(20, abs=1e-3)
