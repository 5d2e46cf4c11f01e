"""Every method against the lip gap tracked in real video, clip by clip, by one protocol.

    python benchmarks/tracked_methods.py SHARED_DATA_FOLDER [--models vox,facetalk,BUNDLE] [--breathing vox,vox-live]
        [--adapted vox] [--recipes dvp-ridge,stylist] [--rounds N] [--cache FOLDER]

The clips, the tracked gap and r at the best lag within 0.3 s are those of tracked_video.py. Models and bundles speak
ARKit-52 or what converts to it, and their gap is that of an average head; --breathing adds columns of models with
the layer that parts lips before speech (personare.motion.breath) at strength 1, whose three numbers were set by these
clips. Recipes learn from the seven filmed clips of paired_bfm (64 coefficients): for each of these clips without its
person, for all others from all seven; so does the adapter of a model (personare.motion.adapt). Their gap is read off
the coefficients by a line that was fitted to the true ones of all of paired_bfm and the tracks, the judged clips among
them, which is in their favour. The openings of vox were set near what the tracks ask for (scripts/vox/calibrate.py), in
its favour. `loudness` is the level of the sound. Needs personare[learn].
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from learned_from_film import mouth_map, said_by_adapter, said_by_recipe
from paired_bfm import FPS, PEOPLE, clips_of
from tracked_video import RATE_HZ, best_correlation, level, sound_of, tracked_mouth, tracks

import personare
from personare.motion.mouth import measures_cm
from personare.spaces import ARKIT_52


def real_gaps(folder):
    """dict: clip -> (audio, (t,) tracked gap in cm, 60 a second) of the clips with sound."""
    found = {}
    for name, track in tracks(folder):
        audio = sound_of(folder, name)
        if audio is not None:
            time_s, mouth = tracked_mouth(track)
            found[name] = audio, np.interp(np.arange(int(time_s[-1] * RATE_HZ)) / RATE_HZ, time_s, mouth[:, 0])
    return found


def gap_by_model(audio, model, count, breath=0.0):
    """(count,) lip gap in cm of a model's motion for a sound."""
    motion = personare.animate(audio, model=model, fps=RATE_HZ, layers=replace(personare.STILL, breath=breath))
    if motion.space != ARKIT_52:
        motion, _ = personare.convert(motion, ARKIT_52)
    return at_rate(np.maximum(measures_cm(motion)[:, 0], 0), RATE_HZ, count)


def at_rate(gap, fps, count):
    """(count,) a gap at 60 frames a second."""
    return np.interp(np.arange(count) / RATE_HZ, np.arange(len(gap)) / fps, gap)


def main():
    """Print r of each clip by each method, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="vox,facetalk")
    parser.add_argument("--breathing", default="vox,vox-live", help="models that also part lips before speech")
    parser.add_argument("--adapted", default="vox", help="models that are adapted to the clips")
    parser.add_argument("--recipes", default="dvp-ridge,stylist,faceformer,puppetry,dvp,karras")
    parser.add_argument("--rounds", type=int, default=0, help="of the recipes' training; default as in paired_bfm.py")
    parser.add_argument("--cache", type=Path)
    asked = parser.parse_args()
    real = real_gaps(asked.folder)
    sounds = {name: audio for name, (audio, _) in real.items()}
    columns = {"loudness": {name: level(audio, len(gap)) for name, (audio, gap) in real.items()}}
    for model in filter(None, asked.models.split(",")):
        columns[Path(model).name] = {name: gap_by_model(audio, model, len(gap)) for name, (audio, gap) in real.items()}
    for model in filter(None, asked.breathing.split(",")):
        columns[f"{Path(model).name} breath"] = {name: gap_by_model(audio, model, len(gap), breath=1.0)
                                                 for name, (audio, gap) in real.items()}
    with tempfile.TemporaryDirectory() as place:
        dataset = clips_of(asked.folder.parent, Path(place))
        (weight, _), said = mouth_map(asked.folder, dataset), {}
        for model in filter(None, asked.adapted.split(",")):
            said[f"{Path(model).name} adapted"] = said_by_adapter(dataset, sounds, PEOPLE, model)
        for method in filter(None, asked.recipes.split(",")):
            said[method] = said_by_recipe(dataset, sounds, PEOPLE, method, rounds=asked.rounds, cache=asked.cache)
    for method, values in said.items():
        columns[method] = {name: at_rate(values[name] @ weight[:, 0], FPS, len(gap)) for name, (_, gap) in real.items()}
    found = {method: {name: best_correlation(gap, columns[method][name]) for name, (_, gap) in real.items()}
             for method in columns}
    print(f"{'':30s}" + "".join(f"{method:>15s} " for method in found))
    for name in real:
        print(f"{name:30s}" + "".join(f"{found[method][name][0]:15.2f} " for method in found))
    groups = {"mean": list(real), "mean of paired_bfm": [name for name in real if name in PEOPLE],
              "mean of the others": [name for name in real if name not in PEOPLE]}
    for title, names in groups.items():
        print(f"{title:30s}" + "".join(f"{np.mean([found[m][name][0] for name in names]):15.3f} " for m in found))
    print(f"{'median lag, ms':30s}" + "".join(
        f"{np.median([lag for _, lag in found[m].values()]) * 1000:15.0f} " for m in found))


if __name__ == "__main__":
    main()
