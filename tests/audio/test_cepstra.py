"""ATnet's pictures are rows of the padded sound's cepstra, whatever the pieces; none but sensible rates."""

import numpy as np
import pytest

from personare.audio.cepstra import SPEECH_FEATURES, CepstraStream, ImageStream, cepstra
from personare.errors import InputError


@pytest.mark.parametrize("pieces", [1, 7, 400])
def test_pictures_are_rows_of_the_padded_sound(rng, pieces):
    sound = rng.normal(0, 0.1, 20001).astype(np.float32)
    rows = cepstra(np.concatenate([np.zeros(1920), sound, np.zeros(8000)]), SPEECH_FEATURES)
    stream = ImageStream()
    images = [stream.push(piece) for piece in np.array_split(sound, pieces)]
    images = np.concatenate([*images, stream.finish()])
    assert images.shape == (int(np.ceil(len(sound) / 640)), 336)
    for k, image in enumerate(images):
        np.testing.assert_allclose(image.reshape(28, 12), rows[4 * k : 4 * k + 28, 1:], atol=1e-4)
    with pytest.raises(InputError, match="no sound after finish"):
        stream.push(sound)


@pytest.mark.parametrize("count", [100, 399, 400, 1000, 16000])
def test_rows_of_a_last_part(rng, count):
    sound = rng.normal(0, 0.1, count)
    rows = cepstra(sound, SPEECH_FEATURES)
    # python_speech_features: 1 for one window, or 1 + ceil((n - 400) / 160).
    assert len(rows) == 1 + max(0, int(np.ceil((count - 400) / 160)))
    stream = CepstraStream(SPEECH_FEATURES)
    found = np.concatenate([stream.push(piece) for piece in np.array_split(sound, 9)])
    np.testing.assert_allclose(found, rows[: len(found)], atol=1e-9)


def test_rates_of_pictures_divide_100():
    for rate in (0, 30, 200):
        with pytest.raises(InputError, match="image_hz"):
            ImageStream(rate)
