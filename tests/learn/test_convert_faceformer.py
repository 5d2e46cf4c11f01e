"""FaceFormer's checkpoints become bundles that say what decoder and encoder say together; others are refused."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="converting needs the extra personare[learn]")
pytest.importorskip("onnx", reason="converting needs the extra personare[learn]")

from personare import STILL, animate  # noqa: E402
from personare.cli import app  # noqa: E402
from personare.errors import InputError  # noqa: E402
from personare.learn.convert import convert_checkpoint  # noqa: E402
from personare.learn.nets.faceformer import FaceFormer, FaceFormerConfig  # noqa: E402
from personare.learn.nets.wav2vec2 import Wav2Vec2, Wav2Vec2Config  # noqa: E402
from personare.motion.faceformer import open_faceformer, periodic_encoding  # noqa: E402
from personare.types import Audio  # noqa: E402

ENCODER = Wav2Vec2Config(conv_dim=(8,) * 7, hidden_size=128, num_hidden_layers=2, num_attention_heads=2,
                         intermediate_size=24, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
# Name -> (period, rows a frame, frames a second).
KINDS = {"vocaset": (30, 1, 30.0), "BIWI": (25, 2, 25.0)}


def networks(name, people=3):
    """(encoder, decoder) of random weights, as the original puts them together."""
    torch.manual_seed(2)
    period, tokens, _ = KINDS[name]
    encoder = Wav2Vec2(ENCODER, rows_hz=(50.0, 30.0) if tokens == 1 else None, multiple=tokens)
    decoder = FaceFormer(FaceFormerConfig(128, 9, 16, period, people, tokens, 4))
    with torch.no_grad():
        for value in (*encoder.parameters(), *decoder.parameters()):
            if value.ndim > 1:
                value.normal_(0, value[0].numel() ** -0.5)
            else:
                value.add_(0.05 * torch.randn_like(value))
    return encoder.eval(), decoder.eval()


def checkpoint(path, name, encoder, decoder, **changes):
    """Write the state dict as the original's trainer does."""
    period = KINDS[name][0]
    place = torch.from_numpy(periodic_encoding(decoder.config.width, period))
    state = {f"audio_encoder.{key}": value for key, value in encoder.state_dict().items()} | {
        "audio_encoder.masked_spec_embed": torch.zeros(128), **decoder.state_dict(),
        "PPE.pe": place.repeat(600 // period + 1, 1)[None]}
    stem = "audio_encoder.encoder.pos_conv_embed.conv."
    weight = state.pop(stem + "weight")
    state |= {stem + "weight_g": weight.norm(dim=(0, 1), keepdim=True), stem + "weight_v": 3 * weight}
    state = {key: value for key, value in (state | changes).items() if value is not None}
    torch.save(state, path)
    return state


def heard(encoder, sound):
    """(1, t, 128) of a whole clip, brought to mean 0 and variance 1."""
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    return encoder(torch.from_numpy(sound.astype(np.float32))[None])


@pytest.mark.parametrize("name", KINDS)
def test_a_bundle_says_what_the_networks_say(tmp_path, rng, name):
    encoder, decoder = networks(name)
    checkpoint(tmp_path / "model.pth", name, encoder, decoder)
    app(["convert", str(tmp_path / "model.pth"), "-o", str(tmp_path / "bundle")], standalone_mode=False)
    opened, fps = open_faceformer(tmp_path / "bundle"), KINDS[name][2]
    assert opened.styles == ("mean", "1", "2", "3")
    sound = (0.1 * rng.standard_normal(40320)).astype(np.float32)
    with torch.no_grad():
        rows = heard(encoder, sound)
        # Of 125 rows 3 in 5 are left, or all but the odd one.
        assert rows.shape[1] == {"vocaset": 75, "BIWI": 124}[name]
        wanted = decoder.predict(rows, torch.eye(3)[1:2])[0].numpy()
    said = animate(Audio(sound, 16000), model=tmp_path / "bundle", style="2", fps=fps, layers=STILL)
    assert (said.space.name, said.space.columns[:3]) == ("vertices-3", ("v_000_x", "v_000_y", "v_000_z"))
    # What is beyond the encoder's last row, here two frames at most, holds that row.
    assert 0 <= len(said) - len(wanted) <= 2
    assert wanted.std() > 0.1
    np.testing.assert_allclose(said.values[: len(wanted)], wanted, atol=1e-5 * np.abs(wanted).max())
    session = opened.session(fps=fps, style="2")
    pieces = [session.push(sound[at : at + 777]).values for at in range(0, len(sound), 777)]
    np.testing.assert_allclose(np.concatenate([*pieces, session.finish().values]), said.values, atol=1e-5)


def test_the_people_of_the_training_sets_have_their_names(tmp_path):
    encoder, decoder = networks("BIWI", people=6)
    checkpoint(tmp_path / "biwi.pth", "BIWI", encoder, decoder)
    found = convert_checkpoint(tmp_path / "biwi.pth", tmp_path / "bundle")
    assert open_faceformer(found.folder).styles == ("mean", "F2", "F3", "F4", "M3", "M4", "M5")


def test_its_names_are_those_of_the_original(tmp_path, shared):
    layouts = json.loads((shared / "fixtures/facetalk_nphm/state_dict_keys_motion.json").read_text())
    layouts = layouts.get("state dicts", layouts)
    state = checkpoint(tmp_path / "a.pth", "vocaset", *networks("vocaset"))
    assert {key for key in state if not key.startswith("audio_encoder.")} == set(
        layouts["faceformer_vocaset (toy sizes)"])


@pytest.mark.parametrize(("change", "told"), [
    ({"vertice_map.bias": None}, r"vertice_map\.bias of shape \(16,\), got nothing"),
    ({"vertice_map.weight": torch.zeros(16, 6)}, r"vertice_map\.weight of shape \(16, 9\), got shape \(16, 6\)"),
    ({"PPE.pe": torch.zeros(1, 630, 16)}, "repeat after 30 frames"),
    ({"audio_encoder.encoder.layers.1.attention.k_proj.weight": None}, r"layers\.1\.attention\.k_proj\.weight"),
    ({"audio_encoder.feature_extractor.conv_layers.3.conv.weight": None}, "wav2vec 2.0 base as audio_encoder"),
    ({"audio_encoder.feature_extractor.conv_layers.3.conv.weight": torch.zeros(8, 8, 5)}, "convolutions of wav2vec"),
])
def test_what_is_missing_or_of_another_shape_is_named(tmp_path, change, told):
    checkpoint(tmp_path / "model.pth", "vocaset", *networks("vocaset"), **change)
    with pytest.raises(InputError, match=told):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
