"""Make the built-in facetalk bundle: motion diffusion over mouth, eyes, brows and head, from free speech alone.

    python scripts/train_facetalk.py --shards SCRATCH/shards --work SCRATCH/facetalk --out personare/builtin

SCRATCH/shards holds speech with phone times, as scripts/train_vox.py makes it (stages 1 and 2 there). Stages, each
going on where it was when it was interrupted:

1. tracks: stretches of 30 s of speech, half of them degraded; what the front end hears of them (phone posteriors and
   16 mel bands), the mouth by the rules of personare/learn/visemes.py, and blinks, gaze, brows and head by
   personare/motion/layers.py, drawn anew for each track in a calm and in a lively manner. WORK/tracks, 1 s each.
2. train: WORK/checkpoint.pt every 100 steps. One sentence in 25 of the recordings is never trained on.
3. export: OUT/facetalk with 16-bit weights and the card.

The seed fixes everything; the number of threads changes the last bits.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from train_vox import MEL, read_corpora

from personare.audio.front_ends import features_of, open_front_end
from personare.learn.augment import AugmentOptions, degrade
from personare.learn.data import RATE_HZ, SILENT_SHARE, Sampler
from personare.learn.diffusion import DiffusionOptions, facetalk_loss
from personare.learn.facetalk import WEIGHTS, facetalk_files, read_facetalk, run_options
from personare.learn.nets.facetalk import Facetalk, FacetalkConfig
from personare.learn.visemes import targets
from personare.motion.codes import code_names, codes_of
from personare.motion.layers import Layers, LayerStream
from personare.motion.lips import arkit_from_curves
from personare.motion.vox import open_vox, sized
from personare.store import read_bundle, write_bundle
from personare.types import Audio, Motion

TRACK_S, FPS = 30.0, 30
HEARD = {"parts": [{"name": "phones", "scale": "root"},
                   {"name": "mel", "options": {"band_count": 16, "rate_hz": 60.0, "f_min_hz": 60.0, "f_max_hz": 7000.0,
                                               "floor": 1e-7}}]}
# Manners that a track is acted in: strength of blinks, gaze, head and brows.
STYLES = {"calm": 0.75, "lively": 1.4}
# Sound that layers may hear before its frame comes, as much as they ever use.
LEAD_S = 0.1
# There is more speech than the network ever sees twice, so nothing is dropped.
SIZES = {"gates": True, "styles": len(STYLES), "known": 15, "fresh": 30, "dropout": 0.0, "carried": True}
# Gates near their best F1 on the held-out tracks, on the side where more closures are found than wrongly made.
DECODING = {"overlap": 6, "guidance": 1.5, "steps": 8, "smoothing": 0.15, "gate_gain": (1.0, 1.0, 2.0),
            "gate_bias": (-0.8, -0.7, -0.2)}
SAVE_EVERY, REPORT_EVERY = 100, 25
SUMMARY = "Speech to mouth, eyes, brows and head of ARKit-52 by diffusion: another take for every seed."
SOURCES = [
    {"name": "espeak-ng 1.51, 20 languages", "licence": "GPL-3.0-or-later; its sound is ours",
     "use": "synthesised speech with phone times"},
    {"name": "flite 2.2, voices slt rms awb kal16", "licence": "BSD-like",
     "use": "synthesised speech with phone times"},
    {"name": "festival 2.5 with 12 voices of Debian main", "licence": "free licences of Debian main",
     "use": "synthesised speech with phone times"},
    {"name": "rhasspy dataset-voice-kathleen, -kerstin, -nathalie, -flemishguy", "licence": "CC0-1.0",
     "use": "real speech, English, German, Dutch"},
    {"name": "personare's rules for visemes and layers", "licence": "MIT", "use": "all curves and head motion"},
]


class Tracks(Sampler):
    """Stretches of speech with everything a window is cut from."""

    def track(self, front_end, size):
        """Arrays of one track: rows (r, 58), mouth (t, 52), gates (t, 3), upper (2, t, 55), all float16."""
        count = int(TRACK_S * RATE_HZ)
        shard = self.shards[self.rng.choice(len(self.shards), p=self.weights)]
        sound, times = self._speech(shard, count)
        if self.rng.random() < SILENT_SHARE:
            sound, times = np.zeros_like(sound), times[:0]
        heard = sound
        if self.rng.random() < 0.5:
            heard = degrade(sound, lambda: self._voices(count), self.rng, self.augment)
        rows = features_of(front_end, Audio(heard, RATE_HZ)).values
        frames = int(TRACK_S * FPS)
        curves, gates, _ = targets(times[:, 0].astype(int), times[:, 1], times[:, 2], frame_count=frames, rate_hz=FPS)
        # As far as tracked lips go, see docs/motion/vox.md.
        mouth = arkit_from_curves(sized(curves, size))
        upper = np.stack([self._acted(sound, strength, frames) for strength in STYLES.values()])
        arrays = {"rows": rows, "mouth": mouth, "gates": gates, "upper": upper}
        return {name: array.astype(np.float16) for name, array in arrays.items()}

    def _acted(self, sound, strength, frames):
        """(t, 55) eyes, brows and head angles over a still mouth."""
        layers = Layers(blink=1.0, gaze=strength, head=strength, brows=strength,
                        seed=int(self.rng.integers(2**31)))
        stream = LayerStream(FPS, layers, rate_hz=RATE_HZ, lead_s=LEAD_S)
        stream.hear(sound)
        return codes_of(stream.apply(Motion(np.zeros((frames, 52), np.float32), FPS, "arkit-52")),
                        code_names("arkit-52", head=True))


def make_tracks(options, *, held_out=False):
    """Stage 1: paths of the tracks, made where they are missing."""
    folder = options.work / ("held_out" if held_out else "tracks")
    folder.mkdir(parents=True, exist_ok=True)
    count = 12 if held_out else options.tracks
    paths = [folder / f"{i:04d}.npz" for i in range(count)]
    if all(path.exists() for path in paths):
        return paths
    speech, weights = read_corpora(options.shards, held_out=held_out)
    front_end, size = open_front_end("joint", **HEARD), open_vox().options
    for i, path in enumerate(paths):
        if path.exists():
            continue
        sampler = Tracks(speech, weights, mel=MEL, context=(0, 0), frame_count=1, augment=AugmentOptions(),
                         seed=[options.seed, int(held_out), i])
        arrays = sampler.track(front_end, size)
        with open(path.with_suffix(".part"), "wb") as file:
            np.savez(file, **arrays)
        path.with_suffix(".part").rename(path)
    return paths


class Windows:
    """Draws windows from tracks.

    Args:
        paths: of tracks.
        config: FacetalkConfig.
        seed: of the draw.
    """

    def __init__(self, paths, config, seed):
        tracks = [dict(np.load(path)) for path in paths]
        self.rows, self.mouth, self.gates, self.upper = (
            np.stack([track[name] for track in tracks]) for name in ("rows", "mouth", "gates", "upper"))
        self.config, self.rng = config, np.random.default_rng(seed)

    def codes(self, track, style, frames):
        """(t, 55) float32 of one track: what the mouth does, and the rest in a manner."""
        codes = self.upper[track, style, frames].astype(np.float32)
        codes[:, :52] += self.mouth[track, frames]
        return codes

    def statistics(self):
        """Means and standard deviations of rows and codes; what never moves has a deviation of 0."""
        rows = self.rows[::4].astype(np.float32).reshape(-1, self.rows.shape[-1])
        every = slice(None)
        codes = np.concatenate([self.codes(i, style, every) for i in range(0, len(self.rows), 4) for style in (0, 1)])
        return rows.mean(0), np.maximum(rows.std(0), 0.02), codes.mean(0), codes.std(0)

    def batch(self, size, columns):
        """rows, codes, gates and style of some windows, as tensors."""
        config, total = self.config, self.mouth.shape[1]
        count, per = config.known + config.fresh, config.rows_per_frame
        items = []
        for _ in range(size):
            track, style = self.rng.integers(len(self.rows)), self.rng.integers(len(STYLES))
            at = self.rng.integers(config.reach + 1, total - count - config.reach - 1)
            first = per * (at - config.reach) - per
            items.append((self.rows[track, first : first + config.row_count(count)].astype(np.float32),
                          self.codes(track, style, slice(at, at + count))[:, columns],
                          self.gates[track, at : at + count].astype(np.float32), style + 1))
        rows, codes, gates, styles = zip(*items, strict=True)
        return (*(torch.from_numpy(np.stack(part)) for part in (rows, codes, gates)), torch.tensor(styles))


def fit(options, paths):
    """Stage 2: the trained network with averaged weights, and the names of its columns."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    config = FacetalkConfig(row_width=58, columns=1, **SIZES)
    row_mean, row_std, code_mean, code_std = Windows(paths, config, 0).statistics()
    columns = np.flatnonzero(code_std > 1e-4)
    config = FacetalkConfig(row_width=58, columns=len(columns), **SIZES)
    network = Facetalk(config, row_mean=row_mean, row_std=row_std, code_mean=code_mean[columns],
                       code_std=code_std[columns]).train()
    names = [code_names("arkit-52", head=True)[i] for i in columns]
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.01)
    averaged = {name: value.clone() for name, value in network.state_dict().items()}
    step, checkpoint = 0, options.work / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        step, averaged = state["step"], state["averaged"]
    windows = Windows(paths, config, [options.seed, step])
    generator = torch.Generator().manual_seed(options.seed + step)
    losses, begin = [], time.process_time()
    while step < options.steps:
        rate = options.rate * min(1, step / 300) * 0.5 * (1 + np.cos(np.pi * step / options.steps))
        for group in optimiser.param_groups:
            group["lr"] = float(max(rate, 0.01 * options.rate))
        rows, codes, gates, style = windows.batch(options.batch, columns)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.half):
            loss = facetalk_loss(network, rows, codes, gates=gates, style=style, options=DiffusionOptions(gates=1.0),
                                 generator=generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        with torch.no_grad():
            for name, value in network.state_dict().items():
                averaged[name].lerp_(value, 1 - min(0.998, step / (step + 20)))
        losses.append(loss.item())
        if step % REPORT_EVERY == 0:
            print(step, f"{time.process_time() - begin:.0f} s", f"{np.mean(losses):.4f}", flush=True)
            losses.clear()
        if step % SAVE_EVERY == 0 or step == options.steps:
            part = checkpoint.with_suffix(".part")
            torch.save({"step": step, "network": network.state_dict(), "averaged": averaged,
                        "optimiser": optimiser.state_dict()}, part)
            part.rename(checkpoint)
    network.load_state_dict(averaged)
    return network.eval(), names


def export(network, names, folder):
    """Stage 3: write the bundle."""
    import msgspec

    config = run_options(network, open_front_end("joint", **HEARD), names, space="arkit-52", styles=tuple(STYLES),
                         contact=True, lowest=0.0, highest=1.0, brings=("blink", "gaze", "head", "brows"), **DECODING)
    card = {"name": "facetalk", "method": "facetalk", "licence": "MIT", "sources": SOURCES, "summary": SUMMARY,
            "config": msgspec.to_builtins(config)}
    return write_bundle(folder / "facetalk", card=card, files=facetalk_files(network, bits=16))


def main():
    """Run all stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True, help="folder of speech with phone times")
    parser.add_argument("--work", type=Path, required=True, help="scratch folder, 1 GB")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the bundle into")
    parser.add_argument("--tracks", type=int, default=400, help="stretches of 30 s")
    parser.add_argument("--steps", type=int, default=2200, help="training steps")
    parser.add_argument("--batch", type=int, default=64, help="windows a step")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--half", action=argparse.BooleanOptionalAction, default=True, help="bfloat16")
    parser.add_argument("--start", type=Path, help="bundle to export again with other settings, without training")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.start:
        bundle = read_bundle(options.start)
        network, names = read_facetalk(bundle.path(WEIGHTS)), bundle.card.config["columns"]
    else:
        make_tracks(options, held_out=True)
        network, names = fit(options, make_tracks(options))
    print(f"wrote {export(network, names, options.out).folder}")


if __name__ == "__main__":
    main()
