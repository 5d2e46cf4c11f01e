"""What methods say that have learned from seven filmed clips of five people (paired_bfm), and the mouth read off it.

For benchmarks/tracked_methods.py and benchmarks/vox_peers.py. Nobody is spoken by a network that knows them: each sound
of one of the five is said by what learned from the other four, all other sounds by what learned from all seven clips.
What is said are 64 coefficients; a line that was fitted to the true ones of all clips and to MediaPipe's landmarks
reads the mouth off them. Needs personare[learn].
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from paired_bfm import FPS, PEOPLE, predictions
from tracked_video import tracked_mouth, tracks

import personare
from personare.learn.dataset import open_dataset, shifted, write_clip
from personare.motion.adapt import fit_adapter, sound_columns
from personare.motion.mouth import REST_CM
from personare.types import Motion

RIDGE = 0.1
# Percentile of a clip's tracked gap at which its lips count as closed.
CLOSED = 2


def mouth_map(shared, dataset):
    """The line that reads a mouth off coefficients, by ridge regression on the landmarks of all clips.

    It is solved for about each clip's own mean, and laid so that the lips of an average clip close where those of a
    head at rest do.

    Args:
        shared: folder with tracks/ and paired_bfm/.
        dataset: Dataset of clips of paired_bfm.

    Returns:
        ((64, 3), (3,)) float64: lip gap, mouth width and height of the lower lip in cm, and what is added to them.
    """
    known = json.loads((shared / "paired_bfm/index.json").read_text())["clips"]
    opened, x, y, levels = dict(tracks(shared)), [], [], []
    for clip in dataset.clips:
        if clip.name in opened:
            fps, told = float(known[clip.name]["fps"]), known[clip.name]
            ahead_s = (told["video_mouth_lag_ms"] - told["coeff_mouth_lag_ms"]) / 1000
            time_s, mouth = tracked_mouth(opened[clip.name])
            values = clip.motion.values.astype(np.float64)
            at = np.arange(len(values)) / fps + ahead_s
            mouth = np.stack([np.interp(at, time_s, one) for one in mouth.T], axis=1)
            x.append(values - values.mean(axis=0))
            y.append(mouth - mouth.mean(axis=0))
            levels.append((values.mean(axis=0), mouth.mean(axis=0) - np.percentile(mouth, CLOSED, axis=0)))
    x, y = np.concatenate(x), np.concatenate(y)
    weight = np.linalg.solve(x.T @ x / len(x) + RIDGE * x.var(axis=0).mean() * np.eye(x.shape[1]), x.T @ y / len(x))
    return weight, REST_CM + np.mean([above - rest @ weight for rest, above in levels], axis=0)


def said_by_recipe(dataset, sounds, people, method, *, rounds=0, cache=None):
    """What networks of a method say that do not know who speaks.

    Args:
        dataset: Dataset of the clips of paired_bfm.
        sounds: dict: name -> Audio; those of clips of the data set are said as benchmarks/paired_bfm.py says them.
        people: dict: name of a sound -> who of the five speaks, where it is one of them.
        method: name of a recipe.
        rounds: of training; 0 for as many as benchmarks/paired_bfm.py takes.
        cache: folder that keeps what was said; None for none.

    Returns:
        dict: name -> (t, 64) float32, 30 a second.
    """
    found = {}
    for person in dict.fromkeys(people.get(name) for name in sounds):
        known = tuple(clip for clip in PEOPLE if PEOPLE[clip] == person)
        others = {name: audio for name, audio in sounds.items() if people.get(name) == person and name not in PEOPLE}
        with tempfile.TemporaryDirectory() as place:
            clips = with_sounds(dataset, others, Path(place)) if others else dataset
            found |= predictions(clips, (*known, *others), method, cache=cache,
                                 training={"rounds": rounds} if rounds else {})
    return found


def with_sounds(dataset, sounds, folder):
    """The clips of a data set and sounds of which no motion is known, in a new folder."""
    for clip in dataset.clips:
        (folder / clip.name).symlink_to(Path(clip.sound).parent)
    for name, audio in sounds.items():
        nothing = np.zeros((int(len(audio.samples) / audio.rate_hz * FPS), 64), np.float32)
        write_clip(folder, name, audio=audio, motion=Motion(nothing, FPS, "bfm-64"))
    return open_dataset(folder)


def said_by_adapter(dataset, sounds, people, model):
    """The same by a model with the adapter (personare.motion.adapt) fitted on clips without who speaks."""
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
    for name, audio in sounds.items():
        person = people.get(name)
        if person not in adapters:
            known = [pair for other, pair in pairs.items() if PEOPLE[other] != person]
            adapters[person] = fit_adapter([pair[:2] for pair in known], extra=[pair[2] for pair in known])
        motion, heard = told(audio)
        found[name] = adapters[person].apply(motion, extra=heard, limits=(-np.inf, np.inf)).values
    return found
