"""Motion as plain numbers and back: the columns of a space, and the head's turn as three angles beside them."""

import numpy as np

from personare.motion.head import angles_from_rotation, rotation_from_angles
from personare.spaces import HEAD_ANGLES, space_named
from personare.types import Motion


def code_names(space, *, head):
    """Columns of a space, and of the head's angles in radians where head is true; a tuple of names."""
    return (*space_named(space).columns, *(HEAD_ANGLES if head else ()))


def codes_of(motion, names):
    """(t, len(names)) float32 of a Motion, columns in the order of names; a head at rest has angles of 0."""
    angles = np.zeros((len(motion), 3), np.float32)
    if motion.head_pose is not None:
        angles = angles_from_rotation(motion.head_pose[:, :3, :3]).astype(np.float32)
    known = {name: angles[:, i] for i, name in enumerate(HEAD_ANGLES)}
    known |= {name: motion.values[:, i] for i, name in enumerate(motion.space.columns)}
    return np.stack([known[name] for name in names], axis=1)


def motion_of(codes, names, *, space, fps):
    """The Motion of (t, len(names)) codes; columns of the space that are not named are 0.

    Angles of the head that the space has no columns for become the head's pose.
    """
    space = space_named(space)
    place = {name: i for i, name in enumerate(names)}
    values = np.zeros((len(codes), len(space)), np.float32)
    for i, name in enumerate(space.columns):
        if name in place:
            values[:, i] = codes[:, place[name]]
    angles = [name for name in HEAD_ANGLES if name in place and name not in space.columns]
    if not angles:
        return Motion(values, fps, space)
    turned = np.zeros((len(codes), len(HEAD_ANGLES)), np.float32)
    turned[:, [HEAD_ANGLES.index(name) for name in angles]] = codes[:, [place[name] for name in angles]]
    pose = np.zeros((len(codes), 4, 4), np.float32)
    pose[:, 3, 3] = 1
    pose[:, :3, :3] = rotation_from_angles(turned)
    return Motion(values, fps, space, pose)
