"""style_avatar's checkpoints -> a bundle to run."""

from pathlib import Path

import numpy as np
import torch

from personare.errors import InputError
from personare.files.pickles import read_pickle
from personare.learn.export import graph_bytes
from personare.learn.nets.stylist import StylistConfig, StylistWindows, WithEnergy
from personare.motion.stylist import GRAPH, POSE_GRAPH
from personare.store import write_bundle

# What the original adds and multiplies to standardise a head: quaternion, then place in decimetres.
POSE_MEAN = (-0.998235, 0, 0, 0, 0, 0, 0)
POSE_STD = (0.006208, 0.038148, 0.052440, 0.046124, 0.004235, 0.007477, 0.039327)
EXPRESSIONS, POSES = 64, 7
_LICENCE = "that of the checkpoint; style_avatar states none for its weights"
_NORMALISERS = ("s_m", "s_s", "d_s_m", "d_s_s")


def is_stylist(tensors):
    """Whether a checkpoint is one of style_avatar's audio2motion."""
    return {"audio_layer.0.weight", "exp_sty_layer.0.weight", "out_layer.4.weight"} <= set(tensors)


def convert_stylist(networks, folder, *, usual=(), codes=None, source="style_avatar"):
    """Write a bundle of style_avatar's networks, at 25 frames a second, in bfm-64.

    Args:
        networks: list of one or two dicts of name -> tensor: that of expressions, and that of the head.
        folder: where to.
        usual: paths of the pickles with the means and spreads over many clips of what a style code is made of (its
            data/ted_hd, for expressions and for the head); read without running them. Without them a style is a code
            or the name of one, not a take.
        codes: path of an .npy with (n, 135) codes, its example/sty.npy; they are named 1 to n.
        source: name of the weights for the card.

    Returns:
        store.Bundle.

    Raises:
        InputError: no network of expressions, or files of another layout.
    """
    parts = {_columns(tensors): tensors for tensors in networks}
    if EXPRESSIONS not in parts or set(parts) - {EXPRESSIONS, POSES} or len(parts) != len(networks):
        raise InputError("checkpoints", expected="style_avatar's network of expressions, and at most that of the head",
                         got=", ".join(f"{columns} columns" for columns in parts) or "none",
                         remedy="give the one that ends in 64 columns, or also the one that ends in 7")
    files = {GRAPH: _graph(parts[EXPRESSIONS], np.zeros(EXPRESSIONS), np.ones(EXPRESSIONS))}
    if POSES in parts:
        files[POSE_GRAPH] = _graph(parts[POSES], np.array(POSE_MEAN), np.array(POSE_STD))
    styles, size = _styles(codes), 2 * EXPRESSIONS + POSES
    mean, std = _usual(usual) if usual else (np.zeros(size), np.ones(size))
    front_end = [{"name": "deepspeech", "options": {"probabilities": True}},
                 {"name": "energy", "options": {"late": True}}]
    return write_bundle(folder, files=files, card={
        "name": "stylist", "method": "stylist", "summary": "style_avatar's expressions and head in somebody's style",
        "licence": _LICENCE, "sources": [{"name": source, "licence": _LICENCE, "use": "weights"}],
        "config": {"front_end": "joint", "front_end_options": {"parts": front_end}, "frame_hz": 25.0,
                   "space": "bfm-64", "overlap": "equal", "pose": "quaternion" if POSES in parts else "",
                   "formula": "published", "code_mean": mean.tolist(), "code_std": std.tolist(), "styles": styles,
                   "takes": bool(usual)}})


def _columns(tensors):
    """How many columns a network gives."""
    if not is_stylist(tensors):
        raise InputError("checkpoint", expected="style_avatar's audio2motion",
                         got=f"{len(tensors)} tensors such as {', '.join(list(tensors)[:3])}"[:120],
                         remedy="give its weights")
    return len(tensors["out_layer.4.weight"])


def _graph(tensors, mean, std):
    """Bytes of the ONNX graph of one network."""
    config = StylistConfig(columns=len(mean))
    width = config.channels + 1
    network = StylistWindows(WithEnergy(config), row_mean=np.zeros(width), row_std=np.ones(width), mean=mean,
                             std=std, rest=np.zeros(len(mean)))
    state = {name.removeprefix("module."): value for name, value in tensors.items()}
    try:
        network.net.stylist.load_state_dict(state)
    except RuntimeError as error:
        raise InputError("checkpoint", expected="style_avatar's audio2motion", got=" ".join(str(error).split())[:160],
                         remedy="give its weights as released") from error
    return graph_bytes(network, {"rows": torch.randn(2, config.rows, width), "style": torch.zeros(2, config.style)},
                       ["values"])


def _styles(path):
    """Names and codes of a file of codes."""
    if path is None:
        return {}
    try:
        codes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, expected="an .npy of style codes", got=str(error)[:100], remedy="check it") from error
    size = 2 * EXPRESSIONS + POSES
    if codes.ndim != 2 or codes.shape[1] != size or not np.isfinite(codes).all():
        raise InputError(path, expected=f"(n, {size}) finite numbers", got=str(codes.shape), remedy="check the file")
    return {str(i): code.tolist() for i, code in enumerate(codes.astype(np.float32), 1)}


def _usual(paths):
    """(mean, std), each (135,): spread and jumps of expressions, jumps of the head."""
    found = {}
    for path in paths:
        told = read_pickle(path)
        told = {name: np.asarray(told[name], np.float64).ravel() for name in _NORMALISERS
                if isinstance(told, dict) and name in told}
        sizes = {len(values) for values in told.values()}
        if len(told) < len(_NORMALISERS) or len(sizes) > 1 or not sizes <= {EXPRESSIONS, POSES}:
            raise InputError(path, expected=f"{', '.join(_NORMALISERS)} of 64 or 7 numbers each", got=str(sorted(told)),
                             remedy="give those of its data/ted_hd")
        found[sizes.pop()] = told
    if set(found) != {EXPRESSIONS, POSES}:
        raise InputError("pickles", expected="one of 64 and one of 7 numbers", got=str(sorted(found)),
                         remedy=f"give both; so far {', '.join(Path(path).name for path in paths)}")
    face, head = found[EXPRESSIONS], found[POSES]
    return (np.concatenate([face["s_m"], face["d_s_m"], head["d_s_m"]]),
            np.concatenate([face["s_s"], face["d_s_s"], head["d_s_s"]]))
