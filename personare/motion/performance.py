"""A voice performed: sound in pieces to finished frames, with articulation, emotion and the layers on top.

This is all that happens between a file and its motion, and between a microphone and an engine: the same numbers.
"""

from inspect import signature
from pathlib import Path

from personare import registry
from personare.arrays import checked_number
from personare.audio.resampling import Resampler
from personare.errors import InputError
from personare.motion.breath import BreathStream
from personare.motion.brought import scaled, without
from personare.motion.layers import Layers, LayerStream
from personare.motion.pieces import joined
from personare.motion.strengths import SmoothStream, Strengths, with_strengths
from personare.store import CARD, read_bundle


def open_method(model):
    """A method by its name, or by the path of a bundle; a name wins over a folder that happens to be called so.

    Raises:
        InputError: no method has that name. AssetError: the bundle is damaged.
    """
    if str(model) not in registry.names("motion") and (Path(str(model)) / CARD).is_file():
        return registry.load("motion", read_bundle(model).card.method)(model)
    return registry.load("motion", str(model))()


class Performance:
    """One take of one voice.

    Args:
        model: name of a method or path of a bundle, or an opened method.
        from_hz: rate of the sound that push() will get.
        fps: frames a second, 1..240.
        layers: Layers; default all at 1 with seed 0.
        emotion, articulation, style: see personare.animate.
        seed: of a method that draws its motion; default that of layers.
        strengths: Strengths of lips and upper face, and smoothing; None for the method's own.

    Attributes:
        look_ahead_s: a frame comes at the latest so much sound after its own time; resampling adds to it what it
            holds back.

    Raises:
        InputError: an option is out of range.
    """

    def __init__(self, model="vox", *, from_hz, fps=30.0, layers=None, emotion=None, articulation=1.0,
                 style=None, seed=None, strengths=None):
        checked_number("fps", fps, "frames a second", least=1, most=240)
        if not isinstance(layers, Layers | None):
            raise InputError("layers", expected="a Layers, such as personare.STILL", got=repr(layers),
                             remedy="pass personare.Layers(blink=0.5)")
        if not isinstance(strengths, Strengths | None):
            raise InputError("strengths", expected="a Strengths", got=repr(strengths),
                             remedy="pass personare.Strengths(lips=1.2)")
        method = model if hasattr(model, "session") else open_method(model)
        layers = layers or Layers()
        self._session = _opened(method, fps=fps, style=_as_style(style),
                                seed=layers.seed if seed is None else seed)
        self._resampler = Resampler(from_hz, self._session.rate_hz)
        self._strengths = strengths or Strengths()
        self._smooth = SmoothStream(fps, self._strengths.smoothing_ms)
        heard_s = getattr(self._session, "look_ahead_s", 0.0)
        self._breath = BreathStream(fps, layers.breath)
        self.look_ahead_s = heard_s + self._smooth.look_ahead_s + self._breath.look_ahead_s
        # A method may move eyes and head itself; the strengths of layers then say how much.
        self._layers, self._brings = layers, tuple(getattr(self._session, "brings", ()))
        self._life = LayerStream(fps, without(layers, self._brings), emotion=emotion, articulation=articulation,
                                 rate_hz=self._session.rate_hz, lead_s=heard_s)

    def push(self, samples):
        """The frames that (n,) float32 more sound makes certain, as Motion; maybe none."""
        return self._perform(self._resampler.push(samples))

    def finish(self):
        """The remaining frames, as Motion; nothing may be pushed after."""
        last = self._perform(self._resampler.finish())
        pieces = [last, self._alive(self._session.finish())]
        smooth = self._smooth.finish()
        if smooth is not None:
            pieces.append(self._finished(self._breath.push(smooth)))
        held = self._breath.finish()
        return joined(pieces if held is None else [*pieces, self._finished(held)])

    def feel(self, mixture, *, at_s=0.0):
        """Change to another emotion at a time, or from the next frame on; see LayerStream.feel."""
        self._life.feel(mixture, at_s=at_s)

    def _perform(self, samples):
        self._life.hear(samples)
        return self._alive(self._session.push(samples))

    def _alive(self, motion):
        """Frames of the method, as far as smoothing and breath let them go, with everything on top."""
        return self._finished(self._breath.push(self._smooth.push(motion)))

    def _finished(self, motion):
        motion = scaled(motion, self._layers, self._brings) if self._brings else motion
        return with_strengths(self._life.apply(motion), self._strengths)


def _opened(method, *, fps, style, seed):
    """A session of a method; one of somebody else's need not know of styles and seeds."""
    known = signature(method.session).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    if style is not None and "style" not in known and not takes_any:
        raise InputError("style", expected="none: this method has no styles", got=_said(style),
                         remedy="leave style out")
    options = {"style": style, "seed": seed}
    return method.session(fps=fps, **{name: value for name, value in options.items() if name in known or takes_any})


def _as_style(style):
    """A style as methods take it: the path of a take becomes its Motion, a name stays a name."""
    if not isinstance(style, str | Path) or not Path(style).exists() or not Path(style).suffix:
        return str(style) if isinstance(style, Path) else style
    return registry.load_reader(registry.format_to_read(style))(Path(style))


def _said(style):
    """A style in a message: its name, or what it is."""
    return repr(style)[:60] if isinstance(style, str) else "a take or a code"
