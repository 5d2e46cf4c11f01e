"""Animate every recording of a folder: does it work, do lips move in speech, does the mouth rest in pauses?

    python benchmarks/real_speech.py FOLDER [--all]

A frame is speech within 20 dB of the recording's loud level (95th percentile), and a pause where 0.3 s around it stay
more than 32 dB below. The gap is that of an average head in cm (personare.motion.mouth); closed means below 0.16 cm.
"""

import argparse
from pathlib import Path

import numpy as np

import personare
from personare.motion.mouth import measures_cm

SUFFIXES = {".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".mp4", ".mpg", ".mov", ".webm"}
FPS = 30


def level_db(audio, frames):
    """(frames,) level of each video frame in dB against full scale."""
    edges = (np.arange(frames + 1) * audio.rate_hz / FPS).astype(int).clip(0, len(audio.samples))
    energy = np.concatenate([[0], np.cumsum(audio.samples.astype(np.float64) ** 2)])
    count = np.maximum(np.diff(edges), 1)
    return 10 * np.log10(np.diff(energy[edges]) / count + 1e-10)


def measure(path):
    """(seconds, lip travel in speech cm/s, 95th percentile gap, share of pause frames closed or NaN)."""
    audio = personare.load(path)
    motion = personare.animate(audio, fps=FPS, layers=personare.STILL)
    gap = np.maximum(measures_cm(motion)[:, 0], 0)
    level = level_db(audio, len(motion))
    loud = np.percentile(level, 95)
    speech = level > loud - 20
    quiet = level < loud - 32
    pause = np.convolve(quiet, np.ones(9), "same") > 8.5
    travel = np.abs(np.diff(gap)).sum() / max(speech.sum() / FPS, 0.1)
    rest = float((gap[pause] < 0.16).mean()) if pause.any() else float("nan")
    return audio.duration_s, travel, float(np.percentile(gap[speech], 95)), rest


def main():
    """Print a line for each odd file, or for all, and a summary."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--all", action="store_true", help="print every file")
    options = options.parse_args()
    paths = sorted(p for p in options.folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    rows, failed = {}, []
    for path in paths:
        try:
            rows[path] = measure(path)
        except personare.PersonareError as error:
            failed.append(path)
            print(f"failed: {error}")
            continue
        seconds, travel, widest, rest = rows[path]
        if options.all or travel < 1 or rest < 0.9:
            name = path.relative_to(options.folder)
            print(f"{name!s:48s} {seconds:6.1f} s  travel {travel:5.2f} cm/s  p95 gap {widest:.2f} cm  rest {rest:.2f}")
    table = np.array(list(rows.values()))
    print(f"{len(rows)} of {len(paths)} animated, {len(failed)} failed; {table[:, 0].sum() / 60:.1f} minutes")
    print(f"lips move (over 1 cm/s) in {(table[:, 1] > 1).sum()}; medians: travel {np.median(table[:, 1]):.2f} cm/s, "
          f"p95 gap {np.median(table[:, 2]):.2f} cm, at rest in pauses {np.nanmedian(table[:, 3]):.2f} "
          f"({np.isfinite(table[:, 3]).sum()} files have pauses)")


if __name__ == "__main__":
    main()
