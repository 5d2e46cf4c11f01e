"""style_avatar's way from speech to a face in somebody's style: overlapping windows, averaged.

Wu et al., Imitating Arbitrary Talking Style for Realistic Audio-Driven Talking Face Synthesis (ACM MM 2021); the
network is learn/nets/stylist.py. What differs from the original: any front end, space and frame rate; windows are
blended smoothly and reach over both ends, so that a clip may be shorter than a window ("smooth"; the original's table
is "equal"); the head moves too; and sound may arrive in pieces. The code is held against the original in tests/parity.
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from personare import registry
from personare.arrays import checked, checked_number
from personare.assets import open_graph
from personare.audio.front_ends import open_front_end
from personare.audio.mel import row_count
from personare.errors import AssetError, InputError
from personare.export.rotations import from_zyx, poses
from personare.motion.blending import Blend
from personare.motion.rates import Frames
from personare.motion.retarget import can_convert, convert
from personare.motion.style_code import UNIT_M, angles_of, pose_numbers, style_code
from personare.spaces import Space, space_named, unknown_name
from personare.store import read_bundle
from personare.types import Motion

GRAPH, POSE_GRAPH = "model.onnx", "pose.onnx"
POSE_WIDTH = {"": 0, "quaternion": 7, "angles": 6}
# Windows a graph is run on at a time.
BATCH = 8


@dataclass(frozen=True)
class StylistOptions:
    """What the card of a bundle says on how to run it.

    The graph takes "rows" (w, 2 frames + 2 context, c) and "style" (w, s), and gives (w, frames, k) values of `columns`
    and behind them `pose`; or pose has a graph of its own.

    Args:
        front_end, front_end_options: see personare.audio.front_ends; style_avatar's is DeepSpeech joined with energy.
        frame_hz: frames a second of the network; it reads two rows a frame.
        space, space_columns, columns, lowest, highest: see motion.windows.WindowOptions.
        frames, context, stride: frames of a window, rows around it, frames from one window to the next.
        overlap: "smooth" or "equal".
        pose: "", "quaternion" or "angles", see style_code.pose_numbers.
        formula, code_mean, code_std: see style_code.style_code.
        styles: name -> code.
        style: name of the one that is taken where none is asked for.
        takes: whether a code can be made of a take; False where nobody knows what is usual.
    """

    front_end: str
    frame_hz: float
    space: str
    front_end_options: dict = field(default_factory=dict)
    space_columns: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    frames: int = 32
    context: int = 8
    stride: int = 8
    overlap: str = "smooth"
    pose: str = ""
    formula: str = "means"
    code_mean: tuple[float, ...] = ()
    code_std: tuple[float, ...] = ()
    styles: dict[str, list[float]] = field(default_factory=dict)
    style: str = ""
    takes: bool = True

    def whole_space(self):
        """The Space of the motion."""
        return Space(self.space, self.space_columns) if self.space_columns else space_named(self.space)


class Stylist:
    """An opened bundle.

    Args:
        bundle: store.Bundle; its config is a StylistOptions.

    Attributes:
        card: the bundle's card.
        options: StylistOptions.
        styles: names of its styles.
    """

    def __init__(self, bundle):
        self.card = bundle.card
        self._paths = [bundle.path(name) for name in (GRAPH, POSE_GRAPH) if name in bundle.card.files]
        try:
            self.options = msgspec.convert(bundle.card.config, StylistOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error
        self.styles = tuple(self.options.styles)
        self._graphs = self._front_end = None

    def session(self, *, fps=30.0, style=None, seed=0):
        """A new take.

        Args:
            fps: frames a second, > 0.
            style: name of one of `styles`, path of a take to be like (.csv, .npz and all that personare reads), a
                Motion, or (s,) a code; None for the bundle's own.
            seed: the method is deterministic; any gives the same.

        Returns:
            StylistSession.

        Raises:
            InputError: no such style, or a take in another space.
        """
        return StylistSession(self, self.code_of(style), fps=fps)

    def code_of(self, style):
        """(s,) float32 code of a style as session() takes it."""
        options = self.options
        if style is None:
            style = options.style or next(iter(self.styles), None)
            if style is None:
                return np.zeros(len(options.code_mean), np.float32)
        if isinstance(style, Motion):
            return self._code_of_motion(style)
        if not isinstance(style, str | Path):
            return checked("style", getattr(style, "values", style), (len(options.code_mean),))
        if str(style) in options.styles:
            return np.asarray(options.styles[str(style)], np.float32)
        path = Path(style)
        if not path.exists():
            raise unknown_name("style", style, self.styles or ("the path of a take",))
        return self._code_of_motion(registry.load_reader(registry.format_to_read(path))(path))

    def _code_of_motion(self, motion):
        options, space = self.options, self.options.whole_space()
        if not options.takes:
            raise InputError("style", expected=f"a code or one of {', '.join(self.styles) or 'no names'}", got="a take",
                             remedy="convert the checkpoint again together with its data/ted_hd/*.pkl")
        if motion.space != space:
            if not can_convert(motion.space, space):
                raise InputError("style", expected=f"a take in the space {space.name}", got=motion.space.name,
                                 remedy="give one that was fitted with the same face")
            motion, _ = convert(motion, space)
        motion = motion.at_fps(options.frame_hz)
        return style_code(motion.columns(options.columns or space.columns), pose_numbers(motion, options.pose),
                          formula=options.formula, mean=np.asarray(options.code_mean),
                          std=np.asarray(options.code_std), fps=options.frame_hz)

    def front_end(self):
        """The FrontEnd that the network reads."""
        if self._front_end is None:
            self._front_end = open_front_end(self.options.front_end, **self.options.front_end_options)
        return self._front_end

    def run(self, rows, code):
        """(w, frames, k) outputs of (w, r, c) rows and a (s,) code."""
        if self._graphs is None:
            self._graphs = [open_graph(path) for path in self._paths]
        outputs = []
        for begin in range(0, len(rows), BATCH):
            part = rows[begin : begin + BATCH]
            given = {"rows": part, "style": np.repeat(code[None], len(part), axis=0)}
            outputs.append(np.concatenate([graph.run(None, given)[0] for graph in self._graphs], axis=2))
        return np.concatenate(outputs)


def window_starts(frames, *, length, stride):
    """First frame of each of the original's windows: one every stride, the last ones held within the clip."""
    return np.minimum(np.arange(0, frames, stride), max(frames - length, 0))


def open_stylist(path=None):
    """Open a bundle of this method.

    Args:
        path: folder of a bundle; there is no built-in one.

    Raises:
        AssetError: no path, or the bundle is missing, damaged, or of a newer version.
    """
    if path is None:
        raise AssetError("stylist: no model of this method ships; train one with personare learn stylist --data DIR "
                         "--out BUNDLE, or convert style_avatar's, and name its folder")
    return Stylist(read_bundle(path))


class StylistSession:
    """One take: push sound, get the frames that are certain by now, finish.

    Args:
        method: Stylist.
        code: (s,) float32.
        fps: frames a second.

    Attributes:
        rate_hz: rate of the sound to push.
        fps: frames a second.
        look_ahead_s: frame i depends on no sound after i / fps + look_ahead_s.
    """

    def __init__(self, method, code, *, fps=30.0):
        self.fps = checked_number("fps", fps, "frames a second")
        self._method, self._options, self._code = method, method.options, code
        self._front_end = method.front_end()
        self.rate_hz = self._front_end.sample_rate_hz
        self._space = self._options.whole_space()
        self._stream = self._front_end.stream()
        self._rows = Frames(frame_hz=self._front_end.rate_hz, fps=2 * self._options.frame_hz,
                            width=self._front_end.width)
        width = len(self._options.columns or self._space.columns) + POSE_WIDTH[self._options.pose]
        self._blend = Blend(self._options, width)
        self._heard = np.empty((0, self._front_end.width), np.float32)  # from row _first on
        self._frames = Frames(frame_hz=self._options.frame_hz, fps=self.fps, width=width)
        self._first, self._window, self._pushed, self._finished = 0, 0, 0, False

    @property
    def look_ahead_s(self):
        """Seconds of sound after a frame's own time that the frame depends on."""
        options, front_end = self._options, self._front_end
        frames = options.frames + self._frames.between + options.context / 2
        return frames / options.frame_hz + 1 / front_end.rate_hz + front_end.look_ahead_s

    def push(self, samples):
        """Take (n,) float32 samples at rate_hz and give the Motion that no later sound can change.

        Raises:
            InputError: not (n,), not finite, or the session is finished.
        """
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound",
                             remedy="use a new session")
        samples = checked("samples", samples, ("n",))
        pieces = []
        for begin in range(0, len(samples), 4 * self.rate_hz):
            part = samples[begin : begin + 4 * self.rate_hz]
            self._pushed += len(part)
            self._hear(self._stream.push(part))
            self._run(self._count(self._options.frame_hz), ended=False)
            pieces.append(self._frames.take(self._count(self.fps)))
        return self._motion(pieces)

    def finish(self):
        """Give the remaining frames; with all that push gave, ceil(duration_s * fps)."""
        if self._finished:
            return self._motion([])
        self._finished = True
        if not self._pushed:
            return self._motion([])
        self._hear(self._stream.finish())
        self._rows.hold(self._count(2 * self._options.frame_hz))
        self._hear(np.empty((0, self._front_end.width), np.float32))
        self._run(self._count(self._options.frame_hz), ended=True)
        self._frames.hold(self._count(self.fps))
        return self._motion([self._frames.take(self._count(self.fps))])

    def _hear(self, rows):
        """Take rows of the front end, to the network's own rate."""
        self._rows.add(rows)
        self._heard = np.concatenate([self._heard, self._rows.take()])

    def _count(self, rate_hz):
        return row_count(self._pushed, sample_rate_hz=self.rate_hz, rate_hz=rate_hz) if self._pushed else 0

    def _run(self, frames, *, ended):
        """Run every window whose rows are there, and blend it in."""
        options, stop = self._options, self._first + len(self._heard)
        starts = []
        while (start := self._start(frames, ended)) is not None:
            if not ended and 2 * (start + options.frames) + options.context > stop:
                break
            starts.append(start)
            self._window += 1
        if starts:
            places = 2 * np.array(starts)[:, None] + np.arange(-options.context, 2 * options.frames + options.context)
            windows = self._heard[np.clip(places, 0, stop - 1) - self._first]
            outputs = self._method.run(windows, self._code)
            for start, window in zip(starts, outputs, strict=True):
                self._blend.add(start, window)
        self._frames.add(self._blend.take(frames if ended else self._certain(frames)))
        keep = max(0, min(2 * (self._blend.first - options.frames - options.stride) - options.context - self._first,
                          len(self._heard) - 1))
        self._heard, self._first = self._heard[keep:].copy(), self._first + keep

    def _start(self, frames, ended):
        """First frame of the next window, or None where there is none yet, or any more."""
        options = self._options
        if options.overlap == "equal":
            start = self._window * options.stride
            if ended:
                return min(start, max(frames - options.frames, 0)) if start < frames else None
            return start if start + options.frames <= frames else None
        start = self._window * options.stride - options.frames + options.stride
        return start if not ended or start < frames else None

    def _certain(self, frames):
        """Frames that no further window can change."""
        options = self._options
        if options.overlap == "equal":
            return max(0, min(self._window * options.stride, frames - options.frames))
        return max(0, self._window * options.stride - options.frames + options.stride)

    def _motion(self, pieces):
        options, space = self._options, self._space
        pieces = [piece for piece in pieces if len(piece)]
        count = len(options.columns or space.columns)
        values = np.concatenate(pieces) if pieces else np.zeros((0, count + POSE_WIDTH[options.pose]), np.float32)
        own, head = values[:, :count], values[:, count:].astype(np.float64)
        if options.lowest is not None or options.highest is not None:
            own = np.clip(own, options.lowest, options.highest)
        whole = np.zeros((len(own), len(space)), np.float32)
        whole[:, space.indices(options.columns or space.columns)] = own
        pose = None
        if options.pose:
            angles = angles_of(head[:, :4]) if options.pose == "quaternion" else head[:, :3]
            pose = poses(from_zyx(angles), head[:, -3:] * UNIT_M)
        return Motion(whole, self.fps, space, pose)
