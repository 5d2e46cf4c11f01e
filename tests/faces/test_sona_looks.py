"""What the built-in head looks like: textures, their layout, and hair."""

import json

import numpy as np
import pytest

from personare.assets import builtin_path
from personare.faces import sona as module
from personare.faces.sona import CHARACTERS, HAIR, open_sona
from personare.types import Material

SIZE = 1024


@pytest.fixture(scope="module")
def sona():
    return open_sona()


@pytest.fixture(scope="module")
def part_names():
    return json.loads((builtin_path("sona") / "card.json").read_text())["config"]["parts"]


@pytest.fixture(scope="module")
def part():
    with np.load(builtin_path("sona") / "sona.npz", allow_pickle=False) as file:
        return file["part"]


def material(face, name):
    return next(m for m in face.surface.materials if m.name == name)


def covered(uv, triangles):
    """(SIZE, SIZE) how many triangles hold the middle of each texel well inside."""
    times = np.zeros((SIZE, SIZE), np.uint8)
    corners = uv[triangles].astype(float) * SIZE
    for (ax, ay), (bx, by), (cx, cy) in corners:
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        left, right = int(min(ax, bx, cx)), min(int(max(ax, bx, cx)) + 1, SIZE)
        low, high = int(min(ay, by, cy)), min(int(max(ay, by, cy)) + 1, SIZE)
        if abs(area) < 1e-9:
            continue
        x, y = np.arange(left, right)[None] + 0.5 - ax, np.arange(low, high)[:, None] + 0.5 - ay
        of_b, of_c = (x * (cy - ay) - (cx - ax) * y) / area, ((bx - ax) * y - x * (by - ay)) / area
        times[low:high, left:right] += (of_b > 1e-3) & (of_c > 1e-3) & (of_b + of_c < 1 - 1e-3)
    return times


def test_no_two_places_of_the_face_share_a_texel(sona):
    surface = sona.surface
    painted = [k for k, m in enumerate(surface.materials) if m.name not in ("hair", "brow")]
    times = covered(surface.uv, surface.triangles[np.isin(surface.triangle_material, painted)])
    assert times.max() == 1
    assert (times == 1).mean() > 0.75


def test_textures_are_decoded_when_they_are_needed_and_once(monkeypatch):
    asked, decode = [], module._picture
    monkeypatch.setattr(module, "_picture", lambda path: asked.append(path.name) or decode(path))
    one, other = open_sona(), open_sona(character="mara")
    assert asked == []
    pictures = [m.picture() for face in (one, other) for m in face.surface.materials]
    assert set(asked) == {"atlas.jpg", "strands.jpg"}
    assert len(set(map(id, pictures))) == 2


def test_the_texture_is_a_share_of_the_tone_nearly_grey_on_the_skin(sona):
    picture = material(sona, "skin").picture()
    assert picture.shape == (2048, 2048, 3)
    skin = picture[:1536].astype(int)
    assert np.abs(skin.mean(axis=(0, 1)) - 231).max() < 6   # sRGB of 0.80
    assert np.ptp(skin, axis=2).mean() < 8
    # It has grain: neighbouring texels differ on the cheek.
    assert 0.5 < np.abs(np.diff(skin[700:900, 700:900, 1], axis=1)).mean() < 12


def test_strands_have_holes_and_solid_hairs(sona):
    strands = material(sona, "hair").picture()
    assert strands.shape == (1024, 1024, 4)
    assert (strands[..., 3] < 20).mean() > 0.2
    assert (strands[..., 3] > 235).mean() > 0.2
    assert isinstance(material(sona, "brow"), Material)


def test_every_character_wears_its_own_hair_alone(part, part_names):
    worn = set()
    for name, person in CHARACTERS.items():
        face = open_sona(character=name)
        shown = set(np.array(part_names)[np.unique(part[face.surface.triangles])])
        styles = {style for style in shown if style.startswith("hair_")}
        assert styles == ({f"hair_{person.hair}"} if person.hair else set())
        assert "scalp" in shown
        worn.add(person.hair)
    assert worn == {*HAIR, None}


def test_hair_that_is_not_worn_lies_within_the_head(sona, part, part_names):
    head = sona.rest[part == 0]
    hidden = sona.rest[np.isin(part, [part_names.index("hair_bob"), part_names.index("hair_curls")])]
    assert (hidden >= head.min(axis=0)).all()
    assert (hidden <= head.max(axis=0)).all()


def test_hair_rides_on_the_skull(part, part_names):
    before, after = open_sona(), open_sona(identity={"skull_height": 1.0})
    move = after.rest - before.rest
    top = move[part == 0][np.argmax(before.rest[part == 0, 1])]
    hair = part == part_names.index("hair_short")
    highest = np.flatnonzero(hair)[np.argsort(before.rest[hair, 1])[-40:]]
    assert top[1] > 0.003
    assert np.abs(move[highest, 1] - top[1]).max() < 0.0035


def test_longer_hair_reaches_farther_down(part, part_names):
    hair = part == part_names.index("hair_bob")
    bob, long = open_sona(character="mara"), open_sona(character="mara", identity={"hair_length": 1.0})
    assert long.rest[hair, 1].min() < bob.rest[hair, 1].min() - 0.05


def test_the_asset_with_its_pictures_stays_below_4_megabytes():
    assert sum(file.stat().st_size for file in builtin_path("sona").iterdir()) <= 4_000_000
