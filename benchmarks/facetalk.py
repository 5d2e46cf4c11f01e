"""The built-in motion diffusion on one core: speed, joins of blocks, takes by seed, long speech; lips beside vox.

    python benchmarks/facetalk.py examples/hello.wav [--minutes 10] [--shared DIR]

Seconds are processor time of this one-threaded process, features included. Joins: how fast the frames at which one
block goes over into the next move, and how fast that changes, by the other frames. Takes by seed: distance of the
vertices of `sona`, and by how much of their own spread the curves differ. With --shared, PhoneLip, which needs its
bench/ and data/.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import personare
from personare.audio.load import load
from personare.audio.resampling import resample
from personare.motion.codes import code_names, codes_of
from personare.motion.facetalk import open_facetalk
from personare.motion.pieces import joined

RATE_HZ, SEEDS = 16000, 5
NAMES = code_names("arkit-52", head=True)
PARTS = {"mouth": ("jawOpen", "mouthPucker", "mouthSmileLeft"), "lids": ("eyeBlinkLeft",),
         "gaze": ("eyeLookInLeft", "eyeLookUpLeft"), "brows": ("browInnerUp",), "head": NAMES[52:]}


def take(method, sound, **options):
    """(t, 55) curves and head angles, Motion, and processor seconds."""
    begin = time.process_time()
    session = method.session(**options)
    motion = joined([session.push(sound), session.finish()])
    return codes_of(motion, NAMES), motion, time.process_time() - begin


def at_joins(codes, every, order):
    """Mean size of differences of an order that cross a join, by that of the others; mean over moving columns."""
    sizes = np.abs(np.diff(codes, order, axis=0))[:, codes.std(axis=0) > 1e-3]
    number = np.arange(len(sizes)) % every
    crossing = (number >= every - order) & (np.arange(len(sizes)) >= every - order)
    return float((sizes[crossing].mean(axis=0) / sizes[~crossing].mean(axis=0)).mean())


def joins(codes, every):
    """What is printed of the joins."""
    return f"velocity {at_joins(codes, every, 1):.2f}, acceleration {at_joins(codes, every, 2):.2f}"


def main():
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", nargs="+", help="speech, joined and repeated")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long take; 0 for none")
    parser.add_argument("--shared", type=Path, help="folder with bench/ and data/")
    parser.add_argument("--model", help="path of another bundle")
    options = parser.parse_args()
    method = open_facetalk(options.model)
    speech = np.concatenate([resample(load(path), RATE_HZ).samples for path in options.sounds])
    minute = np.tile(speech, -(-60 * RATE_HZ // len(speech)))[: 60 * RATE_HZ]
    take(method, minute[: 5 * RATE_HZ])
    codes, motion, _ = take(method, minute)
    for steps in (4, 8, 20):
        seconds = [take(method, minute, steps=steps)[2] for _ in range(3)]
        print(f"60 s of speech, {steps:2d} steps: {np.median(seconds):.2f} s of one core, "
              f"{60 / np.median(seconds):.0f} times faster than real time")
    own = method.options
    every = own.fresh - own.overlap
    print(f"at joins, by elsewhere: {joins(codes, every)}; the head alone: {joins(codes[:, 52:], every)}")
    cut = method.session()
    pieces = [cut.push(piece) for piece in np.array_split(minute, 611)] + [cut.finish()]
    print(f"611 pieces against one: {np.abs(joined(pieces).values - motion.values).max():.1e}")
    takes = [take(method, minute, seed=seed)[:2] for seed in range(SEEDS)]
    spread = personare.diversity([one.frames(0, 300) for _, one in takes])["diversity_mm"]
    print(f"{SEEDS} seeds, vertices: {spread:.2f} mm")
    for part, names in PARTS.items():
        index = [NAMES.index(name) for name in names]
        values = np.stack([found[:, index] for found, _ in takes])
        print(f"{SEEDS} seeds, {part}: {values.std(axis=0).mean() / values.std(axis=1).mean():.2f} of their own spread")
    lids = np.stack([found[:, NAMES.index("eyeBlinkLeft")] > 0.5 for found, _ in takes])
    print(f"blinks a minute: {(lids[:, 1:] & ~lids[:, :-1]).sum() / SEEDS:.1f}")
    if options.minutes:
        long = np.tile(minute, int(np.ceil(options.minutes)))[: int(options.minutes * 60 * RATE_HZ)]
        codes, _, seconds = take(method, long)
        assert np.isfinite(codes).all()
        spread = codes[-1800:].std(axis=0).mean() / codes[:1800].std(axis=0).mean()
        print(f"{options.minutes:g} min: {len(codes)} frames, {seconds:.1f} s of one core; joins: "
              f"{joins(codes, every)}; spread of the last minute by that of the first {spread:.2f}")
    if options.shared:
        for model in (options.model or "facetalk", "vox"):
            found = personare.evaluate(options.shared / "bench" / "index.csv", root=options.shared, model=model)
            print(model, *(f"{name} {found[name]:.3f}" for name in (
                "score", "closure_recall", "closure_precision", "rest", "share_above_12_hz")))


if __name__ == "__main__":
    main()
