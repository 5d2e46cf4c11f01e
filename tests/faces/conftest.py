"""Tiny networks of the NPHM family with random weights: a bumpy ball that an expression shears."""

import numpy as np
import pytest

from personare.faces.perceptron import fold

PAIRS, MIDDLE, GLOBAL, LOCAL, EXPRESSION, HIDDEN = 2, 1, 6, 4, 5, 24
MEAN_ANCHORS = np.array([[0.1, 0, 0], [-0.1, 0, 0], [0.1, 0.1, 0.05], [-0.1, 0.1, 0.05], [0, -0.1, 0.05]], np.float32)


def _linear(rng, inputs, outputs, slots=(), scale=1.0):
    bound = scale / np.sqrt(inputs)
    return (rng.uniform(-bound, bound, (*slots, outputs, inputs)).astype(np.float32),
            rng.uniform(-bound, bound, (*slots, outputs)).astype(np.float32))


def _named(prefix, layer):
    return {f"{prefix}.weight": layer[0], f"{prefix}.bias": layer[1]}


def _identity(rng):
    inputs, slots = 3 + GLOBAL + LOCAL, (PAIRS + MIDDLE + 1,)
    tensors = {}
    for i, size in enumerate([(inputs, HIDDEN), (HIDDEN, HIDDEN - inputs), (HIDDEN, HIDDEN), (HIDDEN, HIDDEN)]):
        tensors |= _named(f"ensembled_deep_sdf.lin{i}", _linear(rng, *size, slots))
    for i, size in ((0, (GLOBAL, 8)), (2, (8, 8)), (4, (8, 3 * len(MEAN_ANCHORS)))):
        tensors |= _named(f"mlp_pos.{i}", _linear(rng, *size, scale=0.1))
    # Non-negative sums of bent planes are convex, so each member's zero level is a closed, bumpy ball.
    first = tensors["ensembled_deep_sdf.lin0.weight"]
    first[:, :, :3] = rng.normal(0, 3, first[:, :, :3].shape)
    for i in (1, 2, 3):
        weight = tensors[f"ensembled_deep_sdf.lin{i}.weight"]
        weight[:, :, : HIDDEN - (inputs if i == 2 else 0)] = np.abs(weight[:, :, : HIDDEN - (inputs if i == 2 else 0)])
    weight, bias = np.full((*slots, 1, HIDDEN), 1 / HIDDEN, np.float32), np.zeros((*slots, 1), np.float32)
    around = rng.normal(size=(200, 3))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    for slot in range(*slots):
        layers = [[tensors[f"ensembled_deep_sdf.lin{i}.{kind}"][slot] for i in range(4)] for kind in ("weight", "bias")]
        member = fold([*layers[0], weight[slot]], [*layers[1], bias[slot]], np.zeros(GLOBAL + LOCAL), dimensions=3)
        inner, outer = member(around * 0.15).mean(), member(around * 0.35).mean()
        weight[slot] *= 0.2 / (outer - inner)
        bias[slot] = -0.2 / (outer - inner) * (outer + inner) / 2
    return tensors | _named("ensembled_deep_sdf.lin4", (weight, bias))


def _expression(rng):
    hidden, compressed = 32, 3
    inputs = 3 + compressed + EXPRESSION
    tensors = _named("compressor.0", _linear(rng, GLOBAL + (len(MEAN_ANCHORS) + 1) * LOCAL + 3 * len(MEAN_ANCHORS),
                                             compressed))
    sizes = [(inputs, hidden), (hidden, hidden), (hidden, hidden - inputs), *[(hidden, hidden)] * 3, (hidden, 3)]
    for i, size in enumerate(sizes):
        tensors |= _named(f"defDeepSDF.lin{i}", _linear(rng, *size, scale=0.4 if i == 6 else 1.5))
    return tensors


@pytest.fixture(scope="session")
def nphm_tensors():
    """(identity, expression, mean anchors): the tensors of two small networks, by the names of the checkpoints."""
    rng = np.random.default_rng(3)
    return _identity(rng), _expression(rng), MEAN_ANCHORS


@pytest.fixture(scope="session")
def nphm_model(nphm_tensors):
    """The NphmModel of nphm_tensors."""
    from personare.faces.nphm_model import model_of

    identity, expression, anchors = nphm_tensors
    return model_of({f"identity.{name}": value for name, value in identity.items()}
                    | {f"expression.{name}": value for name, value in expression.items()}, anchors)
