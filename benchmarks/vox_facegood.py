"""FACEGOOD's rig from the built-in model: the closed-form adapter, each clip predicted from the others.

    python benchmarks/vox_facegood.py --shared DIR [--model NAME]...

DIR/data/facegood holds the pairs (MIT): Mandarin by one speaker, solved animation of 116 channels at 30 frames a
second.
`as it is` is the model without any of it: jawOpen against their jaw, its lip gap against theirs. `adapted` maps the
model's curves, the level of the sound and its phones to their channels (personare.motion.adapt), fitted on the other
clips. The lip gap is that of an average head, their channels read as ARKit shapes (personare.motion.poses). Bars: jaw
.80, lip gap .84. `mean` weighs clips equally.
"""

import argparse
from pathlib import Path

import numpy as np

import personare
from personare.motion.adapt import fit_adapter, sound_columns
from personare.motion.mouth import measures_cm
from personare.motion.poses import POSES
from personare.spaces import ARKIT_52
from personare.types import Motion

FPS, JAW = 30, "mouth_stretch_c"
JAW_BAR, GAP_BAR = 0.80, 0.84


def clips(folder, model):
    """(name, motion of the model, their motion, extra columns of the sound) of each clip."""
    for path in sorted((folder / "paired").glob("*.npz")):
        sound = next(other for other in path.parent.glob(f"{path.stem}.*") if other.suffix in (".flac", ".wav"))
        audio = personare.load(sound)
        motion = personare.animate(audio, model=model, fps=FPS, layers=personare.STILL)
        with np.load(path, allow_pickle=False) as file:
            names, values = [str(name) for name in file["names"]], file["weights"]
        count = min(len(motion), len(values))
        order = [names.index(name) for name in personare.spaces.space_named("facegood-116").columns]
        motion = motion.frames(0, count)
        yield path.stem, motion, Motion(values[:count, order], FPS, "facegood-116"), sound_columns(audio, motion)


def gap_of(motion):
    """(t,) lip gap in cm of FACEGOOD's channels."""
    values = np.zeros((len(motion), len(ARKIT_52)))
    for i, column in enumerate(motion.space.columns):
        for shape, weight in POSES["facegood-116"].get(column, {}).items():
            values[:, ARKIT_52.index(shape)] += weight * motion.values[:, i]
    return np.maximum(measures_cm(Motion(np.clip(values, 0, 1), FPS, ARKIT_52))[:, 0], 0)


def r(one, other):
    """Pearson's correlation."""
    return float(np.corrcoef(one, other)[0, 1])


def main():
    """Print a table for each model."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, required=True)
    options.add_argument("--model", action="append", help="name or path of a bundle; several times for several")
    options = options.parse_args()
    for model in options.model or ["vox"]:
        takes = list(clips(options.shared / "data" / "facegood", model))
        rows = []
        print(f"{model}\n{'':12s}{'frames':>8s}   as it is: {'jaw':>5s}{'gap':>6s}   adapted: {'jaw':>5s}{'gap':>6s}"
              f"{'all':>6s}")
        for name, motion, theirs, sound in takes:
            others = [take for take in takes if take[0] != name]
            adapter = fit_adapter([(a, b) for _, a, b, _ in others], extra=[e for *_, e in others])
            mine = adapter.apply(motion, extra=sound)
            moving = [c for c in theirs.space.columns
                      if theirs.column(c).std() > 1e-3 and mine.column(c).std() > 1e-6]
            rows.append((len(motion), r(motion.column("jawOpen"), theirs.column(JAW)),
                         r(np.maximum(measures_cm(motion)[:, 0], 0), gap_of(theirs)),
                         r(mine.column(JAW), theirs.column(JAW)), r(gap_of(mine), gap_of(theirs)),
                         np.mean([r(mine.column(c), theirs.column(c)) for c in moving])))
            print(f"{name:12s}{rows[-1][0]:8d}{rows[-1][1]:18.3f}{rows[-1][2]:6.3f}{rows[-1][3]:17.3f}"
                  f"{rows[-1][4]:6.3f}{rows[-1][5]:6.3f}")
        table = np.array(rows)
        for name, weights in (("mean", None), ("by length", table[:, 0])):
            jaw, gap, jaw2, gap2, every = np.average(table[:, 1:], axis=0, weights=weights)
            print(f"{name:20s}{jaw:18.3f}{gap:6.3f}{jaw2:17.3f}{gap2:6.3f}{every:6.3f}   bars {JAW_BAR} {GAP_BAR}")


if __name__ == "__main__":
    main()
