"""Figures of a running service as Prometheus reads them: text, a line a number."""

from bisect import bisect_left

# Upper ends of the classes that seconds are counted in; 0.2 is the bar of the quality model's latency.
BOUNDS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """How often a duration was how long.

    Args:
        bounds_s: upper ends of its classes, seconds, rising.

    Attributes:
        count, sum_s: of all that was observed.
    """

    def __init__(self, bounds_s=BOUNDS_S):
        self._bounds_s, self._counts = bounds_s, [0] * (len(bounds_s) + 1)
        self.count, self.sum_s = 0, 0.0

    def observe(self, seconds):
        """Count one duration."""
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self.count += 1
        self.sum_s += seconds

    def samples(self, **labels):
        """List of (suffix, labels, value): the classes, each with all below it, the sum and the count."""
        rows, below = [], 0
        for bound, count in zip((*self._bounds_s, "+Inf"), self._counts, strict=True):
            below += count
            rows.append(("_bucket", {**labels, "le": str(bound)}, below))
        return [*rows, ("_sum", labels, round(self.sum_s, 6)), ("_count", labels, self.count)]


def exposition(families):
    """The text that a scrape gets.

    Args:
        families: list of (name without prefix, "counter" | "gauge" | "histogram", help, samples), samples as a number,
            or a list of (suffix, labels, value).
    """
    lines = []
    for name, kind, told, samples in families:
        lines += [f"# HELP personare_{name} {told}", f"# TYPE personare_{name} {kind}"]
        rows = samples if isinstance(samples, list) else [("", {}, samples)]
        lines += [f"personare_{name}{suffix}{_braced(labels)} {value}" for suffix, labels, value in rows]
    return "\n".join(lines) + "\n"


def _braced(labels):
    pairs = [f'{name}="{_escaped(str(value))}"' for name, value in labels.items()]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(text):
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
