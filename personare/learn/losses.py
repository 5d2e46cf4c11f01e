"""What the network behind the built-in model is asked to get right."""

import torch
from torch.nn import functional

from personare.motion.lips import GAP_CM, LOWER_CM, WIDTH_CM

CURVE_SCALE = 0.08
GEOMETRY_SCALE_CM = 0.15
GATE_WEIGHT, PHONE_WEIGHT = 3.0, 0.7


def vox_loss(predicted, curves, gates, phones, phone_weight):
    """Sum of curve, geometry, gate and phone losses.

    Args:
        predicted: the network's (curves, gates, phones), gates and phones as logits.
        curves: (b, t, 18) float32 targets.
        gates: (b, t, 3) float32 targets in 0..1.
        phones: (b, t) int64 targets.
        phone_weight: (b,) float32, trust in each item's phone labels.

    Returns:
        Scalar tensor.
    """
    geometry = torch.as_tensor([GAP_CM.tolist(), WIDTH_CM.tolist(), LOWER_CM.tolist()]).T  # (18, 3)
    error = predicted[0] - curves
    curve = functional.smooth_l1_loss(error / CURVE_SCALE, torch.zeros_like(error))
    shape = error @ geometry / GEOMETRY_SCALE_CM
    shape = functional.smooth_l1_loss(shape, torch.zeros_like(shape))
    gate = functional.binary_cross_entropy_with_logits(predicted[1], gates)
    phone = functional.cross_entropy(predicted[2].transpose(1, 2), phones, reduction="none", label_smoothing=0.05)
    phone = (phone * phone_weight[:, None]).mean()
    return curve + shape + GATE_WEIGHT * gate + PHONE_WEIGHT * phone
