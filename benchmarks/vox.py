"""The built-in model on one core: speed, memory and cold start against their bars, and PhoneLip where its labels lie.

Bars: 200 times faster than real time (Rhubarb Lip Sync, which gives nine mouth shapes, was measured at 32 to 50 on
such a core), an hour of sound in 400 MB, first curve within one second. PhoneLip needs a folder with bench/ and
data/; its peers here are a mouth held shut (the floor) and a jaw that follows loudness.

    python benchmarks/vox.py [--shared DIR] [--predictions DIR]
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from personare.motion.vox import open_vox
from personare.spaces import ARKIT_52

RATE_HZ = 16000
SPEED_BAR, MEMORY_BAR_MB, START_BAR_S = 200, 400, 1.0

FIRST_CURVE = """
import time, numpy as np
begin = time.perf_counter()
from personare.motion.vox import open_vox
take = open_vox().session()
take.push(np.zeros(16000, np.float32))
print(time.perf_counter() - begin)
"""
ONE_HOUR = """
import resource, numpy as np
from personare.motion.vox import open_vox
take = open_vox().session()
sound = np.random.default_rng(0).normal(0, 0.05, 16000 * 60).astype(np.float32)
count = sum(len(take.push(sound)) for _ in range(60)) + len(take.finish())
assert count == 3600 * 30
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def speed():
    """Times faster than real time for a minute of sound at 30 frames a second, features included; median of 8.

    Counted in processor time of this one-threaded process, so that a busy machine does not blur it.
    """
    vox = open_vox()
    sound = np.random.default_rng(0).normal(0, 0.05, RATE_HZ * 60).astype(np.float32)
    seconds = []
    for _ in range(9):
        begin = time.process_time()
        take = vox.session(fps=30.0)
        take.push(sound)
        take.finish()
        seconds.append(time.process_time() - begin)
    return 60 / float(np.median(seconds[1:]))


def measured(script):
    """What a script prints in a process of its own; median of 3."""
    runs = [subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            for _ in range(3)]
    return float(np.median([float(run.stdout) for run in runs]))


def vox_motion(sound):
    """(t, 52) at 30 frames a second of the built-in model."""
    take = open_vox().session(fps=30.0)
    return np.concatenate([take.push(sound).values, take.finish().values])


def shut_motion(sound):
    """The mouth held shut."""
    return np.zeros((int(np.ceil(len(sound) / RATE_HZ * 30)), len(ARKIT_52)), np.float32)


def loud_motion(sound):
    """The jaw follows the level between its 10th and 95th percentile."""
    values = shut_motion(sound)
    padded = np.concatenate([sound, np.zeros(RATE_HZ, np.float32)])
    frames = np.stack([padded[int(i / 30 * RATE_HZ):][:800] for i in range(len(values))])
    level = np.log((frames**2).mean(axis=1) + 1e-8)
    low, high = np.percentile(level, [10, 95])
    values[:, ARKIT_52.index("jawOpen")] = 0.25 * np.clip((level - low) / max(high - low, 1e-3), 0, 1)
    return values


def phonelip(shared, method, folder):
    """One line of PhoneLip for a method: (n,) sound -> (t, 52) at 30 frames a second."""
    from personare.audio.load import load
    from personare.audio.resampling import resample

    bench = shared / "bench"
    with open(bench / "index.csv", newline="") as table:
        for row in csv.DictReader(table):
            sound = resample(load(shared / row["audio"]), RATE_HZ).samples
            np.savez(folder / f"{row['id']}.npz", w=method(sound), names=np.array(ARKIT_52.columns), fps=30.0)
    command = [sys.executable, bench / "phonelip.py", "--pred", folder, "--short", "--boot", "200"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main():
    """Print every figure beside its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="folder with bench/ and data/, for PhoneLip")
    parser.add_argument("--predictions", type=Path, help="keep the predictions for PhoneLip here")
    options = parser.parse_args()
    print(f"speed        {speed():6.0f} x real time   bar {SPEED_BAR}, Rhubarb 32 to 50")
    print(f"first curve  {measured(FIRST_CURVE):6.2f} s              bar {START_BAR_S}")
    print(f"one hour     {measured(ONE_HOUR):6.0f} MB at most      bar {MEMORY_BAR_MB}")
    if options.shared:
        methods = {"vox": vox_motion, "loudness": loud_motion, "shut": shut_motion}
        for name, method in methods.items():
            with tempfile.TemporaryDirectory() as scratch:
                folder = (options.predictions or Path(scratch)) / name
                folder.mkdir(parents=True, exist_ok=True)
                print(phonelip(options.shared, method, folder))


if __name__ == "__main__":
    main()
