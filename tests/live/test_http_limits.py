"""Whatever clients send, or do not, they get a clear answer, their place is free again and others keep theirs."""

import json
import socket
import threading
import time

import numpy as np
import pytest

from personare.errors import InputError

pytest.importorskip("fastapi", reason="the HTTP service needs the extra serve")
pytest.importorskip("uvicorn", reason="the HTTP service needs the extra serve")
pytest.importorskip("python_multipart", reason="the HTTP service needs the extra serve")
from http_server import Served, form, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from personare.live.gate import checked_bind
from personare.live.orders import order_of

QUIET = np.zeros(16000, "<i2").tobytes()


@pytest.fixture(scope="module")
def served():
    served = Served(body_bytes=300_000, idle_s=0.6, sound_s=4, sessions=2)
    yield served
    served.close()


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    import soundfile

    path = tmp_path_factory.mktemp("http") / "spoken.wav"
    samples, rate_hz = soundfile.read("examples/hello.wav", stop=8000)
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return path.read_bytes()


def wav(seconds, rate_hz=8000):
    import io

    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.zeros(int(seconds * rate_hz)), rate_hz, format="WAV", subtype="PCM_U8")
    return file.getvalue()


def fine(served, spoken):
    """Whether the service still does its work and holds nothing."""
    assert served.ask("POST", "/v1/animate", spoken)[0] == 200
    wait_until(lambda: not served.jobs.states())
    wait_until(lambda: not list(served.jobs.folder.iterdir()))
    return served.host.open_voices == 0


@pytest.mark.parametrize(("options", "text"), [
    ({"fomat": "csv"}, "fomat: expected an option that there is"), ({"format": "exe"}, "format: expected 'csv'"),
    ({"format": "../csv"}, "format:"), ({"fps": "0"}, "fps:"), ({"fps": "nan"}, "fps:"), ({"fps": "1e999"}, "fps:"),
    ({"seed": "-1"}, "seed:"), ({"seed": "9" * 40}, "seed:"), ({"size": "99999"}, "size:"), ({"size": "4096"}, "size:"),
    ({"size": "12"}, "size:"), ({"size": "64x64x64"}, "size:"), ({"still": "perhaps"}, "still:"),
    ({"emotion": "hunger"}, "emotion: expected one of"), ({"emotion": "/etc/passwd.csv"}, "emotion:"),
    ({"emotion": "joy:1" + ",joy:1" * 100}, "emotion:"), ({"articulation": "9"}, "articulation:"),
    ({"model": "../../etc"}, "model:"), ({"model": "tests"}, "model: expected one of vox"),
    ({"model": "/work"}, "model:"), ({"face": "tests"}, "face: expected one of sona"), ({"face": "rig:x.glb"}, "face:"),
    ({"face": "../sona"}, "face:"), ({"face": "sona/../../x"}, "face:"), ({"face": "sona/nobody"}, "nobody"),
    ({"style": "take.csv"}, "style:"), ({"style": "loud"}, "style: expected none"), ({"head": "\x00"}, "head:")])
def test_wrong_options_are_told_and_never_paths(served, spoken, options, text):
    status, error, message = served.refused("POST", "/v1/animate", spoken, **options)
    assert (status, error) == (422, "input")
    assert text in message
    body, headers = form(spoken, **options)
    assert served.refused("POST", "/v1/animate", body, headers=headers)[::2] == (422, message)


def test_orders_are_names_alone():
    with pytest.raises(InputError, match="manner"):
        order_of({"manner": "x"})
    with pytest.raises(InputError, match="face"):
        order_of({"face": "sona\n"})
    assert order_of({"size": "64x32", "fps": "25"}).pixels == (64, 32)


@pytest.mark.parametrize(("content", "text"), [
    (b"", "got nothing"), (b"no sound", "got text"), (bytes(3000), "data of no known format"),
    (b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n", "got text"), (b"ffconcat version 1.0\nfile /etc/passwd\n", "text"),
    (wav(0), "no samples"), (wav(1)[:60] + b"\xff" * 10, None), (b"RIFF\xff\xff\xff\xffWAVEfmt ", "damaged")])
@pytest.mark.filterwarnings("ignore::personare.audio.source.SoundWarning")
def test_damaged_sound_is_told(served, spoken, content, text):
    status, _, body = served.ask("POST", "/v1/animate", content)
    if text is None:
        assert status in (200, 422)
    else:
        assert status == 422
        assert text in json.loads(body)["message"]
    assert fine(served, spoken)


@pytest.mark.filterwarnings("ignore::personare.audio.source.SoundWarning")
def test_random_bytes_hurt_nobody(served, spoken, rng):
    for i in range(40):
        content = bytearray(spoken[:4000] if i % 2 else rng.bytes(int(rng.integers(1, 3000))))
        for at in rng.integers(0, len(content), 12):
            content[at] = int(rng.integers(256))
        assert served.ask("POST", "/v1/animate", bytes(content))[0] in (200, 413, 422)
    assert fine(served, spoken)


@pytest.mark.parametrize(("kind", "body", "text"), [
    ("multipart/form-data; boundary=x", b"garbage", "form:"), ("multipart/form-data", b"--x--\r\n", "form:"),
    ("multipart/form-data; boundary=x", form(b"")[0], "body: expected a sound"),
    ("multipart/form-data; boundary=x", form(b"a", **{f"f{i}": "" for i in range(60)})[0], "too many fields"),
    ("multipart/form-data; boundary=x", form(b"a", emotion="x" * 9000)[0], "too long"),
    ("multipart/form-data; boundary=x", form(b"a")[0][:-7] + form(b"b")[0], "more than one file"),
    ("multipart/form-data; boundary=x", form(b"a")[0][:-9], "cut off"),
    ("multipart/form-data; boundary=x", b"--x\r\n" + b"a: b\r\n" * 5000, "form:")])
def test_damaged_forms_are_told(served, spoken, kind, body, text):
    status, _, content = served.ask("POST", "/v1/animate", body, headers={"content-type": kind})
    assert status == 422, content
    assert text in json.loads(content)["message"]
    assert fine(served, spoken)


@pytest.mark.parametrize("as_form", [False, True])
def test_a_body_that_is_too_large_is_refused_told_or_not(served, spoken, as_form):
    body, headers = form(bytes(400_000)) if as_form else (bytes(400_000), {})
    assert served.refused("POST", "/v1/animate", body, headers=headers)[:2] == (413, "limit")
    chunked = iter([body[:200_000], body[200_000:]])
    status, error, message = served.refused("POST", "/v1/jobs", chunked, headers=headers)
    assert (status, error) == (413, "limit")
    assert "at most 0.3 MB" in message
    assert fine(served, spoken)


def test_sound_that_is_too_long_is_refused(served, spoken):
    status, error, message = served.refused("POST", "/v1/animate", wav(5))
    assert (status, error) == (413, "limit")
    assert message == "sound: expected at most 4 s, got more; cut it in pieces"
    assert fine(served, spoken)


@pytest.mark.parametrize("begun", [
    b"", b"GET /health HT", b"POST /v1/animate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le",
    b"POST /v1/animate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nRIFF"])
def test_a_client_that_falls_silent_is_let_go(served, spoken, begun):
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as slow:
        slow.sendall(begun)
        answer = slow.recv(10_000)
        if begun.endswith(b"RIFF"):
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"something every 0.6 s" in answer + slow.recv(10_000)
        else:
            assert answer == b""
    assert 0.4 < time.monotonic() - begin < 6
    assert fine(served, spoken)


def test_a_body_that_trickles_is_cut_off():
    served = Served(wall_s=1, idle_s=0.6, jobs=1)
    try:
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as slow:
            slow.sendall(b"POST /v1/animate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(4):
                slow.sendall(b"R")
                time.sleep(0.3)
            assert slow.recv(10_000).startswith(b"HTTP/1.1 408 ")
        wait_until(lambda: not served.jobs.states())
    finally:
        served.close()


class Slow:
    """What jobs do in place of animating: wait until they are let go, or may not go on."""

    def __init__(self):
        self.go, self.begun, self.ended = threading.Event(), 0, []

    def __call__(self, sound, result, order, stage):
        self.begun += 1
        tell = stage("listen")
        try:
            while not self.go.wait(0.02):
                tell(1, None)
            result.write_text("done")
            self.ended.append("done")
        except Exception as error:
            self.ended.append(type(error).__name__)
            raise


@pytest.fixture
def slow():
    make = Slow()
    served = Served(make=make, jobs=3, threads=2, wall_s=60, token="secret")
    served.make, served.right = make, {"authorization": "Bearer secret"}
    yield served
    make.go.set()
    served.close()


def test_a_full_house_says_when_to_ask_again(slow):
    jobs = [json.loads(slow.ask("POST", "/v1/jobs", b"x", headers=slow.right)[2])["id"] for _ in range(3)]
    status, headers, content = slow.ask("POST", "/v1/jobs", b"x", headers=slow.right)
    assert (status, headers["retry-after"]) == (503, "5")
    assert json.loads(content)["error"] == "busy"
    wait_until(lambda: slow.make.begun == 2)
    states = [json.loads(slow.ask("GET", f"/v1/jobs/{key}", headers=slow.right)[2])["state"] for key in jobs]
    assert states == ["working", "working", "waiting"]
    assert slow.refused("GET", f"/v1/jobs/{jobs[0]}/result", headers=slow.right)[:2] == (409, "unfinished")
    assert slow.ask("DELETE", f"/v1/jobs/{jobs[0]}", headers=slow.right)[0] == 204
    wait_until(lambda: slow.make.ended == ["CancelledJob"])
    assert slow.ask("POST", "/v1/jobs", b"x", headers=slow.right)[0] == 202
    slow.make.go.set()
    wait_until(lambda: slow.jobs.counts["done"] == 3)
    assert slow.ask("GET", f"/v1/jobs/{jobs[1]}/result", headers=slow.right)[2] == b"done"


def test_a_client_that_goes_away_ends_its_job_and_leaves_nothing(slow):
    with socket.create_connection(("127.0.0.1", slow.port)) as client:
        client.sendall(b"POST /v1/animate HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer secret\r\n"
                       b"Content-Length: 1\r\n\r\nx")
        wait_until(lambda: slow.make.begun == 1)
    wait_until(lambda: slow.make.ended == ["CancelledJob"])
    wait_until(lambda: not list(slow.jobs.folder.iterdir()))
    assert slow.jobs.counts["cancelled"] == 1
    with socket.create_connection(("127.0.0.1", slow.port)) as client:      # in the middle of its body
        client.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer secret\r\n"
                       b"Content-Length: 100\r\n\r\nx")
        wait_until(lambda: slow.jobs.states()["receiving"] == 1)
    wait_until(lambda: not slow.jobs.states())
    assert not list(slow.jobs.folder.iterdir())


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": "secret"},
                                   {"authorization": "Bearer secret "[:-2]}, {"authorization": "Bearer \xff"}])
def test_a_token_is_asked_for(slow, given):
    for method, path in (("POST", "/v1/animate"), ("POST", "/v1/jobs"), ("GET", "/metrics"), ("GET", "/v1/jobs/x"),
                         ("GET", "/v1/jobs/x/events"), ("DELETE", "/v1/jobs/x"), ("GET", "/nothing")):
        assert slow.refused(method, path, headers=given)[:2] == (401, "unauthorized")
    for path in ("/", "/docs", "/openapi.json", "/health"):
        assert slow.ask("GET", path, headers=given)[0] == 200
    with pytest.raises(InvalidStatus, match="401"), connect(f"ws://127.0.0.1:{slow.port}/v1/live?token=wrong"):
        pass
    assert slow.make.begun == 0
    with connect(f"ws://127.0.0.1:{slow.port}/v1/live?token=secret") as session:
        session.send('{"type": "end"}')
        assert json.loads(session.recv(10))["type"] in ("header", "end", "error")


def test_a_client_that_does_not_read_its_result_is_let_go(caplog):
    def large(sound, result, order, stage):
        result.write_bytes(bytes(30_000_000))

    served = Served(make=large, idle_s=0.6)
    try:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"POST /v1/animate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx")
            wait_until(lambda: served.figures().get('personare_requests_total{path="/v1/animate",status="200"}'))
            assert len(served.ask("POST", "/v1/animate", b"x")[2]) == 30_000_000
        assert not served.jobs.states()
        assert not list(served.jobs.folder.iterdir())
        assert "Traceback" not in caplog.text
    finally:
        served.close()


def test_a_job_that_takes_too_long_ends():
    make = Slow()
    served = Served(make=make, wall_s=0.5)
    try:
        assert served.refused("POST", "/v1/animate", b"x")[:2] == (504, "late")
        assert make.ended == ["LateError"]
    finally:
        make.go.set()
        served.close()


def test_results_nobody_fetches_are_deleted():
    make = Slow()
    make.go.set()
    served = Served(make=make, kept=2, kept_s=0.5)
    try:
        keys = [json.loads(served.ask("POST", "/v1/jobs", b"x")[2])["id"] for _ in range(3)]
        wait_until(lambda: served.ask("GET", f"/v1/jobs/{keys[0]}")[0] == 404)      # two are kept
        wait_until(lambda: not served.jobs.states())                                # for half a second
        assert served.jobs.counts["done"] == 3
        assert not list(served.jobs.folder.iterdir())
    finally:
        served.close()


def test_a_failure_of_ours_is_no_secret_of_theirs(caplog):
    def broken(sound, result, order, stage):
        raise RuntimeError("what only the log may say")

    served = Served(make=broken)
    try:
        told = served.refused("POST", "/v1/animate", b"x")
        assert told == (500, "server", "job: the server failed; its log says why")
        assert "what only the log may say" in caplog.text
    finally:
        served.close()


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"host": "127.0.0.1.evil.example"}, {"host": ""},
                                     {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://["}])
def test_pages_of_others_are_turned_away(served, headers):
    assert served.refused("GET", "/health", headers=headers)[:2] == (403, "forbidden")
    with pytest.raises(InvalidStatus, match="403"), connect(
            f"ws://127.0.0.1:{served.port}/v1/live", additional_headers={"origin": "http://evil.example"}):
        pass


@pytest.mark.parametrize("path", ["/v1/jobs/..%2f..%2fetc%2fpasswd", "/v1/jobs/../../etc/passwd", "/docs/../../x",
                                  "/v1/jobs/x/result", "//", "/%00", "/pages/api.html"])
def test_there_are_no_files_behind_paths(served, path):
    assert served.refused("GET", path)[:2] == (404, "unknown")


@pytest.mark.parametrize(("options", "messages", "text"), [
    ("rate=7", [], "1000 to 768000"), ("rate=1e9", [], "rate:"), ("fps=999", [], "fps:"), ("hum=1", [], "hum:"),
    ("emotion=hunger", [], "emotion:"), ("", ["{"], "message:"), ("", ["[" * 5000], "message:"),
    ("", ['{"type": "end", "x": ' + "1" * 5000 + "}"], "message:"), ("", ["[" * 900], "message:"),
    ("", ["1"], "message:"), ("", ['{"type": "clear"}'], "message:"),
    ("rate=8000", [bytes(8000 * 2 * 11)], "at most 10 s"),
    ("rate=8000", [bytes(8000 * 2 * 3)] * 2, "sound: expected at most 4 s"), ("", [], "within 0.6 s")])
def test_what_is_wrong_with_a_live_session_is_said(served, options, messages, text):
    with connect(f"ws://127.0.0.1:{served.port}/v1/live?{options}") as session:
        try:
            for message in messages:
                session.send(message)
            while (told := json.loads(session.recv(20)))["type"] in ("header", "frame"):
                pass
        except ConnectionClosed:
            raise AssertionError("closed without a word") from None
        assert told["type"] == "error"
        assert text in told["message"]
        with pytest.raises(ConnectionClosed):
            session.recv(5)
    wait_until(lambda: not served.host.open_voices)


def test_more_sessions_than_allowed_are_told_and_others_go_on(served):
    address = f"ws://127.0.0.1:{served.port}/v1/live"
    with connect(address) as one, connect(address) as other:
        for session in (one, other):
            session.send(QUIET)
        wait_until(lambda: served.host.open_voices == 2)
        with connect(address) as third:
            assert json.loads(third.recv(5))["error"] == "busy"
        for session in (one, other):
            session.send('{"type": "end"}')
            while (told := json.loads(session.recv(20)))["type"] in ("header", "frame"):
                pass
            assert told == {"type": "end", "frames": 30}
    wait_until(lambda: not served.host.open_voices)


def test_a_service_for_other_machines_needs_a_token():
    for bind in ("127.0.0.1", "::1", "localhost"):
        assert checked_bind(bind, None) == bind
    assert checked_bind("0.0.0.0", "secret") == "0.0.0.0"
    for bind in ("0.0.0.0", "::", "192.168.0.1", "example.org", ""):
        with pytest.raises(InputError, match="add --token SECRET"):
            checked_bind(bind, None)
