"""The same words in another voice: pitch, vocal tract, tempo and melody changed by overlap-add, noise and telephone.

TD-PSOLA (Moulines and Charpentier 1990): two periods around each pitch mark are windowed, stretched by the factor of
the vocal tract and laid down again at the new period, so pitch, formants and time change apart from each other.
"""

import numpy as np

from personare.motion.prosody import VoiceStream

UNVOICED_S, TRACK_HZ = 0.008, 200
VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
SONORANTS = frozenset(["L", "M", "N", "NG", "R", "W", "Y"])
# A pentatonic scale, semitones above the key.
SCALE = (0, 2, 4, 7, 9, 12)


def pitch_of(sound, rate_hz):
    """Pitch in Hz at TRACK_HZ, NaN where there is none; outliers of the median by more than an octave left out."""
    voice = VoiceStream(rate_hz, TRACK_HZ, 0.02)
    voice.hear(sound)
    pitch = np.exp(voice.frames(int(len(sound) / rate_hz * TRACK_HZ) + 1)[1])
    middle = np.nanmedian(pitch)
    pitch[(pitch < 0.55 * middle) | (pitch > 1.9 * middle)] = np.nan
    return pitch


def _marks(sound, rate_hz, pitch):
    """(marks, periods, voiced): sample numbers of pitch marks, one every 8 ms where there is no pitch."""
    marks, periods, voiced = [], [], []
    at = 0
    while at < len(sound):
        hz = pitch[min(int(at / rate_hz * TRACK_HZ), len(pitch) - 1)]
        known = bool(np.isfinite(hz))
        period = round(rate_hz / hz) if known else round(UNVOICED_S * rate_hz)
        if known:
            low = max(at - period // 4, 0)
            near = sound[low : at + period // 4 + 1]
            at = low + int(np.argmax(near)) if len(near) else at
        if marks and at <= marks[-1]:
            at = marks[-1] + period // 2
        marks.append(at)
        periods.append(period)
        voiced.append(known)
        at += period
    return np.array(marks), np.array(periods), np.array(voiced)


def resynthesised(sound, rate_hz, *, pitch=lambda time_s, hz: hz, tract=1.0, time_map=None):
    """Say it again with another pitch, vocal tract and timing.

    Args:
        sound: (n,) float.
        rate_hz: its rate.
        pitch: (time in the new sound s, old pitch Hz) -> new pitch Hz.
        tract: factor on the formants; above 1 a shorter vocal tract.
        time_map: (old s, new s), rising arrays of the same length; None for the same time.

    Returns:
        (m,) float32 at the same rate and loudness.
    """
    sound = np.asarray(sound, np.float64)
    old_s, new_s = time_map if time_map else (np.array([0, 1e4]), np.array([0, 1e4]))
    marks, periods, voiced = _marks(sound, rate_hz, pitch_of(sound, rate_hz))
    length = int(np.interp(len(sound) / rate_hz, old_s, new_s) * rate_hz)
    out = np.zeros(length + 4 * rate_hz // 50)
    padded = np.pad(sound, rate_hz // 10)
    at = 0.0
    while at < length:
        source = np.interp(at / rate_hz, new_s, old_s) * rate_hz
        i = min(np.searchsorted(marks, source), len(marks) - 1)
        if i and abs(marks[i - 1] - source) < abs(marks[i] - source):
            i -= 1
        period = periods[i]
        step = rate_hz / pitch(at / rate_hz, rate_hz / period) if voiced[i] else period
        reach = int(min(period, rate_hz // 10 - 1))
        centre = marks[i] + rate_hz // 10
        wide = max(int(reach / tract), 2)
        position = centre + np.arange(-wide, wide + 1) * (reach / wide)
        grain = np.interp(position, np.arange(len(padded)), padded) * np.hanning(2 * wide + 3)[1:-1]
        start = round(at) - wide
        first = max(-start, 0)
        out[start + first : start + len(grain)] += grain[first:] * np.sqrt(min(step / period, 1.0))
        at += step
    out = out[:length]
    return (out * np.sqrt((sound**2).mean() / max((out**2).mean(), 1e-12))).astype(np.float32)


def child(sound, rate_hz):
    """A voice around 290 Hz with a vocal tract a child's size."""
    return _voice(sound, rate_hz, middle_hz=290.0, female_tract=1.18, male_tract=1.32)


def low_man(sound, rate_hz):
    """A voice around 85 Hz with a long vocal tract."""
    return _voice(sound, rate_hz, middle_hz=85.0, female_tract=0.84, male_tract=0.94)


def _voice(sound, rate_hz, *, middle_hz, female_tract, male_tract):
    middle = np.nanmedian(pitch_of(sound, rate_hz))
    return resynthesised(sound, rate_hz, pitch=lambda _, hz: hz * middle_hz / middle,
                         tract=female_tract if middle > 160 else male_tract)


def stretched(labels, factor_of):
    """(time map, labels) with each label's length times factor_of(phone)."""
    old, new, moved = [0.0], [0.0], []
    for start, end, phone in labels:
        begin = new[-1] + (start - old[-1])
        after = begin + (end - start) * factor_of(phone)
        moved.append((begin, after, phone))
        for edge, other in ((start, begin), (end, after)):
            if edge > old[-1]:
                old.append(edge)
                new.append(other)
    old.append(old[-1] + 1000.0)
    new.append(new[-1] + 1000.0)
    return (np.array(old), np.array(new)), moved


def fast(sound, rate_hz, labels, speed=1.4):
    """(sound, labels) spoken faster at the same pitch."""
    time_map, moved = stretched(labels, lambda _: 1 / speed)
    return resynthesised(sound, rate_hz, time_map=time_map), moved


def sung(sound, rate_hz, labels, seed=0):
    """(sound, labels): a note of a scale for each vowel, held twice as long, with a vibrato of 5.5 Hz."""
    rng = np.random.default_rng(seed)
    lengths = dict.fromkeys(VOWELS, 2.0) | dict.fromkeys(SONORANTS, 1.4)
    time_map, moved = stretched(labels, lambda phone: lengths.get(phone, 1.0))
    key_hz = np.nanmedian(pitch_of(sound, rate_hz))
    starts = [start for start, _, phone in moved if phone in VOWELS] or [0.0]
    notes = key_hz * 2 ** ((rng.choice(SCALE, len(starts)) - 4) / 12)

    def melody(time_s, _):
        i = max(int(np.searchsorted(starts, time_s + 0.05)) - 1, 0)
        vibrato = 0.5 * np.sin(2 * np.pi * 5.5 * time_s) * min(max(time_s - starts[i] - 0.1, 0) / 0.2, 1)
        return notes[i] * 2 ** (vibrato / 12)

    return resynthesised(sound, rate_hz, pitch=melody, time_map=time_map), moved


def noisy(sound, other, snr_db):
    """The sound with another under it, snr_db below the level of its loud half."""
    frames = sound[: len(sound) // 400 * 400].reshape(-1, 400).astype(np.float64)
    power = (frames**2).mean(axis=1)
    loud = power[power >= np.median(power)].mean()
    other = np.resize(other, len(sound)).astype(np.float64)
    return (sound + other * np.sqrt(loud / (other**2).mean() / 10 ** (snr_db / 10))).astype(np.float32)


def pink(count, seed=0):
    """(count,) noise whose power falls by 3 dB an octave."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), count)


def telephone(sound, rate_hz):
    """300 to 3400 Hz, 8 kHz, 8 bit mu-law."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    narrow = np.fft.irfft(np.where((hz > 300) & (hz < 3400), spectrum, 0), len(sound))
    peak = np.abs(narrow).max() + 1e-9
    x = narrow / peak
    coded = np.round(np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) * 127) / 127
    return (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255 * peak).astype(np.float32)
