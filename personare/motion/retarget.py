"""Motion from one named space to another: by name, by a table of poses, or by bounded least squares on the lips."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from personare.errors import InputError
from personare.export.livelink import from_livelink, to_livelink
from personare.faces.bounded import bounded_least_squares
from personare.faces.rig_names import arkit_columns
from personare.motion.checks import warnings_of
from personare.motion.mouth import REST_CM, UNIT_CM
from personare.motion.poses import POSES, SIDED
from personare.spaces import ARKIT_52, LIVELINK_61, space_named

# What a centimetre of lip gap, mouth width and lower lip counts beside a whole shape, where few shapes stand for many.
_PER_CM = np.array([2.0, 0.8, 0.5])
_SPRING = 0.02


@dataclass(frozen=True)
class Transfer:
    """What a change of space or face did.

    Args:
        route: how: "names", "table", "least squares" or "vertices"; several are joined with " + ".
        kept: share of the motion's variance that arrives, 0..1: what a way back would restore.
        error: name -> figure; "mean_mm" and "worst_mm" for lips of a face, "lip_gap_mm" for a table.
        warnings: sentences a user should read.
    """

    route: str
    kept: float
    error: dict
    warnings: tuple[str, ...] = ()


def can_convert(source, target):
    """Whether there is a way by names or tables from one space to another."""
    return all(_poses(space_named(space)) is not None for space in (source, target))


def convert(motion, space):
    """Motion in another space, and what was lost.

    ARKit-52 is the hub. Into it, every column is a sum of shapes. Out of it, names decide where the target has shapes
    of those names; for fewer mouth shapes (visemes, VRM presets) weights come from bounded least squares on shapes and
    lip measures, and then no mouth is left more open than it was, so that closures survive. Columns that both spaces
    call by one name are copied.

    Args:
        motion: Motion in a named space.
        space: Space, or the name of one.

    Returns:
        (Motion, Transfer). Head pose is carried over.

    Raises:
        InputError: there is no table for one of the two spaces.
    """
    space = space_named(space)
    if LIVELINK_61 in (motion.space, space) and motion.space != space:
        return _by_angles(motion, space)
    if set(motion.space.columns) <= set(space.columns):
        values = np.zeros((len(motion), len(space)), np.float32)
        values[:, space.indices(motion.space.columns)] = motion.values
        return replace(motion, values=values, space=space), Transfer("names", 1.0, {}, warnings_of(motion))
    for known in (motion.space, space):
        if _poses(known) is None:
            raise InputError("space", expected="one of named shapes, such as arkit-52 or oculus-15",
                             got=f"'{known.name}'", remedy="name the face it is for, so that vertices decide")
    warnings = warnings_of(motion)
    moved = _moved(motion, space)
    arkit = _into_arkit(motion)
    named = _by_name(motion.space) and _by_name(space)
    gap_mm = 10 * np.abs(_gap_cm(arkit) - _gap_cm(_into_arkit(moved)))
    return moved, Transfer("names" if named else "table" if _by_name(space) else "least squares",
                           _kept(motion, moved), {"lip_gap_mm": float(gap_mm.mean()) if len(gap_mm) else 0.0}, warnings)


def _by_angles(motion, space):
    """The same for Live Link, which has the pose of the head and of the eyes as columns."""
    if motion.space == LIVELINK_61:
        return convert(from_livelink(motion), space)
    moved, report = convert(motion, ARKIT_52)
    return to_livelink(moved), report


def _moved(motion, space):
    """The motion in another space, without a report."""
    arkit = _into_arkit(motion)
    values = _out_by_name(arkit, space) if _by_name(space) else _out_by_lips(arkit, space)
    for name in set(space.columns) & set(motion.space.columns):
        values[:, space.index(name)] = motion.column(name)
    return replace(motion, values=values, space=space)


def _kept(motion, moved):
    """Share of the variance of a motion that comes back from another space."""
    total = float(motion.values.var(axis=0).sum())
    lost = float((motion.values - _moved(moved, motion.space).values).var(axis=0).sum())
    return 1.0 if total == 0 else max(0.0, 1 - lost / total)


_FEWEST_NAMES = 8


def _by_name(space):
    return space.name not in POSES


def _poses(space):
    """Column -> {ARKit shape: weight}, or None where neither names nor a table say it."""
    if not _by_name(space):
        return POSES[space.name]
    names = {column: arkit_columns(column) for column in space.columns}
    halves = Counter(name for known in names.values() for name in known)
    if len(halves) < _FEWEST_NAMES:
        return None
    return {column: {name: 1 / halves[name] for name in known} for column, known in names.items()}


def _matrix(space):
    """(k, 52) float32: what each column is in ARKit's shapes."""
    matrix = np.zeros((len(space), len(ARKIT_52)), np.float32)
    poses = _poses(space)
    for k, column in enumerate(space.columns):
        for name, weight in poses.get(column, {}).items():
            matrix[k, ARKIT_52.index(name)] = weight
    return matrix


def _into_arkit(motion):
    return np.clip(motion.values @ _matrix(motion.space), 0, 1)


def _out_by_name(arkit, space):
    """(t, k) values of a space whose columns are ARKit's shapes by another spelling."""
    values = np.zeros((len(arkit), len(space)), np.float32)
    for k, column in enumerate(space.columns):
        known = ARKIT_52.indices(arkit_columns(column))
        if known:
            values[:, k] = arkit[:, known].mean(axis=1)
    return values


def _out_by_lips(arkit, space):
    """(t, k) weights of a space of fewer shapes that look most like the ARKit ones."""
    matrix = _matrix(space).astype(np.float64)
    shapes = np.eye(len(ARKIT_52))
    shapes[ARKIT_52.index("mouthClose")] = 0  # Meant for an open jaw alone; the lip measures count it.
    seen = np.hstack([shapes, _LIPS_CM * _PER_CM])
    basis, wanted = matrix @ seen, arkit @ seen
    values = bounded_least_squares(basis @ basis.T, wanted @ basis.T, ridge=1e-4, spring=_SPRING)
    opening = matrix @ _LIPS_CM[:, 0]
    opens = opening > 0.01
    room = _gap_cm(arkit) - REST_CM[0] - values[:, ~opens] @ opening[~opens]
    open_now = values[:, opens] @ opening[opens]
    share = np.clip(room / np.maximum(open_now, 1e-6), 0, 1)
    values[:, opens] *= share[:, None].astype(np.float32)
    return values


_LIPS_CM = np.array([UNIT_CM.get(next((name.removesuffix(side) for side in ("Left", "Right") if name.endswith(side)
                                       and name.removesuffix(side) in SIDED), name), (0, 0, 0))
                     for name in ARKIT_52.columns], np.float64)


def _gap_cm(arkit):
    return arkit @ _LIPS_CM[:, 0] + REST_CM[0]
