"""Find the weights that smooth the curves of a bundle: near the mouth of the labels, and calm.

    python scripts/vox/tune_smoothing.py --work SCRATCH --bundle personare/builtin/vox-live --taps 6 --after 0

A mean of past frames is late. So the weights are solved for, in closed form, on augmented training speech: they bring
the lip gap that the network asks for, gates too but not the fade to rest, as near to that of the labels as they can, in
squares, where what
moves above 12 Hz costs `calm` times its own squares on top. Weights below 0 lead where a mean would lag. Prints
settings for DECODING in scripts/train_vox.py for several values of `calm`, and what they give on held-out sentences.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from judge import FRAME_HZ, figures, held_out, line
from tune_gates import raw_outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from train_vox import WEIGHTS, read_corpora, sampler_maker

from personare.learn.export import read_network
from personare.learn.loop import own_rows
from personare.motion.lips import constrain, lip_gap_cm
from personare.motion.vox import gates_of, open_vox, sized
from personare.store import read_bundle

MOST_HZ = 12
CALM = (1, 3, 6, 10, 15, 25)


def gaps(network, batches, options):
    """Lip gaps that a network asks for and those of the labels.

    Args:
        network: Vox of personare.learn.nets.vox, in evaluation mode.
        batches: list of learn.data.Batch.
        options: motion.vox.VoxOptions.

    Returns:
        Two (b, t) float64 in cm.
    """
    asked, labelled, options = [], [], replace(options, rest_fade=0)
    for batch in batches:
        with torch.no_grad():
            curves, logits, _ = network(torch.from_numpy(np.ascontiguousarray(own_rows(batch, network.config))))
        for i in range(len(batch.curves)):
            for found, free, gates in ((asked, curves[i].numpy(), gates_of(logits[i].numpy(), options)),
                                       (labelled, batch.curves[i], batch.gates[i])):
                found.append(lip_gap_cm(constrain(sized(free, options), gates)))
    return np.array(asked, np.float64), np.array(labelled, np.float64)


def weights(asked, labelled, *, taps, after, calm):
    """(taps,) weights that sum to 1, the earliest first, from (b, t) lip gaps."""
    windows = np.lib.stride_tricks.sliding_window_view(asked, taps, axis=1)  # (b, t - taps + 1, taps)
    aim = labelled[:, taps - 1 - after : labelled.shape[1] - after]
    speed = np.diff(windows, axis=1)
    spectrum = np.fft.rfft(speed * np.hanning(speed.shape[1])[:, None], axis=1)
    fast = spectrum[:, np.fft.rfftfreq(speed.shape[1], 1 / FRAME_HZ) > MOST_HZ]
    # Parseval: half of the spectrum, of a window whose squares have a mean of 3 / 8.
    cost = 2 / speed.shape[1] / 0.375 * np.einsum("btk,btl->kl", fast.conj(), fast).real
    system = np.ones((taps + 1, taps + 1))
    system[:taps, :taps] = np.einsum("btk,btl->kl", windows, windows) + calm * cost
    system[taps, taps] = 0
    return np.linalg.solve(system, np.append(np.einsum("btk,bt->k", windows, aim), 1))[:taps]


def main():
    """Print settings and what they give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="scratch folder of scripts/train_vox.py")
    parser.add_argument("--bundle", type=Path, required=True, help="one with weights.safetensors")
    parser.add_argument("--taps", type=int, default=6, help="frames that are weighed")
    parser.add_argument("--after", type=int, default=0, help="how many of them lie after the frame itself")
    parser.add_argument("--batches", type=int, default=12, help="of 14 items of 7 seconds")
    parser.add_argument("--most", type=int, default=25, help="held-out sentences of each speaker")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sampler = sampler_maker(SimpleNamespace(work=options.work))(2)
    network = read_network(read_bundle(options.bundle).path(WEIGHTS)).eval()
    settings = open_vox(options.bundle).options
    asked, labelled = gaps(network, [sampler.batch(14) for _ in range(options.batches)], settings)
    recordings = held_out(read_corpora(options.work / "shards", held_out=True)[0], most=options.most)
    outputs = None
    for calm in CALM:
        found = weights(asked, labelled, taps=options.taps, after=options.after, calm=calm)
        found = np.round(found, 2)
        found[np.argmax(found)] += 1 - found.sum()
        changed = replace(settings, smoothing=tuple(np.round(found, 2).tolist()), smoothing_after=options.after)
        outputs = outputs or raw_outputs(with_options(options.bundle, changed), recordings)
        print(calm, {"smoothing": changed.smoothing}, flush=True)
        for fps in (30, 60):
            print(f"  {fps}  {line(figures(recordings, outputs, changed, fps=fps))}", flush=True)


def with_options(folder, options):
    """An opened bundle that is run as other options say."""
    method = open_vox(folder)
    method.options = options
    return method


if __name__ == "__main__":
    main()
