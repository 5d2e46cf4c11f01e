"""How surely a face is human, by its mirror image."""

import pytest

from personare.portraits.evidence import _PAIRS, LEAST, confidence, disagreement_of


def face(rng):
    points = rng.uniform(100, 400, (478, 2))
    points[33], points[263] = (150, 200), (350, 200)
    return points


def mirrored(points, width, *, lower=0):
    out = points.copy()
    for a, b in _PAIRS:
        out[b] = width - points[a, 0], points[a, 1] + lower
    return out


def test_a_face_that_looks_the_same_in_a_mirror_is_sure(rng):
    points = face(rng)
    assert disagreement_of(points, mirrored(points, 512), 512) == pytest.approx(0, abs=1e-12)
    assert confidence(points, mirrored(points, 512), 512) > 0.99


def test_disagreement_is_measured_in_distances_of_the_eyes(rng):
    points = face(rng)
    shifted = mirrored(points, 512, lower=6)  # 6 px of 200 between the eyes
    assert disagreement_of(points, shifted, 512) == pytest.approx(0.03)
    assert confidence(points, shifted, 512) < LEAST / 2
    assert confidence(points, mirrored(points, 512, lower=3), 512) > 0.9
    assert confidence(points, None, 512) == 0


def test_every_pair_is_mutual():
    assert {(b, a) for a, b in _PAIRS} == set(_PAIRS)
    assert {(61, 291), (13, 13), (152, 152), (234, 454), (159, 386), (468, 473), (82, 312)} <= set(_PAIRS)


def test_people_drawings_and_statues_pass_and_animals_do_not(shared):
    pytest.importorskip("mediapipe")
    from personare.portraits.picture import read_picture
    from personare.tracking.landmarks import landmarks

    stills, model = shared / "data/portraits", shared / "data/face_landmarker/face_landmarker.task"
    names = ("falsepositive_dog_s31.jpg", "falsepositive_monkey_s22.jpg", "hard_statue_s6.jpg", "hard_cartoon_s7.jpg",
             "d3dfr_015316.jpg", "hard_painting_profile_s10.jpg", "d3dfr_000002.jpg")
    pictures = [read_picture(stills / name)[0] for name in names]
    both = landmarks([*pictures, *(p[:, ::-1] for p in pictures)], model=model)
    sure = [confidence(both[k], both[k + len(names)], p.shape[1]) for k, p in enumerate(pictures)]
    assert max(sure[:2]) < LEAST < 0.9 < min(sure[2:])
