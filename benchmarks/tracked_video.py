"""Lip gap of the model against the lip gap tracked in real video, clip by clip, after lag correction.

    python benchmarks/tracked_video.py SHARED_DATA_FOLDER [--model NAME] [--articulation A] [--scan]

The folder holds tracks/<clip>.npz (MediaPipe landmarks), videos/<clip>.* with their sound and paired_bfm/<clip>.flac.
The tracked gap is that of the inner lips (landmarks 13 and 14) in cm, taking the outer eye corners (33 and 263) to be
9.0 cm apart, as adults have them on average; the model's is that of an average head. r is Pearson's at the best lag
within 0.3 s; `in speech` is the same from 0.1 s before the first frame within 20 dB of the loud ones to 0.1 s after the
last, without the silence around it; `loudness` is r of the level of the sound, the floor any method should beat. Size
is the 95th percentile less the 5th; `fast` the share of the velocity energy above 12 Hz; width is that between the
corners of the mouth (61 and 291). The landmarks of lips that touch are up to 3 mm apart in some clips. Clips whose
picture and sound are known to be apart by 0.2 s or more count like the others, as lag is corrected.

The openings and widths of vox, two numbers a phone, were set near what these clips ask for (scripts/vox/calibrate.py).

--scan repeats the comparison at several articulations: r cannot change much, the size does.
"""

import argparse
from pathlib import Path

import numpy as np

import personare
from personare.arrays import resample_in_time
from personare.motion.mouth import measures_cm

RATE_HZ, MOST_LAG_S = 60, 0.3
# Speech is what lies within so many dB of its loud frames, and so much around it.
SPEECH_DB, AROUND_S = 20, 0.1
# Between the outer corners of the eyes: 86 to 92 mm in adults (Farkas 1994, Anthropometry of the Head and Face).
EYES_CM = 9.0


def tracks(folder):
    """(name, opened track) of each clip in which a face was found."""
    for path in sorted((folder / "tracks").glob("*.npz")):
        with np.load(path) as track:
            if track["detected"].sum() >= 25:
                yield path.stem.removeprefix("bfm_"), {key: track[key] for key in track.files}


def sound_of(folder, name):
    """Audio of a clip; None where it has none, or silence."""
    sounds = [*(folder / "paired_bfm").glob(f"{name}.flac"), *(folder / "videos").glob(f"{name}.m*")]
    try:
        audio = personare.load(sounds[0])
    except personare.InputError:
        return None
    return audio if np.abs(audio.samples).max() > 1e-3 else None


def tracked_mouth(track):
    """The mouth of the frames in which a face was found.

    Returns:
        (t,) time in seconds; (t, 3) float64 cm: gap of the lips, width of the mouth, height of the lower lip, which is
        that of its inner edge below the nose and below 0.
    """
    index = {int(number): i for i, number in enumerate(track["landmark_index"])}
    points = track["landmarks_px_x16"][..., :2].astype(np.float64) / 16

    def span(one, other):
        return np.linalg.norm(points[:, index[one]] - points[:, index[other]], axis=1)

    cm = EYES_CM / np.maximum(span(33, 263), 1)
    found = track["detected"].astype(bool)
    mouth = np.stack([span(13, 14), span(61, 291), -span(2, 14)], axis=1) * cm[:, None]
    return track["time"][found], mouth[found]


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


def level(audio, count, rate_hz=RATE_HZ, width_s=0.05):
    """(count,) level of the sound in dB at rate_hz, over width_s around each frame."""
    energy = np.concatenate([[0], np.cumsum(audio.samples.astype(np.float64) ** 2)])
    centre = np.arange(count) / rate_hz * audio.rate_hz
    low, high = ((centre + s * width_s / 2 * audio.rate_hz).astype(int).clip(0, len(audio.samples)) for s in (-1, 1))
    return 10 * np.log10((energy[high] - energy[low]) / np.maximum(high - low, 1) + 1e-6)


def in_speech(loud):
    """Slice of the frames from the first to the last loud one of (t,) levels in dB, and a little around them."""
    at, around = np.flatnonzero(loud > np.percentile(loud, 95) - SPEECH_DB), round(AROUND_S * RATE_HZ)
    return slice(max(at[0] - around, 0), at[-1] + 1 + around)


def size(gap):
    """95th percentile of a gap less its 5th."""
    low, high = np.percentile(gap, [5, 95])
    return float(high - low)


def fast_share(gap):
    """Share of the velocity energy above 12 Hz."""
    speed = np.diff(gap)
    energy = np.abs(np.fft.rfft(speed * np.hanning(len(speed)))) ** 2
    return float(energy[np.fft.rfftfreq(len(speed), 1 / RATE_HZ) > 12].sum() / max(energy.sum(), 1e-12))


def compare(folder, model, articulation):
    """Each clip: name, seconds, r, that in speech, lag s, loudness r, gaps in cm, fast share, width r, widths in cm."""
    for name, track in tracks(folder):
        audio = sound_of(folder, name)
        if audio is None:
            continue
        time_s, tracked = tracked_mouth(track)
        motion = personare.animate(audio, model=model, fps=RATE_HZ, layers=personare.STILL, articulation=articulation)
        grid = np.arange(int(time_s[-1] * RATE_HZ)) / RATE_HZ
        real = np.interp(grid, time_s, tracked[:, 0])
        mouth = resample_in_time(measures_cm(motion), from_hz=RATE_HZ, to_hz=RATE_HZ, frame_count=len(grid))
        ours = np.maximum(mouth[:, 0], 0)
        r, lag = best_correlation(real, ours)
        loud = level(audio, len(grid))
        floor, _ = best_correlation(real, loud)
        spoken, _ = best_correlation(*(one[in_speech(loud)] for one in (real, ours)))
        real_width = np.interp(grid, time_s, tracked[:, 1])
        wide, _ = best_correlation(real_width, mouth[:, 1])
        yield (name, time_s[-1], r, spoken, lag, floor, size(real), size(ours), fast_share(ours), wide,
               size(real_width), size(mouth[:, 1]))


def main():
    """Print a line for each clip with sound, and the means."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--model", default="vox", help="name of a model or path of a bundle")
    options.add_argument("--articulation", type=float, default=1.0)
    options.add_argument("--scan", action="store_true", help="means at articulations 0.5 .. 2 alone")
    options = options.parse_args()
    for articulation in (0.5, 0.7, 1.0, 1.3, 1.6, 2.0) if options.scan else (options.articulation,):
        found = []
        for name, seconds, *row in compare(options.folder, options.model, articulation):
            found.append(row)
            r, spoken, lag, floor, real, ours, fast, wide, real_width, width = row
            if not options.scan:
                print(f"{name:28s} {seconds:5.1f} s  r {r:.2f} at {lag * 1000:+5.0f} ms   in speech {spoken:.2f}   "
                      f"loudness {floor:.2f}   size {ours:.2f} of {real:.2f} cm   fast {fast:.3f}   "
                      f"width r {wide:.2f}, {width:.2f} of {real_width:.2f} cm")
        r, spoken, lag, floor, real, ours, fast, wide, real_width, width = np.array(found).T
        print(f"articulation {articulation:g}, {len(found)} clips: mean r {r.mean():.3f}, in speech "
              f"{spoken.mean():.3f}, loudness {floor.mean():.3f}, "
              f"median lag {np.median(lag) * 1000:+.0f} ms, size {np.median(ours):.2f} of {np.median(real):.2f} cm "
              f"(median of ratios {np.median(ours / real):.2f}), fast {np.median(fast):.3f}, width r "
              f"{wide.mean():.3f}, {np.median(width):.2f} of {np.median(real_width):.2f} cm")


if __name__ == "__main__":
    main()
