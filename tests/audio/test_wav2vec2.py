"""Speech encoders as a front end: short sound in one piece, long sound in windows, the same however it arrives."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")
from onnx import TensorProto, helper, numpy_helper

from personare.audio.front_ends import features_of, open_front_end
from personare.errors import AssetError, InputError
from personare.store import write_bundle
from personare.types import Audio

WIDTH, KERNEL = 4, 400
WEIGHT = np.random.default_rng(2).normal(0, 0.05, (WIDTH, 1, KERNEL)).astype(np.float32)


def written(folder, **config):
    """One convolution of 400 samples and a stride of 320, and the mean of all rows on top: a row sees everything."""
    nodes = [helper.make_node("Unsqueeze", ["samples", "one"], ["x"]),
             helper.make_node("Conv", ["x", "w"], ["y"], strides=[320]),
             helper.make_node("ReduceMean", ["y"], ["mean"], axes=[2], keepdims=1),
             helper.make_node("Add", ["y", "mean"], ["z"]),
             helper.make_node("Transpose", ["z"], ["rows"], perm=[0, 2, 1])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, "n"])],
                              [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, "t", WIDTH])],
                              [numpy_helper.from_array(np.array([1]), "one"), numpy_helper.from_array(WEIGHT, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    write_bundle(folder, files={"model.onnx": model}, card={
        "name": "w", "method": "wav2vec2", "summary": "", "licence": "CC0", "sources": [],
        "config": {"width": WIDTH, "rate_hz": 50.0, "least_samples": KERNEL} | config})
    return folder


def plain(sound):
    sound = np.pad(sound.astype(np.float64), (0, max(0, KERNEL - len(sound))))
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    rows = np.stack([sound[i : i + KERNEL] @ WEIGHT[:, 0].T for i in range(0, len(sound) - KERNEL + 1, 320)])
    return rows + rows.mean(axis=0)


@pytest.mark.parametrize("count", [100, 16000, 16123])
def test_short_sound_is_read_in_one_piece(tmp_path, rng, count):
    sound = (0.1 * rng.standard_normal(count) + 0.02).astype(np.float32)
    opened = open_front_end("wav2vec2", path=str(written(tmp_path / "a")))
    rows, wanted = features_of(opened, Audio(sound, 16000)).values, plain(sound)
    assert rows.shape == (int(np.ceil(count / 320)), WIDTH)
    np.testing.assert_allclose(rows[: len(wanted)], wanted, atol=1e-4)
    np.testing.assert_array_equal(rows[len(wanted) :], np.repeat(rows[len(wanted) - 1 : len(wanted)],
                                                                 len(rows) - len(wanted), 0))


def test_long_sound_is_read_in_windows_that_share_context(tmp_path, rng):
    sound = (0.1 * rng.standard_normal(7 * 16000 + 55)).astype(np.float32)
    opened = open_front_end("wav2vec2", path=str(written(tmp_path / "a")), window_s=2.0, context_s=0.5)
    rows = features_of(opened, Audio(sound, 16000)).values
    assert len(rows) == 351
    windows = [(0, 2.5, 0, 100), (1.5, 4.5, 25, 100), (3.5, 6.5, 25, 100), (5.5, None, 25, 51)]
    wanted = [plain(sound[int(a * 16000) : None if b is None else int(b * 16000)])[skip:][:count]
              for a, b, skip, count in windows]
    wanted = np.concatenate(wanted)
    np.testing.assert_allclose(rows[: len(wanted)], wanted, atol=1e-4)
    assert len(wanted) >= 349
    for pieces in (2, 90):
        stream = opened.stream()
        parts = [stream.push(piece) for piece in np.array_split(sound, pieces)]
        np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), rows, atol=1e-6)
    again = open_front_end("wav2vec2", **opened.options)
    np.testing.assert_array_equal(features_of(again, Audio(sound, 16000)).values, rows)
    changed = sound.copy()
    changed[int((0.5 + opened.look_ahead_s) * 16000) :] *= -0.5
    np.testing.assert_array_equal(features_of(opened, Audio(changed, 16000)).values[:26], rows[:26])


def test_what_does_not_fit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path))
    with pytest.raises(AssetError, match="models/wav2vec2"):
        open_front_end("wav2vec2")
    written(tmp_path / "models" / "wav2vec2")
    assert "path" not in open_front_end("wav2vec2").options
    with pytest.raises(InputError, match="the speech encoder whose card has sha256 000000"):
        open_front_end("wav2vec2", sha256="0" * 64)
    with pytest.raises(InputError, match="window_s"):
        open_front_end("wav2vec2", window_s=0.015)
    write_bundle(tmp_path / "b", files={"model.onnx": b""}, card={
        "name": "b", "method": "vox", "summary": "", "licence": "", "sources": [], "config": {}})
    with pytest.raises(AssetError, match="a bundle of vox, not of a speech encoder"):
        open_front_end("wav2vec2", path=str(tmp_path / "b"))
