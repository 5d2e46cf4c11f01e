"""MFCC equal plain loops, and do not depend on how the sound arrives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.audio.mel import MelOptions, log_mel
from personare.audio.mfcc import MfccOptions, MfccStream, cosine_matrix, mfcc
from personare.errors import InputError
from personare.types import Audio

OPTIONS = [
    MfccOptions(),
    MfccOptions(delta_order=1, lifter=0),
    MfccOptions(delta_order=2, delta_width=3, coefficient_count=20),
    MfccOptions(mel=MelOptions(rate_hz=60.0), coefficient_count=80, lifter=0),
]


def slopes_ref(rows, width):
    """HTK Book 3.4, equation 5.16, one row and one term after the other."""
    out = np.zeros_like(rows)
    for i in range(len(rows)):
        for k in range(1, width + 1):
            after, before = rows[min(i + k, len(rows) - 1)], rows[max(i - k, 0)]
            out[i] += k * (after - before) / (2 * sum(j * j for j in range(1, width + 1)))
    return out


def mfcc_ref(audio, options):
    """Plain loops in float64 over the rows of log_mel."""
    rows = log_mel(audio, options=options.mel).values.astype(np.float64)
    bands = rows.shape[1]
    out = np.zeros((len(rows), options.coefficient_count))
    for j in range(options.coefficient_count):
        for band in range(bands):
            out[:, j] += rows[:, band] * np.cos(np.pi * j * (2 * band + 1) / (2 * bands))
        out[:, j] *= np.sqrt((1 if j == 0 else 2) / bands)
        if options.lifter:
            out[:, j] *= 1 + options.lifter / 2 * np.sin(np.pi * j / options.lifter)
    columns = [out]
    for _ in range(options.delta_order):
        columns.append(slopes_ref(columns[-1], options.delta_width))
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
@pytest.mark.parametrize("count", [1, 200, 700, 5001])
def test_equals_plain_loops(rng, options, count):
    audio = Audio(0.1 * rng.standard_normal(count), 16000)
    features = mfcc(audio, options=options)
    assert features.kind == "mfcc"
    assert features.rate_hz == options.mel.rate_hz
    assert features.values.shape[1] == options.channel_count
    expected = mfcc_ref(audio, options)
    np.testing.assert_allclose(features.values, expected, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9000), st.integers(0, 2**32 - 1), st.integers(1, 3000))
def test_pieces_of_any_size_give_the_same_rows(options, count, seed, largest):
    rng = np.random.default_rng(seed)
    sound = (0.1 * rng.standard_normal(count)).astype(np.float32)
    whole = mfcc(Audio(sound, 44100), options=options).values
    cuts = np.cumsum(rng.integers(0, largest + 1, size=2 + 4 * count // largest))
    stream = MfccStream(options, source_rate_hz=44100)
    rows = np.concatenate([*map(stream.push, np.split(sound, cuts[cuts < count])), stream.finish()])
    np.testing.assert_allclose(rows, whole, atol=2e-4)


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
def test_the_declared_look_ahead_is_exact(rng, options):
    sound = (0.1 * rng.standard_normal(8000)).astype(np.float32)
    changed = sound.copy()
    changed[5000:] += 1.0
    before, after = (mfcc(Audio(s, 16000), options=options).values for s in (sound, changed))
    times_s = np.arange(len(before)) / options.mel.rate_hz
    early = times_s + options.look_ahead_s < 4999.5 / 16000
    late = times_s + options.look_ahead_s > 5002 / 16000
    # The product with the cosines may round differently by its size.
    np.testing.assert_allclose(before[early], after[early], atol=1e-4)
    assert (np.abs(before[late] - after[late]).max(axis=1) > 1e-3).all()


def test_all_coefficients_without_lifter_are_the_bands_turned():
    """The DCT is orthonormal: nothing is lost, and the inverse is the transpose."""
    basis = cosine_matrix(OPTIONS[3]).astype(np.float64)
    np.testing.assert_allclose(basis @ basis.T, np.eye(80), atol=1e-6)


def test_gain_moves_the_first_coefficient_only(rng):
    sound = (0.1 * rng.standard_normal(8000)).astype(np.float32)
    options = MfccOptions(mel=MelOptions(floor=1e-20))
    moved = mfcc(Audio(2 * sound, 16000), options=options).values - mfcc(Audio(sound, 16000), options=options).values
    np.testing.assert_allclose(moved[:, 0], np.log(4.0) * np.sqrt(80), atol=1e-3)
    np.testing.assert_allclose(moved[:, 1:], 0, atol=1e-3)


@pytest.mark.parametrize(("change", "message"), [
    ({"mel": None}, "mel: expected MelOptions, got None; change it"),
    ({"coefficient_count": 27}, "coefficient_count: expected 1 to 26, the number of bands, got 27; change it"),
    ({"lifter": 1}, "lifter: expected 0, or 2 and more, got 1; change it"),
    ({"delta_order": 3}, "delta_order: expected 0, 1 or 2, got 3; change it"),
    ({"delta_width": 0}, "delta_width: expected 1 to 50 rows, got 0; change it"),
])
def test_options_out_of_range_are_refused(change, message):
    with pytest.raises(InputError) as caught:
        replace(MfccOptions(), **change)
    assert str(caught.value) == message
