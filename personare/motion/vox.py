"""The built-in method: speech in any language to the mouth curves of ARKit-52.

A small network of temporal convolutions (personare/learn/nets/vox.py) reads log-mel rows and gives free mouth
curves at 60 frames a second together with three gates: lips closed (p b m), lip on teeth (f v), rest. The
gates are sharpened and pull the curves to contact (personare/motion/lips.py), since regression alone averages
closures away. It runs through onnxruntime on one thread; docs/motion/vox.md says what it was checked against.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import msgspec
import numpy as np

from personare.assets import builtin_path, open_graph
from personare.audio.mel import MelOptions
from personare.audio.networks import CarriedRun, carries, silent_state
from personare.errors import AssetError
from personare.motion.lips import CURVE, CURVES, arkit_from_curves, constrain
from personare.motion.session import Pipeline, Session
from personare.motion.windows import refuse_style
from personare.store import read_bundle

GRAPH = "model.onnx"
_PARTS_LIPS = np.array([name in ("jawOpen", "mouthLowerDown", "mouthUpperUp") for name in CURVES])
_SMALL_WHERE_ROUND = _PARTS_LIPS | np.array([name == "mouthFunnel" for name in CURVES])
# mouthPucker where lips begin to count as rounded, and of a wholly rounded u or w; that of r and an open o lies below
# both, see the table of personare/learn/visemes.py.
FIRST_PUCKER, FULL_PUCKER = 0.3, 0.6


@dataclass(frozen=True)
class VoxOptions:
    """What the card of a bundle says on how to run it.

    Args:
        mel: settings of the front end.
        frames_before, frames_after: context of the network, in frames.
        gate_gain: (3,) sharpness of each gate, > 0; 1 leaves the network's own probabilities.
        gate_bias: (3,) logit at which each gate is half closed.
        smoothing: weights of neighbouring frames against jitter, the earliest first; they sum to 1.
        smoothing_after: how many of them lie after the frame itself.
        amplitude: factor on the free curves.
        opening: further factor on those that part the lips, so that they open as far as tracked ones do.
        rounded_opening: share of the opening that is left where lips are wholly rounded, 0..1: a small hole.
        puckering: factor on mouthPucker.
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
    rounded_opening: float = 1.0
    puckering: float = 1.0


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
            self.options = msgspec.convert(bundle.card.config, VoxOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error

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
                        reach_before=len(options.smoothing) - 1 - options.smoothing_after,
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
        outputs: (t + r - 1, 21) float32 for r weights of smoothing; what they reach beyond t is context only.
        options: VoxOptions.

    Returns:
        (t, 52) float32 in 0..1.
    """
    curves, logits = outputs[:, : len(CURVES)], outputs[:, len(CURVES) :]
    gain, bias = np.float32(options.gate_gain), np.float32(options.gate_bias)
    gates = 1 / (1 + np.exp(np.minimum(np.maximum(gain * (bias - logits), -30), 30)))
    mouth = constrain(sized(curves, options), gates)
    count = len(mouth) - len(options.smoothing) + 1
    smooth = sum(np.float32(weight) * mouth[i : i + count] for i, weight in enumerate(options.smoothing))
    return arkit_from_curves(smooth)


def sized(curves, options):
    """(t, 18) free curves as large as those of tracked mouths, in 0..1."""
    pucker = CURVE["mouthPucker"]
    sized = curves * _factors(options.amplitude, options.opening)
    rounded = (sized[:, pucker] - FIRST_PUCKER) / np.float32(FULL_PUCKER - FIRST_PUCKER)
    rounded = np.minimum(np.maximum(rounded, 0), 1)
    lost = np.float32(1 - options.rounded_opening) * rounded
    sized[:, _SMALL_WHERE_ROUND] *= (1 - lost)[:, None]
    sized[:, pucker] *= np.float32(options.puckering)
    return np.minimum(np.maximum(sized, 0), 1)


@lru_cache(maxsize=16)
def _factors(amplitude, opening):
    """(18,) float32 factors on the free curves."""
    return (amplitude * np.where(_PARTS_LIPS, opening, 1)).astype(np.float32)


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
