"""The command line: personare animate | convert | data | evaluate | face | learn | list | live | portrait | serve …"""

import signal
import sys
import warnings

from personare.cli import (  # noqa: F401  each adds commands to the app
    animate,
    convert,
    data,
    evaluate,
    face,
    fetch,
    learn,
    listing,
    live,
    portrait,
    portrait_train,
    serve,
    track,
)
from personare.cli.apps import StoppedError, app
from personare.errors import PersonareError
from personare.progress import Mode, Report


def _stop(number, frame):
    raise StoppedError


def main():
    """Entry point: one line for an expected error, 130 for Ctrl-C, never a traceback for the user's mistake."""
    words = sys.argv[1:]
    report = Report(Mode.of(quiet="-q" in words or "--quiet" in words, json_lines="--json-progress" in words))
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = lambda message, *_, **__: report.warning(message)
    try:
        app()
    except PersonareError as error:
        report.error(None, error)
        sys.exit(1)
    except StoppedError:
        report.stopped()
        sys.exit(130)
