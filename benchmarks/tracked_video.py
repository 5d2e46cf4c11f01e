"""Lip gap of the model against the lip gap tracked in real video, clip by clip, after lag correction.

    python benchmarks/tracked_video.py SHARED_DATA_FOLDER

The folder holds tracks/<clip>.npz (MediaPipe landmarks), videos/<clip>.* with their sound and paired_bfm/<clip>.flac.
The tracked gap is that of the inner lips (landmarks 13 and 14) as a share of the distance of the outer eye corners (33
and 263); the model's is that of an average head. r is Pearson's at the best lag within 0.3 s; `loudness` is the same
for the level of the sound, the floor any method should beat.
"""

import argparse
from pathlib import Path

import numpy as np

import personare
from personare.arrays import resample_in_time
from personare.motion.mouth import measures_cm

RATE_HZ, MOST_LAG_S = 60, 0.3


def tracked_gap(track):
    """(times s, gap) of the frames in which a face was found."""
    index = {int(number): i for i, number in enumerate(track["landmark_index"])}
    points = track["landmarks_px_x16"][..., :2].astype(np.float64) / 16
    upper, lower, right, left = (points[:, index[number]] for number in (13, 14, 33, 263))
    gap = np.linalg.norm(upper - lower, axis=1) / np.maximum(np.linalg.norm(right - left, axis=1), 1)
    found = track["detected"].astype(bool)
    return track["time"][found], gap[found]


def best_correlation(one, other):
    """(r, lag in s by which `other` runs ahead) at the best lag."""
    best = (-1.0, 0.0)
    most = int(MOST_LAG_S * RATE_HZ)
    for lag in range(-most, most + 1):
        a, b = one[max(lag, 0):len(one) + min(lag, 0)], other[max(-lag, 0):len(other) - max(lag, 0)]
        n = min(len(a), len(b))
        r = np.corrcoef(a[:n], b[:n])[0, 1]
        if r > best[0]:
            best = (float(r), lag / RATE_HZ)
    return best


def level(audio, count):
    """(count,) level of the sound in dB at RATE_HZ, smoothed over 50 ms."""
    energy = np.concatenate([[0], np.cumsum(audio.samples.astype(np.float64) ** 2)])
    centre = np.arange(count) / RATE_HZ * audio.rate_hz
    low, high = ((centre + s * 0.025 * audio.rate_hz).astype(int).clip(0, len(audio.samples)) for s in (-1, 1))
    return 10 * np.log10((energy[high] - energy[low]) / np.maximum(high - low, 1) + 1e-6)


def main():
    """Print a line for each clip with sound, and the mean."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    folder = options.parse_args().folder
    found = []
    for path in sorted((folder / "tracks").glob("*.npz")):
        name = path.stem.removeprefix("bfm_")
        sounds = [*(folder / "paired_bfm").glob(f"{name}.flac"), *(folder / "videos").glob(f"{name}.m*")]
        try:
            audio = personare.load(sounds[0])
        except personare.InputError:
            continue
        with np.load(path) as track:
            time_s, gap = tracked_gap(track)
        if len(gap) < 25 or np.abs(audio.samples).max() < 1e-3:
            continue
        motion = personare.animate(audio, fps=RATE_HZ, layers=personare.STILL)
        ours = np.maximum(measures_cm(motion)[:, 0], 0)
        grid = np.arange(int(time_s[-1] * RATE_HZ)) / RATE_HZ
        real = np.interp(grid, time_s, gap)
        ours = resample_in_time(ours, from_hz=RATE_HZ, to_hz=RATE_HZ, frame_count=len(grid))
        r, lag = best_correlation(real, ours)
        floor, _ = best_correlation(real, level(audio, len(grid)))
        found.append((r, floor))
        print(f"{name:28s} {time_s[-1]:5.1f} s  r {r:.2f} at {lag * 1000:+5.0f} ms   loudness {floor:.2f}")
    r, floor = np.mean(found, axis=0)
    print(f"{len(found)} clips: mean r {r:.3f}, loudness {floor:.3f}")


if __name__ == "__main__":
    main()
