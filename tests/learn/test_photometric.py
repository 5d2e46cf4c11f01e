"""Rendered footage, whose truth is known: a track that is off comes back to it."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

import personare  # noqa: E402
from personare.errors import InputError  # noqa: E402
from personare.learn.face_crops import plan_of  # noqa: E402
from personare.learn.photometric import PhotometricOptions, refine, refine_pictures  # noqa: E402
from personare.learn.posed_face import bumps_over, posed_face  # noqa: E402
from personare.learn.shading import turns  # noqa: E402
from personare.rendering.camera import frame_face  # noqa: E402
from personare.rendering.frames import render_frames  # noqa: E402
from personare.tracking.files import read_track, write_track  # noqa: E402
from personare.types import Motion, Track  # noqa: E402

FRAMES, FPS = 8, 25
QUICK = PhotometricOptions(steps=(10, 8), finest=96, bumps=20)


def posed(rotation, place):
    """(t, 4, 4) head poses of vectors (t, 3) and places (t, 3)."""
    pose = np.tile(np.eye(4, dtype=np.float32), (len(rotation), 1, 1))
    pose[:, :3, :3] = turns(torch.tensor(rotation)).numpy()
    pose[:, :3, 3] = place
    return pose


@pytest.fixture(scope="module")
def filmed():
    """A person who speaks and turns: true Track and pictures."""
    face = personare.open_face("sona/mara")
    face = replace(face, head_weight=np.ones_like(face.head_weight))
    time = np.arange(FRAMES) / FPS
    curves = {"jawOpen": 0.25 + 0.2 * np.sin(12 * time), "mouthSmileLeft": 0.3 * time * 3, "mouthSmileRight": time,
              "browInnerUp": 0.4 - time, "mouthFunnel": 0.2 + 0.2 * np.cos(9 * time)}
    motion = Motion(np.zeros((FRAMES, len(face.space))), FPS, face.space).with_columns(curves)
    pose = posed(np.stack([0.05 * np.sin(5 * time), 0.8 * time - 0.1, 0 * time], 1),
                 np.stack([0.003 * np.sin(4 * time), 0 * time, 0 * time], 1))
    motion, camera = replace(motion, head_pose=pose), frame_face(face, (200, 200))
    track = Track(face, motion, camera, time, np.zeros((FRAMES, 0, 3)), np.ones(FRAMES, bool), cuts=(0,))
    return track, list(render_frames(face, motion, camera=camera, threads=1))


def shaken(track, rng):
    """The track with errors that differ from frame to frame."""
    motion = track.motion
    columns = [i for i, name in enumerate(motion.space.columns) if not name.startswith("eye")]
    values = motion.values.copy()
    values[:, columns] = np.clip(values[:, columns] + rng.normal(0, 0.05, (FRAMES, len(columns))), 0, 1)
    pose = posed(rng.normal(0, 0.012, (FRAMES, 3)), np.zeros((FRAMES, 3))) @ motion.head_pose
    pose[:, :3, 3] += rng.normal(0, 0.0015, (FRAMES, 3)) * [1, 1, 3]
    return replace(track, motion=Motion(values, FPS, motion.space, pose))


def strayed(track, true):
    """Mean error of the moving face's vertices, in pixels and in metres, about its mean over the frames."""
    part = posed_face(true.face).source.numpy()
    found, wanted = (one.face.mesh(one.motion).vertices[:, part] for one in (track, true))
    apart = (true.camera.project(found) - true.camera.project(wanted))[..., :2]
    return (np.linalg.norm(apart - apart.mean(0), axis=-1).mean(), np.linalg.norm(apart, axis=-1).mean(),
            np.linalg.norm(found - wanted, axis=-1).mean())


def test_a_shaken_track_comes_back_to_the_truth(filmed):
    true, pictures = filmed
    seen = []
    off = shaken(true, np.random.default_rng(1))
    found = refine_pictures(off, lambda: iter(pictures), options=QUICK, progress=lambda *done: seen.append(done))
    before, after = strayed(off, true), strayed(found, true)
    assert after[0] < 0.4 * before[0]      # what differs from frame to frame
    assert after[1] < 0.85 * before[1]     # with what is the same in all frames, of which pictures know little
    assert after[2] < 0.75 * before[2]
    assert found.light.shape == (FRAMES, 3, 9)
    assert (found.light[:, :, 0] > 0).all()
    assert seen[-1] == (FRAMES, FRAMES)
    told = [float(word) for word in found.notes[-1].split() if word.replace(".", "").isdigit()]
    assert told[1] < 0.75 * told[0]
    # Columns stay what they may be, and those of the gaze, which nothing is known of, as they were.
    assert found.motion.values.min() >= 0
    assert found.motion.values.max() <= 1
    look = true.face.space.index("eyeLookInLeft")
    assert np.array_equal(found.motion.values[:, look], off.motion.values[:, look])
    # The motion is as steady as the truth again.
    assert np.abs(np.diff(found.motion.head_pose, 2, axis=0)).mean() < 0.4 * np.abs(
        np.diff(off.motion.head_pose, 2, axis=0)).mean()


def test_frames_without_a_face_are_left_and_lit_as_their_neighbours(filmed):
    true, pictures = filmed
    off = shaken(true, np.random.default_rng(2))
    off = replace(off, seen=np.arange(FRAMES) != 3)
    pictures = [np.zeros_like(picture) if i == 3 else picture for i, picture in enumerate(pictures)]
    quick = replace(QUICK, steps=(2,), batch=3)
    found = refine_pictures(off, lambda: iter(pictures), options=quick)
    assert np.array_equal(found.motion.values[3], off.motion.values[3])
    np.testing.assert_allclose(found.light[3], (found.light[2] + found.light[4]) / 2, atol=1e-6)
    assert not np.array_equal(found.motion.values[4], off.motion.values[4])


def test_what_is_wrong_is_told(filmed):
    true, pictures = filmed
    with pytest.raises(InputError, match="expected 2 pictures with a face or more, got 0"):
        refine_pictures(replace(true, seen=np.zeros(FRAMES, bool)), lambda: iter(pictures))
    with pytest.raises(InputError, match="expected 8 pictures, one for each frame of the track, got 7"):
        refine_pictures(true, lambda: iter(pictures[:7]), options=QUICK)
    with pytest.raises(InputError, match="pictures of 200x200 pixels, those of the track, got 100x200"):
        refine_pictures(true, lambda: (picture[:, ::2] for picture in pictures), options=QUICK)
    with pytest.raises(InputError, match="a linear face, got 'sona-implicit'"):
        refine_pictures(replace(true, face=personare.open_face("sona-implicit")), lambda: iter(pictures))
    with pytest.raises(InputError, match="batch: expected 2 or more, got 1"):
        PhotometricOptions(batch=1)


def test_a_face_in_torch_is_the_face(filmed):
    track = shaken(filmed[0], np.random.default_rng(3))
    part, pose = posed_face(track.face), torch.tensor(track.motion.head_pose)
    found = part.vertices(torch.tensor(track.motion.values), pose[:, :3, :3], pose[:, :3, 3])
    # The face leaves out correctives that move nothing that could be seen.
    np.testing.assert_allclose(found, track.face.mesh(track.motion).vertices[:, part.source.numpy()], atol=2e-5)


def test_cuts_lie_on_whole_pixels_and_clip_coordinates_follow():
    low, high = np.array([[40.0, 30], [-20, 10], [90, 50]]), np.array([[140.0, 120], [80, 100], [190, 140]])
    plan = plan_of(low, high, finest=60, levels=2)
    assert (plan.factor, plan.side % 2) == (2, 0)
    assert 100 * 1.16 <= plan.side * 2 <= 100 * 1.16 + 4
    picture = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    for frame in range(3):
        cut, inside = plan.cut(picture, frame)
        left, top = plan.corner[frame]
        for row, column in ((0, 0), (20, 31), (plan.side - 1, plan.side - 1)):
            y, x = top + 2 * row, left + 2 * column
            fits = 0 <= y <= 148 and 0 <= x <= 198
            assert inside[row, column] == fits
            if fits:
                assert np.abs(cut[row, column] - picture[y : y + 2, x : x + 2].mean((0, 1))).max() <= 0.5
    with pytest.raises(InputError, match="a face of 4 pixels or more on its pictures, got 2"):
        plan_of(low, low + 2, finest=60, levels=2)


def test_bumps_reach_everywhere_and_are_smooth():
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    bumps = bumps_over(points, 30)
    heights = bumps.at(points)
    assert heights.shape == (500, 30)
    assert heights.max() == pytest.approx(1)
    assert heights.max(1).min() > 0.1


def test_from_a_video_into_a_file(filmed, tmp_path):
    av = pytest.importorskip("av")
    true, pictures = filmed
    with av.open(str(tmp_path / "talk.mp4"), "w") as container:
        stream = container.add_stream("libx264", FPS, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 200, 200, "yuv444p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    quick = replace(QUICK, steps=(2,))
    found = refine(true, tmp_path / "talk.mp4", options=quick)
    direct = refine_pictures(true, lambda: iter(pictures), options=quick)
    np.testing.assert_allclose(found.motion.values, direct.motion.values, atol=0.05)
    np.testing.assert_allclose(found.light, direct.light, atol=0.05)
    write_track(found, tmp_path / "take.npz")
    again = read_track(tmp_path / "take.npz")
    np.testing.assert_array_equal(again.light, found.light)
    assert again.notes == found.notes
    np.testing.assert_allclose(again.face.rest, found.face.rest, atol=2e-5)


def test_only_what_lies_between_landmarks_counts():
    plan = plan_of(np.array([[10.0, 10]]), np.array([[90.0, 90]]), finest=200, levels=1)
    points = np.array([[20.0, 30], [70, 20], [80, 80], [30, 70], [50, 50], [45, 60]])
    _, inside = plan.cut(np.zeros((100, 100, 3), np.uint8), 0, points)
    left, top = plan.corner[0]
    for (x, y), expected in (((50, 50), True), ((24, 34), True), ((22, 60), False), ((78, 30), False)):
        assert inside[y - top, x - left] == expected
    # The area of the quadrangle by the shoelace rule is 2500 pixels.
    assert inside.sum() == pytest.approx(2500, abs=60)


def test_landmarks_hold_a_track(filmed):
    true, pictures = filmed
    off, quick = shaken(true, np.random.default_rng(4)), replace(QUICK, steps=(8,), shape_m=0)
    points = true.camera.project(off.face.mesh(off.motion).vertices[:, ::7]).astype(np.float32)
    free = refine_pictures(off, lambda: iter(pictures), options=quick)
    held = refine_pictures(replace(off, landmarks=points), lambda: iter(pictures), options=quick)
    assert strayed(held, off)[1] < 0.5 * strayed(free, off)[1]
    assert strayed(held, off)[1] > 0.02
    names = true.face.space.columns
    jaw, brow = names.index("jawOpen"), names.index("browInnerUp")
    assert np.array_equal(held.motion.values[:, jaw], off.motion.values[:, jaw])
    assert not np.array_equal(held.motion.values[:, brow], off.motion.values[:, brow])
    assert not np.array_equal(free.motion.values[:, jaw], off.motion.values[:, jaw])
