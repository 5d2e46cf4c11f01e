"""Emotion: what may be said, when it shows, what it leaves alone."""

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.motion.articulation import lip_gap_cm
from personare.motion.emotion import Emotion, EmotionTrack, blend, emotion_of, pose_of, read_emotions
from personare.motion.expressions import EMOTIONS, POSES, manners
from personare.motion.layers import STILL, Layers, LayerStream
from personare.motion.lips import CURVE, CURVES, arkit_from_curves, constrain
from personare.motion.mouth import REST_CM
from personare.spaces import ARKIT_52, Space
from personare.types import Motion

SEVEN = ("joy", "sadness", "anger", "surprise", "disgust", "fear")
A2F = ("amazement", "anger", "cheekiness", "disgust", "fear", "grief", "joy", "outofbreath", "pain", "sadness")


def speaking(rng, frames=200):
    """Random mouths of which every fourth is a closure, every fourth a labiodental, every fourth rest."""
    free = rng.uniform(0, 0.4, (frames, len(CURVES)))
    free[:, CURVE["mouthClose"]] = 0
    free[:, CURVE["jawOpen"]] += 0.1
    gates = np.eye(4)[np.arange(frames) % 4][:, :3]
    values = arkit_from_curves(constrain(free.astype(np.float32), gates.astype(np.float32)))
    return Motion(values, 30.0, "arkit-52")


def still_face(frames=90):
    return Motion(np.zeros((frames, 52), np.float32), 30.0, "arkit-52")


def full(name, frames):
    """(frames, e) strengths of one emotion."""
    return np.tile(np.eye(len(EMOTIONS))[EMOTIONS.index(name)], (frames, 1))


def test_every_emotion_of_the_field_is_there():
    assert set(SEVEN) | set(A2F) <= set(EMOTIONS)


def test_all_ways_to_say_it_mean_the_same():
    wanted = Emotion(((0, {"joy": 0.5, "surprise": 0.3}),))
    assert emotion_of("joy:0.5,surprise:0.3") == emotion_of("happy:.5, surprised:0.3") == wanted
    assert emotion_of({"joy": 0.5, "surprise": 0.3}) == wanted
    assert emotion_of("joy") == Emotion(((0, {"joy": 1.0}),))
    assert emotion_of(None) == Emotion(())
    assert emotion_of("neutral") == Emotion(((0, {}),))


@pytest.mark.parametrize(("value", "message"), [
    ("suprise", r"emotion: expected one of neutral, joy.*did you mean 'surprise'"),
    ("joy:much", r"emotion: expected NAME:STRENGTH, as in joy:0.7, got 'joy:much'"),
    ({"joy": 1.5}, r"joy: expected a strength in 0..1, got 1.5"),
    (7, r"emotion: expected an Emotion, a text"),
    (float("nan"), r"emotion: expected an Emotion"),
])
def test_wrong_words_are_answered_in_one_line(value, message):
    with pytest.raises(InputError, match=message):
        emotion_of(value)


def test_times_must_rise():
    with pytest.raises(InputError, match=r"keys: expected rising times, got 1 s after 2 s"):
        Emotion(((2, {"joy": 1}), (1, {})))
    with pytest.raises(InputError, match=r"time: expected seconds >= 0, got nan"):
        Emotion(((float("nan"), {"joy": 1}),))


def test_both_layouts_of_csv_are_read(tmp_path):
    ours, theirs = tmp_path / "ours.csv", tmp_path / "a2f.csv"
    ours.write_text("time,joy,surprise\n0,0.8,0\n1,0.8,0\n2.5,0.2,0.6\n\n4,0,\n")
    theirs.write_text(",time_code,emotion_values.amazement,emotion_values.joy\n0,0.0,0.0,0.8\n1,0.5,0.4,0.8\n")
    assert read_emotions(ours) == Emotion(((0, {"joy": 0.8, "surprise": 0}), (2.5, {"joy": 0.2, "surprise": 0.6}),
                                           (4, {"joy": 0})))
    assert emotion_of(str(theirs)) == Emotion(((0, {"joy": 0.8, "amazement": 0}),
                                               (0.5, {"joy": 0.8, "amazement": 0.4})))


@pytest.mark.parametrize(("text", "message"), [
    ("joy\n1\n", r"a header 'time,joy,...'"),
    ("time,joy\nsoon,1\n", r"line 2: 'soon,1'"),
    ("time,glee\n0,1\n", r"one of neutral"),
    ("time,joy\n0,nan\n", r"a strength in 0..1, got nan"),
    ("time,joy\n1,1\n0,0\n", r"rising times"),
    ("\0\0", r"header|csv"),
])
def test_damaged_files_are_refused(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        print(read_emotions(tmp_path / "x.csv").keys)


def test_curves_of_emotions_are_keys():
    curves = Motion([[0.5, 0], [0.5, 0], [0.5, 1.5]], 2.0, Space("moods", ("joy", "anger")))
    assert emotion_of(curves) == Emotion(((0, {"joy": 0.5, "anger": 0}), (1, {"joy": 0.5, "anger": 1})))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="expected a file, got nothing there"):
        emotion_of(tmp_path / "none.csv")


def test_changes_are_smooth_and_end_where_they_should():
    track = EmotionTrack(Emotion(((0, {"joy": 1}), (1, {"sadness": 0.5}), (4, {})), transition_s=0.5))
    time_s = np.arange(0, 6, 1 / 60)
    joy, sadness = track.strengths(time_s)[:, [EMOTIONS.index("joy"), EMOTIONS.index("sadness")]].T
    assert joy[0] == joy[59] == 1
    assert joy[time_s > 1.6].max() == 0
    assert sadness[(time_s > 2.2) & (time_s < 4)].min() == pytest.approx(0.5)
    assert sadness[-1] == pytest.approx(0, abs=1e-12)
    assert np.abs(np.diff(joy)).max() < 0.08


def test_pieces_equal_the_whole_and_feel_equals_a_key(rng):
    motion = speaking(rng, 240)
    emotion = Emotion(((0, {"fear": 0.4}), (2, {"joy": 1}), (5, {"anger": 0.6})))
    whole = LayerStream(30.0, Layers(seed=3), emotion=emotion, articulation=1.2).apply(motion)
    stream = LayerStream(30.0, Layers(seed=3), emotion=Emotion(((0, {"fear": 0.4}),)), articulation=1.2)
    parts, at = [], 0
    while at < len(motion):
        size = min(int(rng.integers(1, 40)), *(stop - at for stop in (60, 150, 240) if stop > at))
        parts.append(stream.apply(motion.frames(at, at + size)))
        at += size
        if at in (60, 150):
            stream.feel({"joy": 1} if at == 60 else {"anger": 0.6})
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), whole.values)
    np.testing.assert_array_equal(np.concatenate([p.head_pose for p in parts]), whole.head_pose)


@pytest.mark.parametrize("name", EMOTIONS)
def test_lips_that_met_meet_and_weights_stay_weights(rng, name):
    motion = speaking(rng)
    felt = blend(motion, pose_of(full(name, len(motion)), np.arange(len(motion)) / 30, seed=1,
                                 activity=np.ones(len(motion))))
    assert felt.values.min() >= 0
    assert felt.values.max() <= 1
    before, after = lip_gap_cm(motion), lip_gap_cm(felt)
    assert (after[::4] < 1e-5).all()  # p b m
    assert (after[1::4] < before[1::4] + 0.02).all()  # f v
    assert (after[2::4] < REST_CM[0] + 1e-5).all()  # rest
    assert (np.maximum(after, 0) - np.maximum(before, 0)).max() < 0.31


def test_emotions_differ_from_each_other_and_from_rest():
    poses = pose_of(np.eye(len(EMOTIONS)), np.zeros(len(EMOTIONS)), seed=0, activity=np.zeros(len(EMOTIONS)))
    distance = np.linalg.norm(poses[:, None] - poses[None], axis=-1)
    assert distance[~np.eye(len(EMOTIONS), dtype=bool)].min() > 0.3
    assert np.linalg.norm(poses, axis=1).min() > 0.5


@pytest.mark.parametrize(("name", "shapes"), [
    ("joy", ("mouthSmileLeft", "cheekSquintRight")), ("sadness", ("browInnerUp", "mouthFrownLeft")),
    ("anger", ("browDownLeft", "eyeSquintRight")), ("surprise", ("browOuterUpLeft", "eyeWideRight")),
    ("disgust", ("noseSneerLeft", "browDownRight")), ("fear", ("browInnerUp", "mouthStretchLeft")),
])
def test_poses_show_their_action_units(name, shapes):
    row = POSES[EMOTIONS.index(name)]
    assert all(row[ARKIT_52.index(shape)] >= 0.4 for shape in shapes)


def test_it_wavers_and_is_a_little_uneven():
    time_s = np.arange(900) / 30
    pose = pose_of(full("joy", 900), time_s, seed=5, activity=np.zeros(900))
    left, right = (pose[:, ARKIT_52.index(f"mouthSmile{side}")] for side in ("Left", "Right"))
    assert 0.02 < left.std() / left.mean() < 0.2
    assert 1.01 < left.mean() / right.mean() < 1.2
    assert np.abs(np.diff(left)).max() < 0.02


def test_smiles_give_way_to_rounded_lips():
    motion = still_face(2).with_columns({"mouthPucker": [0, 1]})
    felt = blend(motion, np.tile(POSES[EMOTIONS.index("joy")], (2, 1)))
    assert felt.column("mouthSmileLeft")[1] < 0.5 * felt.column("mouthSmileLeft")[0]


def test_manner_moves_the_head_as_the_mood_goes(rng):
    motion = speaking(rng, 900)
    pitch = {name: np.arctan2(-pose[:, 1, 2], pose[:, 2, 2]).mean() for name in ("neutral", "sadness", "surprise")
             for pose in [LayerStream(30.0, Layers(seed=2), emotion=name).apply(motion).head_pose]}
    assert pitch["sadness"] > pitch["neutral"] + np.radians(3) > pitch["surprise"] + np.radians(4)
    manner = manners(np.eye(len(EMOTIONS)))
    assert manner.blinks[EMOTIONS.index("anger")] < 1 < manner.blinks[EMOTIONS.index("fear")]
    assert (manners(np.zeros((1, len(EMOTIONS)))).tempo == 1).all()


def test_a_still_face_shows_emotion_without_head(rng):
    felt = LayerStream(30.0, STILL, emotion="joy").apply(speaking(rng, 60))
    assert felt.head_pose is None
    assert felt.column("mouthSmileLeft").min() > 0.2


def test_other_spaces_pass_untouched_or_say_why():
    motion = Motion(np.zeros((3, 15), np.float32), 30.0, "oculus-15")
    assert LayerStream(30.0, Layers()).apply(motion) is motion
    with pytest.raises(InputError, match="ARKit-52 shapes, got oculus-15"):
        LayerStream(30.0, Layers(), emotion="joy").apply(motion)


def test_animate_takes_emotion_and_articulation(tmp_path, rng):
    sound = personare.Audio((0.1 * rng.normal(size=16000) * np.sin(np.arange(16000) / 900)).astype(np.float32), 16000)
    (tmp_path / "mood.csv").write_text("time,joy\n0,1\n")
    plain, clear, happy, filed = (personare.animate(sound, layers=STILL, **options) for options in (
        {}, {"articulation": 1.6}, {"emotion": "joy"}, {"emotion": tmp_path / "mood.csv"}))
    assert happy.column("mouthSmileLeft").mean() > plain.column("mouthSmileLeft").mean() + 0.2
    np.testing.assert_array_equal(filed.values, happy.values)
    assert clear.column("jawOpen").max() > 1.3 * plain.column("jawOpen").max() > 0
    np.testing.assert_array_equal(
        personare.animate(sound, layers=STILL, emotion=personare.Emotion(()), articulation=1).values, plain.values)
