"""A written bundle against the network it came from: the same numbers, however the sound arrives."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from personare import registry
from personare.audio.load import load
from personare.audio.resampling import resample
from personare.audio.stored import StoredRows, write_rows
from personare.errors import AssetError
from personare.store import read_bundle, write_bundle
from personare.types import Audio

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
    if clip.stored:
        seconds = len(clip.rows) / corpus.front_end.rate_hz
        with tempfile.TemporaryDirectory() as place:
            audio = Audio(np.zeros(int(seconds * corpus.front_end.sample_rate_hz), np.float32),
                          corpus.front_end.sample_rate_hz)
            return _proved(_with_ears(folder, place, corpus, clip), audio, recipe, network, corpus, clip)
    return _proved(folder, load(clip.sound), recipe, network, corpus, clip)


def _with_ears(folder, place, corpus, clip):
    """The bundle again, but hearing a clip's stored rows whatever the sound; its folder."""
    bundle, path = read_bundle(folder), Path(place) / "features.npz"
    write_rows(path, StoredRows(corpus.front_end.name, clip.rows, corpus.front_end.rate_hz, silence=corpus.silence))
    card = {name: getattr(bundle.card, name) for name in ("name", "method", "summary", "licence", "sources")}
    config = bundle.card.config | {"front_end": "stored", "front_end_options": {"path": str(path)}}
    files = {name: bundle.path(name).read_bytes() for name in bundle.card.files}
    return write_bundle(Path(place) / "bundle", card=card | {"config": config}, files=files).folder


def _proved(folder, audio, recipe, network, corpus, clip):
    opened = registry.load("motion", read_bundle(folder).card.method)(folder)
    spoken = recipe.spoken(corpus, clip)

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
