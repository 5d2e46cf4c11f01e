"""Weights of few bits, rounded for what a layer hears: each error is made up for by the weights not rounded yet."""

import numpy as np
import torch
from torch.nn import functional

# Share of the mean of the diagonal that is added to it, so that inputs which never move do not decide.
DAMPING = 0.01


def input_moments(network, rows):
    """Second moments of what each convolution of a network reads.

    Args:
        network: nn.Module in evaluation mode.
        rows: (b, r, c) float32, some of the batches it was trained on.

    Returns:
        Name of each weight -> (n, n) float64, n = channels of the input times taps, in the order of the weight.
    """
    found, hooks = {}, []
    for name, layer in network.named_modules():
        if isinstance(layer, torch.nn.Conv1d):
            def hear(layer, inputs, _, *, name=f"{name}.weight"):
                taps = functional.unfold(inputs[0][:, :, None], (1, layer.kernel_size[0]),
                                         dilation=(1, layer.dilation[0]), stride=(1, layer.stride[0]))  # (b, n, t)
                found[name] = torch.einsum("bnt,bmt->nm", taps, taps).double().numpy() / (len(taps) * taps.shape[2])
            hooks.append(layer.register_forward_hook(hear))
    with torch.no_grad():
        network(torch.as_tensor(rows))
    for hook in hooks:
        hook.remove()
    return found


def rounded(values, scale, moments, *, most):
    """Whole multiples of a scale, chosen so that the output of the layer, not each weight, stays near.

    One weight of all outputs after the other is rounded; the error it leaves is spread over those still to come, as
    far as their inputs go along with its own.

    Args:
        values: (o, n) float, weights of one output each row.
        scale: (o, n) float, > 0.
        moments: (n, n) float, see input_moments.
        most: largest multiple, > 0.

    Returns:
        (o, n) float, whole numbers in -most..most.

    Source:
        Frantar et al. 2022, GPTQ, algorithm 1, with scales that are given, and columns in their order.
    """
    left = np.array(values, np.float64)
    size = left.shape[1]
    damped = moments + np.eye(size) * (DAMPING * np.trace(moments) / size + 1e-12)
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    whole = np.empty_like(left)
    for column in range(size):
        whole[:, column] = np.round(left[:, column] / scale[:, column]).clip(-most, most)
        error = (left[:, column] - whole[:, column] * scale[:, column]) / upper[column, column]
        left[:, column + 1 :] -= error[:, None] * upper[column, column + 1 :]
    return whole
