"""The last layer in closed form: it finds a map that is there, and else what least squares find."""

from dataclasses import replace

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
        batches.append(replace(one, curves=(heard @ hidden + 0.3).astype(np.float32)))
    (found,) = solve_readouts([network], batches, half_precision=False)
    for one in batches:
        heard = heard_by(network, one.rows, half_precision=False)
        np.testing.assert_allclose(heard @ found[:-1] + found[-1], one.curves, atol=0.03)


def test_the_network_says_what_least_squares_find(network):
    rng = np.random.default_rng(1)
    hidden, batches, heard = rng.standard_normal((10 + len(PHONES), len(CURVES))) / 4, [], []
    for _ in range(4):
        one = batch(rng, None)
        heard.append(heard_by(network, one.rows, half_precision=False))
        noisy = heard[-1] @ hidden + rng.normal(0.3, 0.2, (3, FRAMES, len(CURVES)))
        batches.append(replace(one, curves=noisy.astype(np.float32)))
    heard = np.concatenate(heard).reshape(-1, len(hidden))
    heard = np.concatenate([heard, np.ones((len(heard), 1))], axis=1)
    wanted = np.concatenate([one.curves for one in batches]).reshape(len(heard), -1)
    best = np.square(heard @ np.linalg.lstsq(heard, wanted, rcond=None)[0] - wanted).mean()
    (found,) = solve_readouts([network], batches, half_precision=False)
    set_curves(network, found)
    with torch.no_grad():
        said = np.concatenate([network(torch.from_numpy(one.rows))[0].numpy() for one in batches])
    assert np.square(said.reshape(wanted.shape) - wanted).mean() < 1.08 * best


def test_each_network_is_solved_for_in_its_own_context(network):
    torch.manual_seed(1)
    other = Vox(VoxConfig(band_count=6, width=10, dilations=(1,), aheads=(1,))).eval()
    rng = np.random.default_rng(2)
    one = batch(rng, rng.uniform(0, 1, (3, FRAMES, 5)).astype(np.float32))
    for solved, alone in zip(solve_readouts([network, other], [one]), [network, other], strict=True):
        np.testing.assert_allclose(solved, solve_readouts([alone], [one])[0], atol=1e-9)
