"""Neural Voice Puppetry's expression.txt: a line of 76 numbers for each frame, at 25 frames a second.

What its tracker and its transfer script write and its renderer reads. The poses of the head lie in other files
(rigid.txt) in coordinates of a camera and are left alone.

Source:
    J. Thies et al., Neural Voice Puppetry, ECCV 2020, code: data/*/expression.txt.
"""

import numpy as np

from personare.export.columns import first_line
from personare.export.reading import checked_size, unreadable
from personare.spaces import NVP_76, Space, numbered
from personare.store import atomic_path
from personare.types import Motion

FPS = 25.0
_ROWS, _MOST_COLUMNS = 1024, 4096


def write(path, take, *, progress=None):
    """Write the values of a motion, in any space, with nine digits.

    Args:
        path: where to.
        take: Take; motion at another rate than 25 fps is interpolated.
        progress: called with (frames done, frames in total).

    Raises:
        OutputError: the file could not be written; what was there before is unchanged.
    """
    motion = take.motion.at_fps(FPS)
    layout = " ".join(["%.9g"] * len(motion.space)) + "\n"
    with atomic_path(path) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as file:
        for start in range(0, len(motion), _ROWS):
            rows = motion.values[start:start + _ROWS].astype(np.float64) + 0.0
            file.write(layout * len(rows) % tuple(rows.ravel().tolist()))
            if progress:
                done = start + len(rows)
                progress(done * len(take.motion) // len(motion), len(take.motion))


def fits(path):
    """Whether a .txt file holds lines of numbers."""
    if path.suffix.lower() != ".txt":
        return False
    words = first_line(path).split()
    try:
        return len([float(word) for word in words]) > 1
    except ValueError:
        return False


def read(path):
    """Read a file of numbers.

    Args:
        path: of the .txt file.

    Returns:
        Motion at 25 fps, in nvp-76 where there are 76 columns, else in one that only numbers them.

    Raises:
        InputError: not such a file, or damaged.
    """
    path = checked_size(path)
    pieces, count, number = [], None, 0
    try:
        with open(path, encoding="utf-8-sig") as file:
            while lines := file.readlines(1 << 20):
                rows = [line for line in lines if not line.isspace()]
                count = count or (len(rows[0].split()) if rows else None)
                wrong = next((line for line in rows if len(line.split()) != count), None)
                if wrong is not None or (count or 0) > _MOST_COLUMNS:
                    raise unreadable(path, f"{len((wrong or rows[0]).split())} instead of {count} numbers in a line")
                if rows:
                    with np.errstate(over="ignore"):
                        pieces.append(np.loadtxt(rows, np.float64, comments=None, ndmin=2).astype(np.float32))
                number += len(lines)
        if not pieces:
            raise unreadable(path, "no lines of numbers")
        space = NVP_76 if count == len(NVP_76) else Space(f"numbers-{count}", numbered("exp", count))
        return Motion(np.concatenate(pieces), FPS, space)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise unreadable(path, error) from error
