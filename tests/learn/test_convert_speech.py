"""Checkpoints of what others heard through become bundles that give what the network gives; others are refused."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="converting needs the extra personare[learn]")
pytest.importorskip("onnx", reason="converting needs the extra personare[learn]")
safetensors = pytest.importorskip("safetensors.torch", reason="converting needs the extra personare[learn]")

from personare.audio.cepstra import ImageStream  # noqa: E402
from personare.audio.front_ends import features_of, open_front_end  # noqa: E402
from personare.cli import app  # noqa: E402
from personare.errors import InputError  # noqa: E402
from personare.learn.convert import convert_checkpoint  # noqa: E402
from personare.learn.convert_speech import speech_encoder_bundle  # noqa: E402
from personare.learn.nets.dvp import Atnet, AudioExpression  # noqa: E402
from personare.learn.nets.wav2vec2 import network_of, read_config, rows_at  # noqa: E402
from personare.motion.dvp import open_dvp  # noqa: E402
from personare.types import Audio  # noqa: E402

TINY = {"model_type": "wav2vec2", "conv_dim": [6, 5], "conv_kernel": [20, 4], "conv_stride": [80, 4],
        "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
        "num_conv_pos_embeddings": 6, "num_conv_pos_embedding_groups": 2}
KINDS = {"plain": {}, "stable": {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True,
                                 "model_type": "hubert", "num_conv_pos_embeddings": 7}}


@pytest.fixture
def sound():
    return (0.1 * np.random.default_rng(0).standard_normal(16000)).astype(np.float32)


def said(session, sound):
    return np.concatenate([part.values for part in (session.push(sound), session.finish())])


def test_atnet_and_what_hears_through_it(tmp_path, sound, monkeypatch):
    torch.manual_seed(0)
    network, head = Atnet().eval(), AudioExpression().eval()
    parallel = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save(parallel, tmp_path / "atnet_lstm_18.pth")
    torch.save(head.state_dict(), tmp_path / "delta_net.pth")
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path))
    for name, folder in (("atnet_lstm_18", "atnet"), ("delta_net", "dvp")):
        words = ["convert", str(tmp_path / f"{name}.pth"), "-o", str(tmp_path / "models" / folder), "--quiet"]
        (tmp_path / "models").mkdir(exist_ok=True)
        assert app(words, standalone_mode=False) in (None, 0)
    stream = ImageStream(25.0)
    images = np.concatenate([stream.push(sound[:6400]), stream.finish()]).reshape(-1, 28, 12)
    with torch.no_grad():
        rows = network.features(torch.from_numpy(images))
        wanted = head(torch.nn.functional.pad(rows, (0, 0, 3, 3)).unfold(0, 7, 1).transpose(1, 2))[:, :, 0]
    found = features_of(open_front_end("atnet"), Audio(sound[:6400], 16000)).values
    assert rows.std() > 1e-3
    np.testing.assert_allclose(found, rows, atol=1e-5)
    np.testing.assert_allclose(said(open_dvp().session(fps=25), sound[:6400]), wanted, atol=1e-5)
    torch.save(AudioExpression(features=20).state_dict(), tmp_path / "small.pth")
    with pytest.raises(InputError, match="ATnet's 256 numbers, got 20"):
        convert_checkpoint(tmp_path / "small.pth", tmp_path / "b")


def hugging_face(folder, config):
    """A folder as save_pretrained leaves it, of random weights."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    from personare.learn.nets.wav2vec2 import Wav2Vec2

    torch.manual_seed(1)
    network = Wav2Vec2(read_config(folder / "config.json"))
    state = {name: torch.randn_like(value) / max(1, value[0].numel()) ** 0.5 if value.ndim > 1 else
             value + 0.1 * torch.randn_like(value) for name, value in network.state_dict().items()}
    weight = state.pop("encoder.pos_conv_embed.conv.weight")
    length = weight.norm(dim=(0, 1), keepdim=True)
    stored = {f"{config['model_type']}.{name}": value.contiguous() for name, value in state.items()} | {
        f"{config['model_type']}.encoder.pos_conv_embed.conv.weight_g": 1.5 * length,
        f"{config['model_type']}.encoder.pos_conv_embed.conv.weight_v": weight.contiguous(),
        "lm_head.weight": torch.zeros(3, 8)}
    safetensors.save_file(stored, folder / "model.safetensors")
    return {name: value.double().numpy() for name, value in (state | {
        "encoder.pos_conv_embed.conv.weight": 1.5 * weight}).items()}


def erf(x):
    import math

    return np.vectorize(math.erf)(x)


def gelu(x):
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def normed(x, w, name, axis=-1):
    x = (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + 1e-5)
    scale, bias = w[f"{name}.weight"], w[f"{name}.bias"]
    return x * (scale[:, None] if axis == 1 else scale) + (bias[:, None] if axis == 1 else bias)


def plain(samples, w, config):
    """The encoder in loops over 64-bit arrays; x is (channels, t), then (t, channels)."""
    x = ((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7))[None].astype(np.float64)
    layered = config.get("feat_extract_norm") == "layer"
    for i, (kernel, stride) in enumerate(zip(config["conv_kernel"], config["conv_stride"], strict=True)):
        name = f"feature_extractor.conv_layers.{i}"
        x = np.stack([np.einsum("ock,ck->o", w[f"{name}.conv.weight"], x[:, j : j + kernel])
                      for j in range(0, x.shape[1] - kernel + 1, stride)], 1)
        x = x + w[f"{name}.conv.bias"][:, None] if layered else x
        if layered:
            x = normed(x.T, w, f"{name}.layer_norm").T
        elif i == 0:
            x = normed(x, w, f"{name}.layer_norm", axis=1)
        x = gelu(x)

    def line(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = line(normed(x.T, w, "feature_projection.layer_norm"), "feature_projection.projection")
    size, place = config["num_conv_pos_embeddings"], "encoder.pos_conv_embed.conv"
    padded, seen = np.pad(x, ((size // 2, size // 2), (0, 0))), np.zeros_like(x)
    for t in range(len(x)):
        for o in range(8):
            first = 4 * (o // 4)
            seen[t, o] = (padded[t : t + size, first : first + 4].T * w[f"{place}.weight"][o]).sum()
    x = x + gelu(seen + w[f"{place}.bias"])
    stable = config.get("do_stable_layer_norm", False)
    x = x if stable else normed(x, w, "encoder.layer_norm")
    for i in range(2):
        name = f"encoder.layers.{i}"

        def attend(x, name=name):
            q, k, v = (line(x, f"{name}.attention.{part}_proj").reshape(-1, 2, 4) for part in "qkv")
            score = np.exp(np.einsum("ihd,jhd->hij", q, k) / 2)
            return line(np.einsum("hij,jhd->ihd", score / score.sum(2, keepdims=True), v).reshape(-1, 8),
                        f"{name}.attention.out_proj")

        def feed(x, name=name):
            return line(gelu(line(x, f"{name}.feed_forward.intermediate_dense")), f"{name}.feed_forward.output_dense")

        if stable:
            x = x + attend(normed(x, w, f"{name}.layer_norm"))
            x = x + feed(normed(x, w, f"{name}.final_layer_norm"))
        else:
            x = normed(x + attend(x), w, f"{name}.layer_norm")
            x = normed(x + feed(x), w, f"{name}.final_layer_norm")
    return normed(x, w, "encoder.layer_norm") if stable else x


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_equals_loops_and_its_bundle_equals_it(tmp_path, sound, kind):
    config = TINY | KINDS[kind]
    weights = hugging_face(tmp_path / "hf", config)
    assert app(["convert", str(tmp_path / "hf"), "-o", str(tmp_path / "b"), "--quiet"], standalone_mode=False) in (None,
                                                                                                                   0)
    wanted = plain(sound.astype(np.float64), weights, config)
    found = features_of(open_front_end("wav2vec2", path=str(tmp_path / "b")), Audio(sound, 16000)).values
    assert found.shape == (50, 8)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(found[: len(wanted)], wanted, atol=2e-4)


class Planted:
    """Would run something."""

    def __reduce__(self):
        return print, ("run",)


def test_weights_as_torch_saves_them_are_data(tmp_path, sound, capsys):
    hugging_face(tmp_path / "hf", TINY)
    state = safetensors.load_file(tmp_path / "hf" / "model.safetensors")
    speech_encoder_bundle(tmp_path / "hf", tmp_path / "one")
    (tmp_path / "hf" / "model.safetensors").unlink()
    torch.save(state, tmp_path / "hf" / "pytorch_model.bin")
    speech_encoder_bundle(tmp_path / "hf", tmp_path / "other")
    one, other = (features_of(open_front_end("wav2vec2", path=str(tmp_path / name)), Audio(sound, 16000)).values
                  for name in ("one", "other"))
    np.testing.assert_array_equal(one, other)
    torch.save(state | {"planted": Planted()}, tmp_path / "hf" / "pytorch_model.bin")
    with pytest.raises(InputError):
        speech_encoder_bundle(tmp_path / "hf", tmp_path / "third")
    (tmp_path / "hf" / "pytorch_model.bin").write_bytes(b"nothing")
    with pytest.raises(InputError):
        speech_encoder_bundle(tmp_path / "hf", tmp_path / "third")
    assert "run" not in capsys.readouterr().out.split()
    assert not (tmp_path / "third").exists()


def test_rows_at_the_rate_of_a_face(tmp_path, sound):
    hugging_face(tmp_path / "hf", TINY)
    speech_encoder_bundle(tmp_path / "hf", tmp_path / "b", rows_hz=30)
    opened = open_front_end("wav2vec2", path=str(tmp_path / "b"))
    assert (opened.rate_hz, len(features_of(opened, Audio(sound, 16000)).values)) == (30.0, 30)
    rows = torch.arange(5.0)[None, :, None]
    np.testing.assert_allclose(rows_at(rows, 50, 30)[0, :, 0], [0, 2, 4])
    np.testing.assert_allclose(rows_at(rows, 25, 50, count=9)[0, :, 0], np.arange(9) / 2)
    with pytest.raises(InputError, match="rows_hz"):
        speech_encoder_bundle(tmp_path / "hf", tmp_path / "c", rows_hz=0)


def test_other_folders_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match=r"config\.json of a speech encoder"):
        convert_checkpoint(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="one of wav2vec2, hubert"):
        convert_checkpoint(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a" / "config.json").write_text(json.dumps(TINY))
    with pytest.raises(InputError, match=r"model\.safetensors or pytorch_model\.bin, got neither"):
        convert_checkpoint(tmp_path / "a", tmp_path / "b")
    with pytest.raises(InputError, match=r"expected feature_extractor\.conv_layers\.0\.conv\.weight of shape"):
        network_of(read_config(tmp_path / "a" / "config.json"), {})
