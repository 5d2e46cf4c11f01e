"""Results of the Face Landmarker in every shape that programs save them in."""

import json
from dataclasses import replace

import numpy as np
import pytest

from personare import registry
from personare.errors import InputError
from personare.export import mediapipe
from personare.spaces import ARKIT_52, MEDIAPIPE_52
from personare.types import Take

NAMES = MEDIAPIPE_52.columns


def test_a_motion_comes_back_but_for_the_tongue_and_the_place(tmp_path, take):
    mediapipe.write(tmp_path / "a.json", take)
    back = mediapipe.read(tmp_path / "a.json")
    assert (back.space, back.fps) == (MEDIAPIPE_52, 30)
    shared_names = [name for name in NAMES if name in ARKIT_52.columns]
    assert np.abs(back.columns(shared_names) - take.motion.columns(shared_names)).max() < 1e-6
    assert not back.column("_neutral").any()
    pose = take.motion.head_pose
    assert np.abs(back.head_pose[:, :3, :3] - pose[:, :3, :3]).max() < 1e-6
    shift = pose[:, :3, 3] - np.median(pose[:, :3, 3], axis=0)
    assert np.abs(back.head_pose[:, :3, 3] - shift).max() < 1e-6


def test_written_is_the_form_of_the_web_interface(tmp_path, take):
    mediapipe.write(tmp_path / "a.json", take)
    document = json.loads((tmp_path / "a.json").read_text())
    frame = document["frames"][1]
    assert frame["timestamp_ms"] == pytest.approx(33.333)
    categories = frame["faceBlendshapes"][0]["categories"]
    assert [category["categoryName"] for category in categories] == list(NAMES)
    assert [category["index"] for category in categories] == list(range(52))
    matrix = np.array(frame["facialTransformationMatrixes"][0]["data"]).reshape(4, 4).T
    want = take.motion.head_pose[1].copy()
    want[:3, 3] *= 100
    assert np.abs(matrix - want).max() < 1e-5


def frame_of(value, *, style):
    categories = [{"category_name" if style == "python" else "categoryName": name, "score": value, "index": i}
                  for i, name in enumerate(NAMES)]
    return {"python": {"face_blendshapes": [categories], "timestamp_ms": None}, "list": categories,
            "plain": dict.fromkeys(NAMES, value), "web": {"faceBlendshapes": [{"categories": categories}]}}[style]


@pytest.mark.parametrize("style", ["python", "list", "plain", "web"])
@pytest.mark.parametrize("holder", [None, "frames", "results", "data"])
def test_every_form_is_recognised_and_read(tmp_path, style, holder):
    frames = [frame_of(value, style=style) for value in (0.25, 0.5, 0.75)]
    document = frames if holder is None else {"fps": 25, "model": {"any": [1]}, holder: frames}
    (tmp_path / "take.json").write_text(json.dumps(document))
    assert registry.format_to_read(tmp_path / "take.json") == "mediapipe"
    back = mediapipe.read(tmp_path / "take.json")
    assert (back.fps, back.head_pose) == (30 if holder is None else 25, None)
    assert np.array_equal(back.values, np.repeat([[0.25], [0.5], [0.75]], 52, axis=1))


def test_frames_without_a_face_keep_their_time(tmp_path):
    frames = [{"faceBlendshapes": []}, frame_of(0.2, style="web"), {"faceBlendshapes": []}, frame_of(0.4, style="web")]
    (tmp_path / "a.json").write_text(json.dumps(frames))
    assert mediapipe.read(tmp_path / "a.json").column("jawOpen") == pytest.approx([0.2, 0.2, 0.3, 0.4])


def test_archives_with_names_in_any_order(tmp_path, rng):
    order, values = rng.permutation(52), rng.random((9, 52)).astype(np.float32)
    matrices = np.tile(np.eye(4) * [1, 1, 1, 1], (9, 1, 1))
    matrices[:, 2, 3] = np.arange(9) - 40
    np.savez(tmp_path / "a.npz", blendshapes=values[:, order], blendshape_names=np.array(NAMES)[order],
             time=np.arange(9) / 25, detected=np.arange(9) != 4, head_matrix=matrices)
    assert registry.format_to_read(tmp_path / "a.npz") == "mediapipe"
    back = mediapipe.read(tmp_path / "a.npz")
    assert back.fps == 25
    assert np.allclose(np.delete(back.values, 4, 0), np.delete(values, 4, 0), atol=1e-6)
    assert np.allclose(back.values[4], (values[3] + values[5]) / 2, atol=1e-6)
    assert back.head_pose[:, 2, 3] == pytest.approx((np.arange(9) - 4) / 100, abs=1e-6)


@pytest.mark.parametrize(("text", "message"), [
    ("", "no bytes"), ("[]", "no frames"), ("{}", "no frames"), ("[1, 2]", "no frame with a face"), ("{", "truncated"),
    ('[{"faceBlendshapes": [{"categories": 3}]}]', "no frame with a face"), ('{"frames": 3}', "Expected"),
    ('[{"jawOpen": 1e39}]', "NaN or infinite"), ('[{"jawOpen": "1"}]', "no frame with a face"),
    ('[{"jawOpen": 1, "head_matrix": [1, 2]}]', "no 4 x 4 matrix"),
    ('[{"jawOpen": 1, "timestamp_ms": 5}, {"jawOpen": 1, "timestamp_ms": 5}]', "do not rise"),
    ('[{"jawOpen": 1, "head_matrix": [' + ",".join(["1e300"] * 16) + "]}]", "not finite|NaN"),
    ("[" + '{"a":' * 2000 + "1" + "}" * 2000 + "]", "recursion|no frame with a face"),
])
def test_broken_files_give_one_clear_error(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=f"(?i){message}") as caught:
        mediapipe.read(tmp_path / "a.json")
    assert str(caught.value).count(str(tmp_path)) == 1


@pytest.mark.parametrize("change", [{"time": np.zeros(2)}, {"blendshapes": np.zeros((3, 5))}, {"time": np.zeros(3)},
                                    {"head_matrix": np.zeros((3, 3))}, {"blendshapes": np.full((3, 52), np.inf)}])
def test_broken_archives_give_one_clear_error(tmp_path, change):
    np.savez(tmp_path / "a.npz", **({"blendshapes": np.zeros((3, 52)), "blendshape_names": np.array(NAMES)} | change))
    with pytest.raises(InputError):
        mediapipe.read(tmp_path / "a.npz")


def test_a_motion_without_arkits_names_is_refused(tmp_path, take):
    from personare.spaces import Space
    from personare.types import Motion

    with pytest.raises(InputError, match="expected columns with ARKit's names, got two"):
        mediapipe.write(tmp_path / "a.json", Take(Motion(np.zeros((1, 2)), 30, Space("two", ("a", "b")))))
    still = replace(take, motion=replace(take.motion, head_pose=None))
    mediapipe.write(tmp_path / "a.json", still)
    assert mediapipe.read(tmp_path / "a.json").head_pose is None


def test_real_tracks_are_read(shared):
    back = mediapipe.read(shared / "data/tracks/woman_24s.npz")
    assert (len(back), back.fps) == (607, 25)
    assert back.column("eyeBlinkLeft").max() > 0.5
    assert np.abs(back.head_pose[:, :3, 3]).max() < 0.2
