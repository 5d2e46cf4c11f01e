"""Make the built-in models from free speech: synthesise, align, train, export.

    python scripts/train_vox.py --data DIR --work SCRATCH --out personare/builtin --minutes 160 --seed 0

Stages, each skipped where its result lies in SCRATCH already, so that an interrupted run goes on where it was:

1. synthesise: speech with exact phone times from espeak-ng, flite and festival, about 14 hours, 10 minutes.
2. align: phone times for DIR/speech_cc0 (kathleen by pocketsphinx, nathalie as published; kerstin and
   flemishguy by a first network, trained for a quarter of the time, against espeak-ng's phones of the text); with
   --clones DIR, a folder that holds LibriSpeech's test-clean and clones of Picovoice/speech-to-intent-benchmark,
   Picovoice/wake-word-benchmark and resemble-ai/Resemblyzer, for their 350 and more speakers (scripts/vox/crowd.py).
3. train: two networks at once on the same batches, augmented on the fly, one with much and one with little
   look-ahead; the second also imitates the first. SCRATCH/checkpoint-vox-vox-live.pt every 500 steps. At the end the
   layer that gives the curves is solved for in closed form, on --batches more (personare/learn/readout.py).
4. export: for each network ONNX with folded normalisation and 16-bit weights, the weights to train on, and the card,
   to OUT/vox and OUT/vox-live; the same graphs with 4-bit weights to OUT/vox-small and OUT/vox-small-live; and the
   first network's phones to OUT/phones.

With --start FOLDER, one that holds such bundles, training goes on from their weights rather than from noise; with
--only NAME it is that one which goes on, vox-live imitating the vox of FOLDER; the other stays as it is. With
--no-training they are only written again with the settings below and the curves solved for again, which is all that
a change of the visemes needs; with --batches 0 too they are written byte for byte.
scripts/vox/tune_gates.py and tune_smoothing.py find the settings in DECODING, scripts/vox/calibrate.py the poses of the
visemes on filmed people, and scripts/vox/ablate.py compares front ends.

Needs the commands espeak-ng, flite and festival with the voices of VOICES, the package pocketsphinx and the
extra personare[learn]. The seed fixes texts, voices and augmentation; with --minutes the number of steps depends
on the machine, with --steps it does not.
"""

import argparse
import csv
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from personare.audio.mel import MelOptions
from personare.audio.phones import PhonesOptions
from personare.learn.augment import AugmentOptions
from personare.learn.carrying import carrying
from personare.learn.data import Sampler, read_shard
from personare.learn.export import Folded, onnx_bytes, read_network, weights_bytes
from personare.learn.loop import TrainOptions, train
from personare.learn.nets.vox import Vox, VoxConfig
from personare.learn.phones import PHONES
from personare.learn.readout import set_curves, solve_readouts
from personare.motion.vox import GRAPH, VoxOptions
from personare.store import read_bundle, write_bundle

HERE = Path(__file__).parent / "vox"
WEIGHTS = "weights.safetensors"
MEL = MelOptions(band_count=64, rate_hz=120.0, f_min_hz=50.0, f_max_hz=7600.0)
FLITE = ("slt", "rms", "awb", "kal16")
FESTIVAL = {"kal_diphone": 0.5, "ked_diphone": 0.5, "lp_diphone": 0.22, "pc_diphone": 0.22, "czech_dita": 0.22,
            "czech_krb": 0.22, "czech_machac": 0.22, "czech_ph": 0.22, "suo_fi_lj_diphone": 0.22,
            "hy_fi_mv_diphone": 0.22, "msu_ru_nsh_clunits": 0.22, "upc_ca_ona_hts": 0.22}
ESPEAK = {"en": 2.5, "de": 0.4, "nl": 0.4, "cmn": 0.45, **dict.fromkeys(
    ("fr", "es", "it", "pt", "pl", "tr", "sv", "fi", "cs", "id", "ru", "el", "hi", "ar", "ja", "ko"), 0.28)}
# How often each kind of shard is drawn from; real voices make up more than half.
WEIGHT = {"cc0_kathleen": 6.0, "cc0_nathalie": 5.0, "cc0_kerstin": 6.0, "cc0_flemishguy": 5.0,
          "crowd_librispeech": 24.0, "crowd_commands": 4.0, "crowd_words": 1.5, "crowd_readers": 3.0, "flite": 1.8,
          "festival_kal": 0.9, "festival_ked": 0.9, "festival": 0.5, "espeak_en": 2.0, "espeak_fr": 1.0,
          "espeak_de": 0.7, "espeak": 0.3}
# One recorded sentence of so many is never trained on, and of LibriSpeech all of a woman and a man:
# scripts/vox/tune_gates.py needs some. None of those whose phones were but heard by a network, as nothing can be judged
# by them.
HELD_OUT_EVERY, HELD_OUT_READERS, HEARD = 25, {"librispeech/121/en", "librispeech/61/en"}, "crowd_readers"
# Items of the batch that the features' mean and the rounding of short weights are taken from.
EXAMPLES = 28
# A block has so many of its three taps in the future. See VoxConfig.
DILATIONS = (1, 1, 2, 1, 2, 4, 8, 16)
AHEAD, LIVE = (1, 1, 1, 1, 1, 0, 0, 0), (1, 0, 0, 0, 0, 0, 0, 0)
# Names the phones: it aligns the recordings, and is a front end of its own.
PHONES_NETWORK = VoxConfig(width=288, dilations=DILATIONS[:7], aheads=AHEAD[:7])
NETWORKS = {"vox": VoxConfig(width=288, dilations=DILATIONS, aheads=AHEAD),
            "vox-live": VoxConfig(width=288, dilations=DILATIONS, aheads=LIVE)}
# Frames by which gates are asked to begin late. See TrainOptions.
GATE_LAGS = {"vox": 0, "vox-live": 1}
SUMMARY = "Speech in any language to the mouth curves of ARKit-52, 60 frames a second."
# Gates by scripts/vox/tune_gates.py on recordings that were held out, closures of vox-live by hand between what serves
# them and precision; the smoothing by scripts/vox/tune_smoothing.py with calm 3 and 10; the fade to rest by hand, as
# long as rest in their degraded sound loses no more than .02 to .03, and waking too, as it cost them nothing.
SMOOTH = {"smoothing": (-0.03, -0.01, 0.12, 0.24, 0.32, 0.36), "smoothing_after": 1, "rest_fade": 6}
SMOOTH_LIVE = {"smoothing": (-0.07, -0.06, 0.1, 0.24, 0.37, 0.42), "smoothing_after": 0, "rest_fade": 6,
               "waking": 0.5}
DECODING = {
    "vox": {"gate_gain": (1.0, 1.0, 2.0), "gate_bias": (-1.2, -1.0, 0.0), **SMOOTH},
    "vox-live": {"gate_gain": (1.4, 0.7, 2.0), "gate_bias": (-1.05, -1.0, 0.0), **SMOOTH_LIVE},
}
# Lips open as far as those of tracked speakers (benchmarks/tracked_video.py).
SIZE = {"amplitude": 1.1, "opening": 1.85, "puckering": 1.3}
SPEECH = [
    {"name": "espeak-ng 1.51, 20 languages, 60 voices",
     "licence": "GPL-3.0-or-later; its sound is ours",
     "use": "synthesised speech with phone times"},
    {"name": "flite 2.2, voices slt rms awb kal16", "licence": "BSD-like",
     "use": "synthesised speech with phone times"},
    {"name": "festival 2.5 with 12 voices of Debian main", "licence": "free licences of Debian main",
     "use": "synthesised speech with phone times"},
    {"name": "rhasspy dataset-voice-kathleen, -kerstin, -nathalie, -flemishguy", "licence": "CC0-1.0",
     "use": "4.4 hours of real speech, English, German, Dutch"},
    {"name": "pocketsphinx en-us acoustic model", "licence": "BSD-2-Clause",
     "use": "phone times of the English recordings"},
    {"name": "tracked lips of 23 filmed clips",
     "licence": "mixed, for some research only or none stated; measured, neither trained on nor contained",
     "use": "two numbers a phone, lip gap and width, that the visemes were set near by hand"},
]
# Of many speakers, on the cards of networks that heard these shards.
CROWD = {
    "crowd_commands": {
        "name": "Picovoice speech-to-intent-benchmark and wake-word-benchmark", "licence": "Apache-2.0",
        "use": "38 minutes of real English speech by more than 50 people each, at their own microphones"},
    "crowd_librispeech": {
        "name": "LibriSpeech (Panayotov et al. 2015, from LibriVox), test-clean and half of dev-clean",
        "licence": "CC-BY-4.0", "use": "5.5 hours of real English speech by 58 readers"},
    "crowd_readers": {
        "name": "LibriSpeech, 351 sentences of other readers, in resemble-ai/Resemblyzer", "licence": "CC-BY-4.0",
        "use": "1.1 hours of real English speech by 261 readers, phones as the networks before heard them"},
}


def synthesise(options, shards):
    """Stage 1: every synthetic shard that is missing; words of the transcripts are spoken too."""
    for language in ("en", "de", "nl"):
        spoken = options.work / f"words_{language}.txt"
        if not spoken.exists():
            spoken.write_text(transcribed_words(options.data / "speech_cc0", language), encoding="utf-8")
    jobs = [("flite", "en", voice, 0.8) for voice in FLITE]
    jobs += [("festival", "en", voice, hours) for voice, hours in FESTIVAL.items()]
    jobs += [("espeak", language, None, hours) for language, hours in ESPEAK.items()]
    for engine, language, voice, hours in jobs:
        out = shards / f"{engine}_{voice or language}.npz"
        command = [sys.executable, HERE / "synthesise.py", "--engine", engine, "--language", language, "--out", out,
                   "--hours", hours * options.scale, "--seed", options.seed]
        command += ["--voice", voice] if voice else []
        words = options.work / f"words_{language}.txt"
        command += ["--words", words] if words.exists() else []
        run(command, out)


def align(options, shards):
    """Stage 2: phone times of the recordings; the network that found those of two speakers."""
    corpus = options.data / "speech_cc0"
    run([sys.executable, HERE / "align_sphinx.py", "--corpus", corpus, "--speaker", "kathleen", "--shift", 0.005,
         "--out", shards / "cc0_kathleen.npz"], shards / "cc0_kathleen.npz")
    run([sys.executable, HERE / "recordings.py", "--corpus", corpus, "--speaker", "nathalie",
         "--out", shards / "cc0_nathalie.npz"], shards / "cc0_nathalie.npz")
    first = options.start / "phones" / WEIGHTS if options.start else options.work / "first.safetensors"
    if not first.exists():
        (network,) = fit({"phones": PHONES_NETWORK}, options, options.minutes / 4, options.steps // 4)
        first.write_bytes(weights_bytes(network))
    for speaker in ("kerstin", "flemishguy"):
        out = shards / f"cc0_{speaker}.npz"
        run([sys.executable, HERE / "align_network.py", "--corpus", corpus, "--speaker", speaker, "--weights", first,
             "--out", out], out)
    heard_by = [options.start / "vox" / WEIGHTS, first] if options.start else [first]
    for source in ("librispeech", "commands", "words", "readers") if options.clones else ():
        out = shards / f"crowd_{source}.npz"
        run([sys.executable, HERE / "crowd.py", "--clones", options.clones, "--source", source, "--weights", *heard_by,
             "--like", shards / "cc0_kathleen.npz", shards / "flite_slt.npz", "--out", out], out)
    return read_network(first)


def transcribed_words(corpus, language):
    """All words of the transcripts in one language, without punctuation."""
    with open(corpus / "transcripts.tsv", newline="", encoding="utf-8") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return re.sub(r"[^\w\s']", " ", " ".join(row["text"] for row in rows if row["language"] == language))


def run(command, out):
    """Run a stage's command unless its result is there."""
    if not out.exists():
        print(out.name, flush=True)
        subprocess.run([str(part) for part in command], check=True)


def weight_of(name):
    """How often a shard is drawn from: the longest key of WEIGHT its name starts with."""
    return WEIGHT[max((key for key in WEIGHT if name.startswith(key)), key=len)]


def is_held_out(item, i):
    """Whether the i-th Utterance of a recorded corpus is kept from training."""
    return item.speaker in HELD_OUT_READERS if item.speaker.startswith("librispeech/") else i % HELD_OUT_EVERY == 0


def read_corpora(folder, *, held_out=False):
    """(list of lists of Utterance, weights) of the shards in a folder; held_out: the sentences kept from training."""
    speech, weights = [], []
    for path in sorted(folder.glob("*.npz")):
        real = path.stem.startswith(("cc0_", "crowd_")) and path.stem != HEARD
        kept = [item for i, item in enumerate(read_shard(path)) if is_held_out(item, i) is held_out or not real]
        if kept and (real or not held_out):
            speech.append(kept)
            weights.append(weight_of(path.stem))
    return speech, weights


def sampler_maker(options, **settings):
    """seed -> Sampler of all shards, with context enough for every network; settings are those of Sampler."""
    speech, weights = read_corpora(options.work / "shards")
    context = tuple(max(getattr(config, name) for config in NETWORKS.values())
                    for name in ("frames_before", "frames_after"))
    return lambda seed: Sampler(speech, weights, mel=MEL, context=context, frame_count=400, augment=AugmentOptions(),
                                seed=seed, **settings)


def fit(configs, options, minutes, steps, *, checkpoint=None):
    """Stage 3: trained networks of some VoxConfigs by name, in their order."""
    make_sampler = sampler_maker(options)
    rows = make_sampler(options.seed + 1).batch(EXAMPLES).rows
    torch.manual_seed(options.seed)
    networks = [Vox(replace(config, dropout=options.dropout), mean=rows.mean((0, 1)),
                    std=np.maximum(rows.std((0, 1)), 0.5)) for config in configs.values()]
    if checkpoint and options.start:
        for name, network in zip(configs, networks, strict=True):
            network.load_state_dict(started(options, name).state_dict())
    settings = TrainOptions(steps=steps or 10**9, minutes=minutes, batch_size=14, learning_rate=options.rate,
                            threads=options.threads, seed=options.seed,
                            gate_lags=tuple(GATE_LAGS.get(name, 0) for name in configs))
    teacher = started(options, "vox") if options.only == "vox-live" else None
    return train(networks, make_sampler, settings, teacher=teacher,
                 checkpoint=checkpoint, report=lambda step, seconds, losses: print(
                     step, f"{seconds:.0f} s", *(f"{loss:.3f}" for loss in losses), flush=True))


def read_off(networks, options):
    """Stage 3, at the end: the last layer of the curves, in closed form."""
    sampler = sampler_maker(options)(options.seed + 2)
    batches = (sampler.batch(EXAMPLES) for _ in range(options.batches))
    for network, readout in zip(networks, solve_readouts(networks, batches), strict=True):
        set_curves(network, readout)


def started(options, name):
    """The network of one bundle of --start."""
    return read_network(read_bundle(options.start / name).path(WEIGHTS))


def sources_of(options):
    """What the networks learned from: SPEECH, and of CROWD what there is, or what those of --start had heard."""
    before = read_bundle(options.start / "vox").card.sources if options.start else ()
    named = {source["name"] for source in before}
    return SPEECH + [source for shard, source in CROWD.items()
                     if (options.work / "shards" / f"{shard}.npz").exists() or source["name"] in named]


def export(name, network, folder, rows, sources):
    """Stage 4: write the bundle of one network, and the small one: the same with its weights in 4 bits.

    The small one's weights are rounded for (b, r, c) rows of the training speech.
    """
    import msgspec

    config = VoxOptions(mel=MEL, frames_before=network.config.frames_before, frames_after=network.config.frames_after,
                        **DECODING[name], **SIZE)
    card = {"name": name, "method": "vox", "licence": "MIT", "sources": sources, "summary": SUMMARY,
            "config": msgspec.to_builtins(config)}
    small = card | {"name": name.replace("vox", "vox-small"), "summary": f"{SUMMARY[:-1]}, weights of 4 bits."}
    return (write_bundle(folder / name, card=card, files={
        GRAPH: carrying(onnx_bytes(Folded(network))), WEIGHTS: weights_bytes(network)}),
            write_bundle(folder / small["name"], card=small, files={
                GRAPH: carrying(onnx_bytes(Folded(network), bits=4, rows=rows))}))


def export_phones(network, folder):
    """Stage 4: write the bundle of the phone front end; 8 bits keep it below 2 MB."""
    import msgspec

    config = PhonesOptions(mel=MEL, frames_before=network.config.frames_before,
                           frames_after=network.config.frames_after, names=PHONES)
    card = {"name": "phones", "method": "phones", "licence": "MIT", "sources": SPEECH,
            "summary": "Speech in any language to posteriors of 42 phones, 60 rows a second.",
            "config": msgspec.to_builtins(config)}
    return write_bundle(folder / "phones", card=card, files={
        GRAPH: onnx_bytes(Folded(network, phones=True), outputs=("phones",), bits=8), WEIGHTS: weights_bytes(network)})


def main():
    """Run all stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with speech_cc0")
    parser.add_argument("--clones", type=Path, help="folder of LibriSpeech and clones with recordings of many people")
    parser.add_argument("--work", type=Path, required=True, help="scratch folder, 4 GB")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the bundles into")
    parser.add_argument("--start", type=Path, help="folder of bundles whose weights to go on from")
    parser.add_argument("--only", choices=list(NETWORKS), help="of --start, that alone goes on; vox-live imitates vox")
    parser.add_argument("--no-training", action="store_true",
                        help="write the networks of --start again, the curves solved for anew")
    parser.add_argument("--minutes", type=float, default=160.0, help="training time; 0 to go by --steps")
    parser.add_argument("--steps", type=int, default=0, help="training steps; 0 to go by --minutes")
    parser.add_argument("--batches", type=int, default=100, help="to solve for the curves on; 0 leaves them as trained")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate; less with --start")
    parser.add_argument("--dropout", type=float, default=0.1, help="of all networks")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the synthetic hours to make")
    parser.add_argument("--threads", type=int, default=1, help="of torch; one more process makes batches")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (options.no_training or options.only) and not options.start:
        parser.error("--no-training and --only need --start, the bundles to write again or to go on from")
    configs = {name: NETWORKS[name] for name in NETWORKS if options.only in (None, name)}
    shards = options.work / "shards"
    shards.mkdir(parents=True, exist_ok=True)
    synthesise(options, shards)
    first = align(options, shards)
    networks = ([started(options, name) for name in configs] if options.no_training else
                fit(configs, options, options.minutes, options.steps,
                    checkpoint=options.work / f"checkpoint-{'-'.join(configs)}.pt"))
    if options.batches:
        read_off(networks, options)
    rows = sampler_maker(options)(options.seed + 1).batch(EXAMPLES).rows
    for name, network in zip(configs, networks, strict=True):
        for bundle in export(name, network, options.out, rows, sources_of(options)):
            print(f"wrote {bundle.folder}")
    if not (options.no_training or options.only):
        print(f"wrote {export_phones(first, options.out).folder}")


if __name__ == "__main__":
    main()
