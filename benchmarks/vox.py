"""The built-in models on one core against their bars: lips (PhoneLip), speed, memory, size, delay.

Two sizes, each with much and with little look-ahead. PhoneLip needs a folder with bench/ and data/; its peers here are
a mouth held shut (the floor) and a jaw that follows loudness, benchmarks/vox_peers.py has more. Rhubarb Lip Sync, which
gives nine mouth shapes, was measured at 32 to 50 times real time on such a core.

    python benchmarks/vox.py [--shared DIR] [--models vox vox-live]
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from personare import registry
from personare.assets import builtin_path
from personare.motion.vox import GRAPH
from personare.spaces import ARKIT_52

RATE_HZ = 16000
MODELS = ("vox", "vox-live", "vox-small", "vox-small-live")
NOISE_DB = 15
# Name in the table, unit, bar.
BARS = {
    "score": ("PhoneLip", "", ">= .80, aim .88"), "low": ("  5th percentile", "", ""),
    "high": ("  95th percentile", "", ""), "pbm_recall": ("p b m closed", "", ">= .85"),
    "pbm_prec": ("  precision", "", ">= .75"), "pbm_auc": ("  AUC", "", ""), "fv_auc": ("f v AUC", "", ">= .90"),
    "round_auc": ("rounding AUC", "", ">= .95"), "open_auc": ("open vowels AUC", "", ""),
    "sil_closed": ("at rest in pauses", "", ">= .95"), "noisy_rest": (f"  in noise at {NOISE_DB} dB", "", ">= .95"),
    "noisy_score": (f"PhoneLip at {NOISE_DB} dB", "", ""), "score_60": ("PhoneLip, 60 fps", "", ""),
    "fast_30": ("above 12 Hz, 30 fps", "", "< .08"), "fast_60": ("above 12 Hz, 60 fps", "", "< .08"),
    "lag": ("lag of closures", "ms", "-20 to 20"), "p95": ("95th pct. of gap", "cm", ""),
    "look_ahead": ("look-ahead", "ms", "<= 160, live 40"), "megabytes": ("graph", "MB", "about 5, small 1"),
    "speed": ("times real time", "", ">= 200"), "memory": ("memory, an hour", "MB", "<= 150"),
    "start": ("first curve", "s", "<= 1"),
}

FIRST_CURVE = """
import time, numpy as np
begin = time.perf_counter()
from personare import registry
take = registry.load("motion", "{name}")().session()
take.push(np.zeros(16000, np.float32))
print(time.perf_counter() - begin)
"""
ONE_HOUR = """
import resource, numpy as np
from personare import registry
take = registry.load("motion", "{name}")().session()
sound = np.random.default_rng(0).normal(0, 0.05, 16000 * 60).astype(np.float32)
count = sum(len(take.push(sound)) for _ in range(60)) + len(take.finish())
assert count == 3600 * 30
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def speed(name):
    """Times faster than real time for a minute of sound at 30 frames a second, features included; median of 8.

    Counted in processor time of this one-threaded process, so that a busy machine does not blur it.
    """
    method = registry.load("motion", name)()
    sound = np.random.default_rng(0).normal(0, 0.05, RATE_HZ * 60).astype(np.float32)
    seconds = []
    for _ in range(9):
        begin = time.process_time()
        take = method.session(fps=30.0)
        take.push(sound)
        take.finish()
        seconds.append(time.process_time() - begin)
    return 60 / float(np.median(seconds[1:]))


def measured(script):
    """What a script prints in a process of its own; median of 3."""
    runs = [subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            for _ in range(3)]
    return float(np.median([float(run.stdout) for run in runs]))


def model_motion(name, fps):
    """A method: (n,) sound -> (t, 52) at fps frames a second."""
    method = registry.load("motion", name)()

    def motion(sound):
        take = method.session(fps=fps)
        return np.concatenate([take.push(sound).values, take.finish().values])

    return motion


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


def with_noise(sound, seed):
    """Pink noise NOISE_DB below the whole recording."""
    noise = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(sound)))
    noise /= np.sqrt(np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE_HZ), 50))
    noise = np.fft.irfft(noise, len(sound))
    return (sound + noise * (np.std(sound) / np.std(noise) * 10 ** (-NOISE_DB / 20))).astype(np.float32)


def phonelip(sounds, shared, method, *, fps=30.0):
    """Figures of the reference script for a method: (n,) sound -> (t, 52) at fps frames a second."""
    with tempfile.TemporaryDirectory() as folder:
        for name, sound in sounds.items():
            np.savez(f"{folder}/{name}.npz", w=method(sound), names=np.array(ARKIT_52.columns), fps=fps)
        command = [sys.executable, shared / "bench" / "phonelip.py", "--pred", folder, "--boot", "200", "--short",
                   "--json", f"{folder}/out.json"]
        subprocess.run(command, capture_output=True, check=True)
        found = json.loads(Path(f"{folder}/out.json").read_text())
    low, high = found["pooled"]["score_ci90"]
    extras = found["extras"]
    return found["pooled"] | {"low": low, "high": high, "fast_30": extras["hf_ratio_>12Hz"],
                              "lag": extras["closure_lag_ms"], "p95": extras["gap_p95_cm(abs)"],
                              "speakers": {name: one["score"] for name, one in found["speakers"].items()}}


def suite_sounds(shared):
    """PhoneLip's recordings: id -> (n,) float32 at 16 kHz."""
    from personare.audio.load import load
    from personare.audio.resampling import resample

    with open(shared / "bench" / "index.csv", newline="") as table:
        return {row["id"]: resample(load(shared / row["audio"]), RATE_HZ).samples for row in csv.DictReader(table)}


def lips(sounds, shared, name):
    """Every figure of PhoneLip that BARS asks for, of one model."""
    found = phonelip(sounds, shared, model_motion(name, 30.0))
    fine = phonelip(sounds, shared, model_motion(name, 60.0), fps=60.0)
    noisy = {key: with_noise(sound, i) for i, (key, sound) in enumerate(sounds.items())}
    worse = phonelip(noisy, shared, model_motion(name, 30.0))
    return found | {"fast_60": fine["fast_30"], "score_60": fine["score"], "noisy_rest": worse["sil_closed"],
                    "noisy_score": worse["score"]}


def costs(name):
    """Delay, size, speed and memory of one model."""
    return {"look_ahead": registry.load("motion", name)().session(fps=30.0).look_ahead_s * 1000,
            "megabytes": (builtin_path(name) / GRAPH).stat().st_size / 1e6, "speed": speed(name),
            "memory": measured(ONE_HOUR.replace("{name}", name)),
            "start": measured(FIRST_CURVE.replace("{name}", name))}


def main():
    """Print every figure beside its bar, one column a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="folder with bench/ and data/, for PhoneLip")
    parser.add_argument("--models", nargs="+", default=MODELS)
    options = parser.parse_args()
    found = {name: costs(name) for name in options.models}
    if options.shared:
        sounds = suite_sounds(options.shared)
        for name in options.models:
            found[name] |= lips(sounds, options.shared, name)
        for name, method in {"loudness": loud_motion, "shut": shut_motion}.items():
            found[name] = phonelip(sounds, options.shared, method)
    print(f"{'':22s}" + "".join(f"{name:>16s}" for name in found) + "  bar")
    for key, (title, unit, bar) in BARS.items():
        cells = "".join(f"{found[name][key]:16.3f}" if key in found[name] else f"{'':16s}" for name in found)
        print(f"{title + ' ' + unit:22s}{cells}  {bar}")
    for name in options.models if options.shared else ():
        print(name, {speaker: round(score, 2) for speaker, score in found[name]["speakers"].items()})


if __name__ == "__main__":
    main()
