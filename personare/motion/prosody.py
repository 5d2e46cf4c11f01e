"""Prosody of a voice at video rate: who speaks when, where the stress falls, and how loud, from the past alone.

Stress shows in loudness and pitch together. Both are measured over 40 ms that end at the frame and compared with
their running means; a rise in their sum is an accent. Accents drive nods and brow raises, which follow pitch and
loudness in real speakers (Cave et al. 1996, "About the relationship between eyebrow movements and F0 variations";
Munhall et al. 2004; Krahmer and Swerts 2007). Not every accent is marked by head or brows: which is drawn from a seed.

Who shouts opens the mouth up to twice as far (Schulman 1989, "Articulatory dynamics of loud and normal speech"). The
syllables of even speech differ by some decibels anyway and their openings do not follow that, so lips stay as they are
until a voice leaves its usual level by more.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from math import exp

import numpy as np

from personare.motion.eyes import ease

WINDOW_S, PITCH_RATE_HZ, LOW_HZ, HIGH_HZ = 0.040, 4000, 70.0, 400.0
# Speech lies within this of the loudest of late, and above the floor of quiet recordings, in dB.
SPEECH_RANGE_DB, QUIET_DB, LOUD_FALL_DB_S = 22.0, -58.0, 3.0
LEVEL_UNIT_DB, PITCH_UNIT = 7.0, 0.13
VOICED_CORRELATION, NEARLY = 0.45, 0.85
ACCENT_AT, ACCENT_LEAST_S = 0.55, 0.28
NOD_CHANCE, BROW_CHANCE = 0.6, 0.35
# A raised voice is told over the first, against its usual level over the second. Where it leaves the even zone, lips
# part twice as far for 10 dB more, the most that counts.
RAISED_S, USUAL_S = 0.5, 30.0
EVEN_DB, OPENING_PER_10_DB, RAISED_LIMIT_DB = 5.0, 2.0, 10.0
NOD_S, BROW_RISE_S, BROW_HOLD_S, BROW_FALL_S = 0.42, 0.16, 0.18, 0.40


class VoiceStream:
    """Level and pitch of each video frame of a sound that arrives in pieces.

    Args:
        rate_hz: rate of the sound.
        fps: frames a second.
        lead_s: how far the sound may run ahead of a frame; frame i is measured at i / fps + lead_s.
    """

    def __init__(self, rate_hz, fps, lead_s=0.0):
        self._rate_hz, self._fps, self._lead_s = rate_hz, fps, lead_s
        self._width = round(WINDOW_S * rate_hz)
        self._step = max(1, round(rate_hz / PITCH_RATE_HZ))
        self._sound = np.zeros(self._width, np.float32)
        # Number of the first sample in _sound; what lies before the sound is silence.
        self._first = -self._width
        self._frame = 0
        self._heard = []

    def hear(self, samples):
        """Take the next samples, (n,) float32."""
        self._heard.append(np.asarray(samples, np.float32))

    def frames(self, count):
        """The next frames.

        Args:
            count: how many; where the sound does not reach, silence is measured.

        Returns:
            (count,) level in dB against full scale, (count,) natural logarithm of the pitch in Hz or NaN.
        """
        ends = self._ends(count)
        windows = self._windows(ends - self._width - self._first)
        level = 10 * np.log10((windows.astype(np.float64) ** 2).mean(axis=1) + 1e-9)
        return level, self._pitch(windows)

    def _windows(self, begins):
        """(count, width) samples from each of (count,) places in the sound on; silence around it."""
        if begins[0] >= 0 and begins[-1] + self._width <= len(self._sound):
            return np.array([self._sound[begin:begin + self._width] for begin in begins.tolist()])
        index = begins[:, None] + np.arange(self._width)
        inside = (index >= 0) & (index < len(self._sound))
        sound = self._sound if len(self._sound) else np.zeros(1, np.float32)
        return np.where(inside, sound[np.clip(index, 0, len(sound) - 1)], 0)

    def skip(self, count):
        """Pass over the next frames without measuring them."""
        self._ends(count)

    def _ends(self, count):
        """(count,) numbers of the samples that the next frames end at; sound before them is let go."""
        self._sound = np.concatenate([self._sound, *self._heard])
        self._heard = []
        ends = np.round(((self._frame + np.arange(count)) / self._fps + self._lead_s) * self._rate_hz).astype(np.int64)
        self._frame += count
        start = ends[0] - self._width - self._first
        if start > 0:
            start = min(start, len(self._sound))
            self._sound, self._first = self._sound[start:].copy(), self._first + start
        return ends

    def _pitch(self, windows):
        """Peak of the autocorrelation between 70 and 400 Hz, where it is clear."""
        rate_hz = self._rate_hz / self._step
        usable = windows.shape[1] // self._step * self._step
        coarse = windows[:, :usable].reshape(len(windows), -1, self._step).mean(axis=2, dtype=np.float64)
        window, taper = _tapers(coarse.shape[1])
        row = np.arange(len(coarse))
        coarse = (coarse - coarse.mean(axis=1, keepdims=True)) * window
        size = 1 << (2 * coarse.shape[1] - 1).bit_length()
        correlation = np.fft.irfft(np.abs(np.fft.rfft(coarse, size)) ** 2, size)
        low, high = int(rate_hz / HIGH_HZ), min(int(rate_hz / LOW_HZ), coarse.shape[1] - 2)
        lags = np.arange(low, high + 1)
        shape = taper[coarse.shape[1] - 1 + lags] / taper[coarse.shape[1] - 1]
        share = correlation[:, low:high + 1] / np.maximum(correlation[:, :1] * shape, 1e-12)
        # A period and its double are alike: the first peak that is nearly the highest.
        inner = share[:, 1:-1]
        peaks = (inner >= share[:, :-2]) & (inner >= share[:, 2:]) & (inner >= NEARLY * share.max(axis=1)[:, None])
        best = 1 + np.argmax(np.where(peaks.any(axis=1)[:, None], peaks, inner), axis=1)
        before, peak, after = (share[row, best + i] for i in (-1, 0, 1))
        # The vertex of the parabola through three lags, at most half a lag away.
        bend = np.maximum(2 * peak - before - after, 1e-9)
        lag = lags[best] + np.minimum(np.maximum((after - before) / (2 * bend), -0.5), 0.5)
        return np.where(peak > VOICED_CORRELATION, np.log(rate_hz / lag), np.nan)


@lru_cache(maxsize=16)
def _tapers(size):
    """(size,) window of a coarse frame, and its autocorrelation."""
    window = np.hanning(size + 2)[1:-1]
    return window, np.correlate(window, window, "full")


@dataclass
class Loudness:
    """How far a voice is raised or dropped, frame by frame, against how it has spoken so far.

    Args:
        fps: frames a second.
    """

    fps: float
    _spoken: float = 0.0
    _level: float = 0.0
    _usual: float = 0.0

    def factor(self, level_db, speaking):
        """How much further lips part in the next frame than in even speech, 0.5 to 2.

        Args:
            level_db: as VoiceStream gives it.
            speaking: share, 0..1, by which the frame counts as speech.
        """
        if speaking > 0 and not self._spoken:
            self._level = self._usual = level_db
        self._spoken += speaking
        # The plain mean until there is enough.
        least = 1 / max(self._spoken, 1.0)
        self._level += speaking * max(1 - exp(-1 / self.fps / RAISED_S), least) * (level_db - self._level)
        self._usual += speaking * max(1 - exp(-1 / self.fps / USUAL_S), least) * (level_db - self._usual)
        change_db = self._level - self._usual
        beyond_db = min(max(abs(change_db) - EVEN_DB, 0.0), RAISED_LIMIT_DB)
        return OPENING_PER_10_DB ** (beyond_db / (10 if change_db > 0 else -10))


@dataclass
class Accents:
    """Speech activity and stress, frame by frame; and the nods and brow raises that mark some accents.

    Args:
        rng: numpy Generator.
        fps: frames a second.

    Attributes:
        speaking: whether the sound of the last frame is loud enough for speech.
    """

    rng: np.random.Generator
    fps: float
    activity: float = 0.0
    speaking: bool = False
    _loud: float = QUIET_DB
    _level: float = 0.0
    _pitch: float = 0.0
    _heard: bool = False
    _voiced: bool = False
    _stress: float = 0.0
    _was: float = 0.0
    _last_s: float = -1.0
    _nods: list = field(default_factory=list)
    _raises: list = field(default_factory=list)

    def voice(self, time_s, level_db, log_pitch):
        """(activity, nod, brow) of the next frame, from its level and pitch.

        Args:
            time_s: seconds, rising.
            level_db, log_pitch: as VoiceStream gives them.

        Returns:
            Activity 0..1; nod and brow about 0..1.5.
        """
        step_s = 1 / self.fps
        self._loud = max(level_db, self._loud - LOUD_FALL_DB_S * step_s, QUIET_DB)
        self.speaking = speaking = level_db > max(self._loud - SPEECH_RANGE_DB, QUIET_DB)
        self.activity += (1 - exp(-step_s / (0.10 if speaking else 0.22))) * (speaking - self.activity)
        rise = 0.0
        if speaking:
            self._level = self._level if self._heard else level_db
            self._level += (1 - exp(-step_s / 1.5)) * (level_db - self._level)
            self._heard = True
            rise = 0.5 * (level_db - self._level) / LEVEL_UNIT_DB
            if log_pitch == log_pitch:
                self._pitch = self._pitch if self._voiced else log_pitch
                self._pitch += (1 - exp(-step_s / 2.0)) * (log_pitch - self._pitch)
                self._voiced = True
                rise += 0.6 * min(max((log_pitch - self._pitch) / PITCH_UNIT, -1.5), 2.5)
        return self.stress(time_s, rise)

    def stress(self, time_s, rise):
        """(activity, nod, brow) of the next frame, from how far its stress stands above the usual."""
        step_s = 1 / self.fps
        self._was, self._stress = self._stress, self._stress + (1 - exp(-step_s / 0.06)) * (
            min(max(rise, 0.0), 1.6) - self._stress)
        if self._stress > ACCENT_AT >= self._was and time_s - self._last_s > ACCENT_LEAST_S:
            self._last_s = time_s
            chance, other, size = self.rng.random(3).tolist()
            size = (0.5 + size) * min(0.6 + 0.5 * self._stress, 1.2)
            if chance < NOD_CHANCE:
                self._nods.append((time_s, size))
            if other < BROW_CHANCE:
                self._raises.append((time_s, size))
        self._nods = [one for one in self._nods if time_s - one[0] < 2 * NOD_S]
        self._raises = [one for one in self._raises if time_s - one[0] < 2.0]
        nod = sum(size * nod_curve(time_s - start) for start, size in self._nods)
        brow = max((size * raise_curve(time_s - start) for start, size in self._raises), default=0.0)
        return self.activity, nod, brow


def nod_curve(since_s):
    """A nod, since_s seconds after its accent: down by 1, and back past rest by a little."""
    x = since_s / NOD_S
    if not 0 <= x < 2:
        return 0.0
    down = ease(x / 0.45) * (1 - ease((x - 0.45) / 0.75))
    back = ease((x - 0.9) / 0.4) * (1 - ease((x - 1.3) / 0.7))
    return down - 0.25 * back


def raise_curve(since_s):
    """A brow raise: quick up, short hold, slower down."""
    if since_s < BROW_RISE_S + BROW_HOLD_S:
        return ease(since_s / BROW_RISE_S)
    return 1 - ease((since_s - BROW_RISE_S - BROW_HOLD_S) / BROW_FALL_S)
