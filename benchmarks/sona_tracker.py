"""What a face tracker says of the built-in head: python benchmarks/sona_tracker.py face_landmarker.task

Draws every character with one shape at weight 1 and prints the score that MediaPipe's face landmarker gives that very
shape, beside the score of a scanned head (ICT-FaceKit's average head in our renderer), and whether a face is found at
yaw 0, 15 and 30 degrees to both sides. Needs mediapipe (pip install mediapipe) and its model file, which you fetch
yourself.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from personare.faces.sona import CHARACTERS, open_sona  # noqa: E402
from personare.rendering.frames import render_frames  # noqa: E402
from personare.spaces import ARKIT_52  # noqa: E402
from personare.types import Motion  # noqa: E402

SIZE_PX = 400
YAW_DEG = (0, 15, -15, 30, -30)
SCANNED = {"jawOpen": 0.64, "mouthPucker": 0.70, "mouthSmileLeft": 0.69, "mouthSmileRight": 0.69, "eyeBlinkLeft": 0.49,
           "eyeBlinkRight": 0.49, "browInnerUp": 0.35, "mouthRollLower": 0.90}
FAINT = ("mouthFunnel", "browDownLeft", "browDownRight", "mouthRollUpper", "mouthUpperUpLeft", "mouthLowerDownLeft")


def turned(yaw_deg):
    """(4, 4) pose of a head turned to its left."""
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.array([[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]], np.float32)


class Tracker:
    """MediaPipe's landmarker for single pictures.

    Args:
        model: path of face_landmarker.task.
    """

    def __init__(self, model):
        import mediapipe
        from mediapipe.tasks import python
        from mediapipe.tasks.python import vision

        self._image = lambda picture: mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB,
                                                      data=np.ascontiguousarray(picture))
        self._landmarker = vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(
            base_options=python.BaseOptions(model_asset_path=str(model)), output_face_blendshapes=True, num_faces=1))

    def scores(self, picture):
        """Shape -> score in 0..1 of a (h, w, 3) uint8 picture, or None where no face is found."""
        found = self._landmarker.detect(self._image(picture)).face_blendshapes
        return {shape.category_name: shape.score for shape in found[0]} if found else None


def measure(face, names, tracker):
    """Scores of the rest pose, of every shape alone, and whether each yaw is found: (dict, [dict], [bool])."""
    values = np.zeros((1 + len(names) + len(YAW_DEG), len(ARKIT_52)), np.float32)
    values[range(1, 1 + len(names)), ARKIT_52.indices(names)] = 1
    poses = np.stack([turned(0)] * (1 + len(names)) + [turned(yaw) for yaw in YAW_DEG])
    frames = render_frames(face, Motion(values, 30.0, ARKIT_52, poses), size=(SIZE_PX, SIZE_PX), threads=1)
    rest, *scores = [tracker.scores(frame) for frame in frames]
    return rest, scores[:len(names)], [score is not None for score in scores[len(names):]]


def answers(names, scores, rest):
    """(n, 3) score of the named shape, its score at rest, and by how much the other side's shape rose."""
    other = [name[:-4] + "Right" if name.endswith("Left") else name[:-5] + "Left" if name.endswith("Right") else None
             for name in names]
    return np.array([(s[n], rest[n], s[o] - rest[o] if o else 0.0) if s and rest and n in s else (np.nan,) * 3
                     for n, o, s in zip(names, other, scores, strict=True)])


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="your copy of face_landmarker.task")
    parser.add_argument("-f", "--folder", type=Path, help="another bundle folder")
    parser.add_argument("-c", "--characters", nargs="+", default=list(CHARACTERS), choices=CHARACTERS)
    parser.add_argument("-a", "--all", action="store_true", help="every shape, not only those with a bar")
    arguments = parser.parse_args()
    names = [name for name in ARKIT_52.columns if name != "tongueOut"] if arguments.all else [*SCANNED, *FAINT]
    tracker, table = Tracker(arguments.model), []
    for character in arguments.characters:
        rest, scores, found = measure(open_sona(arguments.folder, character=character), names, tracker)
        table.append(answers(names, scores, rest))
        print(f"{character}: found at {sum(found)} of {len(found)} yaws")
    print("score at weight 1 (at rest), ! below the scanned head, x the other side answers more")
    print(" " * 20 + "scan  " + "".join(f"{name:>12}" for name in arguments.characters))
    for k, name in enumerate(names):
        bar = SCANNED.get(name)
        cells = [f"{row[k, 0]:.2f} ({row[k, 1]:.2f}){'!' if bar and not row[k, 0] >= bar else ' '}"
                 f"{'x' if row[k, 2] > row[k, 0] - row[k, 1] + 0.02 else ' '}" for row in table]
        print(f"{name:20}{f'{bar:.2f}' if bar else '':6}" + "".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    main()
