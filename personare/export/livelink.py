"""Live Link Face takes (.csv): what the iPhone app writes and Unreal Engine, Blender and Maya add-ons read.

Facts measured on takes of the app: 63 columns, whose order differs from the network packets in four places;
time codes count 60 frames a second even where the take has 30 rows a second (every other count is then left
out); angles are radians. Eye angles follow the look weights linearly. Signs: eye yaw + to the subject's right,
eye pitch + down; head yaw + to the subject's left, head pitch + up, head roll + to the subject's right (the
head of a wobbling subject who keeps looking at the phone has the sign opposite to the eyes' in yaw and pitch).
The app zeroes the head in calibrated takes, so the order of the head's angles, yaw, pitch, roll as Unreal's
rotators have it, is an assumption. The translation of the head has no column.
"""

import numpy as np

from personare.arrays import frame_count
from personare.errors import InputError
from personare.export.eyes import LOOKS, eye_angles, eye_looks
from personare.export.reading import checked_size, unreadable
from personare.export.rotations import from_yaw_pitch_roll, poses, yaw_pitch_roll
from personare.spaces import ARKIT_52, EYE_ANGLES, HEAD_ANGLES, LIVELINK_61
from personare.store import atomic_path
from personare.types import Motion

CODE_HZ = 60
DAY = 24 * 3600 * CODE_HZ
# Row rates the app itself has; a take at any other rate is written at the time code's own.
ROW_RATES = (30.0, 60.0)

_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
WEIGHTS = tuple(_SWAPPED.get(name, name) for name in ARKIT_52.columns)
ANGLES = HEAD_ANGLES + EYE_ANGLES
VALUES = tuple(name[0].upper() + name[1:] for name in WEIGHTS + ANGLES)
_LOOKS = [WEIGHTS.index(name) for name in LOOKS]
HEADER = ("Timecode", "BlendshapeCount", *VALUES)

# What a reader takes: rates a take can have, and this many times more time than its rows account for.
SLOWEST_HZ, FASTEST_HZ, _WIDEST_GAPS = 1, 240, 20
_ROWS = 1024
_ROW_FORMAT = "%02d:%02d:%02d:%06.3f," + f"{len(VALUES)}," + ",".join(["%.10f"] * len(VALUES)) + "\n"


def write(path, take, *, progress=None):
    """Write a take as the app would: 63 columns, 30 or 60 rows a second, time codes from take.start_s on.

    Args:
        path: where to.
        take: Take; its motion has the 52 ARKit columns. Motion at another rate than 30 or 60 fps is
            interpolated to 60.
        progress: called with (rows done, rows in total).

    Raises:
        InputError: the motion lacks ARKit columns.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    motion = _checked(take.motion)
    fps = motion.fps if motion.fps in ROW_RATES else float(CODE_HZ)
    total = frame_count(motion.duration_s, fps)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as file:
        file.write(",".join(HEADER) + "\n")
        for start in range(0, total, _ROWS):
            stop = min(start + _ROWS, total)
            codes = _time_codes(take.start_s, np.arange(start, stop) * round(CODE_HZ / fps))
            rows = np.hstack([codes, _values(motion, fps, start, stop)])
            file.write(_ROW_FORMAT * len(rows) % tuple(rows.ravel().tolist()))
            if progress:
                progress(stop, total)


def _checked(motion):
    missing = [name for name in ARKIT_52.columns if name not in motion.space.columns]
    if missing:
        raise InputError("motion", expected="the 52 ARKit columns",
                         got=f"{motion.space.name} without {', '.join(missing[:3])}",
                         remedy="convert the motion to arkit-52 first")
    return motion


def _time_codes(start_s, counts):
    """(t, 4) float64 hours, minutes, seconds and frames with thousandths; counts are (t,) of 1/60 s."""
    thousandths = (counts * 1000 + round(start_s * CODE_HZ * 1000)) % (DAY * 1000)
    frames = thousandths % (CODE_HZ * 1000) / 1000
    seconds = thousandths // (CODE_HZ * 1000)
    return np.stack([seconds // 3600, seconds // 60 % 60, seconds % 60, frames], axis=1)


def _values(motion, fps, start, stop):
    """(stop - start, 61) float64 values of some rows, in the order of the file."""
    position = np.minimum(np.arange(start, stop) * (motion.fps / fps), len(motion) - 1)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, len(motion) - 1)
    # The slice keeps memory bounded: only the rows in question are widened to float64.
    rows = slice(low[0], high[-1] + 1)
    blend = (low - rows.start, high - rows.start, position - low)
    weights = _printed(_blended(motion.values[rows][:, motion.space.indices(WEIGHTS)], *blend))
    if set(ANGLES) <= set(motion.space.columns):
        angles = _printed(_blended(motion.values[rows][:, motion.space.indices(ANGLES)], *blend))
    else:
        head = np.zeros((len(weights), 3))
        if motion.head_pose is not None:
            # Whole microradians come back as themselves from the float32 matrices of a head pose.
            head = np.round(yaw_pitch_roll(_blended(motion.head_pose[rows, :3, :3], *blend)), 6)
        angles = np.hstack([head, eye_angles(weights[:, _LOOKS])])
    # Adding zero turns -0.0, which would print a sign, into 0.0.
    return np.hstack([weights, angles]) + 0.0


def _printed(values):
    """float64 values that ten decimals and float32 keep, so that a take read and written again has the same bytes."""
    return np.round(values, 10).astype(np.float32).astype(np.float64)


def _blended(rows, low, high, share):
    """float64 rows between rows[low] and rows[high]."""
    share = share.reshape(-1, *[1] * (rows.ndim - 1))
    return rows[low].astype(np.float64) * (1 - share) + rows[high] * share


def read(path):
    """Read a Live Link Face take, of the app or of another tool that writes its layout.

    Columns are found by name, upper or lower case, in any order, further ones are ignored. Rows without a
    face (count 0) and dropped frames are filled by interpolation; time starts at the first row.

    Args:
        path: of the .csv file.

    Returns:
        Motion in arkit-52 at the file's own row rate, with head pose where the head moves.

    Raises:
        InputError: not such a file, or damaged.
    """
    return from_livelink(read_angles(path))


def read_angles(path):
    """Like read, but the angles as they stand in the file: Motion in livelink-61, bit for bit."""
    path = checked_size(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            columns = _columns(path, file.readline(1 << 16))
            pieces = list(_parsed(path, file, columns))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    if not pieces:
        raise unreadable(path, "no rows with a face")
    counts = np.concatenate([counts for counts, _ in pieces])
    values = np.concatenate([values for _, values in pieces])
    fps, values = _even(path, counts, values)
    order = [(WEIGHTS + ANGLES).index(name) for name in LIVELINK_61.columns]
    return Motion(values[:, order], fps, LIVELINK_61)


def from_livelink(motion):
    """Motion in arkit-52 of one in livelink-61: the head's angles become the head pose.

    The eyes' angles say what eyeLook* says and are left out, unless a tool wrote them alone.
    """
    weights = motion.columns(ARKIT_52.columns)
    at, looking = ARKIT_52.indices(LOOKS), motion.columns(EYE_ANGLES)
    if looking.any() and not weights[:, at].any():
        weights[:, at] = eye_looks(looking)
    angles = motion.columns(HEAD_ANGLES)
    pose = poses(from_yaw_pitch_roll(angles)) if angles.any() else motion.head_pose
    return Motion(weights, motion.fps, ARKIT_52, head_pose=pose)


def to_livelink(motion):
    """Motion in livelink-61 of one with ARKit's columns: angles from the head pose and from eyeLook*.

    Raises:
        InputError: the motion lacks ARKit columns.
    """
    weights = _checked(motion).columns(ARKIT_52.columns)
    head = np.zeros((len(motion), 3))
    if motion.head_pose is not None:
        head = yaw_pitch_roll(motion.head_pose[:, :3, :3])
    eyes = eye_angles(weights[:, ARKIT_52.indices(LOOKS)])
    return Motion(np.hstack([weights, head, eyes]), motion.fps, LIVELINK_61)


def _columns(path, line):
    """(number of columns, where the 61 values stand)."""
    names = [name.strip().lower() for name in line.split(",")]
    missing = [name for name in HEADER if name.lower() not in names]
    if missing:
        raise InputError(path, expected=f"the {len(HEADER)} columns of a Live Link Face take",
                         got=f"a first line without {', '.join(missing[:3])}",
                         remedy="use a .csv that the app or personare wrote")
    return len(names), names.index("timecode"), names.index("blendshapecount"), [
        names.index(name.lower()) for name in VALUES]


def _parsed(path, file, columns):
    """Pieces of (counts (t,) float64 in 1/60 s, values (t, 61) float32)."""
    count, code_at, faces_at, where = columns
    ahead, number = max(code_at, faces_at) + 1, 1
    while lines := file.readlines(1 << 20):
        # Where it sees no face, the app writes the time code and a count of 0, and nothing more.
        seen = [(row, line) for row, line in enumerate(lines, number + 1) if not line.isspace()
                and line.strip().split(",", ahead)[faces_at:faces_at + 1] != ["0"]]
        number += len(lines)
        for row, line in seen:
            if line.count(",") + 1 != count:
                raise unreadable(path, f"{line.count(',') + 1} instead of {count} columns in row {row}")
        if not seen:
            continue
        try:
            codes = np.array([_count(line.split(",", ahead)[code_at]) for _, line in seen])
            values = np.loadtxt([line for _, line in seen], np.float32, delimiter=",", usecols=where,
                                comments=None, ndmin=2)
        except ValueError as error:
            raise unreadable(path, f"in rows up to {number}: {error}") from error
        if not (np.isfinite(values).all() and np.isfinite(codes).all()):
            raise unreadable(path, f"a value that is not a number in rows up to {number}")
        yield codes, values


def _count(code):
    """Time code as a count of 1/60 s since midnight."""
    hours, minutes, seconds, frames = (float(part) for part in code.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * CODE_HZ + frames


def _even(path, counts, values):
    """Frame rate, and the rows at even times."""
    if len(counts) == 1:
        return float(CODE_HZ), values
    # A take may run past midnight.
    counts = counts + DAY * np.concatenate([[0], np.cumsum(np.diff(counts) < -DAY / 2)])
    steps = np.diff(counts)
    step = np.sort(steps)[(len(steps) - 1) // 2]
    even = (steps > 0).all() and counts[-1] - counts[0] <= _WIDEST_GAPS * step * len(counts)
    if not (even and SLOWEST_HZ <= CODE_HZ / step <= FASTEST_HZ):
        raise unreadable(path, "time codes that do not count upwards evenly")
    nearest = [rate for rate in (24.0, 25.0, *ROW_RATES) if abs(step * rate / CODE_HZ - 1) < 0.02]
    fps = nearest[0] if nearest else float(CODE_HZ / step)
    position = (counts - counts[0]) * fps / CODE_HZ
    total = round(position[-1]) + 1
    if total == len(values) and np.abs(position - np.arange(total)).max() < 0.5:
        return fps, values
    grid = np.arange(total)
    return fps, np.stack([np.interp(grid, position, column) for column in values.T], axis=1)
