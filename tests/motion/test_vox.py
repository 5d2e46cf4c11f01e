"""The built-in model: rest in silence, whole equals chunked, its card, and real speech where there is some."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare import registry
from personare.assets import builtin_path
from personare.audio.mel import MelOptions
from personare.errors import AssetError
from personare.motion.lips import CURVE, CURVES, arkit_from_curves, constrain, curves_from_arkit, lip_gap_cm
from personare.motion.session import Pipeline, Session
from personare.motion.vox import VoxOptions, decode, open_vox
from personare.spaces import ARKIT_52
from personare.store import read_bundle

# Name, look-ahead in seconds, megabytes of the graph: the bars.
MODELS = {"vox": (0.160, 5.0), "vox-live": (0.040, 5.0), "vox-small": (0.160, 1.3), "vox-small-live": (0.040, 1.3)}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """Name and opened method of each built-in model."""
    return request.param, registry.load("motion", request.param)()


@pytest.fixture(scope="module")
def vox():
    return open_vox()


def motion_of(method, sound, fps=30.0, cuts=()):
    """(t, 52) of a sound pushed in the pieces that cuts make."""
    take = method.session(fps=fps)
    edges = [0, *sorted(cuts), len(sound)]
    pieces = [take.push(sound[a:b]).values for a, b in pairwise(edges)]
    return np.concatenate([*pieces, take.finish().values])


def babble(seconds, seed=0):
    """Voiced bursts with formants that wander: not speech, but it moves the mouth."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16000)) / 16000
    open_again = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * time)
    sound = sum(np.sin(2 * np.pi * 120 * h * time) * np.exp(-(((120 * h - f) / 250) ** 2))
                for f in (700, 1200, 2600) for h in range(1, 30))
    return (0.1 * open_again * sound + 0.001 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_silence_leaves_the_mouth_at_rest(model, fps):
    assert np.abs(motion_of(model[1], np.zeros(48000, np.float32), fps)).max() < 0.02


def test_noise_alone_leaves_the_mouth_at_rest(model):
    noise = 0.003 * np.random.default_rng(1).standard_normal(48000).astype(np.float32)
    jaw = motion_of(model[1], noise)[:, ARKIT_52.index("jawOpen")]
    # With little look-ahead it takes a moment to know that a sudden noise is no speech.
    assert jaw[:5].max() < 0.1
    assert jaw[5:].max() < 0.03


def test_open_vowels_open_the_mouth_and_pauses_close_it(model):
    sound = np.concatenate([np.zeros(16000, np.float32), babble(1.0), np.zeros(16000, np.float32)])
    jaw = motion_of(model[1], sound)[:, ARKIT_52.index("jawOpen")]
    assert jaw[30:60].max() > 0.1
    assert max(jaw[:24].max(), jaw[70:].max()) < 0.02


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 64000), max_size=8))
def test_chunks_of_any_size_give_the_same_motion(model, cuts):
    sound = babble(4.0)
    np.testing.assert_allclose(motion_of(model[1], sound, cuts=cuts), motion_of(model[1], sound), atol=1e-5)


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_look_ahead_is_as_declared(model, fps):
    name, method = model
    sound, reached = babble(3.0), False
    whole = motion_of(method, sound, fps)
    for frame in (int(1.35 * fps), int(1.43 * fps)):
        limit = frame / fps + method.session(fps=fps).look_ahead_s
        later, sooner = sound.copy(), sound.copy()
        later[int(np.ceil(limit * 16000)) + 1 :] *= -0.1
        sooner[int((limit - 0.02) * 16000) :] *= -0.1
        assert np.abs(motion_of(method, later, fps)[: frame + 1] - whole[: frame + 1]).max() < 1e-6
        reached |= np.abs(motion_of(method, sooner, fps)[frame] - whole[frame]).max() > 1e-6
    assert reached
    assert method.session(fps=fps).look_ahead_s <= MODELS[name][0]


def test_values_are_shares_and_twins_are_equal(vox):
    values = motion_of(vox, babble(2.0))
    assert values.min() >= 0
    assert values.max() <= 1
    left = values[:, ARKIT_52.index("mouthSmileLeft")]
    np.testing.assert_array_equal(left, values[:, ARKIT_52.index("mouthSmileRight")])


def test_cards_list_their_sources_and_graphs_are_small(model):
    name, method = model
    licences = {source["name"]: source["licence"] for source in method.card.sources}
    assert any("CC0" in licence for licence in licences.values())
    assert all(licences.values())
    assert (method.card.name, method.card.method) == (name, "vox")
    assert (builtin_path(name) / "model.onnx").stat().st_size < MODELS[name][1] * 1e6
    weights = set() if "small" in name else {"weights.safetensors"}
    assert set(read_bundle(builtin_path(name)).card.files) == {"model.onnx"} | weights


def test_openings_and_the_rest_have_factors_of_their_own():
    outputs = np.zeros((1, len(CURVES) + 3), np.float32)
    outputs[:, [CURVE["jawOpen"], CURVE["mouthPucker"]]] = 0.1
    outputs[:, len(CURVES) :] = -50
    options = VoxOptions(mel=MelOptions(), frames_before=0, frames_after=0, amplitude=1.2, opening=2.0)
    values = decode(outputs, options=options)
    assert values[0, ARKIT_52.index("jawOpen")] == pytest.approx(0.24)
    assert values[0, ARKIT_52.index("mouthPucker")] == pytest.approx(0.12)


def test_lips_go_to_rest_slowly_and_part_at_once():
    outputs = np.zeros((9, 21), np.float32)
    outputs[:, CURVE["jawOpen"]] = 0.3
    outputs[:, len(CURVES) :] = -30
    outputs[3:7, -1] = 30
    options = VoxOptions(mel=MelOptions(), frames_before=0, frames_after=0, rest_fade=2)
    jaw = decode(outputs, options=options)[:, ARKIT_52.index("jawOpen")]
    np.testing.assert_allclose(jaw, [0.3, 0.2, 0.1, 0, 0, 0.3, 0.3], atol=1e-6)


def test_lips_that_leave_rest_are_smoothed_less():
    outputs = np.zeros((10, 21), np.float32)
    outputs[:, CURVE["jawOpen"]] = 0.4
    outputs[:, len(CURVES) :] = -30
    outputs[:5, -1] = 30
    settings = {"mel": MelOptions(), "frames_before": 0, "frames_after": 0, "smoothing": (0.25, 0.25, 0.5)}
    jaw = {waking: decode(outputs, options=VoxOptions(**settings, waking=waking))[:, ARKIT_52.index("jawOpen")]
           for waking in (0.0, 0.5, 1.0)}
    np.testing.assert_allclose(jaw[0], [0, 0, 0, 0.2, 0.3, 0.4, 0.4, 0.4], atol=1e-6)
    np.testing.assert_allclose(jaw[0.5], [0, 0, 0, 0.3, 0.35, 0.4, 0.4, 0.4], atol=1e-6)
    np.testing.assert_allclose(jaw[1], [0, 0, 0, 0.4, 0.4, 0.4, 0.4, 0.4], atol=1e-6)


def test_smoothing_weighs_neighbours_in_order():
    outputs = np.zeros((4, len(CURVES) + 3), np.float32)
    outputs[1, CURVE["jawOpen"]] = 0.5
    outputs[:, len(CURVES) :] = -50
    options = VoxOptions(mel=MelOptions(), frames_before=0, frames_after=0, smoothing=(0.1, 0.7, 0.2),
                         smoothing_after=1)
    jaw = decode(outputs, options=options)[:, ARKIT_52.index("jawOpen")]
    np.testing.assert_allclose(jaw, [0.35, 0.05], atol=1e-6)


def test_smoothing_may_lead_and_does_not_overshoot():
    outputs = np.zeros((6, len(CURVES) + 3), np.float32)
    outputs[2:4, CURVE["jawOpen"]] = 0.8
    outputs[:, len(CURVES) :] = -50
    options = VoxOptions(mel=MelOptions(), frames_before=0, frames_after=0, smoothing=(-0.5, 0.25, 1.25))
    jaw = decode(outputs, options=options)[:, ARKIT_52.index("jawOpen")]
    np.testing.assert_allclose(jaw, [1, 1, 0, 0], atol=1e-6)


def test_lips_that_meet_do_not_pass_through_each_other():
    outputs = np.zeros((40, len(CURVES) + 3), np.float32)
    outputs[:, CURVE["jawOpen"]] = np.random.default_rng(0).uniform(0.1, 0.6, 40)
    outputs[:, len(CURVES) :] = -50
    outputs[10:14, len(CURVES)] = outputs[20:22, len(CURVES)] = 50
    options = VoxOptions(mel=MelOptions(), frames_before=0, frames_after=0, smoothing=(-0.4, 0.2, 1.2))
    gap = lip_gap_cm(curves_from_arkit(decode(outputs, options=options)))
    assert gap.min() > -1e-5
    assert gap[10] < 1e-4
    assert gap[5] > 0.3


def test_a_frame_of_a_take_stands_at_its_own_time_whatever_decoding_reaches():
    mel = MelOptions(rate_hz=120.0)
    options = VoxOptions(mel=mel, frames_before=0, frames_after=0, smoothing=(0.1, 0.1, 0.6, 0.2), smoothing_after=1,
                         rest_fade=3)

    def run(rows):
        outputs = np.full((len(rows) // 2, len(CURVES) + 3), -50, np.float32)
        outputs[:, : len(CURVES)] = 0
        outputs[:, CURVE["jawOpen"]] = rows[1::2].max(axis=1) > -5
        return outputs

    pipeline = Pipeline(mel=mel, run=run, decode=lambda outputs: decode(outputs, options=options), frames_before=0,
                        frames_after=0, reach_before=options.reach_before, reach_after=options.smoothing_after,
                        space="arkit-52")
    for at in (0, 1, 30, 59):
        sound = np.zeros(16000, np.float32)
        sound[max(round(at * 16000 / 60) - 60, 0) :][:120] = np.random.default_rng(0).normal(0, 0.5, 120)
        take = Session(pipeline, fps=60.0)
        jaw = np.concatenate([take.push(sound).values, take.finish().values])[:, ARKIT_52.index("jawOpen")]
        assert len(jaw) == 60
        assert np.argmax(jaw) == at


def test_a_changed_graph_is_refused(tmp_path):
    for path in builtin_path("vox").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with open(tmp_path / "model.onnx", "ab") as file:
        file.write(b"x")
    with pytest.raises(AssetError, match="differs from the hash on its card"):
        open_vox(tmp_path)


@pytest.mark.parametrize(("change", "told"), [
    ({"frames_before": None}, "frames_before"), ({"rounded_opening": 0.5}, "unknown setting rounded_opening"),
    ({"smoothing": [0.3, 0.3]}, "sum to 1"), ({"smoothing_after": 6}, "less than there are weights"),
    ({"rest_fade": -2}, "0 to 600 frames"), ({"waking": 2}, "0 to 1"), ({"gate_gain": [1, 0, 1]}, "above 0")])
def test_a_card_that_does_not_fit_is_refused(tmp_path, change, told):
    for path in builtin_path("vox").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    card = json.loads((tmp_path / "card.json").read_text())
    card["config"] = {name: value for name, value in (card["config"] | change).items() if value is not None}
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(AssetError, match=told):
        open_vox(tmp_path)


def test_lips_meet_wherever_the_gate_says_closed():
    free = np.random.default_rng(0).uniform(0, 0.3, (200, len(CURVES))).astype(np.float32)
    free[:, CURVE["jawOpen"]] += 0.1
    closed = constrain(free, np.tile(np.float32([1, 0, 0]), (200, 1)))
    np.testing.assert_allclose(lip_gap_cm(closed), 0, atol=1e-5)
    half = constrain(free, np.tile(np.float32([0.5, 0, 0]), (200, 1)))
    np.testing.assert_allclose(lip_gap_cm(half), np.maximum(lip_gap_cm(free), 0) / 2, atol=1e-5)


def test_gates_at_zero_change_nothing_and_rest_is_rest():
    free = np.random.default_rng(0).uniform(0, 1, (50, len(CURVES))).astype(np.float32)
    np.testing.assert_array_equal(constrain(free, np.zeros((50, 3), np.float32)), free)
    np.testing.assert_array_equal(constrain(free, np.tile(np.float32([0.3, 0.3, 1]), (50, 1))), 0)


def test_both_sides_follow_a_symmetric_curve():
    values = arkit_from_curves(np.eye(len(CURVES), dtype=np.float32))
    smile = values[CURVE["mouthSmile"]]
    assert [ARKIT_52.columns[i] for i in np.flatnonzero(smile)] == ["mouthSmileLeft", "mouthSmileRight"]
    assert (values.sum(axis=1) > 0).all()


def test_lips_close_on_p_b_m_of_real_speech(vox, shared):
    from personare.audio.load import load
    from personare.audio.resampling import resample

    audio = load(shared / "data/speech/ljspeech/LJ001-0002.flac")
    values = motion_of(vox, resample(audio, 16000).samples, fps=60.0)
    columns = [name if name in ARKIT_52.columns else f"{name}Left" for name in CURVES]
    symmetric = values[:, ARKIT_52.indices(columns)]
    gap = lip_gap_cm(symmetric)
    times = [line.split() for line in (shared / "bench/labels/LJ001-0002.lab").read_text().splitlines()]
    lips = [gap[int((float(a) - 0.03) * 60) : int((float(b) + 0.03) * 60) + 1].min() for a, b, p in times if p in "PBM"]
    assert np.mean(np.array(lips) < 0.17) >= 0.5
