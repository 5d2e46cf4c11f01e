"""The built-in method: speech in any language to the mouth curves of ARKit-52.

A small network of temporal convolutions (personare/learn/nets/vox.py) reads log-mel rows and gives free mouth
curves at 60 frames a second together with three gates: lips closed (p b m), lip on teeth (f v), rest. The
gates are sharpened and pull the curves to contact (personare/motion/lips.py), since regression alone averages
closures away. It runs through onnxruntime on one thread; docs/motion/vox.md says what it was checked against.
"""

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache

import msgspec
import numpy as np

from personare.assets import builtin_path, open_graph
from personare.audio.mel import MelOptions
from personare.audio.networks import CarriedRun, carries, silent_state
from personare.errors import AssetError, InputError
from personare.motion.lips import CURVE, CURVES, arkit_from_curves, constrain, without_overlap
from personare.motion.session import Pipeline, Session
from personare.motion.windows import refuse_style
from personare.store import read_bundle

GRAPH = "model.onnx"
_PARTS_LIPS = np.array([name in ("jawOpen", "mouthLowerDown", "mouthUpperUp") for name in CURVES])


@dataclass(frozen=True)
class VoxOptions:
    """What the card of a bundle says on how to run it.

    Args:
        mel: settings of the front end.
        frames_before, frames_after: context of the network, in frames.
        gate_gain: (3,) sharpness of each gate, > 0; 1 leaves the network's own probabilities.
        gate_bias: (3,) logit at which each gate is half closed.
        smoothing: weights of neighbouring frames against jitter, the earliest first; they sum to 1, and some may be
            below 0: those lead where a mean of past frames lags.
        smoothing_after: how many of them lie after the frame itself.
        amplitude: factor on the free curves.
        opening: further factor on those that part the lips, so that they open as far as tracked ones do.
        puckering: factor on mouthPucker.
        rest_fade: frames before, over which lips go to rest as the mean of the gate does; they part again at once.
        waking: share of the smoothing that is left out where lips leave rest, 0..1, as far as the gate has fallen.
    """

    mel: MelOptions
    frames_before: int
    frames_after: int
    gate_gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gate_bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    smoothing: tuple[float, ...] = (1.0,)
    smoothing_after: int = 0
    amplitude: float = 1.0
    opening: float = 1.0
    puckering: float = 1.0
    rest_fade: int = 0
    waking: float = 0.0

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")

        check("gate_gain", min(self.gate_gain) > 0, "numbers above 0")
        check("smoothing", self.smoothing and abs(sum(self.smoothing) - 1) < 1e-3, "weights that sum to 1")
        check("smoothing_after", 0 <= self.smoothing_after < len(self.smoothing), "less than there are weights")
        check("rest_fade", 0 <= self.rest_fade <= 600, "0 to 600 frames")
        check("waking", 0 <= self.waking <= 1, "0 to 1")

    @property
    def reach_before(self):
        """Frames before its own that decoding a frame looks at."""
        return len(self.smoothing) - 1 - self.smoothing_after + self.rest_fade


class Vox:
    """An opened bundle.

    Args:
        bundle: store.Bundle.

    Attributes:
        options: VoxOptions.
        card: the bundle's card.
        styles: names of its styles; none.
    """

    styles = ()

    def __init__(self, bundle):
        self.card = bundle.card
        self._graph_path = bundle.path(GRAPH)
        try:
            if unknown := set(bundle.card.config) - {field.name for field in fields(VoxOptions)}:
                raise msgspec.ValidationError(f"unknown setting {', '.join(sorted(unknown))}")
            self.options = msgspec.convert(bundle.card.config, VoxOptions)
        except msgspec.ValidationError as error:
            raise AssetError(f"{bundle.folder}: its card does not fit this release ({error}); update personare, or "
                             "make the bundle again") from error

    @cached_property
    def _network(self):
        return open_graph(self._graph_path)

    @cached_property
    def _silent_state(self):
        return silent_state(self._network, self.options.mel)

    def session(self, *, fps=30.0, style=None, seed=0):
        """A new take.

        Args:
            fps: frames a second, > 0.
            style: None; there are no styles.
            seed: the method is deterministic; any gives the same.

        Returns:
            Session.

        Raises:
            InputError: a style is asked for.
        """
        refuse_style(style, "vox")
        return Session(self.pipeline(), fps=fps)

    def pipeline(self):
        """The Pipeline of one session."""
        options = self.options
        run = CarriedRun(self._network, self._silent_state) if carries(self._network) else self.run
        return Pipeline(mel=options.mel, run=run, decode=lambda outputs: decode(outputs, options=options),
                        frames_before=options.frames_before, frames_after=options.frames_after,
                        reach_before=options.reach_before,
                        reach_after=options.smoothing_after, space="arkit-52")

    def run(self, rows):
        """Raw outputs of the network.

        Args:
            rows: (r, c) float32 log-mel.

        Returns:
            (t, 21) float32: 18 curves, then 3 gates as logits.
        """
        if not carries(self._network):
            curves, gates = self._network.run(None, {"rows": rows[None]})
            return np.concatenate([curves[0], gates[0]], axis=1)
        context = self.options.frames_before + self.options.frames_after
        return CarriedRun(self._network, np.zeros_like(self._silent_state))(rows)[context:]


def decode(outputs, *, options):
    """ARKit-52 values of the network's raw outputs.

    Args:
        outputs: (t + r, 21) float32, of which the first options.reach_before and the last options.smoothing_after
            are context only.
        options: VoxOptions.

    Returns:
        (t, 52) float32 in 0..1.
    """
    curves = outputs[options.rest_fade :, : len(CURVES)]
    gates = gates_of(outputs[:, len(CURVES) :], options)
    mouth = constrain(sized(curves, options), gates)
    smooth = smoothed(mouth, options)
    if options.waking:
        smooth = _woken(smooth, mouth, gates[:, 2], options)
    # Weights below 0 overshoot.
    return arkit_from_curves(without_overlap(smooth))


def _woken(smooth, mouth, rest, options):
    """(t, 18) smooth curves, nearer to the rough ones (t + r, 18) where the gate of rest (t + r,) falls."""
    count, own = len(smooth), len(options.smoothing) - 1 - options.smoothing_after
    before = rest[:count]
    for i in range(1, own + 1):
        before = np.maximum(before, rest[i : i + count])
    share = np.float32(options.waking) * (before - rest[own : own + count])[:, None]
    return smooth + share * (mouth[own : own + count] - smooth)


def gates_of(logits, options):
    """(t, 3) gates in 0..1 of (t + rest_fade, 3) logits; lips rest no more than on average over the fade."""
    gain, bias = np.float32(options.gate_gain), np.float32(options.gate_bias)
    gates = 1 / (1 + np.exp(np.minimum(np.maximum(gain * (bias - logits), -30), 30)))
    fade, rest = options.rest_fade, gates[:, 2]
    faded = gates[fade:].copy()
    mean = sum(rest[i : i + len(faded)] for i in range(fade + 1)) / np.float32(fade + 1)
    faded[:, 2] = np.minimum(faded[:, 2], mean)
    return faded


def smoothed(rows, options):
    """(t, c) weighted sums of neighbouring rows; len(smoothing) - 1 more are given."""
    count = len(rows) - len(options.smoothing) + 1
    return sum(np.float32(weight) * rows[i : i + count] for i, weight in enumerate(options.smoothing))


def sized(curves, options):
    """(t, 18) free curves as large as those of tracked mouths, in 0..1."""
    return np.minimum(np.maximum(curves * _factors(options.amplitude, options.opening, options.puckering), 0), 1)


@lru_cache(maxsize=16)
def _factors(amplitude, opening, puckering):
    """(18,) float32 factors on the free curves."""
    factors = amplitude * np.where(_PARTS_LIPS, opening, 1)
    factors[CURVE["mouthPucker"]] *= puckering
    return factors.astype(np.float32)


def open_vox(path=None):
    """Open the built-in model, or another bundle of the same method.

    Args:
        path: folder of a bundle; default the one that ships with personare.

    Returns:
        Vox.

    Raises:
        AssetError: the bundle is missing, damaged, or of a newer version.
    """
    return Vox(read_bundle(builtin_path("vox") if path is None else path))


def open_live():
    """The built-in model for live use: 38 ms of look-ahead. A Vox."""
    return open_vox(builtin_path("vox-live"))


def open_small():
    """The built-in model at a quarter of the size. A Vox."""
    return open_vox(builtin_path("vox-small"))


def open_small_live():
    """The built-in model at a quarter of the size for live use: 38 ms of look-ahead. A Vox."""
    return open_vox(builtin_path("vox-small-live"))
