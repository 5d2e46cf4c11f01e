"""Neural Voice Puppetry's target of 4038 frames: the first 80 % to fit, the last 20 % to judge; the original and ours.

    python benchmarks/puppetry.py FIXTURES [--speed]      FIXTURES: shared/fixtures/voice_puppetry_audiodvp

Needs personare[learn] to convert the original's checkpoint. No setting is chosen on the frames that judge. --speed also
measures processor seconds for 60 s of speech, of everything but DeepSpeech itself, whose windows are in the files.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from personare.learn.convert import convert_checkpoint
from personare.motion.footage import fit_footage
from personare.motion.mapping import fit_mapping
from personare.motion.puppetry import code_space, open_puppetry, with_footage, with_mapping
from personare.spaces import NVP_76
from personare.types import Motion

FPS, SHARE, RIDGE = 25.0, 0.8, 1000.0


def explained(predicted, truth, mean):
    """1 - squared error / that of the mean of the fitted frames, all columns together."""
    return 1 - np.square(predicted - truth).sum() / np.square(mean - truth).sum()


def ridge(windows, truth, count):
    """Linear regression on the windows, each number brought to deviation 1."""
    x = windows.reshape(len(windows), -1).astype(np.float64)
    x = (x - x[:count].mean(axis=0)) / x[:count].std(axis=0)
    mean = truth[:count].mean(axis=0)
    weight = np.linalg.solve(x[:count].T @ x[:count] + RIDGE * np.eye(x.shape[1]), x[:count].T @ (truth[:count] - mean))
    return x @ weight + mean


def spoken(bundle, windows):
    """What a bundle says to windows from its own files, as a session decodes them; and processor seconds."""
    opened = open_puppetry(bundle)
    opened.values_of(windows[:10])
    begin = time.process_time()
    blocks = opened.values_of(windows)
    return blocks, time.process_time() - begin


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fixtures", type=Path)
    parser.add_argument("--speed", action="store_true")
    asked = parser.parse_args()
    windows = np.load(asked.fixtures / "nvp_trump_features.npz")["features"]
    truth = np.load(asked.fixtures / "nvp_trump_expressions.npz")["expressions"]
    count = int(SHARE * len(truth))
    mean, tracked = truth[:count].mean(axis=0), Motion(truth[:count], FPS, NVP_76)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "codes"
        convert_checkpoint(asked.fixtures / "nvp_audio2expression_netG.safetensors", base)
        method = open_puppetry(base)
        codes = method.values_of(windows)
        pair = (Motion(codes[:count], FPS, code_space()), tracked)
        plain = np.linalg.lstsq(codes[:count].astype(np.float64), truth[:count], rcond=None)[0]
        begin = time.process_time()
        mapping = fit_mapping([pair])
        solved_s = time.process_time() - begin
        begin = time.process_time()
        rows, around = method.heard(windows[:count])
        footage = fit_footage([(rows, around, tracked)], middle=method.options.rows_before, columns=windows.shape[2])
        learned_s = time.process_time() - begin
        with_mapping(base, Path(folder) / "mapped", mapping)
        with_footage(base, Path(folder) / "learned", footage)
        found = {"mean of the fitted frames": np.broadcast_to(mean, truth.shape),
                 "the original's audio expressions, least squares": codes @ plain,
                 "fit_mapping": spoken(Path(folder) / "mapped", windows)[0],
                 "ridge on the windows": ridge(windows, truth, count),
                 "fit_footage": spoken(Path(folder) / "learned", windows)[0]}
        print(f"{'R2 of the last fifth':50}{'':2}motion")
        motion = np.abs(np.diff(truth[count:], axis=0)).mean()
        for name, values in found.items():
            size = np.abs(np.diff(values[count:], axis=0)).mean() / motion
            print(f"{name:50}{explained(values[count:], truth[count:], mean):.3f}  {size:.2f}")
        print(f"\nmapping: lag {mapping.lag}, {solved_s:.2f} s of the processor; footage: {footage.likeness}, lag "
              f"{footage.lag}, left-out quarters {footage.explained[0]:.3f} (mapping {footage.explained[1]:.3f}), "
              f"{learned_s:.0f} s, {footage.known_rows.shape[0]} frames kept")
        if asked.speed:
            minute = np.concatenate([windows, windows])[: int(60 * FPS)]
            for name in ("mapped", "learned"):
                print(f"60 s of speech, {name}: {min(spoken(Path(folder) / name, minute)[1] for _ in range(3)):.2f} s "
                      "of the processor on one core")


if __name__ == "__main__":
    main()
