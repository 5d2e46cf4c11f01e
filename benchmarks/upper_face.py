"""Blinks, head and brows of the layers against tracked speakers, on the same sounds.

    python benchmarks/upper_face.py SHARED_DATA_FOLDER [--least 15]

The folder is that of tracked_video.py; clips shorter than --least seconds are left out. Blinks are read off the gap
of the lids (below 55 % of the usual), ours off eyeBlink above 0.45. Head angles are taken against their median. r is
the best correlation within 0.3 s of head pitch, 0.5 to 4 Hz, with the level of the sound in the same band, whatever
its sign; `chance` is the same with the sound turned round by half the clip. Medians over clips; ours over five seeds.
"""

import argparse
from pathlib import Path

import numpy as np
from tracked_video import level, sound_of, tracks

import personare

RATE_HZ, BAND_HZ, MOST_LAG_S = 30, (0.5, 4.0), 0.3
NAMES = ("blinks/min", "blink ms", "yaw sd", "pitch sd", "roll sd", "yaw deg/s", "pitch deg/s", "roll deg/s",
         "yaw Hz", "pitch Hz", "roll Hz", "above 1 Hz", "pitch r", "chance", "brow r", "brow chance")


def band(curve):
    """The curve between 0.5 and 4 Hz, by its spectrum."""
    spectrum = np.fft.rfft(curve - curve.mean())
    hz = np.fft.rfftfreq(len(curve), 1 / RATE_HZ)
    return np.fft.irfft(np.where((hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1]), spectrum, 0), len(curve))


def best_r(one, other):
    """Greatest |r| within MOST_LAG_S."""
    most = int(MOST_LAG_S * RATE_HZ)
    middle = slice(most, len(one) - most)
    return max(abs(np.corrcoef(one[middle], np.roll(other, lag)[middle])[0, 1]) for lag in range(-most, most + 1))


def angles_deg(rotation):
    """(t, 3) yaw, pitch, roll in degrees of (t, 3, 3) rotations, less their medians."""
    angles = np.degrees(np.stack([np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]),
                                  np.arctan2(-rotation[:, 1, 2], rotation[:, 2, 2]),
                                  np.arctan2(rotation[:, 1, 0], rotation[:, 1, 1])], axis=1))
    return angles - np.median(angles, axis=0)


def figures(shut, angles, brow, sound_level):
    """The row of NAMES of one take at RATE_HZ: shut (t,) bool, angles (t, 3) degrees, brow (t,), level (t,) dB."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shut.astype(int), [0]])))
    lengths = (edges[1::2] - edges[::2]) / RATE_HZ * 1000
    minutes = len(shut) / RATE_HZ / 60
    power = np.abs(np.fft.rfft(angles * np.hanning(len(angles))[:, None], axis=0)) ** 2
    hz = np.fft.rfftfreq(len(angles), 1 / RATE_HZ)
    power, hz = power[hz > 0.1], hz[hz > 0.1]
    sound, turned = band(sound_level), band(np.roll(sound_level, len(sound_level) // 2))
    pitch, raised = band(angles[:, 1]), band(brow + 1e-9 * np.arange(len(brow)))
    return [len(lengths) / minutes, np.median(lengths) if len(lengths) else np.nan, *angles.std(axis=0),
            *(np.abs(np.diff(angles, axis=0)).mean(axis=0) * RATE_HZ),
            *((hz[:, None] * power).sum(axis=0) / power.sum(axis=0)),
            float((power[hz > 1].sum(axis=0) / power.sum(axis=0)).mean()),
            best_r(sound, pitch), best_r(turned, pitch), best_r(sound, raised), best_r(turned, raised)]


def of_track(track, count, sound_level):
    """figures of what was filmed."""
    found = track["detected"].astype(bool)
    time_s, grid = track["time"][found], np.arange(count) / RATE_HZ
    index = {int(number): i for i, number in enumerate(track["landmark_index"])}
    points = track["landmarks_px_x16"][found][..., :2].astype(np.float64) / 16

    def span(one, other):
        return np.linalg.norm(points[:, index[one]] - points[:, index[other]], axis=1)

    lids = (span(159, 145) / span(33, 133) + span(386, 374) / span(263, 362)) / 2
    lids = np.interp(grid, time_s, lids)
    angles = angles_deg(track["head_matrix"][found][:, :3, :3].astype(np.float64))
    angles = np.stack([np.interp(grid, time_s, angle) for angle in angles.T], axis=1)
    columns = [list(track["blendshape_names"]).index(name) for name in ("browInnerUp", "browOuterUpLeft")]
    brow = np.interp(grid, time_s, track["blendshapes"][found][:, columns].astype(np.float64).mean(axis=1))
    return figures(lids < 0.55 * np.percentile(lids, 80), angles, brow, sound_level)


def of_layers(audio, count, sound_level, model):
    """Mean of the figures of five seeds."""
    rows = []
    for seed in range(5):
        motion = personare.animate(audio, model=model, fps=RATE_HZ, layers=personare.Layers(seed=seed)).frames(0, count)
        angles = angles_deg(motion.head_pose[:, :3, :3].astype(np.float64))
        rows.append(figures(motion.column("eyeBlinkLeft") > 0.45, angles, motion.column("browInnerUp"), sound_level))
    return np.nanmean(rows, axis=0)


def main():
    """Print both medians, and the range of real speakers."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--least", type=float, default=15.0, help="seconds a clip must have")
    options.add_argument("--model", default="vox")
    options = options.parse_args()
    real, ours = [], []
    for name, track in tracks(options.folder):
        audio = sound_of(options.folder, name)
        if audio is None or track["time"][-1] < options.least:
            continue
        count = int(min(track["time"][-1], audio.duration_s) * RATE_HZ)
        sound_level = np.maximum(level(audio, count, RATE_HZ, 0.1), -55)
        real.append(of_track(track, count, sound_level))
        ours.append(of_layers(audio, count, sound_level, options.model))
    print(f"{len(real)} clips\n{'':12s} {'real':>6s} {'range':>15s} {'ours':>7s}")
    for i, name in enumerate(NAMES):
        column = np.array(real)[:, i]
        print(f"{name:12s} {np.nanmedian(column):6.2f} {np.nanmin(column):7.2f}{np.nanmax(column):8.2f} "
              f"{np.nanmedian(np.array(ours)[:, i]):7.2f}")


if __name__ == "__main__":
    main()
