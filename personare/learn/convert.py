"""Checkpoints that others released -> bundles to run."""

import io
import pickle
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from personare.errors import InputError
from personare.files.checkpoints import is_zipped_pickle
from personare.files.tensorflow import SAVED_MODEL
from personare.learn.convert_deep3d import deep3d_bundle
from personare.learn.convert_faceformer import faceformer_bundle, is_faceformer
from personare.learn.convert_perceptual import perceptual_bundle
from personare.learn.convert_portraits import NEURAL, convert_portrait, portrait_part
from personare.learn.convert_stylist import convert_stylist, is_stylist
from personare.learn.export import OPSET
from personare.learn.nets.deep3d import is_deep3d
from personare.learn.nets.perceptual import is_linear
from personare.learn.nets.puppetry import CODE_SCALE, puppetry_of
from personare.motion.mapping import Mapping
from personare.motion.puppetry import FILTER, FPS, code_space, with_mapping
from personare.motion.windows import GRAPH
from personare.store import write_bundle

SUFFIXES = (".pth", ".safetensors", ".pb")
_LETTERS = 29
_LICENCE = "that of the checkpoint; Neural Voice Puppetry's own is CC BY-NC-SA 3.0, for non-commercial research"


def convert_checkpoints(paths, folder):
    """Make a bundle of released files; which network they are of is told by the names in them.

    Args:
        paths: list with a checkpoint as convert_checkpoint takes it; or torchvision's AlexNet or VGG-16 and LPIPS's
            weights for it; or style_avatar's: one or two checkpoints, and
            if wanted its codes (.npy) and its two files of what is usual (.pkl), see convert_stylist; or
            Deep3DFaceRecon_pytorch's epoch_20.pth with its similarity_Lm3D_all.mat; or the networks of a portrait, see
            convert_portraits.
        folder: where to.

    Returns:
        store.Bundle.

    Raises:
        InputError: missing, damaged, or of another network.
    """
    checkpoints = [path for path in paths if Path(path).suffix.lower() in SUFFIXES[:2] or is_zipped_pickle(path)]
    first = read_tensors(checkpoints[0]) if checkpoints else {}
    if first and portrait_part(bare(first)):
        if len(checkpoints) < len(paths):
            raise InputError("files", expected="the networks of a portrait alone",
                             got=", ".join(Path(path).name for path in paths), remedy="leave the others out")
        networks = [bare(first), *(bare(read_tensors(path)) for path in checkpoints[1:])]
        return convert_portrait(networks, folder, source=", ".join(Path(path).name for path in checkpoints))
    if len(checkpoints) == len(paths) == 2:
        both = sorted(((bare(read_tensors(path)), Path(path).name) for path in checkpoints),
                      key=lambda one: is_linear(one[0]))
        if is_linear(both[1][0]):
            return perceptual_bundle(both[0][0], both[1][0], folder, source=f"{both[0][1]}, {both[1][1]}")
    if not is_stylist(first):
        standard = [path for path in paths if Path(path).suffix.lower() == ".mat"]
        if is_deep3d(first) and len(checkpoints) == len(standard) == 1 and len(paths) == 2:
            return deep3d_bundle(first, folder, source=Path(checkpoints[0]).name, standard=standard[0])
        if len(paths) > 1:
            raise InputError(paths[1], expected="one checkpoint", got=f"{len(paths)} files", remedy="convert one")
        return convert_checkpoint(paths[0], folder)
    codes = [path for path in paths if Path(path).suffix.lower() == ".npy"]
    usual = [path for path in paths if Path(path).suffix.lower() == ".pkl"]
    if len(codes) > 1 or len(checkpoints) + len(codes) + len(usual) < len(paths):
        raise InputError("files", expected=".pth, one .npy of codes and .pkl of what is usual",
                         got=", ".join(Path(path).name for path in paths), remedy="leave the others out")
    return convert_stylist([first, *map(read_tensors, checkpoints[1:])], folder, usual=usual,
                           codes=codes[0] if codes else None, source=Path(checkpoints[0]).name)


def bare(tensors):
    """A dict of tensors without the prefix that training on several devices leaves."""
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def convert_checkpoint(path, folder):
    """Make a bundle of a checkpoint; which network it is of is told by the names in it.

    Args:
        path: .pth (read with weights_only: nothing in it is run) or .safetensors: latest_netG.pth of Neural Voice
            Puppetry, atnet_lstm_18.pth of ATVGnet, delta_net.pth of AudioDVP, vocaset.pth or biwi.pth of FaceFormer,
            or epoch_20.pth of Deep3DFaceRecon_pytorch; .pb, FACEGOOD's frozen graph of 2021, or the folder of its
            SavedModel of 2023; or a folder of Hugging Face with a wav2vec 2.0 or HuBERT model.
        folder: where to.

    Returns:
        store.Bundle.

    Raises:
        InputError: missing, damaged, or of another network.
    """
    if Path(path).name == SAVED_MODEL:
        path = Path(path).parent
    if (Path(path) / SAVED_MODEL).is_file():
        from personare.learn.convert_facegood import convert_graph

        return convert_graph(path, folder)
    if Path(path).is_dir():
        from personare.learn.convert_speech import speech_encoder_bundle

        return speech_encoder_bundle(path, folder)
    if Path(path).suffix.lower() == ".pb":
        from personare.learn.convert_facegood import convert_graph

        return convert_graph(path, folder)
    tensors = bare(read_tensors(path))
    if "audio_eocder_fc.0.weight" in tensors:
        from personare.learn.convert_speech import atnet_bundle

        return atnet_bundle(tensors, folder, source=Path(path).name)
    if {"conv1.weight", "conv3.weight", "fc.weight"} <= set(tensors) and tensors["conv3.weight"].ndim == 3:
        from personare.learn.convert_speech import dvp_bundle

        return dvp_bundle(tensors, folder, source=Path(path).name)
    if is_faceformer(tensors):
        return faceformer_bundle(tensors, folder, source=Path(path).name)
    if is_deep3d(tensors):
        return deep3d_bundle(tensors, folder, source=Path(path).name)
    if not {"mapping", "convNet.0.weight", "attentionNet.0.bias"} <= set(tensors):
        raise InputError(path, expected="a checkpoint of Neural Voice Puppetry, ATnet, AudioDVP, FaceFormer, "
                         "Deep3DFaceRecon_pytorch or style_avatar",
                         got=f"{len(tensors)} tensors such as {', '.join(list(tensors)[:3])}"[:120],
                         remedy="give latest_netG.pth, atnet_lstm_18.pth or delta_net.pth")
    return puppetry_bundle(puppetry_of(tensors), folder, source=Path(path).name)


def read_tensors(path):
    """dict of name -> tensor of a .pth or .safetensors file.

    Raises:
        InputError: missing, damaged, or with anything in it that is no data.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if Path(path).suffix.lower() == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError,
            AttributeError, IndexError) as error:
        raise InputError(path, expected="weights, as .safetensors or as .pth of torch",
                         got=" ".join(str(error).split())[:120] or type(error).__name__,
                         remedy="check the path, or get it again from its owners") from error
    if isinstance(found, torch.Tensor):
        return {NEURAL: found}
    if not isinstance(found, dict):
        raise InputError(path, expected="a dict of weights", got=type(found).__name__, remedy="give a state dict")
    if isinstance(found.get("net_recon"), dict):
        found = found["net_recon"]  # Deep3DFaceRecon_pytorch keeps the state of its training beside the network
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def puppetry_bundle(network, folder, *, source):
    """Write a bundle that gives audio expressions, at 25 frames a second.

    Args:
        network: learn.nets.puppetry.Puppetry for DeepSpeech's letters.
        folder: where to.
        source: what the weights are of, for the card.

    Raises:
        InputError: a network for another front end.
    """
    config = network.config
    if config.row_width != _LETTERS:
        raise InputError("network", expected="one for DeepSpeech's 29 letters", got=f"{config.row_width} columns",
                         remedy="write its bundle with write_bundle, naming its own front end")
    rows = torch.zeros(2, config.window, config.row_width)
    slots = torch.zeros(2, config.slots, config.codes)
    before = config.window // 2
    space = code_space(config.codes)
    return write_bundle(
        folder,
        card={"name": "puppetry", "method": "puppetry", "summary": "audio expressions of Neural Voice Puppetry",
              "licence": _LICENCE, "sources": [{"name": source, "licence": _LICENCE, "use": "weights"}],
              "config": {"front_end": "deepspeech", "front_end_options": {"rate_hz": FPS}, "frame_hz": FPS,
                         "rows_before": before, "rows_after": config.window - before - 1, "padding": "zero",
                         "space": space.name, "space_columns": space.columns,
                         "own": {"slots_before": config.slots_before, "slots_after": config.slots_after}}},
        files={GRAPH: _graph(network, "codes", rows, "rows"), FILTER: _graph(network, "filtered", slots, "codes")})


def person_mapping(network, person):
    """The Mapping of one of a network's own people.

    Args:
        network: learn.nets.puppetry.Puppetry.
        person: number, from 0.

    Raises:
        InputError: no such person.
    """
    from personare.spaces import Space, numbered, space_named

    people, outputs = network.mapping.shape[1:3]
    if not 0 <= person < people:
        raise InputError("person", expected=f"0..{people - 1}", got=repr(person), remedy="choose one of those")
    target = space_named("nvp-76") if outputs == 76 else Space(f"puppetry-{outputs}", numbered("exp", outputs))
    weight = CODE_SCALE * network.mapping[0, person].detach().numpy()
    return Mapping(target, weight, np.zeros(outputs, np.float32))


def convert_person(path, folder, person):
    """Make a bundle that speaks as one of the checkpoint's own people; see convert_checkpoint and person_mapping."""
    import tempfile

    with tempfile.TemporaryDirectory() as between:
        convert_checkpoint(path, between)
        return with_mapping(between, folder, person_mapping(puppetry_of(read_tensors(path)), person))


class _Part(nn.Module):
    """One method of a network as a module, for export."""

    def __init__(self, network, name):
        super().__init__()
        self.network, self.name = network, name

    def forward(self, x):
        """What the method gives."""
        return getattr(self.network, self.name)(x)


def _graph(network, name, example, taken):
    """Bytes of an ONNX graph of one method; the first axis is free."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(_Part(network, name).eval(), (example,), file, opset_version=OPSET, dynamo=False,
                          input_names=[taken], output_names=["values"],
                          dynamic_axes={taken: {0: "t"}, "values": {0: "t"}})
    return file.getvalue()
