"""Front ends by name: pieces give what the whole gives, rows are where they should be, no row sees too far."""

import numpy as np
import pytest

from personare.audio.front_ends import features_of, open_front_end
from personare.errors import InputError
from personare.types import Audio

CASES = [("mel", {}), ("pcen", {}), ("energy", {}), ("energy", {"late": True, "rate_hz": 60.0}), ("lpc", {}),
         ("lpc", {"image_hz": 30}), ("phones", {})]


def rows_of(front_end, pieces):
    stream = front_end.stream()
    return np.concatenate([*(stream.push(piece) for piece in pieces), stream.finish()])


@pytest.fixture
def sound(rng):
    rate = 16000
    time = np.arange(int(1.3 * rate)) / rate
    voice = np.sin(2 * np.pi * 140 * time) + 0.5 * np.sin(2 * np.pi * 900 * time * (1 + 0.2 * time))
    return (0.2 * voice + 0.02 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_pieces_give_what_the_whole_gives(name, options, sound, rng):
    front_end = open_front_end(name, **options)
    assert front_end.sample_rate_hz == 16000
    whole = rows_of(front_end, [sound])
    assert whole.shape == (int(np.ceil(len(sound) / 16000 * front_end.rate_hz - 1e-6)), front_end.width)
    assert whole.std() > 0
    cuts = np.sort(rng.integers(0, len(sound), 40))
    np.testing.assert_allclose(rows_of(front_end, np.split(sound, cuts)), whole, atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(features_of(front_end, Audio(sound, 16000)).values, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_no_row_sees_beyond_the_declared_look_ahead(name, options, sound, rng):
    front_end = open_front_end(name, **options)
    changed, at_s = sound.copy(), 0.8
    changed[int(at_s * 16000) :] = rng.standard_normal(len(sound) - int(at_s * 16000))
    one, other = rows_of(front_end, [sound]), rows_of(front_end, [changed])
    sure = int((at_s - front_end.look_ahead_s) * front_end.rate_hz) + 1
    assert sure > 0
    np.testing.assert_allclose(one[:sure], other[:sure], atol=1e-5)
    assert np.abs(one - other).max() > 0.01


def test_a_front_end_opens_again_from_what_it_says_of_itself(sound):
    front_end = open_front_end("mel", band_count=12, rate_hz=60)
    again = open_front_end(front_end.name, **front_end.options)
    np.testing.assert_array_equal(rows_of(front_end, [sound]), rows_of(again, [sound]))
    assert again.width == 12


def test_unknown_names_are_told():
    with pytest.raises(InputError, match="mel"):
        open_front_end("mell")
