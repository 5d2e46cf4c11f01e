"""How far filmed people part their lips and how wide their mouths are, phone by phone: what the visemes' poses follow.

    python scripts/vox/calibrate.py --work SCRATCH --data DIR

DIR holds clips and their tracks as benchmarks/tracked_video.py reads them, SCRATCH the shards of scripts/train_vox.py.
A trained network says how much of each phone is in each frame (the shares of the dominance functions, read off it in
closed form), and its gates where lips close and rest. The lip gap that is left, and the width, are then a sum over
phones: one number each, the same for everybody, found by least squares on the tracked mouths, each clip at its own
size and lag and weighed by the root of its length. The numbers are held near those of the present table, and those of
phones that are made alike (t d n l) near each other, so that what two minutes of film cannot tell stays as it was.
Bounds keep apart what PhoneLip tells apart: sounds other than p b m never nearly close, a and o are open.

Prints, for each phone, both measures in cm as they are and as found, and how the found ones correlate with the
tracked mouths, each person left out. The table of personare/learn/visemes.py was then set by hand, width three
quarters of the way; as it is the start of every later run, that of commit f611fa5 has to stand in its place to see
what films say of people left out. The films are measured: networks learn from free speech alone, but the poses they are
asked for follow these numbers. Needs personare[learn,faces].
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from judge import FRAME_HZ, RATE_HZ, padded

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from paired_bfm import PEOPLE
from scipy.optimize import lsq_linear
from tracked_video import best_correlation, sound_of, tracked_mouth, tracks
from train_vox import MEL, NETWORKS, sampler_maker, started

from personare.audio.mel import LogMelStream
from personare.audio.resampling import resample
from personare.learn.phones import PHONE_ID, PHONES
from personare.learn.readout import heard_by, solve_readouts
from personare.learn.visemes import POSE, dominance, targets
from personare.motion.lips import WIDTH_CM, lip_gap_cm
from personare.motion.vox import gates_of, open_vox, sized, smoothed

ALIKE = ("T D N L", "S Z", "SH ZH CH JH", "K G NG X", "TH DH", "I IH J", "E EH", "A AE", "AA AO", "O OE", "U UH Y",
         "AH AX ER")
# Least lip gap in cm of a sound that does not close, and of some.
LEAST_CM = {"": 0.3, "SIL": 0.0, "P": 0.25, "B": 0.25, "M": 0.25, "W": 0.12, "U": 0.28, "Y": 0.28, "AO": 1.3, "AA": 1.3}
MOST_CM = 2.2
# Spread of a clip's gap and width in cm once it is at the size of the model's, and the weight of the present table
# and of likeness, in clips.
GAP_CM, GAP_PRIOR, GAP_ALIKE = 0.68, 100, 300
WIDE_CM, WIDE_PRIOR = 0.41, 30


def shares(phones, starts_s, ends_s, *, frame_count, rate_hz):
    """visemes.targets with the shares of phones, (t, 84), in the place of curves."""
    _, gates, phone = targets(phones, starts_s, ends_s, frame_count=frame_count, rate_hz=rate_hz)
    both = dominance(phones, starts_s, ends_s, frame_count=frame_count, rate_hz=rate_hz)
    return np.concatenate(both, axis=1), gates, phone


def films(folder, network, readout, options):
    """(person, (t, 42) what the gap is a sum of, (t, 42) the same for the width, gap, width) of each clip."""
    for name, track in tracks(folder):
        audio = sound_of(folder, name)
        if audio is None:
            continue
        config, samples = network.config, resample(audio, RATE_HZ).samples
        sound, count = padded(samples, config.frames_before + options.reach_before, config.frames_after)
        rows = LogMelStream(MEL).push(sound)
        reach = options.reach_before + options.smoothing_after
        need = 2 * (config.frames_before + count + config.frames_after + reach) + 1
        heard = heard_by(network, rows[None, :need])[0]
        said = heard @ readout[:-1] + readout[-1]
        closed, bitten, rest = gates_of(heard @ network.gates.weight.detach().numpy()[..., 0].T
                                        + network.gates.bias.detach().numpy(), options).T[..., None]
        said = said[options.rest_fade :]
        opening = smoothed(said[:, :42] * (1 - closed) * (1 - bitten) * (1 - rest), options)
        width = smoothed(said[:, 42:] * (1 - rest), options)
        time_s, mouth = tracked_mouth(track)
        count = min(len(opening), int(time_s[-1] * FRAME_HZ))
        grid = np.arange(count) / FRAME_HZ
        yield (PEOPLE.get(name, name), opening[:count], width[:count], np.interp(grid, time_s, mouth[:, 0]),
               np.interp(grid, time_s, mouth[:, 1]))


def likeness():
    """(42, 42): how far each phone's number is from the mean of those that are made alike."""
    matrix = np.zeros((len(PHONES), len(PHONES)))
    for group in ALIKE:
        index = [PHONE_ID[phone] for phone in group.split()]
        matrix[np.ix_(index, index)] = np.eye(len(index)) - 1 / len(index)
    return matrix


def fitted(clips, now, *, size, prior, alike=0.0, least=-np.inf, most=np.inf):
    """(42,) numbers whose sum over phones follows the measured mouths of clips.

    Args:
        clips: list of (features (t, 42), measured (t,), frames by which the measured runs behind).
        now: (42,) the present numbers.
        size: spread that each clip is brought to, > 0.
        prior, alike: weights of the present numbers and of likeness, 0 or more.
        least, most: bounds, (42,) or one for all.

    Returns:
        (42,) float64.
    """
    rows = [np.sqrt(prior) * np.eye(len(now)), np.sqrt(alike) * likeness()]
    wanted = [rows[0] @ now, rows[1] @ now]
    for features, measured, lag in clips:
        weight = np.sqrt(len(clips)) * len(measured) ** -0.25
        features, measured = features[max(-lag, 0) :], measured[max(lag, 0) :]
        count = min(len(features), len(measured))
        features, measured = features[:count], measured[:count]
        rows.append(weight * (features - features.mean(0)))
        wanted.append(weight * (measured - measured.mean()) / measured.std() * size)
    least = np.broadcast_to(least, now.shape)
    return lsq_linear(np.concatenate(rows), np.concatenate(wanted), bounds=(least - 1e-9, most)).x


def compared(title, clips, now, **settings):
    """Print how numbers follow the mouths, as they are and each person left out; the numbers found on all."""
    lags = [round(best_correlation(measured, features @ now)[1] * FRAME_HZ) for _, features, measured in clips]
    clips = [(person, (features, measured, lag)) for (person, features, measured), lag in zip(clips, lags, strict=True)]
    before, after = [], []
    for person, (features, measured, _) in clips:
        others = fitted([clip for other, clip in clips if other != person], now, **settings)
        before.append(best_correlation(measured, features @ now)[0])
        after.append(best_correlation(measured, features @ others)[0])
    print(f"{title}: mean r {np.mean(before):.3f} as it is, {np.mean(after):.3f} as found, its person left out")
    return fitted([clip for _, clip in clips], now, **settings)


def main():
    """Print what films say of each phone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder with shards")
    parser.add_argument("--data", type=Path, required=True, help="folder with tracks and clips")
    parser.add_argument("--start", type=Path, default=Path("personare/builtin"), help="folder of bundles")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    name = next(iter(NETWORKS))
    network, decoding = started(options, name), open_vox(options.start / name).options
    sampler = sampler_maker(options, targets=shares)(options.seed)
    (readout,) = solve_readouts([network], (sampler.batch(14) for _ in range(options.batches)))
    clips = list(films(options.data, network, readout, decoding))
    poses = sized(POSE, decoding)
    gap_now, width_now = lip_gap_cm(poses), poses @ WIDTH_CM
    least = np.array([LEAST_CM.get(phone, LEAST_CM[""]) for phone in PHONES])
    gap = compared("lip gap", [(person, opening, gap) for person, opening, _, gap, _ in clips],
                   np.maximum(gap_now, least), size=GAP_CM, prior=GAP_PRIOR, alike=GAP_ALIKE, least=least, most=MOST_CM)
    width = compared("width", [(person, wide, width) for person, _, wide, _, width in clips], width_now, size=WIDE_CM,
                     prior=WIDE_PRIOR)
    print("phone   gap cm: now  found   width cm: now  found")
    for i, phone in enumerate(PHONES):
        print(f"{phone:5s} {gap_now[i]:13.2f}{gap[i]:7.2f}{width_now[i]:16.2f}{width[i]:7.2f}")


if __name__ == "__main__":
    main()
