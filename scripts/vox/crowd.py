"""Phone times of recordings by many speakers, from LibriSpeech and clones of three public repositories.

    python scripts/vox/crowd.py --clones DIR --source commands --weights phones.safetensors --out commands.npz

librispeech: LibriSpeech (CC BY 4.0, openslr.org/12), whichever of its sets are in DIR/LibriSpeech: minutes of books and
    their texts by many readers. What the shipped weights heard of dev-clean are the 20 readers in
    felixbastian/Speaker_partition_module, as MP3 of 40 kbit/s that is called wav.
commands: Picovoice/speech-to-intent-benchmark (Apache 2.0), orders of coffee by more than 50 people at their own
    microphones. Labels say what was ordered, not in which words: pocketsphinx hears them with a language model of the
    benchmark's own example sentences, and only recordings in which it hears all of the order are kept.
words: Picovoice/wake-word-benchmark (Apache 2.0), six words and names by more than 50 people; the folder says which.
readers: the excerpts of LibriSpeech (CC BY 4.0) in resemble-ai/Resemblyzer, 261 readers, most with one sentence. Their
    texts are not there, so that phones are those the networks of --weights hear, in the likeliest order.

Times of all but the last come from pocketsphinx's aligner; words that its dictionary does not have are pronounced as
the command flite does. The recordings in which the networks hear these phones least are dropped, as in
align_network.py.
"""

import argparse
import json
import math
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
import torch
from align_network import FRAME_HZ, phone_scores
from align_sphinx import align, open_aligner

from personare.audio.mel import MelOptions
from personare.learn.data import read_shard, write_shard
from personare.learn.export import read_network

PEAK = 0.7
# Share of the recordings in which the networks hear the aligned phones least; they are dropped.
DROPPED = {"librispeech": 0.1, "commands": 0.25, "words": 0.25}
PRONOUNCED = {"snowboy": "S N OW B OY"}
# Of the heard phones: least length in frames, cost of each, and how much their usual order counts.
LEAST_FRAMES, PHONE_COST, ORDER = 3, 1.0, 0.5
# What is taken from each count of a pair of words, for pairs that the sentences do not have.
DISCOUNT = 0.5


def read(path):
    """(n,) float32 of a recording at 16 kHz, as loud as PEAK."""
    sound, rate = soundfile.read(path, dtype="float32")
    if rate != 16000:
        raise SystemExit(f"{path}: expected 16 kHz, got {rate} Hz")
    return sound / max(np.abs(sound).max(), 1e-6) * PEAK


def plain(text):
    """Words in small letters, one space apart."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def bigrams(sentences):
    """A language model of pairs of words in ARPA's format, from sentences of plain words."""
    single, pairs, begun = Counter({"<s>": 0}), Counter(), Counter()
    for words in (["<s>", *sentence.split(), "</s>"] for sentence in sentences):
        single.update(words[1:])
        pairs.update(pairwise(words))
        begun.update(words[:-1])
    total = sum(single.values())
    lines = ["\\data\\", f"ngram 1={len(single)}", f"ngram 2={len(pairs)}", "", "\\1-grams:"]
    for word in sorted(single):
        after = [second for first, second in pairs if first == word]
        back_off = DISCOUNT * len(after) / max(begun[word], 1) / max(1 - sum(single[w] for w in after) / total, 1e-6)
        lines.append(f"{math.log10(max(single[word] / total, 1e-20)):.4f} {word} {math.log10(max(back_off, 1e-9)):.4f}")
    lines += ["", "\\2-grams:"]
    lines += [f"{math.log10((count - DISCOUNT) / begun[first]):.4f} {first} {second}"
              for (first, second), count in sorted(pairs.items())]
    return "\n".join([*lines, "", "\\end\\", ""])


def librispeech(folder):
    """(path, text, speaker) of every sentence."""
    for table in sorted(folder.glob("*/*/*/*.trans.txt")):
        for line in table.read_text().splitlines():
            name, text = line.split(" ", 1)
            found = [path for end in ("flac", "wav") if (path := table.parent / f"{name}.{end}").is_file()]
            if found:
                yield found[0], plain(text), name.split("-")[0]


def commands(folder):
    """(path, text, speaker) of the orders that were understood; who spoke is not known."""
    import pocketsphinx

    orders = json.loads((folder / "data/label/label.json").read_text())
    said = {name: [plain(slot) for slot in order["slots"].values()] for name, order in orders.items()}
    examples = [plain(line) for line in (folder / "data/watson/corpus.txt").read_text().splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch, "orders.arpa")
        model.write_text(bigrams(examples + [slot for slots in said.values() for slot in slots]))
        decoder = pocketsphinx.Decoder(lm=str(model), loglevel="FATAL", beam=1e-60, wbeam=1e-40, pbeam=1e-60)
    for path in sorted((folder / "data/speech/clean").glob("*.wav")):
        raw = np.round(read(path) * 32767).astype(np.int16).tobytes()
        # Twice, so that the second time it knows the channel.
        for _ in range(2):
            decoder.start_utt()
            decoder.process_raw(raw, full_utt=True)
            decoder.end_utt()
        text = decoder.hyp().hypstr if decoder.hyp() else ""
        ordered = {word for slot in said.get(path.name, ()) for word in slot.split()}
        if ordered and ordered <= set(text.split()):
            yield path, text, "commands"


def words(folder):
    """(path, text, speaker) of the single words; who spoke is not known."""
    for path in sorted((folder / "audio").glob("*/*")):
        yield path, path.parent.name, "words"


def pronounced(word):
    """Phones of a word in ARPABET, as flite says it, with a space between; empty where it says nothing."""
    if shutil.which("flite") is None:
        raise SystemExit("flite: no such command; it pronounces words that no dictionary has, Debian's package flite")
    said = subprocess.run(["flite", "-t", word, "-ps", "-o", "none"], capture_output=True, text=True, check=True).stdout
    # The aligner's phones have no schwa.
    return " ".join(phone.upper().replace("AX", "AH") for phone in said.split() if phone != "pau")


def aligned(recordings, networks, mel, *, dropped):
    """[(sound, times, speaker, mean log posterior of these phones)] of (path, text, speaker)s, but for some share."""
    decoder, known = open_aligner()
    for word, phones in PRONOUNCED.items():
        decoder.add_word(word, phones)
    known |= set(PRONOUNCED)
    found = []
    for path, text, speaker in recordings:
        for word in set(text.split()) - known:
            if phones := pronounced(word):
                decoder.add_word(word, phones)
                known.add(word)
        if not set(text.split()) <= known:
            continue
        try:
            sound = read(path)
        except soundfile.LibsndfileError as error:
            print(f"left out {path}: {error}")
            continue
        times = align(decoder, sound, text, shift_s=0.005)
        if not times or not any(phone for phone, *_ in times):
            continue
        scores = sum(phone_scores(network, sound, mel) for network in networks) / len(networks)
        frames = [scores[round(start * FRAME_HZ) : round(end * FRAME_HZ), phone]
                  for phone, start, end in times if phone]
        found.append((sound, times, speaker, float(np.concatenate(frames).mean())))
    if not found:
        raise SystemExit("no recording could be aligned; see --help for what the folder should hold")
    floor = np.quantile([score for *_, score in found], dropped)
    return [item for item in found if item[-1] >= floor]


def order(shards):
    """(42, 42) log share of each phone after another, silence at both ends, in the speech of shards."""
    count = np.full((42, 42), 0.5)
    for shard in shards:
        for one in read_shard(shard):
            phones = np.concatenate([[0], one.phones.astype(int), [0]])
            np.add.at(count, (phones[:-1], phones[1:]), 1)
    return np.log(count / count.sum(1, keepdims=True))


def heard(scores, usual):
    """The likeliest phones of (t, 42) log posteriors, each LEAST_FRAMES long or more.

    Args:
        scores: (t, 42).
        usual: (42, 42) as order gives it.

    Returns:
        List of (phone id, first frame, end frame).
    """
    count, phones = scores.shape
    into = ORDER * usual - PHONE_COST
    np.fill_diagonal(into, -np.inf)
    best = np.full((LEAST_FRAMES, phones), -np.inf)
    best[0] = ORDER * usual[0] + scores[0]
    came_from, stayed = np.zeros((count, phones), np.int64), np.zeros((count, phones), bool)
    for i in range(1, count):
        begin = best[-1][:, None] + into
        came_from[i], stayed[i] = begin.argmax(0), best[-1] >= best[-2]
        best = np.concatenate([begin.max(0)[None], best[:-2], np.maximum(best[-1], best[-2])[None]]) + scores[i]
    phone, stage, end, found = int(best[-1].argmax()), LEAST_FRAMES - 1, count, []
    for i in range(count - 1, -1, -1):
        if i == 0 or stage == 0:
            found.append((phone, i, end))
            phone, stage, end = int(came_from[i, phone]), LEAST_FRAMES - 1, i
        elif stage < LEAST_FRAMES - 1 or not stayed[i, phone]:
            stage -= 1
    return found[::-1]


def readers(folder, networks, mel, usual):
    """(sound, times, speaker, mean log posterior) of the sentences of many readers."""
    for path in sorted((folder / "audio_data").glob("librispeech_*/**/*.flac")):
        sound = read(path)
        scores = sum(phone_scores(network, sound, mel) for network in networks) / len(networks)
        times = [(phone, (a - 0.5) / FRAME_HZ, (b - 0.5) / FRAME_HZ) for phone, a, b in heard(scores, usual)]
        yield sound, times, path.stem.split("-")[0], float(scores.max(1).mean())


SOURCES = {"librispeech": "LibriSpeech", "commands": "speech-to-intent-benchmark", "words": "wake-word-benchmark",
           "readers": "Resemblyzer"}


def main():
    """Write the shard of one source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clones", type=Path, required=True, help="folder of LibriSpeech and the clones")
    parser.add_argument("--source", choices=list(SOURCES), required=True)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="of networks that name phones")
    parser.add_argument("--like", type=Path, nargs="*", default=(), help="shards of English, for the order of phones")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = [read_network(path) for path in options.weights]
    mel = MelOptions(band_count=64, rate_hz=120.0, f_min_hz=50.0, f_max_hz=7600.0)
    folder = options.clones / SOURCES[options.source]
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no such folder; --clones is to hold it, see --help for where it comes from")
    if options.source == "readers":
        found = list(readers(folder, networks, mel, order(options.like)))
    else:
        texts = {"librispeech": librispeech, "commands": commands, "words": words}[options.source]
        found = aligned(texts(folder), networks, mel, dropped=DROPPED[options.source])
    write_shard(options.out, ((sound, times, f"{options.source}/{speaker}/en") for sound, times, speaker, _ in found))
    print(f"{options.source}: {len(found)} recordings, {sum(len(s) for s, *_ in found) / 960000:.0f} minutes, "
          f"mean score {np.mean([score for *_, score in found]):.2f}")


if __name__ == "__main__":
    main()
