"""Find how sharp the gates of a bundle should be, and where they switch, on recordings held out of training.

    python scripts/vox/tune_gates.py --shards SCRATCH/shards --bundle personare/builtin/vox

Half of the figure is clean sound, half of it degraded. Coordinate by coordinate, twice; prints the settings for
DECODING in scripts/train_vox.py, and with --suite DIR what they give on DIR/bench, which plays no part in the choice.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from judge import degraded, figures, held_out, line, suite

sys.path.insert(0, str(Path(__file__).parents[1]))
from train_vox import read_corpora

from personare.audio.networks import NetworkStream
from personare.motion.vox import open_vox

GAINS = (0.7, 1.0, 1.4, 2.0, 3.0)
BIASES = {0: (-2.0, -1.5, -1.2, -0.9, -0.6, -0.3, 0.0), 1: (-2.5, -2.0, -1.5, -1.0, -0.5),
          2: (-3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5)}
AMPLITUDES = (1.0, 1.1, 1.2)
# What the bars ask for beside the score: calm curves at 30 frames a second, and precision of closures.
MOST_FAST, LEAST_PRECISION = 0.085, 0.75
# A setting is changed only for more than this.
LEAST_GAIN = 0.002


def raw_outputs(method, recordings):
    """Outputs of the network, with what decoding reaches beyond the frames of the sound."""
    options, found = method.options, []
    for one in recordings:
        stream = NetworkStream(options.mel, method.run, frames_before=options.frames_before,
                               frames_after=options.frames_after, first_frame=-options.reach_before)
        need = int(np.ceil(len(one.sound) / 16000 * 60)) + options.reach_before + options.smoothing_after
        parts = [part for part in (stream.push(one.sound), stream.finish()) if part is not None]
        while sum(map(len, parts)) < need:
            part = stream.silence()
            parts += [part] if part is not None else []
        found.append(np.concatenate(parts)[:need])
    return found


def worth(sets, options):
    """What is made large: the score's parts, less what the bars forbid.

    Rest counts on degraded sound alone, which has silence around it: in the published times of the clean sentences
    some gaps between words are no silence.
    """
    clean, worse = (figures(recordings, outputs, options, fps=30) for recordings, outputs in sets)
    total = worse["rest"] / 6
    for one in (clean, worse):
        aucs = (one[f"{name}_auc"] for name in ("closure", "labiodental", "round", "open"))
        total += (one["closure_f1"] + sum(2 * auc - 1 for auc in aucs)) / 12
        total -= max(0, one["share_above_12_hz"] - MOST_FAST) + max(0, LEAST_PRECISION - one["closure_precision"]) / 2
    return total


def tune(sets, options, *, rounds=2):
    """The best VoxOptions from `options` on, one setting after the other."""
    best = worth(sets, options)
    for _ in range(rounds):
        choices = [replace(options, amplitude=value) for value in AMPLITUDES]
        for gate in (0, 1, 2):
            for name, values in (("gate_bias", BIASES[gate]), ("gate_gain", GAINS)):
                for value in values:
                    changed = list(getattr(options, name))
                    changed[gate] = value
                    choices.append(replace(options, **{name: tuple(changed)}))
                for choice in choices:
                    if (found := worth(sets, choice)) > best + LEAST_GAIN:
                        best, options = found, choice
                choices = []
    return options


def main():
    """Tune one bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--most", type=int, default=25, help="sentences of each speaker")
    options = parser.parse_args()
    method = open_vox(options.bundle)
    clean = held_out(read_corpora(options.shards, held_out=True)[0], most=options.most)
    sets = [(recordings, raw_outputs(method, recordings)) for recordings in (clean, degraded(clean))]
    chosen = tune(sets, method.options)
    print(options.bundle.name, {name: getattr(chosen, name) for name in ("gate_gain", "gate_bias", "amplitude")})
    for name, (recordings, outputs) in zip(("clean", "degraded"), sets, strict=True):
        print(f"  {name:9s} {line(figures(recordings, outputs, chosen, fps=30))}", flush=True)
    if options.suite:
        recordings = suite(options.suite)
        outputs = raw_outputs(method, recordings)
        for fps in (30, 60):
            print(f"  suite {fps}  {line(figures(recordings, outputs, chosen, fps=fps))}", flush=True)


if __name__ == "__main__":
    main()
