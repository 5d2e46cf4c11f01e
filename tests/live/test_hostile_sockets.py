"""Whatever comes in on a socket that listens: nothing crashes or hangs, and others keep their stream."""

import json
import socket
import struct
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from personare.live.asked import GREETING
from personare.live.show import Show
from personare.live.sinks import open_sink
from personare.live.sources import FLOOR_S, open_source
from personare.types import Motion

FRAME = Motion(np.full((1, 52), 0.25, np.float32), 30, "arkit-52")
TONE = np.round(8000 * np.sin(2 * np.pi * 220 * np.arange(1600) / 16000)).astype("<i2")


@pytest.fixture
def junk(rng):
    """Datagrams and streams that mean nothing, from empty to as large as they get."""
    return [b"", b"\0", b"\xff" * 3, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"{" * 5000, rng.bytes(1), rng.bytes(1473),
            rng.bytes(60001), struct.pack("<I", 2**32 - 1) + b"1\0", struct.pack(">I", 2**31) * 100, b"%s%n" * 500]


class Listening(threading.Thread):
    """Takes everything a source gives, as Show does."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source, self.chunks, self.error = source, [], None
        self.start()

    def run(self):
        try:
            for chunk in self.source.chunks():
                if chunk is not None and len(chunk):
                    self.chunks.append(chunk)
        except Exception as error:
            self.error = error

    def heard(self):
        return np.concatenate([*self.chunks, np.zeros(0, np.float32)])

    def wait_for(self, found, seconds=10.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found(self.heard()):
                return True
            time.sleep(0.02)
        return False

    def end(self):
        self.source.close()
        self.join(5)
        assert not self.is_alive()
        assert self.error is None


def holds_tone(heard):
    """Whether the tone is in there, whole."""
    wanted = TONE.astype(np.float32) / 32768
    starts = np.flatnonzero(heard[:max(0, len(heard) - len(wanted) + 1)] == wanted[0])
    return any(np.array_equal(heard[at:at + len(wanted)], wanted) for at in starts)


def test_tcp_survives_junk_resets_and_bytes_one_by_one(junk):
    listening = Listening(open_source("tcp://127.0.0.1:0"))
    address = ("127.0.0.1", listening.source.port)
    for content in junk:
        with socket.create_connection(address) as peer:
            peer.sendall(content)
            # Closed with a reset instead of an end.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with socket.create_connection(address) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in TONE.tobytes()[:101]:
            peer.send(bytes([byte]))
        peer.sendall(TONE.tobytes()[101:])
        assert listening.wait_for(holds_tone)
    listening.end()


def test_tcp_speaker_who_is_silent_makes_way_and_one_who_speaks_does_not():
    listening = Listening(open_source("tcp://127.0.0.1:0"))
    address = ("127.0.0.1", listening.source.port)
    with socket.create_connection(address), socket.create_connection(address) as second:
        second.sendall(TONE.tobytes())
        assert listening.wait_for(holds_tone, FLOOR_S + 5)
        with socket.create_connection(address) as third:
            third.sendall(np.full(160, -32768, "<i2").tobytes())
            for _ in range(15):
                second.sendall(TONE[:160].tobytes())
                time.sleep(0.1)
            assert listening.heard().min() > -1
    listening.end()


def test_udp_hears_one_speaker_whatever_others_send(junk):
    listening = Listening(open_source("udp://127.0.0.1:0"))
    address = ("127.0.0.1", listening.source.port)
    with (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker,
          socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger):
        for i in range(10):
            speaker.sendto(TONE[160 * i:160 * (i + 1)].tobytes(), address)
            time.sleep(0.02)
            for content in junk:
                stranger.sendto(content, address)
        wanted = TONE.astype(np.float32) / 32768
        assert listening.wait_for(lambda heard: len(heard) >= len(wanted))
        np.testing.assert_array_equal(listening.heard(), wanted)
        time.sleep(FLOOR_S + 0.1)
        stranger.sendto(TONE.tobytes(), address)
        assert listening.wait_for(lambda heard: len(heard) == 2 * len(wanted))
    listening.end()


def test_a_flood_waits_and_the_show_keeps_its_pace():
    """A speaker who sends an hour at once is read as fast as it is played, and no faster."""
    source = open_source("tcp://127.0.0.1:0")
    shown = []
    sink = SimpleNamespace(send=lambda index, motion: shown.append(time.monotonic()), close=lambda: None)
    show = Show(source, [sink], model="vox-small-live")
    running = threading.Thread(target=show.run, daemon=True)
    running.start()
    sent = 0
    with socket.create_connection(("127.0.0.1", source.port)) as peer:
        peer.settimeout(0.2)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                sent += peer.send(bytes(1 << 16))
            except TimeoutError:
                continue
        waiting_s = show._given / source.rate_hz
        assert waiting_s < 25       # ten seconds queued, four ahead, what was played, and a little
        assert len(shown) > 30
        steps = np.diff(shown[-30:])
        assert np.median(steps) == pytest.approx(1 / 30, abs=0.01)
    show.stop()
    running.join(10)
    assert not running.is_alive()


def test_datagrams_to_phone_and_control_port_hurt_nobody(junk):
    phone = open_sink("ifacialmocap://127.0.0.1:0?listen=yes", fps=30)
    control = open_sink("facegood://127.0.0.1:9?control=0", fps=30)
    with (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
          socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger):
        receiver.settimeout(5)
        receiver.sendto(GREETING, ("127.0.0.1", phone.port))
        for i in range(20):
            for content in [*junk, GREETING[:-1], GREETING + b"\0" * 3000, b"|" * 60000]:
                for port in (phone.port, control.gate.port):
                    stranger.sendto(content[:65000], ("127.0.0.1", port))
            begin = time.monotonic()
            phone.send(i, FRAME)
            assert time.monotonic() - begin < 0.5
        for _ in range(20):
            assert receiver.recv(4096).startswith(b"eyeBlink_L-25|")
        assert not control.gate.open
        said = b"1\0"
        end = time.monotonic() + 20
        while not control.gate.open and time.monotonic() < end:
            # Said again: a system drops datagrams that come while the port still has others to read.
            stranger.sendto(struct.pack("<I", len(said)) + said, ("127.0.0.1", control.gate.port))
            time.sleep(0.05)
        assert control.gate.open
    phone.close()
    control.close()


def test_websockets_keep_their_viewers_whatever_else_connects(junk):
    pytest.importorskip("websockets", reason="WebSockets need the extra serve")
    from websockets.sync.client import connect

    sink = open_sink("ws://127.0.0.1:0", fps=30)
    address, slow = ("127.0.0.1", sink.port), []
    with connect(f"ws://127.0.0.1:{sink.port}/") as viewer:
        for content in junk:
            # Halves of a handshake that never end, beside junk that does.
            half = socket.create_connection(address)
            half.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + content[:500].replace(b"\r", b"").replace(
                b"\n", b""))
            slow.append(half)
            with socket.create_connection(address) as peer:
                peer.sendall(content)
        with connect(f"ws://127.0.0.1:{sink.port}/", max_size=None) as other:
            for content in (*junk, b"x" * (1 << 21)):
                try:
                    other.send(content)
                except Exception:       # it was let go, as it should be
                    break
        for i in range(30):
            sink.send(i, FRAME)
            time.sleep(0.005)
        frames = []
        while len(frames) < 30:
            message = json.loads(viewer.recv(timeout=5))
            frames += [message["frame"]] if message["type"] == "frame" else []
        assert frames == list(range(30))
    for half in slow:
        half.close()
    sink.close()


def test_websocket_speakers_keep_the_floor_whatever_else_connects(junk):
    pytest.importorskip("websockets", reason="WebSockets need the extra serve")
    from websockets.sync.client import connect

    listening = Listening(open_source("ws://127.0.0.1:0"))
    address = f"ws://127.0.0.1:{listening.source.port}/"

    def disturb():
        with connect(address, max_size=None) as other:
            for content in [*junk, b"x" * (1 << 21)]:
                try:
                    other.send(content)
                    other.send(content.decode("latin1"))
                except Exception:       # it was let go, as it should be
                    break

    with connect(address) as speaker:
        speaker.send(TONE[:160].tobytes())
        assert listening.wait_for(len)
        stranger = threading.Thread(target=disturb, daemon=True)
        stranger.start()
        for i in range(1, 10):
            speaker.send(TONE[160 * i:160 * (i + 1)].tobytes())
            time.sleep(0.05)
        assert listening.wait_for(lambda heard: len(heard) >= len(TONE))
        np.testing.assert_array_equal(listening.heard()[:len(TONE)], TONE.astype(np.float32) / 32768)
    listening.end()


class Device:
    """What PortAudio does with a microphone that is pulled out and put back, at the boundary of sounddevice."""

    def __init__(self, *, says_it_is_gone):
        self.plugged, self.opened, self._says = True, 0, says_it_is_gone

        class PortAudioError(Exception):
            pass

        self.PortAudioError, device = PortAudioError, self

        class InputStream:
            def __init__(self, *, callback, blocksize, **_):
                if not device.plugged:
                    raise PortAudioError("Error opening InputStream: Device unavailable")
                device.opened += 1
                self._callback, self._size, self._closed = callback, blocksize, False

            def start(self):
                threading.Thread(target=self._speak, daemon=True).start()

            def _speak(self):
                while not self._closed and device.plugged:
                    self._callback(np.full((self._size, 1), 0.25, np.float32), self._size, None, None)
                    time.sleep(0.01)

            @property
            def active(self):
                return device.plugged or not device._says

            def close(self):
                self._closed = True
                if not device.plugged:
                    raise PortAudioError("Error closing stream")

        self.InputStream = InputStream


@pytest.mark.parametrize("says_it_is_gone", [True, False])
def test_a_microphone_that_is_pulled_out_and_put_back_is_heard_again(says_it_is_gone, monkeypatch):
    from personare.live import sources

    device = Device(says_it_is_gone=says_it_is_gone)
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    monkeypatch.setattr(sources, "_RETRY_S", 0.1)
    monkeypatch.setattr(sources, "_DEAF_S", 0.3)
    source, shown = open_source("mic"), []
    sink = SimpleNamespace(send=lambda index, motion: shown.append(index), close=lambda: None)
    said = []
    show = Show(source, [sink], model="vox-small-live")
    running = threading.Thread(target=lambda: show.run(say=said.append), daemon=True)
    running.start()

    def frames_go_on():
        count, end = len(shown), time.monotonic() + 10
        while len(shown) < count + 10 and time.monotonic() < end:
            time.sleep(0.02)
        return len(shown) >= count + 10

    assert frames_go_on()
    device.plugged = False
    time.sleep(0.8)
    assert frames_go_on()       # the face rests, blinks and breathes
    opened, device.plugged = device.opened, True
    end = time.monotonic() + 10
    while device.opened == opened and time.monotonic() < end:
        time.sleep(0.02)
    assert device.opened == opened + 1
    assert frames_go_on()
    show.stop()
    running.join(10)
    assert not running.is_alive()
    assert said == []
    assert shown == sorted(shown)
