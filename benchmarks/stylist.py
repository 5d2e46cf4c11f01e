"""Is a style worth its name? The stylist on filmed people: strangers, known people, their own code and those of others.

    python benchmarks/stylist.py --shared DIR [--rounds N] [--exact]

Data: clips of five people with the expressions (64) and head poses that were fitted to them (paired_bfm), which are
no part of the repository. Two splits: a person is left out altogether, and a clip of a person of whom another one is
learned from. The style code of a held-out clip comes from its first half, and only the second half is scored, so that
no frame says how it itself moves. Fits of different people differ in where the face rests far more than in how it
moves, so every prediction is given the mean of the first half. R2 is pooled over the 64 columns, 1 - error /
variance; "of the motion" is that of the change from frame to frame. `own` is the code of the first half, `none` the
mean code, `others` the mean over the codes of every other person. "right - wrong" is what the right code explains more
than those of the others, with the interval that holds 90 % of 2000 draws of stretches of two seconds, the same ones for
both, with replacement within each clip. Needs personare[learn].
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from learned_from_film import mouth_map

from personare.export.rotations import from_zyx, poses
from personare.learn.comparison import ridge
from personare.learn.dataset import Meta, open_dataset, write_clip
from personare.learn.prepared import prepared
from personare.learn.recipes.stylist import StylistRecipe, StylistRecipeOptions
from personare.learn.train import TrainingOptions, fit
from personare.motion.style_code import UNIT_M
from personare.types import Audio, Motion

# Two seconds of frames, 25 a second, and how often such stretches are drawn.
STRETCH, DRAWS = 50, 2000
PEOPLE = {"KristiNoem": "noem", "Obama_clip1": "obama", "Obama_clip2": "obama", "andrew_clip_1": "andrew",
          "feifeili_clip2_short": "li", "feifeili_clip3": "li", "reagan_clip1": "reagan"}


def written(source, folder):
    """The clips as a data set; their coefficients run ahead of the sound by known times."""
    known = json.loads((source / "index.json").read_text())["clips"]
    for name, person in PEOPLE.items():
        fps, lag_ms = float(known[name]["fps"]), float(known[name]["coeff_mouth_lag_ms"])
        arrays = np.load(source / f"{name}.npz")
        pose = poses(from_zyx(arrays["angle"]), arrays["trans"] * UNIT_M)
        samples, rate_hz = soundfile.read(source / f"{name}.flac", dtype="float32")
        count = min(len(arrays["exp"]), int(len(samples) / rate_hz * fps))
        write_clip(folder, name, audio=Audio(samples[: int(count / fps * rate_hz)], rate_hz),
                   meta=Meta(speaker=person, sync_lag_ms=lag_ms),
                   motion=Motion(arrays["exp"][:count], fps, "bfm-64", pose[:count]))
    return open_dataset(folder)


def r2(truth, predicted):
    """Pooled over columns, about the mean of the truth."""
    return float(1 - ((truth - predicted) ** 2).sum() / ((truth - truth.mean(axis=0)) ** 2).sum())


def moves(truth, predicted):
    """The same for the change from frame to frame, which no mean face helps with."""
    return r2(np.diff(truth, axis=0), np.diff(predicted, axis=0))


def error(truth, predicted):
    """(t,) squared error of each frame."""
    return ((truth - predicted) ** 2).sum(axis=1).astype(np.float64)


def figures_of(truth, predicted, lips):
    """R2, R2 of the motion, r of the lip gap, its size beside the real one."""
    real, ours = truth @ lips, predicted @ lips
    r = np.corrcoef(real, ours)[0, 1] if ours.std() > 1e-6 else 0.0
    return r2(truth, predicted), moves(truth, predicted), float(r), float(ours.std() / real.std())


def gained(spread, right, wrong):
    """What the right code explains more than wrong ones: (mean, 5th, 95th percentile, share of clips above 0).

    Args:
        spread: list over clips, squared error of the truth's own mean.
        right, wrong: lists over clips of (t,) squared error of each frame.
    """
    rng, draws, each = np.random.default_rng(0), [], []
    for size, good, bad in zip(spread, right, wrong, strict=True):
        gain = (bad - good) / size
        stretches = np.add.reduceat(gain, np.arange(0, len(gain), STRETCH))
        draws.append(stretches[rng.integers(0, len(stretches), (DRAWS, len(stretches)))].sum(axis=1))
        each.append(gain.sum())
    low, high = np.percentile(np.mean(draws, axis=0), [5, 95])
    return float(np.mean(each)), float(low), float(high), float(np.mean(np.array(each) > 0))


def judged(dataset, held_out, options, training, lips):
    """dict of name -> [figures_of each held-out clip's second half], and of pairs of codes -> [what gained takes]."""
    recipe = StylistRecipe(options)
    corpus = prepared(dataset, recipe.front_end(), fps=recipe.fps, held_out=held_out)
    network, _ = fit(recipe, corpus, training)
    found, compared = {}, {}
    people = recipe.styles(corpus)
    for clip, regression in zip(corpus.held_out, ridge(corpus), strict=True):
        half, columns = len(clip.values) // 2, len(corpus.columns)
        truth, person = clip.values[half:], corpus.speakers[clip.speaker]

        def spoken(code, clip=clip, half=half, columns=columns):
            values = recipe.spoken_with(network, corpus, clip, code)[:, :columns]
            return values[half:] - values[:half].mean(axis=0) + clip.values[:half].mean(axis=0)

        takes = {"own": spoken(recipe.code_of(corpus, clip, 0, half)), "none": spoken(0 * next(iter(people.values()))),
                 "ridge": regression[half:] - regression[:half].mean(axis=0) + clip.values[:half].mean(axis=0),
                 "mean": np.repeat(clip.values[:half].mean(axis=0)[None], len(truth), axis=0)}
        if person in people:
            takes["known"] = spoken(people[person])
        others = [spoken(code) for name, code in people.items() if name != person]
        for name, values in takes.items():
            found.setdefault(name, []).append(figures_of(truth, values, lips))
        found.setdefault("others", []).append(np.mean([figures_of(truth, one, lips) for one in others], axis=0))
        wrong = np.mean([error(truth, one) for one in others], axis=0)
        for name in ("own", "known"):
            if name in takes:
                compared.setdefault(name, []).append((float(error(truth, truth.mean(axis=0)).sum()),
                                                      error(truth, takes[name]), wrong))
        print(clip.name, {name: np.round(figures[-1], 3).tolist() for name, figures in found.items()}, flush=True)
    return found, compared


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--exact", action="store_true", help="the published network and its way to learn")
    given = parser.parse_args()
    options = StylistRecipeOptions(exact=True, formula="published") if given.exact else StylistRecipeOptions()
    training = TrainingOptions(**StylistRecipe.training | {"rounds": given.rounds})
    with tempfile.TemporaryDirectory() as folder:
        dataset = written(given.shared / "data/paired_bfm", folder)
        lips = mouth_map(given.shared / "data", dataset)[0][:, 0]
        splits = {"a stranger": [[name for name, other in PEOPLE.items() if other == person]
                                 for person in dict.fromkeys(PEOPLE.values())],
                  "a new clip": [["Obama_clip2"], ["feifeili_clip2_short"]]}
        for title, parts in splits.items():
            found, compared = {}, {}
            for held_out in parts:
                parts_of = judged(dataset, held_out, options, training, lips)
                for whole, part in zip((found, compared), parts_of, strict=True):
                    for name, values in part.items():
                        whole.setdefault(name, []).extend(values)
            print(title)
            for name, figures in found.items():
                level, motion, r, size = np.mean(figures, axis=0)
                print(f"  {name:8s} R2 {level:6.3f}   of the motion {motion:6.3f}   lip gap r {r:.3f}, size {size:.2f}"
                      f"   {len(figures)} clips", flush=True)
            for name, clips in compared.items():
                mean, low, high, share = gained(*zip(*clips, strict=True))
                print(f"  {name}: right - wrong {mean:+.4f} ({low:+.4f} to {high:+.4f}),"
                      f" above 0 in {share:.0%} of clips")


if __name__ == "__main__":
    main()
