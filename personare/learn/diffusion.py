"""What a motion diffusion network learns from: windows with noise in them, of which it says the clean ones.

Source:
    Aneja et al., FaceTalk (CVPR 2024): x0 prediction, t uniform in 0..999, sound left out of a quarter of the windows,
    codes scaled as augmentation. The loss on differences of neighbouring frames is DiffPoseTalk's.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from personare.motion.diffusion import STEPS, alpha_bars, cosine_betas


@dataclass(frozen=True)
class DiffusionOptions:
    """How windows are made and weighed.

    Args:
        deaf: share of windows whose sound is left out, for guidance.
        unstyled: share of windows whose style is not told.
        first: share of windows with nothing before them, as at the beginning of a take.
        strengths: range of the factor on expression, about the neutral code; (1, 1) for none.
        velocity: weight of the error of differences of neighbouring frames.
        gates: weight of the cross-entropy of gates.
        known_noise: noise on known frames, in standard deviations, so that small errors do not add up from window to
            window.
    """

    deaf: float = 0.25
    unstyled: float = 0.25
    first: float = 0.1
    strengths: tuple[float, float] = (0.8, 1.4)
    velocity: float = 1.0
    gates: float = 0.5
    known_noise: float = 0.02


def facetalk_loss(network, rows, codes, *, gates=None, style=None, valid=None, options, generator):
    """Loss of one batch of windows.

    Args:
        network: learn.nets.facetalk.Facetalk.
        rows: (b, config.row_count(known + fresh), c) float32 of the front end.
        codes: (b, known + fresh, k) float32, not standardised.
        gates: (b, known + fresh, 3) float32 in 0..1, or None.
        style: (b,) int64 from 1, 0 for none, or None.
        valid: (b, known + fresh) bool, false for frames that are nothing to learn from; None where all are.
        options: DiffusionOptions.
        generator: torch.Generator, all that is random.

    Returns:
        () float32: squared error of the standardised codes that were noisy, plus the weighted other parts.
    """
    config, count = network.config, len(rows)

    def share(part):
        return torch.rand(count, generator=generator) < part

    low, high = options.strengths
    strength = low + (high - low) * torch.rand(count, generator=generator)
    clean = (codes * strength[:, None, None] - network.code_mean) / network.code_std
    noise = torch.randn(clean.shape, generator=generator)
    time = torch.randint(STEPS, (count,), generator=generator)
    left = torch.as_tensor(alpha_bars(cosine_betas()), dtype=torch.float32)[time][:, None, None]
    first = share(options.first)
    known = torch.zeros(clean.shape[:2])
    known[:, : config.known] = torch.where(first, -1.0, 1.0)[:, None]
    noisy = left.sqrt() * clean + (1 - left).sqrt() * noise
    before = clean + options.known_noise * torch.randn(clean.shape, generator=generator)
    window = torch.where(known[..., None] > 0, before, torch.where(known[..., None] < 0, 0.0, noisy))
    style = torch.zeros(count, dtype=torch.long) if style is None else style * ~share(options.unstyled)
    tokens, said = network.encoder(rows)
    answer = network.denoiser(window, known, tokens, (~share(options.deaf)).float(), time, style, strength)
    valid = torch.ones(clean.shape[:2], dtype=torch.bool) if valid is None else valid
    error = (answer.float() - clean) * valid[..., None]
    # The first difference crosses the seam: there the frame before is known, if there is one.
    error = torch.cat([torch.zeros_like(error[:, :1]), error[:, config.known :]], dim=1)
    crossed = torch.ones(error.shape[0], error.shape[1] - 1)
    crossed[:, 0] = (~first).float()
    loss = error[:, 1:].square().mean()
    loss = loss + options.velocity * (error.diff(dim=1).square().mean(-1) * crossed).mean()
    if gates is not None:
        loss = loss + options.gates * functional.binary_cross_entropy_with_logits(said.float(), gates)
    return loss
