"""A last layer in closed form: the best linear map from what a trained network hears to what it should say.

Gradient descent leaves the last layer short of its best, and it would have to start again for every change of the
visemes. What the trunk hears stays; the map from it to the curves is least squares over some batches.
"""

import numpy as np
import torch

from personare.learn.loop import own_rows

# Share of each input's mean square, the constant's too, that is added to it, so that inputs that say the same share
# their weight.
RIDGE = 1e-3


def solve_readouts(networks, batches, *, half_precision=True):
    """Least squares from what networks hear to the curves of batches.

    Args:
        networks: list of learn.nets.vox.Vox.
        batches: iterable of data.Batch, each of context enough for every network; curves (b, t, d), any d.
        half_precision: bfloat16 for the convolutions, as learn.loop has them.

    Returns:
        For each network the map, (h + 1, d) float64: h = width + 42 inputs, then the constant.
    """
    sums = [None] * len(networks)
    for batch in batches:
        wanted = batch.curves.reshape(-1, batch.curves.shape[2])
        for i, network in enumerate(networks):
            heard = heard_by(network, own_rows(batch, network.config), half_precision=half_precision)
            heard = heard.reshape(-1, heard.shape[2])
            heard = np.concatenate([heard, np.ones((len(heard), 1), np.float32)], 1)
            parts = (heard.T @ heard).astype(np.float64), (heard.T @ wanted).astype(np.float64), len(heard)
            sums[i] = parts if sums[i] is None else tuple(a + b for a, b in zip(sums[i], parts, strict=True))
    return [_solved(*parts) for parts in sums]


def _solved(products, wanted, count):
    """(h, d) ridge regression from sums over frames."""
    scale = np.sqrt(np.diag(products) / count) + 1e-6
    correlation = products / count / scale / scale[:, None] + RIDGE * np.eye(len(scale))
    return np.linalg.solve(correlation, wanted / count / scale[:, None]) / scale[:, None]


def heard_by(network, rows, *, half_precision=True):
    """What the last layer of a network reads.

    Args:
        network: learn.nets.vox.Vox; put into evaluation mode.
        rows: (b, r, c) float32 log-mel, as the network takes them.
        half_precision: bfloat16 for the convolutions.

    Returns:
        (b, t, h) float32, h = width + 42.
    """
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
        return network.heard(torch.from_numpy(np.ascontiguousarray(rows)))[0].float().transpose(1, 2).numpy()


def set_curves(network, readout):
    """Put a map of solve_readouts to the 18 curves into a network."""
    with torch.no_grad():
        network.curves.weight.copy_(torch.from_numpy(readout[:-1].T[:, :, None]))
        network.curves.bias.copy_(torch.from_numpy(readout[-1]))
