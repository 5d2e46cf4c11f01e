"""Every method against the lip gap tracked in real video, clip by clip, by one protocol.

    python benchmarks/tracked_methods.py SHARED_DATA_FOLDER [--models vox,facetalk,BUNDLE] [--adapted vox]
        [--recipes dvp-ridge,stylist] [--cache FOLDER]

The clips, the tracked gap and r at the best lag within 0.3 s are those of tracked_video.py. Models and bundles speak
ARKit-52 or what converts to it, and their gap is that of an average head. Recipes learn from the seven filmed clips of
paired_bfm (64 coefficients): for each of these clips without its person, for all others from all seven; so does the
adapter of a model (personare.motion.adapt). Their gap is read off the coefficients by a line that was fitted to the
true ones of all of paired_bfm and the tracks, the judged clips among them, which is in their favour. `loudness` is the
level of the sound. Needs personare[learn].
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from karras import kept
from paired_bfm import FPS, PEOPLE, clips_of, predictions
from stylist import lip_map
from tracked_video import RATE_HZ, best_correlation, level, sound_of, tracked_mouth, tracks

import personare
from personare.learn.dataset import open_dataset, shifted, write_clip
from personare.motion.adapt import fit_adapter, sound_columns
from personare.motion.mouth import measures_cm
from personare.spaces import ARKIT_52
from personare.types import Motion


def real_gaps(folder):
    """dict: clip -> (audio, (t,) tracked gap in cm, 60 a second) of the clips with sound."""
    found = {}
    for name, track in tracks(folder):
        audio = sound_of(folder, name)
        if audio is not None:
            time_s, gap, _ = tracked_mouth(track)
            found[name] = audio, np.interp(np.arange(int(time_s[-1] * RATE_HZ)) / RATE_HZ, time_s, gap)
    return found


def gap_by_model(audio, model, count):
    """(count,) lip gap in cm of a model's motion for a sound."""
    motion = personare.animate(audio, model=model, fps=RATE_HZ, layers=personare.STILL)
    if motion.space != ARKIT_52:
        motion, _ = personare.convert(motion, ARKIT_52)
    return at_rate(np.maximum(measures_cm(motion)[:, 0], 0), RATE_HZ, count)


def at_rate(gap, fps, count):
    """(count,) a gap at 60 frames a second."""
    return np.interp(np.arange(count) / RATE_HZ, np.arange(len(gap)) / fps, gap)


def said_by_recipe(dataset, real, method, cache):
    """dict: clip -> (t, 64) coefficients by networks that do not know its person."""
    found = {}
    for person in dict.fromkeys(PEOPLE.values()):
        found |= _kept(cache, dataset, tuple(name for name in PEOPLE if PEOPLE[name] == person), method)
    with tempfile.TemporaryDirectory() as place:
        for clip in dataset.clips:
            (Path(place) / clip.name).symlink_to(Path(clip.sound).parent)
        strangers = tuple(name for name in real if name not in PEOPLE)
        for name in strangers:
            audio = real[name][0]
            nothing = np.zeros((int(len(audio.samples) / audio.rate_hz * FPS), 64), np.float32)
            write_clip(Path(place), name, audio=audio, motion=Motion(nothing, FPS, "bfm-64"))
        return found | _kept(cache, open_dataset(Path(place)), strangers, method)


def said_by_adapter(dataset, real, model):
    """dict: clip -> (t, 64) coefficients by a model with the adapter fitted on clips without its person."""
    def told(audio):
        motion = personare.animate(audio, model=model, fps=FPS, layers=personare.STILL)
        return motion, sound_columns(audio, motion)

    pairs = {}
    for clip in dataset.clips:
        motion, heard = told(personare.load(clip.sound))
        truth = shifted(clip.motion, clip.meta.sync_lag_ms)
        count = min(len(motion), len(truth))
        pairs[clip.name] = motion.frames(0, count), truth.frames(0, count), heard[:count]
    adapters, found = {}, {}
    for name, (audio, _) in real.items():
        person = PEOPLE.get(name)
        if person not in adapters:
            known = [pair for other, pair in pairs.items() if PEOPLE[other] != person]
            adapters[person] = fit_adapter([pair[:2] for pair in known], extra=[pair[2] for pair in known])
        motion, heard = told(audio)
        found[name] = adapters[person].apply(motion, extra=heard, limits=(-np.inf, np.inf)).values
    return found


def _kept(cache, dataset, names, method):
    def make():
        values, seconds = predictions(dataset, names, method, {}, {})
        print(f"{method} without {', '.join(names)}: {seconds:.0f} s of the processor", flush=True)
        return values

    # The same key as that of paired_bfm.py, whose networks these are; the long list of strangers is not spelt out.
    key = json.dumps([method, names, {}, {}]) if len(names) < len(PEOPLE) else f"{method} for strangers"
    return kept(cache, key.translate({ord(c): "_" for c in ' "{}[],:'}), make)


def main():
    """Print r of each clip by each method, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="vox,facetalk")
    parser.add_argument("--adapted", default="vox", help="models that are adapted to the clips")
    parser.add_argument("--recipes", default="dvp-ridge,puppetry,dvp,faceformer,stylist")
    parser.add_argument("--cache", type=Path)
    asked = parser.parse_args()
    real = real_gaps(asked.folder)
    columns = {"loudness": {name: level(audio, len(gap)) for name, (audio, gap) in real.items()}}
    for model in filter(None, asked.models.split(",")):
        columns[Path(model).name] = {name: gap_by_model(audio, model, len(gap)) for name, (audio, gap) in real.items()}
    with tempfile.TemporaryDirectory() as place:
        dataset = clips_of(asked.folder.parent, Path(place))
        lips, said = lip_map(asked.folder, dataset), {}
        for model in filter(None, asked.adapted.split(",")):
            said[f"{Path(model).name} adapted"] = said_by_adapter(dataset, real, model)
        for method in filter(None, asked.recipes.split(",")):
            said[method] = said_by_recipe(dataset, real, method, asked.cache)
    for method, values in said.items():
        columns[method] = {name: at_rate(values[name] @ lips, FPS, len(gap)) for name, (_, gap) in real.items()}
    found = {method: {name: best_correlation(gap, columns[method][name]) for name, (_, gap) in real.items()}
             for method in columns}
    print(f"{'':30s}" + "".join(f"{method:>13s}" for method in found))
    for name in real:
        print(f"{name:30s}" + "".join(f"{found[method][name][0]:13.2f}" for method in found))
    groups = {"mean": list(real), "mean of paired_bfm": [name for name in real if name in PEOPLE],
              "mean of the others": [name for name in real if name not in PEOPLE]}
    for title, names in groups.items():
        print(f"{title:30s}" + "".join(f"{np.mean([found[m][name][0] for name in names]):13.3f}" for m in found))
    print(f"{'median lag, ms':30s}" + "".join(
        f"{np.median([lag for _, lag in found[m].values()]) * 1000:13.0f}" for m in found))


if __name__ == "__main__":
    main()
