"""What other voices, noise, bands and languages cost: PhoneLip of the same sentences, changed.

    python benchmarks/vox_robustness.py --shared DIR [--model NAME]... [--json PATH]

DIR has bench/ (labels and index of PhoneLip) and data/. Voices are made by benchmarks/voices.py; `resynthesised` is the
control, the same method with nothing changed. Noise lies below the level of the louder half of a recording. The bar is
a loss of at most .10 for each.

Other languages have no labels: beside English sentences it prints how far lips travel in speech, the size of the gap,
how often and how long they close, the share of pauses at rest, and the correlation of the gap with loudness.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import voices
from tracked_video import best_correlation, level

import personare
from personare.audio.load import load
from personare.audio.resampling import resample
from personare.metrics.phonelip import Utterance, phonelip, read_labels
from personare.motion.mouth import measures_cm
from personare.types import Audio

RATE_HZ, FPS, BAR = 16000, 60, 0.10
LANGUAGES = ("german", "french", "spanish", "italian", "chinese", "japan", "korean")
CLOSED_CM = 0.17


def recordings(shared):
    """List of (id, speaker, (n,) sound at 16 kHz, labels)."""
    with open(shared / "bench" / "index.csv", newline="") as table:
        return [(row["id"], row["speaker"], resample(load(shared / row["audio"]), RATE_HZ).samples,
                 read_labels(shared / "bench" / "labels" / f"{row['id']}.lab")) for row in csv.DictReader(table)]


def changes(babble):
    """Name -> (sound, labels, number) -> (sound, labels)."""
    return {
        "as recorded": lambda s, labels, i: (s, labels),
        "resynthesised": lambda s, labels, i: (voices.resynthesised(s, RATE_HZ), labels),
        "telephone": lambda s, labels, i: (voices.telephone(s, RATE_HZ), labels),
        "pink noise 15 dB": lambda s, labels, i: (voices.noisy(s, voices.pink(len(s), i), 15), labels),
        "pink noise 10 dB": lambda s, labels, i: (voices.noisy(s, voices.pink(len(s), i), 10), labels),
        "babble 15 dB": lambda s, labels, i: (voices.noisy(s, babble[i * 9973 :], 15), labels),
        "babble 10 dB": lambda s, labels, i: (voices.noisy(s, babble[i * 9973 :], 10), labels),
        "child": lambda s, labels, i: (voices.child(s, RATE_HZ), labels),
        "low man": lambda s, labels, i: (voices.low_man(s, RATE_HZ), labels),
        "fast, 1.4 times": lambda s, labels, i: voices.fast(s, RATE_HZ, labels),
        "sung": lambda s, labels, i: voices.sung(s, RATE_HZ, labels, i),
    }


def babble_of(shared):
    """Twelve voices at once that are not in the benchmark, one after another and over each other."""
    paths = sorted((shared / "data" / "speech" / "multilingual").glob("*.flac"))[:12]
    sounds = [resample(load(path), RATE_HZ).samples for path in paths]
    return sum(np.resize(sound / sound.std(), 30 * RATE_HZ) for sound in sounds)


def score(takes, model):
    """PhoneLip figures of (speaker, sound, labels) takes."""
    return phonelip([Utterance(personare.animate(Audio(sound, RATE_HZ), model=model, fps=FPS, layers=personare.STILL),
                               labels, speaker) for speaker, sound, labels in takes])


def languages(shared, model):
    """Language -> figures of its recordings."""
    folder = shared / "data" / "speech"
    groups = {"english": sorted((folder / "ljspeech").glob("*.flac"))}
    groups |= {name: sorted((folder / "multilingual").glob(f"{name}*.flac")) for name in LANGUAGES}
    found = {}
    for name, paths in groups.items():
        rows = np.array([_lips(path, model) for path in paths])
        found[name] = [float(column[np.isfinite(column)].mean()) if np.isfinite(column).any() else float("nan")
                       for column in rows.T]
    return found


def _lips(path, model):
    """(travel cm/s, p95 gap cm, closures a second of speech, share of speech closed, rest in pauses, r of loudness)."""
    audio = load(path)
    motion = personare.animate(audio, model=model, fps=FPS, layers=personare.STILL)
    gap = np.maximum(measures_cm(motion)[:, 0], 0)
    loud = level(audio, len(gap))
    top = np.percentile(loud, 95)
    speech = loud > top - 22
    pause = np.convolve(loud < top - 30, np.ones(19), "same") > 18.5
    seconds = max(speech.sum() / FPS, 0.1)
    closed = gap < CLOSED_CM
    closures = (np.diff((closed & speech).astype(int)) == 1).sum()
    return (np.abs(np.diff(gap)).sum() / seconds, np.percentile(gap[speech], 95), closures / seconds,
            closed[speech].mean(), closed[pause].mean() if pause.any() else np.nan,
            best_correlation(gap, np.maximum(loud, top - 40))[0])


def main():
    """Print a table for each model."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, required=True)
    options.add_argument("--model", action="append", help="name or path of a bundle; several times for several")
    options.add_argument("--json", type=Path, help="write all figures here too")
    options = options.parse_args()
    takes, found = recordings(options.shared), {}
    table = {name: [(speaker, *change(sound, labels, i)) for i, (_, speaker, sound, labels) in enumerate(takes)]
             for name, change in changes(babble_of(options.shared)).items()}
    for model in options.model or ["vox"]:
        print(f"{model}\n{'':18s}{'score':>7s}{'loss':>7s}{'recall':>8s}{'prec.':>7s}{'f v':>7s}{'round':>7s}"
              f"{'open':>7s}{'rest':>7s}{'lag ms':>8s}")
        rows = {name: score(changed, model) for name, changed in table.items()}
        for name, row in rows.items():
            loss = rows["as recorded"]["score"] - row["score"]
            print(f"{name:18s}{row['score']:7.3f}{loss:7.3f}{row['closure_recall']:8.2f}{row['closure_precision']:7.2f}"
                  f"{row['labiodental_auc']:7.3f}{row['round_auc']:7.3f}{row['open_auc']:7.3f}{row['rest']:7.2f}"
                  f"{row['closure_lag_ms']:8.0f}{'   over the bar' if loss > BAR else ''}")
        spoken = languages(options.shared, model)
        print(f"{'':12s}{'travel':>8s}{'p95':>6s}{'closures/s':>12s}{'closed':>8s}{'rest':>6s}{'r loudness':>12s}")
        for name, row in spoken.items():
            print(f"{name:12s}{row[0]:8.2f}{row[1]:6.2f}{row[2]:12.2f}{row[3]:8.2f}{row[4]:6.2f}{row[5]:12.2f}")
        found[model] = {"phonelip": rows, "languages": spoken}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
