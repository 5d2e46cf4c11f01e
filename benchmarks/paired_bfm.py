"""Sound to 64 expression coefficients of seven filmed clips of five people: each person left out in turn, and each clip
of the two people who have another.

    python benchmarks/paired_bfm.py SHARED [--recipes dvp-ridge,puppetry] [--cache FOLDER] [--option NAME=VALUE]

SHARED: the folder with data/paired_bfm and data/tracks. Nothing is chosen on what is left out: each network is the last
of its rounds. "R2" is 1 - squared error / variance about the clip's own mean, all columns pooled; how a stranger's
coefficients stand at rest cannot be heard, so "R2 of motion" takes each clip's own mean off both. "lips" and "jaw" are
correlations with the lip gap and the chin's distance from the nose as tracked in the video, which a line from the true
coefficients of the clip reads off the predicted ones; the first row says how well it reads the true ones.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from kept import clips_hash, kept

from personare.audio.load import load
from personare.learn.comparison import baselines
from personare.learn.dataset import Meta, open_dataset, write_clip
from personare.learn.prepared import prepared
from personare.learn.recipes import options_of, recipe_class
from personare.learn.train import TrainingOptions, fit
from personare.types import Motion

FPS, LEADING = 30.0, 2
PEOPLE = {"andrew_clip_1": "andrew", "Obama_clip1": "obama", "Obama_clip2": "obama", "reagan_clip1": "reagan",
          "KristiNoem": "noem", "feifeili_clip2_short": "feifeili", "feifeili_clip3": "feifeili"}
# Each of these clips is left out once, with its person known by another.
AGAIN = (("Obama_clip1", "feifeili_clip3"), ("Obama_clip2", "feifeili_clip2_short"))
# Landmarks of MediaPipe's face mesh: inner lips, chin, below the nose, outer corners of the eyes.
UPPER, LOWER, CHIN, NOSE, RIGHT, LEFT = 13, 14, 152, 2, 33, 263
# Rounds at which a fold takes about a minute on one core.
TRAINING = {"faceformer": {"rounds": 10, "steps": 30}, "puppetry": {"rounds": 10}}
READ_RIDGE = 0.1


def clips_of(shared, folder):
    """Write the clips in our layout, shifted by their measured lags."""
    known = json.loads((shared / "data" / "paired_bfm" / "index.json").read_text())["clips"]
    for name, speaker in PEOPLE.items():
        with np.load(shared / "data" / "paired_bfm" / f"{name}.npz") as file:
            values = file["exp"]
        audio = load(shared / "data" / "paired_bfm" / f"{name}.flac")
        write_clip(folder, name, audio=audio, motion=Motion(values, FPS, "bfm-64"),
                   meta=Meta(speaker=speaker, sync_lag_ms=known[name]["coeff_mouth_lag_ms"], licence="MIT"))
    return open_dataset(folder)


def tracked(shared, name, count):
    """(count, 2) float64 lip gap and chin to nose of each frame of the coefficients, in distances between the eyes.

    None for the one clip that is not tracked.
    """
    if not (shared / "data" / "tracks" / f"bfm_{name}.npz").is_file():
        return None
    with np.load(shared / "data" / "tracks" / f"bfm_{name}.npz") as file:
        places, index = file["landmarks_px_x16"].astype(np.float64), list(file["landmark_index"])

    def apart(one, other):
        return np.linalg.norm(places[:, index.index(one), :2] - places[:, index.index(other), :2], axis=1)

    eyes = apart(RIGHT, LEFT)
    sizes = np.stack([apart(UPPER, LOWER) / eyes, apart(CHIN, NOSE) / eyes], axis=1)
    return sizes[np.clip(np.arange(count) + LEADING, 0, len(sizes) - 1)]


def readers(truth, wanted):
    """Function: (t, 64) coefficients -> (t, 2) what is tracked, a line fitted to the true coefficients of a clip."""
    mean, spread = truth.mean(axis=0), truth.std(axis=0).mean()
    x, y = (truth - mean) / spread, wanted - wanted.mean(axis=0)
    weight = np.linalg.solve(x.T @ x / len(x) + READ_RIDGE * np.eye(x.shape[1]), x.T @ y / len(x))
    return lambda values: (values - mean) / spread @ weight


def corpus_of(dataset, names, recipe):
    """The clips of a fold as a recipe sees them."""
    return prepared(dataset, recipe.front_end(), fps=recipe.fps, columns=dataset.space.columns, held_out=names)


def predictions(dataset, names, method, *, given=(), training=(), cache=None):
    """dict: clip -> (t, 64) by a network that has not seen it.

    Args:
        dataset: Dataset.
        names: clips that are left out.
        method: name of a recipe.
        given: dict of "METHOD.NAME" -> value of an option.
        training: dict of TrainingOptions that differ from the method's.
        cache: folder that keeps what was said; None for none.
    """
    kind = recipe_class(method)
    own = {name.partition(".")[2]: value for name, value in dict(given).items() if name.partition(".")[0] == method}
    options = options_of(kind.options_type, own)
    # Without a look at the held-out clips, so that no round is chosen by them.
    settings = TrainingOptions(**kind.training | TRAINING.get(method, {}) | dict(training))

    def make():
        begin, recipe = time.process_time(), kind(options)
        corpus = corpus_of(dataset, names, recipe)
        network, _ = fit(recipe, blind(corpus), settings)
        # The stylist says a stranger by the mean of the codes that it learned from.
        known = blind(corpus) if method == "stylist" else corpus
        found = {clip.name: Motion(recipe.predict(network, known, clip), recipe.fps, "bfm-64").at_fps(FPS).values
                 for clip in corpus.held_out}
        print(f"{method} without {', '.join(names)}: {time.process_time() - begin:.0f} s of the processor", flush=True)
        return found

    return kept(cache, method, [clips_hash(dataset), names, options, settings], make)


def blind(corpus):
    """The corpus without its held-out clips."""
    from dataclasses import replace

    return replace(corpus, clips=corpus.to_learn)


def simple(dataset, names):
    """dict: "truth/clip", "mean/clip", "ridge/clip" -> values."""
    recipe = recipe_class("dvp-ridge")(recipe_class("dvp-ridge").options_type(front_end="mel", rows=1, every=1))
    corpus = corpus_of(dataset, names, recipe)
    found = {f"truth/{clip.name}": clip.values for clip in corpus.held_out}
    for one, values in baselines(corpus).items():
        found |= {f"{one}/{clip.name}": value for clip, value in zip(corpus.held_out, values, strict=True)}
    return found


def table(shared, found, clips):
    """Print a line for each prediction over some clips."""
    print(f"{'':18}{'R2':>8}{'R2 of motion':>14}{'r':>7}{'lips':>7}{'jaw':>7}{'motion':>8}")
    for method, values in found.items():
        error = spread = off = 0.0
        each = []
        for clip in clips:
            truth, said = found["truth"][clip], values[clip]
            count = min(len(truth), len(said))
            truth, said = truth[:count].astype(np.float64), said[:count].astype(np.float64)
            seen = tracked(shared, clip, count + 12)
            seen = shifted(seen, lags(shared)[clip])[:count] if seen is not None else None
            own, rest = said - said.mean(axis=0), truth - truth.mean(axis=0)
            error, spread = error + np.square(said - truth).sum(), spread + np.square(rest).sum()
            off += np.square(own - rest).sum()
            r = [correlation(own[:, k], rest[:, k]) for k in range(16)]
            moved = np.abs(np.diff(said, axis=0)).mean() / np.abs(np.diff(truth, axis=0)).mean()
            read = None if seen is None else readers(truth, seen)(said)
            each.append([np.mean(r), *(np.nan if seen is None else correlation(read[:, k], seen[:, k])
                                       for k in (0, 1)), moved])
        r, lips, jaw, moved = np.nanmean(each, axis=0)
        print(f"{method:18}{1 - error / spread:8.3f}{1 - off / spread:14.3f}{r:7.3f}{lips:7.3f}{jaw:7.3f}{moved:8.2f}")


def shifted(rows, lag_ms):
    """Rows moved earlier by a lag, as learn.dataset.shifted moves a motion."""
    from personare.learn import dataset
    from personare.spaces import Space

    return dataset.shifted(Motion(rows.astype(np.float32), FPS, Space("seen", ("lips", "jaw"))), lag_ms).values


def lags(shared):
    """Lag of each clip's coefficients, milliseconds."""
    known = json.loads((shared / "data" / "paired_bfm" / "index.json").read_text())["clips"]
    return {name: one["coeff_mouth_lag_ms"] for name, one in known.items()}


def correlation(one, other):
    """Of two curves; 0 where one is constant."""
    size = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / size) if size > 1e-12 else 0.0


def main():
    """Train and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--recipes", default="dvp-ridge,puppetry,dvp,faceformer,stylist")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--option", action="append", default=[], help="METHOD.NAME=VALUE")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", choices=("person", "clip"), help="one of the two tables")
    asked = parser.parse_args()
    given = dict(pair.split("=", 1) for pair in asked.option)
    training = {"rounds": asked.rounds} if asked.rounds else {}
    people = tuple(dict.fromkeys(PEOPLE.values()))
    kinds = {"a person left out": [tuple(clip for clip in PEOPLE if PEOPLE[clip] == one) for one in people],
             "a clip left out of a known person": list(AGAIN)}
    kinds = {title: folds for title, folds in kinds.items() if asked.only in (None, title.split()[1])}
    with tempfile.TemporaryDirectory() as folder:
        dataset = clips_of(asked.shared, Path(folder))
        found = {title: {} for title in kinds}
        for title, folds in kinds.items():
            for names in folds:
                for one, values in kept(asked.cache, "simple", [clips_hash(dataset), names],
                                        lambda names=names: simple(dataset, names)).items():
                    found[title].setdefault(one.partition("/")[0], {})[one.partition("/")[2]] = values
                for method in filter(None, asked.recipes.split(",")):
                    found[title].setdefault(method, {}).update(
                        predictions(dataset, names, method, given=given, training=training, cache=asked.cache))
    for title, folds in kinds.items():
        print(f"\n{title}")
        table(asked.shared, found[title], [clip for names in folds for clip in names])


if __name__ == "__main__":
    main()
