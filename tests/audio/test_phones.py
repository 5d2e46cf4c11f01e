"""Phone posteriors: shares that sum to one, silence known as silence, chunks and look-ahead as declared."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.assets import builtin_path
from personare.audio.phones import PhoneStream, open_phones, phones
from personare.errors import AssetError, InputError
from personare.types import Audio


@pytest.fixture(scope="module")
def network():
    return open_phones()


def murmur(seconds, seed=0):
    """Noise through a slow envelope."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16000)) / 16000
    return (0.1 * np.sin(2 * np.pi * 3 * time) ** 2 * rng.standard_normal(len(time))).astype(np.float32)


def test_rows_are_shares_at_sixty_a_second(network):
    features = phones(Audio(murmur(1.5), 16000), network=network)
    assert features.kind == "phones"
    assert features.rate_hz == 60
    assert features.values.shape == (90, len(network.options.names))
    np.testing.assert_allclose(features.values.sum(axis=1), 1, atol=1e-4)
    assert features.values.min() >= 0


def test_silence_is_silence(network):
    rows = phones(Audio(np.zeros(32000, np.float32), 16000), network=network).values
    assert rows[:, network.options.names.index("SIL")].min() > 0.8


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.5, 0.51])
def test_rows_cover_the_sound(network, seconds):
    stream = PhoneStream(network)
    got = [stream.push(np.zeros(int(seconds * 16000), np.float32)), stream.finish()]
    assert sum(map(len, got)) == max(1, int(np.ceil(seconds * 60)))


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(0, 32000), max_size=6), rate_hz=st.sampled_from([16000, 22050]))
def test_chunks_of_any_size_give_the_same_rows(network, cuts, rate_hz):
    sound = murmur(2.0)
    stream = PhoneStream(network, source_rate_hz=rate_hz)
    pieces = [stream.push(piece) for piece in np.split(sound, sorted(cuts))]
    whole = phones(Audio(sound, rate_hz), network=network).values
    np.testing.assert_allclose(np.concatenate([*pieces, stream.finish()]), whole, atol=1e-3)


def test_look_ahead_is_as_declared(network):
    sound, row = murmur(2.0), 60
    limit = row / 60 + network.options.look_ahead_s
    whole = phones(Audio(sound, 16000), network=network).values
    for at_s, changes in ((limit + 1 / 16000, False), (limit - 0.02, True)):
        other = sound.copy()
        other[int(np.ceil(at_s * 16000)) :] *= -0.1
        moved = np.abs(phones(Audio(other, 16000), network=network).values - whole)[: row + 1]
        assert bool(moved[row].max() > 1e-6) is changes
    assert network.options.look_ahead_s < 0.16


def test_sound_after_the_end_is_refused(network):
    stream = PhoneStream(network)
    stream.finish()
    assert len(stream.finish()) == 0
    with pytest.raises(InputError, match="use a new stream"):
        stream.push(np.zeros(10, np.float32))


def test_the_bundle_is_small_and_its_card_is_checked(network, tmp_path):
    assert (builtin_path("phones") / "model.onnx").stat().st_size < 2e6
    assert all(source["licence"] for source in network.card.sources)
    for path in builtin_path("phones").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    card = json.loads((tmp_path / "card.json").read_text())
    del card["config"]["names"]
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(AssetError, match="names"):
        open_phones(tmp_path)


def test_phones_of_real_speech_are_named(network, shared):
    """At least half of the labelled middles of phones, of 42 classes; a guess of the most frequent gives a tenth."""
    from personare.audio.load import load
    from personare.learn.phones import to_arpabet
    from personare.metrics.phonelip import read_labels

    names = [to_arpabet(name) for name in network.options.names]
    right, count = 0, 0
    for name in ("LJ001-0002", "LJ001-0004", "LJ001-0008"):
        rows = phones(load(shared / f"data/speech/ljspeech/{name}.flac"), network=network).values
        for start, end, phone in read_labels(shared / f"bench/labels/{name}.lab"):
            if phone in names:
                right += names[rows[min(int((start + end) * 30), len(rows) - 1)].argmax()] == phone
                count += 1
    assert count > 80
    assert right / count > 0.5
