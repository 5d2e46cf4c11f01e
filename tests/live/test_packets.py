"""Packets, read back by decoders written from the description of each protocol, not from the sender."""

import struct

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.live import packets
from personare.spaces import ARKIT_52, LIVELINK_61, space_named
from personare.types import Motion


def turned(yaw=0.0, pitch=0.0):
    """(1, 4, 4) head pose: yaw to the subject's left, then pitch up."""
    sa, ca, sb, cb = np.sin(yaw), np.cos(yaw), np.sin(-pitch), np.cos(pitch)
    pose = np.eye(4, dtype=np.float32)[None]
    about_y = np.array([[ca, 0, sa], [0, 1, 0], [-sa, 0, ca]])
    pose[0, :3, :3] = about_y @ np.array([[1, 0, 0], [0, cb, -sb], [0, sb, cb]])
    return pose


@pytest.fixture
def frame(rng):
    values = rng.uniform(0, 1, (1, 52)).astype(np.float32)
    return Motion(values, 30, ARKIT_52, turned(yaw=0.2, pitch=0.1))


def decoded_livelink(content):
    """A packet read with nothing but the layout: big-endian, length-prefixed strings, frame time, count, floats."""
    (version,), at = struct.unpack(">B", content[:1]), 1
    names = []
    for _ in range(2):
        (length,) = struct.unpack(">i", content[at:at + 4])
        names.append(content[at + 4:at + 4 + length].decode())
        at += 4 + length
    frame, subframe, rate, divisor, count = struct.unpack(">ifiiB", content[at:at + 17])
    values = np.frombuffer(content[at + 17:], ">f4")
    assert len(values) == count
    return version, *names, frame, subframe, rate, divisor, values


def test_livelink_says_what_the_face_does(frame):
    values = packets.livelink_values(frame)[0]
    content = packets.livelink(values, device="a1", subject="Änne", time_s=10.51, fps=60)
    version, device, subject, number, subframe, rate, divisor, got = decoded_livelink(content)
    assert (version, device, subject, rate, divisor) == (6, "a1", "Änne", 60, 1)
    assert number == 630
    assert subframe == pytest.approx(0.6, abs=1e-3)
    np.testing.assert_array_equal(got, values)
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkRight", "tongueOut"):
        assert got[LIVELINK_61.index(name)] == frame.column(name)[0]
    assert got[52] == pytest.approx(0.2, abs=1e-5)
    assert got[53] == pytest.approx(0.1, abs=1e-5)


def test_eyes_that_look_to_the_subjects_right_have_positive_yaw():
    motion = Motion(np.zeros((1, 52), np.float32), 30, ARKIT_52).with_columns(
        {"eyeLookInLeft": [1.0], "eyeLookOutRight": [1.0], "eyeLookDownLeft": [0.5], "eyeLookDownRight": [0.5]})
    values = packets.livelink_values(motion)[0]
    assert values[55] > 0.3
    assert values[58] > 0.3
    assert values[56] > 0.1


def test_a_broken_rate_and_midnight():
    content = packets.livelink(np.zeros(61), device="d", subject="s", time_s=24 * 3600 + 1.0, fps=29.97)
    *_, number, subframe, rate, divisor, _ = decoded_livelink(content)
    assert (rate, divisor, number) == (30000, 1001, 29)
    assert 0 <= subframe < 1


@pytest.mark.parametrize("subject", ["", "x" * 300])
def test_names_that_do_not_fit_are_refused(subject):
    with pytest.raises(InputError, match="a name of 1 to 255 bytes"):
        packets.livelink(np.zeros(61), device="d", subject=subject, time_s=0, fps=30)


def test_facegood_bytes_are_those_of_the_original(shared):
    with np.load(shared / "fixtures/facegood_styleavatar_deep3d/facegood_udp_packet.npz") as file:
        weights, packet = file["weights_order1015"], file["packet"]
    motion = Motion(weights[None].astype(np.float32), 30, "facegood-116")
    there, _ = personare.convert(motion, "facegood-116-ue")
    assert packets.facegood(there.values[0]) == packet.tobytes()


def test_facegood_is_464_bytes_of_floats_and_four_zeros():
    values = np.linspace(0, 1, 116, dtype=np.float32)
    content = packets.facegood(values)
    assert len(content) == 468
    np.testing.assert_array_equal(np.frombuffer(content[:464], "<f4"), values)
    assert content[464:] == bytes(4)


@pytest.mark.parametrize(("content", "command"), [
    (b"\x02\0\0\x001\0", "begin"), (b"\x02\0\0\x002\0", "end"), (b"\x02\0\0\x003\0", None), (b"\x09\0\0\x001\0", None),
    (b"", None), (b"\xff" * 2000, None), (b"\x02\0\0\x0011", None)])
def test_facegood_commands(content, command):
    assert packets.facegood_command(content) == command


def test_ifacialmocap_is_percent_and_degrees(frame):
    text = packets.ifacialmocap(frame).decode()
    shapes, _, rest = text.partition("=head#")
    pairs = dict(part.rsplit("-", 1) for part in shapes.strip("|").split("|"))
    assert len(pairs) == 52
    assert int(pairs["mouthSmile_L"]) == round(100 * float(frame.column("mouthSmileLeft")[0]))
    assert int(pairs["jawLeft"]) == round(100 * float(frame.column("jawLeft")[0]))
    head = [float(part) for part in rest.split("|")[0].split(",")]
    assert len(head) == 6
    assert head[1] == pytest.approx(np.degrees(0.2), abs=0.01)
    assert "rightEye#" in rest
    assert "leftEye#" in rest


def test_vmc_bones_are_in_unitys_axes():
    motion = Motion(np.zeros((1, 52), np.float32), 30, ARKIT_52, turned(yaw=0.3))
    messages = {m[1][0]: m[1][1:] for m in packets.vmc_messages([], (), motion, time_s=0.0) if "Bone" in m[0]}
    x, y, z, w = messages["Head"][3:]
    # To the subject's left is a turn from +z towards -x there, which left-handed axes call negative about y.
    assert y == pytest.approx(-np.sin(0.15), abs=1e-6)
    assert (x, z) == (pytest.approx(0), pytest.approx(0))
    assert w == pytest.approx(np.cos(0.15), abs=1e-6)
    up = Motion(np.zeros((1, 52), np.float32), 30, ARKIT_52, turned(pitch=0.3))
    messages = {m[1][0]: m[1][1:] for m in packets.vmc_messages([], (), up, time_s=0.0) if "Bone" in m[0]}
    # Looking up is a turn from +z towards +y: negative about x in either handedness when y is up and z ahead.
    assert messages["Head"][3] == pytest.approx(-np.sin(0.15), abs=1e-6)


def test_vmc_names_are_those_of_each_kind_of_avatar():
    space, names = packets.vmc_names("vrm0")
    assert {"A", "I", "U", "E", "O", "Joy", "Blink_L", "Blink_R"} <= set(names)
    assert len(names) == len(space)
    assert packets.vmc_names("vrm1")[1] == space_named("vrm1").columns
    assert "JawOpen" in packets.vmc_names("perfect-sync")[1]
    with pytest.raises(InputError, match="vrm0, vrm1 or perfect-sync"):
        packets.vmc_names("vrm2")
