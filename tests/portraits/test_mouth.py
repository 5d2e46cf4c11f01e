"""The mouth's light, on the built-in head's own picture."""


import numpy as np
import sona_photo as sona

from personare.portraits import mouth
from personare.portraits.eyes import iris_of, polygon_depth
from personare.portraits.parts import named
from personare.portraits.photo import MOUTH_LIGHT
from personare.portraits.points import EYES, INNER_LIPS
from personare.rendering.frames import render_frames
from personare.rendering.light import linear


def lit(sitter, motion):
    return next(render_frames(sitter.face, motion, camera=sitter.camera, light=MOUTH_LIGHT))


def test_whites_teeth_and_skin_send_back_what_is_written_down():
    sitter = sona.Sitter(768)
    still = sona.motion_of(sitter.face, {})
    picture, found = lit(sitter, still), sitter.landmarks(still)[:, :2].astype(float)
    rows, columns = np.indices(picture.shape[:2])
    places, whites = np.stack([columns + 0.5, rows + 0.5], -1), []
    for side, rim in EYES.items():
        inside, (center, radius) = polygon_depth(places, found[list(rim)]), iris_of(found, side)
        seen = (inside > 0.25 * inside.max()) & (np.linalg.norm(places - center, axis=-1) > 1.25 * radius)
        whites.append(linear(picture[seen]))
    assert np.abs(np.percentile(np.concatenate(whites), 70, axis=0) - mouth._WHITE_LIGHT).max() < 0.05
    cheek = np.linalg.norm(places - (0.35 * found[234] + 0.65 * found[1]), axis=-1) < 15
    assert np.abs(np.median(linear(picture[cheek]), axis=0) - mouth._SKIN_LIGHT).max() < 0.06
    smile = dict.fromkeys(("mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "mouthUpperUpRight"), 0.65)
    motion = sona.motion_of(sitter.face, smile | {"jawOpen": 0.1})
    rest = sitter.face.rest
    teeth = np.unique(sitter.face.surface.triangles[named(sitter.face.surface, "teeth")])
    teeth = teeth[(rest[teeth, 2] > 0.014) & (rest[teeth, 1] > -0.040) & (rest[teeth, 1] < -0.033)]
    at = sitter.camera.project(sitter.face.mesh(motion).vertices[0][teeth])[:, :2].astype(int)
    levels = lit(sitter, motion)[at[:, 1], at[:, 0]]
    # Half of them lie where teeth touch, which is darker.
    assert np.abs(np.percentile(linear(levels), 80, axis=0) - mouth._TEETH_LIGHT).max() < 0.06


def test_a_photo_in_half_the_light_gets_a_mouth_in_half_the_light():
    sitter = sona.Sitter(256)
    gains = [sitter.portrait(np.rint(picture).astype(np.uint8)).layers[-1] for picture in
             (sitter.picture, sitter.picture * 0.735)]  # 0.735 in sRGB is half the light
    assert np.allclose(gains[1][:3] / gains[0][:3], 0.5, atol=0.06)
    grey = np.repeat(sitter.picture.mean(axis=2, keepdims=True), 3, 2).astype(np.uint8)
    gain = sitter.portrait(grey).layers[-1]
    assert gain[3] == 0
    assert np.ptp(gain[:3]) < 0.1 * gain[:3].mean()


def test_the_mask_of_the_lips_is_round_the_mouth():
    sitter = sona.Sitter(256, jawOpen=0.5)
    person = sitter.portrait().likeness
    lips = mouth.lips_mask(sitter.picture.shape, person)
    rim = person.landmarks[list(INNER_LIPS)]
    x, y = rim.mean(axis=0).astype(int)
    assert lips[y, x] == 255
    assert not lips[:, :int(rim[:, 0].min()) - 12].any()
