"""Run a network that sees a window of rows for each frame, on sound in pieces: any pieces, the same motion.

The general form of motion/session.py: any front end at any rate, any window, any space, with or without a filter over
neighbouring frames. A method gives a WindowPlan; WindowSession turns it into frames at any rate.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from personare.arrays import checked, checked_number
from personare.assets import open_graph
from personare.audio.front_ends import FrontEnd, open_front_end
from personare.audio.mel import row_count
from personare.errors import AssetError, InputError
from personare.motion.rates import Frames
from personare.spaces import Space, space_named, unknown_name
from personare.store import Bundle
from personare.types import Motion

GRAPH = "model.onnx"
# Frames a network is run on at a time, and sound taken in at a time, so that memory stays bounded.
BLOCK_FRAMES = 64
BLOCK_S = 4.0


@dataclass(frozen=True, eq=False)
class WindowPlan:
    """What a session runs, and how far each part of it sees.

    Frame i stands at i / frame_hz. Its own row is centre(i) = floor(i rate_hz / frame_hz + 1/2) of the front end, and
    its window runs from row centre(i) - rows_before to row centre(i) + rows_after.

    Args:
        front_end: FrontEnd.
        frame_hz: frames a second of the network.
        rows_before, rows_after: rows of the window before and after its own row; either may be negative.
        run: ((t, w, c) windows, w = rows_before + 1 + rows_after) -> (t, d) outputs; each frame for itself.
        space: Space, or its name.
        decode: ((t + reach_before + reach_after, d) outputs) -> (t, k) values in space; None where run gives those.
        reach_before, reach_after: frames before and after its own that decode looks at.
        padding: what stands for rows outside the recording: "silence" (the front end's own row of it), "edge" (the
            first and the last row) or "zero".
        edges: outputs that decode sees outside the recording: "run" (of the network there) or "clamp" (the first and
            the last one within it).
    """

    front_end: FrontEnd
    frame_hz: float
    rows_before: int
    rows_after: int
    run: Callable[[np.ndarray], np.ndarray]
    space: Space | str
    decode: Callable[[np.ndarray], np.ndarray] | None = None
    reach_before: int = 0
    reach_after: int = 0
    padding: str = "silence"
    edges: str = "run"

    def centre(self, frame):
        """Row of a frame, or of an array of frames."""
        return np.floor(np.asarray(frame) * (self.front_end.rate_hz / self.frame_hz) + 0.5).astype(np.int64)


class WindowSession:
    """One take: push sound, get the frames that are certain by now, finish.

    Args:
        plan: WindowPlan.
        fps: frames a second of the motion; frame_hz and its whole fractions are exact, other rates interpolated.

    Attributes:
        rate_hz: rate of the sound to push.
        fps: frames a second.
        look_ahead_s: frame i depends on no sound after i / fps + look_ahead_s.
    """

    def __init__(self, plan, *, fps=30.0):
        self.fps = checked_number("fps", fps, "frames a second")
        self.rate_hz = plan.front_end.sample_rate_hz
        self._plan, self._space = plan, space_named(plan.space)
        self._stream = plan.front_end.stream()
        self._shown = Frames(frame_hz=plan.frame_hz, fps=self.fps, width=len(self._space))
        clamped = plan.edges == "clamp"
        # Rows in hand start at row _first_row.
        self._next_output = 0 if clamped else -plan.reach_before
        self._first_row = int(plan.centre(self._next_output)) - plan.rows_before
        self._rows = np.zeros((0, plan.front_end.width), np.float32)
        self._padded = self._first_row >= 0
        self._outputs = None
        self._pushed, self._finished = 0, False

    @property
    def look_ahead_s(self):
        """Seconds of sound after a frame's own time that the frame depends on."""
        plan = self._plan
        # The row of a frame may stand half a row after it.
        rows_s = (max(plan.rows_after, 0) + 0.5) / plan.front_end.rate_hz
        return (plan.reach_after + self._shown.between) / plan.frame_hz + rows_s + plan.front_end.look_ahead_s

    def push(self, samples):
        """Take (n,) float32 samples at rate_hz and give the Motion that no later sound can change.

        Raises:
            InputError: not (n,), not finite, or the session is finished.
        """
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound",
                             remedy="use a new session")
        samples = checked("samples", samples, ("n",))
        self._pushed += len(samples)
        block, pieces = int(BLOCK_S * self.rate_hz), []
        for begin in range(0, len(samples), block):
            self._take(self._stream.push(samples[begin : begin + block]))
            pieces.append(self._shown.take(self._known()))
        return self._motion(pieces)

    def finish(self):
        """Give the remaining frames; with all that push gave, max(1, ceil(duration_s * fps))."""
        if self._finished:
            return self._motion([])
        self._finished = True
        self._take(self._stream.finish())
        plan = self._plan
        count = row_count(self._pushed, sample_rate_hz=self.rate_hz, rate_hz=self.fps)
        last = self._shown.needed(count) - 1 + plan.reach_after
        inside = max(row_count(self._pushed, sample_rate_hz=self.rate_hz, rate_hz=plan.frame_hz) - 1, 0)
        wanted = min(inside, last) if plan.edges == "clamp" else last
        self._pad_end(int(plan.centre(wanted)) + plan.rows_after + 1)
        self._run()
        if plan.edges == "clamp" and last >= self._next_output:
            self._decode(np.repeat(self._last_output, last + 1 - self._next_output, axis=0))
        return self._motion([self._shown.take(count)])

    def _padding(self, count, edge):
        width = self._plan.front_end.width
        if self._plan.padding == "edge" and len(edge):
            return np.repeat(edge, count, axis=0)
        row = self._plan.front_end.silent_row() if self._plan.padding != "zero" else np.zeros(width, np.float32)
        return np.repeat(row[None], count, axis=0)

    def _take(self, rows):
        """Add rows of the front end, the padding before the first ones, and run what is complete."""
        if not len(rows):
            return
        if not self._padded:
            rows = np.concatenate([self._padding(-self._first_row, rows[:1]), rows])
            self._padded = True
        self._rows = np.concatenate([self._rows, rows])
        self._run()

    def _pad_end(self, stop):
        """Rows up to number stop, as far as the recording does not have them."""
        missing = stop - self._first_row - len(self._rows)
        if missing > 0:
            self._rows = np.concatenate([self._rows, self._padding(missing, self._rows[-1:])])

    def _run(self):
        """Run the network on every frame whose rows are there."""
        plan = self._plan
        width = plan.rows_before + 1 + plan.rows_after
        while True:
            first = plan.centre(np.arange(self._next_output, self._next_output + BLOCK_FRAMES)) - plan.rows_before
            first = first[first + width <= self._first_row + len(self._rows)]
            if not len(first):
                return
            windows = self._rows[(first - self._first_row)[:, None] + np.arange(width)]
            self._decode(plan.run(windows))
            keep = int(plan.centre(self._next_output)) - plan.rows_before - self._first_row
            if keep > 0:
                keep = min(keep, len(self._rows) - 1)  # the last row may have to stand for later ones
                self._rows, self._first_row = self._rows[keep:].copy(), self._first_row + keep

    def _decode(self, outputs):
        """Values of new outputs, as far as their neighbours are there."""
        plan = self._plan
        if self._outputs is None:
            before = plan.reach_before if plan.edges == "clamp" else 0
            self._outputs = np.repeat(outputs[:1], before, axis=0)
        self._next_output += len(outputs)
        self._last_output = outputs[-1:]
        self._outputs = np.concatenate([self._outputs, outputs])
        if len(self._outputs) <= plan.reach_before + plan.reach_after:
            return
        values = plan.decode(self._outputs) if plan.decode else self._outputs
        self._outputs = self._outputs[len(values) :].copy()
        self._shown.add(np.asarray(values, np.float32))

    def _known(self):
        """How many frames the sound so far reaches."""
        return row_count(self._pushed, sample_rate_hz=self.rate_hz, rate_hz=self.fps) if self._pushed else 0

    def _motion(self, pieces):
        pieces = [piece for piece in pieces if len(piece)]
        values = np.concatenate(pieces) if pieces else np.empty((0, len(self._space)), np.float32)
        return Motion(values, self.fps, self._space)


@dataclass(frozen=True)
class WindowOptions:
    """What the card of a windowed method's bundle says on how to run it.

    The graph takes "rows" (t, w, c) and, where there are styles, "style" (t, s); it gives (t, k) values of `columns`.

    Args:
        front_end: name of the front end.
        front_end_options: its options.
        frame_hz, rows_before, rows_after, padding: see WindowPlan.
        space: name of the space of the motion.
        columns: the columns that are learned, in order; () for all of the space. The others are 0.
        space_columns: columns of a space that personare does not know by its name; () for one it does.
        lowest, highest: values are held between them; None for no limit.
        styles: name -> code for the graph; {} where the method has none.
        style: name of the style that is taken where none is asked for.
        own: further settings of the method itself.
    """

    front_end: str
    frame_hz: float
    rows_before: int
    rows_after: int
    space: str
    front_end_options: dict = field(default_factory=dict)
    padding: str = "silence"
    columns: tuple[str, ...] = ()
    space_columns: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    styles: dict[str, list[float]] = field(default_factory=dict)
    style: str = ""
    own: dict = field(default_factory=dict)

    def whole_space(self):
        """The Space of the motion."""
        return Space(self.space, self.space_columns) if self.space_columns else space_named(self.space)


class WindowMethod:
    """An opened bundle of a method whose network sees a window for each frame.

    Args:
        bundle: store.Bundle; its config is a WindowOptions.
        decode: as in WindowPlan but over the learned columns alone; None where the graph gives values.
        reach_before, reach_after, edges: see WindowPlan.
        graph: file of the graph; "" where whoever takes the plan brings a `run` of its own.
        front_end: called for the FrontEnd, where the bundle brings its own; None for the one that the card names.

    Attributes:
        card: the bundle's card.
        options: WindowOptions.
        styles: names of its styles; () for none.
    """

    def __init__(self, bundle: Bundle, *, decode=None, reach_before=0, reach_after=0, edges="run", graph=GRAPH,
                 front_end=None):
        self.card, self._graph_path = bundle.card, bundle.path(graph) if graph else None
        try:
            self.options = msgspec.convert(bundle.card.config, WindowOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error
        self.styles = tuple(self.options.styles)
        self._decode, self._reach, self._edges = decode, (reach_before, reach_after), edges
        self._graph = self._front_end = None
        self._open_front_end = front_end or (
            lambda: open_front_end(self.options.front_end, **self.options.front_end_options))

    def session(self, *, fps=30.0, style=None, seed=0):
        """A new take.

        Args:
            fps: frames a second, > 0.
            style: name of one of `styles`, or (s,) a code of its own; None for the default one.
            seed: these methods are deterministic; any gives the same.

        Returns:
            WindowSession.

        Raises:
            InputError: no such style, or the method has none.
        """
        return WindowSession(self.plan(self.code_of(style)), fps=fps)

    def code_of(self, style):
        """(s,) float32 code of a style, or None where the method has none.

        Raises:
            InputError: no such style, a code of another length, or the method has none.
        """
        styles = self.options.styles
        if not styles:
            refuse_style(style, self.card.method)
            return None
        if style is None or isinstance(style, str):
            name = style or self.options.style or self.styles[0]
            if name not in styles:
                raise unknown_name("style", name, self.styles)
            return np.asarray(styles[name], np.float32)
        return checked("style", getattr(style, "values", style), (len(next(iter(styles.values()))),))

    def plan(self, code=None):
        """The WindowPlan that sessions run; code as code_of gives it."""
        options = self.options
        if self._front_end is None:
            self._front_end = self._open_front_end()
            self._graph = open_graph(self._graph_path) if self._graph_path else None
        before, after = self._reach
        return WindowPlan(self._front_end, options.frame_hz, options.rows_before, options.rows_after,
                          run=lambda windows: self._run(windows, code), space=options.whole_space(),
                          decode=self._values, reach_before=before, reach_after=after, padding=options.padding,
                          edges=self._edges)

    def _run(self, windows, code):
        given = {"rows": windows}
        if code is not None:
            given["style"] = np.repeat(code[None], len(windows), axis=0)
        return self._graph.run(None, given)[0]

    def _values(self, outputs):
        """Values of the whole space."""
        options, space = self.options, self.options.whole_space()
        values = self._decode(outputs) if self._decode else outputs
        if options.lowest is not None or options.highest is not None:
            values = np.clip(values, options.lowest, options.highest)
        if not options.columns:
            return values
        whole = np.zeros((len(values), len(space)), np.float32)
        whole[:, space.indices(options.columns)] = values
        return whole


def refuse_style(style, method):
    """Raise an InputError where a style is asked of a method that has none."""
    if style is not None:
        raise InputError("style", expected=f"none: {method} has no styles",
                         got=repr(style)[:60] if isinstance(style, str) else "a take or a code",
                         remedy="leave style out, or choose a model that has them; see personare list models")
