"""Receivers that ask get frames, strangers do not; Unreal's control port opens and closes the ear."""

import socket
import struct
import time

import numpy as np
import pytest

from personare.errors import InputError
from personare.live.asked import GREETING, MOST_RECEIVERS, _is_near
from personare.live.show import Show
from personare.live.sinks import open_sink
from personare.types import Motion


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("127.0.0.1", 0))
        receiving.settimeout(0.3)
        yield receiving


FRAME = Motion(np.full((1, 52), 0.25, np.float32), 30, "arkit-52")


def test_a_receiver_that_greets_gets_frames_in_the_version_it_asks_for(receiver):
    phone = open_sink("ifacialmocap://127.0.0.1:0?listen=yes", fps=30)
    address = ("127.0.0.1", phone.port)
    phone.send(0, FRAME)
    assert phone.sent == 0
    for asked, first in ((b"", b"eyeBlink_L-25|"), (b"|sendDataVersion=v2", b"eyeBlink_L&25|")):
        receiver.sendto(GREETING + asked, address)
        phone.send(1, FRAME)
        content = receiver.recv(4096)
        assert content.startswith(first)
        assert b"|=head#" in content
        assert content.count(b"|") == 52 + 3
    assert phone.sent == 2
    phone.close()


@pytest.mark.parametrize("junk", [b"", b"\0" * 1000, b"iFacialMocap", GREETING[:-1], GREETING + b"x", b"\xff" * 2000])
def test_others_get_nothing(receiver, junk):
    phone = open_sink("ifacialmocap://127.0.0.1:0?listen=yes", fps=30)
    receiver.sendto(junk, ("127.0.0.1", phone.port))
    phone.send(0, FRAME)
    with pytest.raises(TimeoutError):
        receiver.recv(4096)
    phone.close()


def test_only_so_many_are_served_and_none_far_away():
    phone = open_sink("ifacialmocap://127.0.0.1:0?listen=yes", fps=30)
    askers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(MOST_RECEIVERS + 3)]
    for asker in askers:
        asker.sendto(GREETING, ("127.0.0.1", phone.port))
    phone.send(0, FRAME)
    assert phone.sent == MOST_RECEIVERS
    for asker in askers:
        asker.close()
    phone.close()
    assert [_is_near(host) for host in ("127.0.0.1", "192.168.1.7", "fe80::1%eth0", "8.8.8.8", "2001:4860::1")] == [
        True, True, True, False, False]


class Tone:
    """A source that a test feeds by hand."""

    rate_hz, live = 16000, True

    def chunks(self):
        return iter(())

    def close(self):
        pass


def test_unreal_opens_and_closes_the_ear(receiver):
    sink = open_sink(f"facegood://127.0.0.1:{receiver.getsockname()[1]}?control=0", fps=30)
    show = Show(Tone(), [sink], model="vox-small-live")
    heard = []
    show.performance.push = lambda samples: heard.append(float(np.abs(samples).max())) or FRAME.frames(0, 0)

    def say(text, expected):
        content = text + b"\0"
        receiver.sendto(struct.pack("<I", len(content)) + content, ("127.0.0.1", sink.gate.port))
        end = time.monotonic() + 5
        while sink.gate.open != expected and time.monotonic() < end:
            time.sleep(0.01)

    loud = np.full(160, 0.5, np.float32)
    show.hear(loud)
    say(b"1", True)
    show.hear(loud)
    for junk in (b"", b"\0", b"\xff" * 1500, struct.pack("<I", 2**32 - 1) + b"1\0", b"1"):
        receiver.sendto(junk, ("127.0.0.1", sink.gate.port))
    time.sleep(0.1)
    show.hear(loud)
    say(b"2", False)
    show.hear(loud)
    assert heard == [0, 0.5, 0.5, 0]
    sink.close()


@pytest.mark.parametrize("text", ["facegood://127.0.0.1?control=no", "facegood://127.0.0.1?control=99999",
                                  "ifacialmocap://203.0.113.9?listen=yes"])
def test_addresses_that_cannot_be_are_told(text):
    with pytest.raises(InputError, match=r"port|address"):
        open_sink(text, fps=30)
