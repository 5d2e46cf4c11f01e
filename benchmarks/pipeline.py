"""The whole path against real time: whole processes, medians, peak memory.

    python benchmarks/pipeline.py [--runs 3] [--hour]

Sound is the example speech, repeated. Real time is the peer: 8x means a minute of sound takes 7.5 s.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

HELLO = Path(__file__).parents[1] / "examples" / "hello.wav"

# The child reports the peak memory of its own process, in kilobytes, as the last thing it does. A shell between
# parent and child would hide it.
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"

CURVES = """
import os
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
import time, personare
audio = personare.load("SOUND")
personare.animate(personare.Audio(audio.samples[:16000], audio.rate_hz))
times = []
for _ in range(7):
    began = time.perf_counter()
    personare.animate(audio, layers=personare.STILL)
    times.append(time.perf_counter() - began)
print(sorted(times)[3])
"""

FIRST_CURVE = """
import numpy, personare
motion = personare.animate(personare.Audio(numpy.zeros(1600, numpy.float32), 16000))
assert len(motion)
"""


def run(code, runs):
    """(median seconds of the whole process, what it printed last)."""
    seconds, printed = [], ""
    for _ in range(runs):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        seconds.append(time.perf_counter() - began)
        printed = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    return statistics.median(seconds), printed


def command(*words):
    """Code that runs the command line in the child and prints its peak memory."""
    words = ["personare", *map(str, words)]
    return (f"import sys; sys.argv = {words!r}\nfrom personare.cli import app\n"
            f"app(standalone_mode=False)\n{PEAK}")


def sound(path, seconds):
    """Write the example speech, repeated to some length."""
    samples, rate_hz = soundfile.read(HELLO, dtype="float32")
    with soundfile.SoundFile(path, "w", rate_hz, 1, subtype="PCM_16") as file:
        left = int(seconds * rate_hz)
        while left > 0:
            file.write(samples[:left])
            left -= len(samples)


def main():
    """Print one line for each figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--hour", action="store_true", help="also one hour of sound to csv")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sound(folder / "minute.wav", 60)
        sound(folder / "ten.wav", 10)
        seconds, peak = run(command("animate", folder / "minute.wav", "-o", folder / "minute.mp4", "-q"), options.runs)
        print(f"60 s of speech to 512x512 mp4: {seconds:.1f} s, {60 / seconds:.1f}x real time, peak {peak} MB")
        seconds, peak = run(command("animate", folder / "ten.wav", "-o", folder / "ten.mp4", "-q"), options.runs)
        print(f"10 s of speech to 512x512 mp4: {seconds:.1f} s, peak {peak} MB")
        _, median = run(CURVES.replace("SOUND", str(folder / "minute.wav")), 1)
        print(f"audio to curves on one core: {60 / float(median):.0f}x real time")
        seconds, _ = run(FIRST_CURVE, max(options.runs, 5))
        floor, _ = run("import onnxruntime", max(options.runs, 5))
        print(f"cold start to first curve: {seconds:.2f} s, {seconds / floor:.1f} times importing onnxruntime")
        if options.hour:
            sound(folder / "hour.wav", 3600)
            seconds, peak = run(command("animate", folder / "hour.wav", "-o", folder / "hour.csv", "-q"), 1)
            print(f"one hour of speech to csv: {seconds:.1f} s, {3600 / seconds:.0f}x real time, peak {peak} MB")


if __name__ == "__main__":
    main()
