"""Consecutive pieces of one motion."""

from dataclasses import replace

import numpy as np


def joined(pieces):
    """Consecutive pieces of one motion as one Motion; empty ones count for nothing."""
    full = [piece for piece in pieces if len(piece)] or pieces[:1]
    poses = [piece.head_pose for piece in full]
    return replace(full[0], values=np.concatenate([piece.values for piece in full]),
                   head_pose=None if poses[0] is None else np.concatenate(poses))
