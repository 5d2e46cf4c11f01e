"""Sound from pipes, sockets and files, also when it is broken."""

import io
import socket
import sys
import threading

import numpy as np
import pytest

import personare
from personare.errors import InputError, MissingExtra
from personare.live.sources import PlayedFile, RawStream, TcpServer, UdpServer, address_of, open_source, samples_of


def test_raw_samples_come_through_whatever_the_pieces(rng):
    pcm = rng.integers(-32768, 32767, 5001).astype("<i2")

    class Pieces(io.RawIOBase):
        def __init__(self):
            self.rest = pcm.tobytes()

        def read1(self, size):
            piece, self.rest = self.rest[:777], self.rest[777:]
            return piece

    heard = np.concatenate(list(RawStream(Pieces(), 16000).chunks()))
    np.testing.assert_allclose(heard, pcm / 32768, atol=1e-7)


def test_an_odd_byte_waits_for_its_other_half():
    samples, rest = samples_of(b"\0\x40\x01")
    np.testing.assert_allclose(samples, [0.5])
    assert rest == b"\x01"


def test_tcp_takes_one_speaker_after_another():
    server, heard = TcpServer("127.0.0.1", 0, 16000), []
    reader = threading.Thread(target=lambda: heard.extend(c for c in server.chunks() if c is not None))
    reader.start()
    for value in (1000, 2000):
        with socket.create_connection(("127.0.0.1", server.port)) as speaker:
            speaker.sendall(np.full(800, value, "<i2").tobytes())
    for _ in range(200):
        if sum(map(len, heard)) == 1600:
            break
        threading.Event().wait(0.02)
    server.close()
    reader.join(5)
    assert not reader.is_alive()
    np.testing.assert_allclose(np.unique(np.concatenate(heard)), [1000 / 32768, 2000 / 32768])


def test_udp_ignores_datagrams_that_are_no_samples():
    server = UdpServer("127.0.0.1", 0, 16000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
        for content in (b"odd", b"", np.full(10, 500, "<i2").tobytes()):
            speaker.sendto(content, ("127.0.0.1", server.port))
    heard = []
    for chunk in server.chunks():
        if chunk is not None and len(chunk):
            heard.append(chunk)
            server.close()
    np.testing.assert_allclose(heard[0], 500 / 32768)


def test_a_file_takes_its_own_time():
    class Simulated:
        time, waits = 0.0, 0

        def now(self):
            return self.time

        def sleep(self, seconds):
            self.time += seconds

    clock = Simulated()
    file = PlayedFile("examples/hello.wav", clock=clock)
    given = 0
    for chunk in file.chunks():
        given += len(chunk)
        assert given / file.rate_hz <= clock.now() + 1e-6        # nothing is heard before it is spoken
        assert len(chunk) <= 0.011 * file.rate_hz
    assert given == len(personare.load("examples/hello.wav").samples)


@pytest.mark.parametrize("text", ["tcp://127.0.0.1", "tcp://127.0.0.1:99999", "udp://127.0.0.1:9?rate=fast",
                                  "udp://127.0.0.1:9?rate=1", "ftp://x:1"])
def test_wrong_addresses_are_explained(text):
    with pytest.raises(InputError, match=r"expected .*; "):
        open_source(text)


def test_a_taken_port_and_a_missing_microphone_are_explained(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="choose another port"):
            open_source(f"tcp://127.0.0.1:{taken.getsockname()[1]}")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtra, match=r"personare\[live\]"):
        open_source("mic")


def test_the_rate_of_an_address():
    assert address_of("tcp://0.0.0.0:9000?rate=48000") == ("0.0.0.0", 9000, 48000)
