"""Log-mel rows say which tone sounds when, and do not depend on how the sound arrives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.audio.mel import (
    LogMelStream,
    MelOptions,
    band_edges_hz,
    filter_matrix,
    hz_from_mel,
    log_mel,
    mel_from_hz,
    row_count,
)
from personare.errors import InputError
from personare.types import Audio, AudioStream

OPTIONS = [
    MelOptions(),
    MelOptions(rate_hz=60.0, band_count=40),
    MelOptions(rate_hz=120.0, window="hamming", preemphasis=0.97),
    MelOptions(rate_hz=29.97, window_s=0.0401, scale="htk", fft_size=1024, f_min_hz=60.0, f_max_hz=7600.0),
    MelOptions(rate_hz=50.0, window="rectangular", window_s=0.002, fft_size=512, band_count=12),
]


def log_mel_ref(samples, options):
    """Plain loops in float64: one row after the other, a Fourier sum, one triangle after the other."""
    n, points, rate_hz = options.window_length, options.fft_length, options.sample_rate_hz
    sound = samples.astype(np.float64)
    sound = sound - options.preemphasis * np.concatenate([[0.0], sound[:-1]])
    turn = np.pi + 2 * np.pi * (np.arange(n) - n // 2) / n
    window = {"hann": 0.5 - 0.5 * np.cos(turn), "hamming": 0.54 - 0.46 * np.cos(turn), "rectangular": np.ones(n)}
    window = window[options.window]
    wave = np.exp(-2j * np.pi * np.arange(points // 2 + 1)[:, None] * np.arange(n) / points)
    edges = band_edges_hz(options)
    rows = []
    for i in range(max(1, int(np.ceil(round(len(samples) / rate_hz * options.rate_hz, 6))))):
        first = int(np.floor(i * rate_hz / options.rate_hz + 0.5)) - n // 2
        piece = np.array([sound[j] if 0 <= j < len(sound) else 0.0 for j in range(first, first + n)])
        power = np.abs(wave @ (piece * window * 2 / window.sum())) ** 2
        energies = np.zeros(options.band_count)
        for band in range(options.band_count):
            low, centre, high = edges[band:band + 3]
            for j, energy in enumerate(power):
                hz = j * rate_hz / points
                if low < hz < high:
                    energies[band] += energy * ((hz - low) / (centre - low) if hz < centre else
                                                (high - hz) / (high - centre))
        rows.append(np.log(energies + options.floor))
    return np.array(rows)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: f"{o.rate_hz:g}-{o.scale}-{o.window}")
def test_equals_plain_loops(rng, options):
    sound = np.cumsum(rng.standard_normal(3001)).astype(np.float32)
    sound *= 0.5 / np.abs(sound).max()
    values = log_mel(Audio(sound, 16000), options=options).values
    # The floor is 80 dB down, so float32 shows only where a band lies that far under the rest.
    np.testing.assert_allclose(values, log_mel_ref(sound, options), atol=2e-3)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: f"{o.rate_hz:g}-{o.scale}-{o.window}")
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9000), st.integers(0, 2**32 - 1), st.integers(1, 3000), st.sampled_from([16000, 22050, 48000]))
def test_pieces_of_any_size_give_the_same_rows(options, count, seed, largest, rate_hz):
    rng = np.random.default_rng(seed)
    sound = (0.1 * rng.standard_normal(count)).astype(np.float32)
    whole = log_mel(Audio(sound, rate_hz), options=options)
    cuts = np.cumsum(rng.integers(0, largest + 1, size=2 + 4 * count // largest))
    chunks = np.split(sound, cuts[cuts < count])
    stream = LogMelStream(options, source_rate_hz=rate_hz)
    rows = np.concatenate([*map(stream.push, chunks), stream.finish()])
    np.testing.assert_allclose(rows, whole.values, atol=1e-5)
    read = log_mel(AudioStream(rate_hz, lambda: iter(chunks)), options=options)
    np.testing.assert_allclose(read.values, whole.values, atol=1e-5)
    assert len(rows) == max(1, int(np.ceil(round(count / rate_hz * options.rate_hz, 6))))


def test_one_sample_at_a_time(rng):
    sound = (0.1 * rng.standard_normal(2000)).astype(np.float32)
    stream = LogMelStream()
    rows = np.concatenate([stream.push(sound[i:i + 1]) for i in range(len(sound))] + [stream.finish()])
    np.testing.assert_allclose(rows, log_mel(Audio(sound, 16000)).values, atol=1e-5)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: f"{o.rate_hz:g}-{o.scale}-{o.window}")
def test_the_declared_look_ahead_is_exact(rng, options):
    """A row is given as soon as look_ahead_s has passed, and nothing later changes it."""
    sound = (0.1 * rng.standard_normal(8000)).astype(np.float32)
    changed = sound.copy()
    changed[5000:] += 1.0
    before, after = (log_mel(Audio(s, 16000), options=options).values for s in (sound, changed))
    times_s = np.arange(len(before)) / options.rate_hz
    rounding_s = 0.5 / 16000
    early = times_s + options.look_ahead_s < 5000 / 16000 - rounding_s
    late = times_s + options.look_ahead_s > 5001.01 / 16000 + rounding_s
    np.testing.assert_array_equal(before[early], after[early])
    assert (before[late] != after[late]).any(axis=1).all()
    given_rows = len(LogMelStream(options).push(sound[:5000]))
    assert early.sum() <= given_rows <= (~late).sum()


@pytest.mark.parametrize("rate_hz", [30.0, 60.0, 100.0, 120.0, 29.97])
@pytest.mark.parametrize("source_rate_hz", [16000, 44100])
def test_a_click_is_centred_in_its_row(rate_hz, source_rate_hz):
    """The energy of a click falls off on both sides of its time in the same way."""
    options = MelOptions(rate_hz=rate_hz, window_s=4 / rate_hz, floor=1e-20)
    row = 37
    sound = np.zeros(2 * source_rate_hz, np.float32)
    # The middle of a window is sample number window_length / 2, counted from 0.
    sound[round(row * source_rate_hz / rate_hz)] = 1.0
    energy = np.exp(log_mel(Audio(sound, source_rate_hz), options=options).values[:, 8])
    assert energy.argmax() == row
    np.testing.assert_allclose(energy[row - 1], energy[row + 1], rtol=0.03)
    assert energy[row + 3] < 1e-9 * energy[row]


@pytest.mark.parametrize("options", OPTIONS[:4], ids=lambda o: f"{o.rate_hz:g}-{o.scale}-{o.window}")
@pytest.mark.parametrize("band", [0.3, 0.5, 0.8])
def test_a_tone_sounds_in_its_band(options, band):
    band = int(band * options.band_count)
    hz = band_edges_hz(options)[band + 1]
    tone = np.sin(2 * np.pi * hz * np.arange(16000) / 16000).astype(np.float32)
    assert log_mel(Audio(tone, 16000), options=options).values[10].argmax() == band


def test_a_full_scale_tone_has_energy_of_about_one():
    """That is what the floor is counted from: the ripple between bins and bands stays within 3 dB."""
    for hz in np.linspace(1000, 4000, 31):
        tone = np.sin(2 * np.pi * hz * np.arange(8000) / 16000).astype(np.float32)
        total = np.exp(log_mel(Audio(tone, 16000)).values[20]).sum()
        # A Hann window spreads a tone over an equivalent of 1.5 bins.
        assert 0.99 < total / 1.5 < 1.01


def test_gain_moves_all_energies_alike(rng):
    sound = (0.1 * rng.standard_normal(8000)).astype(np.float32)
    options = MelOptions(floor=1e-20)
    loud, quiet = (log_mel(Audio(gain * sound, 16000), options=options).values for gain in (2.0, 1.0))
    np.testing.assert_allclose(loud - quiet, np.log(4.0), atol=1e-4)


def test_silence_is_the_floor():
    values = log_mel(Audio(np.zeros(1600), 16000)).values
    assert values.shape == (10, 80)
    np.testing.assert_allclose(values, np.log(1e-8), rtol=1e-6)


@pytest.mark.parametrize("source_rate_hz", [8000, 22050, 44100, 48000])
def test_other_sample_rates_give_nearly_the_same(source_rate_hz):
    def chirp(rate_hz):
        time_s = np.arange(rate_hz) / rate_hz
        return Audio((0.5 * np.sin(2 * np.pi * (200 + 1200 * time_s) * time_s)).astype(np.float32), rate_hz)

    rows = [log_mel(chirp(rate_hz), options=MelOptions(floor=1e-4)).values for rate_hz in (source_rate_hz, 16000)]
    np.testing.assert_allclose(rows[0][3:-3], rows[1][3:-3], atol=0.02)


@pytest.mark.parametrize(("count", "rate_hz", "rows"), [
    (0, 100.0, 1), (1, 100.0, 1), (160, 100.0, 1), (161, 100.0, 2), (16000, 60.0, 60), (16001, 60.0, 61),
    (16000 * 3600, 29.97, 107892), (16000 * 100, 0.1 * 3, 30),
])
def test_rows_cover_the_sound(count, rate_hz, rows):
    assert row_count(count, sample_rate_hz=16000, rate_hz=rate_hz) == rows


def test_a_million_rows_stay_in_step():
    """Row i stands at i / rate_hz after hours, too: no rounding adds up."""
    options = MelOptions(rate_hz=120.0)
    stream = LogMelStream(options)
    assert stream._first_sample(10**6) == round(10**6 * 16000 / 120) - options.window_length // 2


def test_memory_of_a_stream_stays_small():
    stream = LogMelStream(source_rate_hz=16000)
    for _ in range(100):
        stream.push(np.zeros(16000, np.float32))
    assert len(stream._waiting) <= stream.options.window_length


def test_nothing_follows_the_end():
    stream = LogMelStream()
    stream.push(np.zeros(1600, np.float32))
    assert len(stream.finish()) == 1
    assert len(stream.finish()) == 0
    with pytest.raises(InputError, match=r"samples: expected no sound after finish\(\), got more sound; use a new"):
        stream.push(np.zeros(1, np.float32))


def test_mel_scales():
    """Points of Slaney's Auditory Toolbox and of O'Shaughnessy's formula (1000 mel at 1 kHz)."""
    np.testing.assert_allclose(mel_from_hz([0, 200, 1000, 6400]), [0, 3, 15, 42])
    np.testing.assert_allclose(mel_from_hz([0, 1000], "htk"), [0, 1000], atol=0.02)
    hz = np.linspace(0, 8000, 100)
    for scale in ("slaney", "htk"):
        np.testing.assert_allclose(hz_from_mel(mel_from_hz(hz, scale), scale), hz, atol=1e-9)


def test_filters_share_out_every_frequency():
    """Between the first and the last centre the triangles add up to 1, and none is empty."""
    filters = filter_matrix(MelOptions())
    hz = np.arange(len(filters)) * 40.0
    edges = band_edges_hz(MelOptions())
    inside = (hz >= edges[1]) & (hz <= edges[-2])
    np.testing.assert_allclose(filters[inside].sum(axis=1), 1.0, atol=1e-6)
    assert (filters.max(axis=0) > 0.2).all()


@pytest.mark.parametrize(("change", "message"), [
    ({"band_count": 0}, "band_count: expected 1 to 512 bands, got 0; change it"),
    ({"rate_hz": 0.5}, "rate_hz: expected 1 to 1000 rows a second, got 0.5; change it"),
    ({"window_s": 2}, "window_s: expected 0.001 to 1 second, got 2; change it"),
    ({"sample_rate_hz": 10}, "sample_rate_hz: expected a whole number of 1000 to 192000 Hz, got 10; change it"),
    ({"f_max_hz": 8001}, "f_max_hz: expected at most half of sample_rate_hz, got 8001; change it"),
    ({"f_min_hz": 8000}, "f_min_hz: expected 0 or more, below f_max_hz, got 8000; change it"),
    ({"floor": 0.0}, "floor: expected a small positive number, got 0.0; change it"),
    ({"fft_size": 256}, "fft_size: expected 0, or 400 (the window's samples) to 1048576, got 256; change it"),
    ({"scale": "bark"}, "scale: expected 'slaney' or 'htk', got 'bark'; change it"),
    ({"window": "kaiser"}, "window: expected 'hann', 'hamming' or 'rectangular', got 'kaiser'; change it"),
    ({"preemphasis": 1.0}, "preemphasis: expected 0 or more, below 1, got 1.0; change it"),
])
def test_options_out_of_range_are_refused(change, message):
    with pytest.raises(InputError) as caught:
        replace(MelOptions(), **change)
    assert str(caught.value) == message


def test_real_speech_has_finite_rows_well_above_the_floor(shared):
    from personare.audio.load import load

    for path in sorted((shared / "data" / "speech" / "formats").iterdir()):
        audio = load(path)
        features = log_mel(audio)
        assert len(features.values) == int(np.ceil(round(audio.duration_s * 100, 6)))
        assert np.quantile(features.values, 0.9) > np.log(1e-8) + 4, path.name
