"""Characters in motion: lips meet where they should, bones do what no shape does, looks and pictures are there."""

from dataclasses import replace

import characters
import numpy as np
import pytest

from personare.errors import InputError
from personare.export.rotations import matrices, quaternions
from personare.faces.rig import open_rig
from personare.faces.skin import rotation_from_vector
from personare.spaces import ARKIT_52, Space
from personare.types import Motion

KINDS = {
    "arkit": {}, "sided": {"rename": lambda n: n.replace("Left", "_L").replace("Right", "_R"), "split": True},
    "files": {"suffix": ".gltf", "matrix": True}, "visemes": {"kind": "visemes"}, "jaw": {"kind": "jaw"},
    "armature": {"kind": "jaw", "armature": True},
    "vrm0": {"suffix": ".vrm", "kind": "vowels", "vrm": 0}, "vrm1": {"suffix": ".vrm", "kind": "vowels", "vrm": 1},
    "vrm0 perfect": {"suffix": ".vrm", "vrm": 0, "clips": "perfect"},
    "vrm1 perfect": {"suffix": ".vrm", "vrm": 1, "clips": "perfect"},
}


@pytest.fixture(params=KINDS)
def rig(request, character):
    return open_rig(character(**KINDS[request.param]))


def posed(face, pose=None, **columns):
    """(v, 3) vertices with some columns, both sides of a name without one."""
    values = np.zeros((1, 52), np.float32)
    for name, weight in columns.items():
        for column in (name,) if name in ARKIT_52.columns else (f"{name}Left", f"{name}Right"):
            values[0, ARKIT_52.index(column)] = weight
    return face.mesh(Motion(values, 30.0, ARKIT_52, pose)).vertices[0]


def lips(face):
    """A vertex of the upper and one of the lower lip, in the middle, where they meet at rest."""
    rest = face.neutral()
    reach = np.linalg.norm(posed(face, jawOpen=1) - rest, axis=1) * (face.head_weight > 0.5)
    middle = np.abs(rest[:, 0] - face.head_pivot[0]) < 0.005
    lower = np.flatnonzero(middle & (reach > 0.5 * reach.max()))
    near = np.abs(rest[:, 1] - rest[lower, 1].max()) < 0.02
    upper = np.flatnonzero(middle & (reach < 0.15 * reach.max()) & near & (rest[:, 2] > rest[lower, 2].max() - 0.02))
    apart = np.linalg.norm(rest[upper][:, None] - rest[lower][None], axis=2)
    pairs = np.argwhere(apart < apart.min() + 5e-4)
    up, low = max(pairs, key=lambda pair: rest[lower[pair[1]], 2])
    return upper[up], lower[low]


def gap_mm(face, **columns):
    """How much further apart the lips are than at rest."""
    (upper, lower), rest, now = lips(face), face.neutral(), posed(face, **columns)
    return 1000 * float((now[upper, 1] - now[lower, 1]) - (rest[upper, 1] - rest[lower, 1]))


# A loud vowel, and p b m as the built-in model says them: a jaw that stays open while the lips meet.
VOWEL = {"jawOpen": 0.45, "mouthLowerDown": 0.2}
CLOSED = [{"jawOpen": 0.25, "mouthClose": 0.25}, {"mouthPress": 0.5}, {"jawOpen": 0.12, "mouthClose": 0.15},
          {"jawOpen": 0.3, "mouthClose": 0.3, "mouthFunnel": 0.05, "mouthRollLower": 0.3}]


def test_the_lips_open_for_a_vowel_and_meet_for_p_b_m(rig):
    assert gap_mm(rig, **VOWEL) > 6
    for closed in CLOSED:
        assert gap_mm(rig, **closed) < 0.8


def test_it_stands_upright_looks_along_z_and_has_eyes_teeth_and_skin(rig):
    rest, eyes = rig.neutral(), [m.name for m in rig.surface.materials].index("eye")
    on_eye = np.unique(rig.surface.triangles[rig.surface.triangle_material == eyes])
    assert rest[on_eye, 2].mean() > rig.head_pivot[2]
    assert 1.5 < rest[on_eye, 1].mean() < 1.6
    blink = np.linalg.norm(posed(rig, eyeBlinkLeft=1) - rest, axis=1)
    if "eyeBlinkLeft" in rig.drive.found and rig.drive.found["eyeBlinkLeft"] != "eyesClosed":
        assert rest[blink > 0.3 * blink.max(), 0].min() > 0
    assert rig.head_weight[rest[:, 1] > 1.6].min() == 1
    assert rig.head_weight[rest[:, 1] < 1.36].max() < 0.5


def test_the_head_makes_exactly_the_pose_and_shoulders_stay(rig):
    turn = rotation_from_vector(np.array([0.2, 0.5, -0.1]))
    pose = np.eye(4, dtype=np.float32)[None].copy()
    pose[0, :3, :3], pose[0, :3, 3] = turn, (0.004, -0.002, 0.01)
    rest, now = rig.neutral(), posed(rig, pose)
    top = rest[:, 1] > rest[:, 1].max() - 0.06
    # The top of the head turns as asked; neck and head share it, so its place is that of the joint that the neck moved.
    spread = (now[top] - now[top].mean(0)) - (rest[top] - rest[top].mean(0)) @ turn.T
    assert np.abs(spread).max() < 1e-5
    assert np.abs(now[rest[:, 1] < 1.32] - rest[rest[:, 1] < 1.32]).max() < 0.01


def test_eyes_turn_to_the_side_they_look(rig):
    eyes = [m.name for m in rig.surface.materials].index("eye")
    ball = np.unique(rig.surface.triangles[rig.surface.triangle_material == eyes])
    rest = rig.neutral()
    front = ball[rest[ball, 2] > rest[ball, 2].max() - 0.004]
    for columns, axis, sign in (({"eyeLookOutLeft": 1, "eyeLookInRight": 1}, 0, 1), ({"eyeLookUp": 1}, 1, 1),
                                ({"eyeLookInLeft": 1, "eyeLookOutRight": 1}, 0, -1), ({"eyeLookDown": 1}, 1, -1)):
        moved = posed(rig, **columns)[front, axis] - rest[front, axis]
        assert (sign * moved > 0.0015).all(), columns


def test_split_meshes_move_together(character):
    whole, split = open_rig(character()), open_rig(character(split=True))
    columns = {"jawOpen": 0.7, "mouthSmileLeft": 0.4, "tongueOut": 0.3, "eyeLookUpLeft": 0.5}
    a, b = posed(whole, **columns), posed(split, **columns)
    assert len(split.body.counts) == 3
    # Both list the same corners, part by part.
    for name in ("skin", "teeth", "tongue", "eye"):
        corners = [face.surface.triangles[face.surface.triangle_material == [
            m.name for m in face.surface.materials].index(name)].ravel() for face in (whole, split)]
        assert np.array_equal(a[corners[0]], b[corners[1]])


def test_vrm_0_and_1_are_the_same_person(character):
    one, zero = (open_rig(character(".vrm", vrm=v, clips="perfect")) for v in (1, 0))
    pose = np.eye(4, dtype=np.float32)[None].copy()
    pose[0, :3, :3] = rotation_from_vector(np.array([0.1, 0.3, 0.05]))
    for columns in ({}, {"jawOpen": 1, "eyeLookOutLeft": 0.5}):
        assert np.abs(posed(one, pose, **columns) - posed(zero, pose, **columns)).max() < 1e-5


def test_slices_give_what_the_whole_gives(character, rng):
    rig = open_rig(character(".vrm", kind="vowels", vrm=0))
    motion = Motion(rng.uniform(0, 1, (150, 52)), 30.0, ARKIT_52)
    whole = rig.mesh(motion).vertices
    parts = [rig.mesh(motion.frames(start, start + 40)).vertices for start in range(0, 150, 40)]
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-6
    assert rig.mesh(motion.frames(0, 0)).vertices.shape == (0, *rig.neutral().shape)


def test_the_report_says_what_makes_each_column(character):
    report = "\n".join(open_rig(character(kind="jaw")).report())
    assert "jawOpen: bone of the jaw" in report
    assert "mouthClose: less of bone of the jaw" in report
    assert "eyeBlinkLeft: eyeBlink_L" in report
    assert "eyeLookUpLeft: bone of the left eye" in report
    assert "missing: eyeSquintLeft" in report
    assert "head pose: neck and head" in report
    assert "mouthFunnel: visemes PP FF" in "\n".join(open_rig(character(kind="visemes")).report())


def test_smaller_and_larger_spaces_are_understood_and_others_refused(character):
    rig = open_rig(character())
    some = Motion([[0.5]], 30.0, Space("one", ("jawOpen",)))
    more = Motion([[*np.eye(52)[ARKIT_52.index("jawOpen")] * 0.5, 1]], 30.0, Space("53", (*ARKIT_52.columns, "x")))
    assert np.array_equal(rig.mesh(some).vertices[0], posed(rig, jawOpen=0.5))
    assert np.array_equal(rig.mesh(more).vertices[0], posed(rig, jawOpen=0.5))
    with pytest.raises(InputError, match="columns of the space arkit-52 of face 'person', got odd with y; convert"):
        rig.mesh(Motion([[1.0, 1.0]], 30.0, Space("odd", ("jawOpen", "y"))))


def test_a_bust_without_bones_turns_as_a_whole(character, tmp_path):
    rig = open_rig(character())
    document = {**rig.source.document}
    document["nodes"] = [node | {"name": "node"} for node in document["nodes"]]
    path = tmp_path / "bust.glb"
    path.write_bytes(characters.glb_bytes(document, rig.source.buffers[0]))
    bust = open_rig(path)
    pose = np.eye(4, dtype=np.float32)[None].copy()
    pose[0, :3, :3] = turn = rotation_from_vector(np.array([0, 0.4, 0]))
    rest, now = bust.neutral(), posed(bust, pose)
    assert np.abs((now - now.mean(0)) - (rest - rest.mean(0)) @ turn.T).max() < 1e-5
    assert bust.head_weight.max() == 1


def test_a_folder_with_one_character_is_that_character(character, tmp_path):
    path = character(".gltf", matrix=True)
    assert open_rig(path.parent).name == "person"
    with pytest.raises(InputError, match=r"a folder with one \.vrm, \.glb or \.gltf, got 0 of them"):
        open_rig(tmp_path)


def test_tracks_turn_nodes_by_the_same_rotation_as_the_mesh(character):
    rig = open_rig(character(".vrm", kind="vowels", vrm=0))
    angles = np.linspace(-2.5, 2.5, 40)
    pose = np.tile(np.eye(4, dtype=np.float32), (40, 1, 1))
    pose[:, :3, :3] = rotation_from_vector(np.stack([0 * angles, angles, 0.1 * angles], 1))
    tracks = rig.tracks(Motion(np.zeros((40, 52)), 30.0, ARKIT_52, pose))
    assert [track.path for track in tracks] == ["weights", "rotation", "rotation"]
    neck, head = (track.values for track in tracks[1:])
    # The file looks along -z: its axes are ours turned by half about y.
    facing = np.diag([-1.0, 1.0, -1.0])
    assert np.abs(facing @ neck @ head @ facing - pose[:, :3, :3]).max() < 1e-5
    assert np.abs(matrices(quaternions(head)) - head).max() < 1e-6


def test_a_real_character_animates_with_lips_that_meet(shared):
    rig = open_rig(shared / "data" / "faces" / "rigged_glb" / "brunette-t.glb")
    assert rig.drive.missing == ()
    assert rig.drive.eyes == ()
    assert [bone.role for bone in rig.bones] == ["neck", "head"]
    assert gap_mm(rig, **VOWEL) > 6
    for closed in CLOSED:
        assert gap_mm(rig, **closed) < 2.0
    textures = [material.picture() for material in rig.surface.materials]
    assert all(texture is not None for texture in textures)
    assert textures[[m.name for m in rig.surface.materials].index("Wolf3D_Skin")].shape == (1024, 1024, 3)


def test_a_real_character_fills_the_picture(shared):
    from personare.rendering.frames import render_frames

    rig = open_rig(shared / "data" / "faces" / "rigged_glb" / "brunette-t.glb")
    rest = Motion(np.zeros((2, 52)), 30.0, ARKIT_52)
    opened = rest.with_columns({"jawOpen": np.float32([0, 0.6])})
    still, talking = render_frames(rig, opened, size=(192, 192), threads=1)
    changed = np.abs(still.astype(int) - talking.astype(int)).max(2) > 20
    rows, columns = np.nonzero(changed)
    assert 100 < changed.sum() < 6000
    assert 80 < columns.mean() < 112
    assert 80 < rows.mean() < 170
    skin = (still[..., 0].astype(int) - still[..., 2]) > 25
    assert skin.mean() > 0.08


def test_a_target_that_moves_nothing_is_none(character, monkeypatch, tmp_path):
    def both(kind, real=characters.targets_of):
        arkit = real("arkit")
        return real("visemes") | arkit | {"jawOpen": np.zeros_like(arkit["jawOpen"])} if kind == "both" else real(kind)

    monkeypatch.setattr(characters, "targets_of", both)
    rig = open_rig(characters.write_character(tmp_path / "both.glb", kind="both"))
    assert rig.drive.found["jawOpen"].startswith("visemes")
    assert rig.drive.found["eyeWideLeft"] == "eyeWideLeft"
    assert gap_mm(rig, **VOWEL) > 6


def test_names_that_say_nothing_are_told(character, tmp_path):
    gltf = open_rig(character(kind="jaw")).source
    document = {**gltf.document, "nodes": [{**node, "name": "x"} for node in gltf.document["nodes"]]}
    document["meshes"] = [{**mesh, "extras": {"targetNames": ["wink", "wonk"]}} for mesh in gltf.document["meshes"]]
    path = tmp_path / "odd.glb"
    path.write_bytes(characters.glb_bytes(document, gltf.buffers[0]))
    with pytest.raises(InputError, match="a bone of the jaw by a known name, got wink, wonk; see docs"):
        open_rig(path)


def test_a_still_motion_is_the_character_at_rest(rig):
    motion = Motion(np.zeros((3, 52)), 30.0, ARKIT_52, np.tile(np.eye(4), (3, 1, 1)))
    assert np.abs(rig.mesh(motion).vertices - rig.neutral()).max() < 1e-6
    assert replace(motion, head_pose=None).head_pose is None


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".vrm"])
def test_it_is_opened_and_written_by_its_suffix(character, tmp_path, suffix):
    import personare

    path = character(suffix, **({"vrm": 1, "kind": "vowels"} if suffix == ".vrm" else {}))
    motion = Motion(np.full((3, 52), 0.2), 30.0, ARKIT_52)
    out = tmp_path / f"out{'.vrm' if suffix == '.vrm' else '.glb'}"
    personare.save(motion, out, face=path)
    again = personare.open_face(str(out))
    assert again.name == "out"
    assert [animation["name"] for animation in again.source.document["animations"]] == ["idle", "out"]
    assert np.abs(again.mesh(motion).vertices - personare.open_face(path).mesh(motion).vertices).max() < 1e-6
