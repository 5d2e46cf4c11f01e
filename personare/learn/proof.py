"""A written bundle against the network it came from: the same numbers, however the sound arrives."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from personare import registry
from personare.audio.load import load
from personare.audio.resampling import resample
from personare.errors import AssetError
from personare.store import read_bundle

TOLERANCE = 1e-5
# Sound arrives in pieces of so many seconds in turn; none divides another.
PIECES_S = (0.011, 0.37, 0.083, 1.9)


def prove(folder, recipe, network, corpus):
    """Run a bundle as its user will, and compare.

    Args:
        folder: of the bundle.
        recipe, network, corpus: what it was exported from.

    Returns:
        dict of the largest differences: "network" of the bundle from the network, "pieces" of sound in pieces from
        sound at once, "threads" of two takes at the same time from one alone; as shares of the largest value.

    Raises:
        AssetError: one of them is above 1e-5, so the bundle would not say what was learned.
    """
    clip = min(corpus.held_out or corpus.clips, key=lambda clip: len(clip.values))
    opened = registry.load("motion", read_bundle(folder).card.method)(folder)
    spoken, audio = recipe.spoken(corpus, clip), load(clip.sound)

    def take(pieces=None):
        session = opened.session(fps=corpus.fps, **spoken)
        samples = resample(audio, session.rate_hz).samples
        parts = [session.push(part) for part in _cut(samples, session.rate_hz, pieces)] + [session.finish()]
        return np.concatenate([part.columns(corpus.columns) for part in parts])

    whole = take()
    expected = recipe.predict(network, corpus, clip)
    count = min(len(whole), len(expected))
    size = max(1.0, float(np.abs(expected).max()))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: take(), range(2)))
    found = {"network": _far(whole[:count], expected[:count]) / size, "pieces": _far(take(PIECES_S), whole) / size,
             "threads": max(_far(one, whole) for one in both) / size}
    for name, far in found.items():
        if not far <= TOLERANCE:
            raise AssetError(f"{folder}: the bundle differs by {far:.1e} ({name}) where {TOLERANCE:.0e} is allowed; "
                             "it was not written, please report this with the command you gave")
    return found


def _cut(samples, rate_hz, pieces):
    """The sound at once, or in pieces."""
    if not pieces:
        return [samples]
    stops, i = [0], 0
    while stops[-1] < len(samples):
        stops.append(stops[-1] + int(pieces[i % len(pieces)] * rate_hz))
        i += 1
    return [samples[start:stop] for start, stop in pairwise(stops)]


def _far(one, other):
    if one.shape != other.shape:
        return float("inf")
    return float(np.abs(one - other).max(initial=0))
