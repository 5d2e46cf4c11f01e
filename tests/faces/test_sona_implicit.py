"""The built-in implicit head: sona's shape and movements within a millimetre, lips that close, one topology."""

import numpy as np
import pytest

from personare.assets import builtin_path
from personare.errors import AssetError, InputError
from personare.export.normals import vertex_normals
from personare.faces.nearest import nearest
from personare.faces.sona import open_sona
from personare.faces.sona_implicit import WEIGHTS, open_sona_implicit
from personare.types import Motion

POSES = ({}, {"jawOpen": 0.5}, {"jawOpen": 0.3, "mouthClose": 0.3}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
         {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8})


@pytest.fixture(scope="module")
def faces():
    return open_sona_implicit(), open_sona()


@pytest.fixture(scope="module")
def meshes(faces):
    """Vertices of both faces in all POSES, (n, v, 3)."""
    face, sona = faces
    values = np.zeros((len(POSES), len(face.space)), np.float32)
    for row, pose in zip(values, POSES, strict=True):
        for name, value in pose.items():
            row[face.space.index(name)] = value
    motion = Motion(values, 30, face.space)
    return face.mesh(motion).vertices, sona.mesh(motion).vertices


def skin_of(sona):
    return np.unique(sona.surface.triangles[sona.surface.triangle_material <= 1])


def test_the_skin_is_where_sona_s_is(faces, meshes):
    face, sona = faces
    s, skin = len(face.canonical), skin_of(sona)
    head = np.flatnonzero((face.head_weight[:s] > 0.9) & face.moving)
    for mine, hers in zip(*meshes, strict=True):
        normals = vertex_normals(hers, sona.surface.triangles, sona.surface.weld)[skin]
        rows, _ = nearest(mine[head], hers[skin], 1)
        # Height above the plane of the nearest vertex.
        height = np.abs(((mine[head] - hers[skin][rows[:, 0]]) * normals[rows[:, 0]]).sum(1))
        assert np.median(height) < 0.0003
        assert np.quantile(height, 0.95) < 0.0012


def lip_gap(face, frame):
    """Smallest height between upper and lower lip on the midline, metres, where the open mouth has lips."""
    s = len(face.canonical)
    resting = face.mesh(Motion(np.zeros((1, len(face.space))), 30, face.space)).vertices[0, :s]
    canonical = face.canonical * face.unit_m
    middle = (np.abs(canonical[:, 0]) < 0.004) & (resting[:, 2] > 0.024)
    upper = middle & (canonical[:, 1] > -0.0345) & (canonical[:, 1] < -0.030)
    lower = middle & (canonical[:, 1] < -0.0425) & (canonical[:, 1] > -0.048)
    return frame[:s][upper][:, 1].min() - frame[:s][lower][:, 1].max()


def test_lips_open_and_meet(faces, meshes):
    face, _ = faces
    rest, opened, closed = (lip_gap(face, frame) for frame in meshes[0][:3])
    assert opened > 0.008
    assert abs(closed - rest) < 0.0015
    assert rest < opened - 0.007


def test_parts_are_sona_s(faces, meshes):
    face, sona = faces
    part = ~np.isin(sona.surface.triangle_material, [0, 1])
    vertices = np.unique(sona.surface.triangles[part])
    np.testing.assert_allclose(meshes[0][:, len(face.canonical):], meshes[1][:, vertices], atol=1e-6)


def test_characters_differ_and_keep_one_space(faces):
    ines = open_sona_implicit(character="ines")
    assert ines.name == "sona-implicit/ines"
    assert ines.space == faces[0].space
    chin = [face.canonical[:, 1][np.abs(face.canonical[:, 0]) < 0.01].min() for face in (ines, faces[0])]
    assert len(ines.canonical) != len(faces[0].canonical) or chin[0] != chin[1]
    with pytest.raises(InputError, match="character"):
        open_sona_implicit(character="nobody")


def test_a_changed_bundle_is_refused(tmp_path):
    source = builtin_path("sona-implicit")
    for name in (WEIGHTS, "card.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:-1])
    with pytest.raises(AssetError, match="differs from the hash"):
        open_sona_implicit(tmp_path)


def test_it_is_small():
    assert sum(file.stat().st_size for file in builtin_path("sona-implicit").iterdir()) < 4e6
