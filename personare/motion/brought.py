"""What a method brings of its own beside the mouth: blinks, gaze, brows and head, larger or smaller as layers say."""

from dataclasses import replace

import numpy as np

from personare.motion.head import angles_from_rotation, rotation_from_angles
from personare.spaces import ARKIT_52

# What a session may name as `brings`, each with a strength of its own in Layers.
GROUPS = {
    "blink": tuple(name for name in ARKIT_52.columns if name.startswith("eyeBlink")),
    "gaze": tuple(name for name in ARKIT_52.columns if name.startswith("eyeLook")),
    "brows": tuple(name for name in ARKIT_52.columns if name.startswith("brow")),
    "head": (),
}


def without(layers, brings):
    """Layers of which those that a method brings are off."""
    return replace(layers, **dict.fromkeys(brings, 0))


def scaled(motion, layers, brings):
    """Motion whose own blinks, gaze, brows and head are as large as Layers say.

    Args:
        motion: Motion; columns it does not have are passed over.
        layers: Layers; 0 leaves a part out, 1 leaves it as it is, 2 makes it twice as large. Blinks are whole or
            smaller, since lids cannot do more than close.
        brings: names in GROUPS.
    """
    values, pose = motion.values, motion.head_pose
    for name in brings:
        strength = getattr(layers, name)
        if name == "head" and pose is not None and strength != 1:
            angles = angles_from_rotation(pose[:, :3, :3]) * strength
            pose = pose.copy()
            pose[:, :3, :3] = rotation_from_angles(angles)
            pose[:, :3, 3] *= strength
            pose = pose if strength else None
        places = [motion.space.index(column) for column in GROUPS[name] if column in motion.space.columns]
        if places and strength != 1 and not (name == "blink" and strength > 1):
            values = values.copy()
            values[:, places] = np.clip(values[:, places] * np.float32(strength), 0, 1)
    return replace(motion, values=values, head_pose=pose)
