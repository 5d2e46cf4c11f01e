"""Which front end serves lips best? The same small trunk, steps and sounds; what it reads differs.

    python scripts/vox/ablate.py --shards SCRATCH/shards --phones personare/builtin/vox-small --steps 1000 --suite DIR

Log-mel, PCEN, FACEGOOD's LPC, phone posteriors of a trained network, and posteriors beside log-mel, all at 120 rows a
second. No warping or masking of bands, which only mel has. The trunks see 8 frames ahead in all, those on posteriors
through the phone network. Prints PhoneLip on DIR/bench and on sentences held out of training, clean and degraded.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from judge import degraded, figures, held_out, line, padded, suite
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from train_vox import DILATIONS, MEL, WEIGHTS, read_corpora

from personare.audio.lpc import LpcOptions, LpcStream
from personare.audio.mel import LogMelStream
from personare.audio.pcen import PcenOptions, PcenStream
from personare.learn.augment import AugmentOptions
from personare.learn.data import Sampler
from personare.learn.export import read_network
from personare.learn.loop import TrainOptions, own_rows, train
from personare.learn.nets.vox import Vox, VoxConfig
from personare.motion.vox import VoxOptions

COLUMNS = {"mel": slice(0, 64), "pcen": slice(64, 128), "lpc": slice(128, 160)}
PHONE_COUNT, LEAST_POSTERIOR = 42, 1e-4
DECODING = {"gate_gain": (1.5, 1.0, 2.0), "gate_bias": (-0.9, -1.5, 0.0), "amplitude": 1.1,
            "smoothing": (0.25, 0.5, 0.25), "smoothing_after": 1}


class Rows(Sampler):
    """Batches whose rows are log-mel, PCEN and LPC side by side."""

    def rows(self, sound, mel):
        """(r, 160) float32."""
        parts = (LogMelStream(mel).push(sound), PcenStream(PcenOptions(mel=mel)).push(sound),
                 LpcStream(LpcOptions(rate_hz=mel.rate_hz)).push(sound))
        count = min(map(len, parts))
        return np.concatenate([part[:count] for part in parts], axis=1)


@dataclass(frozen=True)
class Reach:
    """Context in frames, as VoxConfig has it."""

    frames_before: int
    frames_after: int


class OnColumns(nn.Module):
    """A trunk that reads some of the columns."""

    def __init__(self, columns, width):
        super().__init__()
        self.columns = columns
        self.config = VoxConfig(band_count=columns.stop - columns.start, width=width, dilations=DILATIONS[:7],
                                aheads=(1, 1, 1, 1, 1, 0, 0))
        self.trunk = Vox(self.config)

    def forward(self, rows):
        """As Vox."""
        return self.trunk(rows[:, :, self.columns])


class OnPhones(nn.Module):
    """A trunk that reads log posteriors of a frozen network, and log-mel too where `mel` is set."""

    def __init__(self, phones, width, *, mel):
        super().__init__()
        self.phones, self.mel = [phones], mel
        self.inner = VoxConfig(band_count=PHONE_COUNT + (64 if mel else 0), width=width, dilations=DILATIONS[:7],
                               aheads=(0, 0, 0, 0, 0, 0, 0))
        self.config = Reach(self.inner.frames_before + phones.config.frames_before + 1,
                            self.inner.frames_after + phones.config.frames_after + 1)
        self.trunk = Vox(self.inner)

    def forward(self, rows):
        """As Vox."""
        return self.trunk(self.read(rows))

    def read(self, rows):
        """(b, 2 n + 1, c) rows of the trunk for n frames with its context: posteriors, and means between them."""
        with torch.no_grad():
            posteriors = self.phones[0](rows[:, :, COLUMNS["mel"]])[2].float().softmax(2)  # (b, n + 2, 42)
        logs = torch.log(posteriors + LEAST_POSTERIOR)
        between = (logs[:, 1:] + logs[:, :-1]) / 2  # (b, n + 1, 42)
        both = torch.stack([between[:, :-1], logs[:, 1:-1]], 2).flatten(1, 2)  # (b, 2 n, 42)
        both = torch.cat([both, between[:, -1:]], 1)  # (b, 2 n + 1, 42)
        if self.mel:
            first = 2 * (self.phones[0].config.frames_before + 1)
            both = torch.cat([both, rows[:, first : first + both.shape[1], COLUMNS["mel"]]], 2)
        return both


def normalise(networks, batch):
    """Set the mean and spread of every trunk's input from a Batch."""
    for network in networks.values():
        rows = torch.from_numpy(own_rows(batch, network.config))
        rows = network.read(rows) if isinstance(network, OnPhones) else rows[:, :, network.columns]
        network.trunk.mean.copy_(rows.mean((0, 1)))
        network.trunk.std.copy_(rows.std((0, 1)).clamp(min=1e-2))


def outputs(network, sampler, recordings):
    """(t + 2, 21) float32 of each recording, a frame of context on either side."""
    found = []
    for one in recordings:
        sound, count = padded(one.sound, network.config.frames_before + 1, network.config.frames_after + 1)
        rows = sampler.rows(sound, MEL)
        need = 2 * (network.config.frames_before + count + 2 + network.config.frames_after) + 1
        with torch.no_grad():
            curves, gates, _ = network(torch.from_numpy(rows[None, :need]))
        found.append(torch.cat([curves, gates], 2)[0].numpy())
    return found


def main():
    """Train all, judge all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--phones", type=Path, required=True, help="bundle with weights.safetensors")
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--width", type=int, default=80)
    parser.add_argument("--only", nargs="+", help="names of front ends to train; the sounds stay the same")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    phones = read_network(options.phones / WEIGHTS)
    networks = {name: OnColumns(columns, options.width) for name, columns in COLUMNS.items()}
    networks |= {"phones": OnPhones(phones, options.width, mel=False),
                 "phones and mel": OnPhones(phones, options.width, mel=True)}
    context = tuple(max(getattr(network.config, name) for network in networks.values())
                    for name in ("frames_before", "frames_after"))
    networks = {name: network for name, network in networks.items() if name in (options.only or networks)}
    speech, weights = read_corpora(options.shards)
    augment = replace(AugmentOptions(), warp=0.0, mask=0.0)

    def make_sampler(seed):
        return Rows(speech, weights, mel=MEL, context=context, frame_count=300, augment=augment, seed=seed)

    sampler = make_sampler(options.seed + 1)
    normalise(networks, sampler.batch(14))
    settings = TrainOptions(steps=options.steps, batch_size=10, learning_rate=2e-3, average=0.99, seed=options.seed,
                            imitate=False)
    train(list(networks.values()), make_sampler, settings, report=lambda step, seconds, losses: print(
        step, f"{seconds:.0f} s", np.round(losses, 3), flush=True))
    clean = held_out(read_corpora(options.shards, held_out=True)[0], most=25)
    sets = {"held out": clean, "degraded": degraded(clean)} | ({"suite": suite(options.suite)} if options.suite else {})
    for name, network in networks.items():
        settings = VoxOptions(mel=MEL, frames_before=network.config.frames_before,
                              frames_after=network.config.frames_after, **DECODING)
        for place, recordings in sets.items():
            found = figures(recordings, outputs(network, sampler, recordings), settings, fps=30)
            print(f"{name:15s} {place:9s} {line(found)}", flush=True)


if __name__ == "__main__":
    main()
