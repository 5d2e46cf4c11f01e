"""ATnet as a front end: a generated bundle equals a plain loop over pictures, in pieces too; no last second is lost."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")
from onnx import TensorProto, helper, numpy_helper

from personare.audio.atnet import Atnet, atnet
from personare.audio.cepstra import cepstra
from personare.audio.front_ends import features_of, open_front_end
from personare.errors import AssetError
from personare.store import write_bundle
from personare.types import Audio

WEIGHT = np.random.default_rng(2).normal(0, 0.02, (336, 256)).astype(np.float32)


def written(folder, method="atnet"):
    nodes = [helper.make_node("Reshape", ["images", "flat"], ["x"]), helper.make_node("MatMul", ["x", "w"], ["y"]),
             helper.make_node("Relu", ["y"], ["rows"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["t", 28, 12])],
                              [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["t", 256])],
                              [numpy_helper.from_array(np.array([-1, 336]), "flat"),
                               numpy_helper.from_array(WEIGHT, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    write_bundle(folder, files={"model.onnx": model}, card={
        "name": "a", "method": method, "summary": "", "licence": "CC0", "sources": [], "config": {}})
    return folder


def plain(sound):
    """Pictures as the original cuts them, for every frame that has sound."""
    count = int(np.ceil(len(sound) / 640))
    padded = np.concatenate([np.zeros(1920), sound, np.zeros(8000)])
    rows = cepstra(padded)[:, 1:]
    return np.stack([np.maximum(rows[4 * k : 4 * k + 28].ravel() @ WEIGHT, 0) for k in range(count)])


def test_pieces_give_what_a_loop_gives(tmp_path, rng):
    sound = (0.1 * rng.standard_normal(2 * 16000 + 123)).astype(np.float32)
    opened = open_front_end("atnet", path=str(written(tmp_path / "a")))
    assert (opened.rate_hz, opened.width, plain(sound).shape) == (25.0, 256, (51, 256))
    stream = opened.stream()
    rows = [stream.push(piece) for piece in np.array_split(sound, 37)]
    np.testing.assert_allclose(np.concatenate([*rows, stream.finish()]), plain(sound), atol=1e-4)
    whole = atnet(Audio(sound, 16000), Atnet(tmp_path / "a"))
    assert (whole.kind, whole.rate_hz) == ("atnet", 25.0)
    np.testing.assert_allclose(whole.values, plain(sound), atol=1e-4)


def test_no_row_hears_further_than_declared(tmp_path, rng):
    opened = open_front_end("atnet", path=str(written(tmp_path / "a")))
    sound = (0.1 * rng.standard_normal(32000)).astype(np.float32)
    changed = sound.copy()
    changed[int((1.0 + opened.look_ahead_s) * 16000) :] *= -0.5
    one, other = (features_of(opened, Audio(take, 16000)).values for take in (sound, changed))
    np.testing.assert_array_equal(one[:26], other[:26])
    assert np.abs(one[27] - other[27]).max() > 0


def test_another_bundle_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path))
    with pytest.raises(AssetError, match=r"models/atnet: no card\.json"):
        open_front_end("atnet")
    written(tmp_path / "models" / "atnet")
    options = open_front_end("atnet").options
    assert set(options) == {"sha256"}
    with pytest.raises(AssetError, match="another ATnet than the one that was meant"):
        open_front_end("atnet", sha256="0" * 64)
    with pytest.raises(AssetError, match="a bundle of dvp, not of ATnet"):
        Atnet(written(tmp_path / "b", "dvp"))
