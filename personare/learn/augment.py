"""What happens to speech on its way to a microphone and through a wire: at random, cheap enough while training."""

from dataclasses import dataclass

import numpy as np

RATE_HZ = 16000


@dataclass(frozen=True)
class AugmentOptions:
    """Shares of the items of a batch that each change is applied to, 0..1, and its range.

    Args:
        noise: share with noise, music-like tones or other voices, at an SNR of snr_db.
        snr_db: range of signal to noise in dB.
        babble: share of these with many people talking at once, in a room or not, who are nobody's mouth.
        babble_voices: least and most of them.
        room: share with a synthetic room.
        colour: share with a smooth random frequency response.
        band: share with telephone or other band limits.
        codec: share with 8-bit mu-law.
        clipping: share driven into clipping.
        warp: share with a shifted vocal tract (log-mel bands warped).
        mask: share with masked bands.
        effort: share in which the speaker raises and drops the voice on the way.
        effort_db: range of that.
        breath: share of the longer pauses with a breath or a smack of the lips in them.
        level_db: range of the speech level, rms against full scale.
        speed: range of the natural logarithm of a change of speed and pitch together; lopsided, since most of
            the real voices are women's.
        warp_range: range of the logarithm of the shift of warp; above 0 is a longer vocal tract.
        tempos: factors of the tempo alone, one of them at random; pitch and vocal tract stay.
    """

    noise: float = 0.6
    snr_db: tuple[float, float] = (3.0, 40.0)
    babble: float = 0.4
    babble_voices: tuple[int, int] = (3, 14)
    room: float = 0.35
    colour: float = 0.6
    band: float = 0.15
    codec: float = 0.08
    clipping: float = 0.05
    warp: float = 0.5
    mask: float = 0.25
    effort: float = 0.5
    effort_db: tuple[float, float] = (-4.0, 10.0)
    breath: float = 0.3
    level_db: tuple[float, float] = (-44.0, -12.0)
    speed: tuple[float, float] = (-0.3, 0.2)
    warp_range: tuple[float, float] = (-0.13, 0.18)
    tempos: tuple[float, ...] = (0.8, 0.9, 1.0, 1.0, 1.12, 1.25, 1.4)


def degrade(sound, others, rng, options):
    """A sound as it may arrive: coloured, reverberant, noisy, band-limited, at some level.

    Args:
        sound: (n,) float32 speech at 16 kHz, n a product of small primes for speed; may be silent.
        others: called for (n,) float32 of other speech, where background voices are wanted.
        rng: numpy Generator.
        options: AugmentOptions.

    Returns:
        (n,) float32.
    """
    n = len(sound)
    frequency = np.fft.rfftfreq(n, 1 / RATE_HZ).astype(np.float32)
    spectrum = np.fft.rfft(sound)
    if rng.random() < options.room:
        spectrum *= np.fft.rfft(_room(rng), n)
    if rng.random() < options.colour:
        spectrum *= _response(frequency, rng)
    clean = np.fft.irfft(spectrum, n).astype(np.float32)
    level = _active_rms(clean) or 0.05
    if rng.random() < options.noise:
        noise = _noise(n, frequency, others, rng, options)
        snr = rng.uniform(*options.snr_db)
        clean = clean + noise * np.float32(level / max(_active_rms(noise), 1e-6) * 10 ** (-snr / 20))
    if rng.random() < options.band:
        low, high = (300, 3400) if rng.random() < 0.5 else (rng.uniform(50, 250), rng.uniform(2800, 7000))
        spectrum = np.fft.rfft(clean)
        spectrum *= 1 / (1 + (low / np.maximum(frequency, 1)) ** 8) / (1 + (frequency / high) ** 12)
        clean = np.fft.irfft(spectrum, n).astype(np.float32)
    clean = clean * np.float32(10 ** (rng.uniform(*options.level_db) / 20) / level)
    if rng.random() < options.clipping:
        gain = rng.uniform(2, 8)
        clean = np.clip(clean * gain, -0.5, 0.5) / np.float32(gain)
    if rng.random() < options.codec:
        clean = _mu_law(clean)
    return np.clip(clean, -1, 1)


def add_breath(pause, speech, rng):
    """Put an audible breath, or a click of the lips, into a pause, in place.

    Args:
        pause: (n,) float32, a view into the sound.
        speech: (m,) float32, whose level it is measured against.
        rng: numpy Generator.
    """
    level = _active_rms(speech) * 10 ** (rng.uniform(-38, -12) / 20)
    wanted = 0.02 if rng.random() < 0.25 else rng.uniform(0.15, 0.7)
    length = min(int(wanted * RATE_HZ), len(pause))
    if length < 100 or not level:
        return
    at = rng.integers(0, len(pause) - length + 1)
    frequency = np.fft.rfftfreq(length, 1 / RATE_HZ)
    low, high = rng.uniform(200, 900), rng.uniform(2000, 6500)
    shape = 1 / (1 + (low / np.maximum(frequency, 1)) ** 4) / (1 + (frequency / high) ** 4)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(length, np.float32)) * shape, length)
    noise *= np.sin(np.pi * np.linspace(0, 1, length) ** rng.uniform(0.5, 2)) ** 2
    pause[at : at + length] += (noise * (level / max(np.sqrt((noise**2).mean()), 1e-9))).astype(np.float32)


def effort_curve(n, rng, options):
    """(n,) float32 in dB of a voice that is raised and dropped every second or three; 0 where it is not."""
    if rng.random() >= options.effort:
        return np.zeros(n, np.float32)
    knots = rng.uniform(*options.effort_db, 2 + int(n / RATE_HZ / rng.uniform(1, 3)))
    return np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots).astype(np.float32)


def raise_voice(sound, effort_db):
    """A voice as it sounds with more or less effort: its level, and above 1 kHz half as much again.

    Nordenberg and Sundberg 2004, "Effect on LTAS of vocal loudness variation": at 3 kHz the spectrum of a speaker gains
    about 1.5 dB for each dB of level.

    Args:
        sound: (n,) float32 at 16 kHz, n a product of small primes for speed.
        effort_db: (n,) float32, the change of the level.

    Returns:
        (n,) float32.
    """
    if not effort_db.any():
        return sound
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    high = np.fft.irfft(np.fft.rfft(sound) / (1 + (1000 / np.maximum(frequency, 1)) ** 2), len(sound))
    gain = 10 ** (effort_db / 20)
    return (gain * (sound + (np.sqrt(gain) - 1) * high)).astype(np.float32)


def warp_bands(rows, rng, options):
    """Shift the vocal tract by stretching the band axis, and mask some bands, of (t, c) log-mel rows."""
    count = rows.shape[1]
    if rng.random() < options.warp:
        factor = np.exp(rng.uniform(*options.warp_range))
        position = np.clip(np.arange(count) * factor, 0, count - 1)
        low = np.minimum(position.astype(int), count - 2)
        share = (position - low).astype(np.float32)
        rows = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    if rng.random() < options.mask:
        start, wide = rng.integers(0, count - 8), rng.integers(2, 9)
        rows = rows.copy()
        rows[:, start : start + wide] = rows.mean()
    return rows


def _active_rms(sound):
    """Level of the loud part: root mean square of the louder half of 20 ms frames."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    power = np.sort(np.einsum("ij,ij->i", frames, frames) / 320)
    return float(np.sqrt(power[len(power) // 2 :].mean()))


def _room(rng):
    length = int(RATE_HZ * rng.uniform(0.1, 0.45))
    time = np.arange(length, dtype=np.float32) / RATE_HZ
    decay = np.exp(-6.9 * time / np.float32(rng.uniform(0.12, 0.7)))
    response = rng.standard_normal(length, np.float32) * decay
    response *= np.float32(rng.uniform(0.1, 0.8) / np.sqrt((response**2).sum()))
    response[: int(0.002 * RATE_HZ)] = 0
    response[0] = 1
    return response


def _response(frequency, rng):
    points = np.concatenate([[0], np.geomspace(80, 8000, 7)])
    gain_db = rng.normal(0, 4, 8) + rng.uniform(-5, 5) * np.linspace(-1, 1, 8)
    return (10 ** (np.interp(frequency, points, gain_db) / 20)).astype(np.float32)


def _noise(n, frequency, others, rng, options):
    if rng.random() < options.babble:
        return _babble(n, others, rng, options)
    kind = rng.random()
    if kind < 0.25:
        return others()
    if kind < 0.4:
        return _tones(n, rng)
    slope = rng.uniform(-1.6, 0.3)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n, np.float32)) * np.maximum(frequency, 40) ** slope, n)
    if kind < 0.6:
        knots = rng.uniform(0.1, 1, rng.integers(4, 20))
        noise = noise * np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(knots)), knots)
    return noise.astype(np.float32)


def _babble(n, others, rng, options):
    """Many voices, some nearer than others, half of the time across a room."""
    low, high = options.babble_voices
    voices = (others() for _ in range(rng.integers(low, high + 1)))
    babble = sum(voice * np.float32(rng.uniform(0.4, 1) / max(_active_rms(voice), 1e-3)) for voice in voices)
    if rng.random() < 0.5:
        babble = np.fft.irfft(np.fft.rfft(babble) * np.fft.rfft(_room(rng), n), n)
    return babble.astype(np.float32)


def _tones(n, rng):
    """Music-like chords that change a few times a second."""
    length = int(RATE_HZ * rng.uniform(0.15, 0.6))
    count = -(-n // length)
    time = np.arange(length, dtype=np.float32) / RATE_HZ
    decay = np.exp(-time * np.float32(rng.uniform(0, 6)))
    chords = []
    for _ in range(count):
        root = rng.uniform(80, 700)
        waves = sum(np.sin(np.float32(2 * np.pi * root * ratio) * time) / ratio for ratio in (1, 1.25, 1.5, 2, 3, 4))
        chords.append(waves * decay)
    return np.concatenate(chords)[:n].astype(np.float32)


def _mu_law(sound):
    squeezed = np.sign(sound) * np.log1p(255 * np.abs(sound)) / np.log(256)
    squeezed = np.round(squeezed * 127) / 127
    return (np.sign(squeezed) * (256 ** np.abs(squeezed) - 1) / 255).astype(np.float32)
