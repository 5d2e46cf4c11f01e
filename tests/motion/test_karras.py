"""Karras at run time: any window and front end, styles by name and in shares, in pieces as at once."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")
from onnx import TensorProto, helper

from personare.errors import InputError
from personare.motion.karras import open_karras
from personare.store import write_bundle


def adds_style():
    """A graph whose jaw is the first number of the newest row and whose pucker is the style's second number."""
    def whole(name, value):
        return helper.make_tensor(name, TensorProto.INT64, [1], [value])

    nodes = [helper.make_node("Slice", ["rows", "two", "three", "one"], ["newest"]),
             helper.make_node("Slice", ["newest", "zero", "one", "two"], ["first"]),
             helper.make_node("Squeeze", ["first", "one"], ["jaw"]),
             helper.make_node("Slice", ["style", "one", "two", "one"], ["pucker"]),
             helper.make_node("Concat", ["jaw", "pucker"], ["values"], axis=1)]
    graph = helper.make_graph(
        nodes, "styled",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["t", 3, 12]),
         helper.make_tensor_value_info("style", TensorProto.FLOAT, ["t", 2])],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["t", 2])],
        [whole("zero", 0), whole("one", 1), whole("two", 2), whole("three", 3)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.fixture
def bundle(tmp_path):
    config = {"front_end": "mel", "front_end_options": {"rate_hz": 60.0, "band_count": 12}, "frame_hz": 30.0,
              "rows_before": 1, "rows_after": 1, "space": "arkit-52", "columns": ["jawOpen", "mouthPucker"],
              "styles": {"none": [0.0, 0.0], "joy": [1.0, 0.5], "rage": [0.0, 0.25]}, "style": "none"}
    write_bundle(tmp_path / "b", card={"name": "b", "method": "karras", "summary": "", "licence": "CC0", "sources": [],
                                       "config": config}, files={"model.onnx": adds_style()})
    return tmp_path / "b"


def spoken(session, sound, size):
    parts = [session.push(sound[i : i + size]) for i in range(0, len(sound), size)] + [session.finish()]
    return np.concatenate([part.columns(("jawOpen", "mouthPucker")) for part in parts])


def test_styles_by_name_in_shares_and_as_numbers(bundle, rng):
    opened = open_karras(bundle)
    sound = (0.1 * rng.standard_normal(16000)).astype(np.float32)
    assert opened.styles == ("none", "joy", "rage")

    def pucker(style):
        return spoken(opened.session(style=style), sound, 4000)[:, 1]

    np.testing.assert_allclose(pucker(None), 0)
    np.testing.assert_allclose(pucker("joy"), 0.5)
    np.testing.assert_allclose(pucker("joy:0.5,rage:0.5"), 0.375)
    np.testing.assert_allclose(pucker({"joy": 3, "rage": 1}), 0.4375)
    np.testing.assert_allclose(pucker(np.array([0, 0.9])), 0.9)


def test_pieces_and_look_ahead(bundle, rng):
    opened = open_karras(bundle)
    sound = (0.1 * rng.standard_normal(24000)).astype(np.float32)
    whole = spoken(opened.session(), sound, len(sound))
    assert whole.shape == (45, 2)
    np.testing.assert_allclose(spoken(opened.session(), sound, 777), whole, atol=1e-6)
    other, session = sound.copy(), opened.session()
    at = int((20 / 30 + session.look_ahead_s) * session.rate_hz)
    other[at:] = 0.3
    changed = spoken(opened.session(), other, 5000)
    np.testing.assert_allclose(changed[:21], whole[:21], atol=1e-6)
    assert np.abs(changed[21:] - whole[21:]).max() > 0.1


@pytest.mark.parametrize(("style", "told"), [
    ("joyy", "did you mean 'joy'"), ("joy:x", "name:share"), ({"joy": 0.0}, "style"),
    (np.zeros(3), r"shape \(2,\)"), ("joy:1,nobody:1", "one of none, joy, rage"),
])
def test_styles_that_are_none(bundle, style, told):
    with pytest.raises(InputError, match=told):
        open_karras(bundle).session(style=style)


def test_no_weights_come_with_personare():
    with pytest.raises(InputError, match=r"docs/motion/karras\.md"):
        open_karras()
