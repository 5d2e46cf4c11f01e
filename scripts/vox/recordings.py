"""Recordings with transcripts: one folder a speaker beside transcripts.tsv (file, language, seconds, text)."""

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import soundfile

from personare.learn.data import write_shard
from personare.learn.phones import from_ipa, spread


@dataclass(frozen=True)
class Recording:
    """One recorded sentence.

    Args:
        path: sound file, 16 kHz mono.
        language: such as "de".
        text: what is said.
    """

    path: Path
    language: str
    text: str


def read_recordings(corpus, speaker):
    """The Recordings of one speaker, in the order of the table."""
    with open(corpus / "transcripts.tsv", newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
                if row["file"].startswith(f"{speaker}/")]
    return [Recording(corpus / row["file"], row["language"], row["text"]) for row in rows]


def read_published_times(corpus, speaker, *, shift_s=0.0):
    """Published phone times of one speaker: utterance id -> [(phone id, start_s, end_s)].

    Args:
        corpus: Path of the folder with <speaker>_alignment.json (utterance -> words -> [IPA, start, duration]).
        shift_s: added to every time, for labels known to run early or late.
    """
    published = json.loads((corpus / f"{speaker}_alignment.json").read_text(encoding="utf-8"))
    result = {}
    for name, words in published.items():
        result[name] = []
        for symbol, start, duration in (phone for word in words for phone in word):
            if phones := from_ipa(symbol):
                result[name] += spread(phones, start + shift_s, start + shift_s + duration)
    return result


def main():
    """Write a shard of one speaker with published phone times."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--speaker", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    times = read_published_times(options.corpus, options.speaker)
    recordings = [r for r in read_recordings(options.corpus, options.speaker) if times.get(r.path.stem)]
    write_shard(options.out, ((soundfile.read(r.path, dtype="float32")[0], times[r.path.stem],
                               f"cc0/{options.speaker}/{r.language}") for r in recordings))


if __name__ == "__main__":
    main()
