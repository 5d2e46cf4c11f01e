"""Bytes that other programs read: one frame of a face as their packets. Nothing here opens a socket.

Sources:
    Live Link Face (Apple ARKit, Epic): layout read off recorded packets of version 6; iFacialMocap's published text
    protocol; FACEGOOD Audio2Face, zsmeif.py (packets of its Unreal demo); VMC protocol, protocol.vmc.info.
"""

import struct
from functools import lru_cache

import numpy as np

from personare.errors import InputError
from personare.export.eyes import eye_angles, looks_of
from personare.export.rotations import quaternions, yaw_pitch_roll
from personare.spaces import ARKIT_52, LIVELINK_61, space_named

LIVELINK_VERSION = 6
DAY_S = 24 * 3600
MOST_NAME_BYTES = 255


def livelink_values(motion):
    """(t, 61) float32 in the order of packets: 52 weights, then yaw, pitch, roll of head, left and right eye."""
    out = np.zeros((len(motion), len(LIVELINK_61)), np.float32)
    targets, sources = _places(motion.space.columns)
    out[:, targets] = motion.values[:, sources]
    if motion.head_pose is not None:
        out[:, 52:55] = yaw_pitch_roll(motion.head_pose[:, :3, :3])
    out[:, 55:] = eye_angles(looks_of(motion))
    return out


@lru_cache(maxsize=16)
def _places(columns):
    """(places of ARKit-52, columns of a space) for the names that both have; each a list of ints."""
    pairs = [(k, columns.index(name)) for k, name in enumerate(ARKIT_52.columns) if name in columns]
    return [k for k, _ in pairs], [i for _, i in pairs]


def livelink(values, *, device, subject, time_s, fps):
    """A packet of Live Link Face, version 6.

    Args:
        values: (61,) float, from livelink_values.
        device, subject: names; the subject is what the engine lists.
        time_s: seconds since midnight.
        fps: the rate of the time code, a whole number or one of 23.976, 29.97, 59.94.

    Returns:
        bytes, everything big-endian, strings with their true lengths.

    Raises:
        InputError: a name is empty or too long, or the values are not 61.
    """
    names = [checked_name(argument, text) for argument, text in (("device", device), ("subject", subject))]
    values = np.asarray(values, ">f4")
    if values.shape != (len(LIVELINK_61),):
        raise InputError("values", expected="61 numbers", got=str(values.shape), remedy="use livelink_values")
    rate, divisor = (round(fps), 1) if abs(fps - round(fps)) < 1e-6 else (round(fps * 1001 / 1000) * 1000, 1001)
    position = time_s % DAY_S * rate / divisor
    frame = int(position + 1e-6)
    head = struct.pack(">B", LIVELINK_VERSION)
    for name in names:
        head += struct.pack(">i", len(name)) + name
    subframe = min(max(position - frame, 0.0), np.nextafter(np.float32(1), np.float32(0)))
    return head + struct.pack(">ifiiB", frame, subframe, rate, divisor, len(values)) + values.tobytes()


def facegood(values):
    """A packet of FACEGOOD's Unreal demo: (116,) weights as facegood-116-ue has them, little-endian, and 4 zeros."""
    values = np.asarray(values, "<f4")
    if values.shape != (116,):
        raise InputError("values", expected="116 numbers", got=str(values.shape), remedy="convert to facegood-116-ue")
    return values.tobytes() + bytes(4)


def facegood_command(content):
    """What Unreal asks of FACEGOOD's control port: "begin", "end", or None for anything else."""
    if not 5 <= len(content) <= 1024:
        return None
    (length,) = struct.unpack("<I", content[:4])
    text = content[4:4 + length]
    if length != len(content) - 4 or not text.endswith(b"\0"):
        return None
    return {b"1": "begin", b"2": "end"}.get(text[:-1])


def ifacialmocap(motion, *, version=1):
    """One frame (Motion of length 1) as text of iFacialMocap: name-0..100 pairs, then head and eyes in degrees.

    Version 2 puts & between a name and its value.
    """
    mark = "-" if version == 1 else "&"
    columns = [(name, motion.column(name)[0]) for name in ARKIT_52.columns if name in motion.space.columns]
    parts = [f"{_short(name)}{mark}{round(100 * float(np.clip(value, 0, 1)))}" for name, value in columns]
    values = np.degrees(livelink_values(motion)[0, 52:].astype(np.float64))
    yaw, pitch, roll = values[:3]
    place = np.zeros(3) if motion.head_pose is None else motion.head_pose[0, :3, 3].astype(np.float64)
    head = ",".join(f"{value:.6f}" for value in (-pitch, yaw, roll, *place))
    eyes = "|".join(f"{side}Eye#{values[first + 1]:.6f},{values[first]:.6f},{values[first + 2]:.6f}"
                    for side, first in (("right", 6), ("left", 3)))
    return ("|".join(parts) + f"|=head#{head}|{eyes}|").encode("ascii")


def _short(name):
    """iFacialMocap writes sides as _L and _R."""
    for word, letter in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(word) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return name.removesuffix(word) + letter
    return name


def vmc_messages(weights, names, motion, *, time_s, bones=True):
    """One frame as messages of the VMC protocol: list of (address, arguments).

    Args:
        weights: (k,) values of the clips.
        names: k names of clips.
        motion: Motion of length 1, for head and eyes.
        time_s: time stamp.
        bones: whether head and eyes are sent as bones.

    Returns:
        list of (str, list); positions in metres, quaternions xyzw in Unity's left-handed axes.
    """
    out = [("/VMC/Ext/OK", [1]), ("/VMC/Ext/T", [float(time_s)])]
    if bones:
        rest = np.eye(3)[None]
        head = rest if motion.head_pose is None else motion.head_pose[:, :3, :3].astype(np.float64)
        out.append(("/VMC/Ext/Bone/Pos", ["Head", 0.0, 0.0, 0.0, *_unity(head)]))
        angles = eye_angles(looks_of(motion))[0]
        for bone, (yaw, pitch) in (("LeftEye", angles[:2]), ("RightEye", angles[3:5])):
            # Live Link's eye yaw is positive to the subject's right, pitch down; our axes: +y left, +x down.
            turn = _about(1, -yaw) @ _about(0, pitch)
            out.append(("/VMC/Ext/Bone/Pos", [bone, 0.0, 0.0, 0.0, *_unity(turn[None])]))
    out += [("/VMC/Ext/Blend/Val", [name, float(value)]) for name, value in zip(names, weights, strict=True)]
    return [*out, ("/VMC/Ext/Blend/Apply", [])]


def vmc_names(kind):
    """(space, names of the clips) of a kind of avatar: "vrm0", "vrm1" or "perfect-sync".

    Raises:
        InputError: another kind.
    """
    if kind == "perfect-sync":
        return ARKIT_52, tuple(name[0].upper() + name[1:] for name in ARKIT_52.columns)
    if kind == "vrm1":
        return space_named("vrm1"), space_named("vrm1").columns
    if kind == "vrm0":
        space = space_named("vrm0")
        return space, tuple(_VRM0_CLIPS.get(name, name.capitalize()) for name in space.columns)
    raise InputError("avatar", expected="vrm0, vrm1 or perfect-sync", got=f"'{kind}'", remedy="choose one")


_VRM0_CLIPS = {"blink_l": "Blink_L", "blink_r": "Blink_R", "lookup": "LookUp", "lookdown": "LookDown",
               "lookleft": "LookLeft", "lookright": "LookRight"}


def _about(axis, angle):
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
    return turn


def _unity(rotation):
    """Quaternion xyzw of (1, 3, 3) in Unity's left-handed axes, where a face that looks along +z has its left at -x."""
    x, y, z, w = (float(part) for part in quaternions(rotation)[0])
    return x, -y, -z, w


def checked_name(argument, text):
    """The bytes of a name.

    Raises:
        InputError: empty, or longer than 255 bytes.
    """
    content = str(text).encode("utf8", "replace")
    if not 0 < len(content) <= MOST_NAME_BYTES:
        raise InputError(argument, expected=f"a name of 1 to {MOST_NAME_BYTES} bytes", got=f"{len(content)} bytes",
                         remedy="choose a shorter one")
    return content
