"""The built-in head: it loads, its shapes are complete and symmetric, and its mouth and lids do what they say."""

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest

from personare.assets import builtin_path
from personare.errors import AssetError, InputError
from personare.faces import joints
from personare.faces.sona import AXES, CHARACTERS, open_sona
from personare.spaces import A2F_68, ARKIT_52
from personare.types import Motion


@pytest.fixture(scope="module")
def sona():
    return open_sona()


@pytest.fixture(scope="module")
def part():
    """Part index of every vertex and the parts' names."""
    folder = builtin_path("sona")
    with np.load(folder / "sona.npz", allow_pickle=False) as file:
        index = file["part"]
    return index, json.loads((folder / "card.json").read_text())["config"]["parts"]


def hair_of(index, names):
    """(v,) which vertices belong to any style of hair."""
    return np.isin(index, [k for k, name in enumerate(names) if name.startswith("hair_")])


def posed(face, **weights):
    """(v, 3) vertices at the given weights."""
    values = np.zeros((1, 68), np.float32)
    for name, value in weights.items():
        values[0, A2F_68.index(name)] = value
    return face.mesh(Motion(values, 30.0, A2F_68)).vertices[0]


def turn_of(a, b):
    """z of the cross product of plane vectors (n, 2), positive where b lies to the left of a."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def covered(points, triangles):
    """Whether each point (n, 3) has one of the triangles (f, 3, 3) in front of it, seen from ahead."""
    a, b, c = (triangles[:, k, :2] for k in range(3))

    def hidden(point):
        side = [turn_of(q - p, point[:2] - p) for p, q in ((a, b), (b, c), (c, a))]
        return ((np.min(side, 0) >= 0) & (triangles[:, :, 2].max(1) > point[2])).any()

    return all(hidden(point) for point in points)


def lip_pairs(face):
    """Indices of the upper and the lower lip along the seal: the places that touch at rest."""
    moving = face.shapes[ARKIT_52.index("jawOpen"), :, 1]
    rest = np.round(face.rest, 6)
    _, place = np.unique(rest, axis=0, return_inverse=True)
    order = np.argsort(place.ravel(), kind="stable")
    pairs = [(a, b) for a, b in pairwise(order)
             if place.ravel()[a] == place.ravel()[b] and abs(moving[a] - moving[b]) > 0.004]
    upper = np.array([a if moving[a] > moving[b] else b for a, b in pairs])
    lower = np.array([b if moving[a] > moving[b] else a for a, b in pairs])
    return upper, lower


def test_the_asset_is_small_and_of_the_promised_size(sona):
    assert (builtin_path("sona") / "sona.npz").stat().st_size <= 4_000_000
    assert 15_000 <= len(sona.surface.triangles) <= 40_000
    assert sona.space is A2F_68


def test_it_stands_upright_in_metres_looking_along_z(sona):
    head = sona.rest[sona.head_weight > 0.99]
    assert 0.20 < np.ptp(head[:, 1]) < 0.30
    nose = sona.rest[np.argmax(sona.rest[:, 2])]
    assert abs(nose[0]) < 0.003
    assert abs(nose[1]) < 0.03


def test_every_shape_moves_and_none_moves_the_shoulders(sona):
    size = np.abs(sona.shapes).max((1, 2))
    assert size.min() > 0.001
    assert np.abs(sona.shapes[:, sona.head_weight < 0.01]).max() == 0


def mirror_name(name):
    """The other side's name, written for the tests alone."""
    return name[:-4] + "Right" if name.endswith("Left") else name[:-5] + "Left" if name.endswith("Right") else name


@pytest.mark.parametrize("character", ["sona", "viktor"])
def test_left_and_right_shapes_are_exact_mirror_images(part, character):
    index, names = part
    face = open_sona(character=character)
    targets = face.targets(Motion(np.zeros((1, 68)), 30.0, A2F_68))
    shapes = dict(zip(targets.names, targets.shapes, strict=True))
    twoheaded = ~hair_of(index, names)  # it is parted at one side
    # Each target is compared as a set of (place, displacement), so that the test needs no vertex order.
    def rows(shape, flip):
        table = np.concatenate([face.rest[twoheaded], shape[twoheaded]], 1)
        table = np.round(table * (np.array([flip, 1, 1, flip, 1, 1])) * 1e7).astype(np.int64)
        return table[np.lexsort(table.T)]
    for name, shape in shapes.items():
        image = "_".join(map(mirror_name, name.split("_")))
        np.testing.assert_array_equal(rows(shape, -1), rows(shapes[image], 1), err_msg=name)


def test_a_motion_without_a_tongue_moves_the_same_face(sona):
    values = np.random.default_rng(0).uniform(0, 1, (2, 52)).astype(np.float32)
    wide = np.concatenate([values, np.zeros((2, 16), np.float32)], 1)
    np.testing.assert_array_equal(sona.mesh(Motion(values, 30.0, ARKIT_52)).vertices,
                                  sona.mesh(Motion(wide, 30.0, A2F_68)).vertices)


def test_every_tongue_shape_moves_the_tongue_alone(sona, part):
    index, names = part
    tongue = index == names.index("tongue")
    for name in A2F_68.columns[52:]:
        shape = sona.shapes[A2F_68.index(name)]
        assert np.linalg.norm(shape[tongue], axis=1).max() > 0.002, name
        assert not shape[~tongue].any(), name
    tip = np.flatnonzero(tongue)[np.argmax(sona.rest[tongue, 2])]
    for name, axis, sign in (("tongueTipUp", 1, 1), ("tongueTipLeft", 0, 1),
                             ("tongueUp", 1, 1), ("tongueDown", 1, -1), ("tongueLeft", 0, 1), ("tongueIn", 2, -1),
                             ("tongueStretch", 2, 1)):
        assert sign * sona.shapes[A2F_68.index(name), tip, axis] > 0.002, name
    front = tongue & (sona.rest[:, 2] > np.median(sona.rest[tongue, 2]))
    wide, narrow = (np.ptp((sona.rest + sona.shapes[A2F_68.index(name)])[front, 0])
                    for name in ("tongueWide", "tongueNarrow"))
    assert wide - 0.002 > np.ptp(sona.rest[front, 0]) > narrow + 0.002


def solids(face, member):
    """The triangles of each connected piece of a part."""
    mine = face.surface.triangles[member[face.surface.triangles].all(1)]
    label = np.arange(len(member))
    for _ in range(60):
        np.minimum.at(label, mine.ravel(), np.repeat(label[mine].min(1), 3))
    return [mine[label[mine[:, 0]] == one] for one in np.unique(label[mine[:, 0]])]


def deepest(points, vertices, tooth):
    """How deep the deepest of points (n, 3) lies in a convex solid, metres; below 0 all are outside."""
    a, b, c = (vertices[tooth[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return -((points[:, None] - a) * normal).sum(2).max(1).min()


@pytest.mark.parametrize("character", ["sona", "viktor", "ines"])
def test_the_tongue_keeps_out_of_the_teeth(part, character):
    index, names = part
    face = open_sona(character=character)
    tongue = index == names.index("tongue")
    teeth = solids(face, np.isin(index, [names.index(f"teeth_{row}") for row in ("upper", "lower")]))
    assert len(teeth) == 28
    for name in A2F_68.columns[51:]:
        vertices = posed(face, **{name: 1}, jawOpen=0.8 if name == "tongueOut" else 0.5)
        assert max(deepest(vertices[tongue], vertices, tooth) for tooth in teeth) < 0.0003, name


def test_a_closed_eye_stays_closed_whatever_else_the_lids_do(sona, part):
    index, _ = part
    shut = posed(sona, eyeBlinkLeft=1)
    margin = np.linalg.norm(sona.shapes[A2F_68.index("eyeBlinkLeft")], axis=1) > 0.006
    for other in ("eyeWideLeft", "eyeLookUpLeft", "eyeLookDownLeft"):
        both = posed(sona, eyeBlinkLeft=1, **{other: 1})
        assert np.linalg.norm((both - shut)[margin & (index == 0)], axis=1).max() < 0.0005, other


def test_lips_on_an_open_jaw_turn_with_it(sona, part):
    index, _ = part
    jaw = sona.joints[0]
    lower = (index == 0) & (jaw.weight > 0.98) & (np.abs(sona.shapes[A2F_68.index("mouthRollLower")]).max(1) > 0.003)
    turn = joints.matrices([jaw.turns["jawOpen"]])[0]
    own = sona.shapes[A2F_68.index("mouthRollLower")][lower]
    moved = (posed(sona, jawOpen=1, mouthRollLower=1) - posed(sona, jawOpen=1))[lower]
    assert lower.sum() > 10
    np.testing.assert_allclose(moved, own @ turn.T, atol=0.0002)


def test_shapes_grow_with_the_mouth_and_the_jaw():
    pucker, jaw = (A2F_68.index(name) for name in ("mouthPucker", "jawOpen"))
    wide, narrow, long_face, plain = (open_sona(identity=identity).shapes for identity in (
        {"mouth_width": 1.0}, {"mouth_width": -1.0}, {"face_length": 1.0}, {}))
    across = [np.abs(shapes[pucker, :, 0]).max() for shapes in (narrow, plain, wide)]
    assert across[0] * 1.04 < across[1] < across[2] / 1.04
    assert np.linalg.norm(long_face[jaw], axis=1).max() > 1.02 * np.linalg.norm(plain[jaw], axis=1).max()


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("weights", [{"eyeLookUpLeft": 1, "eyeLookOutLeft": 1}, {"eyeLookDownRight": 1}, {"jawOpen": 1},
                                     {"eyeLookDownLeft": 1, "eyeLookInLeft": 1}, {"jawLeft": 1}, {"jawRight": 1}])
def test_joints_turn_eyes_and_jaw_as_the_shapes_do(part, character, weights):
    index, names = part
    face = open_sona(character=character)
    assert [joint.name for joint in face.joints] == ["jaw", "eyeLeft", "eyeRight", "head"]
    motion = Motion(np.zeros((1, 68)), 30.0, A2F_68).with_columns({name: [v] for name, v in weights.items()})
    vertices, turned = face.mesh(motion).vertices[0], joints.rotations(face.joints, motion)[0]
    for joint, rotation in zip(face.joints[:3], turned, strict=False):
        solid = np.isin(index, [names.index(k) for k in ("eye", "teeth_lower")]) & (joint.weight == 1)
        by_joint = (face.rest[solid] - joint.pivot) @ rotation.T + joint.pivot
        assert np.linalg.norm(by_joint - vertices[solid], axis=1).max() < 0.0003
    said = joints.columns(face.joints, turned[None])
    assert {name: round(float(v[0]), 5) for name, v in said.items() if v[0] > 1e-5} == weights


def test_left_is_the_subjects_left(sona):
    for name in ("eyeBlink", "mouthSmile", "browOuterUp", "noseSneer"):
        size = np.linalg.norm(sona.shapes[ARKIT_52.index(name + "Left")], axis=1)
        assert sona.rest[np.argmax(size), 0] > 0.005, name
    assert posed(sona, mouthLeft=1)[:, 0].mean() > posed(sona)[:, 0].mean()


def test_lips_touch_at_rest_open_with_the_jaw_and_close_over_it(sona):
    upper, lower = lip_pairs(sona)
    assert len(upper) >= 20
    opened = posed(sona, jawOpen=1)
    assert 0.022 < (opened[upper, 1] - opened[lower, 1]).max() < 0.034
    closed = posed(sona, jawOpen=1, mouthClose=1)
    assert np.linalg.norm(closed[upper] - closed[lower], axis=1).max() < 0.0005


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.75, 1.0])
def test_the_lid_never_dives_into_the_eyeball_while_it_closes(sona, part, weight):
    index, names = part
    eye = sona.rest[(index == names.index("eye")) & (sona.rest[:, 0] > 0)]
    back = eye[eye[:, 2] < np.median(eye[:, 2])]
    # The back of the ball is a sphere: |p|^2 = 2 c.p + (r^2 - |c|^2) is linear in c.
    solution = np.linalg.lstsq(np.c_[2 * back, np.ones(len(back))], (back**2).sum(1), rcond=None)[0]
    centre, radius = solution[:3], np.sqrt(solution[3] + (solution[:3] ** 2).sum())
    blink = sona.shapes[ARKIT_52.index("eyeBlinkLeft")]
    lid = (index == 0) & (np.linalg.norm(sona.rest - centre, axis=1) > radius + 0.001)
    lid &= np.linalg.norm(blink, axis=1) > 0.0005
    moved = posed(sona, eyeBlinkLeft=weight)[lid]
    assert np.linalg.norm(moved - centre, axis=1).min() > radius


def test_a_blink_covers_the_whole_eye(sona, part):
    index, names = part
    closed = posed(sona, eyeBlinkLeft=1)
    ball = closed[(index == names.index("eye")) & (closed[:, 0] > 0)]
    front = ball[ball[:, 2] > ball[:, 2].max() - 0.006]
    assert covered(front, closed[sona.surface.triangles[(index == 0)[sona.surface.triangles].all(1)]])


def test_looking_turns_the_eye_the_named_way(sona, part):
    index, names = part
    eyes = index == names.index("eye")
    left = eyes & (sona.rest[:, 0] > 0)
    tip = np.flatnonzero(left)[np.argmax(sona.rest[left, 2])]
    for name, axis, sign in (("eyeLookUpLeft", 1, 1), ("eyeLookDownLeft", 1, -1), ("eyeLookInLeft", 0, -1),
                             ("eyeLookOutLeft", 0, 1)):
        shape = sona.shapes[ARKIT_52.index(name)]
        assert sign * shape[tip, axis] > 0.004, name
        assert np.abs(shape[eyes & ~left]).max() == 0, name


def test_teeth_and_tongue_of_the_lower_jaw_follow_it(sona, part):
    index, names = part
    jaw = sona.shapes[ARKIT_52.index("jawOpen")]
    assert np.abs(jaw[index == names.index("teeth_upper")]).max() == 0
    assert jaw[index == names.index("teeth_lower"), 1].max() < -0.005
    tongue = index == names.index("tongue")
    out = posed(sona, tongueOut=1)[tongue, 2].max()
    assert out > posed(sona)[index == 0][:, 2].max() - 0.012


@pytest.fixture(scope="module", params=[name for name in CHARACTERS if name != "sona"])
def person(request):
    """Every other character."""
    return open_sona(character=request.param)


def eye_balls(face, part, vertices):
    """Both eyeballs: their vertex indices, and centre and radius of the sphere that their backs lie on."""
    index, names = part
    for side in (1, -1):
        ball = np.flatnonzero((index == names.index("eye")) & (face.rest[:, 0] * side > 0))
        back = vertices[ball][face.rest[ball, 2] < np.median(face.rest[ball, 2])].astype(float)
        solution = np.linalg.lstsq(np.c_[2 * back, np.ones(len(back))], (back**2).sum(1), rcond=None)[0]
        yield ball, solution[:3], np.sqrt(solution[3] + (solution[:3] ** 2).sum())


def test_the_card_names_every_axis(part):
    config = json.loads((builtin_path("sona") / "card.json").read_text())["config"]
    assert set(config["axes"]) == set(AXES)
    assert len(AXES) >= 24
    for person in CHARACTERS.values():
        assert set(person.identity) <= set(AXES)
        assert set(person.tones) <= set(config["tones"])


@pytest.mark.parametrize("axis", AXES)
def test_every_axis_moves_something_and_both_sides_alike(sona, part, axis):
    index, names = part
    move = open_sona(identity={axis: 1.0}).rest - sona.rest
    assert 0.0008 < np.linalg.norm(move, axis=1).max() < 0.13
    mirrored = ~hair_of(index, names)  # it is parted at one side
    table = np.concatenate([sona.rest, move], 1)[mirrored]
    left, right = (np.round(table * (side, 1, 1, side, 1, 1) * 1e7).astype(np.int64) for side in (1, -1))
    np.testing.assert_array_equal(left[np.lexsort(left.T)], right[np.lexsort(right.T)])


def test_axes_add_up_and_scale(sona):
    both = open_sona(identity={"nose_length": 0.5, "jaw_width": -1.0}).rest - sona.rest
    nose, jaw = (open_sona(identity={axis: 1.0}).rest - sona.rest for axis in ("nose_length", "jaw_width"))
    np.testing.assert_allclose(both, 0.5 * nose - jaw, atol=1e-7)


def test_characters_are_different_people(person, sona):
    skin = np.abs(person.surface.color.mean(0) / sona.surface.color.mean(0) - 1).max()
    assert np.linalg.norm(person.rest - sona.rest, axis=1).max() > 0.006
    assert skin > 0.03
    assert person.name.startswith("sona/")


def test_every_characters_lips_seal_and_close_over_the_open_jaw(person, sona):
    upper, lower = lip_pairs(sona)
    np.testing.assert_array_equal(person.rest[upper], person.rest[lower])
    closed = posed(person, jawOpen=1, mouthClose=1)
    assert np.linalg.norm(closed[upper] - closed[lower], axis=1).max() < 0.0005


def test_every_characters_eyeballs_stay_round_and_their_lids_close_over_them(person, sona, part):
    index, _ = part
    blinks = sona.shapes[[ARKIT_52.index(f"eyeBlink{side}") for side in ("Left", "Right")]]
    moves = np.linalg.norm(blinks, axis=2).max(0) > 0.0005
    closed = posed(person, eyeBlinkLeft=1, eyeBlinkRight=1)
    before, after = eye_balls(sona, part, sona.rest), eye_balls(sona, part, person.rest)
    for (ball, centre, radius), (_, old, size) in zip(after, before, strict=True):
        back = ball[sona.rest[ball, 2] < np.median(sona.rest[ball, 2])]
        assert np.abs(np.linalg.norm(person.rest[back] - centre, axis=1) - radius).max() < 5e-5
        lid = (index == 0) & (np.linalg.norm(sona.rest - old, axis=1) > size + 0.001) & moves
        for weight in (0.5, 1.0):
            moved = posed(person, eyeBlinkLeft=weight, eyeBlinkRight=weight)[lid]
            assert np.linalg.norm(moved - centre, axis=1).min() > radius
        front = closed[ball][closed[ball][:, 2] > closed[ball][:, 2].max() - 0.006]
        assert covered(front, closed[sona.surface.triangles[(index == 0)[sona.surface.triangles].all(1)]])


def test_teeth_brows_and_lashes_go_with_the_face(part, sona):
    index, names = part
    longer = open_sona(identity={"face_length": 1.0}).rest - sona.rest
    chin = longer[np.argmin(np.where((index == 0) & (sona.rest[:, 2] > 0.0), np.abs(sona.rest[:, 1] + 0.07), 1)), 1]
    teeth = longer[index == names.index("teeth_lower"), 1]
    assert chin < teeth.max() < 0
    raised = open_sona(identity={"brow_height": 1.0}).rest - sona.rest
    assert raised[index == names.index("brows"), 1].mean() > 0.002
    apart = open_sona(identity={"eye_spacing": 1.0}).rest - sona.rest
    left = sona.rest[:, 0] > 0
    lashes, ball = (apart[(index == names.index(name)) & left, 0] for name in ("lashes", "eye"))
    np.testing.assert_allclose(lashes, np.full_like(lashes, ball.mean()), atol=1e-5)


def test_a_shaven_character_has_no_hair(sona, part):
    index, names = part
    face = open_sona(character="tomas")
    hair = hair_of(index, names)
    assert hair[sona.surface.triangles].any()
    assert not hair[face.surface.triangles].any()


def test_unknown_names_and_weights_are_refused():
    with pytest.raises(InputError, match="mara"):
        open_sona(character="marra")
    with pytest.raises(InputError, match="nose_length"):
        open_sona(identity={"nose_lenght": 1.0})
    for weight in (5.0, float("nan"), [0.5]):
        with pytest.raises(InputError, match=r"identity age: expected a weight in -2\.\.2"):
            open_sona(identity={"age": weight})


def test_uv_lie_in_the_unit_square_and_the_skin_never_folds_over_itself(sona, part):
    index, _ = part
    uv, triangles = sona.surface.uv.astype(float), sona.surface.triangles
    assert uv.min() >= 0
    assert uv.max() <= 1
    skin = triangles[(index == 0)[triangles].all(1)]
    a, b, c = (uv[skin[:, k]] for k in range(3))
    area = turn_of(b - a, c - a) / 2
    assert (area > -1e-9).all()
    # The skin owns the upper three quarters; it fills them once.
    assert 0.70 < area.sum() < 0.76


def test_a_damaged_copy_is_refused(tmp_path):
    for name in ("card.json", "sona.npz"):
        (tmp_path / name).write_bytes((builtin_path("sona") / name).read_bytes())
    content = bytearray((tmp_path / "sona.npz").read_bytes())
    content[5000] ^= 1
    (tmp_path / "sona.npz").write_bytes(content)
    with pytest.raises(AssetError, match="differs from the hash on its card"):
        open_sona(tmp_path)


def test_a_card_without_its_settings_is_refused(tmp_path):
    card = json.loads((builtin_path("sona") / "card.json").read_text())
    content = (builtin_path("sona") / "sona.npz").read_bytes()
    (tmp_path / "sona.npz").write_bytes(content)
    assert card["files"]["sona.npz"] == hashlib.sha256(content).hexdigest()
    del card["config"]["delta_unit_m"]
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(AssetError, match="not laid out as a sona bundle"):
        open_sona(tmp_path)
