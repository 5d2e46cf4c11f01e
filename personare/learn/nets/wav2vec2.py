"""wav2vec 2.0, HuBERT and their like: a stack of convolutions, then a transformer, from samples to 50 rows a second.

Baevski et al., wav2vec 2.0 (NeurIPS 2020); Hsu et al., HuBERT (2021). Only what inference needs; names of tensors are
those of Hugging Face's checkpoints. One thing is added: rows may be brought to the rate of a face before the
transformer, as FaceFormer does. tests/learn/test_wav2vec2_network.py holds it against loops in NumPy; numbers of
`transformers` are in docs/audio/wav2vec2.md.
"""

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from personare.errors import InputError

KINDS = ("wav2vec2", "hubert", "unispeech", "unispeech-sat")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Wav2Vec2Config:
    """What config.json of a Hugging Face folder says; its names are kept.

    Args:
        model_type: one of wav2vec2, hubert, unispeech, unispeech-sat.
        conv_dim, conv_kernel, conv_stride, conv_bias: of the convolutions.
        feat_extract_norm: "group": the first convolution is normalised over time; "layer": each over channels.
        feat_extract_activation, hidden_act: "gelu" or "relu".
        feat_proj_layer_norm: whether rows are normalised before they are projected.
        hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, layer_norm_eps: of the transformer.
        num_conv_pos_embeddings, num_conv_pos_embedding_groups: of the convolution that tells places apart.
        do_stable_layer_norm: normalise before attention, not behind it.
    """

    model_type: str = "wav2vec2"
    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    feat_proj_layer_norm: bool = True
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-5
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    do_stable_layer_norm: bool = False

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(f"config.json, {name}", expected=expected, got=repr(getattr(self, name)),
                                 remedy="only this family of encoders is known")

        check("model_type", self.model_type in KINDS, f"one of {', '.join(KINDS)}")
        check("feat_extract_norm", self.feat_extract_norm in ("group", "layer"), "group or layer")
        for name in ("feat_extract_activation", "hidden_act"):
            check(name, getattr(self, name) in ("gelu", "relu"), "gelu or relu")
        check("conv_dim", len(self.conv_dim) == len(self.conv_kernel) == len(self.conv_stride) >= 1,
              "as many widths as kernels and strides")
        check("num_attention_heads", self.hidden_size % self.num_attention_heads == 0, "a divisor of hidden_size")

    @property
    def hop(self):
        """Samples from one row to the next."""
        return math.prod(self.conv_stride)

    @property
    def window(self):
        """Samples that the convolutions see for one row."""
        reach = 1
        for kernel, stride in zip(reversed(self.conv_kernel), reversed(self.conv_stride), strict=True):
            reach = (reach - 1) * stride + kernel
        return reach


def _activation(name):
    return {"gelu": F.gelu, "relu": F.relu}[name]


class ConvolutionLayer(nn.Module):
    """A convolution over time, normalised or not, and its activation."""

    def __init__(self, config, i):
        super().__init__()
        inputs, width = (config.conv_dim[i - 1] if i else 1), config.conv_dim[i]
        self.conv = nn.Conv1d(inputs, width, config.conv_kernel[i], config.conv_stride[i], bias=config.conv_bias)
        self.over_time = config.feat_extract_norm == "group"
        if self.over_time and i == 0:
            self.layer_norm = nn.GroupNorm(width, width)
        elif not self.over_time:
            self.layer_norm = nn.LayerNorm(width)
        self.activation = _activation(config.feat_extract_activation)

    def forward(self, x):
        """(b, c, n) -> (b, width, (n - kernel) / stride + 1)."""
        x = self.conv(x)
        if self.over_time:
            x = self.layer_norm(x) if hasattr(self, "layer_norm") else x
        else:
            x = self.layer_norm(x.transpose(1, 2)).transpose(1, 2)
        return self.activation(x)


class Projection(nn.Module):
    """From the width of the convolutions to that of the transformer."""

    def __init__(self, config):
        super().__init__()
        if config.feat_proj_layer_norm:
            self.layer_norm = nn.LayerNorm(config.conv_dim[-1], config.layer_norm_eps)
        self.projection = nn.Linear(config.conv_dim[-1], config.hidden_size)

    def forward(self, x):
        """(b, t, c) -> (b, t, hidden_size)."""
        return self.projection(self.layer_norm(x) if hasattr(self, "layer_norm") else x)


class PlaceConvolution(nn.Module):
    """What a row's neighbours say of its place: one wide grouped convolution."""

    def __init__(self, config):
        super().__init__()
        size = config.num_conv_pos_embeddings
        self.conv = nn.Conv1d(config.hidden_size, config.hidden_size, size, padding=size // 2,
                              groups=config.num_conv_pos_embedding_groups)
        self.activation = _activation(config.feat_extract_activation)

    def forward(self, x):
        """(b, t, c) -> the same shape."""
        y = self.conv(x.transpose(1, 2))
        if self.conv.kernel_size[0] % 2 == 0:
            y = y[:, :, :-1]
        return self.activation(y).transpose(1, 2)


class Attention(nn.Module):
    """Every row looks at every row."""

    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(config.hidden_size, config.hidden_size))

    def forward(self, x):
        """(b, t, c) -> the same shape."""
        q, k, v = (part(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (b, heads, t, c / heads)
                   for part in (self.q_proj, self.k_proj, self.v_proj))
        share = (q @ k.transpose(2, 3) / math.sqrt(q.shape[3])).softmax(3)
        return self.out_proj((share @ v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two layers, row by row."""

    def __init__(self, config):
        super().__init__()
        self.intermediate_dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.output_dense = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = _activation(config.hidden_act)

    def forward(self, x):
        """(b, t, c) -> the same shape."""
        return self.output_dense(self.activation(self.intermediate_dense(x)))


class Layer(nn.Module):
    """Attention and feed-forward, normalised behind each (the plain kind) or before each (the stable kind)."""

    def __init__(self, config):
        super().__init__()
        self.stable = config.do_stable_layer_norm
        self.attention, self.feed_forward = Attention(config), FeedForward(config)
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x):
        """(b, t, c) -> the same shape."""
        if self.stable:
            x = x + self.attention(self.layer_norm(x))
            return x + self.feed_forward(self.final_layer_norm(x))
        x = self.layer_norm(x + self.attention(x))
        return self.final_layer_norm(x + self.feed_forward(x))


class Encoder(nn.Module):
    """The transformer."""

    def __init__(self, config):
        super().__init__()
        self.pos_conv_embed = PlaceConvolution(config)
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.stable = config.do_stable_layer_norm

    def forward(self, x):
        """(b, t, c) -> the same shape."""
        x = x + self.pos_conv_embed(x)
        x = x if self.stable else self.layer_norm(x)
        for layer in self.layers:
            x = layer(x)
        return self.layer_norm(x) if self.stable else x


class Wav2Vec2(nn.Module):
    """Samples to rows.

    Args:
        config: Wav2Vec2Config.
        rows_hz: (from, to) rates between which rows are brought before the transformer; None leaves them.
        multiple: of the rows as many go into the transformer as are a multiple of this.
    """

    def __init__(self, config=None, *, rows_hz=None, multiple=1):
        super().__init__()
        self.config, self.rows_hz, self.multiple = config or Wav2Vec2Config(), rows_hz, multiple
        self.feature_extractor = nn.Module()
        self.feature_extractor.conv_layers = nn.ModuleList(
            ConvolutionLayer(self.config, i) for i in range(len(self.config.conv_dim)))
        self.feature_projection = Projection(self.config)
        self.encoder = Encoder(self.config)

    def forward(self, samples):
        """(b, t, hidden_size) rows of (b, n) samples at 16 kHz, of mean 0 and variance 1 where the model wants that."""
        x = samples[:, None]
        for layer in self.feature_extractor.conv_layers:
            x = layer(x)
        x = x.transpose(1, 2)  # (b, t, c)
        if self.rows_hz:
            x = rows_at(x, *self.rows_hz)
        if self.multiple > 1:
            x = x[:, : x.shape[1] // self.multiple * self.multiple]
        return self.encoder(self.feature_projection(x))


def rows_at(rows, from_hz, to_hz, *, count=None):
    """Rows at another rate, the first and last of which stay what they are.

    Args:
        rows: (b, t, c) float32.
        from_hz, to_hz: rates.
        count: rows wanted; default floor(t to_hz / from_hz).

    Returns:
        (b, count, c), linearly interpolated.
    """
    size = torch.as_tensor(rows.shape[1])  # traced, so that a graph of any length comes of it
    count = (size * to_hz / from_hz).floor().long() if count is None else torch.as_tensor(count)
    place = torch.arange(count, device=rows.device) * ((size - 1) / (count - 1).clamp(min=1))
    low = place.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    share = (place - low)[None, :, None].to(rows)
    return rows[:, low] * (1 - share) + rows[:, high] * share


def read_wav2vec2(folder, *, rows_hz=None):
    """The encoder of a Hugging Face folder.

    Args:
        folder: with config.json and model.safetensors or pytorch_model.bin; heads beside the encoder are left out.
        rows_hz: see Wav2Vec2.

    Returns:
        Wav2Vec2 in evaluation mode.

    Raises:
        InputError: a file is missing or damaged, of another architecture, or weights do not fit.
    """
    folder = Path(folder)
    config = read_config(folder / "config.json")
    return network_of(config, _weights(folder), rows_hz=rows_hz, source=folder)


def read_config(path):
    """Wav2Vec2Config of a config.json.

    Raises:
        InputError: missing, unreadable, or of another architecture.
    """
    try:
        found = json.loads(Path(path).read_text())
        known = {field.name for field in fields(Wav2Vec2Config)}
        given = {name: tuple(value) if isinstance(value, list) else value
                 for name, value in found.items() if name in known}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(path, expected="the config.json of a speech encoder", got=" ".join(str(error).split())[:100],
                         remedy="name a folder saved with save_pretrained") from error
    for name in ("add_adapter", "conv_pos_batch_norm"):
        if found.get(name):
            raise InputError(path, expected=f"no {name}", got=f"{name} true", remedy="use a plain encoder")
    return Wav2Vec2Config(**given)


def network_of(config, weights, *, rows_hz=None, multiple=1, source="weights"):
    """Wav2Vec2 with a dict of name -> tensor in Hugging Face's names, the prefix of the whole model in front or not.

    Raises:
        InputError: weights are missing or of other shapes; the message names the first.
    """
    network = Wav2Vec2(config, rows_hz=rows_hz, multiple=multiple)
    state = _folded({_plain_name(name): value.float() for name, value in weights.items()})
    for name, value in network.state_dict().items():
        if name not in state or state[name].shape != value.shape:
            got = f"shape {tuple(state[name].shape)}" if name in state else "nothing of that name"
            raise InputError(source, expected=f"{name} of shape {tuple(value.shape)}", got=got,
                             remedy="use the config.json that belongs to the weights")
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network.eval()


def _plain_name(name):
    for prefix in ("wav2vec2.", "hubert.", "unispeech.", "unispeech_sat.", "audio_encoder.", "module."):
        name = name.removeprefix(prefix)
    return name


def _folded(state):
    """The place convolution's weight out of its length and direction, which both spellings keep apart."""
    stem = "encoder.pos_conv_embed.conv."
    for length, direction in (("weight_g", "weight_v"),
                              ("parametrizations.weight.original0", "parametrizations.weight.original1")):
        if stem + length in state and stem + direction in state:
            weight = state[stem + direction]
            state[stem + "weight"] = state[stem + length] * weight / weight.norm(dim=(0, 1), keepdim=True)
    return state


def _weights(folder):
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from personare.learn.nets.nphm import TorchCheckpoint

    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise InputError(folder, expected=" or ".join(WEIGHTS), got="neither", remedy="save the model in one file")
    if path.suffix == ".bin":
        tree = TorchCheckpoint(path).tree
        return {name: value for name, value in tree.items() if torch.is_tensor(value)}
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(path, expected="a safetensors file", got=" ".join(str(error).split())[:100],
                         remedy="get it again") from error
