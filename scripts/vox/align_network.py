"""Phone times of recordings by the network's own phones: Viterbi against the phone sequence espeak-ng gives the text.

    python scripts/vox/align_network.py --corpus speech_cc0 --speaker kerstin --weights first.safetensors --out a.npz
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
import torch
from recordings import read_recordings
from synthesise import Espeak

from personare.audio.mel import MelOptions, log_mel
from personare.learn.data import write_shard
from personare.learn.export import read_network
from personare.types import Audio

# Twice the network's: scores between its frames are interpolated.
FRAME_HZ = 120
SILENCE_COST = 4.0


def phone_scores(network, sound, mel):
    """(t, 42) log posteriors at FRAME_HZ of (n,) sound at 16 kHz."""
    config = network.config
    rows = log_mel(Audio(sound, 16000), options=mel).values
    count = (len(rows) + 1) // 2
    total = 2 * (config.frames_before + config.frames_after + count) + 1
    wall = np.full((total, rows.shape[1]), np.log(mel.floor), np.float32)
    wall[2 * config.frames_before + 1 :][: len(rows)] = rows[: len(wall) - 2 * config.frames_before - 1]
    with torch.no_grad():
        scores = network(torch.from_numpy(wall[None]))[2][0].log_softmax(1).numpy()
    between = (scores[:-1] + scores[1:]) / 2
    return np.insert(scores, np.arange(1, count), between, axis=0)


def viterbi(scores, phones):
    """Best times of a phone sequence with optional silence between any two phones.

    Args:
        scores: (t, 42) log posteriors.
        phones: (p,) class ids.

    Returns:
        (frames, mean score): frames is a list of (phone id, first frame, end frame); None where it does not fit.
    """
    states = np.zeros(2 * len(phones) + 1, np.int64)
    states[1::2] = phones
    emission = scores[:, states]
    count, size = emission.shape
    if count < len(phones) * 2:
        return None
    best = np.full(size, -np.inf)
    best[:2] = emission[0, :2]
    step_from = np.zeros((count, size), np.int8)
    # Into a silence costs; from a phone one may also jump over it to the next phone.
    enter = np.where(np.arange(size) % 2 == 0, -SILENCE_COST, 0.0)
    enter[[0, -1]] = 0.0
    jump = np.where(np.arange(size) % 2 == 1, 0.0, -np.inf)
    for i in range(1, count):
        choices = np.stack([best, np.concatenate([[-np.inf], best[:-1]]) + enter,
                            np.concatenate([[-np.inf, -np.inf], best[:-2]]) + jump])
        step_from[i] = choices.argmax(0)
        best = choices.max(0) + emission[i]
    state = size - 1 if best[-1] > best[-2] else size - 2
    score, path = best[state] / count, np.empty(count, np.int64)
    for i in range(count - 1, -1, -1):
        path[i] = state
        state -= int(step_from[i, state])
    edges = np.flatnonzero(np.diff(path)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [count]])
    return [(int(states[path[a]]), int(a), int(b)) for a, b in zip(starts, ends, strict=True)], float(score)


def main():
    """Align one speaker, drop the worst tenth, write a shard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--speaker", required=True)
    parser.add_argument("--weights", required=True, help="weights.safetensors of a bundle")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = read_network(options.weights)
    mel = MelOptions(band_count=64, rate_hz=120.0, f_min_hz=50.0, f_max_hz=7600.0)
    espeak, found = Espeak(), []
    for recording in read_recordings(Path(options.corpus), options.speaker):
        spoken = espeak.speak(recording.text, voice=recording.language, rate=160, pitch=50, pitch_range=50)
        if not spoken:
            continue
        sound, _ = soundfile.read(recording.path, dtype="float32")
        phones = np.array([phone for phone, _, _ in spoken[1] if phone])
        aligned = viterbi(phone_scores(network, sound, mel), phones)
        if aligned:
            # Frame i stands for the time around i / FRAME_HZ.
            times = [(phone, (a - 0.5) / FRAME_HZ, (b - 0.5) / FRAME_HZ) for phone, a, b in aligned[0]]
            found.append((aligned[1], sound, times, f"cc0/{options.speaker}/{recording.language}"))
    floor = np.quantile([score for score, *_ in found], 0.1)
    write_shard(options.out, [item[1:] for item in found if item[0] >= floor])
    print(f"kept {sum(item[0] >= floor for item in found)}, mean score {np.mean([item[0] for item in found]):.2f}")


if __name__ == "__main__":
    main()
