"""From a recording to a video, in three lines.

    python examples/01_hello.py [sound] [video]
"""

import sys
from pathlib import Path

import personare

sound = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "hello.wav"
video = sys.argv[2] if len(sys.argv) > 2 else "hello.mp4"

audio = personare.load(sound)
motion = personare.animate(audio)
personare.save(motion, video, audio=audio)
print(f"{video}: {len(motion)} frames, {motion.duration_s:.1f} s")
