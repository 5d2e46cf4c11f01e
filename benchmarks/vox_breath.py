"""Lips before speech, filmed and ours, and what the layer that parts them gains and costs.

    python benchmarks/vox_breath.py --shared DIR [--model NAME]...

DIR has bench/ and data/. Clips, r and the tracked gap are those of tracked_video.py; pauses are where the lips of the
model without the layer stay together for 0.2 s or more and then part. First the mean gap in the time before they part,
above the 5th percentile of the clip's, over those pauses that are long enough to have such a time. Then, for each
strength, the mean r of the lip gap and of the mouth's width, in how many clips the gap's r rises, and PhoneLip at 30
frames a second: closures, and how much of the labelled pauses the mouth is at rest, which is what the layer gives up.
`left out` is r where each clip takes the strength that serves the clips of the other people best.
"""

import argparse
from pathlib import Path

import numpy as np
from paired_bfm import PEOPLE
from tracked_video import RATE_HZ, best_correlation, sound_of, tracked_mouth, tracks
from vox_robustness import recordings

import personare
from personare.arrays import resample_in_time
from personare.metrics.phonelip import Utterance, phonelip
from personare.motion.breath import LEAST_PAUSE_S, SHUT_CM
from personare.motion.mouth import measures_cm
from personare.types import Audio

STRENGTHS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5)
BEFORE_S = np.arange(-0.6, 0.01, 0.1)


def only_breath(strength):
    """Layers of which all others are off."""
    return personare.Layers(blink=0, gaze=0, head=0, brows=0, loudness=0, breath=strength)


def mouths(audio, model, strength, count):
    """(count, 3) measures of the mouth in cm, 60 a second."""
    motion = personare.animate(audio, model=model, fps=RATE_HZ, layers=only_breath(strength))
    found = resample_in_time(measures_cm(motion), from_hz=RATE_HZ, to_hz=RATE_HZ, frame_count=count)
    return np.maximum(found, [0, -np.inf, -np.inf])


def pauses(gap):
    """(first frame, first frame of the speech after it) of each pause."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], gap < SHUT_CM, [False]])))
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)
            if b < len(gap) and b - a >= LEAST_PAUSE_S * RATE_HZ]


def before_speech(real, plain, ours, lag_s):
    """(pauses, 2, times) gap above the least of the film and of ours at BEFORE_S; NaN outside the pause."""
    rows = []
    for begin, end in pauses(plain):
        at = end + np.round(BEFORE_S * RATE_HZ).astype(int)
        filmed = at + round(lag_s * RATE_HZ)
        inside = (at >= begin) & (filmed >= 0) & (filmed < len(real))
        rows.append([np.where(inside, gap[np.where(inside, index, 0)] - np.percentile(gap, 5), np.nan)
                     for gap, index in ((real, filmed), (ours, at))])
    return np.array(rows).reshape(-1, 2, len(BEFORE_S))


def row_of(takes, model, strength):
    """PhoneLip's figures with the layer at a strength."""
    return phonelip([Utterance(personare.animate(Audio(sound, 16000), model=model, fps=30.0,
                                                 layers=only_breath(strength)), labels, speaker)
                     for _, speaker, sound, labels in takes])


def left_out(r, names):
    """Mean r of (strengths, clips) where each clip's strength is that which is best for the clips of others."""
    people = np.array([PEOPLE.get(name, "grid" if name.startswith("grid") else name) for name in names])
    chosen = [r[r[:, people != person].mean(axis=1).argmax(), k] for k, person in enumerate(people)]
    return float(np.mean(chosen))


def main():
    """Print the gaps before speech and a row for each strength."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--model", action="append", help="name or path of a bundle; several times for several")
    asked = parser.parse_args()
    real, sounds = {}, {}
    for name, track in tracks(asked.shared / "data"):
        audio = sound_of(asked.shared / "data", name)
        if audio is not None:
            time_s, mouth = tracked_mouth(track)
            grid = np.arange(int(time_s[-1] * RATE_HZ)) / RATE_HZ
            real[name], sounds[name] = np.stack([np.interp(grid, time_s, mouth[:, k]) for k in (0, 1)], axis=1), audio
    takes = recordings(asked.shared)
    for model in asked.model or ["vox", "vox-live"]:
        said = {strength: {name: mouths(audio, model, strength, len(real[name])) for name, audio in sounds.items()}
                for strength in STRENGTHS}
        rows = [before_speech(gap[:, 0], said[0.0][name][:, 0], said[1.0][name][:, 0],
                              best_correlation(gap[:, 0], said[0.0][name][:, 0])[1]) for name, gap in real.items()]
        print(f"{model}, {sum(map(len, rows))} pauses, seconds before speech "
              + " ".join(f"{second:6.1f}" for second in BEFORE_S))
        for title, k in (("film", 0), ("strength 1", 1)):
            print(f"    gap of {title:12s} cm" + " " * 24
                  + " ".join(f"{gap:6.2f}" for gap in np.nanmean(np.concatenate(rows)[:, k], axis=0)))
        r = np.array([[[best_correlation(gap[:, k], said[strength][name][:, k])[0] for k in (0, 1)]
                       for name, gap in real.items()] for strength in STRENGTHS])
        print("strength   gap r  width r  clips up  PhoneLip  recall  precision   f v   round    open    rest")
        for strength, found in zip(STRENGTHS, r, strict=True):
            row = row_of(takes, model, strength)
            print(f"{strength:8.2f} {found[:, 0].mean():7.3f} {found[:, 1].mean():8.3f} "
                  f"{(found[:, 0] > r[0, :, 0]).sum():6d} of {len(real)} {row['score']:8.3f} "
                  f"{row['closure_recall']:7.2f} {row['closure_precision']:9.2f} {row['labiodental_auc']:8.3f} "
                  f"{row['round_auc']:7.3f} {row['open_auc']:7.3f} {row['rest']:7.2f}")
        print(f"left out {left_out(r[:, :, 0], list(real)):7.3f}")


if __name__ == "__main__":
    main()
