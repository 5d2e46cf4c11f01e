"""Energy is the root mean square it says it is, where it says."""

import numpy as np
import pytest

from personare.audio.energy import EnergyOptions, EnergyStream, energy
from personare.errors import InputError
from personare.types import Audio


@pytest.mark.parametrize("late", [False, True])
def test_energy_of_a_sine_switched_on_at_half_a_second(late):
    samples = np.sin(2 * np.pi * 500 * np.arange(16000) / 16000).astype(np.float32)
    samples[:8000] = 0
    found = energy(Audio(samples, 16000), options=EnergyOptions(late=late))
    assert found.values.shape == (50, 1)
    assert found.kind == "energy"
    assert found.values[30:47] == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert not found.values[:23].any()
    # Row 25 stands at the start: half of a window around it is sound, and all of one that begins there.
    assert found.values[25, 0] == pytest.approx(np.sqrt(0.5 if late else 0.25), abs=0.02)


def test_rows_equal_a_plain_loop(rng):
    samples = rng.standard_normal(5000).astype(np.float32)
    padded = np.concatenate([samples, np.zeros(1000, np.float32)])
    rows = energy(Audio(samples, 16000), options=EnergyOptions(late=True)).values[:, 0]
    assert rows == pytest.approx([np.sqrt((padded[320 * i : 320 * i + 512] ** 2).mean()) for i in range(len(rows))],
                                 rel=1e-5)


def test_nothing_comes_after_the_end():
    stream = EnergyStream()
    stream.push(np.ones(100, np.float32))
    assert stream.finish().shape == (1, 1)
    assert stream.finish().shape == (0, 1)
    with pytest.raises(InputError, match="finish"):
        stream.push(np.ones(10, np.float32))
    with pytest.raises(InputError, match="window_s"):
        EnergyOptions(window_s=-1)
