"""Phone times of English recordings by forced alignment with pocketsphinx's own acoustic model.

    python scripts/vox/align_sphinx.py --corpus speech_cc0 --speaker kathleen --out kathleen.npz
"""

import argparse
import re
from pathlib import Path

import numpy as np
import soundfile
from recordings import read_recordings

from personare.learn.data import write_shard
from personare.learn.phones import from_arpabet, spread

FRAME_S = 0.01


def open_aligner():
    """A pocketsphinx decoder without a language model, and the set of words it can say."""
    import pocketsphinx

    words = set()
    with open(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")) as lines:
        words.update(line.split()[0] for line in lines)
    return pocketsphinx.Decoder(lm=None, loglevel="FATAL"), words


def align(decoder, sound, text, *, shift_s):
    """[(phone id, start_s, end_s)] of one utterance, or None where the aligner gives up."""
    raw = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder.set_align_text(text)
    try:
        for phones_too in (False, True):
            if phones_too:
                decoder.set_alignment()
            decoder.start_utt()
            decoder.process_raw(raw, full_utt=True)
            decoder.end_utt()
        times = []
        for word in decoder.get_alignment():
            for phone in word:
                start = phone.start * FRAME_S + shift_s
                phones = from_arpabet(phone.name.strip("+")) or ("SIL",)
                times += spread(phones, start, start + phone.duration * FRAME_S)
        return times or None
    except RuntimeError:
        return None


def main():
    """Align every utterance whose words are all known; print how many were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--speaker", default="kathleen")
    parser.add_argument("--shift", type=float, default=0.0, help="seconds added to every time")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    decoder, known = open_aligner()
    utterances, seen = [], 0
    for recording in read_recordings(Path(options.corpus), options.speaker):
        seen += 1
        words = re.sub(r"[^a-z' ]", " ", recording.text.lower().replace("’", "'")).split()
        words = [word.strip("'") if word not in known else word for word in words]
        if not words or any(word not in known for word in words):
            continue
        sound, _ = soundfile.read(recording.path, dtype="float32")
        times = align(decoder, sound, " ".join(words), shift_s=options.shift)
        if times:
            utterances.append((sound, times, f"cc0/{options.speaker}/en"))
    write_shard(options.out, utterances)
    print(f"aligned {len(utterances)} of {seen}")


if __name__ == "__main__":
    main()
