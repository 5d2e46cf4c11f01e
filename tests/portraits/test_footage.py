"""A portrait shown: the person's own pictures, painted over where the mouth is, in the order of the footage."""

import json
import wave
from itertools import pairwise

import numpy as np
import pytest

from personare.api import open_face, open_portrait, save
from personare.errors import AssetError, InputError
from personare.export.npz import read as read_motion
from personare.motion.voice import scaled_voice
from personare.people import speak
from personare.portraits.bundle import REEL, VOICE, FootageOptions, Shot, region_face, write_footage
from personare.portraits.footage import open_footage
from personare.portraits.reel import ReelWriter
from personare.portraits.region import find_region, windows
from personare.rendering.camera import frame_face
from personare.rendering.frames import render_frames
from personare.spaces import Space
from personare.types import Audio, Motion, Portrait, Track

onnx = pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")

FPS, COUNT, SIZE = 10.0, 50, 64


def graph(paints):
    """Bytes of a painter: the picture as it is, or its first code as brightness."""
    from onnx import TensorProto, helper

    shapes = {"picture": (1, 3, SIZE, SIZE), "uv": (1, SIZE, SIZE, 2), "part": (1, SIZE, SIZE),
              "depth": (1, SIZE, SIZE), "code": (1, 2)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    output = helper.make_tensor_value_info("painted", TensorProto.FLOAT, shapes["picture"])
    if paints == "picture":
        nodes, constants = [helper.make_node("Identity", ["picture"], ["painted"])], []
    else:
        constants = [helper.make_tensor("first", TensorProto.FLOAT, (2, 1), [1.0, 0.0]),
                     helper.make_tensor("none", TensorProto.FLOAT, (1,), [0.0])]
        nodes = [helper.make_node("MatMul", ["code", "first"], ["bright"]),
                 helper.make_node("Mul", ["picture", "none"], ["black"]),
                 helper.make_node("Add", ["black", "bright"], ["painted"])]
    made = helper.make_model(helper.make_graph(nodes, "painter", inputs, [output], constants),
                             opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return made.SerializeToString()


@pytest.fixture(scope="module")
def filmed():
    """(Track, pictures) of the built-in head that turns and nods."""
    face = open_face()
    values = np.zeros((COUNT, len(face.space)), np.float32)
    values[:, face.space.index("jawOpen")] = 0.3 + 0.3 * np.sin(np.arange(COUNT))
    angle = 0.15 * np.sin(np.arange(COUNT) * 0.2)
    pose = np.tile(np.eye(4, dtype=np.float32), (COUNT, 1, 1))
    pose[:, 0, 0] = pose[:, 2, 2] = np.cos(angle)
    pose[:, 0, 2], pose[:, 2, 0] = np.sin(angle), -np.sin(angle)
    motion, camera = Motion(values, FPS, face.space, pose), frame_face(face, (112, 128))
    track = Track(face, motion, camera, np.arange(COUNT) / FPS, np.zeros((COUNT, 1, 3)), np.ones(COUNT, bool))
    return track, list(render_frames(face, motion, camera=camera))


@pytest.fixture(scope="module")
def portrait(filmed, tmp_path_factory):
    """Function: folder of a portrait that paints something."""
    track, pictures = filmed

    def made(paints):
        folder = tmp_path_factory.mktemp("portrait") / "p.portrait"
        folder.mkdir()
        _, region = region_face(find_region(track.face))
        with ReelWriter(folder / REEL, (112, 128), FPS) as reel:
            for picture in pictures:
                reel.push(picture)
        mouth = Motion(track.motion.values[:, region.indices], FPS, Space("mouth", region.columns))
        scaled_voice(mouth).save(folder / VOICE)
        basis = np.zeros((len(region.columns), 2), np.float32)
        basis[region.columns.index("jawOpen"), 0] = 1
        camera = track.camera
        write_footage(folder, name="p", source="made", region=region, graph=graph(paints), options=FootageOptions(
            size=(112, 128), fps=FPS, count=COUNT, window=SIZE, half_m=region.half_m, columns=region.columns,
            heard=False), shot=Shot(track.motion.values, track.motion.head_pose,
                                    windows(region, track.camera, track.motion.head_pose),
                                    np.zeros(len(region.columns)), basis,
                                    np.array([camera.focal_px, *camera.center_px, camera.near_m, camera.far_m]),
                                    camera.camera_from_world))
        return folder

    return made


@pytest.fixture(scope="module")
def same(portrait):
    return open_footage(portrait("picture"))


def test_it_is_the_footage_where_nothing_is_painted_anew(same, filmed):
    track, pictures = filmed
    shown = list(same.frames(track.motion))
    assert len(shown) == COUNT
    errors = [np.abs(one.astype(int) - other).mean() for one, other in zip(shown, pictures, strict=True)]
    strangers = [np.abs(one.astype(int) - other).mean() for one, other in zip(shown, pictures[5:], strict=False)]
    assert max(errors) < 2.5
    assert np.mean(strangers) > 4


def test_only_the_mouth_is_painted_and_by_its_own_motion(portrait, filmed):
    track, _ = filmed
    person = open_footage(portrait("code"))
    values = np.zeros((2, len(track.face.space)), np.float32)
    values[1, track.face.space.index("jawOpen")] = 1.0
    dark, bright = person.painted(Motion(values, FPS, track.face.space), [20, 20])
    mouth = track.camera.project(track.face.mesh(track.motion.frames(20, 21)).vertices[0])
    x, y = mouth[find_region(track.face).painted].mean(axis=0)[:2].astype(int)
    assert dark[y, x].max() < 5
    assert bright[y, x].min() > 250
    changed = (dark != bright).any(axis=2)
    assert 0.01 < changed.mean() < 0.15
    assert not changed[: round(y) - 30].any()


def test_longer_speech_goes_forwards_and_back(same, filmed):
    track, pictures = filmed
    longer = Motion(np.tile(track.motion.values, (3, 1)), FPS, track.face.space)
    shown = list(same.frames(longer))
    assert len(shown) == 3 * COUNT
    nearest = [int(np.argmin([np.abs(one.astype(int) - other).mean() for other in pictures])) for one in shown[::7]]
    assert max(abs(a - b) for a, b in pairwise(nearest)) <= 8


def test_another_frame_rate_keeps_the_time(same, filmed):
    track, pictures = filmed
    shown = list(same.frames(Motion(np.zeros((60, len(track.face.space))), 2 * FPS, track.face.space)))
    errors = [np.abs(one.astype(int) - pictures[i // 2]).mean() for i, one in enumerate(shown)]
    assert max(errors) < 2.5


def test_speech_becomes_motion_within_the_persons_range_and_a_video(same, tmp_path, filmed):
    rng = np.random.default_rng(0)
    sound = Audio((0.1 * rng.normal(size=16000)).astype(np.float32), 16000)
    motion = speak(sound, same)
    assert motion.fps == FPS
    assert len(motion) == 10
    low, high = same.limits
    assert (motion.values >= low - 1e-6).all()
    assert (motion.values <= high + 1e-6).all()
    path = save(motion, tmp_path / "out.mp4", audio=sound, face=same.face, portrait=same)
    assert path.stat().st_size > 2000


def test_strengths_count_on_the_command_line_and_the_upper_face_is_refused(portrait, tmp_path, capsys):
    from personare.cli import app

    rng = np.random.default_rng(0)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((3000 * np.sin(np.arange(16000) * 0.08) * rng.uniform(0.2, 1, 16000)).astype("<i2").tobytes())
    folder, sizes = portrait("picture"), []
    for lips in ("0", "1", "1.5"):
        words = ["animate", str(tmp_path / "a.wav"), "--portrait", str(folder), "--lips", lips, "--smoothing", "40",
                 "-o", str(tmp_path / f"{lips}.npz")]
        assert app(words, standalone_mode=False) in (None, 0)
        sizes.append(read_motion(tmp_path / f"{lips}.npz").column("jawOpen").mean())
    assert sizes[0] < sizes[1] < sizes[2]
    capsys.readouterr()
    words = ["animate", str(tmp_path / "a.wav"), "--portrait", str(folder), "--upper-face", "0.5", "-o",
             str(tmp_path / "b.npz")]
    assert app(words, standalone_mode=False) == 1
    assert "eyes and brows are those of the footage" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "b.npz").exists()
    for name, given in (("--emotion", "joy"), ("--style", "1")):
        words = ["animate", str(tmp_path / "a.wav"), "--portrait", str(folder), name, given, "-o",
                 str(tmp_path / "b.npz")]
        with pytest.raises(InputError, match=f"{name}: expected none with a portrait, who speaks as in the footage"):
            app(words, standalone_mode=False)


def test_a_photo_has_no_voice_of_its_own():
    class Photo(Portrait):
        face, size = None, (4, 4)

        def frames(self, motion):
            raise NotImplementedError

    with pytest.raises(InputError, match="got a photo, which has no voice of its own; use --photo"):
        speak(Audio(np.zeros(1600, np.float32), 16000), Photo())


def test_a_motion_of_strange_columns_is_refused(same):
    with pytest.raises(InputError, match="convert it first"):
        list(same.frames(Motion(np.zeros((3, 1)), FPS, Space("one", ("mouthFunnel",)))))


def test_damage_is_told(portrait, tmp_path):
    folder = portrait("picture")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"method": "vox"}))
    with pytest.raises(AssetError, match="not a portrait"):
        open_portrait(folder)
    (folder / "card.json").write_text(json.dumps(card | {"config": card["config"] | {"count": "many"}}))
    with pytest.raises(AssetError, match="learn it again"):
        open_portrait(folder)
    (folder / "card.json").write_text(json.dumps(card))
    (folder / REEL).write_bytes(b"nothing")
    with pytest.raises(AssetError, match="differs from the hash"):
        list(open_portrait(folder).frames(Motion(np.zeros((1, 68)), FPS, "a2f-68")))
    with pytest.raises(AssetError, match=r"no card\.json"):
        open_portrait(tmp_path)


def test_another_picture_of_the_same_person_is_painted_too(portrait, filmed):
    track, pictures = filmed
    person = open_footage(portrait("code"))
    values, pose = track.motion.values[7].copy(), track.motion.head_pose[7]
    values[track.face.space.index("jawOpen")] = 1.0
    (kept,) = person.painted(Motion(values[None], FPS, track.face.space), [7])
    assert np.abs(person.paint(pictures[7], values, pose).astype(int) - kept).mean() < 2.5
