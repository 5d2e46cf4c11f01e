"""Tables of Audio2Face-3D (.csv): its animation, and its emotions, as its sample client writes them.

The layout is that of a pandas frame: a column without name that counts rows, the time in seconds, and then
`blendShapes.<Name>` or `emotion_values.<name>`.

Source:
    NVIDIA Audio2Face-3D-Samples: animation_frames.csv, a2f_smoothed_emotion_output.csv, a2f_input_emotions.csv.
"""

import numpy as np

from personare.errors import InputError
from personare.export.columns import first_line, read_columns, write_rows
from personare.export.reading import unreadable
from personare.export.timing import even_rows
from personare.spaces import A2F_68, ARKIT_52, EMOTIONS, Space
from personare.store import atomic_path
from personare.types import Motion

_SHAPES, _EMOTIONS = "blendshapes.", "emotion_values."
_ROWS = 1024


def write(path, take, *, progress=None):
    """Write an animation: timeCode and 68 blendShapes.<Name>; what the motion lacks, such as the tongue, is 0.

    Args:
        path: where to.
        take: Take; its motion has the 52 ARKit columns.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: the motion lacks ARKit columns.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    motion = take.motion
    missing = [name for name in ARKIT_52.columns if name not in motion.space.columns]
    if missing:
        raise InputError("motion", expected="the 52 ARKit columns",
                         got=f"{motion.space.name} without {', '.join(missing[:3])}",
                         remedy="convert the motion to arkit-52 first")
    names = [f"blendShapes.{name[0].upper()}{name[1:]}" for name in A2F_68.columns]
    _write(path, motion, A2F_68, ["timeCode", *names], progress)


def write_emotions(path, take, *, progress=None):
    """Write emotions: time_code and ten emotion_values.<name>.

    Args:
        path: where to.
        take: Take with a motion in a2f-emotion-10.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: a motion in another space.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    if set(take.motion.space.columns) != set(EMOTIONS.columns):
        raise InputError("motion", expected="the space a2f-emotion-10", got=take.motion.space.name,
                         remedy="write curves of the face in another format, such as csv")
    _write(path, take.motion, EMOTIONS, ["time_code", *(f"emotion_values.{name}" for name in EMOTIONS.columns)],
           progress)


def _write(path, motion, space, names, progress):
    from_columns = [i for i, name in enumerate(space.columns) if name in motion.space.columns]
    known = motion.space.indices([space.columns[i] for i in from_columns])
    with atomic_path(path) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as file:
        file.write("," + ",".join(names) + "\n")
        for start in range(0, len(motion), _ROWS):
            values = motion.values[start:start + _ROWS]
            rows = np.zeros((len(values), 1 + len(space)))
            rows[:, 0] = np.arange(start, start + len(values)) / motion.fps
            rows[:, 1 + np.array(from_columns)] = values[:, known]
            write_rows(file, start, rows, 9)
            if progress:
                progress(start + len(values), len(motion))


def fits(path):
    """Whether a .csv file holds an animation of this layout."""
    return path.suffix.lower() == ".csv" and _SHAPES in first_line(path).lower()


def fits_emotions(path):
    """Whether a .csv file holds emotions of this layout."""
    return path.suffix.lower() == ".csv" and _EMOTIONS in first_line(path).lower()


def read(path):
    """Read an animation.

    Names count in upper or lower case. All 68 come back in a2f-68, or else all 52 of ARKit in arkit-52, further ones
    left out; other names make a space of their own. Rows at uneven times are interpolated.

    Args:
        path: of the .csv file.

    Returns:
        Motion without head pose.

    Raises:
        InputError: not such a file, or damaged.
    """
    return _read(path, _SHAPES, (A2F_68, ARKIT_52))


def read_emotions(path):
    """Read emotions; a few time codes become 30 rows a second, interpolated in between.

    Returns:
        Motion in a2f-emotion-10; emotions that the file does not name are 0.

    Raises:
        InputError: not such a file, or damaged.
    """
    return _read(path, _EMOTIONS, (EMOTIONS,))


def _read(path, prefix, spaces):
    times, names, values = read_columns(path, time_names=("timecode", "time_code"), prefix=prefix)
    at = {name.lower(): i for i, name in enumerate(names)}
    try:
        if spaces == (EMOTIONS,):
            full = np.zeros((len(values), len(EMOTIONS)), np.float32)
            for i, name in enumerate(EMOTIONS.columns):
                if name in at:
                    full[:, i] = values[:, at[name]]
            # Emotions are asked for at a few times; 4 rows a second or more are a curve with its own rate.
            few = len(times) > 1 and np.median(np.diff(times)) > 0.25
            return Motion(*_swapped(even_rows(times, full, fps=30.0 if few else None)), EMOTIONS)
        for space in spaces:
            known = [at.get(name.lower()) for name in space.columns]
            if None not in known:
                return Motion(*_swapped(even_rows(times, values[:, known])), space)
        return Motion(*_swapped(even_rows(times, values)), Space(f"a2f-{len(names)}", names))
    except (InputError, ValueError) as error:
        raise unreadable(path, error) from error


def _swapped(fps_and_values):
    fps, values = fps_and_values
    return values, fps
