"""Sessions of a generated bundle equal a plain loop over windows; styles of all kinds; what does not fit is refused."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import personare  # noqa: E402
from personare.audio.front_ends import features_of, open_front_end  # noqa: E402
from personare.errors import AssetError, InputError  # noqa: E402
from personare.motion.style_code import raw_code, style_code  # noqa: E402
from personare.motion.stylist import open_stylist, window_starts  # noqa: E402
from personare.store import write_bundle  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402

FRAMES, CONTEXT, STRIDE, BANDS, FPS = 8, 3, 4, 5, 25.0
COLUMNS = ("jawOpen", "mouthPucker", "browInnerUp")
CODE = 3 * len(COLUMNS) + 2 * 6
RNG = np.random.default_rng(3)
NEAR = RNG.normal(0, 0.03, (2 * BANDS, 9)).astype(np.float32)
FAR = RNG.normal(0, 0.03, (BANDS, 9)).astype(np.float32)
STYLE = RNG.normal(0, 0.05, (CODE, 9)).astype(np.float32)


def network():
    """values[f] = tanh(own two rows @ NEAR + mean of all rows @ FAR + style @ STYLE)."""
    constants = {"near": NEAR, "far": FAR, "styled": STYLE, "first": np.array([CONTEXT]),
                 "last": np.array([CONTEXT + 2 * FRAMES]), "axis": np.array([1]),
                 "flat": np.array([0, FRAMES, 2 * BANDS])}
    nodes = [("Slice", ["rows", "first", "last", "axis"], "own"), ("Reshape", ["own", "flat"], "pairs"),
             ("MatMul", ["pairs", "near"], "a"), ("MatMul", ["mean", "far"], "b"), ("MatMul", ["style", "styled"], "c"),
             ("Unsqueeze", ["c", "axis"], "d"), ("Add", ["a", "b"], "e"), ("Add", ["e", "d"], "f"),
             ("Tanh", ["f"], "values")]
    made = [helper.make_node("ReduceMean", ["rows"], ["mean"], axes=[1], keepdims=1)]
    made += [helper.make_node(kind, given, [out]) for kind, given, out in nodes]
    shapes = {"rows": ["w", 2 * FRAMES + 2 * CONTEXT, BANDS], "style": ["w", CODE]}
    graph = helper.make_graph(
        made, "g", [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["w", FRAMES, 9])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def made(folder, **changes):
    config = {"front_end": "mel", "front_end_options": {"rate_hz": 60.0, "band_count": BANDS}, "frame_hz": FPS,
              "space": "arkit-52", "columns": COLUMNS, "frames": FRAMES, "context": CONTEXT, "stride": STRIDE,
              "pose": "angles", "code_mean": [0.0] * CODE, "code_std": [1.0] * CODE,
              "styles": {"calm": [0.0] * CODE, "wild": [1.0] * CODE}, "style": "calm"}
    card = {"name": "stylist", "method": "stylist", "summary": "made by a test", "licence": "CC0", "sources": [],
            "config": config | changes}
    write_bundle(folder, card=card, files={"model.onnx": network()})
    return open_stylist(folder)


@pytest.fixture
def method(tmp_path):
    return made(tmp_path / "styled")


@pytest.fixture
def sound():
    return np.random.default_rng(0).normal(0, 0.1, 33333).astype(np.float32)


def in_pieces(session, sound, size):
    parts = [session.push(sound[i : i + size]) for i in range(0, len(sound), size)] + [session.finish()]
    return np.concatenate([part.values for part in parts]), np.concatenate([part.head_pose for part in parts])


def plain(sound, code, *, overlap):
    """The same by the book: rows at 50 a second, every window, weighted mean."""
    rows = features_of(open_front_end("mel", rate_hz=60.0, band_count=BANDS), Audio(sound, 16000)).values
    frames = int(np.ceil(len(sound) / 16000 * FPS))
    place = np.minimum(np.arange(int(np.ceil(len(sound) / 16000 * 50))) * 1.2, len(rows) - 1)
    low = np.floor(place + 1e-9).astype(int)
    share = (place - low)[:, None]
    grid = rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share
    total, weight = np.zeros((frames, 9)), np.zeros((frames, 1))
    smooth = np.sin(np.pi * (np.arange(FRAMES) + 0.5) / FRAMES) ** 2
    starts = (window_starts(frames, length=FRAMES, stride=STRIDE) if overlap == "equal"
              else range(STRIDE - FRAMES, frames, STRIDE))
    for start in starts:
        window = grid[np.clip(np.arange(2 * start - CONTEXT, 2 * (start + FRAMES) + CONTEXT), 0, len(grid) - 1)]
        pairs = window[CONTEXT:-CONTEXT].reshape(FRAMES, 2 * BANDS)
        values = np.tanh(pairs @ NEAR + window.mean(axis=0) @ FAR + code @ STYLE)
        for i, value in enumerate(values):
            if 0 <= start + i < frames:
                share = 1.0 if overlap == "equal" else smooth[i]
                total[start + i] += share * value
                weight[start + i] += share
    return total / weight


@pytest.mark.parametrize("overlap", ["smooth", "equal"])
def test_a_session_equals_the_plain_loop_in_any_pieces(tmp_path, sound, overlap):
    method = made(tmp_path / "styled", overlap=overlap)
    expected = plain(sound, np.ones(CODE), overlap=overlap)
    columns = method.options.whole_space().indices(COLUMNS)
    for size in (len(sound), 160, 4097):
        values, pose = in_pieces(method.session(fps=FPS, style="wild"), sound, size)
        np.testing.assert_allclose(values[:, columns], expected[:, :3], atol=1e-5)
        np.testing.assert_allclose(pose[:, :3, 3], 0.1 * expected[:, 6:], atol=1e-6)
    assert np.abs(np.diff(expected[:, :3], axis=0)).max() > 1e-3


def test_no_frame_sees_beyond_the_declared_look_ahead(method, sound):
    changed, at_s = sound.copy(), 1.5
    changed[int(at_s * 16000) :] *= -3
    session = method.session(fps=30.0)
    one, _ = in_pieces(session, sound, 1600)
    other, _ = in_pieces(method.session(fps=30.0), changed, 1600)
    sure = int((at_s - session.look_ahead_s) * 30) + 1
    assert 10 < sure < len(one)
    np.testing.assert_allclose(one[:sure], other[:sure], atol=1e-6)
    assert np.abs(one - other).max() > 0.01


def test_frames_come_before_the_end(method, sound):
    session = method.session(fps=FPS)
    early = sum(len(session.push(piece)) for piece in np.split(sound, [8000, 16000, 24000]))
    assert early >= int((len(sound) / 16000 - session.look_ahead_s) * FPS)


@pytest.mark.parametrize("count", [1, 400, 5000])
def test_clips_shorter_than_a_window_have_all_their_frames(method, sound, count):
    motion = method.session(fps=FPS)
    motion.push(sound[:count])
    assert len(motion.finish()) == int(np.ceil(count / 16000 * FPS))
    with pytest.raises(InputError, match="finish"):
        motion.push(sound)


def test_a_style_is_a_name_a_code_a_take_or_the_path_of_one(method, tmp_path):
    rng = np.random.default_rng(1)
    take = Motion(rng.uniform(0, 1, (250, 52)), FPS, "arkit-52")
    personare.save(take, tmp_path / "take.npz")
    expected = style_code(take.columns(COLUMNS), np.zeros((250, 6)), formula="means", mean=np.zeros(CODE),
                          std=np.ones(CODE))
    assert expected.std() > 0.05
    np.testing.assert_allclose(method.code_of(take), expected, atol=1e-6)
    np.testing.assert_allclose(method.code_of(str(tmp_path / "take.npz")), expected, atol=1e-6)
    np.testing.assert_array_equal(method.code_of("wild"), np.ones(CODE))
    np.testing.assert_array_equal(method.code_of(None), np.zeros(CODE))
    np.testing.assert_array_equal(method.code_of(np.full(CODE, 2.0)), np.full(CODE, 2.0, np.float32))
    other, _ = personare.convert(take, "livelink-61")
    assert method.code_of(other).shape == (CODE,)


def test_what_is_no_style_is_refused(method):
    for wrong, told in (("wilde", "wild"), (np.zeros(3), "style"), (Motion(np.zeros((9, 76)), FPS, "nvp-76"), "arkit")):
        with pytest.raises(InputError, match=told):
            method.code_of(wrong)
    with pytest.raises(InputError, match="two frames"):
        method.code_of(Motion(np.zeros((1, 52)), FPS, "arkit-52"))


def test_animate_takes_a_style(tmp_path, sound):
    made(tmp_path / "styled")
    audio = Audio(sound, 16000)
    calm, wild = (personare.animate(audio, model=str(tmp_path / "styled"), layers=personare.STILL, style=style)
                  for style in (None, "wild"))
    assert np.abs(calm.values - wild.values).max() > 0.01


def test_a_longer_take_says_more_about_a_style():
    values = np.random.default_rng(2).uniform(0, 1, (500, 3))
    zero, one = np.zeros(9), np.ones(9)
    short, long = (style_code(values[:n], np.zeros((n, 0)), formula="means", mean=zero, std=one) for n in (25, 500))
    raw = raw_code(values, np.zeros((500, 0)), formula="means")
    np.testing.assert_allclose(long[:3], values.mean(axis=0), atol=1e-6)
    assert np.linalg.norm((long - raw)[3:]) < 0.2 * np.linalg.norm(raw[3:])
    assert np.linalg.norm(short[3:]) < 0.5 * np.linalg.norm(long[3:])


def test_a_missing_or_foreign_bundle_is_told(tmp_path):
    with pytest.raises(AssetError, match="learn stylist"):
        open_stylist()
    with pytest.raises(AssetError, match="does not fit"):
        made(tmp_path / "odd", frames="many")
