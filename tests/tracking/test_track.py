"""The tracker on real videos and stills, with MediaPipe; and its command."""

import numpy as np
import pytest

import personare
from personare.cli import app
from personare.errors import InputError
from personare.tracking.anchors import anchored
from personare.tracking.landmarks import OVAL
from personare.tracking.preview import write_preview
from personare.tracking.track import personal, track, track_picture
from personare.tracking.video import video_info


@pytest.fixture(scope="module")
def model(shared):
    """The landmarker's model file, with the library there."""
    pytest.importorskip("mediapipe", reason="needs the extra track")
    return shared / "data" / "face_landmarker" / "face_landmarker.task"


@pytest.fixture(scope="module")
def head(model):
    return anchored(personare.open_face("sona"), model=model)


@pytest.fixture(scope="module")
def clip(shared, model):
    """(path, Track) of three seconds of somebody who speaks."""
    path = shared / "data" / "videos" / "grid_bbaf2n.mpg"
    return path, track(path, model=model)


def still(path):
    import av

    with av.open(str(path)) as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def test_anchors_lie_where_the_features_are(head):
    face = head.face
    at = {name: head.rest[head.of([i])[0]] for name, i in (("left", 263), ("right", 33), ("nose", 1), ("chin", 152),
                                                         ("upper", 13), ("lower", 14))}
    assert at["left"][0] > 0.03
    assert at["right"][0] < -0.03
    assert abs(at["nose"][0]) < 0.005
    assert at["chin"][1] < at["lower"][1] < at["nose"][1] < at["left"][1]
    opened = head.moved((head.columns == face.space.index("jawOpen"))[None].astype(float))[0]
    gap = np.linalg.norm(opened[head.of([13])[0]] - opened[head.of([14])[0]])
    assert 0.015 < gap < 0.06
    assert len(head.index) > 470


def test_a_real_clip_is_met(clip, head):
    _, found = clip
    assert len(found) == 75
    assert found.seen.all()
    fitted = found.camera.project(head.at(found.face.mesh(found.motion).vertices))[..., :2]
    there = found.landmarks[:, head.index, :2]
    eyes = np.linalg.norm(found.landmarks[:, 33] - found.landmarks[:, 263], axis=-1)[:, None]
    inner = np.setdiff1d(np.arange(len(head.index)), head.of(OVAL))
    off = np.linalg.norm(fitted - there, axis=-1)[:, inner] / eyes
    assert np.median(off) < 0.015
    upper, lower = head.of([13])[0], head.of([14])[0]
    gaps = [np.linalg.norm(points[:, upper] - points[:, lower], axis=-1) for points in (fitted, there)]
    assert np.corrcoef(gaps)[0, 1] > 0.95
    turn = found.motion.head_pose[:, :3, :3]
    np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.tile(np.eye(3), (75, 1, 1)), atol=1e-5)
    assert (turn[:, 2, 2] > 0.9).all()


def test_the_person_opens_and_closes_the_mouth_as_sona_does(clip):
    _, found = clip
    assert found.face.space == personare.open_face("sona").space
    assert np.linalg.norm(found.face.rest - personare.open_face("sona").rest, axis=1).max() < 0.05
    assert (found.face.head_weight == 1).all()


def test_a_preview_has_the_length_of_the_video(clip, tmp_path):
    path, found = clip
    shown = write_preview(found, path, tmp_path / "p.mp4")
    assert video_info(shown).count == 75
    assert video_info(shown).size == (720, 288)


def test_a_photo_is_a_track_of_one_frame(shared, model):
    picture = still(shared / "data" / "portraits" / "macron.png")
    found = track_picture(picture, model=model)
    assert len(found) == 1
    assert found.camera.size == picture.shape[1::-1]


def test_no_face_is_said(shared, model):
    with pytest.raises(InputError, match="a face that looks towards the camera"):
        track(shared / "data" / "videos" / "liveportrait_s13_tiny_face.mp4", model=model)
    picture = still(shared / "data" / "portraits" / "noface_cat_s41.jpg")
    with pytest.raises(InputError, match="crop the picture"):
        track_picture(picture, model=model)


def test_a_rest_without_offsets_is_the_face_itself(head):
    same = personal(head, np.zeros_like(head.rest))
    np.testing.assert_array_equal(same.rest, head.face.rest)


def test_the_command_writes_takes_and_resumes(shared, model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PERSONARE_FACE_LANDMARKER", str(model))
    clips = [str(shared / "data" / "videos" / f"{name}.mpg") for name in ("grid_brbk7n", "grid_sbwe5n")]
    words = ["track", *clips, "-o", f"{tmp_path}/", "-f", "npz,csv,glb"]
    assert app(words, standalone_mode=False) in (None, 0)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{end}" for name in ("grid_brbk7n", "grid_sbwe5n")
                                                        for end in ("npz", "csv", "glb")}
    assert len(personare.read_motion(tmp_path / "grid_brbk7n.npz")) == 75
    assert abs(personare.read_motion(tmp_path / "grid_brbk7n.csv").duration_s - 3) < 0.05
    before = (tmp_path / "grid_brbk7n.csv").stat().st_mtime_ns
    assert app([*words, "--resume"], standalone_mode=False) in (None, 0)
    assert (tmp_path / "grid_brbk7n.csv").stat().st_mtime_ns == before

