"""Diffusion without torch: noise schedules, and samplers that turn noise into motion in few steps.

x_t = sqrt(a_t) x + sqrt(1 - a_t) noise for t = 0 .. T - 1, where a_t falls from nearly 1 to nearly 0. A network says x
of x_t; a sampler walks from pure noise to x by a handful of such answers.

Source:
    Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models, 2021, equation 17 (cosine); Song, Meng and
    Ermon, Denoising Diffusion Implicit Models, 2021, equation 12; Lu et al., DPM-Solver++, 2022, algorithm 2.
    Parity of the schedules with EDGE, MDM and DiffPoseTalk in tests/parity/test_facetalk.py (1e-6).
"""

import numpy as np

from personare.errors import InputError

# Steps of noise that networks are trained with, as FaceTalk, EDGE and MDM have them.
STEPS = 1000
_COSINE_OFFSET, _MOST_BETA = 0.008, 0.999
_LINEAR_FIRST, _LINEAR_LAST = 1e-4, 0.02


def cosine_betas(steps=STEPS, *, least=0.0):
    """Share of noise that each step adds, by the cosine schedule.

    Args:
        steps: T >= 1.
        least: lower bound of each, 0..1; DiffPoseTalk has 1e-4.

    Returns:
        (steps,) float64 in least..0.999.
    """
    angle = (np.arange(steps + 1) / steps + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * np.pi / 2
    kept = np.cos(angle) ** 2
    return np.clip(1 - kept[1:] / kept[:-1], least, _MOST_BETA)


def linear_betas(steps=STEPS):
    """(steps,) float64, the linear schedule from 1e-4 to 0.02."""
    return np.linspace(_LINEAR_FIRST, _LINEAR_LAST, steps)


def alpha_bars(betas):
    """(T,) float64, share of the signal's power left after each step, of (T,) betas."""
    return np.cumprod(1 - np.asarray(betas, np.float64))


def posterior_sigmas(betas):
    """(T,) float64, noise that ancestral sampling adds when it leaves each step; the first is 0.

    Source:
        Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, 2020, equation 7.
    """
    left = alpha_bars(betas)
    before = np.concatenate([[1.0], left[:-1]])
    return np.sqrt((1 - before) / (1 - left) * betas)


def sampling_times(count, *, steps=STEPS):
    """Times at which a sampler asks the network: evenly spread, the first is pure noise.

    Args:
        count: questions, 1..steps.
        steps: T of the schedule.

    Returns:
        (count,) int64, falling.

    Raises:
        InputError: count is out of range.
    """
    if not (isinstance(count, int) and 1 <= count <= steps):
        raise InputError("steps", expected=f"1 to {steps} steps of sampling", got=repr(count), remedy="use 8")
    return np.round(steps * (1 - np.arange(count) / count)).astype(np.int64) - 1


def sample(denoise, noise, *, left, times, order=2):
    """Walk from noise to a sample.

    Args:
        denoise: (x (t, k), time int) -> (t, k) float32, the network's answer for the clean sample.
        noise: (t, k) float32, standard normal.
        left: (T,) alpha_bars of the schedule.
        times: (s,) int64 falling, see sampling_times.
        order: 1 for DDIM, 2 for the multistep solver that also uses the answer before (fewer steps for the same
            error).

    Returns:
        (t, k) float32.
    """
    signal, spread = np.sqrt(left[times]), np.sqrt(1 - left[times])
    log_ratio = np.log(signal / spread)
    x, answer = np.asarray(noise, np.float32), None
    for i, time in enumerate(times.tolist()):
        last, answer = answer, denoise(x, time)
        if i == len(times) - 1:
            return answer
        step, aim = log_ratio[i + 1] - log_ratio[i], answer
        if order == 2 and last is not None:
            aim = answer + np.float32(0.5 * step / (log_ratio[i] - log_ratio[i - 1])) * (answer - last)
        # The exact solution of the ODE where the answer stands still; with it, DDIM's own formula.
        x = (np.float32(spread[i + 1] / spread[i]) * x
             - np.float32(signal[i + 1] * np.expm1(-step)) * aim)
    return answer


def ddim_ref(denoise, noise, *, left, times):
    """Sampling by DDIM's equation 12 as it is written, in float64; what sample(order=1) is tested against."""
    x = np.asarray(noise, np.float64)
    for time, following in zip(times, [*times[1:], None], strict=True):
        answer = np.asarray(denoise(x.astype(np.float32), int(time)), np.float64)
        if following is None:
            return answer
        drawn = (x - np.sqrt(left[time]) * answer) / np.sqrt(1 - left[time])
        x = np.sqrt(left[following]) * answer + np.sqrt(1 - left[following]) * drawn
    return x
