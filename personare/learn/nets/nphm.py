"""The networks of NPHM: an ensemble of local distance fields for who, a deformation network for what the face does.

Names and shapes of all tensors are those of the public checkpoints, so weights go both ways. What is computed for
training here is computed for use in personare/faces/nphm_field.py; tests/learn/test_nphm_network.py holds one against
the other.

Source:
    Giebenhain et al., Learning Neural Parametric Head Models (CVPR 2023), sections 3.1 and 3.2; deformation from the
    posed to the neutral head as in MonoNPHM (CVPR 2024).
"""

import math
import pickle
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from personare.errors import InputError
from personare.faces.nphm_field import BACKGROUND, FLOOR, NEAR, VARIANCE

# Members below this share of the blend are not evaluated.
LEAST_SHARE = 2e-3


@dataclass(frozen=True)
class NphmConfig:
    """Sizes of both networks.

    Args:
        pairs: mirrored pairs of anchors, first in the list of anchors.
        middle: anchors on the midline.
        global_size, local_size: entries of the identity code for all members, and for each.
        identity_hidden, identity_layers: width and hidden layers of each member.
        anchor_hidden: width of the network that places the anchors.
        compressed_size: what the deformation network sees of the identity.
        expression_size: entries of the expression code.
        expression_hidden, expression_layers: width and hidden layers of the deformation network.
    """

    pairs: int = 16
    middle: int = 7
    global_size: int = 64
    local_size: int = 32
    identity_hidden: int = 200
    identity_layers: int = 4
    anchor_hidden: int = 256
    compressed_size: int = 32
    expression_size: int = 200
    expression_hidden: int = 512
    expression_layers: int = 6

    @property
    def anchors(self):
        """Anchors, 2 pairs + middle."""
        return 2 * self.pairs + self.middle

    @property
    def identity_size(self):
        """Entries of an identity code."""
        return self.global_size + (self.anchors + 1) * self.local_size


class _Softplus(torch.autograd.Function):
    """softplus(x + bias) by the kernel that use runs, thirty times faster than torch on a CPU."""

    @staticmethod
    def forward(context, x, beta):
        from personare.faces.layers import activate_with_slope

        rows = x.detach().clone()
        slopes = torch.empty_like(rows)
        width = rows.shape[1]
        empty = np.zeros((len(rows), 0), np.float32), np.zeros((0, width), np.float32)
        activate_with_slope(rows.numpy(), np.zeros(width, np.float32), *empty, np.float32(beta), slopes.numpy())
        context.save_for_backward(slopes)
        return rows

    @staticmethod
    def backward(context, grad):
        return grad * context.saved_tensors[0], None


def softplus(x, beta=100.0):
    """(n, h) softplus with sharpness beta."""
    return _Softplus.apply(x, beta) if x.device.type == "cpu" and x.dtype == torch.float32 else (
        nn.functional.softplus(x, beta))


def _sizes(inputs, hidden, layers, outputs):
    """(in, out) of each layer; the layer before the middle leaves room for the input that is joined on there."""
    sizes = [(inputs, hidden), *[(hidden, hidden)] * (layers - 1), (hidden, outputs)]
    sizes[layers // 2 - 1] = (sizes[layers // 2 - 1][0], hidden - inputs)
    return sizes


def _sharpen(weight, bias, columns):
    """Start with the bends of the first layer spread over the head: in its middle third, 40 mm apart or less."""
    with torch.no_grad():
        weight[..., columns].normal_(0, 3.0)
        bias.uniform_(-1.0, 1.0)


class Slots(nn.Module):
    """One linear layer for each slot of the ensemble: weight (slots, out, in), bias (slots, out)."""

    def __init__(self, slots, inputs, outputs):
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(slots, outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(slots, outputs).uniform_(-bound, bound))


class Identity(nn.Module):
    """The distance field of a neutral head.

    Args:
        config: NphmConfig.
        mean_anchors: (anchors, 3) where the anchors of the average head lie; not part of the weights.
    """

    def __init__(self, config, mean_anchors):
        super().__init__()
        self.config = config
        self.mean_anchors = torch.as_tensor(mean_anchors, dtype=torch.float32)
        slots = config.pairs + config.middle + 1
        self.ensembled_deep_sdf = nn.ModuleDict()
        inputs = 3 + config.global_size + config.local_size
        for i, size in enumerate(_sizes(inputs, config.identity_hidden, config.identity_layers, 1)):
            self.ensembled_deep_sdf[f"lin{i}"] = Slots(slots, *size)
        first = self.ensembled_deep_sdf["lin0"]
        _sharpen(first.weight, first.bias, slice(0, 3))
        self.mlp_pos = nn.Sequential(
            nn.Linear(config.global_size, config.anchor_hidden), nn.ReLU(),
            nn.Linear(config.anchor_hidden, config.anchor_hidden), nn.ReLU(),
            nn.Linear(config.anchor_hidden, 3 * config.anchors))

    def anchors_of(self, codes):
        """(p, anchors, 3) of (p, identity_size) codes."""
        return self.mlp_pos(codes[:, :self.config.global_size]).view(len(codes), -1, 3) + self.mean_anchors

    def forward(self, points, person, codes, anchors=None):
        """Signed distance, positive outside.

        Args:
            points: (n, 3) in units of the network.
            person: (n,) int64, whose head each point belongs to.
            codes: (p, identity_size).
            anchors: (p, anchors, 3), where they are known already.

        Returns:
            (n,).
        """
        anchors = self.anchors_of(codes) if anchors is None else anchors
        config, where = self.config, nn.functional.embedding(person, anchors.flatten(1)).view(len(points), -1, 3)
        near = torch.exp(-((points[:, None] - where).norm(dim=-1) + NEAR) ** 2 / VARIANCE)
        weights = torch.cat([near, near.new_full((len(points), 1), BACKGROUND)], 1)  # (n, members)
        weights = weights / (weights.sum(1, keepdim=True) + FLOOR)
        with torch.no_grad():
            member, row = torch.nonzero(weights.T > LEAST_SHARE, as_tuple=True)
            counts = torch.bincount(member, minlength=config.anchors + 1)
        values = []
        for k, rows in enumerate(row.split(counts.tolist())):
            x, who = points[rows], person[rows]
            if k < config.anchors:
                x = x - nn.functional.embedding(who, anchors[:, k])
            if k < 2 * config.pairs and k % 2:
                x = x * x.new_tensor([-1, 1, 1])
            values.append(self._member(self.slot(k), x, nn.functional.embedding(who, self._codes(codes, k))))
        return points.new_zeros(len(points)).index_add(0, row, weights[row, member] * torch.cat(values))

    def slot(self, member):
        """Which of the shared weights a member uses."""
        return member // 2 if member < 2 * self.config.pairs else member - self.config.pairs

    def _codes(self, codes, member):
        """(p, global_size + local_size): what one member sees of each identity."""
        start = self.config.global_size + member * self.config.local_size
        return torch.cat([codes[:, :self.config.global_size], codes[:, start : start + self.config.local_size]], 1)

    def _member(self, slot, x, code):
        """(n,) outputs of one member for (n, 3) local points and (n, c) codes."""
        inputs = torch.cat([x, code], 1)
        x, layers = inputs, list(self.ensembled_deep_sdf.values())
        for i, layer in enumerate(layers):
            if i == len(layers) // 2:
                x = torch.cat([x, inputs], 1) / math.sqrt(2)
            x = nn.functional.linear(x, layer.weight[slot], layer.bias[slot])
            if i < len(layers) - 1:
                x = softplus(x)
        return x[:, 0]


class Expression(nn.Module):
    """Where a point of the moving head lies in the neutral one, as an offset.

    Args:
        config: NphmConfig.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.compressor = nn.Sequential(nn.Linear(config.identity_size + 3 * config.anchors, config.compressed_size))
        self.defDeepSDF = nn.ModuleDict()
        inputs = 3 + config.compressed_size + config.expression_size
        for i, (size, width) in enumerate(_sizes(inputs, config.expression_hidden, config.expression_layers, 3)):
            self.defDeepSDF[f"lin{i}"] = nn.Linear(size, width)
        first = self.defDeepSDF["lin0"]
        _sharpen(first.weight, first.bias, slice(0, 3))

    def forward(self, points, person, codes, anchors, expressions):
        """Offsets to the neutral head.

        Args:
            points: (n, 3) in units of the network.
            person: (n,) int64, row of codes, anchors and expressions that each point belongs to.
            codes: (p, identity_size).
            anchors: (p, anchors, 3).
            expressions: (p, expression_size).

        Returns:
            (n, 3).
        """
        compressed = self.compressor(torch.cat([codes, anchors.flatten(1)], 1))
        inputs = torch.cat([points, torch.cat([compressed, expressions], 1)[person]], 1)
        x, layers = inputs, list(self.defDeepSDF.values())
        for i, layer in enumerate(layers):
            if i == len(layers) // 2:
                x = torch.cat([x, inputs], 1) / math.sqrt(2)
            x = layer(x)
            if i < len(layers) - 1:
                x = softplus(x)
        return x


class TorchCheckpoint:
    """A checkpoint of any torch, opened by torch itself with weights_only, so that nothing in it can run.

    Args:
        path: the file.

    Raises:
        InputError: missing, damaged, or holding anything else than weights and plain values.
    """

    def __init__(self, path):
        try:
            self.tree = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
            raise InputError(path, expected="a checkpoint of torch.save", got=" ".join(str(error).split())[:100],
                             remedy="do not open it with anything else; get it from its owners") from error

    def tensors(self, *keys):
        """dict of name -> array of a dict of tensors; see personare.files.checkpoints.Checkpoint."""
        found = self.tree
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return {name: value.float().numpy() for name, value in (found or {}).items() if torch.is_tensor(value)}


def convert_nphm(path, out, *, identity=None):
    """Make one .npz file of a user's NPHM or MonoNPHM checkpoints, which opens in a moment.

    Args:
        path: as for personare.faces.nphm.open_nphm.
        out: where to.
        identity: as for open_nphm.

    Returns:
        The path written.

    Raises:
        InputError: a file is missing, damaged or holds code.
        AssetError: the weights do not fit each other.
        OutputError: the file could not be written.
    """
    from personare.faces.bundle import save_face
    from personare.faces.nphm import open_nphm

    return save_face(open_nphm(path, identity=identity, reader=TorchCheckpoint), out)
