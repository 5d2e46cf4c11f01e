"""Viewers get every frame and its sound, speakers are played in their own time, and strangers are turned away."""

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.live.show import Show
from personare.live.sinks import open_sink
from personare.live.sources import open_source
from personare.types import Motion

pytest.importorskip("websockets", reason="WebSockets need the extra serve")
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

UPGRADE = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")


@pytest.fixture
def sink():
    sink = open_sink("ws://127.0.0.1:0?sound=yes", fps=30)
    yield sink
    sink.close()


@pytest.fixture
def source():
    source = open_source("ws://127.0.0.1:0")
    yield source
    source.close()


def frame(rng):
    return Motion(rng.uniform(0, 0.5, (1, 52)).astype(np.float32), 30, "arkit-52")


def attend(sink, count):
    for _ in range(200):
        if len(sink._server.clients) == count:
            return
        time.sleep(0.01)
    raise AssertionError(f"{len(sink._server.clients)} viewers, not {count}")


def test_every_viewer_gets_frames_and_their_sound(sink, rng):
    pcm = rng.integers(-30000, 30000, 1600).astype("<i2")
    with connect(f"ws://127.0.0.1:{sink.port}/") as one, connect(f"ws://127.0.0.1:{sink.port}/") as other:
        attend(sink, 2)
        sink.hear(pcm.astype(np.float32) / 32767, 16000)
        frames = [frame(rng) for _ in range(3)]
        for i, motion in enumerate(frames):
            sink.send(i, motion)
        for viewer in (one, other):
            header = json.loads(viewer.recv(5))
            assert (header["type"], header["rate"], header["fps"]) == ("header", 16000, 30)
            heard = b""
            for i, motion in enumerate(frames):
                sound, shown = viewer.recv(5), json.loads(viewer.recv(5))
                heard += sound
                assert len(heard) == 2 * round((i + 1) * 16000 / 30)        # sound up to the end of its frame
                assert shown["frame"] == i
                np.testing.assert_allclose(shown["weights"], motion.values[0], atol=6e-6)
            assert heard == pcm.tobytes()


def test_a_viewer_that_does_not_read_is_let_go_and_holds_up_nobody(sink, rng):
    slow = socket.create_connection(("127.0.0.1", sink.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(UPGRADE)
    with connect(f"ws://127.0.0.1:{sink.port}/", max_queue=None) as quick:
        attend(sink, 2)
        motion, seen = frame(rng), []
        reader = threading.Thread(target=lambda: [seen.append(quick.recv(5)) for _ in range(9001)])
        reader.start()
        for i in range(9000):
            sink.send(i, motion)
            if i % 50 == 0:
                time.sleep(0.005)
        reader.join(30)
        assert len(seen) == 9001
        assert sink.dropped == 1
    slow.close()


def test_a_speaker_who_is_faster_than_time_is_played_in_time(source, rng):
    pcm = rng.integers(-30000, 30000, 8000).astype("<i2")
    heard, times = [], []

    def listen():
        for chunk in source.chunks():
            if chunk is not None:
                heard.append(chunk)
                times.append(time.monotonic())

    listener = threading.Thread(target=listen)
    listener.start()
    with connect(f"ws://127.0.0.1:{source.port}/") as speaker:
        begin = time.monotonic()
        content = pcm.tobytes()
        for i in range(0, len(content), 999):
            speaker.send(content[i:i + 999])
        while sum(map(len, heard)) < 8000 and time.monotonic() < begin + 5:
            time.sleep(0.02)
    source.close()
    listener.join(5)
    np.testing.assert_allclose(np.concatenate(heard), pcm / 32768, atol=1e-6)
    played_s = np.cumsum([len(chunk) for chunk in heard]) / 16000
    assert np.all(np.array(times) - begin >= played_s / 1.004 - 1e-3)      # nothing before it is spoken
    assert times[-1] - begin < 0.5 + 0.4


def test_what_waits_can_be_dropped_and_other_rates_are_resampled(source):
    with connect(f"ws://127.0.0.1:{source.port}/?rate=48000") as speaker:
        speaker.send(bytes(2 * 48000))
        for _ in range(200):
            if source._count:
                break
            time.sleep(0.01)
        assert 15000 < source._count < 16100
        speaker.send(json.dumps({"type": "clear"}))
        for _ in range(200):
            if not source._count:
                break
            time.sleep(0.01)
        assert source._count == 0
    with connect(f"ws://127.0.0.1:{source.port}/?rate=5") as speaker, pytest.raises(ConnectionClosed, match="rate"):
        speaker.recv(5)


def test_strangers_are_turned_away(sink, source):
    for server in (sink, source):
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://127.0.0.1:{server.port}/", origin="http://evil.example")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{server.port}/",
                                                          headers={"Host": "evil.example"}), timeout=5)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/../../etc/passwd", timeout=5)
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=5) as page:
            assert b"WebSocket" in page.read()


def test_hostile_bytes_hurt_nobody(sink, source, rng):
    for server in (sink, source):
        with connect(f"ws://127.0.0.1:{server.port}/") as viewer:
            for i in range(40):
                with socket.create_connection(("127.0.0.1", server.port)) as hostile:
                    hostile.sendall((b"" if i % 2 else UPGRADE) + rng.bytes(int(rng.integers(0, 3000))))
            for text in ("{", "[" * 900, "null", '{"type": 3}'):
                viewer.send(text)
            with connect(f"ws://127.0.0.1:{server.port}/") as large:
                large.send(bytes((1 << 20) + 2))
                with pytest.raises(ConnectionClosed):
                    large.recv(5)
            viewer.ping().wait(5)
            if server is sink:
                sink.send(0, frame(rng))
                assert json.loads(viewer.recv(5))["type"] == "header"


def test_a_taken_port_is_explained(sink):
    for opened, extra in ((open_sink, {"fps": 30}), (open_source, {})):
        with pytest.raises(InputError, match="choose another port"):
            opened(f"ws://127.0.0.1:{sink.port}", **extra)


def _drive(port, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST" if body is not None else "DELETE",
                                     data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["value"]


def test_a_browser_gets_thirty_frames_a_second(sink, tmp_path):
    driver = shutil.which("chromedriver")
    if not driver:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}"]
        session = _drive(port, "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": flags}}}})
        home = f"/session/{session['sessionId']}"
        _drive(port, f"{home}/url", {"url": f"http://127.0.0.1:{sink.port}/"})
        attend(sink, 1)
        show = Show(open_source("examples/hello.wav"), [sink], fps=30, model="vox-live")
        player = threading.Thread(target=show.run)
        player.start()
        time.sleep(5)
        seen, mouth = _drive(port, f"{home}/execute/sync", {"script": (
            "return [window.frames_seen, document.getElementById('mouth').getAttribute('d')]"), "args": []})
        show.stop()
        player.join(10)
        _drive(port, home)
    finally:
        process.kill()
        process.wait()
    times, frames = np.array(seen).T
    assert len(frames) > 100
    rate = (frames[-1] - frames[0]) / (times[-1] - times[0]) * 1000
    assert rate == pytest.approx(30, abs=0.5)
    assert len(frames) >= 0.97 * (frames[-1] - frames[0] + 1)
    assert mouth.startswith("M")


def test_sound_passes_through_a_show_whole(rng):
    audio = personare.load("examples/hello.wav")
    audio = personare.Audio(audio.samples[:audio.rate_hz], audio.rate_hz)
    sink = open_sink("ws://127.0.0.1:0?sound=yes", fps=30)

    class Once:
        live, rate_hz = False, audio.rate_hz

        def chunks(self):
            yield from np.array_split(audio.samples, 40)

        def close(self):
            pass

    heard = []
    with connect(f"ws://127.0.0.1:{sink.port}/", max_queue=None) as viewer:
        attend(sink, 1)
        Show(Once(), [sink], fps=30, model="vox-small-live").run()
        with pytest.raises(ConnectionClosed):
            while True:
                heard.append(viewer.recv(5))
    sound = b"".join(message for message in heard if isinstance(message, bytes))
    assert sound == np.round(np.clip(audio.samples, -1, 1) * 32767).astype("<i2").tobytes()
