"""Motion capture, read back by a reader that knows the grammar and nothing of the writer."""

from dataclasses import replace

import numpy as np
import pytest

from personare.export import bvh
from personare.faces.joints import Joint
from personare.types import Take


def parsed(text):
    """(joints, frame time, (t, channels) values); a joint is (name, parent, offset, channels)."""
    words = iter(text.split())
    joints, stack, name, ends = [], [], None, 0
    assert next(words) == "HIERARCHY"
    for word in words:
        if word in ("ROOT", "JOINT"):
            name = next(words)
        elif word == "End":
            assert next(words) == "Site"
            name = None
        elif word == "{":
            stack.append(name)
            if name:
                joints.append([name, next((n for n in reversed(stack[:-1]) if n), None), None, []])
        elif word == "}":
            ends += stack.pop() is None
        elif word == "OFFSET":
            offset = np.array([float(next(words)) for _ in range(3)])
            if stack[-1]:
                joints[-1][2] = offset
        elif word == "CHANNELS":
            joints[-1][3] = [next(words) for _ in range(int(next(words)))]
        elif word == "MOTION":
            break
    assert (next(words), stack) == ("Frames:", [])
    count = int(next(words))
    assert (next(words), next(words)) == ("Frame", "Time:")
    time_s = float(next(words))
    values = np.array([float(word) for word in words])
    assert ends == 2
    return joints, time_s, values.reshape(count, sum(len(joint[3]) for joint in joints))


def turn(axis, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [(1, 2), (2, 0), (0, 1)]["XYZ".index(axis)]
    out = np.eye(3)
    out[a, a] = out[b, b] = c
    out[b, a], out[a, b] = s, -s
    return out


def local(joint, values):
    """(translation, rotation) of one joint in one frame; rotations multiply in the order of their channels."""
    place, rotation = joint[2].copy(), np.eye(3)
    for channel, value in zip(joint[3], values, strict=True):
        if channel.endswith("position"):
            place["XYZ".index(channel[0])] += value
        else:
            rotation = rotation @ turn(channel[0], value)
    return place, rotation


def test_a_point_of_the_head_lands_where_the_face_puts_it(tmp_path, take):
    bvh.write(tmp_path / "a.bvh", take)
    joints, time_s, values = parsed((tmp_path / "a.bvh").read_text())
    assert [joint[:2] for joint in joints] == [["Head", None], ["LeftEye", "Head"], ["RightEye", "Head"]]
    assert (len(values), time_s) == (60, pytest.approx(1 / 30))
    alone = replace(take.motion, values=np.zeros_like(take.motion.values))
    vertices = take.face.mesh(alone).vertices
    follows = np.flatnonzero(take.face.head_weight == 1)[::40]
    for frame in range(0, 60, 7):
        place, rotation = local(joints[0], values[frame, :6])
        points = (take.face.rest[follows] - take.face.head_pivot) * 100 @ rotation.T + place
        assert np.abs(points / 100 - vertices[frame, follows]).max() < 1e-6


@pytest.mark.parametrize(("weights", "gaze"), [
    ({"eyeLookOutLeft": 1, "eyeLookInRight": 1}, (np.sin(0.604), 0, np.cos(0.604))),
    ({"eyeLookInLeft": 1, "eyeLookOutRight": 1}, (-np.sin(0.604), 0, np.cos(0.604))),
    ({"eyeLookDownLeft": 1, "eyeLookDownRight": 1}, (0, -np.sin(0.612), np.cos(0.612))),
    ({"eyeLookUpLeft": 1, "eyeLookUpRight": 1}, (0, np.sin(0.451), np.cos(0.451))),
])
def test_eyes_look_where_the_weights_say(tmp_path, take, weights, gaze):
    still = replace(take.motion.frames(0, 1), head_pose=None, values=np.zeros((1, 52)))
    motion = still.with_columns({name: np.array([value]) for name, value in weights.items()})
    bvh.write(tmp_path / "a.bvh", Take(motion))
    joints, _, values = parsed((tmp_path / "a.bvh").read_text())
    for eye, at in ((joints[1], slice(6, 9)), (joints[2], slice(9, 12))):
        assert local(eye, values[0, at])[1] @ [0, 0, 1] == pytest.approx(gaze, abs=1e-6)
    assert joints[1][2] == pytest.approx([3.15, 3.5, 7.5])
    assert joints[2][2] == pytest.approx([-3.15, 3.5, 7.5])


def test_the_joints_of_a_face_say_where_its_eyes_are(tmp_path, take):
    eye = Joint("eyeLeft", (0.04, 0.02, 0.06), np.zeros(642))
    bvh.write(tmp_path / "a.bvh", replace(take, face=replace(take.face, joints=(eye,))))
    joints, _, _ = parsed((tmp_path / "a.bvh").read_text())
    assert joints[1][2] == pytest.approx((eye.pivot - take.face.head_pivot) * 100, abs=1e-5)
    assert joints[2][2] == pytest.approx([-3.15, 3.5, 7.5])
