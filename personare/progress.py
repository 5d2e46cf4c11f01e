"""What the command line says while it works: a bar for people, JSON lines for programs, or nothing."""

import json
import math
import sys
import time
from contextlib import contextmanager
from enum import Enum

# Updates closer than this are dropped; a terminal shows no more.
LEAST_GAP_S = 0.1


class Mode(Enum):
    """How to report."""

    BAR = "bar"
    JSON = "json"
    QUIET = "quiet"

    @classmethod
    def of(cls, *, quiet, json_lines):
        """The mode two command-line switches ask for; JSON lines win."""
        return cls.JSON if json_lines else cls.QUIET if quiet else cls.BAR


class Report:
    """Progress of one run over one or more files.

    Args:
        mode: a Mode.
    """

    def __init__(self, mode):
        self.mode = mode
        self._bar = self._name = None
        self._last_s = 0.0
        self._shown = mode is Mode.BAR and sys.stderr.isatty()

    @contextmanager
    def file(self, path):
        """Everything said inside is about this file."""
        self._name = str(path)
        self._event("start")
        if self._shown:
            self._bar = _bar()
            self._bar.start()
        try:
            yield
        finally:
            if self._bar:
                self._bar.stop()
                self._bar = None

    def stage(self, title):
        """A progress(done, total) callback for one stage of the current file."""
        task = self._bar.add_task(f"{self._name}  {title}", total=None) if self._bar else None

        def update(done, total):
            now_s = time.monotonic()
            if now_s - self._last_s < LEAST_GAP_S and done != total:
                return
            self._last_s = now_s
            if task is not None:
                self._bar.update(task, completed=done, total=total)
            value = round(min(done / total, 1.0), 4) if total else None
            self._event("progress", stage=title, value=value)

        return update

    def wrote(self, paths):
        """The current file is done; these results exist."""
        self._event("done", outputs=[str(path) for path in paths])
        for path in paths:
            self.say(f"{path}")

    def error(self, path, error):
        """One file failed, or with path None the run."""
        if self.mode is Mode.JSON:
            self._name = None if path is None else str(path)
            self._event("error", message=str(error), kind=type(error).__name__)
        else:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201

    def warning(self, message):
        """Something the user should know; quiet mode leaves it out."""
        if self.mode is Mode.JSON:
            self._event("warning", message=str(message))
        elif self.mode is Mode.BAR:
            print(f"warning: {message}", file=sys.stderr)  # noqa: T201

    def stopped(self):
        """The user ended the run."""
        if self.mode is Mode.JSON:
            self._event("stopped")
        else:
            print("stopped; nothing half-written is left", file=sys.stderr)  # noqa: T201

    def close(self, count, failed):
        """End of a run over one or several files."""
        self._name = None
        self._event("end", files=count, failed=failed)
        if count > 1:
            self.say(f"{count - failed} of {count} files done")

    def say(self, text):
        """A line for people."""
        if self.mode is Mode.BAR:
            print(text)  # noqa: T201

    def _event(self, event, **more):
        if self.mode is Mode.JSON:
            line = json.dumps({"event": event, "file": self._name, **more})
            print(line, file=sys.stderr, flush=True)  # noqa: T201


def _bar():
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(TextColumn("{task.description}", markup=False), BarColumn(),
                    TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn(), TimeElapsedColumn(),
                    console=Console(stderr=True), transient=True)


def print_tables(tables, *, as_json=False):
    """Print rows of the registry.

    Args:
        tables: title -> list of (name, Row).
        as_json: print one JSON object instead of tables.
    """
    if as_json:
        plain = {title: [{"name": name, "summary": row.summary, **({"suffix": row.suffix} if row.suffix else {}),
                          **({"carries": row.carries, "read": bool(row.reader)} if row.carries else {})}
                         for name, row in rows] for title, rows in tables.items()}
        print(json.dumps(plain, indent=2))  # noqa: T201
        return
    from rich.console import Console
    from rich.table import Table

    for title, rows in tables.items():
        table = Table(title=title, title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
        for name, row in rows:
            can = ("read, write" if row.reader else "write") if row.suffix else ""
            table.add_row(name, *((row.suffix, can, ", ".join(row.carries)) if row.suffix else ()), row.summary)
        Console().print(table)


def print_figures(figures, *, as_json=False):
    """Print measured figures.

    Args:
        figures: name -> number, or name -> such a dict.
        as_json: print one JSON object instead of lines, with null where a number is not finite.
    """
    if as_json:
        print(json.dumps(_finite(figures), indent=2))  # noqa: T201
        return
    for name, value in figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number:.2f}" for key, number in value.items())
        else:
            value = f"{value:.3f}"
        print(f"{name:20s} {value}")  # noqa: T201


def _finite(figures):
    """Figures as JSON can hold them: it knows no infinity."""
    if isinstance(figures, dict):
        return {name: _finite(value) for name, value in figures.items()}
    return figures if not isinstance(figures, float) or math.isfinite(figures) else None


def print_percentiles(series, totals, *, unit, as_json=False):
    """Print a table of percentiles, a row for each series, and single numbers under it.

    Args:
        series: name -> {level: number}, all with the same levels.
        totals: name -> number.
        unit: of the series.
        as_json: print one JSON object instead.
    """
    if as_json:
        print(json.dumps({"unit": unit, "series": series, **totals}, indent=2))  # noqa: T201
        return
    levels = list(next(iter(series.values()), {}))
    width = max([len(name) for name in (*series, *totals)] + [len(unit)])
    rows = [(name, *(f"{row[level]:.2f}" for level in levels)) for name, row in series.items()]
    rows += [(name, f"{value:.2f}" if isinstance(value, float) else str(value)) for name, value in totals.items()]
    for name, *cells in [(unit, *levels), *rows] if rows else []:
        print(f"{name:{width}s}" + "".join(f"{cell:>10s}" for cell in cells))  # noqa: T201
