"""Read single curves: when do the lips close, how far does the jaw open?

    python examples/02_curves.py [sound]
"""

import sys
from pathlib import Path

import numpy as np

import personare

sound = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "hello.wav"
motion = personare.animate(sound, fps=60, layers=personare.STILL)

jaw = motion.column("jawOpen")
opening = jaw - motion.column("mouthClose")
shut = opening < 0.03
starts = np.flatnonzero(shut[1:] & ~shut[:-1]) + 1
print(f"jaw: mean {jaw.mean():.2f}, 95 of 100 frames below {np.percentile(jaw, 95):.2f}")
print("lips close at", ", ".join(f"{start / motion.fps:.2f}" for start in starts[:12]), "s ...")
