"""Prediction polynomials solve the normal equations, equal FACEGOOD's, and stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.audio.lpc import LpcOptions, LpcStream, lpc, lpc_images, polynomials, polynomials_ref
from personare.errors import InputError
from personare.types import Audio


def voice(count, rate_hz=16000):
    """A buzz through two resonances, with a little noise."""
    rng = np.random.default_rng(3)
    sound = 0.01 * rng.standard_normal(count)
    sound[:: rate_hz // 110] += 1
    for frequency, width in ((700, 90), (1800, 150)):
        radius, turn = np.exp(-np.pi * width / rate_hz), 2 * np.pi * frequency / rate_hz
        for i in range(2, count):
            sound[i] += 2 * radius * np.cos(turn) * sound[i - 1] - radius**2 * sound[i - 2]
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


def polynomial_ref(window, options):
    """The normal equations as a full Toeplitz system."""
    tapered = window * np.hanning(len(window))
    energy = np.array([np.dot(tapered[: len(tapered) - lag], tapered[lag:]) for lag in range(options.order + 1)])
    energy[0] *= 1 + options.white_noise
    matrix = energy[np.abs(np.subtract.outer(range(options.order), range(options.order)))]
    return np.concatenate([[1], np.linalg.solve(matrix, -energy[1:])])


@pytest.mark.parametrize("order", [1, 8, 31])
def test_the_recursion_solves_the_normal_equations(order):
    options = LpcOptions(order=order, white_noise=1e-6)
    windows = np.lib.stride_tricks.sliding_window_view(voice(4000).astype(np.float64), 256)[100::500]
    expected = [polynomial_ref(window, options) for window in windows]
    np.testing.assert_allclose(polynomials(windows, options), expected, atol=1e-4)


def test_rows_find_the_resonances_and_ignore_the_gain():
    sound = voice(8000)
    rows = lpc(Audio(sound, 16000), options=LpcOptions(order=10))
    assert rows.kind == "lpc"
    assert rows.values.shape == (63, 11)
    response = 1 / np.abs(np.fft.rfft(rows.values[30], 512))
    peaks = [i * 16000 / 512 for i in range(1, 256) if response[i] > max(response[i - 1], response[i + 1])]
    assert min(abs(peak - 700) for peak in peaks) < 100
    assert min(abs(peak - 1800) for peak in peaks) < 100
    np.testing.assert_allclose(lpc(Audio(0.01 * sound, 16000), options=LpcOptions(order=10)).values, rows.values,
                               atol=1e-3)


def test_silence_is_a_one_and_zeros():
    rows = lpc(Audio(np.zeros(1600, np.float32), 16000)).values
    np.testing.assert_array_equal(rows, np.eye(1, 32).repeat(len(rows), 0))
    images = lpc_images(Audio(np.zeros(16000, np.float32), 16000))
    assert images.shape == (30, 32, 64)
    assert images.dtype == np.float64
    assert np.array_equal(images[:, 0], np.ones((30, 64)))
    assert not images[:, 1:].any()


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 5000), max_size=6), rate_hz=st.sampled_from([16000, 22050]))
def test_chunks_of_any_size_give_the_same_rows(cuts, rate_hz):
    sound = voice(5000)
    stream = LpcStream(source_rate_hz=rate_hz)
    pieces = [stream.push(piece) for piece in np.split(sound, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate([*pieces, stream.finish()]), lpc(Audio(sound, rate_hz)).values, atol=1e-4)


def test_images_equal_facegoods_own(shared):
    folder = shared / "fixtures/facegood_styleavatar_deep3d"
    with np.load(folder / "facegood_lpc_synth.npz") as fixture:
        images = lpc_images(Audio(fixture["pcm"].astype(np.float32) / 32768, 16000))
        np.testing.assert_allclose(images, fixture["lpc"], atol=1e-5)
    sound = np.load(folder / "facegood_wav_1114_3_15_first3s.npy").astype(np.float32) / 32768
    np.testing.assert_allclose(lpc_images(Audio(sound, 16000)),
                               np.load(folder / "facegood_lpc_1114_3_15_first3s.npy"), atol=1e-5)


@pytest.mark.parametrize("wrong", [{"order": 0}, {"window_s": 0.002}, {"rate_hz": 0}, {"white_noise": 2},
                                   {"sample_rate_hz": 10}])
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        LpcOptions(**wrong)


def test_autocorrelation_instead_is_normalised_and_free_of_gain_and_offset(rng):
    sound = (0.1 * rng.standard_normal(4000)).astype(np.float32)
    options = LpcOptions(correlation=True)
    rows = lpc(Audio(sound, 16000), options=options).values
    window = sound[128 * 10 - 128 : 128 * 10 + 128].astype(np.float64)
    window = (window - window.mean()) * np.hanning(256)
    wanted = np.correlate(window, window, "full")[255 : 255 + 32]
    np.testing.assert_allclose(rows[10], wanted / wanted[0], atol=1e-6)
    louder = lpc(Audio(3 * sound + 0.2, 16000), options=options).values
    np.testing.assert_allclose(louder[10], rows[10], atol=1e-5)
    assert not lpc(Audio(np.zeros(4000, np.float32), 16000), options=options).values.any()


@pytest.mark.parametrize("order", [1, 12, 31])
def test_the_compiled_recursion_is_the_plain_one(order, rng):
    options = LpcOptions(order=order)
    windows = np.lib.stride_tricks.sliding_window_view(voice(6000).astype(np.float64), 256)[::97].copy()
    windows[3] = 0
    windows[4] = 1e-6 * rng.standard_normal(256)
    np.testing.assert_allclose(polynomials(windows, options), polynomials_ref(windows, options), atol=2e-6)
    np.testing.assert_array_equal(polynomials(windows, options)[3], np.eye(1, order + 1)[0])
