"""Change a take before it is drawn: a smile on top of the speech, calmer eyes, a picture of one frame.

    python examples/04_own_motion.py [sound] [video]
"""

import sys
from pathlib import Path

import numpy as np

import personare

sound = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "hello.wav"
video = sys.argv[2] if len(sys.argv) > 2 else "smile.mp4"

calm = personare.Layers(gaze=0.3, head=0.7, seed=4)
motion = personare.animate(sound, layers=calm)

smile = {name: np.clip(motion.column(name) + 0.35, 0, 1) for name in ("mouthSmileLeft", "mouthSmileRight")}
motion = motion.with_columns(smile).frames(0, 90)

first = next(personare.render(motion, size=256))
print("one picture:", first.shape, first.dtype)
personare.save(motion, video, audio=sound, size=256)
