"""Text tables with named columns and a time for each row (.csv), read piece by piece."""

import csv

import numpy as np

from personare.export.reading import checked_size, unreadable

_LONGEST_LINE = 1 << 16


def first_line(path):
    """The first line of a text file, "" where there is none."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.readline(_LONGEST_LINE)
    except (OSError, UnicodeDecodeError):
        return ""


def read_columns(path, *, time_names, prefix):
    """Times and the columns whose names have a prefix.

    Args:
        path: of the file.
        time_names: names that the column of times may have, in small letters.
        prefix: what a wanted column's name starts with, in small letters; it is cut off.

    Returns:
        (times (t,) float64, names without the prefix, values (t, k) float32).

    Raises:
        InputError: not such a table, or damaged.
    """
    path = checked_size(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader([file.readline(_LONGEST_LINE)]), [])]
            small = [name.lower() for name in names]
            at = next((small.index(name) for name in time_names if name in small), None)
            where = [i for i, name in enumerate(small) if name.startswith(prefix) and len(name) > len(prefix)]
            if at is None or not where:
                raise unreadable(path, f"a first line without {time_names[0]}" if at is None else
                                 f"a first line without columns {prefix}*")
            pieces = list(_parsed(path, file, len(names), [at, *where]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, error) from error
    if not pieces:
        raise unreadable(path, "no rows")
    table = np.concatenate(pieces)
    with np.errstate(over="ignore"):
        return table[:, 0], tuple(names[i][len(prefix):] for i in where), table[:, 1:].astype(np.float32)


def _parsed(path, file, count, where):
    """Pieces of (t, 1 + k) float64."""
    number = 1
    while lines := file.readlines(1 << 20):
        rows = [line for line in lines if not line.isspace()]
        wrong = next((line for line in rows if line.count(",") + 1 != count), None)
        if wrong is not None:
            raise unreadable(path, f"{wrong.count(',') + 1} instead of {count} columns after row {number}")
        if rows:
            try:
                yield np.loadtxt(rows, np.float64, delimiter=",", usecols=where, comments=None, ndmin=2)
            except ValueError as error:
                raise unreadable(path, f"in rows {number + 1} to {number + len(lines)}: {error}") from error
        number += len(lines)


def write_rows(file, start, rows, digits):
    """Write "index,time,values" of (t, 1 + k) float64 rows whose first column is the time.

    Args:
        file: open text file.
        start: index of the first row.
        rows: (t, 1 + k).
        digits: significant digits of the values; nine keep every bit of float32.
    """
    layout = "%d,%.12g" + f",%.{digits}g" * (rows.shape[1] - 1) + "\n"
    table = np.hstack([np.arange(start, start + len(rows))[:, None], rows + 0.0])
    file.write(layout * len(table) % tuple(table.ravel().tolist()))
