"""Synthesise the example speech in examples/: ours, made with flite (English) and espeak-ng (German).

    apt-get install flite espeak-ng && python scripts/make_examples.py
"""

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "examples"
ENGLISH = ("Hello! I am a face made of sound. Give me your voice, and my lips will follow: please bring many "
           "more puppets, both brave and funny. When you pause, I rest. Now it is your turn.")
GERMAN = "Guten Tag! Bitte gib mir deine Stimme. Papa kauft bunte Blumen, und mein Mund bewegt sich mit."


def main():
    """Write hello.wav and hallo.wav."""
    subprocess.run(["flite", "-voice", "slt", "-t", ENGLISH, "-o", FOLDER / "hello.wav"], check=True)
    subprocess.run(["espeak-ng", "-v", "de+f2", "-s", "150", "-w", FOLDER / "hallo.wav", GERMAN], check=True)


if __name__ == "__main__":
    main()
