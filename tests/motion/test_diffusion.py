"""Sampling against its equation, and against a case whose answer is known exactly."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.motion.diffusion import (
    STEPS,
    alpha_bars,
    cosine_betas,
    ddim_ref,
    linear_betas,
    posterior_sigmas,
    sample,
    sampling_times,
)

LEFT = alpha_bars(cosine_betas())


def gaussian(mean, spread):
    """The best denoiser where the data is normal: it is known in closed form, and so is where noise ends up."""
    def denoise(x, time):
        signal, power = np.sqrt(LEFT[time]), LEFT[time] * spread**2 + 1 - LEFT[time]
        return (mean + signal * spread**2 / power * (x - signal * mean)).astype(np.float32)

    return denoise


@pytest.mark.parametrize("count", [1, 4, 8, 50])
def test_order_one_is_ddim(count, rng):
    noise = rng.standard_normal((5, 3)).astype(np.float32)
    denoise = gaussian(np.float32([0.3, -1, 2]), np.float32([0.2, 1, 0.5]))
    found = sample(denoise, noise, left=LEFT, times=sampling_times(count), order=1)
    np.testing.assert_allclose(found, ddim_ref(denoise, noise, left=LEFT, times=sampling_times(count)), atol=2e-5)


def test_more_steps_and_a_higher_order_come_nearer_to_the_exact_sample(rng):
    mean, spread = np.float32([0.3, -1, 2]), np.float32([0.6, 1, 0.8])
    noise = rng.standard_normal((200, 3)).astype(np.float32)
    error = {(count, order): np.abs(sample(gaussian(mean, spread), noise, left=LEFT, times=sampling_times(count),
                                           order=order) - (mean + spread * noise)).mean()
             for count in (4, 8, 64, 500) for order in (1, 2)}
    assert error[500, 1] < 0.01
    assert error[64, 2] < error[64, 1]
    for order in (1, 2):
        assert error[500, order] < error[64, order] < error[8, order] < error[4, order]


def test_times_begin_in_pure_noise_and_fall():
    for count in (1, 4, 8, 1000):
        times = sampling_times(count)
        assert times[0] == STEPS - 1
        assert len(times) == count
        assert (np.diff(times) < 0).all()
        assert times[-1] >= 0
    with pytest.raises(InputError, match="1 to 1000 steps of sampling, got 0"):
        sampling_times(0)


def test_schedules_take_the_signal_away():
    for betas in (cosine_betas(), linear_betas()):
        left = alpha_bars(betas)
        assert len(left) == STEPS
        assert (np.diff(left) < 0).all()
        assert left[0] > 0.999
        assert left[-1] < 1e-4
        assert posterior_sigmas(betas)[0] == 0
