"""What emotion and articulation cost the lips: PhoneLip of the same curves under each.

    python benchmarks/vox_emotion.py --shared DIR [--model NAME]

DIR has bench/ and data/. Lips alone are scored, without blinks and head. The bar is a loss of at most .02 of score and
of closure recall at strength 1; `over` says where it is missed.
"""

import argparse
from pathlib import Path

from vox_robustness import FPS, RATE_HZ, recordings

import personare
from personare.metrics.phonelip import Utterance, phonelip
from personare.motion.expressions import EMOTIONS
from personare.motion.layers import STILL, LayerStream
from personare.types import Audio

BAR = 0.02


def changed(motion, sound, change):
    """The motion under emotion or articulation, as animate would do it."""
    life = LayerStream(FPS, STILL, **change, rate_hz=RATE_HZ)
    life.hear(sound)
    return life.apply(motion)


def main():
    """Print a row for each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, required=True)
    options.add_argument("--model", default="vox")
    options = options.parse_args()
    takes = recordings(options.shared)
    plain = [(personare.animate(Audio(sound, RATE_HZ), model=options.model, fps=FPS, layers=STILL), labels, speaker,
              sound) for _, speaker, sound, labels in takes]
    changes = {"neutral": {}} | {name: {"emotion": name} for name in EMOTIONS}
    changes |= {"joy + surprise": {"emotion": "joy:0.6,surprise:0.6"}}
    changes |= {f"articulation {dial:g}": {"articulation": dial} for dial in (0.3, 0.5, 0.7, 1.3, 1.6, 2.0)}
    print(f"{'':18s}{'score':>7s}{'recall':>8s}{'prec.':>7s}{'AUC':>7s}{'f v':>7s}{'round':>7s}{'open':>7s}{'rest':>7s}"
          f"{'p95':>7s}{'fast':>7s}")
    first = None
    for name, change in changes.items():
        row = phonelip([Utterance(changed(motion, sound, change), labels, speaker)
                        for motion, labels, speaker, sound in plain])
        first = first or row
        over = max(first[key] - row[key] for key in ("score", "closure_recall")) > BAR
        print(f"{name:18s}{row['score']:7.3f}{row['closure_recall']:8.2f}{row['closure_precision']:7.2f}"
              f"{row['closure_auc']:7.3f}{row['labiodental_auc']:7.3f}{row['round_auc']:7.3f}{row['open_auc']:7.3f}"
              f"{row['rest']:7.2f}{row['gap_p95_cm']:7.2f}{row['share_above_12_hz']:7.3f}{'   over' if over else ''}")


if __name__ == "__main__":
    main()
