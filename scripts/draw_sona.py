"""Draw the contact sheets of the docs, shapes and characters: python scripts/draw_sona.py. Needs Pillow."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from personare.faces.sona import CHARACTERS, open_sona  # noqa: E402
from personare.rendering.camera import frame_face  # noqa: E402
from personare.rendering.frames import render_frames  # noqa: E402
from personare.types import Motion  # noqa: E402

TILE, ACROSS = 200, 6
PORTRAIT, PORTRAITS_ACROSS, PORTRAIT_YAW = 290, 4, 14  # pixels, tiles in a row, degrees


def both(name, value=1.0):
    """Weights of a shape on both sides."""
    return {name + "Left": value, name + "Right": value}


# Who is on the wide portrait: character, yaw of the camera in degrees, weights.
WIDE = 480
PORTRAIT_CAST = (
    ("amara", -24, both("mouthSmile", 0.45) | both("cheekSquint", 0.3) | {"jawOpen": 0.10}),
    ("sona", 12, both("mouthSmile", 0.20) | {"browInnerUp": 0.2}),
    ("kenji", 24, both("mouthSmile", 0.35) | both("cheekSquint", 0.2)),
)
# (yaw in degrees, weights), row by row; docs/faces/sona.md names them in this order.
TILES = (
    (0, {}), (35, {}), (75, {}), (-20, both("mouthSmile", 0.8) | both("cheekSquint", 0.5)), (0, {"jawOpen": 1.0}),
    (0, {"jawOpen": 1.0, "mouthClose": 1.0}),
    (25, {"mouthFunnel": 1.0}), (25, {"mouthPucker": 1.0}), (0, {"mouthSmileLeft": 1.0}),
    (0, both("mouthFrown")), (0, both("mouthStretch")), (0, {"mouthRollLower": 1.0, "mouthRollUpper": 1.0}),
    (0, both("mouthUpperUp") | both("mouthLowerDown")), (20, {"mouthShrugLower": 1.0}), (0, {"mouthLeft": 1.0}),
    (25, {"tongueOut": 1.0, "jawOpen": 0.3}), (0, {"cheekPuff": 1.0}), (0, both("noseSneer")),
    (0, both("eyeBlink")), (0, {"eyeBlinkLeft": 1.0}), (0, both("eyeWide") | {"browInnerUp": 1.0}),
    (0, both("browDown") | both("eyeSquint")), (0, {"eyeLookInRight": 1.0, "eyeLookOutLeft": 1.0}),
    (0, both("eyeLookDown")),
)


def draw_tiles(face):
    """The tiles as a list of (TILE, TILE, 3) uint8."""
    values = np.zeros((len(TILES), len(face.space)), np.float32)
    poses = np.tile(np.eye(4, dtype=np.float32), (len(TILES), 1, 1))
    for row, (yaw, weights) in enumerate(TILES):
        for name, value in weights.items():
            values[row, face.space.index(name)] = value
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        poses[row, :3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    # Nearer than the portrait that users get, so that small pictures still show the face.
    camera = frame_face(face, (TILE, TILE))  # from the real weights, which say what is head
    camera = replace(camera, focal_px=1.14 * camera.focal_px, center_px=(TILE / 2, 0.55 * TILE))
    # Here the shoulders turn with the head, which shows the form better.
    face = replace(face, head_weight=np.ones_like(face.head_weight))
    return list(render_frames(face, Motion(values, 30.0, face.space, poses), camera=camera, threads=1))


def draw_characters(folder):
    """The characters at rest, a little from the side: a list of (PORTRAIT, PORTRAIT, 3) uint8."""
    tiles = []
    for k, name in enumerate(CHARACTERS):
        face = open_sona(folder, character=name)
        turn = np.radians(PORTRAIT_YAW if k % 2 else -PORTRAIT_YAW)
        c, s = np.cos(turn), np.sin(turn)
        pose = np.eye(4, dtype=np.float32)[None]
        pose[0, :3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
        motion = Motion(np.zeros((1, len(face.space))), 30.0, face.space, pose)
        tiles += render_frames(face, motion, size=(PORTRAIT, PORTRAIT), threads=1)
    return tiles


def draw_portraits(folder):
    """Three characters in conversation, one wide picture (h, w, 3) uint8."""
    tiles = []
    for name, yaw, weights in PORTRAIT_CAST:
        face = open_sona(folder, character=name)
        motion = Motion(np.zeros((1, len(face.space))), 30.0, face.space)
        motion = motion.with_columns({column: [value] for column, value in weights.items()})
        camera = frame_face(face, (WIDE, WIDE), yaw_rad=np.radians(yaw))
        tiles += render_frames(face, motion, camera=camera, threads=1)
    return np.concatenate([tile[:, WIDE // 10:-WIDE // 10] for tile in tiles], 1)


def write_sheet(path, tiles, across, mask):
    """Tiles row by row in one picture; masking low bits, which hardly show in small tiles, saves a third."""
    from PIL import Image

    rows = [np.concatenate(tiles[i:i + across], 1) for i in range(0, len(tiles), across)]
    Image.fromarray(np.concatenate(rows) & mask | 0x02).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def write_jpeg(path, picture):
    """A picture without large even areas."""
    from PIL import Image

    Image.fromarray(picture).save(path, quality=90, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main():
    """Draw and save the sheets and the portraits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures")
    parser.add_argument("-f", "--face", type=Path, help="another bundle folder")
    arguments = parser.parse_args()
    write_sheet(arguments.output / "sona.png", draw_tiles(open_sona(arguments.face)), ACROSS, 0xFC)
    write_jpeg(arguments.output / "portraits.jpg", draw_portraits(arguments.face))
    write_sheet(arguments.output / "sona_characters.png", draw_characters(arguments.face), PORTRAITS_ACROSS, 0xFC)


if __name__ == "__main__":
    main()
