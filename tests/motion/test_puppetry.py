"""Sessions of generated bundles equal a plain loop; a mapping is found again; what does not fit is refused."""

import io

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from personare.audio.front_ends import features_of, open_front_end  # noqa: E402
from personare.errors import AssetError, InputError  # noqa: E402
from personare.motion.footage import fit_footage  # noqa: E402
from personare.motion.mapping import Mapping, fit_mapping  # noqa: E402
from personare.motion.puppetry import code_space, open_puppetry, with_footage, with_mapping  # noqa: E402
from personare.spaces import Space  # noqa: E402
from personare.store import read_bundle, write_bundle  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402

BANDS, CODES, SHARES = 6, 5, np.float32([0.1, 0.5, 0.3, 0.1])
RNG = np.random.default_rng(3)
BEFORE, AFTER = 1, 2
TAPS = RNG.normal(0, 0.05, (4, BANDS, CODES)).astype(np.float32)
TARGET = Space("rig", ("jaw", "wide"))


def graph(nodes, given, shape, constants):
    inputs = [helper.make_tensor_value_info(given, TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["t", CODES])]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, tensors),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.fixture
def bundle(tmp_path):
    steps = [helper.make_node("Reshape", ["rows", "flat"], ["x"]), helper.make_node("MatMul", ["x", "w"], ["y"]),
             helper.make_node("Tanh", ["y"], ["values"])]
    network = graph(steps, "rows", ["t", 4, BANDS], {"flat": np.array([0, -1]), "w": TAPS.reshape(-1, CODES)})
    filtered = graph([helper.make_node("Mul", ["codes", "shares"], ["x"]),
                      helper.make_node("ReduceSum", ["x", "axis"], ["values"], keepdims=0)], "codes", ["t", 4, CODES],
                     {"shares": SHARES[None, :, None], "axis": np.array([1])})
    space = code_space(CODES)
    write_bundle(tmp_path / "codes", files={"model.onnx": network, "filter.onnx": filtered}, card={
        "name": "puppetry", "method": "puppetry", "summary": "made by a test", "licence": "CC0", "sources": [],
        "config": {"front_end": "mel", "front_end_options": {"rate_hz": 25.0, "band_count": BANDS}, "frame_hz": 25.0,
                   "rows_before": 2, "rows_after": 1, "padding": "zero", "space": space.name,
                   "space_columns": space.columns, "own": {"slots_before": BEFORE, "slots_after": AFTER}}})
    return tmp_path / "codes"


@pytest.fixture
def sound():
    return np.random.default_rng(0).normal(0, 0.1, 33333).astype(np.float32)


def windows_of(sound):
    rows = features_of(open_front_end("mel", rate_hz=25.0, band_count=BANDS), Audio(sound, 16000)).values
    return np.array([[rows[j] if 0 <= j < len(rows) else np.zeros(BANDS) for j in range(i - 2, i + 2)]
                     for i in range(len(rows))], np.float32)


def plain(sound):
    codes = [np.tanh(sum(window[j] @ TAPS[j] for j in range(4))) for window in windows_of(sound)]
    last = len(codes) - 1
    return np.array([sum(SHARES[s] * codes[min(max(i + s - BEFORE, 0), last)] for s in range(4))
                     for i in range(len(codes))])


@pytest.mark.parametrize("pieces", [1, 60])
def test_a_session_equals_a_plain_loop(bundle, sound, pieces):
    method = open_puppetry(bundle)
    session = method.session()
    given = [session.push(piece).values for piece in np.array_split(sound, pieces)]
    assert pieces == 1 or sum(map(len, given)) > 40
    values = np.concatenate([*given, session.finish().values])
    assert (session.fps, session.rate_hz) == (25.0, 16000)
    np.testing.assert_allclose(values, plain(sound), atol=1e-5)
    np.testing.assert_allclose(method.values_of(windows_of(sound)), plain(sound), atol=1e-5)
    assert plain(sound).std(axis=0).min() > 0.01


def test_no_frame_hears_further_than_declared(bundle, sound):
    session = open_puppetry(bundle).session()
    changed = sound.copy()
    changed[int((1.0 + session.look_ahead_s) * 16000) + 1 :] *= 3
    differs = np.abs(plain(changed) - plain(sound)).max(axis=1)
    assert differs[:26].max() < 1e-6 < differs[28]


def test_a_mapping_is_found_again_and_the_bundle_speaks_it(bundle, sound, tmp_path):
    codes = Motion(plain(sound).astype(np.float32), 25.0, code_space(CODES))
    weight = RNG.normal(0, 1, (2, CODES)).astype(np.float32)
    target = Motion(codes.values @ weight.T + np.float32([0.3, -2]), 25.0, TARGET)
    mapping = fit_mapping([(codes, target)], ridge=0)
    np.testing.assert_allclose(mapping.weight, weight, atol=1e-3)
    np.testing.assert_allclose(mapping.intercept, [0.3, -2], atol=1e-3)
    held = fit_mapping([(codes, target)], ridge=1e6)
    assert np.abs(held.weight).max() < 1e-3
    np.testing.assert_allclose(held.intercept, target.values.mean(axis=0), atol=1e-3)
    with_mapping(bundle, tmp_path / "rig", mapping)
    session = open_puppetry(tmp_path / "rig").session()
    values = np.concatenate([session.push(sound).values, session.finish().values])
    np.testing.assert_allclose(values, target.values, atol=1e-4)
    assert session.finish().space.columns == TARGET.columns
    with pytest.raises(InputError, match="of a target"):
        with_mapping(tmp_path / "rig", tmp_path / "other", mapping)


@pytest.mark.parametrize("lag", [-2, 3])
def test_a_target_that_runs_behind_or_ahead(bundle, sound, tmp_path, lag):
    codes = plain(sound).astype(np.float32)
    late = codes[np.clip(np.arange(len(codes)) - lag, 0, len(codes) - 1)]
    target = Motion(late[:, :2] * 3 + 1, 25.0, TARGET)
    mapping = fit_mapping([(Motion(codes, 25.0, code_space(CODES)), target)], ridge=1e-4)
    assert mapping.lag == lag
    with_mapping(bundle, tmp_path / "rig", mapping)
    session = open_puppetry(tmp_path / "rig").session()
    pieces = [session.push(piece).values for piece in np.array_split(sound, 40)]
    values = np.concatenate([*pieces, session.finish().values])
    inside = slice(4, len(values) - 4)
    np.testing.assert_allclose(values[inside], target.values[inside], atol=1e-3)


def test_people_by_name_and_in_shares(bundle, sound, tmp_path):
    source, weight = read_bundle(bundle), RNG.normal(0, 1, (2, 2, CODES)).astype(np.float32)
    packed = io.BytesIO()
    np.savez(packed, weight=weight, intercept=np.float32([[0, 0], [1, 2]]))
    config = source.card.config | {"space": "rig", "space_columns": TARGET.columns,
                                   "styles": {"ann": [1.0, 0.0], "bob": [0.0, 1.0]}}
    card = {name: getattr(source.card, name) for name in ("name", "method", "licence", "sources", "summary")}
    files = {name: source.path(name).read_bytes() for name in source.card.files}
    write_bundle(tmp_path / "two", card=card | {"config": config}, files=files | {"mapping.npz": packed.getvalue()})
    method, codes = open_puppetry(tmp_path / "two"), plain(sound)
    ann, bob = codes @ weight[0].T, codes @ weight[1].T + [1, 2]
    for style, wanted in ((None, ann), ("bob", bob), (np.float32([0.25, 0.75]), 0.25 * ann + 0.75 * bob)):
        session = method.session(style=style)
        values = np.concatenate([session.push(sound).values, session.finish().values])
        np.testing.assert_allclose(values, wanted, atol=1e-4)
    with pytest.raises(InputError, match="did you mean 'bob'"):
        method.session(style="bop")


@pytest.fixture(scope="module")
def minute():
    rng = np.random.default_rng(4)
    return (0.1 * np.repeat(rng.uniform(0.1, 1, 400), 1600) * rng.standard_normal(640000)).astype(np.float32)


def test_footage_learns_what_a_mapping_cannot_and_its_bundle_says_it(bundle, minute, tmp_path):
    """The jaw is loud or it is not: a step, which no line through codes draws."""
    method = open_puppetry(bundle)
    windows = method.windows_of(Audio(minute, 16000))
    np.testing.assert_allclose(windows, windows_of(minute), atol=1e-5)
    level = windows[:, 2].mean(axis=1)
    known = Motion(np.stack([level > np.median(level), 0.1 * level], 1).astype(np.float32), 25.0, TARGET)
    rows, codes = method.heard(windows)
    half = len(rows) * 3 // 4
    footage = fit_footage([(rows[:half], codes[:half], known.frames(0, half))], middle=2, columns=BANDS,
                          tried=(("ridge", (0.03, 0.3)), ("lag", (-1, 0))))
    assert (footage.lag, footage.likeness.ridge) == (0, 0.03)
    rest = known.values[half:]
    mapping = fit_mapping([(Motion(codes[:half], 25.0, code_space(codes.shape[1])), known.frames(0, half))])
    said, mapped = footage.values(rows[half:], codes[half:]), codes[half:] @ mapping.weight.T + mapping.intercept
    error, linear = (np.square(one[:, 0] - rest[:, 0]).mean() for one in (said, mapped))
    assert error < 0.8 * linear
    assert footage.explained[0] > footage.explained[1]
    with_footage(bundle, tmp_path / "rig", footage)
    opened = open_puppetry(tmp_path / "rig")
    session = opened.session()
    pieces = [session.push(piece).values for piece in np.array_split(minute[:100000], 30)]
    values = np.concatenate([*pieces, session.finish().values])
    short = windows_of(minute[:100000])
    np.testing.assert_allclose(values, footage.values(*method.heard(short)), atol=1e-5)
    np.testing.assert_allclose(opened.values_of(short), values, atol=1e-5)
    assert session.look_ahead_s > open_puppetry(bundle).session().look_ahead_s


def test_more_footage_than_is_kept(bundle, minute):
    method = open_puppetry(bundle)
    rows, codes = method.heard(method.windows_of(Audio(minute, 16000)))
    known = Motion(np.sqrt(np.abs(codes[:, :2])), 25.0, TARGET)
    whole, some = (fit_footage([(rows, codes, known)], middle=2, columns=BANDS, most=most, tried=())
                   for most in (4000, 300))
    assert (len(whole.weight), len(some.weight)) == (1000, 250)
    assert some.explained[0] > 0.8 * whole.explained[0] > 0.3
    with pytest.raises(InputError, match=r"30 s of footage or more, got 20\.0 s"):
        fit_footage([(rows[:500], codes[:500], known.frames(0, 500))], middle=2, columns=BANDS)


def test_wide_windows_are_thinned_to_what_tells_frames_apart(rng):
    """Sixty numbers a row that move along two directions, in windows of forty rows."""
    hidden = np.cumsum(rng.normal(0, 0.3, (1040, 2)), axis=0) % 2
    rows = (hidden @ rng.normal(0, 1, (2, 60)) + 0.01 * rng.normal(0, 1, (1040, 60))).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(rows, 40, axis=0).transpose(0, 2, 1).reshape(1001, -1)
    known = Motion(np.sin(3 * hidden[20:1021]).astype(np.float32), 25.0, TARGET)
    codes = np.zeros((1001, 9), np.float32)
    footage = fit_footage([(windows[:800], codes[:800], known.frames(0, 800))], middle=20, columns=60,
                          tried=(("sound", (1.0,)), ("spread", (0.5, 1.0)), ("ridge", (0.01,))))
    assert footage.known_rows.shape == (800, 13 * 32)
    assert 20 in footage.kept
    rest = known.values[800:]
    assert np.square(footage.values(windows[800:], codes[800:]) - rest).mean() < 0.5 * rest.var()


def test_a_code_that_never_moves_is_left_out():
    values = np.random.default_rng(5).normal(0, 1e-3, (50, 2)).astype(np.float32)
    values[:, 1] = 0.25
    mapping = fit_mapping([(Motion(values, 25.0, code_space(2)), Motion(values[:, :1] * 2, 25.0, Space("x", ("a",))))],
                          ridge=0)
    np.testing.assert_allclose(mapping.weight, [[2, 0]], atol=1e-4)


def test_what_does_not_fit_is_refused(bundle, tmp_path, monkeypatch):
    method = open_puppetry(bundle)
    with pytest.raises(InputError, match="puppetry has no styles"):
        method.session(style="calm")
    with pytest.raises(InputError, match="windows"):
        method.values_of(np.zeros((3, 5, BANDS), np.float32))
    with pytest.raises(InputError, match="one or more, got none"):
        method.values_of(np.zeros((0, 4, BANDS), np.float32))
    mapping = Mapping(TARGET, np.zeros((2, 3), np.float32), np.zeros(2, np.float32))
    with pytest.raises(InputError, match="a bundle that gives 3 audio expressions, got 5 columns"):
        with_mapping(bundle, tmp_path / "a", mapping)
    one, short = (Motion(np.zeros((count, 5), np.float32), 25.0, code_space(CODES)) for count in (20, 5))
    with pytest.raises(InputError, match="two motions of the same take, got 20 and 5 frames"):
        fit_mapping([(one, short)])
    with pytest.raises(InputError, match="one pair or more"):
        fit_mapping([])
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path / "home"))
    with pytest.raises(AssetError, match=r"models/puppetry: no card\.json"):
        open_puppetry()
