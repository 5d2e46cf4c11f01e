"""What others heard sound through, as bundles that run without torch: ATnet, and encoders of the wav2vec 2.0 family."""

from pathlib import Path

import torch

from personare.audio import atnet, wav2vec2
from personare.errors import InputError
from personare.learn.export import graph_bytes
from personare.learn.nets.dvp import MFCC_COLUMNS, MFCC_ROWS, atnet_of, audio_expression_of
from personare.learn.nets.wav2vec2 import read_wav2vec2
from personare.motion.windows import GRAPH
from personare.spaces import Space, numbered, space_named
from personare.store import write_bundle

_SECOND = 16000


class _Features(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network.features(images)


def atnet_bundle(tensors, folder, *, source):
    """Write the front end of an ATnet checkpoint.

    Args:
        tensors: dict of name -> tensor.
        folder: where to.
        source: name of the file, for the card.

    Raises:
        InputError: tensors of another network.
    """
    network = atnet_of(tensors)
    licence = "that of the checkpoint; ATVGnet's was trained on LRW, whose terms are for research"
    graph = graph_bytes(_Features(network), {"images": torch.randn(2, MFCC_ROWS, MFCC_COLUMNS)}, ["rows"])
    return write_bundle(folder, files={atnet.GRAPH: graph}, card={
        "name": "atnet", "method": atnet.METHOD, "summary": "ATnet's features of sound", "licence": licence,
        "sources": [{"name": source, "licence": licence, "use": "weights"}], "config": {}})


def dvp_bundle(tensors, folder, *, source):
    """Write a bundle of AudioDVP's audio network; it hears through the front end atnet.

    Args:
        tensors: dict of name -> tensor.
        folder: where to.
        source: name of the file, for the card.

    Raises:
        InputError: tensors of another network, or of one that sees other features.
    """
    network = audio_expression_of(tensors)
    frames, features = network.conv1.weight.shape[1], network.fc.weight.shape[1] + 6
    if features != atnet.FEATURES:
        raise InputError(source, expected=f"a network for ATnet's {atnet.FEATURES} numbers", got=str(features),
                         remedy="give AudioDVP's delta_net.pth")
    outputs = network.fc.weight.shape[0]
    space = space_named("audiodvp-64") if outputs == 64 else Space(f"dvp-{outputs}", numbered("exp", outputs))
    graph = graph_bytes(torch.nn.Sequential(network, torch.nn.Flatten(1)),
                        {"rows": torch.randn(2, frames, features)}, ["values"])
    licence = "that of the checkpoint and of the video it was trained on"
    return write_bundle(folder, files={GRAPH: graph}, card={
        "name": "dvp", "method": "dvp", "summary": "AudioDVP's audio network", "licence": licence,
        "sources": [{"name": source, "licence": licence, "use": "weights"}], "config": {
            "front_end": "atnet", "front_end_options": {}, "frame_hz": atnet.FRAMES_HZ, "rows_before": frames // 2,
            "rows_after": frames // 2, "padding": "zero", "space": space.name,
            "space_columns": () if outputs == 64 else space.columns}})


def speech_encoder_bundle(source, folder, *, rows_hz=None):
    """Write the front end of a Hugging Face folder of a wav2vec 2.0, HuBERT, UniSpeech or UniSpeech-SAT model.

    Args:
        source: folder with config.json and the weights.
        folder: where to.
        rows_hz: rate that rows are brought to before the transformer, as FaceFormer does; None leaves them, which is
            50 a second for all released models.

    Returns:
        store.Bundle.

    Raises:
        InputError: the folder holds no such model.
    """
    source = Path(source)
    network = read_wav2vec2(source, rows_hz=None)
    config, own_hz = network.config, _SECOND / network.config.hop
    if rows_hz is not None:
        if not 1 <= rows_hz <= 100:
            raise InputError("rows_hz", expected="1 to 100 rows a second", got=repr(rows_hz), remedy="use 30 or 25")
        network.rows_hz = own_hz, float(rows_hz)
    graph = traced_encoder(network)
    licence = "that of the checkpoint"
    return write_bundle(folder, files={wav2vec2.GRAPH: graph}, card={
        "name": source.name or config.model_type, "method": "wav2vec2", "licence": licence,
        "summary": f"speech encoder of the kind {config.model_type}, {config.num_hidden_layers} layers",
        "sources": [{"name": source.name, "licence": licence, "use": "weights"}], "config": {
            "width": config.hidden_size, "rate_hz": float(rows_hz or own_hz), "least_samples": config.window,
            "normalised": _normalised(source)}})


def _normalised(folder):
    """Whether the folder's feature extractor brings sound to mean 0 and variance 1; it does unless it says not to."""
    import json

    try:
        return bool(json.loads((folder / "preprocessor_config.json").read_text()).get("do_normalize", True))
    except (OSError, ValueError, AttributeError):
        return True


def traced_encoder(network):
    """Bytes of a graph of (1, n) samples to (1, t, c) rows."""
    import io
    import warnings

    from personare.learn.export import OPSET

    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.randn(1, _SECOND),), file, opset_version=OPSET, dynamo=False,
                          input_names=["samples"], output_names=["rows"],
                          dynamic_axes={"samples": {1: "n"}, "rows": {1: "t"}})
    return file.getvalue()
