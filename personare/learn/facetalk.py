"""A facetalk network -> the files of its bundle, and back; and as motion/facetalk.py wants it."""

import copy
import dataclasses
import json

import torch
from torch import nn

from personare.errors import AssetError
from personare.learn.export import HALF_ABOVE, OPSET, with_short_weights
from personare.learn.nets.facetalk import Facetalk, FacetalkConfig
from personare.motion.blocks import BlockNetwork
from personare.motion.facetalk import GRAPH, SOUND_GRAPH, FacetalkOptions

WEIGHTS = "weights.safetensors"
_INPUTS = ("window", "known", "tokens", "heard", "time", "style", "strength")


class _Heard(nn.Module):
    """The encoder as a graph: without the gates where there are none."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, rows):
        """(b, t, width) tokens, and (b, t, 3) gates where the network has them."""
        tokens, gates = self.encoder(rows)
        return tokens if gates is None else (tokens, gates)


def facetalk_files(network, *, bits=32):
    """dict of name -> bytes: both graphs and the weights to train on.

    Args:
        network: learn.nets.facetalk.Facetalk.
        bits: of each large weight, 32 or 16.
    """
    from safetensors.torch import save

    network = copy.deepcopy(network).eval()
    config = network.config
    if bits == 16:
        with torch.no_grad():
            for value in network.parameters():
                if value.numel() > HALF_ABOVE:
                    value.copy_(value.half().float())
    rows = torch.zeros(1, config.row_count(config.fresh), config.row_width)
    sound = _traced(_Heard(network.encoder), {"rows": rows},
                    ["tokens"] if network.encoder.gates is None else ["tokens", "gates"], {"rows": {1: "r"}})
    frames = config.known + config.fresh
    example = (torch.zeros(2, frames, config.columns), torch.zeros(2, frames), torch.zeros(2, frames, config.width),
               torch.ones(2), torch.full((2,), 500), torch.zeros(2, dtype=torch.long), torch.ones(2))
    model = _traced(network.denoiser, dict(zip(_INPUTS, example, strict=True)), ["clean"],
                    {name: {0: "b"} for name in (*_INPUTS, "clean")})
    state = {name: value.half() if bits == 16 and value.is_floating_point() and value.numel() > HALF_ABOVE else value
             for name, value in network.state_dict().items()}
    weights = save({name: value.contiguous() for name, value in state.items()},
                   metadata={"config": json.dumps(dataclasses.asdict(config))})
    if bits == 16:
        sound, model = with_short_weights(sound, 16), with_short_weights(model, 16)
    return {SOUND_GRAPH: sound, GRAPH: model, WEIGHTS: weights}


def read_facetalk(path):
    """The network that facetalk_files wrote, in evaluation mode.

    Args:
        path: weights.safetensors of a bundle.

    Raises:
        AssetError: the file is damaged or not of this network.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads(file.metadata()["config"])
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        network = Facetalk(FacetalkConfig(**{name: tuple(value) if isinstance(value, list) else value
                                             for name, value in config.items()}))
        network.load_state_dict(state)
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise AssetError(f"{path}: not the weights of a facetalk network ({error}); train it again") from error
    return network.eval()


def block_network(network):
    """The BlockNetwork of a torch network."""
    def hear(rows):
        with torch.no_grad():
            tokens, gates = network.encoder(torch.from_numpy(rows))
        return tokens.numpy(), None if gates is None else gates.numpy()

    def denoise(*inputs):
        with torch.no_grad():
            return network.denoiser(*(torch.from_numpy(one) for one in inputs)).numpy()

    return BlockNetwork(hear, denoise)


def run_options(network, front_end, columns, **own):
    """FacetalkOptions of a network.

    Args:
        network: learn.nets.facetalk.Facetalk.
        front_end: FrontEnd it hears through.
        columns: names of the diffused columns.
        own: further fields, space among them.
    """
    config = network.config
    return FacetalkOptions(
        front_end=front_end.name, front_end_options=front_end.options,
        frame_hz=front_end.rate_hz / config.rows_per_frame, rows_per_frame=config.rows_per_frame, reach=config.reach,
        known=config.known, fresh=config.fresh, columns=tuple(columns), means=tuple(network.code_mean.tolist()),
        deviations=tuple(network.code_std.tolist()), **own)


def _traced(network, inputs, outputs, axes):
    """The graph as bytes."""
    import io
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and the only one that needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), tuple(inputs.values()), file, opset_version=OPSET, dynamo=False,
                          input_names=list(inputs), output_names=list(outputs), dynamic_axes=axes)
    return file.getvalue()
