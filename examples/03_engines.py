"""One take for every tool: glTF for the web and Blender, Live Link for Unreal, JSON for scripts.

    python examples/03_engines.py [sound] [folder]
"""

import sys
from pathlib import Path

import personare

sound = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "hallo.wav"
folder = Path(sys.argv[2] if len(sys.argv) > 2 else ".")

motion = personare.animate(sound)
for suffix in (".glb", ".csv", ".json", ".a2f.json", ".npz"):
    path = personare.save(motion, folder / f"take{suffix}")
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")

again = personare.read_motion(folder / "take.npz")
print("read back:", len(again), "frames of", again.space.name)
