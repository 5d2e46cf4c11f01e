"""PhoneLip of a network's outputs: on recordings held out of training, clean and degraded, and on a labelled suite."""

import csv
from dataclasses import dataclass

import numpy as np

from personare.learn.augment import AugmentOptions, degrade
from personare.learn.phones import PHONES, to_arpabet
from personare.metrics.phonelip import Utterance, phonelip, read_labels
from personare.motion.vox import decode
from personare.types import Motion

RATE_HZ, FRAME_HZ = 16000, 60
WORSE = AugmentOptions(noise=1, snr_db=(8, 25), room=0.5, colour=1, band=0.2, codec=0.1, clipping=0,
                       level_db=(-32, -16))


@dataclass(frozen=True, eq=False)
class Recording:
    """Labelled sound.

    Args:
        sound: (n,) float32 at 16 kHz.
        labels: list of (start s, end s, ARPABET phone).
        speaker: who speaks.
    """

    sound: np.ndarray
    labels: list
    speaker: str


def held_out(speech, *, most=40):
    """Recordings of the first sentences of each corpus, from lists of learn.data.Utterance."""
    return [Recording(one.samples.astype(np.float32) / 32768,
                      [(float(start), float(end), to_arpabet(PHONES[phone])) for phone, start, end
                       in zip(one.phones, one.starts_s, one.ends_s, strict=True)], one.speaker)
            for corpus in speech for one in corpus[:most]]


def degraded(recordings, seed=0):
    """The same with noise, rooms, bands and other levels, and 0.5 s of it before and after the speech."""
    rng = np.random.default_rng(seed)
    result = []
    for one in recordings:
        length = len(one.sound) + RATE_HZ
        sound = np.zeros(length + (-length) % 1000, np.float32)
        sound[RATE_HZ // 2 :][: len(one.sound)] = one.sound
        sound = degrade(sound, lambda: _other(recordings, len(sound), rng), rng, WORSE)  # noqa: B023
        labels = [(start + 0.5, end + 0.5, phone) for start, end, phone in one.labels]
        labels = [(0.0, labels[0][0], "SIL"), *labels, (labels[-1][1], labels[-1][1] + 0.5, "SIL")]
        result.append(Recording(sound, _joined(labels), one.speaker))
    return result


def _other(recordings, count, rng):
    """(count,) float32 of one of the voices, over and over, from anywhere in it."""
    return np.roll(np.resize(recordings[rng.integers(len(recordings))].sound, count), rng.integers(count))


def suite(folder):
    """Recordings of folder/bench/index.csv, whose audio paths start at folder."""
    from personare.audio.load import load
    from personare.audio.resampling import resample

    with open(folder / "bench" / "index.csv", newline="", encoding="utf-8") as table:
        return [Recording(resample(load(folder / row["audio"]), RATE_HZ).samples,
                          read_labels(folder / "bench" / "labels" / f"{row['id']}.lab"), row["speaker"])
                for row in csv.DictReader(table)]


def padded(sound, before_frames, after_frames):
    """(n,) sound with silence around it for a network's context; its frames then begin at the sound's first."""
    count = int(np.ceil(len(sound) / RATE_HZ * FRAME_HZ))
    before = np.zeros(round((before_frames + 0.5) * RATE_HZ / FRAME_HZ), np.float32)
    total = round((before_frames + count + after_frames + 4) * RATE_HZ / FRAME_HZ)
    return np.concatenate([before, sound, np.zeros(max(0, total - len(sound) - len(before)), np.float32)]), count


def figures(recordings, outputs, options, *, fps=FRAME_HZ):
    """PhoneLip of network outputs.

    Args:
        recordings: list of Recording.
        outputs: list of (t + reach, 21) float32, as motion.vox.decode takes them.
        options: VoxOptions.
        fps: 60, or a whole fraction of it.

    Returns:
        dict, see personare.metrics.phonelip.phonelip.
    """
    step = FRAME_HZ // int(fps)
    motions = (Motion(decode(output, options=options)[::step], fps, "arkit-52") for output in outputs)
    return phonelip([Utterance(motion, one.labels, one.speaker)
                     for motion, one in zip(motions, recordings, strict=True)])


def line(one):
    """A dict of figures in one line of print."""
    return (f"score {one['score']:.3f}  closure {one['closure_recall']:.2f} / {one['closure_precision']:.2f} "
            f"auc {one['closure_auc']:.3f}  f v {one['labiodental_auc']:.3f}  round {one['round_auc']:.3f}  "
            f"open {one['open_auc']:.3f}  rest {one['rest']:.2f}  p95 {one['gap_p95_cm']:.2f}  "
            f">12 Hz {one['share_above_12_hz']:.3f}  lag {one['closure_lag_ms']:.0f}")


def _joined(labels):
    """Neighbouring silences as one."""
    result = []
    for start, end, phone in labels:
        if phone == "SIL" and result and result[-1][2] == "SIL":
            result[-1] = (result[-1][0], end, "SIL")
        else:
            result.append((start, end, phone))
    return result
