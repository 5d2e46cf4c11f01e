"""Front ends beside each other: the same numbers as each alone, whole or in pieces."""

import numpy as np
import pytest

from personare.audio.front_ends import features_of, open_front_end
from personare.errors import InputError
from personare.types import Audio

PARTS = [{"name": "phones", "scale": "root"}, {"name": "mel", "options": {"rate_hz": 60.0, "band_count": 16}}]


@pytest.fixture
def audio(rng):
    return Audio((0.2 * rng.standard_normal(16000 * 2)).astype(np.float32), 16000)


def test_rows_are_those_of_the_parts(audio):
    joint = open_front_end("joint", parts=PARTS)
    rows = features_of(joint, audio).values
    phones = features_of(open_front_end("phones"), audio).values
    mel = features_of(open_front_end("mel", rate_hz=60.0, band_count=16), audio).values
    assert joint.width == rows.shape[1] == 42 + 16
    np.testing.assert_allclose(rows[:, :42], np.sqrt(phones), atol=1e-6)
    np.testing.assert_allclose(rows[:, 42:], mel, atol=1e-6)


@pytest.mark.parametrize("size", [160, 1777, 16000])
def test_pieces_give_what_the_whole_gives(size, audio):
    joint = open_front_end("joint", parts=PARTS)
    stream = joint.stream()
    parts = [stream.push(audio.samples[i : i + size]) for i in range(0, len(audio.samples), size)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), features_of(joint, audio).values, atol=1e-5)


def test_options_open_it_again(audio):
    joint = open_front_end("joint", parts=PARTS)
    again = open_front_end(joint.name, **joint.options)
    np.testing.assert_array_equal(features_of(again, audio).values, features_of(joint, audio).values)


@pytest.mark.parametrize(("parts", "told"), [
    ([], "1 to 8 front ends"),
    ([{"name": "phones", "scales": "root"}], "1 to 8 front ends"),
    ([{"name": "phones"}, {"name": "mel"}], "phones at 60 Hz of 16000 Hz, mel at 100 Hz"),
])
def test_what_cannot_be_joined(parts, told):
    with pytest.raises(InputError, match=told):
        open_front_end("joint", parts=parts)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(25.0, 60.0), (100.0, 60.0), (50.0, 30.0), (60.0, 60.0)])
def test_rows_at_another_rate_are_between_those_of_the_part(from_hz, to_hz, rng):
    options = {"rate_hz": from_hz, "band_count": 16}
    audio = Audio((0.2 * rng.standard_normal(16000 + 123)).astype(np.float32), 16000)
    given = features_of(open_front_end("mel", **options), audio).values
    joint = open_front_end("joint", parts=[{"name": "mel", "options": options}], rate_hz=to_hz)
    found = features_of(joint, audio)
    assert (found.rate_hz, len(found.values)) == (to_hz, int(np.ceil(16123 / 16000 * to_hz)))
    place = np.arange(len(found.values)) * from_hz / to_hz
    wanted = np.stack([np.interp(place, np.arange(len(given)), column) for column in given.T], 1)
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)
    assert open_front_end("joint", **joint.options).rate_hz == to_hz
    for size in (160, 777, 4001):
        stream, pieces = joint.stream(), []
        for at in range(0, len(audio.samples), size):
            pieces.append(stream.push(audio.samples[at : at + size]))
            heard_s = min(at + size, len(audio.samples)) / 16000
            # Whatever lies within the look-ahead has come.
            assert sum(map(len, pieces)) >= int((heard_s - joint.look_ahead_s) * to_hz)
        np.testing.assert_allclose(np.concatenate([*pieces, stream.finish()]), found.values, atol=1e-5)


def test_parts_of_different_rates_meet_at_one(audio):
    parts = [{"name": "mel", "options": {"rate_hz": 100.0, "band_count": 8}}, {"name": "phones"}]
    assert features_of(open_front_end("joint", parts=parts, rate_hz=60), audio).values.shape == (120, 8 + 42)
    with pytest.raises(InputError, match="rate_hz"):
        open_front_end("joint", parts=parts, rate_hz=0)
