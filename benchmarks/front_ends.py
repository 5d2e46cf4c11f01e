"""Front ends on one core: milliseconds for a minute of sound, against the floor and against named peers.

The floor is one float32 real Fourier transform over the same windows, which every log-mel needs; a ratio of 2 means
that everything else together takes as long as that. Peers that are not installed are left out.

    python benchmarks/front_ends.py
"""

import os
import time
from importlib.util import find_spec

import numpy as np

from personare.audio.lpc import lpc, lpc_images
from personare.audio.mel import LogMelStream, MelOptions, filter_matrix, log_mel
from personare.audio.mfcc import MfccOptions, mfcc
from personare.audio.resampling import resample
from personare.types import Audio

RATE_HZ = 16000
ROUNDS = 15


def floor():
    """The transform alone, over windows that lie ready."""
    windows = np.random.default_rng(0).standard_normal((256, 400)).astype(np.float32)

    def run():
        for _ in range(0, 6000, 256):
            np.fft.rfft(windows)

    return run


def streamed(audio):
    """Log-mel of 100 ms pieces, as live sound arrives."""
    def run():
        stream = LogMelStream()
        for begin in range(0, len(audio.samples), 1600):
            stream.push(audio.samples[begin:begin + 1600])
        stream.finish()

    return run


def with_scipy(audio):
    """The same numbers by scipy.signal, as its documentation shows it."""
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    transform = ShortTimeFFT(hann(400, sym=False).astype(np.float32), hop=160, fs=RATE_HZ, mfft=400)
    filters = filter_matrix(MelOptions()).T

    def run():
        return np.log(filters @ (np.abs(transform.stft(audio.samples)) ** 2) + 1e-8)

    return run


def with_torch(audio):
    """The same numbers by torch.stft, as Whisper does it, on one thread."""
    import torch

    torch.set_num_threads(1)
    sound, window = torch.from_numpy(audio.samples), torch.hann_window(400)
    filters = torch.from_numpy(filter_matrix(MelOptions())).T.contiguous()

    def run():
        spectrum = torch.stft(sound, 400, 160, window=window, return_complex=True)
        return torch.log(filters @ spectrum.abs() ** 2 + 1e-8)

    return run


def as_facegood(audio):
    """FACEGOOD's own way to its images: loops over frames and slices, autocorrelation and recursion in plain Python.

    Its order of work as the reference describes it, with NumPy's sums for the inner products of one window; on the
    machine it was written for a compiled library does the recursion.
    """
    window, order = np.hanning(256), 31

    def one(samples):
        x = samples * window
        r = [float(np.dot(x[: 256 - lag], x[lag:])) for lag in range(order + 1)]
        a = [1.0] + [0.0] * order
        if r[0] <= 0:
            return a
        error = r[0] * (1 + 1e-9)
        for m in range(1, order + 1):
            k = -sum(a[j] * r[m - j] for j in range(m)) / error
            if abs(k) >= 1:
                break
            a = [a[j] + k * a[m - j] if 0 < j <= m else a[j] for j in range(order + 1)]
            error *= 1 - k * k
        return a

    def run():
        sound = np.concatenate([np.zeros(4160), audio.samples.astype(np.float64), np.zeros(4160)])
        images = []
        for frame in range(int(len(audio.samples) / RATE_HZ * 30)):
            part = sound[int(frame * 1000 / 30 * 16) : int((frame * 1000 / 30 + 520) * 16)]
            image = np.zeros((32, 64))
            for k in range(64):
                piece = part[128 * k : 128 * k + 256]
                image[:, k] = one(np.pad(piece, (0, 256 - len(piece))))
            images.append(image)
        return np.array(images)

    return run


def facegood_ratio(audio):
    """Print how our images compare with FACEGOOD's loop on the first three seconds, and that they are the same."""
    short = Audio(audio.samples[: 3 * RATE_HZ], RATE_HZ)
    loop, ours = as_facegood(short), lambda: lpc_images(short, fps=30.0)
    far = np.abs(loop() - ours()).max()
    begin = time.process_time()
    loop()
    slow = 1000 * (time.process_time() - begin)
    fast = median_ms(lambda: lpc_images(audio, fps=30.0))[0] * 3 / audio.duration_s
    print(f"\nFACEGOOD's images of 3 s: its loop {slow:.0f} ms, ours {fast:.1f} ms (a twentieth of a minute's), "
          f"{slow / fast:.0f} times as fast; largest difference {far:.1e}")


def median_ms(*runs):
    """Median processor milliseconds of each function, taken in turns so that a busy machine slows all alike."""
    times = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            begin = time.process_time()
            run()
            taken.append(1000 * (time.process_time() - begin))
    return [float(np.median(taken)) for taken in times]


def main():
    """Print one line for each front end and peer."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sound = 0.1 * np.random.default_rng(0).standard_normal(60 * RATE_HZ)
    audio, audio_48k = Audio(sound, RATE_HZ), Audio(np.tile(sound, 3), 48000)
    cases = {
        "floor: float32 rfft": floor(),
        "log_mel, 80 bands, 100 Hz": lambda: log_mel(audio),
        "log_mel, pieces of 100 ms": streamed(audio),
        "log_mel, 60 Hz": lambda: log_mel(audio, options=MelOptions(rate_hz=60.0)),
        "lpc, 32 numbers, 125 Hz": lambda: lpc(audio),
        "lpc, FACEGOOD's images, 30 Hz": lambda: lpc_images(audio, fps=30.0),
        "mfcc, 13 + slopes, 100 Hz": lambda: mfcc(audio, options=MfccOptions(delta_order=2)),
        "resample 48 -> 16 kHz": lambda: resample(audio_48k, RATE_HZ),
    }
    for name, make in (("scipy", with_scipy), ("torch", with_torch)):
        if find_spec(name):
            cases[f"peer: {name}, 80 bands, 100 Hz"] = make(audio)
    times = dict(zip(cases, median_ms(*cases.values()), strict=True))
    print(f"{'60 s of sound, one core':34}{'ms':>8}{'x floor':>9}{'x real time':>13}")
    for name, taken in times.items():
        print(f"{name:34}{taken:8.1f}{taken / times['floor: float32 rfft']:9.2f}{60000 / taken:13,.0f}")
    facegood_ratio(audio)


if __name__ == "__main__":
    main()
