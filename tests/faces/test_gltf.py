"""Reading glTF: what is in a file arrives, and what is wrong with one is said at once, in little memory."""

import base64
import json
import struct
import tracemalloc
from copy import deepcopy

import characters
import msgspec
import numpy as np
import pytest

from personare.errors import InputError
from personare.export.png import png
from personare.faces.gltf import MOST_ROWS, read_gltf
from personare.faces.gltf_looks import decoded, read_materials, unwrapped
from personare.faces.gltf_scene import read_nodes, read_parts, target_names
from personare.faces.rig import open_rig

CORNERS = np.float32([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0.1, 0.1, 0]])
OPEN = np.float32([[0, -0.02, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0.01]])


def tiny():
    """A square with a jawOpen target on one node: (document, binary)."""
    binary = CORNERS.tobytes() + OPEN.tobytes() + np.uint16([0, 1, 2, 2, 1, 3]).tobytes()
    return {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0, "name": "face"}],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": [{"buffer": 0, "byteLength": 48}, {"buffer": 0, "byteOffset": 48, "byteLength": 48},
                        {"buffer": 0, "byteOffset": 96, "byteLength": 12}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
                      {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC3"},
                      {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 2, "targets": [{"POSITION": 1}]}],
                    "extras": {"targetNames": ["jawOpen"]}}]}, binary


@pytest.fixture
def write(tmp_path):
    """Write a document with its binary as .glb; returns the path."""
    def write(document, binary, name="tiny.glb"):
        (tmp_path / name).write_bytes(characters.glb_bytes(document, binary))
        return tmp_path / name

    return write


def parts_of(path):
    gltf = read_gltf(path)
    return read_parts(gltf, read_nodes(gltf))


def test_what_is_in_the_file_arrives(write):
    part, = parts_of(write(*tiny()))
    assert np.array_equal(part.points, CORNERS)
    assert part.moved.tolist() == [0, 3]
    assert np.array_equal(part.shapes, OPEN[None, [0, 3]])
    assert part.triangles.tolist() == [[0, 1, 2], [2, 1, 3]]


def test_nulls_and_whole_numbers_with_a_point_are_forgiven(write):
    document, binary = tiny()
    document["nodes"][0] |= {"name": None, "children": None, "mesh": 0.0}
    document["accessors"][0] |= {"count": 4.0, "sparse": None}
    assert np.array_equal(parts_of(write(document, binary))[0].points, CORNERS)


def test_data_addresses_and_files_beside_it_are_the_same(write, tmp_path):
    document, binary = tiny()
    (tmp_path / "a b.bin").write_bytes(binary)
    for uri in ("a%20b.bin", "data:application/octet-stream;base64," + base64.b64encode(binary).decode()):
        document["buffers"][0]["uri"] = uri
        (tmp_path / "tiny.gltf").write_text(json.dumps(document))
        assert np.array_equal(parts_of(tmp_path / "tiny.gltf")[0].points, CORNERS)


def test_quantised_vertices_are_scaled_as_the_file_says(write):
    document, _ = tiny()
    whole = np.int16(np.round(CORNERS * 10 * 32767))
    padded = np.zeros((4, 4), np.int16)
    padded[:, :3] = whole
    binary = padded.tobytes() + np.int8([[0, -127, 0, 0], *[[0, 0, 0, 0]] * 3]).tobytes() + tiny()[1][96:]
    document |= {"extensionsRequired": ["KHR_mesh_quantization"]}
    document |= {"buffers": [{"byteLength": len(binary)}], "accessors": [
        {"bufferView": 0, "componentType": 5122, "count": 4, "type": "VEC3", "normalized": True},
        {"bufferView": 1, "componentType": 5120, "count": 4, "type": "VEC3", "normalized": True},
        document["accessors"][2]], "bufferViews": [
            {"buffer": 0, "byteLength": 32, "byteStride": 8},
            {"buffer": 0, "byteOffset": 32, "byteLength": 16, "byteStride": 4},
            {"buffer": 0, "byteOffset": 48, "byteLength": 12}]}
    part, = parts_of(write(document, binary))
    assert np.abs(part.points - CORNERS * 10).max() < 1e-4
    assert part.shapes[0].tolist() == [[0, -1, 0]]


def test_sparse_targets_strips_and_names_of_the_first_primitive(write):
    document, binary = tiny()
    rows = np.uint16([3]).tobytes() + b"\0\0" + np.float32([[0, 0, 0.01]]).tobytes()
    document["buffers"][0]["byteLength"] += len(rows)
    document["bufferViews"] += [{"buffer": 0, "byteOffset": 108, "byteLength": 2},
                                {"buffer": 0, "byteOffset": 112, "byteLength": 12}]
    document["accessors"][1] = {"componentType": 5126, "count": 4, "type": "VEC3", "sparse": {
        "count": 1, "indices": {"bufferView": 3, "componentType": 5123}, "values": {"bufferView": 4}}}
    mesh = document["meshes"][0]
    mesh["primitives"][0] |= {"mode": 5, "extras": mesh.pop("extras")}
    gltf = read_gltf(write(document, binary + rows))
    part, = read_parts(gltf, read_nodes(gltf))
    assert target_names(gltf, gltf.tables.meshes[0]) == ["jawOpen"]
    assert np.array_equal(part.shapes, np.float32([[[0, 0, 0.01]]]))
    # The strip 0 1 2 2 1 3: every other triangle is turned, two have no size.
    assert part.triangles.tolist() == [[0, 1, 2], [2, 1, 2], [2, 2, 1], [1, 2, 3]]


def test_pictures_are_decoded_made_smaller_and_kept_apart_from_alpha(write):
    picture = np.zeros((2100, 3, 3), np.uint8)
    picture[:1050] = 200
    kept = decoded(png(picture))
    assert kept.shape == (2048, 3, 4)
    assert kept[0, 0].tolist() == [200, 200, 200, 255]
    assert decoded(png(picture), 256).shape == (256, 1, 4)
    assert decoded(b"\x89PNG\r\n\x1a\nbroken") is None
    assert decoded(b"GIF89a") is None


def test_the_base_colour_and_its_place_arrive(write):
    document, binary = tiny()
    picture = png(np.full((2, 2, 3), 7, np.uint8))
    uv = np.float32([[0, 0], [1, 0], [0, 1], [1, 1]]).tobytes()
    document["bufferViews"] += [{"buffer": 0, "byteOffset": 108, "byteLength": 32},
                                {"buffer": 0, "byteOffset": 140, "byteLength": len(picture)}]
    document["accessors"].append({"bufferView": 3, "componentType": 5126, "count": 4, "type": "VEC2"})
    document["buffers"][0]["byteLength"] = 140 + len(picture)
    transform = {"offset": [0.5, 0.25], "scale": [0.5, 0.5], "rotation": np.pi / 2}
    document |= {"images": [{"bufferView": 4, "mimeType": "image/png"}], "textures": [{"source": 0}], "materials": [
        {"name": "skin", "doubleSided": True, "pbrMetallicRoughness": {
            "baseColorFactor": [0.5, 1, 2, 1], "roughnessFactor": 0.7, "baseColorTexture": {
                "index": 0, "extensions": {"KHR_texture_transform": transform}}}}]}
    document["meshes"][0]["primitives"][0]["material"] = 0
    document["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"] = 3
    gltf = read_gltf(write(document, binary + uv + picture))
    part, = read_parts(gltf, read_nodes(gltf))
    # A quarter turn in a picture that counts downwards: u becomes -v, v becomes u.
    assert np.allclose(part.uv, [[0.5, 0.25], [0.5, -0.25], [1, 0.25], [1, -0.25]])
    material, = read_materials(gltf, [0], {0})
    assert material.color == (0.5, 1.0, 1.0)
    assert material.two_sided
    assert material.picture().shape == (2, 2, 3)
    assert (material.picture() == 7).all()


def test_a_repeated_texture_is_brought_into_one_tile():
    uv = np.float32([[2.1, 0], [2.9, 0], [2.1, 0.9], [3.2, 0.1]])
    rows, moved, triangles = unwrapped(uv, np.array([[0, 1, 2], [1, 3, 3]]))
    assert np.allclose(moved[triangles[0]], [[0.1, 0], [0.9, 0], [0.1, 0.9]])
    assert rows[triangles].tolist() == [[0, 1, 2], [1, 3, 3]]


def broken(change):
    """A function that spoils the tiny document and may spoil its binary."""
    def spoil():
        document, binary = tiny()
        return document, change(document) or binary
    return spoil


def cyclic(document):
    document["nodes"] = [{"mesh": 0, "children": [1]}, {"children": [2]}, {"children": [1]}]


def circle(document):
    document["nodes"] = [{"mesh": 0}, {"children": [2]}, {"children": [1]}]


def claim(document):
    del document["accessors"][0]["bufferView"]
    document["accessors"][0]["count"] = 10_000_000


def many_targets(document):
    document["accessors"] += [{"componentType": 5126, "count": 3_900_000, "type": "VEC3"}] * 41
    targets = [{"POSITION": 4 + i} for i in range(40)]
    document["meshes"][0]["primitives"] = [{"attributes": {"POSITION": 3}, "targets": targets}]


def many_nodes(document):
    document["accessors"][0] = {"componentType": 5126, "count": 200_000, "type": "VEC3"}
    document["meshes"][0]["primitives"] = [{"attributes": {"POSITION": 0}}]
    document["nodes"] = [{"mesh": 0}] * 15_000
    document["scenes"] = []
    del document["scene"]


def nan(document):
    return np.full((4, 3), np.nan, np.float32).tobytes() + tiny()[1][48:]


def huge(document):
    return np.full((4, 3), 1e20, np.float32).tobytes() + tiny()[1][48:]


CASES = {
    "offset": (lambda d: d["bufferViews"][0].update(byteOffset=90), "buffer views within 108 bytes"),
    "accessor offset": (lambda d: d["accessors"][0].update(byteOffset=4), "data within a buffer view of 48 bytes"),
    "negative offset": (lambda d: d["bufferViews"][0].update(byteOffset=-4), "a glTF document, got Expected `int`"),
    "negative count": (lambda d: d["accessors"][0].update(count=-4), "a glTF document, got Expected `int`"),
    "no vertices": (lambda d: d["accessors"][0].update(count=0), "a glTF document, got Expected `int`"),
    "count": (lambda d: d["accessors"][0].update(count=5), "data within a buffer view of 48 bytes, got 60 bytes"),
    "claim": (claim, f"at most {MOST_ROWS:,} vertices in a part, got 10,000,000"),
    "memory": (many_targets, "at most 512 MB of vertices and shapes"),
    "instances": (many_nodes, "at most 512 MB of vertices and shapes"),
    "stride": (lambda d: d["bufferViews"][0].update(byteStride=4), "a stride of 12..252 bytes, got 4"),
    "index": (lambda d: tiny()[1][:-2] + b"\x04\0", "indices of 4 vertices, got up to 4"),
    "buffer": (lambda d: d["bufferViews"][0].update(buffer=7), "one of its 1 buffers, got number 7"),
    "view": (lambda d: d["accessors"][0].update(bufferView=7), "one of its 3 buffer_views, got number 7"),
    "accessor": (lambda d: d["meshes"][0]["primitives"][0].update(indices=7), "one of its 3 accessors, got number 7"),
    "mesh": (lambda d: d["nodes"][0].update(mesh=7), "one of its 1 meshes, got number 7"),
    "child": (lambda d: d["nodes"][0].update(children=[7]), "one of its 1 nodes, got number 7"),
    "own child": (lambda d: d["nodes"][0].update(children=[0]), "a tree of nodes"),
    "cycle": (cyclic, "a tree of nodes"), "circle": (circle, "a tree of nodes, got nodes that are their own ancestors"),
    "scene": (lambda d: d["scenes"][0].update(nodes=[7]), "one of its 1 nodes, got number 7"),
    "kind": (lambda d: d["accessors"][0].update(type="VEC9"), "an accessor of VEC3, got VEC9"),
    "component": (lambda d: d["accessors"][0].update(componentType=1), "an accessor of VEC3, got VEC3 of type 1"),
    "nan": (nan, "numbers within 100000, got nan"), "huge": (huge, "numbers within 100000, got 1e"),
    "rows": (lambda d: d["meshes"][0]["primitives"][0]["targets"][0].update(POSITION=2), "an accessor of VEC3"),
    "transform": (lambda d: d["nodes"][0].update(scale=[1e30, 1, 1]), "transforms of nodes within reason"),
    "version": (lambda d: d["asset"].update(version="1.0"), "glTF 2.0, got version 1.0"),
    "types": (lambda d: d.update(meshes="all"), "Expected `array`, got `str`"),
    "no mesh": (lambda d: d.update(nodes=[{}], meshes=[]), "a mesh of triangles, got none"),
    "draco": (lambda d: d.update(extensionsUsed=["KHR_draco_mesh_compression"]),
              "got the extension KHR_draco_mesh_compression; export it again with mesh compression"),
    "meshopt": (lambda d: d.update(extensionsRequired=["EXT_meshopt_compression"]), "EXT_meshopt_compression"),
    "unknown": (lambda d: d.update(extensionsRequired=["ACME_secret"]), "got ACME_secret, which it requires"),
    "names": (lambda d: d["meshes"][0].update(extras={"targetNames": ["wobble"]}),
              "a bone of the jaw by a known name, got wobble; see docs"),
    "up": (lambda d: d["buffers"][0].update(uri="../../etc/passwd"), "files in its own folder"),
    "absolute": (lambda d: d["buffers"][0].update(uri="/etc/passwd"), "files in its own folder"),
    "net": (lambda d: d["buffers"][0].update(uri="https://example.org/a.bin"), "files in its own folder"),
    "hidden": (lambda d: d["buffers"][0].update(uri="%2e%2e/a.bin"), "files in its own folder"),
    "gone": (lambda d: d["buffers"][0].update(uri="gone.bin"), "got nothing there"),
    "base64": (lambda d: d["buffers"][0].update(uri="data:;base64,%%%"), "data: addresses in base64"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_line_and_little_memory(write, case):
    change, words = CASES[case]
    path = write(*broken(change)())
    tracemalloc.start()
    with pytest.raises(InputError, match=words) as caught:
        open_rig(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert str(path.parent) in str(caught.value)
    assert peak < (900 << 20 if case in ("memory", "instances") else 8 << 20)


def test_a_link_out_of_the_folder_is_not_followed(write, tmp_path):
    document, binary = tiny()
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.bin").write_bytes(binary)
    (inner / "a.bin").symlink_to(tmp_path / "secret.bin")
    document["buffers"][0]["uri"] = "a.bin"
    (inner / "tiny.gltf").write_text(json.dumps(document))
    with pytest.raises(InputError, match="files in its own folder"):
        read_gltf(inner / "tiny.gltf")


@pytest.mark.parametrize("text", [
    b"{" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"asset":' + b"[" * 900 + b"]" * 900, b"", b"null", b"\xff\xfe",
    b'{"asset":{"version":"2.0"},"nodes":[' + b"{}," * 900_000])
def test_text_that_is_no_document(tmp_path, text):
    (tmp_path / "a.gltf").write_bytes(text)
    with pytest.raises(InputError):
        read_gltf(tmp_path / "a.gltf")


@pytest.mark.parametrize("size", [0, 3, 4, 11, 12, 19, 20, 40, 400, 1200])
def test_a_file_cut_short(write, tmp_path, size):
    content = write(*tiny()).read_bytes()
    (tmp_path / "cut.glb").write_bytes(content[:min(size, len(content) - 1)])
    with pytest.raises(InputError):
        open_rig(tmp_path / "cut.glb")


def test_random_bytes_give_an_error_or_a_face_and_nothing_else(write, tmp_path, rng):
    content = np.frombuffer(write(*tiny()).read_bytes(), np.uint8)
    length = struct.unpack_from("<I", content, 12)[0]
    refused = 0
    for turn in range(400):
        spoiled = content.copy()
        low, high = ((0, 20), (20, 20 + length), (0, len(content)))[turn % 3]
        where = rng.integers(low, high, rng.integers(1, 5))
        spoiled[where] = rng.integers(0, 256, len(where))
        (tmp_path / "fuzz.glb").write_bytes(spoiled.tobytes())
        try:
            assert np.isfinite(open_rig(tmp_path / "fuzz.glb").neutral()).all()
        except InputError:
            refused += 1
    assert 100 < refused < 400


def test_random_values_in_the_document_give_an_error_or_a_face(write, rng):
    odd = [-1, 0, 1, 3, 7, 2**31, 2**63, 1e308, -0.5, None, True, "", "a", [], {}, [0], {"a": 0}, [[0]]]

    def places(entry, path=()):
        for key in entry if isinstance(entry, dict) else range(len(entry)):
            yield (*path, key)
            if isinstance(entry[key], dict | list):
                yield from places(entry[key], (*path, key))

    document, binary = tiny()
    document["nodes"] += [{"translation": [0, 0, 1], "skin": 0, "mesh": 0}, {"matrix": np.eye(4).ravel().tolist()}]
    document["skins"] = [{"joints": [0]}]
    every, refused = list(places(document)), 0
    for _ in range(600):
        spoiled = deepcopy(document)
        for place in rng.choice(len(every), rng.integers(1, 3), replace=False):
            spot = spoiled
            try:
                for key in every[place][:-1]:
                    spot = spot[key]
                spot[every[place][-1]] = odd[rng.integers(len(odd))]
            except (KeyError, IndexError, TypeError):
                continue
        assert msgspec.json.encode(spoiled)
        try:
            open_rig(write(spoiled, binary))
        except InputError:
            refused += 1
    assert 300 < refused < 600
