"""What is suspicious about a take: units, order, sides, columns that never move. Words for a user, not errors."""

import numpy as np

_MOVES = 0.01           # A column that varies by less than this (standard deviation) stands still.
_TWINS_AGREE = 0.5      # Correlation from which left and right count as one movement.
_FEWEST_PAIRS = 4
_SPOKEN = ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouth_stretch_c", "aa", "a")
_SIDES = (("Left", "Right"), ("_L", "_R"), ("_l", "_r"))


def warnings_of(motion):
    """Sentences about a motion that looks wrong; none for one that looks right.

    Args:
        motion: Motion in any space of named shapes.

    Returns:
        tuple of str: units (percent or degrees), order (left and right of a pair that do not move together), sides
        (eyes that turn against their shapes), columns that never move although speech moves them.
    """
    checks = (_units, _order, _sides, _dead)
    return tuple(text for check in checks for text in check(motion)) if len(motion) > 1 else ()


def _units(motion):
    angles = [name for name in motion.space.columns if name.lower().endswith(("yaw", "pitch", "roll"))]
    shapes = [name for name in motion.space.columns if name not in angles]
    largest = np.abs(motion.columns(shapes)).max(initial=0) if shapes else 0
    if largest > 2:
        yield f"values reach {largest:.3g}: weights run from 0 to 1, so this looks like percent; divide by 100"
    if angles and np.abs(motion.columns(angles)).max(initial=0) > 2 * np.pi:
        yield "angles go beyond a full turn: they are radians, so this looks like degrees; multiply by 0.01745"


def _pairs(columns):
    for name in columns:
        for left, right in _SIDES:
            if name.endswith(left) and name.removesuffix(left) + right in columns:
                # Eyes look inwards with one eye while the other looks outwards, and jaw and mouth go to one side.
                if not any(word in name for word in ("Look", "look", "jaw", "sideways", "mouthLeft", "Yaw", "Roll")):
                    yield name, name.removesuffix(left) + right
                break


def _order(motion):
    agree, pairs = 0, 0
    for left, right in _pairs(motion.space.columns):
        one, other = motion.column(left), motion.column(right)
        if max(one.std(), other.std()) > _MOVES:
            pairs += 1
            agree += min(one.std(), other.std()) > 0 and np.corrcoef(one, other)[0, 1] > _TWINS_AGREE
    if pairs >= _FEWEST_PAIRS and agree < 0.4 * pairs:
        yield (f"left and right move together in {agree} of {pairs} pairs only: the columns may be in another order "
               f"than {motion.space.name}; check the names in the source")


def _sides(motion):
    """Yaw of the left eye is positive to the subject's right, which is inwards for it (Live Link Face)."""
    known = {name.lower(): name for name in motion.space.columns}
    needed = ("lefteyeyaw", "eyelookinleft", "eyelookoutleft")
    if all(name in known for name in needed):
        yaw, inwards, outwards = (motion.column(known[name]) for name in needed)
        turn = inwards - outwards
        if min(yaw.std(), turn.std()) > _MOVES and np.corrcoef(yaw, turn)[0, 1] < -0.3:
            yield "the left eye turns against its own shapes: left and right look swapped; exchange the columns"


def _dead(motion):
    spoken = [name for name in _SPOKEN if name in motion.space.columns]
    moving = {name for name in motion.space.columns if motion.column(name).std() > _MOVES}
    still = [name for name in spoken[:1] if name not in moving]
    if moving and still:
        yield f"{still[0]} never moves, although {len(moving)} other columns do; check its name in the source"
    stuck = [name for name in motion.space.columns
             if name not in moving and abs(float(motion.column(name).mean())) > 0.25]
    if stuck:
        yield f"{', '.join(stuck[:4])} stand still at more than 0.25: a rest pose to subtract, or a wrong column"
