"""Coefficients off pictures: what the network is fed, and what is refused."""

import json

import numpy as np
import pytest

from personare.errors import AssetError, InputError
from personare.faces.bfm_fit import split_deep3d
from personare.store import write_bundle
from personare.tracking.deep3d import (
    STANDARD_POINTS,
    Deep3DNetwork,
    deep3d_coefficients,
    deep3d_motion,
    face_crop,
    five_of_478,
)

POINTS = np.array([[200.0, 150], [270, 148], [236, 190], [208, 230], [262, 228]])


@pytest.fixture
def network(tmp_path):
    """A bundle whose graph answers with pixels: its 257 values are the first 86 pixels of row 100, without the last."""
    onnx = pytest.importorskip("onnx", reason="needs onnx, an optional install")
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Gather", ["pictures", "row"], ["line"], axis=2),
             helper.make_node("Slice", ["line", "start", "stop", "axis"], ["part"]),
             helper.make_node("Transpose", ["part"], ["pixels"], perm=[0, 2, 1]),
             helper.make_node("Flatten", ["pixels"], ["all"]),
             helper.make_node("Slice", ["all", "start", "count", "one"], ["values"])]
    numbers = {"row": 100, "start": [0], "stop": [86], "axis": [2], "count": [257], "one": [1]}
    graph = helper.make_graph(
        nodes, "pixels", [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["b", 3, 224, 224])],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["b", 257])],
        [onnx.numpy_helper.from_array(np.array(value, np.int64), name) for name, value in numbers.items()])
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    bundle = write_bundle(tmp_path / "deep3d", files={"model.onnx": content}, card={
        "name": "deep3d", "method": "deep3d", "summary": "", "licence": "", "sources": [],
        "config": {"standard_points": STANDARD_POINTS}})
    return bundle.folder


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (360, 480, 3), np.uint8)


def expected(picture, points):
    crop = face_crop(picture.shape[1::-1], points)
    return (crop.picture(picture)[100, :86].reshape(-1)[:257] / np.float32(255))[None]


def test_the_network_is_fed_the_crop_as_rgb(network, picture):
    fit = deep3d_coefficients(picture, POINTS, network=network)
    wanted = split_deep3d(expected(picture, POINTS))
    assert wanted.identity.std() > 0.1
    for name in ("identity", "expression", "texture", "angles_rad", "light", "translation"):
        np.testing.assert_allclose(getattr(fit, name), getattr(wanted, name), atol=1e-6)


def test_the_crop_puts_a_face_where_the_standard_face_is():
    # A picture of the standard face itself, shrunk three times: its eyes come to the same places of every crop.
    standard = np.array(STANDARD_POINTS)[:, :2] * [1, -1] * 102
    for scale, middle in ((1.0, (240, 180)), (0.4, (100, 90)), (2.0, (300, 200))):
        points = standard * scale + middle
        crop = face_crop((480, 360), points)
        assert crop.scale == pytest.approx(1 / scale, rel=0.35)  # seen from the front its depth does not count
        inside = crop.points(points * [1, -1] + [0, 359])
        centered = inside - (inside.mean(0) - (standard * crop.scale * scale).mean(0) * [1, -1])
        np.testing.assert_allclose(centered, standard * [1, -1] * crop.scale * scale, atol=1e-6)
        np.testing.assert_allclose(inside.mean(0), [112, 112 + (-standard[:, 1].mean()) * crop.scale * scale], atol=2)


def test_a_clip_keeps_one_scale(network, rng):
    pictures = rng.integers(0, 256, (3, 360, 480, 3), np.uint8)
    points = np.stack([POINTS, 1.1 * (POINTS - 200) + 200, POINTS + 5])
    motion = deep3d_motion(iter(pictures), points, fps=25, network=Deep3DNetwork(network))
    assert (motion.space.name, motion.fps, len(motion)) == ("deep3d-257", 25, 3)
    crops = face_crop((480, 360), points)
    assert len({crop.scale for crop in crops}) == 1
    for row, crop, one in zip(motion.values, crops, pictures, strict=True):
        np.testing.assert_allclose(row, crop.picture(one)[100, :86].reshape(-1)[:257] / np.float32(255), atol=1e-6)
    with pytest.raises(InputError, match="expected 3 pictures, one for each row of points, got 2"):
        deep3d_motion(iter(pictures[:2]), points, fps=25, network=network)


def test_five_points_of_landmarks_lie_where_people_put_them(shared):
    """On portraits, against points that were placed by another program, in shares of the eye distance."""
    folder = shared / "data" / "portraits"
    av, tracking = pytest.importorskip("av"), pytest.importorskip("mediapipe", reason="needs mediapipe")
    assert tracking
    from personare.tracking.landmarks import landmarks

    known = json.loads((folder / "landmarks5.json").read_text())["points"]
    for name in ("d3dfr_000002.jpg", "d3dfr_000031.jpg", "d3dfr_015259.jpg"):
        with av.open(str(folder / name)) as file:
            picture = next(file.decode(video=0)).to_ndarray(format="rgb24")
        found = landmarks([picture], model=shared / "data" / "face_landmarker" / "face_landmarker.task")[0]
        points, true = five_of_478(found), np.array(known[name])
        assert np.linalg.norm(points - true, axis=1).max() < 0.2 * np.linalg.norm(true[1] - true[0])


def test_what_is_wrong_is_told(tmp_path, network, picture):
    with pytest.raises(AssetError, match="no bundle of Deep3DFaceRecon there; make one with personare convert"):
        Deep3DNetwork(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"points: expected \(5, 2\) points or \(478, 2\) landmarks"):
        deep3d_coefficients(picture, POINTS[:4], network=network)
    card = json.loads((network / "card.json").read_text())
    (network / "card.json").write_text(json.dumps(card | {"method": "vox"}))
    with pytest.raises(AssetError, match="a bundle of vox, not of Deep3DFaceRecon"):
        Deep3DNetwork(network)
