"""glTF: what a reader finds in the file, by its own arithmetic, is the face in motion."""

import json
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import glb, glb_shapes
from personare.faces.linear import Corrective
from personare.types import Motion, Take

NODE = Path(__file__).parent / "node"
DTYPES = {5120: np.int8, 5122: np.int16, 5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Document:
    """A .glb, read with struct and json alone."""

    def __init__(self, path):
        content = Path(path).read_bytes()
        magic, version, total, length, kind = struct.unpack_from("<4sIII4s", content)
        assert (magic, version, total, kind) == (b"glTF", 2, len(content), b"JSON")
        self.json = json.loads(content[20:20 + length])
        size, kind = struct.unpack_from("<I4s", content, 20 + length)
        assert kind == b"BIN\0"
        assert 28 + length + size == total
        self.binary = content[28 + length:]

    def view(self, number, dtype):
        view = self.json["bufferViews"][number]
        assert view["byteOffset"] % np.dtype(dtype).itemsize == 0
        return np.frombuffer(self.binary, dtype, view["byteLength"] // np.dtype(dtype).itemsize, view["byteOffset"])

    def array(self, number):
        """(n, width) of an accessor, its bounds checked."""
        entry = self.json["accessors"][number]
        dtype, shape = DTYPES[entry["componentType"]], (entry["count"], WIDTHS[entry["type"]])
        rows = np.zeros(shape, dtype)
        if "bufferView" in entry:
            rows = self.view(entry["bufferView"], dtype).reshape(shape)
        if "sparse" in entry:
            index = self.view(entry["sparse"]["indices"]["bufferView"],
                              DTYPES[entry["sparse"]["indices"]["componentType"]])
            assert (np.diff(index.astype(int)) > 0).all()
            rows[index] = self.view(entry["sparse"]["values"]["bufferView"], dtype).reshape(-1, shape[1])
        if "min" in entry:
            assert entry["min"] == rows.min(axis=0).tolist()
            assert entry["max"] == rows.max(axis=0).tolist()
        return rows / np.float32(np.iinfo(dtype).max) if entry.get("normalized") else rows

    def track(self, path):
        """(keys, values) of the animated property of that name."""
        animation = self.json["animations"][0]
        channel = next(c for c in animation["channels"] if c["target"]["path"] == path)
        sampler = animation["samplers"][channel["sampler"]]
        return self.array(sampler["input"])[:, 0], self.array(sampler["output"])

    def corners(self, frame):
        """(f, 3, 3) float64 corners of all triangles at one key, as glTF says: morph, then skin."""
        weights = self.track("weights")[1].reshape(len(self.track("weights")[0]), -1)[frame].astype(float)
        joints = self._joints(frame)
        out = []
        for primitive in self.json["meshes"][0]["primitives"]:
            parts = {name: self.array(number) for name, number in primitive["attributes"].items()}
            points = parts["POSITION"].astype(float)
            for weight, target in zip(weights, primitive["targets"], strict=True):
                points += weight * self.array(target["POSITION"])
            skin = np.einsum("vj,vjab->vab", parts["WEIGHTS_0"].astype(float), joints[parts["JOINTS_0"]])
            points = np.einsum("vab,vb->va", skin, np.hstack([points, np.ones((len(points), 1))]))[:, :3]
            out.append(points[self.array(primitive["indices"])[:, 0].reshape(-1, 3)])
        return np.concatenate(out)

    def _joints(self, frame):
        skin = self.json["skins"][0]
        nodes = [np.eye(4), np.eye(4)]
        x, y, z, w = self.track("rotation")[1][frame].astype(float)
        nodes[1][:3, :3] = [[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]]
        nodes[1][:3, 3] = self.track("translation")[1][frame]
        inverse = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        return np.array(nodes) @ inverse


@pytest.fixture
def written(take, tmp_path):
    glb.write(tmp_path / "take.glb", take)
    return tmp_path / "take.glb"


def test_read_back_it_is_the_face_in_motion(written, take, small_face):
    document, mesh = Document(written), small_face.mesh(take.motion)
    order = np.argsort(small_face.surface.triangle_material, kind="stable")
    corners = mesh.vertices[:, small_face.surface.triangles[order]]
    error = max(np.abs(document.corners(i) - corners[i]).max() for i in (0, 1, 17, 41, 59))
    assert error < 1e-5


def test_many_shapes_are_written_in_steps_and_still_are_the_face(take, tmp_path, small_face, monkeypatch):
    monkeypatch.setattr(glb_shapes, "LARGEST_PLAIN", 1000)
    glb.write(tmp_path / "packed.glb", take)
    document = Document(tmp_path / "packed.glb")
    assert document.json["extensionsRequired"] == ["KHR_mesh_quantization"]
    assert set(document.json["extensionsUsed"]) == {"KHR_materials_specular", "KHR_mesh_quantization"}
    order = np.argsort(small_face.surface.triangle_material, kind="stable")
    corners = small_face.mesh(take.motion).vertices[:, small_face.surface.triangles[order]]
    step = glb_shapes.SHIFT_STEP_M
    # Half a step for each of 52 shapes at once is the most there can be; in sum they mostly cancel.
    assert max(np.abs(document.corners(i) - corners[i]).max() for i in (0, 17, 59)) < 52 * step / 2
    assert np.abs(document.corners(17) - corners[17]).mean() < step
    primitive = document.json["meshes"][0]["primitives"][0]
    vertices = np.unique(small_face.surface.triangles[small_face.surface.triangle_material == 0])
    for k, target in enumerate(primitive["targets"]):
        error = np.abs(document.array(target["POSITION"]) - small_face.shapes[k, vertices]).max()
        assert error <= 0.51 * step


def test_keys_stand_at_frame_times_and_quaternions_do_not_jump(written, take):
    document = Document(written)
    keys, _ = document.track("weights")
    assert np.array_equal(keys, (np.arange(60) / 30).astype(np.float32))
    turns = document.track("rotation")[1]
    assert np.abs(np.linalg.norm(turns, axis=1) - 1).max() < 1e-6
    assert ((turns[1:] * turns[:-1]).sum(axis=1) > 0.9).all()


def test_names_are_where_readers_look_and_every_primitive_has_all_targets(written, small_face):
    mesh = Document(written).json["meshes"][0]
    assert mesh["extras"]["targetNames"] == list(small_face.space.columns)
    assert [len(p["targets"]) for p in mesh["primitives"]] == [52, 52]
    assert len(mesh["weights"]) == 52


def test_primitives_hold_the_vertices_they_use_and_no_others(written):
    document = Document(written)
    for primitive in document.json["meshes"][0]["primitives"]:
        count = len(document.array(primitive["attributes"]["POSITION"]))
        assert np.array_equal(np.unique(document.array(primitive["indices"])), np.arange(count))


def test_morphed_normals_are_those_of_the_morphed_face(written, small_face):
    from personare.export.normals import vertex_normals

    document = Document(written)
    column = small_face.space.index("jawOpen")
    surface = small_face.surface
    wanted = vertex_normals(small_face.rest + small_face.shapes[column], surface.triangles, surface.weld)
    for material, primitive in zip((0, 2), document.json["meshes"][0]["primitives"], strict=True):
        vertices = np.unique(surface.triangles[surface.triangle_material == material])
        found = document.array(primitive["attributes"]["NORMAL"]) + document.array(
            primitive["targets"][column]["NORMAL"])
        assert np.abs(found - wanted[vertices]).max() <= glb_shapes.SMALLEST_TILT


def test_looks_are_carried(written, small_face):
    document = Document(written)
    skin, cap = document.json["materials"]
    assert skin["pbrMetallicRoughness"]["baseColorFactor"] == [0.9, 0.7, 0.6, 1.0]
    assert skin["extensions"]["KHR_materials_specular"]["specularColorFactor"] == pytest.approx([0.7] * 3)
    assert cap["pbrMetallicRoughness"]["baseColorTexture"] == {"index": 0}
    primitive = document.json["meshes"][0]["primitives"][0]
    surface = small_face.surface
    vertices = np.unique(surface.triangles[surface.triangle_material == 0])
    color = (surface.color * surface.occlusion[:, None])[vertices]
    assert np.allclose(document.array(primitive["attributes"]["COLOR_0"]), color)
    uv = document.array(primitive["attributes"]["TEXCOORD_0"])
    assert np.allclose(uv, np.stack([surface.uv[vertices, 0], 1 - surface.uv[vertices, 1]], axis=1))


def test_a_texture_is_a_png_of_the_same_pixels(written, small_face):
    import av

    document = Document(written)
    content = document.view(document.json["images"][0]["bufferView"], np.uint8).tobytes()
    decoder = av.CodecContext.create("png", "r")
    frame = [*decoder.decode(av.Packet(content)), *decoder.decode(None)][0]
    assert np.array_equal(frame.to_ndarray(format="rgb24"), small_face.surface.materials[2].texture)


def test_correctives_are_targets_of_their_own(take, tmp_path):
    fix = Corrective(("jawOpen", "mouthPucker"), [0, 2], np.full((2, 3), 0.01))
    face = replace(take.face, correctives=(fix,))
    motion = take.motion.with_columns({name: np.full(len(take.motion), 0.5) for name in fix.columns})
    glb.write(tmp_path / "fixed.glb", replace(take, face=face, motion=motion))
    document = Document(tmp_path / "fixed.glb")
    assert document.json["meshes"][0]["extras"]["targetNames"][-1] == "jawOpen_mouthPucker"
    weights = document.array(document.json["animations"][0]["samplers"][0]["output"]).reshape(len(motion), -1)
    np.testing.assert_allclose(weights, face.targets(motion).weights)
    np.testing.assert_allclose(weights[:, -1], 0.25)


def test_a_head_at_rest_and_a_single_frame(take, tmp_path):
    motion = replace(take.motion.frames(0, 1), head_pose=None)
    glb.write(tmp_path / "one.glb", replace(take, motion=motion))
    animation = Document(tmp_path / "one.glb").json["animations"][0]
    assert [channel["target"]["path"] for channel in animation["channels"]] == ["weights"]


def test_no_frames_leave_a_face_without_animation(take, tmp_path):
    glb.write(tmp_path / "none.glb", replace(take, motion=take.motion.frames(0, 0)))
    assert "animations" not in Document(tmp_path / "none.glb").json


def test_a_take_without_face_or_of_another_space_is_refused(take, tmp_path):
    with pytest.raises(InputError, match="face: expected a face of linear shapes, got none; name one such as sona"):
        glb.write(tmp_path / "x.glb", replace(take, face=None))
    from personare.spaces import Space

    other = Motion(np.zeros((2, 3)), 30.0, Space("three", ("a", "b", "c")))
    with pytest.raises(InputError, match="motion: expected columns of the space arkit-52 of face 'egg', got three"):
        glb.write(tmp_path / "x.glb", Take(other, face=take.face))
    assert list(tmp_path.iterdir()) == []


def test_the_khronos_validator_finds_nothing(take, tmp_path, monkeypatch):
    if not (shutil.which("node") and (NODE / "node_modules" / "gltf-validator").is_dir()):
        pytest.skip("needs node and `npm install` in tests/export/node")
    still = replace(take.motion.frames(0, 1), head_pose=None)
    for name, motion in (("moving", take.motion), ("still", still), ("empty", take.motion.frames(0, 0))):
        glb.write(tmp_path / f"{name}.glb", replace(take, motion=motion))
    monkeypatch.setattr(glb_shapes, "LARGEST_PLAIN", 1000)
    glb.write(tmp_path / "packed.glb", take)
    paths = sorted(map(str, tmp_path.glob("*.glb")))
    done = subprocess.run(["node", NODE / "validate.mjs", *paths], capture_output=True, text=True, check=True)
    found = {Path(path).stem: (r["errors"], r["warnings"], r["messages"])
             for path, r in json.loads(done.stdout).items()}
    assert {name: result[:2] for name, result in found.items()} == dict.fromkeys(found, (0, 0)), found


def test_large_textures_are_jpeg_and_those_with_holes_are_masks(take, tmp_path, rng):
    small = take.face.surface
    large = np.full((600, 600, 3), 128, np.uint8)
    sheet = rng.integers(0, 256, (8, 6, 4), np.uint8)
    first, unused, last = small.materials
    looks = (replace(first, texture=lambda: large), unused, replace(last, texture=sheet, two_sided=True))
    face = replace(take.face, surface=replace(small, materials=looks))
    glb.write(tmp_path / "a.glb", replace(take, face=face))
    document = Document(tmp_path / "a.glb")
    assert [image["mimeType"] for image in document.json["images"]] == ["image/jpeg", "image/png"]
    solid, masked = document.json["materials"]
    assert "alphaMode" not in solid
    assert (masked["alphaMode"], masked["doubleSided"]) == ("MASK", True)
    import av

    content = document.view(document.json["images"][1]["bufferView"], np.uint8).tobytes()
    decoder = av.CodecContext.create("png", "r")
    frame = [*decoder.decode(av.Packet(content)), *decoder.decode(None)][0]
    assert np.array_equal(frame.to_ndarray(format="rgba"), sheet)


def test_a_texture_that_materials_share_is_written_once(take, tmp_path):
    texture = np.full((4, 4, 3), 200, np.uint8)
    looks = tuple(replace(material, texture=lambda: texture) for material in take.face.surface.materials)
    face = replace(take.face, surface=replace(take.face.surface, materials=looks))
    glb.write(tmp_path / "a.glb", replace(take, face=face))
    document = Document(tmp_path / "a.glb")
    assert len(document.json["images"]) == 1
    assert {m["pbrMetallicRoughness"]["baseColorTexture"]["index"] for m in document.json["materials"]} == {0}


def test_a_scanned_head_with_all_its_shapes_takes_less_than_6_mb(shared, motion, tmp_path, khronos):
    from personare.faces.ict import open_ict

    face = open_ict(shared / "data" / "ict_facekit" / "ict_facekit.npz")
    glb.write(tmp_path / "ict.glb", Take(motion, face=face))
    assert (tmp_path / "ict.glb").stat().st_size < 6_000_000
    (errors, warnings, messages), = khronos([tmp_path / "ict.glb"]).values()
    assert (errors, warnings) == (0, 0), messages
