"""AudioDVP at run time: seven frames of what is heard, zeros beyond the clip, and no lost second at its end."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")
from onnx import TensorProto, helper, numpy_helper

from personare.audio.front_ends import features_of, open_front_end
from personare.errors import AssetError, InputError
from personare.motion.dvp import open_dvp
from personare.store import write_bundle
from personare.types import Audio

WEIGHT = np.random.default_rng(2).normal(0, 0.02, (7 * 8, 64)).astype(np.float32)
HEARD = {"band_count": 8, "rate_hz": 25.0}


@pytest.fixture
def bundle(tmp_path):
    nodes = [helper.make_node("Reshape", ["rows", "flat"], ["x"]), helper.make_node("MatMul", ["x", "w"], ["values"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["t", 7, 8])],
                              [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["t", 64])],
                              [numpy_helper.from_array(np.array([-1, 56]), "flat"),
                               numpy_helper.from_array(WEIGHT, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    return write_bundle(tmp_path / "b", files={"model.onnx": model}, card={
        "name": "dvp", "method": "dvp", "summary": "", "licence": "CC0", "sources": [], "config": {
            "front_end": "mel", "front_end_options": HEARD, "frame_hz": 25.0, "rows_before": 3, "rows_after": 3,
            "padding": "zero", "space": "audiodvp-64"}}).folder


def test_every_frame_with_sound_is_said_with_zeros_beyond_the_clip(bundle, rng):
    sound = (0.1 * rng.standard_normal(16000 + 700)).astype(np.float32)
    rows = np.pad(features_of(open_front_end("mel", **HEARD), Audio(sound, 16000)).values, ((3, 3), (0, 0)))
    wanted = np.stack([rows[i : i + 7].ravel() @ WEIGHT for i in range(len(rows) - 6)])
    session = open_dvp(bundle).session(fps=25)
    pieces = [session.push(piece) for piece in np.array_split(sound, 23)]
    said = np.concatenate([part.values for part in (*pieces, session.finish())])
    assert said.shape == (27, 64)
    assert pieces[-1].space.name == "audiodvp-64"
    np.testing.assert_allclose(said, wanted, atol=1e-5)


def test_it_has_no_styles_and_no_weights_of_its_own(bundle, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="dvp has no styles"):
        open_dvp(bundle).session(style="calm")
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path / "home"))
    with pytest.raises(AssetError, match=r"models/dvp: no card\.json"):
        open_dvp()
