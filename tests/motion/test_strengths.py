"""Sizes of lips and upper face, and smoothing: what they change, what they leave, live as offline."""

from dataclasses import replace

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.motion.articulation import lip_gap_cm
from personare.motion.layers import STILL
from personare.motion.mouth import REST_CM, measures_cm
from personare.motion.performance import Performance
from personare.motion.pieces import joined
from personare.motion.strengths import SmoothStream, Strengths, parts_of, with_strengths
from personare.spaces import ARKIT_52, SPACES, Space, numbered, space_named
from personare.types import Motion


@pytest.fixture(scope="module")
def sound():
    audio = personare.load("examples/hello.wav")
    return personare.Audio(audio.samples[:3 * audio.rate_hz], audio.rate_hz)


@pytest.fixture(scope="module")
def spoken(sound):
    return personare.animate(sound, fps=60)


def test_nothing_asked_for_is_the_motion_to_the_bit(sound, spoken):
    again = personare.animate(sound, fps=60, strengths=Strengths())
    assert np.array_equal(again.values, spoken.values)
    assert np.array_equal(again.head_pose, spoken.head_pose)
    assert with_strengths(spoken, Strengths()) is spoken


def test_lips_scale_the_gap_and_leave_eyes_and_brows(spoken):
    for lips in (0.5, 1.3):
        moved = with_strengths(spoken, Strengths(lips=lips))
        others = [name for name in ARKIT_52.columns if name.startswith(("eye", "brow", "nose"))]
        assert np.array_equal(moved.columns(others), spoken.columns(others))
        gap, new = lip_gap_cm(spoken) - REST_CM[0], lip_gap_cm(moved) - REST_CM[0]
        wide = gap > 0.5
        assert new[wide].mean() / gap[wide].mean() == pytest.approx(lips, abs=0.1 if lips < 1 else 0.25)
        assert new[gap <= 0].max() < 0.03
    shut = with_strengths(spoken, Strengths(lips=0))
    assert not shut.columns([ARKIT_52.columns[i] for i in parts_of(ARKIT_52).lips]).any()


def test_upper_face_scales_brows_and_nothing_else(spoken):
    ones = np.ones(len(spoken))
    brows = spoken.with_columns({"browInnerUp": 0.4 * ones, "cheekSquintLeft": 0.2 * ones})
    less = with_strengths(brows, Strengths(upper=0.5))
    np.testing.assert_allclose(less.column("browInnerUp"), 0.2, rtol=1e-6)
    np.testing.assert_allclose(less.column("cheekSquintLeft"), 0.1, rtol=1e-6)
    kept = [name for name in ARKIT_52.columns if name.startswith(("eyeBlink", "eyeLook", "jaw", "mouth"))]
    assert np.array_equal(less.columns(kept), brows.columns(kept))
    more = with_strengths(brows.with_columns({"browInnerUp": ones}), Strengths(upper=2))
    np.testing.assert_allclose(more.column("browInnerUp"), 1)


@pytest.mark.parametrize("name", ["a2f-68", "livelink-61", "ict-53", "facegood-116", "oculus-15", "mediapipe-52"])
def test_other_spaces_have_the_same_parts_as_arkit(name, spoken):
    space = space_named(name)
    other, _ = personare.convert(spoken, space)
    moved = with_strengths(other, Strengths(lips=0, upper=0))
    back, _ = personare.convert(moved, "arkit-52")
    assert np.abs(measures_cm(back) - REST_CM).max() < 0.05
    lids = [column for column in space.columns if column.lower().startswith(("eyeblink", "blink", "eye_blink"))]
    assert np.array_equal(moved.columns(lids), other.columns(lids))


def test_codes_are_split_by_a_share_or_refused():
    codes = Motion(np.random.default_rng(0).normal(size=(5, 76)).astype(np.float32), 25, "nvp-76")
    with pytest.raises(InputError, match=r"what of nvp-76 is upper face, since its columns are codes, got no face"):
        with_strengths(codes, Strengths(lips=1.2))
    with pytest.raises(InputError, match="a face with 64 columns"):
        with_strengths(codes, Strengths(lips=1.2, share=np.eye(64)))
    share = np.zeros((76, 76))
    share[0, 0], share[1, 1] = 1, 0.25
    moved = with_strengths(codes, Strengths(lips=2, upper=0, share=share)).values
    np.testing.assert_allclose(moved[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(moved[:, 1], 1.5 * codes.values[:, 1], rtol=1e-5)
    np.testing.assert_allclose(moved[:, 2:], 2 * codes.values[:, 2:], rtol=1e-5)


def test_joints_of_flame_are_told_by_name():
    codes = Motion(np.ones((2, 112), np.float32), 25, "flame-100")
    moved = with_strengths(codes, Strengths(lips=0.5, upper=2, share=np.zeros((112, 112))))
    assert (moved.columns(["jaw_x", "exp_003"]) == 0.5).all()
    assert (moved.columns(["neck_y", "left_eye_x"]) == 1).all()


@pytest.mark.parametrize("size", [160, 1234, 100_000])
def test_live_is_offline(size, sound):
    strengths = Strengths(lips=1.3, upper=0.7, smoothing_ms=70)
    whole = personare.animate(sound, strengths=strengths, emotion="joy:0.4")
    performance = Performance(from_hz=sound.rate_hz, strengths=strengths, emotion="joy:0.4")
    pieces = [performance.push(sound.samples[i:i + size]) for i in range(0, len(sound.samples), size)]
    live = joined([*pieces, performance.finish()])
    assert len(whole) == len(personare.animate(sound))
    np.testing.assert_allclose(live.values, whole.values, atol=1e-5)
    np.testing.assert_allclose(live.head_pose, whole.head_pose, atol=1e-5)


def test_look_ahead_is_declared_and_kept(sound):
    plain, smooth = (Performance(from_hz=16000, fps=50, layers=STILL, strengths=Strengths(smoothing_ms=ms))
                     for ms in (0, 90))
    assert smooth.look_ahead_s - plain.look_ahead_s == pytest.approx(0.08)
    rng = np.random.default_rng(0)
    curve = Motion(rng.uniform(size=(60, 52)).astype(np.float32), 50, "arkit-52")
    changed = curve.values.copy()
    changed[40:] = rng.uniform(size=(20, 52))
    streams = [SmoothStream(50, 90), SmoothStream(50, 90)]
    one, other = (joined([stream.push(motion), stream.finish()]).values for stream, motion in
                  zip(streams, (curve, Motion(changed, 50, "arkit-52")), strict=True))
    assert np.array_equal(one[:36], other[:36])
    assert not np.array_equal(one[36], other[36])


def test_smoothing_has_no_delay_and_keeps_a_ramp():
    ramp = Motion(np.repeat(np.linspace(0, 1, 50)[:, None], 76, axis=1).astype(np.float32), 25, "nvp-76")
    stream = SmoothStream(25, 200)
    smooth = joined([stream.push(ramp), stream.finish()]).values
    np.testing.assert_allclose(smooth[5:-5], ramp.values[5:-5], atol=1e-6)
    pulse = Motion(np.eye(1, 41, 20, dtype=np.float32).T @ np.ones((1, 76), np.float32), 100, "nvp-76")
    stream = SmoothStream(100, 100)
    row = joined([stream.push(pulse), stream.finish()]).values[:, 0]
    assert row.argmax() == 20
    assert row[15] == pytest.approx(row[20] / 2, rel=1e-3)
    assert row.sum() == pytest.approx(1, rel=1e-5)


def test_smoothing_calms_the_mouth_and_keeps_its_closures(sound, spoken):
    smooth = personare.animate(sound, fps=60, strengths=Strengths(smoothing_ms=100))
    gap, new = lip_gap_cm(spoken), lip_gap_cm(smooth)
    assert (new[gap <= 0.1] <= gap[gap <= 0.1] + 1e-6).all()
    assert (gap <= 0.1).sum() > 10
    apart = gap > 0.35
    assert np.abs(np.diff(new, 2))[apart[1:-1]].mean() < 0.6 * np.abs(np.diff(gap, 2))[apart[1:-1]].mean()


def test_a_face_of_codes_tells_its_upper_half(monkeypatch):
    from personare import transfer
    from personare.tracking import landmarks

    sona = personare.open_face("sona")
    points = np.zeros((478, 3))
    height = sona.neutral()[:, 1]
    lids, lips = (sona.shapes[sona.space.index(name)] for name in ("eyeBlinkLeft", "mouthPucker"))
    points[168, 1] = np.average(height, weights=np.linalg.norm(lids, axis=1)) - 0.005
    points[2, 1] = np.average(height, weights=np.linalg.norm(lips, axis=1)) + 0.02
    monkeypatch.setattr(landmarks, "face_landmarks", lambda face, model=None: points)
    share = transfer.upper_share(sona)
    for name, left in (("eyeBlinkLeft", 1), ("browInnerUp", 1), ("mouthPucker", 0), ("jawOpen", 0)):
        code = np.eye(len(sona.space))[sona.space.index(name)]
        moved, whole = (np.tensordot(row, sona.shapes, 1) for row in (code @ share, code))
        assert np.linalg.norm(moved - left * whole) < 0.15 * np.linalg.norm(whole), name


def test_codes_move_brows_and_lips_as_strong_as_asked(shared, monkeypatch):
    pytest.importorskip("mediapipe")
    monkeypatch.setenv("PERSONARE_FACE_LANDMARKER", str(shared / "data/face_landmarker/face_landmarker.task"))
    from personare.transfer import upper_share

    sona = personare.open_face("sona")
    codes = replace(sona, space=Space("codes", numbered("exp", len(sona.space))), correctives=(), joints=())
    values = np.zeros((1, len(sona.space)), np.float32)
    values[0, sona.space.indices(["jawOpen", "mouthFunnel", "browInnerUp", "eyeSquintLeft"])] = 0.5
    motion = Motion(values, 25, codes.space)
    moved = with_strengths(motion, Strengths(lips=0.5, upper=1.5, share=upper_share(codes)))
    before, after = (codes.mesh(one).vertices[0] - codes.neutral() for one in (motion, moved))
    for names, wanted in ((("browInnerUp", "eyeBlinkLeft"), 1.5), (("mouthPucker", "mouthRollLower"), 0.5)):
        reach = np.linalg.norm(sona.shapes[sona.space.indices(names)], axis=2).max(axis=0)
        near = reach > 0.5 * reach.max()
        assert (before[near] * after[near]).sum() / (before[near]**2).sum() == pytest.approx(wanted, abs=0.05)


def test_numbers_out_of_range_are_told():
    with pytest.raises(InputError, match=r"lips: expected a strength in 0\.\.2"):
        Strengths(lips=3)
    with pytest.raises(InputError, match=r"smoothing_ms: expected milliseconds in 0\.\.400"):
        Strengths(smoothing_ms=-1)
    with pytest.raises(InputError, match="a Strengths"):
        Performance(from_hz=16000, strengths=1.2)
    assert sum(parts_of(space) is None for space in SPACES.values()) >= 8
