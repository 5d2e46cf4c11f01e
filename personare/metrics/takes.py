"""Which prediction belongs to which real take: two files, or two folders of files of the same names."""

from pathlib import Path

from personare import registry
from personare.errors import InputError
from personare.export.reading import checked_size

_SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".mp4", ".mov")


def matched(predicted, truth):
    """The takes of two paths.

    Args:
        predicted, truth: two files, or two folders; in folders files belong together by their names without suffix.

    Returns:
        list of (name, path of the prediction, path of the truth); two folders without such files are takes themselves.

    Raises:
        InputError: a truth without a prediction.
    """
    predicted, truth = Path(predicted), Path(truth)
    theirs = _motions(truth) if predicted.is_dir() and truth.is_dir() else {}
    if not theirs:
        return [(truth.name, predicted, truth)]
    ours = _motions(predicted)
    missing = sorted(set(theirs) - set(ours))
    if missing:
        raise InputError(predicted, expected="a prediction for each take", got=f"none for {', '.join(missing[:3])}",
                         remedy="name the files alike: take.npz in both folders")
    return [(name, ours[name], theirs[name]) for name in sorted(theirs)]


def _motions(folder):
    """Name without suffix -> path of every file of a format that carries motion."""
    suffixes = sorted({row.suffix for row in registry.TABLES["export"].values() if row.reader}, key=len, reverse=True)
    found = {}
    for path in sorted(folder.iterdir()):
        suffix = next((suffix for suffix in suffixes if path.name.endswith(suffix)), None)
        if suffix and path.is_file():
            found.setdefault(path.name.removesuffix(suffix), path)
    return found


def sound_of(audio, name):
    """Path of a take's sound: `audio` itself, or the file of that name in the folder `audio`; None for none.

    Raises:
        InputError: a folder without it.
    """
    if audio is None or not Path(audio).is_dir():
        return audio
    stem = name.split(".")[0]
    found = [Path(audio) / (stem + suffix) for suffix in _SOUNDS if (Path(audio) / (stem + suffix)).is_file()]
    if not found:
        raise InputError(audio, expected=f"the sound of {stem}", got="none", remedy=f"put {stem}.wav there")
    return found[0]


def read_vertices(path):
    """(n,) vertex numbers of a text file with numbers between blanks or commas.

    Raises:
        InputError: no file, or anything else in it.
    """
    import numpy as np

    try:
        words = checked_size(path, limit=16 << 20).read_text(encoding="utf8").replace(",", " ").split()
        numbers = np.array([int(word) for word in words], np.int64)
    except (UnicodeDecodeError, ValueError, OverflowError, OSError) as error:
        raise InputError(path, expected="vertex numbers, from 0", got=str(error)[:80],
                         remedy="check the file") from error
    if not len(numbers) or numbers.min() < 0:
        raise InputError(path, expected="vertex numbers, from 0", got="none" if not len(numbers) else "a negative one",
                         remedy="check the file")
    return numbers
