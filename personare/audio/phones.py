"""Phone posteriors: sound -> how likely each of 42 phones of many languages is, 60 times a second.

A small network of temporal convolutions over log-mel rows (personare/learn/nets/vox.py), trained to name phones
along with the mouth; docs/audio/phones.md says how well it does. It runs through onnxruntime on one thread.
"""

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from personare.assets import builtin_path, open_graph
from personare.audio.mel import MelOptions, row_count
from personare.audio.networks import NetworkStream
from personare.audio.resampling import Resampler
from personare.errors import AssetError, InputError
from personare.store import read_bundle
from personare.types import Audio, Features

GRAPH = "model.onnx"


@dataclass(frozen=True)
class PhonesOptions:
    """What the card of a bundle says on how to run it.

    Args:
        mel: settings of the front end, which runs at twice the rate of the rows.
        frames_before, frames_after: context of the network, in rows of the result.
        names: of the phones, in the order of the columns; "SIL" is silence.
    """

    mel: MelOptions
    frames_before: int
    frames_after: int
    names: tuple[str, ...]

    @property
    def rate_hz(self):
        """Rows a second."""
        return self.mel.rate_hz / 2

    @property
    def look_ahead_s(self):
        """Seconds of sound after a row's own time that the row depends on (resampling aside)."""
        rounding_s = 0.5 / self.mel.sample_rate_hz
        return self.frames_after / self.rate_hz + 1 / self.mel.rate_hz + self.mel.look_ahead_s + rounding_s


class PhoneNetwork:
    """An opened bundle.

    Args:
        bundle: store.Bundle.

    Attributes:
        options: PhonesOptions.
        card: the bundle's card.
    """

    def __init__(self, bundle):
        self.card = bundle.card
        self._graph_path = bundle.path(GRAPH)
        try:
            self.options = msgspec.convert(bundle.card.config, PhonesOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error

    @cached_property
    def _graph(self):
        return open_graph(self._graph_path)

    def run(self, rows):
        """(t, c) float32 posteriors of (2 (frames_before + t + frames_after) + 1, bands) float32 log-mel rows."""
        return self._graph.run(None, {"rows": rows[None]})[0][0]


def open_phones(path=None):
    """Open the built-in phone network, or another bundle of the same kind.

    Args:
        path: folder of a bundle; default the one that ships with personare.

    Returns:
        PhoneNetwork.

    Raises:
        AssetError: the bundle is missing, damaged, or of a newer version.
    """
    return PhoneNetwork(read_bundle(builtin_path("phones") if path is None else path))


def phones(audio, *, network=None):
    """Phone posteriors of sound.

    Args:
        audio: Audio, or AudioStream for sound that should not be in memory at once; any sample rate.
        network: PhoneNetwork; default the built-in one.

    Returns:
        Features of kind "phones": (t, 42) float32 in 0..1, rows sum to 1; row i stands at i / 60 s,
        t = ceil(duration_s * 60), at least 1. network.options.names has the names of the columns.
    """
    stream = PhoneStream(network, source_rate_hz=audio.rate_hz)
    chunks = (audio.samples,) if isinstance(audio, Audio) else audio.chunks()
    rows = [stream.push(samples) for samples in chunks]
    rows.append(stream.finish())
    return Features(np.concatenate(rows), stream.options.rate_hz, "phones")


class PhoneStream:
    """The same front end for sound that arrives in pieces of any size.

    Args:
        network: PhoneNetwork; default the built-in one.
        source_rate_hz: rate of the pushed samples; default 16000.

    Attributes:
        options: PhonesOptions.
    """

    def __init__(self, network=None, *, source_rate_hz=None):
        network = network or open_phones()
        self.options = network.options
        self._rate_hz = source_rate_hz or self.options.mel.sample_rate_hz
        own_rate = self._rate_hz == self.options.mel.sample_rate_hz
        self._resampler = None if own_rate else Resampler(self._rate_hz, self.options.mel.sample_rate_hz)
        self._network = NetworkStream(self.options.mel, network.run, frames_before=self.options.frames_before,
                                      frames_after=self.options.frames_after)
        self._empty = np.empty((0, len(self.options.names)), np.float32)
        self._waiting = self._empty
        self._given, self._pushed, self._finished = 0, 0, False

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, 42) float32 rows that no later sound can change."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        self._keep(self._network.push(samples if self._resampler is None else self._resampler.push(samples)))
        return self._give(self._known() if self._pushed else 0)

    def finish(self):
        """The (t, 42) float32 rows that were waiting for more sound; silence stands in for it."""
        if self._finished:
            return self._empty
        self._finished = True
        if self._resampler is not None:
            self._keep(self._network.push(self._resampler.finish()))
        self._keep(self._network.finish())
        while self._given + len(self._waiting) < self._known():
            self._keep(self._network.silence())
        return self._give(self._known())

    def _known(self):
        return row_count(self._pushed, sample_rate_hz=self._rate_hz, rate_hz=self.options.rate_hz)

    def _keep(self, outputs):
        if outputs is not None:
            self._waiting = np.concatenate([self._waiting, outputs])

    def _give(self, stop):
        """Rows up to `stop`, which the recording is known to reach."""
        count = max(0, min(stop - self._given, len(self._waiting)))
        rows, self._waiting = self._waiting[:count], self._waiting[count:].copy()
        self._given += count
        return rows
