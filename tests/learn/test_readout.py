"""The last layer in closed form: it finds a map that is there, and is no worse than any other on what it saw."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from personare.learn.data import Batch  # noqa: E402
from personare.learn.nets.vox import Vox, VoxConfig  # noqa: E402
from personare.learn.phones import PHONES  # noqa: E402
from personare.learn.readout import heard_by, set_curves, solve_readouts  # noqa: E402
from personare.motion.lips import CURVES, GATES  # noqa: E402

CONFIG = VoxConfig(band_count=6, width=10, dilations=(1, 2), aheads=(1, 0))
FRAMES = 50


def batch(rng, curves):
    count = 2 * (CONFIG.frames_before + FRAMES + CONFIG.frames_after) + 1
    return Batch(rng.standard_normal((3, count, 6)).astype(np.float32), curves, np.zeros((3, FRAMES, len(GATES))),
                 np.zeros((3, FRAMES), np.int64), np.ones(3, np.float32), CONFIG.frames_before)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Vox(CONFIG).eval()


def test_a_map_that_is_there_is_found(network):
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((10 + len(PHONES), 2)) / 4
    batches = []
    for _ in range(8):
        one = batch(rng, None)
        heard = heard_by(network, one.rows, half_precision=False)
        batches.append(Batch(one.rows, (heard @ hidden + 0.3).astype(np.float32), one.gates, one.phones,
                             one.phone_weight, one.frames_before))
    (found,) = solve_readouts([network], batches, half_precision=False)
    for one in batches:
        heard = heard_by(network, one.rows, half_precision=False)
        np.testing.assert_allclose(heard @ found[:-1] + found[-1], one.curves, atol=0.03)


def test_the_network_says_what_was_solved_for(network):
    rng = np.random.default_rng(1)
    one = batch(rng, rng.uniform(0, 1, (3, FRAMES, len(CURVES))).astype(np.float32))
    (found,) = solve_readouts([network], [one], half_precision=False)
    def error():
        with torch.no_grad():
            return float(np.square(network(torch.from_numpy(one.rows))[0].numpy() - one.curves).mean())

    before = error()
    set_curves(network, found)
    assert error() < min(before, one.curves.var())
    heard = heard_by(network, one.rows, half_precision=False)
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.from_numpy(one.rows))[0].numpy(), heard @ found[:-1] + found[-1],
                                   atol=1e-4)
