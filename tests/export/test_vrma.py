"""VRM Animation: weights, head and gaze as the specification lays them out, and as three-vrm plays them."""

from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import vrma
from personare.export.rotations import matrices
from personare.faces.rig import open_rig
from personare.faces.visemes import as_vrm1, viseme_weights
from personare.types import Take


def opened(path):
    """(document, function that returns the keys and values of a node's track)."""
    import json
    import struct

    content = path.read_bytes()
    length, = struct.unpack_from("<I", content, 12)
    document, binary = json.loads(content[20:20 + length]), content[28 + length:]

    def rows(number):
        entry = document["accessors"][number]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry["type"]]
        start = document["bufferViews"][entry["bufferView"]]["byteOffset"]
        return np.frombuffer(binary, np.float32, entry["count"] * width, start).reshape(-1, width)

    def track(node, path):
        animation, = document["animations"]
        channel = next(c for c in animation["channels"] if c["target"] == {"node": node, "path": path})
        sampler = animation["samplers"][channel["sampler"]]
        return rows(sampler["input"])[:, 0], rows(sampler["output"])

    return document, track


@pytest.fixture
def talking(motion):
    return replace(motion, values=motion.values * 0.5)


def test_presets_are_nodes_whose_x_is_the_weight(talking, tmp_path):
    motion = as_vrm1(talking)
    vrma.write(tmp_path / "a.vrma", Take(motion, name="talk"))
    document, track = opened(tmp_path / "a.vrma")
    extension = document["extensions"]["VRMC_vrm_animation"]
    assert document["extensionsUsed"] == ["VRMC_vrm_animation"]
    assert extension["specVersion"] == "1.0"
    preset = extension["expressions"]["preset"]
    assert set(preset) == {"aa", "ih", "ou", "ee", "oh", "blinkLeft", "blinkRight"}
    assert "custom" not in extension["expressions"]
    for name, entry in preset.items():
        times, places = track(entry["node"], "translation")
        assert np.array_equal(places[:, 0], np.clip(motion.column(name), 0, 1))
        assert np.array_equal(times, (np.arange(60) / 30).astype(np.float32))


def test_neck_and_head_turn_together_as_asked_on_the_bones_vrm_requires(talking, tmp_path):
    vrma.write(tmp_path / "a.vrma", Take(as_vrm1(talking)))
    document, track = opened(tmp_path / "a.vrma")
    bones = document["extensions"]["VRMC_vrm_animation"]["humanoid"]["humanBones"]
    required = {"hips", "spine", "head", *(f"{side}{part}" for side in ("left", "right") for part in (
        "UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand"))}
    assert required <= set(bones)
    assert not {"leftEye", "rightEye"} & set(bones)
    neck, head = (matrices(track(bones[name]["node"], "rotation")[1]) for name in ("neck", "head"))
    assert np.abs(neck @ head - talking.head_pose[:, :3, :3]).max() < 1e-5
    moved = {(c["target"]["node"], c["target"]["path"]) for c in document["animations"][0]["channels"]}
    assert not [node for node, path in moved if path == "translation" and node < len(bones)]
    assert document["nodes"][bones["hips"]["node"]]["translation"][1] > 0.5


def test_the_gaze_turns_to_the_side_it_looks(talking, tmp_path):
    names = ("eyeLookOutLeft", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
             "eyeLookDownLeft", "eyeLookDownRight")
    still = talking.with_columns({name: np.zeros(60) for name in names})
    for name, axis, sign in ((("eyeLookOutLeft", "eyeLookInRight"), 0, 1),
                             (("eyeLookInLeft", "eyeLookOutRight"), 0, -1),
                             (("eyeLookUpLeft", "eyeLookUpRight"), 1, 1),
                             (("eyeLookDownLeft", "eyeLookDownRight"), 1, -1)):
        motion = still.with_columns(dict.fromkeys(name, np.linspace(0, 1, 60)))
        vrma.write(tmp_path / "a.vrma", Take(as_vrm1(motion)))
        document, track = opened(tmp_path / "a.vrma")
        node = document["extensions"]["VRMC_vrm_animation"]["lookAt"]["node"]
        ahead = matrices(track(node, "rotation")[1]) @ [0, 0, 1]
        assert sign * ahead[-1, axis] == pytest.approx(np.sin(np.radians({0: 30, 1: 25 if sign > 0 else 28}[axis])))
        assert abs(ahead[-1, 1 - axis]) < 1e-6


def test_a_vrm_character_gets_its_own_clips(character, talking, tmp_path):
    for version, name in ((0, "JawOpen"), (1, "jawOpen")):
        rig = open_rig(character(".vrm", vrm=version, clips="perfect"))
        vrma.write(tmp_path / "a.vrma", Take(talking, face=rig))
        document, track = opened(tmp_path / "a.vrma")
        extension = document["extensions"]["VRMC_vrm_animation"]
        custom = extension["expressions"]["custom"]
        assert len(custom) == 52
        assert np.allclose(track(custom[name]["node"], "translation")[1][:, 0], talking.column("jawOpen"))
        # Clips of single eyes look by themselves.
        assert "lookAt" not in extension
        assert "preset" not in extension["expressions"]


def test_a_vrm_character_of_vowels_gets_those(character, talking, tmp_path):
    rig = open_rig(character(".vrm", kind="vowels", vrm=1))
    vrma.write(tmp_path / "a.vrma", Take(talking, face=rig))
    document, track = opened(tmp_path / "a.vrma")
    extension = document["extensions"]["VRMC_vrm_animation"]
    preset = extension["expressions"]["preset"]
    assert set(preset) == {"aa", "ih", "ou", "ee", "oh", "blinkLeft", "blinkRight"}
    wanted = viseme_weights(talking, ("aa", "ih", "ou", "E", "oh"))
    assert np.allclose(track(preset["ee"]["node"], "translation")[1][:, 0], wanted[:, 3])
    assert "lookAt" in extension


def test_still_curves_have_one_key(talking, tmp_path):
    motion = as_vrm1(talking.with_columns({"eyeBlinkLeft": np.full(60, 0.25)}))
    vrma.write(tmp_path / "a.vrma", Take(replace(motion, head_pose=None)))
    document, track = opened(tmp_path / "a.vrma")
    node = document["extensions"]["VRMC_vrm_animation"]["expressions"]["preset"]["blinkLeft"]["node"]
    times, places = track(node, "translation")
    assert times.tolist() == [0]
    assert places.tolist() == [[0.25, 0, 0]]


def test_other_motions_are_refused(take, tmp_path):
    with pytest.raises(InputError, match=r"motion: expected the space vrm1, or a character out of a \.vrm file, got"):
        vrma.write(tmp_path / "a.vrma", take)
    with pytest.raises(InputError, match="motion: expected at least one frame"):
        vrma.write(tmp_path / "a.vrma", replace(take, motion=take.motion.frames(0, 0)))
    assert list(tmp_path.iterdir()) == []


def test_save_writes_it_from_any_arkit_motion(talking, tmp_path):
    import personare

    personare.save(talking, tmp_path / "a.vrma", face="sona")
    extension = opened(tmp_path / "a.vrma")[0]["extensions"]["VRMC_vrm_animation"]
    assert set(extension["expressions"]["preset"]) >= {"aa", "blinkLeft"}


def test_the_khronos_validator_finds_no_error(khronos, character, talking, tmp_path):
    vrma.write(tmp_path / "any.glb", Take(as_vrm1(talking)))
    vrma.write(tmp_path / "own.glb", Take(talking, face=open_rig(character(".vrm", vrm=1, clips="perfect"))))
    found = khronos(sorted(tmp_path.glob("*.glb")))
    assert {path: r[:2] for path, r in found.items()} == dict.fromkeys(found, (0, 0)), found


@pytest.mark.parametrize(("version", "clips"), [(0, "presets"), (1, "perfect")])
def test_three_vrm_plays_it(browser, character, talking, tmp_path, version, clips):
    kind = "vowels" if clips == "presets" else "arkit"
    path = character(".vrm", kind=kind, vrm=version, clips=clips)
    rig = open_rig(path)
    vrma.write(tmp_path / f"talk{version}.vrma", Take(talking, face=rig))
    found, picture = browser(path, time_s=25 / 30, animation=tmp_path / f"talk{version}.vrma")
    assert found["version"] == str(version)
    rows, _ = rig.expressions(talking)
    for name, _, weights in rows:
        assert found["expressions"][name] == pytest.approx(float(np.clip(weights[25], 0, 1)), abs=1e-5)
    corners = np.array([corner[1:] for mesh in found["meshes"] for corner in mesh["corners"]])
    # A VRM animation carries no shift of the head, and leaves eyes that bones turn to the character's range map.
    pose = talking.head_pose.copy()
    pose[:, :3, 3] = 0
    eye = [m.name for m in rig.surface.materials].index("eye")
    ball = np.unique(rig.surface.triangles[rig.surface.triangle_material == eye])
    wanted = rig.mesh(replace(talking, head_pose=pose)).vertices[25]
    apart = np.array([np.linalg.norm(wanted - corner, axis=1).min() for corner in corners])
    far = np.array([np.linalg.norm(wanted[ball] - corner, axis=1).min() > 0.005 for corner in corners])
    assert far.sum() > 20
    assert apart[far].max() < 2e-5
    assert float((picture[..., 0].astype(int) - picture[..., 2] > 25).mean()) > 0.1
