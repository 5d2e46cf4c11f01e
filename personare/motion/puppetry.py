"""Neural Voice Puppetry at run time: windows of DeepSpeech's letters to audio expressions, and those to a target.

Thies et al. (ECCV 2020); the network is learn/nets/puppetry.py. A bundle has two graphs, one that sees 640 ms of sound
around each video frame, and the filter over eight frames. Unlike the original, whose mapping to a target is found by
90 epochs of Adam without an intercept, mapping.fit_mapping solves for it; and where there are minutes of the target,
footage.fit_footage hears the sound anew. The graphs' numbers are those of the original with its own checkpoint
(tests/parity/test_puppetry.py, 1e-5). Needs NumPy and onnxruntime.
"""

import io
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from personare.arrays import checked
from personare.assets import open_graph, user_path
from personare.errors import AssetError, InputError
from personare.files.arrays import read_npz
from personare.motion.footage import REACH, Footage, Likeness
from personare.motion.windows import GRAPH, WindowMethod, WindowSession
from personare.spaces import SPACES, Space, numbered
from personare.store import read_bundle, write_bundle

FILTER, MAPPING, FOOTAGE = "filter.onnx", "mapping.npz", "footage.npz"
FPS = 25.0
FOOTAGE_ARRAYS = ("kept", "axes", "rows", "codes", "known_rows", "known_codes", "weight", "intercept")
_MOST_BYTES = 1 << 30


def code_space(count=32):
    """The Space of audio expressions, which are the same for all people and mean nothing one by one."""
    return Space(f"nvp-audio-{count}", numbered("code", count), "audio expressions of Neural Voice Puppetry")


@dataclass(frozen=True)
class PuppetryOptions:
    """The method's own settings on a card.

    Args:
        slots_before, slots_after: frames that the filter looks at beside the frame itself.
        lag: frames by which a target runs behind the audio expressions.
        likeness: settings of footage.Likeness, where there is footage of the target.
        edges: see windows.WindowPlan; the original's are clamped.
    """

    slots_before: int
    slots_after: int
    lag: int = 0
    likeness: Likeness | None = None
    edges: str = "clamp"


class Puppetry:
    """An opened bundle.

    Args:
        bundle: store.Bundle.

    Attributes:
        card: the bundle's card.
        options: windows.WindowOptions.
        styles: names of the people it can speak as, where there are several.
    """

    def __init__(self, bundle):
        try:
            own = msgspec.convert(bundle.card.config.get("own"), PuppetryOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error
        self._bundle, self.card, self._own = bundle, bundle.card, own
        # Frames of audio expressions needed before and after the ones that a frame is made of.
        self._reach = REACH if FOOTAGE in bundle.card.files else 0
        self._before = (self._reach or own.slots_before) + max(own.lag, 0)
        self._after = (self._reach or own.slots_after) + max(-own.lag, 0)
        self._windows = WindowMethod(bundle, reach_before=self._before, reach_after=self._after, edges=own.edges)
        self.options, self.styles = self._windows.options, self._windows.styles
        self._target = self._read_target()

    def session(self, *, fps=FPS, style=None, seed=0):
        """A new take.

        Args:
            fps: frames a second, > 0.
            style: name of one of `styles`, or shares of them; None for the bundle's own choice.
            seed: the method is deterministic; any gives the same.

        Raises:
            InputError: a style that is not there. AssetError: the DeepSpeech it hears with is missing.
        """
        code, plan = self._windows.code_of(style), self._windows.plan()
        return WindowSession(replace(plan, run=self._outputs,
                                     decode=lambda outputs: plan.decode(self._decoded(outputs, code))), fps=fps)

    def values_of(self, windows, *, style=None):
        """What a clip's ready windows give, those of the original's own files for example.

        Args:
            windows: (t, w, c) float32, one for each video frame, t >= 1.
            style: as in session.

        Returns:
            (t, k) float32 in the learned columns.

        Raises:
            InputError: windows of another size.
        """
        return self._decoded(self._whole(windows), self._windows.code_of(style))

    def windows_of(self, audio):
        """(t, w, c) float32 windows of a whole recording (types.Audio), one for each frame of the network."""
        from personare.audio.resampling import resample

        plan = self._windows.plan()
        count = plan.rows_before + 1 + plan.rows_after
        space = Space("windows", numbered("number", count * plan.front_end.width))
        session = WindowSession(replace(plan, run=lambda windows: windows.reshape(len(windows), -1), decode=None,
                                        space=space, reach_before=0, reach_after=0), fps=plan.frame_hz)
        parts = [session.push(resample(audio, session.rate_hz).samples), session.finish()]
        return np.concatenate([part.values for part in parts]).reshape(-1, count, plan.front_end.width)

    def heard(self, windows, *, beyond=False):
        """What footage.fit_footage learns from.

        Args:
            windows: (t, w, c) float32.
            beyond: whether there are REACH more windows on either side; without them the first and the last one stand
                for those.

        Returns:
            (t, w c) float32 rows, and (t, d) the audio expressions of the frames around each, before the filter.
        """
        windows = self._checked(windows)
        codes = self._graph.run(None, {"rows": windows})[0]
        if beyond:
            windows = windows[REACH : len(windows) - REACH]
        return windows.reshape(len(windows), -1), _around(codes if beyond else _held(codes, REACH, REACH))

    @cached_property
    def _graph(self):
        return open_graph(self._bundle.path(GRAPH))

    @cached_property
    def _filter(self):
        return open_graph(self._bundle.path(FILTER))

    def _checked(self, windows):
        options = self.options
        windows = checked("windows", windows, ("t", options.rows_before + 1 + options.rows_after, "c"))
        if not len(windows):
            raise InputError("windows", expected="one or more", got="none", remedy="give a clip's")
        return windows

    def _whole(self, windows):
        return _held(self._outputs(self._checked(windows)), self._before, self._after)

    def _outputs(self, windows):
        """(t, c) audio expressions of windows, and the windows themselves behind them where footage needs them."""
        codes = self._graph.run(None, {"rows": windows})[0]
        return np.concatenate([codes, windows.reshape(len(windows), -1)], axis=1) if self._reach else codes

    def _filtered(self, codes):
        slots = self._own.slots_before + 1 + self._own.slots_after
        seen = np.lib.stride_tricks.sliding_window_view(codes, slots, axis=0).transpose(0, 2, 1)
        return self._filter.run(None, {"codes": np.ascontiguousarray(seen)})[0]

    def _decoded(self, outputs, code):
        """(t, k) values of the frames that (t + before + after, d) outputs are all known for."""
        count, lag, reach = len(outputs) - self._before - self._after, self._own.lag, self._reach
        window = self.options.rows_before + 1 + self.options.rows_after
        width = outputs.shape[1] - (window * len(self._target.axes) if reach else 0)
        first = max(-lag, 0)
        if reach:
            around = _around(outputs[first : first + count + 2 * reach, :width])
            return self._target.values(outputs[self._before - lag : self._before - lag + count, width:], around)
        codes = self._filtered(outputs[:, :width])[first : first + count]
        if self._target is None:
            return codes
        weight, intercept = self._target
        share = np.ones(1, np.float32) if code is None else code
        return codes @ np.tensordot(share, weight, 1).T + share @ intercept

    def _read_target(self):
        """(weights, intercepts) of mappings, a Footage, or None."""
        files, own = self._bundle.card.files, self._own
        space = Space("learned", self.options.columns) if self.options.columns else self.options.whole_space()
        name = FOOTAGE if FOOTAGE in files else MAPPING
        if name not in files:
            return None
        path = self._bundle.path(name)
        try:
            if name == FOOTAGE:
                arrays = read_npz(path, FOOTAGE_ARRAYS, most_bytes=_MOST_BYTES)
                return Footage(space, own.likeness, own.lag, **arrays)
            arrays = read_npz(path, ("weight", "intercept"))
            weight = arrays["weight"].reshape(-1, *arrays["weight"].shape[-2:])
            intercept = arrays["intercept"].reshape(-1, arrays["intercept"].shape[-1])
            people = len(next(iter(self.options.styles.values()))) if self.styles else 1
            checked("weight", weight, (people, len(space), "c"))
            checked("intercept", intercept, (people, len(space)))
        except (InputError, ValueError, IndexError, TypeError) as error:
            raise AssetError(f"{path}: nothing that fits its card ({error}); make the bundle again") from error
        return weight, intercept


def _around(codes):
    """(t, (2 REACH + 1) c) of (t + 2 REACH, c): the neighbours of each frame beside each other."""
    seen = np.lib.stride_tricks.sliding_window_view(codes, 2 * REACH + 1, axis=0).transpose(0, 2, 1)
    return np.ascontiguousarray(seen).reshape(len(seen), -1)


def _held(codes, before, after):
    return np.concatenate([np.repeat(codes[:1], before, 0), codes, np.repeat(codes[-1:], after, 0)])


def open_puppetry(path=None):
    """Open a bundle that `personare convert`, `personare learn`, with_mapping or with_footage wrote.

    Args:
        path: its folder; default models/puppetry in personare's home. No bundle comes with personare.

    Returns:
        Puppetry.

    Raises:
        AssetError: the bundle is missing, damaged, or of a newer version.
    """
    return Puppetry(read_bundle(user_path("models", "puppetry") if path is None else path))


def with_mapping(source, folder, mapping):
    """Write a bundle that speaks a target's columns.

    Args:
        source: folder of a bundle, one that gives audio expressions.
        folder: where to, another folder.
        mapping: mapping.Mapping.

    Returns:
        store.Bundle.

    Raises:
        InputError: the source has a mapping already, other codes, or is the same folder.
    """
    arrays = {"weight": mapping.weight, "intercept": mapping.intercept}
    return _with_target(source, folder, mapping.target, mapping.weight.shape[1], MAPPING, arrays, {"lag": mapping.lag})


def with_footage(source, folder, footage):
    """Write a bundle that speaks as footage does: with_mapping with a footage.Footage."""
    arrays = {name: getattr(footage, name) for name in FOOTAGE_ARRAYS}
    codes = footage.codes.shape[0] // (2 * REACH + 1)
    own = {"lag": footage.lag, "likeness": asdict(footage.likeness)}
    return _with_target(source, folder, footage.target, codes, FOOTAGE, arrays, own)


def _with_target(source, folder, target, count, file, arrays, own):
    bundle = read_bundle(source)
    wanted, mapped = len(Puppetry(bundle).options.whole_space()), {MAPPING, FOOTAGE} & set(bundle.card.files)
    if mapped or wanted != count:
        raise InputError(source, expected=f"a bundle that gives {count} audio expressions",
                         got=f"{wanted} columns{' of a target' if mapped else ''}",
                         remedy="give the bundle that convert wrote")
    if Path(folder).resolve() == Path(source).resolve():
        raise InputError("folder", expected="another folder than the source", got=str(folder), remedy="choose another")
    content = io.BytesIO()
    np.savez(content, **arrays)
    known = target.name in SPACES and SPACES[target.name].columns == target.columns
    config = bundle.card.config | {"space": target.name, "space_columns": () if known else target.columns,
                                   "own": bundle.card.config["own"] | own}
    card = {name: getattr(bundle.card, name) for name in ("name", "method", "licence", "sources")}
    card |= {"config": config, "summary": f"{bundle.card.summary}, mapped to {target.name}"}
    files = {name: bundle.path(name).read_bytes() for name in bundle.card.files}
    return write_bundle(folder, card=card, files=files | {file: content.getvalue()})
