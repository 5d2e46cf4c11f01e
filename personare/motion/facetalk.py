"""FaceTalk's motion diffusion at run time: noise and sound to expressions, block after block, without torch.

Aneja et al., FaceTalk: Audio-Driven Motion Diffusion for Neural Parametric Head Models (CVPR 2024); the network is
learn/nets/facetalk.py. What differs: 1000 steps of sampling become 8, a take of any length is made in blocks each of
which goes on from the last frames before it, and memory does not grow. The same seed gives the same take however the
sound arrives, since the noise of a frame depends on the seed and the frame's number alone. docs/motion/facetalk.md
says what it was checked against.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec
import numpy as np

from personare.arrays import checked, checked_number
from personare.assets import builtin_path, open_graph
from personare.audio.front_ends import open_front_end
from personare.audio.mel import row_count
from personare.errors import AssetError, InputError
from personare.motion.blocks import BlockNetwork, Blocks
from personare.motion.codes import motion_of
from personare.motion.diffusion import sampling_times
from personare.motion.lips import with_contact
from personare.motion.rates import Frames
from personare.motion.windows import refuse_style
from personare.spaces import Space, space_named, unknown_name
from personare.store import read_bundle

GRAPH, SOUND_GRAPH = "model.onnx", "sound.onnx"
# Sound taken in at a time, so that memory stays bounded.
BLOCK_S = 4.0


@dataclass(frozen=True)
class FacetalkOptions:
    """What the card of a bundle says on how to run it.

    Args:
        front_end: name of the front end, frame_hz * rows_per_frame rows a second.
        frame_hz: frames a second of the network.
        rows_per_frame: rows of the front end in a frame.
        reach: frames to either side whose rows a frame hears.
        known: frames that a block goes on from.
        fresh: frames that a block makes.
        overlap: of them, so many are made once more by the next block, and the two answers blended; 0..fresh - 1.
        columns: names of the diffused columns, in order: of the space, and headYaw, headPitch and headRoll in
            radians; the others of the space are 0.
        means, deviations: of the columns, what is diffused is (value - mean) / deviation.
        space: name of the space of the motion.
        space_columns: columns of a space that personare does not know by its name; () for one it does.
        front_end_options: of the front end.
        steps: times the network is asked, 1..1000.
        order: of the sampler, 1 (DDIM) or 2.
        guidance: 1 for the network's answer as it is, more to exaggerate what the sound adds to it.
        styles: names of manners; style number i of the network is the i-th of them, counted from 1.
        style: of them the one that is taken where none is asked for; "" for any.
        contact: whether the network gives gates that make lips meet, see lips.py; ARKit-52 alone.
        gate_gain, gate_bias: (3,) sharpness of each gate, and the logit where it is half closed.
        smoothing: share that the frame before and the one after have in a frame, 0..0.33; 0 for none.
        lowest, highest: values are held between them, angles are not; None for no limit.
        brings: what of blink, gaze, head and brows the motion has of its own, so that no layer is added.
    """

    front_end: str
    frame_hz: float
    rows_per_frame: int
    reach: int
    known: int
    fresh: int
    columns: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    space: str
    space_columns: tuple[str, ...] = ()
    front_end_options: dict = field(default_factory=dict)
    overlap: int = 0
    steps: int = 8
    order: int = 2
    guidance: float = 1.0
    styles: tuple[str, ...] = ()
    style: str = ""
    contact: bool = False
    gate_gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gate_bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    smoothing: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    brings: tuple[str, ...] = ()

    def whole_space(self):
        """The Space of the motion."""
        return Space(self.space, self.space_columns) if self.space_columns else space_named(self.space)

    @cached_property
    def names(self):
        """Names of all columns of the motion: those of the space, then the angles that it has none for."""
        columns = self.whole_space().columns
        return (*columns, *(name for name in self.columns if name not in columns))


class FacetalkSession:
    """One take: push sound, get the frames that are certain by now, finish.

    Args:
        blocks: Blocks.
        options: FacetalkOptions.
        front_end: FrontEnd.
        fps: frames a second of the motion.

    Attributes:
        rate_hz: rate of the sound to push.
        fps: frames a second.
        look_ahead_s: frame i depends on no sound after i / fps + look_ahead_s.
        brings: see FacetalkOptions.
    """

    def __init__(self, blocks, options, front_end, *, fps):
        self.fps = checked_number("fps", fps, "frames a second")
        self.rate_hz, self.brings = front_end.sample_rate_hz, options.brings
        self._blocks, self._options, self._front_end = blocks, options, front_end
        self._space = options.whole_space()
        self._stream = front_end.stream()
        self._rows = np.repeat(front_end.silent_row()[None], -blocks.first_row, axis=0)
        self._first_row = blocks.first_row
        self._frames = Frames(frame_hz=options.frame_hz, fps=self.fps, width=len(options.names))
        self._held = np.empty((0, len(options.names)), np.float32)
        self._pushed, self._made, self._finished = 0, 0, False
        self.look_ahead_s = ((options.fresh + options.reach + self._frames.between + bool(options.smoothing))
                             / options.frame_hz
                             + front_end.look_ahead_s)

    def push(self, samples):
        """Take (n,) float32 samples at rate_hz and give the Motion that no later sound can change.

        Raises:
            InputError: not (n,), not finite, or the session is finished.
        """
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound",
                             remedy="use a new session")
        samples = checked("samples", samples, ("n",))
        block, pieces = int(BLOCK_S * self.rate_hz), []
        for begin in range(0, len(samples), block):
            piece = samples[begin : begin + block]
            self._pushed += len(piece)
            self._hear(self._stream.push(piece))
            pieces.append(self._frames.take(self._count()))
        return self._motion(pieces)

    def finish(self):
        """Give the remaining frames; with all that push gave, max(1, ceil(duration_s * fps))."""
        if self._finished:
            return self._motion([])
        self._finished = True
        self._hear(self._stream.finish())
        silence, count = self._front_end.silent_row()[None], self._count()
        while self._made < self._frames.needed(count):
            missing = self._blocks.stop_row - self._first_row - len(self._rows)
            self._hear(np.repeat(silence, missing, axis=0))
        return self._motion([self._frames.take(count)])

    def _count(self):
        """Frames that the sound so far reaches."""
        known = row_count(self._pushed, sample_rate_hz=self.rate_hz, rate_hz=self.fps)
        return known if self._pushed or self._finished else 0

    def _hear(self, rows):
        """Make the blocks whose rows are there."""
        self._rows = np.concatenate([self._rows, rows])
        while len(self._rows) >= self._blocks.stop_row - self._first_row:
            codes, gates = self._blocks.next(self._rows[: self._blocks.stop_row - self._first_row])
            values = self._smooth(decoded(codes, gates, self._options))
            self._frames.add(values)
            self._made += len(values)
            keep = self._blocks.first_row - self._first_row
            self._rows, self._first_row = self._rows[keep:].copy(), self._blocks.first_row

    def _smooth(self, values):
        """Frames whose neighbours are there; the first one of a take is its own neighbour."""
        share = np.float32(self._options.smoothing)
        if not share:
            return values
        held = np.concatenate([self._held if len(self._held) else values[:1], values])
        self._held = held[-2:]
        return share * (held[:-2] + held[2:]) + (1 - 2 * share) * held[1:-1]

    def _motion(self, pieces):
        names = self._options.names
        codes = np.concatenate([np.empty((0, len(names)), np.float32), *pieces])
        return motion_of(codes, names, space=self._space, fps=self.fps)


def decoded(codes, gates, options):
    """Values of codes.

    Args:
        codes: (t, k) float32, standardised.
        gates: (t, 3) float32 logits, or None.
        options: FacetalkOptions.

    Returns:
        (t, len(options.names)) float32, columns as there.
    """
    values, space = np.zeros((len(codes), len(options.names)), np.float32), len(options.whole_space())
    places = [options.names.index(name) for name in options.columns]
    values[:, places] = codes * np.float32(options.deviations) + np.float32(options.means)
    if options.lowest is not None or options.highest is not None:
        values[:, :space] = np.clip(values[:, :space], options.lowest, options.highest)
    if gates is not None and options.contact:
        gain, bias = np.float32(options.gate_gain), np.float32(options.gate_bias)
        gates = 1 / (1 + np.exp(-np.clip(gain * (gates - bias), -30, 30)))
        values[:, :space] = with_contact(values[:, :space], gates)
    return values


class Facetalk:
    """An opened bundle.

    Args:
        bundle: store.Bundle.

    Attributes:
        card: the bundle's card.
        options: FacetalkOptions.
        styles: names of its styles; () for none.
    """

    def __init__(self, bundle):
        self.card = bundle.card
        self._paths = bundle.path(SOUND_GRAPH), bundle.path(GRAPH)
        try:
            self.options = msgspec.convert(bundle.card.config, FacetalkOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error
        self.styles = self.options.styles

    @cached_property
    def network(self):
        """The BlockNetwork of the bundle's graphs."""
        sound, model = (open_graph(path) for path in self._paths)
        names = [one.name for one in model.get_inputs()]
        gates = len(sound.get_outputs()) > 1

        def hear(rows):
            given = sound.run(None, {"rows": rows})
            return given[0], given[1] if gates else None

        def denoise(*inputs):
            given = dict(zip(("window", "known", "tokens", "heard", "time", "style", "strength"), inputs, strict=True))
            return model.run(None, {name: given[name] for name in names})[0]

        return BlockNetwork(hear, denoise)

    @cached_property
    def _front_end(self):
        return open_front_end(self.options.front_end, **self.options.front_end_options)

    def session(self, *, fps=30.0, style=None, seed=0, strength=1.0, steps=None, guidance=None):
        """A new take.

        Args:
            fps: frames a second, > 0.
            style: name of one of `styles`; None for the bundle's own choice.
            seed: an integer >= 0; each gives another take.
            strength: factor on expression, 0.5..2.
            steps: times the network is asked for each block, 1..1000; None for what the card says.
            guidance: 0.1..10; None for what the card says.

        Returns:
            FacetalkSession.

        Raises:
            InputError: no such style, or an option is out of range.
        """
        own = {"steps": self.options.steps if steps is None else steps,
               "guidance": self.options.guidance if guidance is None else
               checked_number("guidance", guidance, "a factor", least=0.1, most=10)}
        sampling_times(own["steps"])
        if not isinstance(seed, int) or seed < 0:
            raise InputError("seed", expected="an integer >= 0", got=repr(seed), remedy="use 0, 1, 2 ...")
        options = replace(self.options, **own)
        blocks = Blocks(self.network, options, style=self._number_of(style), seed=seed,
                        strength=checked_number("strength", strength, "a factor", least=0.5, most=2))
        return FacetalkSession(blocks, options, self._front_end, fps=fps)

    def _number_of(self, style):
        """Number of a style as the network knows it."""
        style = self.options.style if style is None else style
        if style == "":
            return 0
        if not self.styles:
            refuse_style(style, self.card.method)
        if style not in self.styles:
            raise unknown_name("style", str(style)[:60], self.styles)
        return self.styles.index(style) + 1


def open_facetalk(path=None):
    """Open the built-in model, or another bundle of the same method.

    Args:
        path: folder of a bundle; default the one that ships with personare.

    Returns:
        Facetalk.

    Raises:
        AssetError: the bundle is missing, damaged, or of a newer version.
    """
    return Facetalk(read_bundle(builtin_path("facetalk") if path is None else path))
