"""Takes by diffusion: any pieces, one take; blocks go on from each other; seeds, styles and guidance matter."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import personare
from personare.audio.front_ends import features_of, open_front_end
from personare.audio.resampling import resample
from personare.errors import InputError
from personare.motion.blocks import BlockNetwork, Blocks
from personare.motion.codes import code_names, codes_of
from personare.motion.diffusion import alpha_bars, cosine_betas, sampling_times
from personare.motion.facetalk import FacetalkOptions, FacetalkSession, decoded, open_facetalk
from personare.motion.layers import STILL, Layers
from personare.motion.lips import CURVES, GATES, curves_from_arkit, lip_gap_cm
from personare.types import Audio

HELLO = Path(__file__).parents[2] / "examples" / "hello.wav"
NAMES = code_names("arkit-52", head=True)
BANDS, KNOWN, FRESH, REACH, WIDTH = 6, 3, 5, 2, 4
OVERLAP = 2
FRONT_END = open_front_end("mel", rate_hz=60.0, band_count=BANDS)
COLUMNS = ("jawOpen", "eyeBlinkLeft", "headYaw")
OPTIONS = FacetalkOptions(
    front_end="mel", front_end_options=FRONT_END.options, frame_hz=30.0, rows_per_frame=2, reach=REACH, known=KNOWN,
    fresh=FRESH, overlap=OVERLAP, columns=COLUMNS, means=(0.4, 0.2, 0.0), deviations=(0.1, 0.2, 0.05),
    space="arkit-52", steps=3)
TAPS = np.random.default_rng(5).normal(0, 0.05, (4 * REACH + 5, BANDS, WIDTH)).astype(np.float32)
INTO = np.random.default_rng(6).normal(0, 0.5, (WIDTH, 3)).astype(np.float32)


def hear(rows):
    """Tokens of frames: a map of the rows within reach, as a valid convolution gives them."""
    windows = np.lib.stride_tricks.sliding_window_view(rows[0], len(TAPS), axis=0)[::2]  # (t, c, w)
    return np.einsum("tcw,wcd->td", windows, TAPS)[None], None


def denoise(window, known, tokens, heard, time, style, strength):
    """Something that depends on everything, and on every frame of the window."""
    said = heard[:, None, None] * np.tanh(tokens @ INTO)
    around = window.mean(axis=1, keepdims=True) + 0.1 * known[..., None].mean(axis=1, keepdims=True)
    style = 0.3 * style[:, None, None].astype(np.float32)
    return (said * strength[:, None, None] + style + 0.4 * around + 0.2 * window).astype(np.float32)


NETWORK = BlockNetwork(hear, denoise)


def take(sound, cuts=(), *, options=OPTIONS, network=NETWORK, fps=30.0, **own):
    session = FacetalkSession(Blocks(network, options, **own), options, FRONT_END, fps=fps)
    pieces = [session.push(piece) for piece in np.split(sound, cuts)] + [session.finish()]
    assert len(session.finish()) == 0
    return np.concatenate([piece.values for piece in pieces]), pieces, session


@pytest.fixture
def sound(rng):
    return (0.1 * rng.standard_normal(26001)).astype(np.float32)


@pytest.mark.parametrize("fps", [30.0, 60.0, 25.0])
def test_any_pieces_give_the_same_take(sound, fps, rng):
    whole, pieces, _ = take(sound, fps=fps)
    assert len(whole) == int(np.ceil(len(sound) / 16000 * fps))
    assert pieces[-1].head_pose is not None
    for cuts in ([1, 700], np.sort(rng.integers(0, len(sound), 60))):
        found, given, _ = take(sound, cuts, fps=fps)
        np.testing.assert_allclose(found, whole, atol=1e-6)
        assert sum(map(len, given[:-1])) > 20
    assert whole[:, 17].std() > 0.01


def test_a_take_equals_a_plain_loop_over_blocks(sound):
    """All rows at hand, blocks in a row, DDIM's words."""
    options = replace(OPTIONS, order=1, guidance=2.0)
    rows = features_of(FRONT_END, Audio(sound, 16000)).values
    silent = FRONT_END.silent_row()

    def row(i):
        return rows[i] if 0 <= i < len(rows) else silent

    def token(frame):
        return sum(row(2 * frame + j - 2 * REACH - 2) @ TAPS[j] for j in range(len(TAPS)))

    left, before, draft, expected = alpha_bars(cosine_betas()), None, None, []
    times = sampling_times(3)
    for start in range(0, 60, FRESH - OVERLAP):
        frames = range(start - KNOWN, start + FRESH)
        tokens = np.stack([token(frame) for frame in frames])[None].astype(np.float32)
        x = np.stack([np.random.default_rng([4, 11, frame]).standard_normal(3, np.float32) for frame in frames[KNOWN:]])
        flags = np.float32([[-1 if before is None else 1] * KNOWN + [0] * FRESH])
        kept = np.zeros((KNOWN, 3), np.float32) if before is None else before
        for i, time in enumerate(times):
            answers = [denoise(np.concatenate([kept, x])[None].astype(np.float32), flags, tokens, np.float32([heard]),
                               np.array([time]), np.array([2]), np.float32([1.1]))[0, KNOWN:] for heard in (1, 0)]
            clean = answers[1] + 2 * (answers[0] - answers[1])
            if i + 1 < len(times):
                drawn = (x - np.sqrt(left[time]) * clean) / np.sqrt(1 - left[time])
                x = np.sqrt(left[times[i + 1]]) * clean + np.sqrt(1 - left[times[i + 1]]) * drawn
        if draft is not None:
            clean[0], clean[1] = (2 * draft[0] + clean[0]) / 3, (draft[1] + 2 * clean[1]) / 3
        before, draft = clean[: FRESH - OVERLAP][-KNOWN:], clean[FRESH - OVERLAP :]
        expected.append(0.4 + 0.1 * clean[: FRESH - OVERLAP, 0])
    found = take(sound, options=options, seed=4, style=2, strength=1.1)[0][:, 17]
    assert len(found) == 49
    np.testing.assert_allclose(found, np.concatenate(expected)[:49], atol=1e-4)


def test_smoothing_is_a_mean_of_neighbours(sound):
    plain, smooth = (take(sound[:24000], cuts=(5000, 5001), options=replace(OPTIONS, smoothing=share))[0][:, 17]
                     for share in (0, 0.2))
    before = np.concatenate([plain[:1], plain[:-1]])
    assert len(smooth) == len(plain) == 45
    np.testing.assert_allclose(smooth[:-1], 0.2 * before[:-1] + 0.6 * plain[:-1] + 0.2 * plain[1:], atol=1e-6)


@pytest.mark.parametrize("share", [0, 0.2])
def test_no_frame_hears_further_than_declared(sound, share):
    options = replace(OPTIONS, smoothing=share)
    whole, _, session = take(sound, options=options)
    frames = FRESH + REACH + (share > 0)
    assert session.look_ahead_s == pytest.approx(frames / 30 + FRONT_END.look_ahead_s)
    for frame in (2, 3, 9, 27):
        changed = sound.copy()
        first = int((frame / 30 + session.look_ahead_s) * 16000) + 1
        changed[first:] = 0.5
        found = take(changed, options=options)[0]
        np.testing.assert_array_equal(found[: frame + 1], whole[: frame + 1])
        assert np.abs(found - whole).max() > 1e-3


def test_seeds_styles_strength_and_guidance(sound):
    whole = take(sound)[0]
    np.testing.assert_array_equal(take(sound)[0], whole)
    other = [take(sound, seed=1)[0], take(sound, style=1)[0], take(sound, strength=1.4)[0],
             take(sound, options=replace(OPTIONS, guidance=3.0))[0]]
    for one in other:
        assert np.abs(one - whole)[:, 17].mean() > 0.003
    assert len({one.tobytes() for one in other}) == 4


def test_noise_of_a_frame_depends_on_its_number_alone():
    given = []

    def listening(window, *rest):
        given.append(window[0, KNOWN:].copy())
        return np.zeros_like(window)

    take(np.zeros(12000, np.float32), network=BlockNetwork(hear, listening), seed=9)
    noise = given[:: OPTIONS.steps]
    assert np.std(noise) == pytest.approx(1, abs=0.2)
    np.testing.assert_array_equal(noise[0][FRESH - OVERLAP :], noise[1][:OVERLAP])
    assert len(np.unique(np.concatenate([noise[0], noise[1][OVERLAP:]]))) == 3 * (2 * FRESH - OVERLAP)


def test_sound_of_no_length_gives_one_frame():
    assert take(np.zeros(0, np.float32))[0].shape == (1, 52)


def test_values_are_held_and_lips_meet():
    gates = np.zeros((4, len(GATES)), np.float32)
    gates[:, 0], gates[:, 1:] = (-9, 0, 9, 9), -30
    codes = np.float32([[9, 9, 9], [-9, -9, -9], [0, 0, 0], [4, 0, 0]])
    options = replace(OPTIONS, lowest=0.0, highest=1.0, contact=True)
    values = decoded(codes, gates, options)
    assert options.names[52:] == ("headYaw",)
    assert values[:, :52].min() >= 0
    assert values[:, :52].max() <= 1
    np.testing.assert_allclose(values[:, 52], 0.05 * codes[:, 2], rtol=1e-6)
    gap = lip_gap_cm(curves_from_arkit(values[:, :52]))
    assert gap[0] > 1
    assert abs(gap[2:]).max() < 0.01
    np.testing.assert_allclose(values[2:, 0], 0.2, atol=1e-6)
    assert curves_from_arkit(np.ones((1, 52), np.float32)).tolist() == [[1] * len(CURVES)]
    free = decoded(codes, None, OPTIONS)
    np.testing.assert_allclose(free[0, 17], 0.4 + 0.9, rtol=1e-6)


def test_misuse_is_refused(sound):
    session = FacetalkSession(Blocks(NETWORK, OPTIONS), OPTIONS, FRONT_END, fps=30)
    with pytest.raises(InputError, match=r"samples: expected shape \(n,\)"):
        session.push(np.zeros((2, 2), np.float32))
    session.finish()
    with pytest.raises(InputError, match=r"no sound after finish\(\)"):
        session.push(sound)


@pytest.fixture(scope="module")
def spoken():
    """Function: what the built-in model does with hello.wav, as codes; made once for the same options."""
    audio, made = personare.load(HELLO), {}

    def animated(**options):
        key = repr(options)
        if key not in made:
            made[key] = personare.animate(audio, model="facetalk", **options)
        return made[key]

    return animated


def test_the_built_in_model_is_another_take_for_every_seed(spoken):
    takes = [codes_of(spoken(layers=Layers(seed=seed)), NAMES) for seed in (0, 1, 2)]
    again = personare.animate(personare.load(HELLO), model="facetalk", layers=Layers(seed=1))
    np.testing.assert_array_equal(codes_of(again, NAMES), takes[1])
    for names, least, most in ((("jawOpen",), 0.0, 0.5), (("headYaw", "headPitch", "headRoll"), 0.3, 9)):
        index = [NAMES.index(name) for name in names]
        differ = np.mean([np.abs(takes[i] - takes[j])[:, index].mean() for i, j in ((0, 1), (0, 2), (1, 2))])
        assert least < differ / np.std(takes, axis=1)[:, index].mean() < most
    assert np.corrcoef(takes[0][:, NAMES.index("jawOpen")], takes[1][:, NAMES.index("jawOpen")])[0, 1] > 0.8


def test_the_built_in_model_joins_its_blocks_and_shuts_its_lips(spoken):
    method = open_facetalk()
    assert method.card.licence == "MIT"
    assert method.styles == ("calm", "lively")
    codes = np.concatenate([codes_of(spoken(layers=Layers(seed=seed)), NAMES) for seed in (0, 1, 2)])
    each, every = len(codes) // 3, method.options.fresh - method.options.overlap
    speed = np.abs(np.diff(codes, axis=0))[:, codes.std(axis=0) > 1e-3]
    number = np.arange(len(speed)) % each
    joins, inside = (number % every == every - 1) & (number < each - 1), number < each - 1
    ratio = speed[joins].mean(axis=0) / speed[inside & ~joins].mean(axis=0)
    assert ratio.mean() < 1.4
    values = spoken(layers=STILL).values
    assert values.min() >= 0
    assert values.max() <= 1
    assert lip_gap_cm(curves_from_arkit(values)).min() < 0.02
    assert not spoken(layers=STILL).columns(("eyeBlinkLeft", "browInnerUp")).any()


def test_the_built_in_model_takes_pieces_and_styles(spoken):
    sound = resample(personare.load(HELLO), 16000).samples
    session = open_facetalk().session(style="lively", seed=3)
    pieces = [session.push(piece).values for piece in np.array_split(sound, 37)]
    found = np.concatenate([*pieces, session.finish().values])
    whole = open_facetalk().session(style="lively", seed=3)
    whole = np.concatenate([whole.push(sound).values, whole.finish().values])
    np.testing.assert_allclose(found, whole, atol=1e-5)
    calm = spoken(layers=Layers(seed=3), style="calm")
    assert np.abs(calm.values - found[: len(calm)]).mean() > 1e-3
    with pytest.raises(InputError, match="style: expected one of calm, lively, got 'wild'"):
        personare.animate(personare.load(HELLO), model="facetalk", style="wild")
