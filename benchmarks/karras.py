"""Karras on FACEGOOD's own clips, each clip left out in turn: mean, ridge, the original network, the paper's, ours.

Nothing is chosen on the clip that is left out: each network is the last of its rounds. "With a style" gives ours the
style that fits the first fifth of the clip best; all rows are judged on the other four fifths, which nobody has seen.
With --tail the first four fifths of every clip are learned from, its style with them, and the rest is judged.

    personare data import FACEGOOD -o clips --format facegood
    python benchmarks/karras.py clips [--cache FOLDER] [--recipes karras] [--tail]
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from kept import clips_hash, kept

from personare.learn.comparison import baselines, figures
from personare.learn.convert_facegood import TRAINED
from personare.learn.dataset import open_dataset, write_clip
from personare.learn.prepared import prepared
from personare.learn.recipes import options_of, recipe_class
from personare.learn.train import TrainingOptions, fit
from personare.spaces import FACEGOOD_116
from personare.types import Motion

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


def simple(dataset, name):
    """Predictions that need no training."""
    kind = recipe_class("karras")
    corpus = prepared(dataset, kind(kind.options_type()).front_end(), fps=30, columns=TRAINED, held_out=(name,))
    return {"truth": corpus.held_out[0].values} | {one: values[0] for one, values in baselines(corpus).items()}


def tail(dataset, *, given, training):
    """{"all": predictions} of the last fifth of every clip by what learned from the rest of it."""
    kind = recipe_class("karras")
    recipe = kind(options_of(kind.options_type, given))
    corpus = prepared(dataset, recipe.front_end(), fps=recipe.fps, columns=TRAINED)
    cuts = [int((1 - SEEN) * len(clip.values)) for clip in corpus.clips]
    first = tuple(replace(clip, values=clip.values[:cut]) for clip, cut in zip(corpus.clips, cuts, strict=True))
    mean = np.concatenate([clip.values for clip in first]).mean(axis=0)
    learned = replace(corpus, clips=first, value_mean=mean)
    network, _ = fit(recipe, learned, TrainingOptions(**kind.training | training))
    whole = tuple(replace(clip, name=f"{clip.name} whole", held_out=True) for clip in corpus.clips)
    found = baselines(replace(learned, clips=first + whole))
    found |= {"truth": [clip.values for clip in whole],
              "karras": [recipe.predict(network, corpus, clip) for clip in corpus.clips]}
    return {"all": {one: np.concatenate([v[cut:] for v, cut in zip(values, cuts, strict=True)])
                    for one, values in found.items()}}


def opened(folder, cache):
    """The data set of a folder of clips, or of arrays `weights` beside sounds."""
    arrays = sorted(path for path in folder.glob("*.npz") if "weights" in np.load(path))
    if not arrays:
        return open_dataset(folder)
    from personare.audio.load import load
    from personare.learn.importers import sound_of

    place = (cache or Path(tempfile.mkdtemp())) / "clips"
    for path in arrays:
        with np.load(path) as file:
            write_clip(place, path.stem, audio=load(sound_of(path)), motion=Motion(file["weights"], 30, FACEGOOD_116))
    return open_dataset(place)


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
    parser.add_argument("--tail", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    dataset = opened(asked.data, asked.cache)
    given = dict(pair.split("=", 1) for pair in asked.option)
    training = {"seed": asked.seed} | ({"rounds": asked.rounds} if asked.rounds else {})
    if asked.tail:
        print("the last fifth of each clip, by what learned from the rest")
        return table(tail(dataset, given=given, training=training), ["all"], unseen=0)
    clips, found, data = [clip.name for clip in dataset.clips], {}, clips_hash(dataset)
    for name in clips:
        found[name] = kept(asked.cache, f"simple-{name}", data, lambda name=name: simple(dataset, name))
    for method in asked.recipes.split(","):
        for name in clips:
            def make(name=name, method=method):
                values, seconds = predictions(dataset, name, method, given=given, training=training)
                print(f"{method} without {name}: {seconds:.0f} s of the processor", flush=True)
                return values

            depends = [data, given, TRAINING.get(method, {}) | training]
            found[name] |= kept(asked.cache, f"{method}-{name}", depends, make)
    for title, unseen in (("whole clips", 0.0), ("the last four fifths of each", SEEN)):
        print(f"\n{title}")
        table(found, clips, unseen=unseen)
    return None


if __name__ == "__main__":
    main()
