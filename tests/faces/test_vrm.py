"""VRM 0 and 1: clips, bones, and clips that silence others."""

import characters
import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.gltf import read_gltf
from personare.faces.rig import open_rig
from personare.faces.vrm import Clip, read_vrm, silenced


@pytest.mark.parametrize("version", [0, 1])
def test_both_versions_say_the_same(character, version):
    vrm = read_vrm(read_gltf(character(".vrm", kind="vowels", vrm=version)))
    names = {clip.name: clip for clip in vrm.clips}
    assert vrm.version == version
    assert [names[name].binds[0][1:] for name in ("aa", "ih", "ou", "ee", "oh")] == [(i, 1.0) for i in range(5)]
    assert [bind[1] for bind in names["blink"].binds] == [5, 6]
    assert all(names[name].preset for name in names)
    assert {"head", "neck", "leftEye", "rightEye"} <= set(vrm.bones)
    assert not vrm.looks_by_clips


def test_custom_clips_come_after_presets_under_their_own_names(character):
    for version, name in ((0, "JawOpen"), (1, "jawOpen")):
        vrm = read_vrm(read_gltf(character(".vrm", vrm=version, clips="perfect")))
        clip = next(clip for clip in vrm.clips if clip.name == name)
        assert not clip.preset
        order = [clip.preset for clip in vrm.clips]
        assert order == sorted(order, reverse=True)


def test_a_plain_file_is_no_vrm(character):
    assert read_vrm(read_gltf(character())) is None


@pytest.mark.parametrize("version", [0, 1])
def test_what_only_the_person_inside_sees_is_not_drawn(character, tmp_path, version):
    gltf = read_gltf(character(".vrm", kind="vowels", vrm=version, split=True))
    nodes = [i for i, node in enumerate(gltf.tables.nodes) if node.mesh is not None]
    if version == 1:
        extension, note = gltf.document["extensions"]["VRMC_vrm"], {"node": nodes[1], "type": "firstPersonOnly"}
    else:
        extension, note = gltf.document["extensions"]["VRM"], {"mesh": 1, "firstPersonFlag": "FirstPersonOnly"}
    extension.setdefault("firstPerson", {})["meshAnnotations"] = [note]
    path = tmp_path / "person.vrm"
    path.write_bytes(characters.glb_bytes(gltf.document, gltf.buffers[0]))
    assert {piece.part.node for piece in open_rig(path).body.pieces} == {nodes[0], nodes[2]}


@pytest.mark.parametrize(("change", "words"), [
    (lambda vrm: vrm["expressions"]["preset"]["aa"]["morphTargetBinds"][0].update(index=99), "clips of the 7 morph"),
    (lambda vrm: vrm["expressions"]["preset"]["aa"]["morphTargetBinds"][0].update(node=9999), "nodes, got number 9999"),
    (lambda vrm: vrm["humanoid"]["humanBones"]["head"].update(node=-1), "nodes, got number -1"),
    (lambda vrm: vrm.update(firstPerson={"meshAnnotations": [{"node": 99, "type": "firstPersonOnly"}]}), "number 99"),
    (lambda vrm: vrm.update(expressions=[1, 2]), "a VRM extension"),
])
def test_what_does_not_exist_is_refused(character, tmp_path, change, words):
    gltf = read_gltf(character(".vrm", kind="vowels", vrm=1))
    change(gltf.document["extensions"]["VRMC_vrm"])
    path = tmp_path / "broken.vrm"
    path.write_bytes(characters.glb_bytes(gltf.document, gltf.buffers[0]))
    with pytest.raises(InputError, match=words):
        read_vrm(read_gltf(path))


def test_binary_clips_are_on_or_off_and_overrides_silence():
    clips = [Clip("aa", True, ()), Clip("blink", True, ()), Clip("happy", True, (), overrides={"mouth": "blend"}),
             Clip("wow", False, (), is_binary=True, overrides={"blink": "block"})]
    weights = np.array([[0.8, 0.5, 0, 0.5], [0.8, 0.5, 0.25, 0.51], [2, -1, 1, 0]])
    assert silenced(clips, weights) == pytest.approx(np.array(
        [[0.8, 0.5, 0, 0], [0.6, 0, 0.25, 1], [0, 0, 1, 0]]))
