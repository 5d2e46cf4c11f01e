"""FaceFormer's checkpoints (vocaset.pth, biwi.pth) -> a bundle to run, with the speech encoder that is in them.

Everything is read off the tensors but what leaves no trace there: strides of the encoder's convolutions and its heads
are those of wav2vec 2.0 base, whose heads are 64 wide; and whether a frame hears one row of the encoder, brought to 30
a second before its transformer, or two of its 50 (an odd last one is left out before it) is told by the period of the
frame's place: 30 is VOCASET's, 25 is BIWI's. Names of the people are those of the original's training sets, in its
order. Where the rows end, a clip's last frames hold the last of them.
"""

import io

import numpy as np

from personare.errors import InputError
from personare.learn.convert_speech import traced_encoder
from personare.learn.nets.faceformer import FaceFormer, FaceFormerConfig
from personare.learn.nets.wav2vec2 import Wav2Vec2Config, network_of
from personare.motion.faceformer import AROUND, NAMES, SPEECH, WEIGHTS, periodic_encoding
from personare.spaces import Space, numbered
from personare.store import write_bundle

ROWS_HZ, HEADS, HEAD_WIDTH = 50.0, 4, 64
# Period -> frames a second, rows of the encoder for each.
_KINDS = {30: (30.0, 1), 25: (25.0, 2)}
_PEOPLE = {(30, 8): tuple(f"FaceTalk_{name}_TA" for name in (
    "170728_03272", "170904_00128", "170725_00137", "170915_00223", "170811_03274", "170913_03279", "170904_03276",
    "170912_03278")), (25, 6): ("F2", "F3", "F4", "M3", "M4", "M5")}
_LICENCE = "that of the checkpoint; FaceFormer's were trained on VOCASET and BIWI, whose terms are for research"


def is_faceformer(tensors):
    """Whether a dict of tensors is of FaceFormer."""
    return {"audio_feature_map.weight", "vertice_map_r.weight", "obj_vector.weight", "PPE.pe"} <= set(tensors)


def faceformer_bundle(tensors, folder, *, source):
    """Write the bundle of a checkpoint; it gives what speech adds to a head at rest, three numbers a vertex.

    Args:
        tensors: dict of name -> tensor.
        folder: where to.
        source: name of the file, for the card.

    Returns:
        store.Bundle.

    Raises:
        InputError: tensors are missing, of other shapes, or of another encoder.
    """
    period = _period(tensors["PPE.pe"], source)
    fps, tokens = _KINDS[period]
    network = faceformer_of(tensors, period=period, tokens=tokens, source=source)
    encoder = _encoder(tensors, source, rows_hz=(ROWS_HZ, fps) if tokens == 1 else None, multiple=tokens)
    config, people = network.config, network.config.speakers
    vertices, rest = divmod(config.columns, 3)
    if rest or encoder.config.hidden_size != config.channels:
        raise InputError(source, expected="three numbers a vertex, from rows as wide as its encoder's",
                         got=f"{config.columns} from {config.channels}, of an encoder of {encoder.config.hidden_size}",
                         remedy="give FaceFormer's vocaset.pth or biwi.pth")
    names = _PEOPLE.get((period, people), tuple(str(i + 1) for i in range(people)))
    styles = {"mean": [1 / people] * people} | {name: np.eye(people)[i].tolist() for i, name in enumerate(names)}
    arrays = {name: value.detach().numpy() for name, value in network.state_dict().items() if name in NAMES}
    around = (np.zeros(config.channels), np.ones(config.channels), np.zeros(config.columns), np.ones(1))
    arrays |= {name: value.astype(np.float32) for name, value in zip(AROUND, around, strict=True)}
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    space = Space(f"vertices-{vertices}", tuple(f"{name}_{axis}" for name in numbered("v", vertices) for axis in "xyz"))
    return write_bundle(folder, files={WEIGHTS: packed.getvalue(), SPEECH: traced_encoder(encoder)}, card={
        "name": "faceformer", "method": "faceformer", "summary": "FaceFormer's own network and speech encoder",
        "licence": _LICENCE, "sources": [{"name": source, "licence": _LICENCE, "use": "weights"}], "config": {
            "front_end": "wav2vec2", "frame_hz": fps, "rows_before": 0, "rows_after": tokens - 1, "padding": "edge",
            "space": space.name, "space_columns": space.columns, "styles": styles, "style": "mean",
            "own": {"heads": HEADS, "period": period, "tokens": tokens, "encoder": {
                "width": config.channels, "rate_hz": fps if tokens == 1 else ROWS_HZ,
                "least_samples": encoder.config.window, "normalised": True}}}})


def faceformer_of(tensors, *, period, tokens, source):
    """The decoder of a checkpoint, in evaluation mode.

    Raises:
        InputError: tensors are missing or of other shapes; the message names the first.
    """
    shapes = {name: tuple(tensors[name].shape) for name in
              ("audio_feature_map.weight", "vertice_map_r.weight", "obj_vector.weight")}
    if any(len(shape) != 2 for shape in shapes.values()):
        raise InputError(source, expected="matrices", got=str(shapes)[:120], remedy="give vocaset.pth or biwi.pth")
    (width, channels), (columns, _), (_, people) = shapes.values()
    network = FaceFormer(FaceFormerConfig(channels, columns, width, period, people, tokens, HEADS)).eval()
    for name, value in network.state_dict().items():
        if name not in tensors or tensors[name].shape != value.shape:
            got = f"shape {tuple(tensors[name].shape)}" if name in tensors else "nothing of that name"
            raise InputError(source, expected=f"{name} of shape {tuple(value.shape)}", got=got,
                             remedy="give FaceFormer's vocaset.pth or biwi.pth")
    network.load_state_dict({name: tensors[name].float() for name in network.state_dict()})
    return network


def _period(table, source):
    """Frames after which the places of a checkpoint repeat."""
    table = table.float().reshape(-1, table.shape[-1]).numpy()
    for period in _KINDS:
        expected = periodic_encoding(table.shape[1], period)[np.arange(len(table)) % period]
        if len(table) > period and np.abs(table - expected).max() < 1e-4:
            return period
    raise InputError(source, expected="places that repeat after 30 frames (VOCASET) or 25 (BIWI)",
                     got=f"a table of {table.shape}", remedy="give FaceFormer's vocaset.pth or biwi.pth")


def _encoder(tensors, source, **own_rows):
    """The speech encoder of a checkpoint; its sizes are those of the tensors."""
    own = {name.removeprefix("audio_encoder."): value for name, value in tensors.items()
           if name.startswith("audio_encoder.")}
    base = Wav2Vec2Config()
    try:
        layers = [own[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(len(base.conv_dim))]
        place = own["encoder.pos_conv_embed.conv.weight_v"] if "encoder.pos_conv_embed.conv.weight_v" in own else \
            own["encoder.pos_conv_embed.conv.parametrizations.weight.original1"]
        hidden = own["feature_projection.projection.weight"].shape[0]
        count = sum(name.endswith(".final_layer_norm.weight") for name in own)
        config = Wav2Vec2Config(
            conv_dim=tuple(len(layer) for layer in layers), conv_kernel=tuple(layer.shape[2] for layer in layers),
            hidden_size=hidden, num_hidden_layers=count, num_attention_heads=max(1, hidden // HEAD_WIDTH),
            intermediate_size=len(own["encoder.layers.0.feed_forward.intermediate_dense.bias"]),
            num_conv_pos_embeddings=place.shape[2], num_conv_pos_embedding_groups=hidden // place.shape[1])
    except (KeyError, IndexError, ZeroDivisionError) as error:
        raise InputError(source, expected="wav2vec 2.0 base as audio_encoder", got=f"no {error}"[:100],
                         remedy="give FaceFormer's vocaset.pth or biwi.pth, whole") from error
    if config.conv_kernel != base.conv_kernel:
        raise InputError(source, expected=f"convolutions of wav2vec 2.0 base, {base.conv_kernel}",
                         got=str(config.conv_kernel), remedy="give FaceFormer's vocaset.pth or biwi.pth")
    return network_of(config, own, source=source, **own_rows)
