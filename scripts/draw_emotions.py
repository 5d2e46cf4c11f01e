"""Draw docs/images/emotions.png: six emotions on sona, each at rest, at a closed mouth and in a wide vowel.

    python scripts/draw_emotions.py [--output PATH] [--only joy,fear]
"""

import argparse
from pathlib import Path

import numpy as np

import personare
from personare.export.png import png
from personare.motion.articulation import lip_gap_cm
from personare.motion.layers import LayerStream
from personare.types import Motion

ROOT = Path(__file__).resolve().parents[1]
SIX = "joy,sadness,anger,surprise,disgust,fear"
CROP = slice(60, 420), slice(136, 376)


def moments(motion):
    """Frames of rest, of closed lips in the middle of speech, and of the widest mouth."""
    gap = lip_gap_cm(motion)
    middle = len(motion) // 3 + np.argmin(gap[len(motion) // 3 : 2 * len(motion) // 3])
    return [0, int(middle), int(np.argmax(gap))]


def main():
    """Draw and save."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "emotions.png")
    options.add_argument("--only", default=SIX)
    options = options.parse_args()
    speech = personare.animate(ROOT / "examples" / "hello.wav", layers=personare.STILL)
    frames, groups = moments(speech), []
    for emotion in options.only.split(","):
        felt = LayerStream(30.0, personare.Layers(blink=0, gaze=0, head=0.5, brows=0), emotion=emotion).apply(speech)
        shown = Motion(felt.values[frames], felt.fps, felt.space, felt.head_pose[frames])
        groups.append(np.concatenate([picture[CROP][::2, ::2] // 2 + picture[CROP][1::2, 1::2] // 2
                                      for picture in personare.render(shown, size=512)], axis=1))
    while len(groups) % 3:
        groups.append(np.zeros_like(groups[0]))
    rows = [np.concatenate(groups[i : i + 3], axis=1) for i in range(0, len(groups), 3)]
    options.output.write_bytes(png(np.ascontiguousarray(np.concatenate(rows))))


if __name__ == "__main__":
    main()
