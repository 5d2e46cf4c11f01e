"""Processor seconds that bundles take for 60 s of speech, features included, on one core.

    python benchmarks/methods.py BUNDLE... [--sound hello.wav] [--piece 4096]

The sound is repeated to 60 s and pushed whole, as personare.animate does, or in pieces of so many samples; the first
run, which opens graphs, does not count. Processor time is the same on a busy machine, give or take what its caches
lose.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from personare.audio.load import load
from personare.audio.resampling import resample
from personare.motion.performance import open_method

SECONDS = 60


def main():
    """Print a line for each bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="+", help="paths, or names of methods")
    parser.add_argument("--sound", type=Path, default=Path(__file__).parents[1] / "examples" / "hello.wav")
    parser.add_argument("--piece", type=int, default=10**9, help="samples pushed at once; default the whole sound")
    asked = parser.parse_args()
    for name in asked.bundles:
        method = open_method(name)
        rate_hz = method.session().rate_hz
        samples = resample(load(asked.sound), rate_hz).samples
        samples = np.tile(samples, -(-SECONDS * rate_hz // len(samples)))[: SECONDS * rate_hz]
        taken = []
        for part in (samples[: 4 * rate_hz], samples, samples):
            session = method.session()
            begin = time.process_time()
            frames = sum(len(session.push(part[i : i + asked.piece])) for i in range(0, len(part), asked.piece))
            frames += len(session.finish())
            taken.append(time.process_time() - begin)
        print(f"{name}: {min(taken[1:]):.2f} s of the processor for {SECONDS} s, {frames} frames, look-ahead "
              f"{session.look_ahead_s:.2f} s")


if __name__ == "__main__":
    main()
