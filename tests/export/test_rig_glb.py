"""A character's own file with one animation more: nothing else changes, and foreign players show the same face."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import glb, rig_glb
from personare.export.rotations import matrices
from personare.faces.rig import open_rig
from personare.types import Take

KINDS = {
    "plain": {}, "split": {"split": True}, "files": {"suffix": ".gltf", "matrix": True},
    "jaw": {"kind": "jaw", "armature": True},
    "visemes": {"kind": "visemes"}, "vrm0": {"suffix": ".vrm", "kind": "vowels", "vrm": 0},
    "vrm1": {"suffix": ".vrm", "vrm": 1, "clips": "perfect"},
}


def opened(path):
    """(document, binary) of a .glb, read with struct and json alone."""
    content = path.read_bytes()
    length, = struct.unpack_from("<I", content, 12)
    size, = struct.unpack_from("<I", content, 20 + length)
    assert struct.unpack_from("<I", content, 8)[0] == len(content) == 28 + length + size
    return json.loads(content[20:20 + length]), content[28 + length:]


def rows(document, binary, number):
    """(n, width) of a dense accessor."""
    entry = document["accessors"][number]
    view = document["bufferViews"][entry["bufferView"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[entry["type"]]
    dtype = {5121: np.uint8, 5123: np.uint16, 5126: np.float32}[entry["componentType"]]
    return np.frombuffer(binary, dtype, entry["count"] * width, view.get("byteOffset", 0)).reshape(-1, width)


def tracks(document, binary):
    """{(node, path): values} of the last animation."""
    animation = document["animations"][-1]
    outputs = [sampler["output"] for sampler in animation["samplers"]]
    return {(c["target"]["node"], c["target"]["path"]): rows(document, binary, outputs[c["sampler"]])
            for c in animation["channels"]}


@pytest.fixture
def talking(motion):
    """The motion of the other tests, calmer: what speech does."""
    return replace(motion, values=motion.values * 0.6)


@pytest.fixture(params=KINDS)
def written(request, character, talking, tmp_path):
    """(rig, path of the file with an animation more)."""
    rig = open_rig(character(**KINDS[request.param]))
    path = tmp_path / ("out.vrm" if rig.vrm else "out.glb")
    (rig_glb.write_vrm if rig.vrm else glb.write)(path, Take(talking, face=rig, name="idle"))
    return rig, path


def test_everything_else_stays_as_it_was(written):
    rig, path = written
    document, binary = opened(path)
    before = rig.source.document
    for name in before:
        if name in ("accessors", "bufferViews", "animations"):
            assert document[name][:len(before[name])] == before[name], name
        elif name not in ("buffers", "images", "nodes"):
            assert document[name] == before[name], name
    assert binary.startswith(bytes(rig.source.buffers[0]))
    for old, new in zip(before["nodes"], document["nodes"], strict=True):
        kept = {key: value for key, value in new.items() if key not in ("translation", "rotation", "scale")}
        assert (new == old) if "matrix" not in old else (kept | {"matrix": old["matrix"]} == old or new == old)
    assert [animation["name"] for animation in document["animations"]] == ["idle", "idle 2"]
    assert document["extras"] == {"author": "ünïcode"}


def test_files_beside_a_gltf_move_into_the_file(character, talking, tmp_path):
    rig = open_rig(character(".gltf", matrix=True))
    glb.write(tmp_path / "out.glb", Take(talking, face=rig))
    document, binary = opened(tmp_path / "out.glb")
    image, = document["images"]
    view = document["bufferViews"][image["bufferView"]]
    beside = rig.source.path.with_name("skin paint.png").read_bytes()
    assert image["mimeType"] == "image/png"
    assert binary[view["byteOffset"]:view["byteOffset"] + view["byteLength"]] == beside
    assert "uri" not in document["buffers"][0]


def test_the_tracks_show_the_vertices_of_the_mesh(written, talking):
    rig, path = written
    document, binary = opened(path)
    moved, frames = tracks(document, binary), (0, 13, 59)
    wanted = rig.mesh(talking).vertices
    worst = 0.0
    for frame in frames:
        now = {key: values.reshape(60, -1)[frame].astype(float) for key, values in moved.items()}
        world = _world(document, now)
        for piece in rig.body.pieces:
            part = piece.part
            points = part.points.astype(float)
            points[part.moved] += np.einsum("k,kvc->vc", now.get((part.node, "weights"), np.zeros(len(part.shapes))),
                                            part.shapes)
            skin = np.einsum("vj,jab->vab", part.weights, world[part.joints] @ part.inverse_binds)
            shown = np.einsum("vab,vb->va", skin, np.c_[points, np.ones(len(points))])[:, :3]
            shown = shown @ rig.body.facing[:3, :3].T
            worst = max(worst, np.abs(shown - wanted[frame, piece.place]).max())
    assert worst < 1e-5


def _world(document, now):
    """(n, 4, 4) world_from_node with the tracks of a frame."""
    world, nodes = {}, document["nodes"]
    parents = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}

    def of(number):
        if number not in world:
            node, local = nodes[number], np.eye(4)
            if "matrix" in node:
                local = np.array(node["matrix"]).reshape(4, 4).T
            else:
                turn = now.get((number, "rotation"), np.array(node.get("rotation", (0, 0, 0, 1)), float))
                local[:3, :3] = matrices(turn[None])[0] * np.array(node.get("scale", (1, 1, 1)))
                local[:3, 3] = now.get((number, "translation"), node.get("translation", (0, 0, 0)))
            world[number] = of(parents[number]) @ local if number in parents else local
        return world[number]

    return np.stack([of(i) for i in range(len(nodes))])


def test_keys_stand_at_frame_times_and_quaternions_do_not_jump(written, talking):
    _, path = written
    document, binary = opened(path)
    animation = document["animations"][-1]
    times = rows(document, binary, animation["samplers"][0]["input"])[:, 0]
    assert np.array_equal(times, (np.arange(60) / 30).astype(np.float32))
    for (_, kind), values in tracks(document, binary).items():
        if kind == "rotation":
            assert np.abs(np.linalg.norm(values, axis=1) - 1).max() < 1e-6
            assert ((values[1:] * values[:-1]).sum(1) > 0.5).all()


def test_meshes_of_one_head_share_their_curves(character, talking, tmp_path):
    rig = open_rig(character(split=True))
    glb.write(tmp_path / "out.glb", Take(talking, face=rig))
    document, _ = opened(tmp_path / "out.glb")
    animation = document["animations"][-1]
    weights = [c["sampler"] for c in animation["channels"] if c["target"]["path"] == "weights"]
    assert len(weights) == 3
    assert len(set(weights)) == 1


def test_no_frames_leave_the_file_as_it_was(character, talking, tmp_path):
    rig = open_rig(character())
    glb.write(tmp_path / "out.glb", Take(talking.frames(0, 0), face=rig))
    assert opened(tmp_path / "out.glb")[0] == json.loads(json.dumps(rig.source.document))


def test_what_cannot_be_written_is_refused(character, take, tmp_path):
    rig = open_rig(character())
    with pytest.raises(InputError, match=r"face: expected a character out of a \.vrm file, got 'person'; name it"):
        rig_glb.write_vrm(tmp_path / "out.vrm", replace(take, face=rig))
    with pytest.raises(InputError, match=r"face: expected a character out of a \.vrm file, got 'egg'"):
        rig_glb.write_vrm(tmp_path / "out.vrm", take)
    with pytest.raises(InputError, match="face: expected a character out of a glTF or VRM file, got 'egg'"):
        rig_glb.write(tmp_path / "out.glb", take)
    before = rig.source.path.read_bytes()
    with pytest.raises(InputError, match="another file than the character's own"):
        glb.write(rig.source.path, replace(take, face=rig))
    assert rig.source.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


def test_the_khronos_validator_finds_no_error(khronos, character, talking, tmp_path):
    for name, options in KINDS.items():
        rig = open_rig(character(**options))
        rig_glb.write(tmp_path / f"{name}.glb", Take(talking, face=rig))
    found = khronos(sorted(tmp_path.glob("*.glb")))
    assert len(found) == len(KINDS)
    assert {path: r[0] for path, r in found.items()} == dict.fromkeys(found, 0), found


def test_a_real_character_stays_valid(khronos, shared, talking, tmp_path):
    rig = open_rig(shared / "data" / "faces" / "rigged_glb" / "brunette-t.glb")
    glb.write(tmp_path / "out.glb", Take(talking, face=rig))
    (errors, _, messages), = khronos([tmp_path / "out.glb"]).values()
    assert errors == 0, messages


@pytest.mark.parametrize("kind", ["split", "vrm0"])
def test_three_js_shows_the_same_vertices(browser, character, talking, tmp_path, kind):
    rig = open_rig(character(**KINDS[kind]))
    rig_glb.write(tmp_path / f"{kind}.glb", Take(talking, face=rig, name="talk"))
    found, picture = browser(tmp_path / f"{kind}.glb", time_s=25 / 30)
    assert found["clips"] == ["idle", "talk"]
    _agrees(found, rig.mesh(talking).vertices[25])
    assert _skin_share(picture) > 0.1


def test_a_real_character_plays_in_three_js(browser, shared, talking, tmp_path):
    rig = open_rig(shared / "data" / "faces" / "rigged_glb" / "brunette-t.glb")
    glb.write(tmp_path / "real.glb", Take(talking, face=rig))
    found, picture = browser(tmp_path / "real.glb", time_s=25 / 30)
    _agrees(found, rig.mesh(talking).vertices[25])
    assert _skin_share(picture) > 0.05


def _agrees(found, wanted):
    """The corners that three.js computed are vertices of the mesh."""
    corners = np.array([corner[1:] for mesh in found["meshes"] for corner in mesh["corners"]])
    apart = np.array([np.linalg.norm(wanted - corner, axis=1).min() for corner in corners])
    assert len(corners) >= 40
    assert apart.max() < 2e-5


def _skin_share(picture):
    """Share of a picture that is as red as skin."""
    return float((picture[..., 0].astype(int) - picture[..., 2] > 25).mean())
