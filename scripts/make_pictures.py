"""Draw pictures of the docs: frames of examples/hello.wav above its waveform, and lips before speech.

    python scripts/make_pictures.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

import personare
from personare.export.png import png

ROOT = Path(__file__).parents[1]
# Seconds into hello.wav: I, aM, Face, vOIce, mOre; by the times flite -psdur prints.
MOMENTS_S = (0.98, 1.19, 1.31, 3.33, 6.10)
TILE, WAVE = 256, 64
# A pause of hallo.wav and the word after it, every 67 ms.
PAUSE_S = np.arange(12) / 15 + 2.5
INK, LIGHT = np.array([214, 160, 130]), np.array([104, 111, 122])


def waveform(audio, width):
    """(WAVE, width, 3) uint8 picture of the sound, the moments marked."""
    bins = np.array_split(np.abs(audio.samples), width)
    loud = np.array([part.max() for part in bins]) / np.abs(audio.samples).max()
    rows = np.abs(np.arange(WAVE) - (WAVE - 1) / 2)[:, None]
    shown = rows <= np.maximum(loud * (WAVE / 2 - 4), 0.6)
    columns = np.arange(width)[None, :]
    at = np.array(MOMENTS_S) / audio.duration_s * width
    marked = np.abs(columns - at[:, None]).min(axis=0) < 3
    color = np.where(marked[:, None], INK, LIGHT)
    return np.where(shown[..., None], color, 255).astype(np.uint8)


def breath():
    """(h, w, 3) uint8, the lower face before and in a word of hallo.wav: without breath above, with it below."""
    rows = []
    for strength in (0.0, 1.0):
        motion = personare.animate(ROOT / "examples" / "hallo.wav", layers=replace(personare.STILL, breath=strength))
        frames = [round(moment * motion.fps) for moment in PAUSE_S]
        faces = [next(personare.render(motion.frames(i, i + 1), size=TILE)) for i in frames]
        rows.append(np.concatenate([face[TILE // 2:TILE * 7 // 8, TILE * 5 // 16:TILE * 11 // 16] for face in faces],
                                   axis=1))
    return np.concatenate(rows)


def main():
    """Write docs/images/hello.png and breath.png."""
    audio = personare.load(ROOT / "examples" / "hello.wav")
    motion = personare.animate(audio)
    frames = [round(moment * motion.fps) for moment in MOMENTS_S]
    tiles = [next(personare.render(motion.frames(i, i + 1), size=TILE)) for i in frames]
    picture = np.concatenate([np.concatenate(tiles, axis=1), waveform(audio, TILE * len(tiles))])
    (ROOT / "docs" / "images" / "hello.png").write_bytes(png(picture))
    (ROOT / "docs" / "images" / "breath.png").write_bytes(png(breath()))


if __name__ == "__main__":
    main()
