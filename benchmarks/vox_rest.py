"""Is the mouth at rest in PhoneLip's pauses, and what is heard in those where it is not?

    python benchmarks/vox_rest.py --shared DIR [--model NAME]...

The labels come from transcripts, and transcripts leave out what people say between the words: um, uh, a word spoken
twice. A pause in which somebody speaks is no pause, so every silent stretch is given to a second opinion: pocketsphinx,
which hears the whole recording and writes words, [SPEECH], [NOISE] and <sil>. It is no part of the models, though it
aligned most of the English speech they were trained on.
`all` is rest in every frame marked silent, as PhoneLip counts it; `unspoken` leaves out the frames in which
pocketsphinx hears a word or speech, and MARGIN_S around them, as PhoneLip does around labels. The frames that move are
split into those in which it hears speech, those within NEAR_S of labelled speech, and others. Needs
`pip install pocketsphinx`.
"""

import argparse
from pathlib import Path

import numpy as np
from vox_robustness import RATE_HZ, babble_of, changes, recordings

import personare
from personare.motion.mouth import REST_CM, measures_cm
from personare.types import Audio

# Those of PhoneLip: silence shorter than this does not count, nor do frames this near to speech.
LEAST_S, MARGIN_S, FPS = 0.25, 0.12, 100
# Lips that move this near to labelled speech open early for it or close late after it.
NEAR_S = 0.3
NOT_SPEECH = ("<sil>", "<s>", "</s>", "[NOISE]")
CONDITIONS = ("as recorded", "pink noise 15 dB", "telephone", "babble 15 dB", "babble 10 dB")


def heard(decoder, sound):
    """[(start s, end s, word)] of the speech pocketsphinx hears."""
    decoder.start_utt()
    decoder.process_raw(np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    return [(segment.start_frame / 100, (segment.end_frame + 1) / 100, segment.word) for segment in decoder.seg()
            if segment.word not in NOT_SPEECH]


def pauses(labels):
    """[(start s, end s)] of what PhoneLip counts as silence."""
    found, last = [], len(labels) - 1
    for i, (start, end, phone) in enumerate(labels):
        if phone.upper() == "SIL" and end - start >= LEAST_S:
            found.append((start + (MARGIN_S if i else 0), end - (MARGIN_S if i < last else 0)))
    return [(start, end) for start, end in found if end > start]


def frames_in(stretches, count):
    """(count,) bool: frames at FPS that lie in any of the stretches."""
    inside = np.zeros(count, bool)
    for start, end in stretches:
        inside[max(0, round(start * FPS)) : max(0, round(end * FPS))] = True
    return inside


def spoken_labels(labels):
    """[(start s, end s)] of all that is not silence."""
    return [(start, end) for start, end, phone in labels if phone.upper() not in ("SIL", "SP", "SPN", "NSN")]


def gap_of(sound, model, count):
    """(count,) lip gap in cm at FPS, from curves at 30 frames a second."""
    motion = personare.animate(Audio(sound, RATE_HZ), model=model, fps=30, layers=personare.STILL)
    gap = np.maximum(measures_cm(motion)[:, 0], 0)
    return np.interp(np.arange(count) / FPS * 30, np.arange(len(gap)), gap)


def main():
    """Print rest for each model and condition, then the stretches of `as recorded` where the mouth moves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--model", action="append", help="name or path of a bundle; several times for several")
    options = parser.parse_args()
    import pocketsphinx

    decoder = pocketsphinx.Decoder(loglevel="FATAL")
    takes, table = recordings(options.shared), changes(babble_of(options.shared))
    words = [heard(decoder, sound) for _, _, sound, _ in takes]
    counts = [round(labels[-1][1] * FPS) for *_, labels in takes]
    silent = [frames_in(pauses(labels), count) for (*_, labels), count in zip(takes, counts, strict=True)]
    voiced = [frames_in([(a - MARGIN_S, b + MARGIN_S) for a, b, _ in said if _in_pause(a, b, still)], count)
              for said, count, still in zip(words, counts, silent, strict=True)]
    unspoken = np.concatenate(silent) & ~np.concatenate(voiced)
    print(f"{np.concatenate(silent).sum() / FPS:.2f} s of silence by the labels, {unspoken.sum() / FPS:.2f} s unspoken")
    for model in options.model or ["vox", "vox-live"]:
        for name in CONDITIONS:
            gaps = [gap_of(table[name](sound, labels, i)[0], model, counts[i])
                    for i, (_, _, sound, labels) in enumerate(takes)]
            speech = np.concatenate([gap[frames_in(spoken_labels(take[3]), len(gap))]
                                     for gap, take in zip(gaps, takes, strict=True)])
            most = REST_CM[0] + max(0.07, 0.12 * np.percentile(speech, 95))
            closed = np.concatenate(gaps) <= most
            print(f"{model:16s}{name:18s} all {closed[np.concatenate(silent)].mean():.3f}   unspoken "
                  f"{closed[unspoken].mean():.3f}")
            if name == "as recorded":
                moving = [still & (gap > most) for gap, still in zip(gaps, silent, strict=True)]
                _split(takes, silent, voiced, moving)
                _report(takes, words, moving)


def _in_pause(start, end, still):
    """Whether most of a word lies where the labels say silence."""
    inside = still[round(start * FPS) : round(end * FPS)]
    return len(inside) > 0 and inside.mean() > 0.5


def _split(takes, silent, voiced, moving):
    """Where the mouth moves in labelled silence, by speaker, as shares of the silent frames."""
    near = [frames_in([(a - NEAR_S, b + NEAR_S) for a, b in spoken_labels(take[3])], len(moves))
            for take, moves in zip(takes, moving, strict=True)]
    whole = [(speaker, still, moves & said, moves & ~said & by, moves & ~said & ~by) for (_, speaker, *_), still, said,
             by, moves in zip(takes, silent, voiced, near, moving, strict=True)]
    for name in ("all", *sorted({take[1] for take in takes})):
        parts = [np.concatenate(column) for column in
                 zip(*(row[1:] for row in whole if name in ("all", row[0])), strict=True)]
        if count := parts[0].sum():
            spoken, beside, other = (float(part.sum() / count) for part in parts[1:])
            print(f"    {name:14s}{count / FPS:6.2f} s silent; moves where speech is heard {spoken:.3f}, else within "
                  f"{NEAR_S} s of labelled speech {beside:.3f}, elsewhere {other:.3f}")


def _report(takes, words, moving):
    """The pauses in which the mouth moves and what is heard there."""
    for (name, _, sound, labels), said, moves in zip(takes, words, moving, strict=True):
        spoken = frames_in(spoken_labels(labels), len(moves))
        for start, end in pauses(labels):
            share = moves[round(start * FPS) : round(end * FPS)]
            if share.any():
                louder = (_level_db(sound, np.flatnonzero(share) / FPS + start)
                          - _level_db(sound, np.flatnonzero(spoken) / FPS))
                there = [word for a, b, word in said if a < end and b > start]
                print(f"    {name} {start:.2f} to {end:.2f} s: moves in {share.sum() / FPS:.2f} s, level "
                      f"{louder:+.0f} dB against speech, heard: {' '.join(there) or 'nothing'}")


def _level_db(sound, times_s):
    """Median level in dB of 20 ms around some times."""
    first = np.maximum((np.asarray(times_s) * RATE_HZ).astype(int) - RATE_HZ // 100, 0)
    power = [np.square(sound[one : one + RATE_HZ // 50]).mean() for one in first]
    return float(10 * np.log10(np.median(power) + 1e-10))


if __name__ == "__main__":
    main()
