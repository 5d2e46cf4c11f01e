"""How much further lips part in a loud voice, and what that costs: the same sentences, raised and dropped on the way.

    python benchmarks/vox_loudness.py --shared DIR [--model NAME]...

DIR has bench/ and data/. A voice is raised as in training (personare.learn.augment.raise_voice): its level, and above
1 kHz half as much again, from the middle of a recording on. `wider` is the lip gap beyond rest in the speech of that
half over that of the voice as it was, recordings together; personare.motion.prosody.Loudness asks for 1.4 at 10 dB once
heard, since 5 dB are those of even speech. `still` is the model alone, without that layer.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from vox_robustness import FPS, RATE_HZ, recordings

import personare
from personare.learn.augment import raise_voice
from personare.metrics.phonelip import Utterance, phonelip
from personare.motion.mouth import REST_CM, measures_cm
from personare.types import Audio

STEPS_DB = (-10, -5, 5, 10)
# The voice rises within this, seconds, as late as the middle; what follows it is measured.
RISE_S = 0.3
LAYERS = {"": personare.Layers(blink=0, gaze=0, head=0, brows=0), "still": personare.STILL}


def raised_late(sound, effort_db):
    """The sound with another effort from its middle on."""
    step = np.clip((np.arange(len(sound)) - len(sound) / 2) / (RISE_S * RATE_HZ), 0, 1)
    return np.clip(raise_voice(sound, (effort_db * step).astype(np.float32)), -1, 1)


def opened(motion, labels):
    """Sum of the lip gap beyond rest, cm, in the speech of the second half."""
    gap = np.maximum(measures_cm(motion)[:, 0] - REST_CM[0], 0)
    at_s = np.arange(len(gap)) / motion.fps
    spoken = np.zeros(len(gap), bool)
    for start_s, end_s, phone in labels:
        spoken |= (start_s <= at_s) & (at_s < end_s) & (phone != "SIL")
    return gap[spoken & (at_s > len(gap) / motion.fps / 2 + RISE_S)].sum()


def main():
    """Print a row for each change and model."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, required=True)
    options.add_argument("--model", action="append", help="name or path of a bundle; several times for several")
    options = options.parse_args()
    takes = recordings(options.shared)
    # Head room for the loudest.
    takes = [(speaker, 0.25 * sound / np.abs(sound).max(), labels) for _, speaker, sound, labels in takes]
    for model, name in product(options.model or ["vox", "vox-live"], LAYERS):
        print(f"{f'{model} {name}':18s}{'wider':>7s}{'score':>7s}{'recall':>8s}{'prec.':>7s}{'open':>7s}{'rest':>7s}")
        usual = None
        for effort_db in (0, *STEPS_DB):
            motions = [personare.animate(Audio(raised_late(sound, effort_db), RATE_HZ), model=model, fps=FPS,
                                         layers=LAYERS[name]) for _, sound, _ in takes]
            row = phonelip([Utterance(motion, labels, speaker)
                            for motion, (speaker, _, labels) in zip(motions, takes, strict=True)])
            total = sum(opened(motion, labels) for motion, (_, _, labels) in zip(motions, takes, strict=True))
            usual = usual or total
            print(f"{effort_db:+4d} dB           {total / usual:7.2f}{row['score']:7.3f}{row['closure_recall']:8.2f}"
                  f"{row['closure_precision']:7.2f}{row['open_auc']:7.3f}{row['rest']:7.2f}")


if __name__ == "__main__":
    main()
