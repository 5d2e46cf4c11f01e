"""DeepSpeech's cepstra and a small network of its form against TensorFlow's own numbers; ATnet's cepstra too."""

import zlib

import numpy as np
import pytest

from personare.audio.cepstra import SPEECH_FEATURES, TENSORFLOW, cepstra
from personare.audio.deepspeech import Cell, DeepSpeech, DeepSpeechStream, context_windows, deepspeech
from personare.types import Audio

CELL = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
WIDTHS = {1: (494, 32), 2: (32, 32), 3: (32, 32), 5: (32, 32), 6: (32, 29)}


def filled(key, shape, fan_in=None):
    """The filler of the fixtures: an integer hash of the place and the name."""
    i, mask = np.arange(int(np.prod(shape)), dtype=np.uint64), np.uint64(0xFFFFFFFF)
    u = (i * np.uint64(2654435761) + np.uint64(zlib.crc32(key.encode()))) & mask
    for factor, shift in ((2246822519, 16), (3266489917, 13)):
        u ^= u >> np.uint64(shift)
        u = (u * np.uint64(factor)) & mask
    u ^= u >> np.uint64(16)
    scale = np.sqrt(12 / fan_in) if fan_in else 0.2
    return (scale * (u.astype(np.float64) / 2**32 - 0.5)).reshape(shape).astype(np.float32)


@pytest.fixture(scope="module")
def published(shared):
    folder = shared / "fixtures" / "facegood_styleavatar_deep3d"
    pcm = np.load(folder / "facegood_lpc_synth.npz")["pcm"]
    return dict(np.load(folder / "styleavatar_deepspeech.npz")), (pcm / 32768).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    layers = {n: (filled(f"layer_{n}/weights.kernel", shape, shape[0]), filled(f"layer_{n}/bias", shape[1:]))
              for n, shape in WIDTHS.items()}
    # The fixture's network was given cepstra divided by 20.
    layers[1] = layers[1][0] / 20, layers[1][1]
    return DeepSpeech(layers, (Cell(filled(f"{CELL}/kernel", (64, 128), 64), filled(f"{CELL}/bias", (128,))),))


def test_cepstra_are_those_of_tensorflow(published):
    theirs, sound = published
    ours = cepstra(sound, TENSORFLOW)
    np.testing.assert_allclose(ours, theirs["mfcc"], atol=2e-5)
    for row in (0, 5):
        np.testing.assert_allclose(context_windows(ours)[row].reshape(19, 26), theirs[f"window_frame{row}"], atol=2e-5)


def test_letters_are_those_of_the_graph(published, network):
    theirs, sound = published
    ours = deepspeech(Audio(sound, 16000), network, probabilities=True).values
    np.testing.assert_allclose(ours[:74], theirs["mini_probs"], atol=1e-5)
    assert len(ours) == 75
    np.testing.assert_array_equal(ours[74], ours[73])
    below = network.before(context_windows(theirs["mfcc"]).astype(np.float32))
    outputs, _ = network.cells[0].run(below, network.cells[0].start())
    np.testing.assert_allclose(outputs, theirs["mini_lstm_h"], atol=1e-5)


def test_in_pieces_too(published, network):
    theirs, sound = published
    stream = DeepSpeechStream(network, probabilities=True)
    rows = [stream.push(piece) for piece in np.array_split(sound, 37)]
    assert sum(map(len, rows)) > 50
    np.testing.assert_allclose(np.concatenate([*rows, stream.finish()])[:74], theirs["mini_probs"], atol=1e-5)


def test_cepstra_are_those_of_python_speech_features(shared):
    theirs = np.load(shared / "fixtures" / "voice_puppetry_audiodvp" / "dvp_atnet_reference.npz")["mfcc_padded"]
    time = np.arange(32000) / 16000
    i = np.arange(32000, dtype=np.uint64)
    with np.errstate(over="ignore"):
        x = np.uint64(zlib.crc32(b"input:audio")) * np.uint64(2**32) + i + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    noise = (x >> np.uint64(11)).astype(np.float64) / 2.0**53 * 2 - 1
    sound = (0.3 * np.sin(2 * np.pi * 220 * time) + 0.2 * np.sin(2 * np.pi * (300 + 1000 * time) * time)
             + 0.05 * noise)
    ours = cepstra(np.concatenate([np.zeros(1920), sound, np.zeros(1920)]), SPEECH_FEATURES)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
