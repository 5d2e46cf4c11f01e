"""Karras on FACEGOOD's own clips, each clip left out in turn: mean, ridge, the original network, the paper's, ours.

Nothing is chosen on the clip that is left out: each network is the last of its rounds. "With a style" gives ours the
style that fits the first fifth of the clip best; all rows are judged on the other four fifths, which nobody has seen.

    personare data import FACEGOOD -o clips && python benchmarks/karras.py clips [--cache FOLDER] [--recipes karras]
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from personare.learn.comparison import baselines, figures
from personare.learn.convert_facegood import TRAINED
from personare.learn.dataset import open_dataset
from personare.learn.prepared import prepared
from personare.learn.recipes import options_of, recipe_class
from personare.learn.train import TrainingOptions, fit

JAW = TRAINED.index("mouth_stretch_c")
SEEN = 0.2
# Rounds at which the originals' 1.5 million numbers take minutes and not days on one core.
TRAINING = {"facegood": {"rounds": 5, "steps": 300}, "karras-paper": {"rounds": 5, "steps": 40}, "karras": {}}


def predictions(dataset, name, method, *, given, training):
    """dict: name of a prediction -> (t, k) of a clip by a network that has not seen it; and processor seconds."""
    begin = time.process_time()
    kind = recipe_class(method)
    recipe = kind(options_of(kind.options_type, given))
    corpus = prepared(dataset, recipe.front_end(), fps=recipe.fps, columns=TRAINED, held_out=(name,))
    clip = corpus.held_out[0]
    learned = replace(corpus, clips=corpus.to_learn)
    network, _ = fit(recipe, learned, TrainingOptions(**kind.training | TRAINING.get(method, {}) | training))
    found = {method: recipe.predict(network, corpus, clip)}
    if method == "karras":
        from personare.learn.styles import fitted_code

        code = fitted_code(recipe, network, corpus, clip, frames=int(SEEN * len(clip.values)))
        found["karras with a style"] = recipe.spoken_with(network, corpus, clip, code)
    return found, time.process_time() - begin


def kept(cache, key, make):
    """What make gives, kept in a folder between runs."""
    path = cache / f"{key}.npz" if cache else None
    if path and path.is_file():
        with np.load(path) as file:
            return dict(file)
    found = make()
    if path:
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, **found)
    return found


def simple(dataset, name):
    """Predictions that need no training."""
    kind = recipe_class("karras")
    corpus = prepared(dataset, kind(kind.options_type()).front_end(), fps=30, columns=TRAINED, held_out=(name,))
    return {"truth": corpus.held_out[0].values} | {one: values[0] for one, values in baselines(corpus).items()}


def table(found, clips, *, unseen):
    """Print one line for each prediction, over all clips together."""
    def joined(one):
        return np.concatenate([found[clip][one][int(unseen * len(found[clip]["truth"])) :] for clip in clips])

    truth = joined("truth")
    print(f"{'':24}{'R2 pooled':>10}{'R2 columns':>11}{'r columns':>10}{'R2 jaw':>8}{'r jaw':>7}")
    for one in [one for one in found[clips[0]] if one != "truth" and all(one in found[clip] for clip in clips)]:
        predicted = joined(one)
        all_of, jaw = figures(truth, predicted), figures(truth[:, JAW:JAW + 1], predicted[:, JAW:JAW + 1])
        print(f"{one:24}{all_of['r2']:10.3f}{all_of['r2_mean']:11.3f}{all_of['r']:10.3f}{jaw['r2']:8.3f}"
              f"{jaw['r']:7.3f}")


def main():
    """Train and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipes", default="facegood,karras-paper,karras")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    dataset = open_dataset(asked.data)
    given = dict(pair.split("=", 1) for pair in asked.option)
    training = {"seed": asked.seed} | ({"rounds": asked.rounds} if asked.rounds else {})
    clips, found = [clip.name for clip in dataset.clips], {}
    for name in clips:
        found[name] = kept(asked.cache, f"simple-{name}", lambda name=name: simple(dataset, name))
    for method in asked.recipes.split(","):
        key = json.dumps([method, given, training]).translate({ord(c): "_" for c in ' "{}[],:'})
        for name in clips:
            def make(name=name, method=method):
                values, seconds = predictions(dataset, name, method, given=given, training=training)
                print(f"{method} without {name}: {seconds:.0f} s of the processor", flush=True)
                return values

            found[name] |= kept(asked.cache, f"{key}-{name}", make)
    for title, unseen in (("whole clips", 0.0), ("the last four fifths of each", SEEN)):
        print(f"\n{title}")
        table(found, clips, unseen=unseen)


if __name__ == "__main__":
    main()
