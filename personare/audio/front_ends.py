"""Front ends by name, all of one form: sound in pieces to rows of numbers at a fixed rate.

Networks and data sets name a front end and its options, both plain enough for the card of a bundle, and get the
same rows from it, whether a file is read whole or sound arrives in pieces.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import msgspec
import numpy as np

from personare import registry
from personare.audio.energy import EnergyOptions, EnergyStream
from personare.audio.lpc import BLOCK_IMAGES, IMAGE_COLUMNS, IMAGE_S, LpcOptions, LpcStream, shared_polynomials
from personare.audio.mel import LogMelStream, MelOptions, row_count
from personare.audio.mfcc import MfccOptions, MfccStream
from personare.audio.pcen import PcenOptions, PcenStream
from personare.errors import AssetError, InputError
from personare.types import Audio, Features

# Sound for the rows of silence: longer than the memory of any front end here.
_SILENCE_S = 4.0


@dataclass(frozen=True, eq=False)
class FrontEnd:
    """Sound to rows.

    Args:
        name: as in the registry.
        options: what open_front_end was called with beside the name; plain values, fit for a card.
        rate_hz: rows a second; row i stands at i / rate_hz.
        sample_rate_hz: rate of the sound to push.
        width: numbers in a row.
        look_ahead_s: a row depends on no sound later than this after its own time.
        stream: called for a new stream: push((n,) float32) -> (t, width) float32 rows that no later sound can
            change, finish() -> (t, width) the remaining ones; with row_count(...) rows in all.
        silence: (width,) float32, what silence gives, where the stream is not to be asked.
    """

    name: str
    options: dict
    rate_hz: float
    sample_rate_hz: int
    width: int
    look_ahead_s: float
    stream: Callable[[], object]
    silence: np.ndarray | None = None

    def silent_row(self):
        """(width,) float32, what silence gives once it has lasted."""
        if self.silence is not None:
            return self.silence.copy()
        stream = self.stream()
        rows = stream.push(np.zeros(int(_SILENCE_S * self.sample_rate_hz), np.float32))
        rows = np.concatenate([rows, stream.finish()])
        return rows[len(rows) // 2].copy()


def open_front_end(name, **options):
    """A front end by its name.

    Args:
        name: mel, mfcc, pcen, lpc, phones, deepspeech, or another of `personare list` that has one.
        options: settings of it, see its page under docs/audio; those of an options class may be given as a dict.

    Returns:
        FrontEnd.

    Raises:
        InputError: no front end has that name, or it has no such option. AssetError: files it needs are missing.
    """
    row = registry.row("audio", name)
    if not row.front_end:
        known = tuple(other for other in registry.names("audio") if registry.row("audio", other).front_end)
        raise InputError("front end", expected=f"one of {', '.join(known)}", got=f"'{name}'", remedy="use one of those")
    opened = registry.load_front_end(name)
    try:
        return opened(**options)
    except (TypeError, msgspec.ValidationError) as error:
        raise InputError(f"front end {name}", expected="its own options", got=str(error),
                         remedy=f"see docs/audio/{name}.md") from error


def features_of(front_end, audio):
    """Rows of a whole recording.

    Args:
        front_end: FrontEnd.
        audio: Audio or AudioStream; any rate.

    Returns:
        Features of the front end's kind and rate; t = ceil(duration_s * rate_hz), at least 1.
    """
    from personare.audio.resampling import Resampler

    stream, resampler = front_end.stream(), Resampler(audio.rate_hz, front_end.sample_rate_hz)
    chunks = (audio.samples,) if isinstance(audio, Audio) else audio.chunks()
    rows, block = [], 4 * front_end.sample_rate_hz
    for chunk in chunks:
        # Long sound goes through in pieces, so that windows of it never stand in memory at once.
        rows += [stream.push(resampler.push(chunk[at : at + block])) for at in range(0, len(chunk), block)]
    rows += [stream.push(resampler.finish()), stream.finish()]
    return Features(np.concatenate(rows), front_end.rate_hz, front_end.name)


def mel(**options):
    """Log-mel energies; options are those of MelOptions."""
    settings = _settings(options, MelOptions)
    return FrontEnd("mel", plain(settings), settings.rate_hz, settings.sample_rate_hz, settings.band_count,
                    _reach(settings, settings), lambda: LogMelStream(settings))


def mfcc(**options):
    """Cepstral coefficients; options are those of MfccOptions."""
    settings = _settings(_with_speech_mel(options), MfccOptions)
    return FrontEnd("mfcc", plain(settings), settings.mel.rate_hz, settings.mel.sample_rate_hz,
                    settings.channel_count, _reach(settings, settings.mel), lambda: MfccStream(settings))


def pcen(**options):
    """Mel energies behind a gain control; options are those of PcenOptions."""
    settings = _settings(options, PcenOptions)
    return FrontEnd("pcen", plain(settings), settings.mel.rate_hz, settings.mel.sample_rate_hz,
                    settings.mel.band_count, _reach(settings, settings.mel), lambda: PcenStream(settings))


def energy(**options):
    """Root mean square of sound, 1 wide; options are those of EnergyOptions."""
    settings = _settings(options, EnergyOptions)
    return FrontEnd("energy", plain(settings), settings.rate_hz, settings.sample_rate_hz, 1, _reach(settings, settings),
                    lambda: EnergyStream(settings))


def phones(*, path=None):
    """Phone posteriors, 42 wide and 60 a second; path of another bundle than the built-in one."""
    from personare.audio.phones import PhoneStream, open_phones

    network = open_phones(path)
    settings = network.options
    return FrontEnd("phones", {} if path is None else {"path": str(path)}, settings.rate_hz,
                    settings.mel.sample_rate_hz, len(settings.names), settings.look_ahead_s,
                    lambda: PhoneStream(network))


def deepspeech(*, path=None, sha256="", probabilities=False, rate_hz=50.0):
    """DeepSpeech's 29 letters, by the user's copy of a released network.

    Args:
        path: see deepspeech.open_deepspeech; None for the one in personare's home, see deepspeech.graph_path.
        sha256: of the network that is meant; "" for any.
        probabilities: shares that sum to 1 and not the logits.
        rate_hz: 50, or 50 over a whole number: 25 is every other row.
    """
    from personare.audio import deepspeech as letters

    step = letters.ROWS_HZ / rate_hz if isinstance(rate_hz, int | float) and rate_hz > 0 else 0.5
    if step < 1 or step != int(step):
        raise InputError("rate_hz", expected="50 over a whole number, such as 25", got=repr(rate_hz), remedy="use 25")
    used = path or letters.graph_path()
    network = letters.open_deepspeech(used)
    found = letters.hash_of(used)
    if sha256 and found != sha256:
        raise AssetError(f"{used}: another DeepSpeech than the one that was meant (sha256 {found[:12]}, not "
                         f"{sha256[:12]}); put that one there")
    options = {"sha256": found, "probabilities": probabilities, "rate_hz": float(rate_hz)}
    return FrontEnd("deepspeech", options | ({"path": str(path)} if path else {}), float(rate_hz), letters.RATE_HZ,
                    letters.LETTERS, network.look_ahead_s, lambda: letters.SparseStream(
                        letters.DeepSpeechStream(network, probabilities=probabilities), int(step)))


def lpc(*, image_hz=0.0, **options):
    """Linear prediction; options are those of LpcOptions.

    Args:
        image_hz: rows a second of FACEGOOD's images, flattened to 2048 numbers (coefficient, then window);
            0 gives rows of order + 1 coefficients at rate_hz instead.
        options: those of LpcOptions.
    """
    settings = _settings(options, LpcOptions)
    if not image_hz:
        return FrontEnd("lpc", plain(settings), settings.rate_hz, settings.sample_rate_hz, settings.order + 1,
                        _reach(settings, settings), lambda: LpcStream(settings))
    if not (isinstance(image_hz, int | float) and 1 <= image_hz <= 240):
        raise InputError("image_hz", expected="1..240 images a second", got=repr(image_hz), remedy="use 30")
    look_ahead_s = (IMAGE_S / 2 * settings.sample_rate_hz + 1) / settings.sample_rate_hz
    return FrontEnd("lpc", {"image_hz": float(image_hz), **plain(settings)}, float(image_hz),
                    settings.sample_rate_hz, (settings.order + 1) * IMAGE_COLUMNS, look_ahead_s,
                    lambda: LpcImageStream(settings, image_hz))


class LpcImageStream:
    """FACEGOOD's images of sound that arrives in pieces: the rows of lpc.lpc_images, and one more for a last part.

    Args:
        options: LpcOptions.
        image_hz: images a second.
    """

    def __init__(self, options, image_hz):
        self._options, self._image_hz = options, image_hz
        self._length = int(IMAGE_S * options.sample_rate_hz)
        # Sound not yet out of reach of coming images; it starts at sample number _start of the recording.
        self._start = -int(IMAGE_S / 2 * options.sample_rate_hz)
        self._waiting = np.zeros(-self._start, np.float32)
        self._row, self._pushed, self._finished = 0, 0, False

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, 2048) float32 rows that are now complete."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        self._waiting = np.concatenate([self._waiting, np.asarray(samples, np.float32)])
        known, stop = self._known() if self._pushed else 0, self._row
        while stop < known and self._first(stop) + self._length <= self._start + len(self._waiting):
            stop += 1
        return self._rows(stop)

    def finish(self):
        """The (t, 2048) float32 rows that were waiting for more sound; silence stands in for it."""
        if self._finished:
            return np.empty((0, (self._options.order + 1) * IMAGE_COLUMNS), np.float32)
        self._finished = True
        missing = self._first(self._known() - 1) + self._length - (self._start + len(self._waiting))
        self._waiting = np.concatenate([self._waiting, np.zeros(max(missing, 0), np.float32)])
        return self._rows(self._known())

    def _known(self):
        return row_count(self._pushed, sample_rate_hz=self._options.sample_rate_hz, rate_hz=self._image_hz)

    def _first(self, row):
        """First sample of an image, by the original's own rounding: milliseconds times samples in one."""
        rate_khz = self._options.sample_rate_hz / 1000
        return int(row * (1000.0 / self._image_hz) * rate_khz) - int(IMAGE_S / 2 * self._options.sample_rate_hz)

    def _rows(self, stop):
        rows = np.empty((stop - self._row, self._options.order + 1, IMAGE_COLUMNS), np.float32)
        places = self._options.window_length // 2 * np.arange(IMAGE_COLUMNS) - self._start
        for begin in range(0, len(rows), BLOCK_IMAGES):
            block = range(self._row + begin, min(self._row + begin + BLOCK_IMAGES, stop))
            first = np.array([self._first(row) for row in block])
            images = shared_polynomials(self._waiting.astype(np.float64), first[:, None] + places, self._options)
            rows[begin : begin + len(first)] = images.transpose(0, 2, 1)
        self._row = stop
        keep = min(self._first(stop) - self._start, len(self._waiting))
        if keep > 0:
            self._waiting, self._start = self._waiting[keep:].copy(), self._start + keep
        return rows.reshape(len(rows), (self._options.order + 1) * IMAGE_COLUMNS)


def plain(options):
    """A frozen dataclass as a dict of plain values, without those that keep their default."""
    kept = {field.name: (getattr(options, field.name), field.default) for field in fields(options)}
    return {name: msgspec.to_builtins(value) for name, (value, default) in kept.items() if value != default}


def _settings(options, kind):
    """An options class of plain values, or of ready ones; a name it does not have is a TypeError."""
    known, given = {field.name: field.type for field in fields(kind)}, {}
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"no option '{name}'; it has {', '.join(known)}")
        value = _settings(value, known[name]) if isinstance(value, dict) else value
        given[name] = msgspec.to_builtins(value)
    return msgspec.convert(given, kind)


def _with_speech_mel(options):
    """MFCC's bands start from the ones usual for speech, not from those of the log-mel front end."""
    from personare.audio.mfcc import SPEECH_MEL

    given = options.get("mel", {})
    return options | {"mel": msgspec.to_builtins(SPEECH_MEL) | given} if isinstance(given, dict) else options


def _reach(settings, rates):
    """Look-ahead of a front end whose windows are centred on the nearest sample, at most half a sample late."""
    return settings.look_ahead_s + 0.5 / rates.sample_rate_hz
