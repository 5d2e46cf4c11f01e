"""Scores of pictures against formulas written out, and videos matched picture by picture."""

import json
import subprocess
import sys

import numpy as np
import pytest

from personare.errors import AssetError, InputError
from personare.export.png import png
from personare.metrics import videos
from personare.metrics.pictures import (
    Perceptual,
    checked_pair,
    layer_distance,
    psnr_db,
    squared_error,
    ssim,
    ssim_map,
)
from personare.metrics.videos import (
    Embedding,
    compare_videos,
    cut_face,
    matched_pictures,
    mean_shape,
    mouth_region,
    of_landmarks,
    shape_distance,
    shows_pictures,
)


def pictures(rng, shape=(16, 14, 3)):
    one = rng.integers(0, 256, shape).astype(np.uint8)
    return one, np.clip(one.astype(int) + rng.integers(-40, 40, shape), 0, 255).astype(np.uint8)


def test_psnr_of_a_known_error():
    one, other = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4, 3), 110, np.uint8)
    assert psnr_db(squared_error(one, other)) == pytest.approx(20 * np.log10(25.5))
    other[:2] = 100
    mask = np.zeros((4, 4), bool)
    mask[2:] = True
    assert squared_error(one, other, mask) == 100
    assert squared_error(other, one) == 50
    assert psnr_db(0.0) == np.inf


def written_out(one, other, row, column):
    """SSIM at one pixel, every sum in full."""
    luma = [picture[..., 0] * 0.299 + picture[..., 1] * 0.587 + picture[..., 2] * 0.114 for picture in (one, other)]
    sums, total = np.zeros(5), 0.0
    for i in range(-5, 6):
        for j in range(-5, 6):
            weight = np.exp(-(i * i + j * j) / (2 * 1.5**2))
            x, y = luma[0][row + i, column + j], luma[1][row + i, column + j]
            sums += weight * np.array([x, y, x * x, y * y, x * y])
            total += weight
    mx, my, xx, yy, xy = sums / total
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * mx * my + c1) * (2 * (xy - mx * my) + c2)
            / ((mx**2 + my**2 + c1) * (xx - mx**2 + yy - my**2 + c2)))


def test_ssim_is_the_formula_at_every_pixel(rng):
    one, other = pictures(rng)
    found = ssim_map(one, other)
    assert found.shape == (6, 4)
    wanted = [[written_out(one, other, i + 5, j + 5) for j in range(4)] for i in range(6)]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    assert ssim(one, other) == pytest.approx(np.mean(wanted))
    mask = np.zeros((16, 14), bool)
    mask[7, 6] = True
    assert ssim(one, other, mask) == pytest.approx(wanted[2][1])
    assert ssim(one, one) == pytest.approx(1)


def test_sizes_are_told(rng):
    with pytest.raises(InputError, match=r"prediction: expected pictures of 14x16.*got 8x16"):
        checked_pair(pictures(rng, (16, 8, 3))[0], pictures(rng)[0])
    with pytest.raises(InputError, match="11 pixels or more"):
        ssim(*pictures(rng, (10, 40, 3)))


def test_features_are_compared_at_length_one(rng):
    one, other, weights = rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2, 2)), rng.uniform(0, 1, 3)
    total = 0.0
    for i in range(2):
        for j in range(2):
            a, b = one[:, i, j], other[:, i, j]
            total += (weights * (a / np.linalg.norm(a) - b / np.linalg.norm(b)) ** 2).sum() / 4
    assert layer_distance(one, other, weights) == pytest.approx(total)
    assert layer_distance(one, 7 * one, weights) == pytest.approx(0, abs=1e-12)


@pytest.fixture
def perceptual(tmp_path):
    """A bundle whose first layer is the picture itself and whose second its negative half scaled."""
    onnx = pytest.importorskip("onnx")
    import io

    from personare.store import write_bundle

    axes = ["n", 3, "h", "w"]
    kind = onnx.TensorProto.FLOAT
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["pictures"], ["a"]), onnx.helper.make_node("Relu", ["pictures"], ["b"])],
        "layers", [value("pictures", kind, axes)], [value("a", kind, axes), value("b", kind, axes)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    file = io.BytesIO()
    np.savez(file, a=np.array([1.0, 2.0, 0.0]), b=np.array([0.0, 0.0, 3.0]))
    files = {"model.onnx": model.SerializeToString(), "linear.npz": file.getvalue()}
    write_bundle(tmp_path / "net", files=files, card={
        "name": "tiny", "method": "perceptual", "summary": "", "licence": "", "sources": [], "config": {}})
    return tmp_path / "net"


def test_perceptual_distance_sums_the_layers_of_a_bundle(rng, perceptual):
    one, other = pictures(rng, (32, 40, 3))
    a, b = (picture.transpose(2, 0, 1) / 127.5 - 1 for picture in (one, other))
    wanted = layer_distance(a, b, [1, 2, 0]) + layer_distance(np.maximum(a, 0), np.maximum(b, 0), [0, 0, 3])
    found = Perceptual(perceptual)
    assert found.distance(one, other) == pytest.approx(wanted, rel=1e-5)
    assert found.distance(one, one) == 0
    with pytest.raises(InputError, match="32 pixels or more"):
        found.distance(one[:20], other[:20])


def test_a_bundle_that_is_none_is_told(tmp_path):
    with pytest.raises(AssetError, match="no bundle of a perceptual network there; make one with personare convert"):
        Perceptual(tmp_path)
    with pytest.raises(AssetError, match="no graph of an identity network"):
        Embedding(tmp_path / "face.onnx")


def film(path, levels, fps):
    """A video of flat pictures."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264rgb", rate=fps, options={"qp": "0", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    return path


def folder_of(path, levels):
    path.mkdir()
    for number, level in enumerate(levels):
        (path / f"f{number}.png").write_bytes(png(np.full((64, 64, 3), level, np.uint8)))
    return path


def test_videos_of_other_rates_are_matched_by_time(tmp_path):
    fast = film(tmp_path / "fast.mp4", range(100, 140), 50)
    slow = film(tmp_path / "slow.mp4", range(0, 20), 25)
    pairs = [(time_s, int(a[0, 0, 0]), int(b[0, 0, 0])) for time_s, a, b in matched_pictures(fast, slow)]
    assert pairs == [(pytest.approx(i / 25), 100 + 2 * i, i) for i in range(20)]
    back = [(int(a[0, 0, 0]), int(b[0, 0, 0])) for _, a, b in matched_pictures(slow, fast)]
    assert len(back) == 40
    assert back[::2] == [(i, 100 + 2 * i) for i in range(20)]


def test_folders_are_matched_by_the_numbers_in_their_names(tmp_path):
    one, other = folder_of(tmp_path / "a", range(12)), folder_of(tmp_path / "b", range(50, 62))
    assert [int(b[0, 0, 0]) - int(a[0, 0, 0]) for _, a, b in matched_pictures(one, other)] == [50] * 12
    assert [int(a[0, 0, 0]) for _, a, _ in matched_pictures(one, other)] == list(range(12))
    assert shows_pictures(one)
    assert not shows_pictures(tmp_path / "take.npz")


@pytest.mark.parametrize("counts", [(11, 12), (13, 12)])
def test_another_number_of_pictures_is_told(tmp_path, counts):
    one, other = (folder_of(tmp_path / str(i), range(count)) for i, count in enumerate(counts))
    with pytest.raises(InputError, match=r"as many pictures as .* got 1 pictures more or fewer"):
        list(matched_pictures(one, other))


@pytest.mark.parametrize("counts", [(20, 40), (40, 20)])
def test_another_length_is_told(tmp_path, counts):
    one, other = (film(tmp_path / f"{i}.mp4", range(count), 25) for i, count in enumerate(counts))
    with pytest.raises(InputError, match=r"a video of .* s.*cut both to the same take"):
        list(matched_pictures(one, other))


def face(rng, count=6, scale=40.0):
    """Landmarks of a made-up face that opens its mouth."""
    still = rng.normal(size=(478, 3)) * scale + (200, 150, 0)
    still[33], still[263] = (150, 130, 0), (250, 130, 0)
    points = np.repeat(still[None], count, axis=0)
    points[:, 14, 1] += 10 * np.sin(np.arange(count))
    points[:, 13, :] = points[:, 14, :] - (0, 15, 0)
    points[:, 14, 1] += 8 * np.cos(1.7 * np.arange(count))
    return points


def turned(points, scale=1.3):
    c, s = np.cos(0.4), np.sin(0.4)
    return scale * points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + (12, -40, 3)


def test_landmarks_tell_place_lips_and_person_apart(rng):
    real = face(rng)
    same = of_landmarks(real, real)
    assert same["landmark_error"] == same["lip_landmark_error"] == 0
    assert same["lip_gap_r"] == pytest.approx(1)
    assert same["shape_distance"] == pytest.approx(0, abs=1e-6)
    moved = of_landmarks(real + np.array([3, 4, 0]), real)
    assert moved["landmark_error"] == pytest.approx(100 * 5 / 100)
    assert moved["lip_landmark_error"] == pytest.approx(0, abs=1e-9)
    assert of_landmarks(turned(real), real)["shape_distance"] == pytest.approx(0, abs=1e-6)
    other = real.copy()
    other[:, 4] += (0, 30, 10)
    assert of_landmarks(other, real)["shape_distance"] > 1
    assert of_landmarks(real[:, :, [0, 1, 2]] * (1, 1, -1), real)["shape_distance"] > 1


def test_shape_distance_is_in_eye_distances(rng):
    real = face(rng)
    shape = mean_shape(real)
    assert shape_distance(shape, mean_shape(turned(real))) == pytest.approx(0, abs=1e-7)


def test_the_mouths_region_holds_the_lips_and_no_more(rng):
    points = np.zeros((478, 3))
    points[33], points[263] = (100, 80, 0), (180, 80, 0)
    points[list(videos.LIPS)] = rng.uniform((120, 130, 0), (160, 150, 0), (len(videos.LIPS), 3))
    points[0], points[17] = (120, 130, 0), (160, 150, 0)
    rows, columns = mouth_region(points, (160, 300))
    assert (rows.start, rows.stop, columns.start, columns.stop) == (110, 160, 100, 180)


def test_a_face_is_cut_where_arcface_wants_it():
    grid = np.zeros((300, 300, 3), np.uint8)
    grid[..., 0], grid[..., 1] = np.arange(300)[None] // 2, np.arange(300)[:, None] // 2
    points = np.zeros((478, 3))
    wanted = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
                       [70.7299, 92.2041]])
    for index, place in zip(((33, 133), (362, 263), (4,), (61,), (291,)), wanted, strict=True):
        points[list(index), :2] = 2 * place + 30
    face = cut_face(grid, points)
    assert face.shape == (112, 112, 3)
    np.testing.assert_allclose(face[50, 40, :2], [(2 * 40 + 30) / 2, (2 * 50 + 30) / 2], atol=1.0)


def test_a_worse_mouth_shows_in_the_mouths_figures_alone(tmp_path, monkeypatch, rng):
    real = [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(3)]
    worse = [picture.copy() for picture in real]
    for picture in worse:
        picture[40:50, 20:44] //= 2
    for name, row in (("real", real), ("worse", worse)):
        (tmp_path / name).mkdir()
        for i, picture in enumerate(row):
            (tmp_path / name / f"{i}.png").write_bytes(png(picture))
    points = np.zeros((478, 3), np.float32)
    points[33], points[263] = (22, 20, 0), (42, 20, 0)
    points[list(videos.LIPS)] = (32, 45, 0)
    points[61], points[291], points[13], points[14] = (25, 45, 0), (39, 45, 0), (32, 43, 0), (32, 47, 0)
    monkeypatch.setattr(videos, "landmarks", lambda pictures, model=None: [points for _ in pictures])
    figures = compare_videos(tmp_path / "worse", tmp_path / "real")
    assert figures["pictures"] == 3
    assert figures["faces"] == 1
    region = mouth_region(points, (64, 64, 3))
    error = np.mean([(a[region].astype(float) - b[region]) ** 2 for a, b in zip(real, worse, strict=True)])
    assert figures["mouth_psnr_db"] == pytest.approx(psnr_db(error))
    assert figures["mouth_ssim"] < figures["ssim"] - 0.2
    mask = np.zeros((64, 64), bool)
    mask[:30] = True
    clean = compare_videos(tmp_path / "worse", tmp_path / "real", mask=mask)
    assert clean["region_psnr_db"] == np.inf
    assert clean["region_error"] == 0
    with pytest.raises(InputError, match="light pixels in a picture of 64x64"):
        compare_videos(tmp_path / "worse", tmp_path / "real", mask=mask[:20])


def test_without_landmarks_pictures_are_still_scored(tmp_path, monkeypatch):
    one, other = folder_of(tmp_path / "a", (10, 20)), folder_of(tmp_path / "b", (20, 30))
    monkeypatch.setenv("PERSONARE_FACE_LANDMARKER", str(tmp_path / "nothing.task"))
    with pytest.warns(UserWarning, match="figures of landmarks are left out"):
        figures = compare_videos(one, other)
    assert figures["psnr_db"] == pytest.approx(20 * np.log10(25.5))
    assert "mouth_psnr_db" not in figures


def test_command_prints_the_scores(tmp_path):
    one, other = folder_of(tmp_path / "a", (10, 20)), folder_of(tmp_path / "b", (20, 30))
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "personare", "evaluate", str(one), str(other),
                           "--json"], capture_output=True, text=True,
                          env={"PERSONARE_FACE_LANDMARKER": str(tmp_path / "none"), "PATH": ""})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["psnr_db"] == pytest.approx(28.13, abs=0.01)
