"""Packets read by what others have written, PyLiveLinkFace and python-osc, and OSC by the letter of its description."""

import socket
import struct

import numpy as np
import pytest

from personare.live import packets
from personare.live.sinks import open_sink
from personare.spaces import ARKIT_52
from personare.types import Motion

_WHY = "no PyLiveLinkFace; pip install pylivelinkface, which is no part of any extra"


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("127.0.0.1", 0))
        receiving.settimeout(5)
        yield receiving


@pytest.fixture
def frame(rng):
    angle = 0.3
    pose = np.eye(4, dtype=np.float32)[None]
    pose[0, :3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    return Motion(rng.uniform(0, 1, (1, 52)).astype(np.float32), 60, ARKIT_52, pose)


def sent(receiver, text, frame, index=0):
    sink = open_sink(text.format(receiver.getsockname()[1]), fps=60)
    sink.send(index, frame)
    content = receiver.recv(65536)
    sink.close()
    return content


def test_live_link_is_read_by_pylivelinkface(receiver, frame):
    library = pytest.importorskip("pylivelinkface", reason=_WHY)
    found, face = library.PyLiveLinkFace.decode(sent(receiver, "livelink://127.0.0.1:{}?subject=Anna", frame))
    assert found
    assert (face.name, face.fps, face._version, face._denominator) == ("Anna", 60, 6, 1)
    assert 0 <= face._frames < 24 * 3600 * 60
    for shape in library.FaceBlendShape:
        if shape.value < len(ARKIT_52):
            name = shape.name[0].lower() + shape.name[1:]
            assert face.get_blendshape(shape) == frame.column(name)[0], name
    assert face.get_blendshape(library.FaceBlendShape.HeadYaw) == pytest.approx(0.3, abs=1e-6)
    assert face.get_blendshape(library.FaceBlendShape.HeadPitch) == pytest.approx(0, abs=1e-6)


def test_live_link_bytes_are_those_that_pylivelinkface_writes(frame):
    library = pytest.importorskip("pylivelinkface", reason=_WHY)
    device = "3F0C2B1E-0000-4000-8000-0123456789AB"
    theirs = library.PyLiveLinkFace("Anna", device, 60)
    values = packets.livelink_values(frame)[0]
    theirs._blend_shapes = [float(value) for value in values]
    theirs, ours = theirs.encode(), packets.livelink(values, device=device, subject="Anna", time_s=5.5, fps=60)
    # Frame and part of a frame are of the moment at which each was written; all else is the same, byte for byte.
    time = slice(1 + 4 + 36 + 4 + 4, 1 + 4 + 36 + 4 + 4 + 8)
    assert len(theirs) == len(ours)
    assert theirs[:time.start] == ours[:time.start]
    assert theirs[time.stop:] == ours[time.stop:]
    assert struct.unpack(">if", ours[time]) == (330, 0)


def osc_messages(content):
    """[(address, arguments)] of a bundle, read by OSC 1.0: everything padded to four bytes, numbers big-endian."""
    assert content[:8] == b"#bundle\0"
    assert content[8:16] == bytes(7) + b"\1"       # immediately
    at, out = 16, []
    while at < len(content):
        (size,) = struct.unpack(">i", content[at:at + 4])
        assert size % 4 == 0
        out.append(osc_message(content[at + 4:at + 4 + size]))
        at += 4 + size
    assert at == len(content)
    return out


def osc_message(content):
    def text(at):
        end = content.index(b"\0", at)
        stop = (end // 4 + 1) * 4
        assert set(content[end:stop]) == {0}
        return content[at:end].decode("ascii"), stop

    address, at = text(0)
    tags, at = text(at)
    assert tags[0] == ","
    arguments = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = text(at)
        else:
            (value,) = struct.unpack({"i": ">i", "f": ">f"}[tag], content[at:at + 4])
            at += 4
        arguments.append((tag, value))
    assert at == len(content)
    return address, arguments


@pytest.mark.parametrize("avatar", ["vrm0", "vrm1", "perfect-sync"])
def test_vmc_is_the_same_to_python_osc_and_to_the_letter_of_osc(receiver, frame, avatar):
    pytest.importorskip("pythonosc", reason="the VMC protocol needs the extra live")
    from pythonosc.osc_packet import OscPacket

    content = sent(receiver, "vmc://127.0.0.1:{}?avatar=" + avatar, frame, index=6)
    by_letter = osc_messages(content)
    theirs = [timed.message for timed in OscPacket(content).messages]
    assert [(m.address, m.params) for m in theirs] == [(a, [v for _, v in rest]) for a, rest in by_letter]
    # The signature of each message as the protocol's page has it.
    kinds = {address: "".join(tag for tag, _ in rest) for address, rest in by_letter}
    assert kinds == {"/VMC/Ext/OK": "i", "/VMC/Ext/T": "f", "/VMC/Ext/Bone/Pos": "sfffffff",
                     "/VMC/Ext/Blend/Val": "sf", "/VMC/Ext/Blend/Apply": ""}
    bones = [rest[0][1] for address, rest in by_letter if address == "/VMC/Ext/Bone/Pos"]
    assert bones == ["Head", "LeftEye", "RightEye"]
    for address, rest in by_letter:
        if address == "/VMC/Ext/Bone/Pos":
            assert np.linalg.norm([value for _, value in rest[4:]]) == pytest.approx(1, abs=1e-6)
    names = [rest[0][1] for address, rest in by_letter if address == "/VMC/Ext/Blend/Val"]
    assert len(set(names)) == len(names) == len(packets.vmc_names(avatar)[1])
    assert by_letter[-1] == ("/VMC/Ext/Blend/Apply", [])
