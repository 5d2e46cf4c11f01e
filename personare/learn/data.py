"""Speech corpora as shards (sound, phone times, speakers) and the batches a network trains on."""

from dataclasses import dataclass, replace

import numpy as np

from personare.audio.mel import LogMelStream
from personare.learn.augment import add_breath, degrade, effort_curve, raise_voice, warp_bands
from personare.learn.visemes import targets

RATE_HZ = 16000
# Share of items without any speech, so that noise alone leaves the mouth at rest.
SILENT_SHARE = 0.05
# Share of items that begin (and that end) with digital silence, as files do.
CUT_SHARE = 0.4
# Mean pause between utterances in seconds, mostly short ones and sometimes long ones.
PAUSES_S, LONG_PAUSE_SHARE = (0.25, 1.2), 0.3
# Pauses from this length on may be filled with a breath.
BREATH_PAUSE_S = 0.3


@dataclass(frozen=True, eq=False)
class Utterance:
    """One stretch of speech with phone times.

    Args:
        samples: (n,) int16 at 16 kHz.
        phones: (p,) uint8 class ids, in order.
        starts_s, ends_s: (p,) float32 times.
        speaker: such as "flite/slt/en".
    """

    samples: np.ndarray
    phones: np.ndarray
    starts_s: np.ndarray
    ends_s: np.ndarray
    speaker: str


def write_shard(path, utterances):
    """Write many utterances as one .npz.

    Args:
        path: where to.
        utterances: iterable of ((n,) float32 sound at 16 kHz, [(phone id, start_s, end_s)], speaker).
    """
    sounds, phones, starts, ends, speakers = [], [], [], [], []
    for sound, times, speaker in utterances:
        sounds.append(np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16))
        phones.append(np.array([t[0] for t in times], np.uint8))
        starts.append(np.array([t[1] for t in times], np.float32))
        ends.append(np.array([t[2] for t in times], np.float32))
        speakers.append(speaker)
    np.savez(path, samples=np.concatenate(sounds), sample_counts=[len(s) for s in sounds],
             phones=np.concatenate(phones), phone_counts=[len(p) for p in phones],
             starts_s=np.concatenate(starts), ends_s=np.concatenate(ends),
             speakers=np.array(speakers))


def read_shard(path):
    """The list of Utterances of one shard."""
    with np.load(path, allow_pickle=False) as shard:
        sample_at = np.cumsum(shard["sample_counts"])[:-1]
        phone_at = np.cumsum(shard["phone_counts"])[:-1]
        parts = [np.split(shard["samples"], sample_at)]
        parts += [np.split(shard[name], phone_at) for name in ("phones", "starts_s", "ends_s")]
        return [Utterance(*item) for item in zip(*parts, shard["speakers"].tolist(), strict=True)]


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step trains on.

    Args:
        rows: (b, r, c) float32 log-mel at twice the frame rate, context included.
        curves, gates, phones: (b, t, 18), (b, t, 3) float32 and (b, t) int64 targets.
        phone_weight: (b,) float32, trust in the phone labels.
        frames_before: frames of context before the first target.
    """

    rows: np.ndarray
    curves: np.ndarray
    gates: np.ndarray
    phones: np.ndarray
    phone_weight: np.ndarray
    frames_before: int


class Sampler:
    """Draws augmented batches from shards.

    Args:
        shards: list of lists of Utterances.
        weights: (len(shards),) how often each shard is drawn from.
        mel: MelOptions of the front end, at twice the frame rate.
        context: (frames before, frames after) that the networks need around their targets.
        frame_count: frames with targets in each item.
        augment: AugmentOptions, or None for clean sound.
        seed: of all that is random.
        targets: gives curves, gates and phones as personare.learn.visemes.targets does; the curves may be others.
    """

    def __init__(self, shards, weights, *, mel, context, frame_count, augment, seed, targets=targets):
        self.shards, self.mel, self.augment, self.targets = shards, mel, augment, targets
        self.frames_before, self.frames_after = context
        self.weights = np.asarray(weights, np.float64) / np.sum(weights)
        self.frame_count = frame_count
        self.rng = np.random.default_rng(seed)
        self.row_count = 2 * (self.frames_before + frame_count + self.frames_after) + 1

    def batch(self, size):
        """A Batch of `size` items."""
        items = [self.item() for _ in range(size)]
        return Batch(*(np.stack(column) for column in zip(*items, strict=True)), self.frames_before)

    def item(self):
        """rows, curves, gates, phones, phone_weight of one stretch of sound."""
        rng = self.rng
        # The rows of fast speech are those of slow speech taken further apart: the pitch stays.
        tempo = rng.choice(self.augment.tempos) if self.augment else 1.0
        mel = replace(self.mel, rate_hz=self.mel.rate_hz / tempo)
        sample_count = _smooth_size(self.row_count / mel.rate_hz * RATE_HZ + mel.window_length)
        shard = self._shard()
        if rng.random() < SILENT_SHARE:
            sound, times = np.zeros(sample_count, np.float32), np.zeros((0, 3))
        else:
            sound, times = self._speech(shard, sample_count)
        if self.augment is not None:
            sound = raise_voice(sound, effort_curve(sample_count, rng, self.augment))
            for start, end in _pauses(times, sample_count / RATE_HZ):
                if rng.random() < self.augment.breath:
                    add_breath(sound[int(start * RATE_HZ) : int(end * RATE_HZ)], sound, rng)
            sound = degrade(sound, lambda: self._voices(sample_count), rng, self.augment)
            self._cut_recording(sound, times)
        rows = self.rows(sound, mel)[: self.row_count]
        if self.augment is not None:
            rows = warp_bands(rows, rng, self.augment)
        half_frame_s = 1 / self.mel.rate_hz
        keep = slice(self.frames_before, self.frames_before + self.frame_count)
        curves, gates, phones = self.targets(
            times[:, 0].astype(int), times[:, 1] / tempo - half_frame_s, times[:, 2] / tempo - half_frame_s,
            frame_count=keep.stop + self.frames_after, rate_hz=self.mel.rate_hz / 2)
        return rows, curves[keep], gates[keep], phones[keep], np.float32(1)

    def rows(self, sound, mel):
        """(r, c) float32 front end of (n,) float32 sound at 16 kHz, mel.rate_hz rows a second; log-mel here."""
        return LogMelStream(mel).push(sound)

    def _cut_recording(self, sound, times):
        """Let some recordings begin or end within the item: digital silence before and after, noise between."""
        rng = self.rng
        first, last = (times[0, 1], times[-1, 2]) if len(times) else (1.0, len(sound) / RATE_HZ - 1.0)
        if rng.random() < CUT_SHARE and first > 0:
            sound[: int(rng.uniform(0, first) * RATE_HZ)] = 0
        if rng.random() < CUT_SHARE and last < len(sound) / RATE_HZ:
            sound[int(rng.uniform(last, len(sound) / RATE_HZ) * RATE_HZ) :] = 0

    def _voices(self, sample_count):
        """(n,) float32 of other people speaking."""
        return self._speech(self._shard(), sample_count)[0]

    def _shard(self):
        return self.shards[self.rng.choice(len(self.shards), p=self.weights)]

    def _speech(self, shard, sample_count):
        """(n,) float32 sound of utterances and pauses, and (p, 3) phone id, start, end in seconds."""
        rng = self.rng
        speed = np.exp(rng.uniform(*self.augment.speed)) if self.augment else 1.0
        sound = np.zeros(sample_count, np.float32)
        times = []
        # The first utterance may have begun earlier, or begin a little later.
        at = int(rng.uniform(-0.5, 0.12) * sample_count)
        while at < sample_count:
            utterance = shard[rng.integers(len(shard))]
            length = int(len(utterance.samples) / speed)
            if at + length > 0:
                wanted = np.arange(max(-at, 0), min(length, sample_count - at))
                low = int(wanted[0] * speed)
                voice = utterance.samples[low : int(wanted[-1] * speed) + 2]
                part = np.interp(wanted * speed - low, np.arange(len(voice)), voice)
                sound[at + wanted[0] : at + wanted[-1] + 1] += part.astype(np.float32) / 32768
                offset = at / RATE_HZ
                times.append(np.stack([utterance.phones, utterance.starts_s / speed + offset,
                                       utterance.ends_s / speed + offset], 1))
            at += length + int(RATE_HZ * rng.exponential(PAUSES_S[int(rng.random() < LONG_PAUSE_SHARE)]))
        return sound, np.concatenate(times) if times else np.zeros((0, 3))


def _smooth_size(least):
    """The first product of small primes that is `least` or more: Fourier transforms of that size are fast."""
    return min(2**a * 3**b * 5**c for a in range(18) for b in range(9) for c in range(7)
               if 2**a * 3**b * 5**c >= least)


def _pauses(times, duration_s):
    """[(start_s, end_s)] of the longer silences before, between and after phones, with a margin."""
    spoken = times[times[:, 0] > 0]
    edges = np.concatenate([[0.0], spoken[:, 1:].ravel(), [duration_s]]).clip(0, duration_s).reshape(-1, 2)
    return [(start + 0.05, end - 0.05) for start, end in edges if end - start > BREATH_PAUSE_S]
