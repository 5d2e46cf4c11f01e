"""Weights and inputs of the fixtures of Neural Voice Puppetry and AudioDVP: a hash of a name and a place."""

import zlib

import numpy as np


def numbers(key, count):
    """(count,) float64 in -1..1: splitmix64 of the name and the place."""
    with np.errstate(over="ignore"):
        x = np.uint64(zlib.crc32(key.encode())) * np.uint64(2**32) + np.arange(count, dtype=np.uint64)
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53 * 2.0 - 1.0


def filled(key, shape, gain):
    """A tensor of a network by the name it has in the original."""
    last, values = key.rpartition(".")[2], numbers(key, int(np.prod(shape)))
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if last == "running_mean" or last.startswith("bias"):
        values = 0.1 * values
    elif last == "running_var" or len(shape) == 1:
        values = 1 + 0.1 * values
    else:
        values = values * np.sqrt(6 / np.prod(shape[1:])) * gain
    return values.reshape(shape).astype(np.float32)


def fill(network, gain):
    """A torch network with the weights of the fixtures, in evaluation mode."""
    import torch

    network.load_state_dict({key: torch.from_numpy(filled(key, tuple(value.shape), gain))
                             for key, value in network.state_dict().items()})
    return network.eval().requires_grad_(False)
