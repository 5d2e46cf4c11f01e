"""Draw docs/images/photo.jpg: a picture of the built-in head, and frames of examples/hello.wav made of it alone.

    python scripts/draw_photo.py [--character amara] [--output docs/images/photo.jpg]

Needs personare[track] and MediaPipe's face_landmarker.task.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import personare
from personare.api import open_face, open_photo
from personare.export.jpeg import jpeg
from personare.export.png import png

ROOT = Path(__file__).parents[1]
# Seconds into hello.wav: a closure, spread lips, an open vowel, a rounded one, a blink in speech.
MOMENTS_S = (1.19, 1.60, 4.63, 8.63, 1.97)
PHOTO_PX, TILE_PX = 720, 320
# The share of the picture that is shown, and where it begins.
_SHOWN, _TOP = 0.70, 0.14


def tile(picture):
    """The head on a picture, at the size of a tile; means of areas."""
    import av

    side, top = round(_SHOWN * PHOTO_PX), round(_TOP * PHOTO_PX)
    left = (PHOTO_PX - side) // 2
    picture = np.ascontiguousarray(picture[top : top + side, left : left + side])
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return frame.reformat(width=TILE_PX, height=TILE_PX, interpolation="AREA").to_ndarray()


def main():
    """Draw, pose, animate and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--character", default="amara", help="of the built-in head")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "photo.jpg")
    given = parser.parse_args()
    face = open_face(f"sona/{given.character}")
    still = personare.animate(ROOT / "examples" / "hello.wav", layers=personare.STILL).frames(0, 1)
    photo = next(personare.render(still, face=face, size=PHOTO_PX))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.png"
        path.write_bytes(png(photo))
        person = open_photo(path)
    motion = personare.animate(ROOT / "examples" / "hello.wav")
    chosen = [round(moment * motion.fps) for moment in MOMENTS_S]
    frames = list(zip(range(max(chosen) + 1), person.frames(motion), strict=False))
    shown = [photo, *(frames[i][1] for i in chosen)]
    given.output.write_bytes(jpeg(np.concatenate([tile(picture) for picture in shown], axis=1)))


if __name__ == "__main__":
    main()
