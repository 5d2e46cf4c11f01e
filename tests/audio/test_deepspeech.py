"""Networks of both layouts, opened from generated files, equal a plain loop; the front end streams them."""

import graphs
import numpy as np
import pytest

from personare.audio.cepstra import SPEECH_FEATURES_26, TENSORFLOW, cepstra
from personare.audio.deepspeech import deepspeech, open_deepspeech
from personare.audio.front_ends import features_of, open_front_end
from personare.errors import AssetError, InputError
from personare.types import Audio

WIDTH = 6
LATER = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
FIRST = "bidirectional_rnn/{}/basic_lstm_cell"
RELEASES = ["0.1", "0.6"]


def arrays_of(release):
    """Small weights with the names of a release."""
    rng = np.random.default_rng(1)
    names, cells = ("layer_{}/weights", "layer_{}/bias"), [LATER]
    if release == "0.1":
        names, cells = ("h{}", "b{}"), [FIRST.format(way) for way in ("fw", "bw")]
    # Cepstra of sound are in the tens, those of 0.1 are brought to 1.
    sizes = {1: (494, 5), 2: (5, 4), 3: (4, 3), 5: (WIDTH * len(cells), 7), 6: (7, 29)}
    arrays = {}
    for n, size in sizes.items():
        gain = 0.003 if n == 1 and release != "0.1" else 1 / np.sqrt(size[0])
        arrays[names[0].format(n)] = rng.normal(0, gain, size)
        arrays[names[1].format(n)] = rng.normal(0.5, 0.3, size[1:])
    for cell in cells:
        arrays[f"{cell}/kernel"] = rng.normal(0, 0.6, (3 + WIDTH, 4 * WIDTH))
        arrays[f"{cell}/bias"] = rng.normal(0, 0.5, 4 * WIDTH)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def plain_lstm(rows, kernel, bias, forget):
    output, memory, outputs = np.zeros(WIDTH), np.zeros(WIDTH), []
    for row in rows:
        i, j, f, o = np.split(np.concatenate([row, output]) @ kernel + bias, 4)
        memory = memory / (1 + np.exp(-f - forget)) + np.tanh(j) / (1 + np.exp(-i))
        output = np.tanh(memory) / (1 + np.exp(-o))
        outputs.append(output)
    return np.array(outputs)


def plain_logits(sound, release):
    """A loop over the rows in 64 bits."""
    arrays = {name: array.astype(float) for name, array in arrays_of(release).items()}
    first = release == "0.1"
    rows = cepstra(sound, SPEECH_FEATURES_26, scale=32768)[::2] if first else cepstra(sound, TENSORFLOW)
    windows = np.array([np.concatenate([rows[k] if 0 <= k < len(rows) else np.zeros(26) for k in range(i - 9, i + 10)])
                        for i in range(len(rows))])
    if first:
        windows = (windows - windows.mean()) / windows.std()

    def dense(x, n):
        weights, bias = ("h{}", "b{}") if first else ("layer_{}/weights", "layer_{}/bias")
        return x @ arrays[weights.format(n)] + arrays[bias.format(n)]

    x = windows
    for n in (1, 2, 3):
        x = np.minimum(np.maximum(dense(x, n), 0), 20)
    if first:
        parts = []
        for name, way in (("fw", 1), ("bw", -1)):
            cell = (arrays[f"{FIRST.format(name)}/{part}"] for part in ("kernel", "bias"))
            parts.append(plain_lstm(x[::way], *cell, 1.0)[::way])
        x = np.concatenate(parts, axis=1)
    else:
        x = plain_lstm(x, arrays[f"{LATER}/kernel"], arrays[f"{LATER}/bias"], 0.0)
    return dense(np.minimum(np.maximum(dense(x, 5), 0), 20), 6)


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(0).normal(0, 0.1, 16000 + 77).astype(np.float32)


@pytest.fixture(params=RELEASES)
def release(request):
    return request.param


@pytest.fixture
def path(tmp_path, release):
    (tmp_path / "output_graph.pb").write_bytes(graphs.frozen(arrays_of(release)))
    return tmp_path / "output_graph.pb"


def test_an_opened_graph_equals_a_plain_loop(path, release, sound):
    network = open_deepspeech(path)
    assert network.both_ways == (release == "0.1")
    expected = plain_logits(sound, release)
    features = deepspeech(Audio(sound, 16000), network)
    assert (features.kind, features.rate_hz, features.values.shape) == ("deepspeech", 50.0, (51, 29))
    assert expected.std(axis=0).min() > 1e-3
    count = min(len(expected), 51)
    assert count >= 49
    np.testing.assert_allclose(features.values[:count], expected[:count], atol=2e-5)
    np.testing.assert_array_equal(features.values[count:], np.repeat(features.values[count - 1 : count], 51 - count, 0))
    shares = deepspeech(Audio(sound, 16000), network, probabilities=True).values
    raised = np.exp(features.values.astype(float))
    np.testing.assert_allclose(shares, raised / raised.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [50.0, 25.0])
def test_the_front_end_gives_the_same_in_pieces(path, sound, rate_hz):
    front_end = open_front_end("deepspeech", path=str(path), rate_hz=rate_hz)
    again = open_front_end("deepspeech", **front_end.options)
    whole = deepspeech(Audio(sound, 16000), open_deepspeech(path)).values[:: int(50 / rate_hz)]
    features = features_of(again, Audio(sound, 16000))
    assert (features.rate_hz, features.kind, again.width) == (rate_hz, "deepspeech", 29)
    np.testing.assert_allclose(features.values, whole, atol=1e-5)
    stream = again.stream()
    rows = [stream.push(piece) for piece in np.array_split(sound, 23)]
    np.testing.assert_allclose(np.concatenate([*rows, stream.finish()]), whole, atol=1e-5)


def test_no_row_hears_further_than_declared(tmp_path, sound):
    (tmp_path / "a.pb").write_bytes(graphs.frozen(arrays_of("0.6")))
    front_end = open_front_end("deepspeech", path=str(tmp_path / "a.pb"))
    assert front_end.look_ahead_s == pytest.approx(0.212)
    stream = front_end.stream()
    for seconds in (0.3, 0.3, 0.2):
        stream.push(sound[: int(seconds * 16000)])
    before = features_of(front_end, Audio(sound, 16000)).values
    changed = sound.copy()
    changed[int((0.4 + front_end.look_ahead_s) * 16000) :] *= -0.5
    after = features_of(front_end, Audio(changed, 16000)).values
    np.testing.assert_array_equal(after[:21], before[:21])
    assert np.abs(after[22] - before[22]).max() > 0


def test_the_network_of_the_home_folder_is_taken_and_another_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path))
    folder = tmp_path / "models" / "deepspeech"
    folder.mkdir(parents=True)
    with pytest.raises(AssetError, match=r"expected one of output_graph\.pb, \.pbmm or a checkpoint there, got 0"):
        open_front_end("deepspeech")
    (folder / "best.index").write_bytes(graphs.checkpoint(arrays_of("0.6"))[0])
    (folder / "best.data-00000-of-00001").write_bytes(graphs.checkpoint(arrays_of("0.6"))[1])
    options = open_front_end("deepspeech").options
    assert "path" not in options
    (folder / "best.index").unlink()
    (folder / "a.pb").write_bytes(graphs.frozen(arrays_of("0.6")))
    with pytest.raises(AssetError, match="another DeepSpeech than the one that was meant"):
        open_front_end("deepspeech", **options)


def test_other_files_and_options_are_refused(tmp_path):
    with pytest.raises(InputError, match="nothing there; download a release of mozilla/DeepSpeech"):
        open_deepspeech(tmp_path / "a.pb")
    arrays = arrays_of("0.6")
    (tmp_path / "a.pb").write_bytes(graphs.frozen({name: arrays[name] for name in list(arrays)[:4]}))
    with pytest.raises(InputError, match=r"the variables of DeepSpeech 0\.1 or 0\.2 to 0\.9, got 4 others"):
        open_deepspeech(tmp_path / "a.pb")
    arrays["layer_5/weights"] = arrays["layer_5/weights"][:-1]
    (tmp_path / "a.pb").write_bytes(graphs.frozen(arrays))
    with pytest.raises(InputError, match="494 numbers in, 29 letters out"):
        open_deepspeech(tmp_path / "a.pb")
    for rate_hz in (0, 30, 100, "a"):
        with pytest.raises(InputError, match="rate_hz"):
            open_front_end("deepspeech", path=str(tmp_path / "a.pb"), rate_hz=rate_hz)
