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
    gate = functional.binary_cross_entropy_with_logits(predicted[1], gates)
    phone = functional.cross_entropy(predicted[2].transpose(1, 2), phones, reduction="none", label_smoothing=0.05)
    phone = (phone * phone_weight[:, None]).mean()
    return _curve_loss(predicted[0] - curves) + GATE_WEIGHT * gate + PHONE_WEIGHT * phone


def imitation_loss(predicted, teacher):
    """The same terms against what a better network says; a student of a shorter look-ahead learns how sure to be.

    Args:
        predicted, teacher: (curves, gates, phones) of two networks, gates and phones as logits.

    Returns:
        Scalar tensor; nothing flows back into the teacher.
    """
    curves, gates, phones = (part.detach() for part in teacher)
    gate = functional.binary_cross_entropy_with_logits(predicted[1], gates.sigmoid())
    phone = functional.cross_entropy(predicted[2].flatten(0, 1), phones.flatten(0, 1).softmax(1))
    return _curve_loss(predicted[0] - curves) + GATE_WEIGHT * gate + PHONE_WEIGHT * phone


def _curve_loss(error):
    """Of the curves themselves, and of what they do to lip gap, width and lower lip."""
    geometry = torch.as_tensor([GAP_CM.tolist(), WIDTH_CM.tolist(), LOWER_CM.tolist()]).T  # (18, 3)
    curve = functional.smooth_l1_loss(error / CURVE_SCALE, torch.zeros_like(error))
    shape = error @ geometry / GEOMETRY_SCALE_CM
    return curve + functional.smooth_l1_loss(shape, torch.zeros_like(shape))
