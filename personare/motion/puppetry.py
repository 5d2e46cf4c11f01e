"""Neural Voice Puppetry at run time: windows of DeepSpeech's letters to audio expressions, and those to a target.

Thies et al. (ECCV 2020); the network is learn/nets/puppetry.py. A bundle has two graphs, one that sees 640 ms of sound
around each video frame, and the filter over eight frames. Unlike the original, whose mapping to a target is found by
90 epochs of Adam without an intercept, fit_mapping solves for it. The graphs' numbers are those of the original with
its own checkpoint (tests/parity/test_puppetry.py, 1e-5). Needs NumPy and onnxruntime.
"""

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from personare.arrays import checked
from personare.assets import open_graph, user_path
from personare.errors import AssetError, InputError
from personare.files.arrays import read_npz
from personare.motion.windows import GRAPH, WindowMethod
from personare.spaces import SPACES, Space, numbered
from personare.store import read_bundle, write_bundle

FILTER, MAPPING = "filter.onnx", "mapping.npz"
FPS = 25.0


def code_space(count=32):
    """The Space of audio expressions, which are the same for all people and mean nothing one by one."""
    return Space(f"nvp-audio-{count}", numbered("code", count), "audio expressions of Neural Voice Puppetry")


@dataclass(frozen=True)
class PuppetryOptions:
    """The method's own settings on a card.

    Args:
        slots_before, slots_after: frames that the filter looks at beside the frame itself.
    """

    slots_before: int
    slots_after: int


@dataclass(frozen=True, eq=False)
class Mapping:
    """Audio expressions to a target: values = codes @ weight.T + intercept.

    Args:
        target: Space of what it gives.
        weight: (k, c) float32.
        intercept: (k,) float32.
    """

    target: Space
    weight: np.ndarray
    intercept: np.ndarray

    def __post_init__(self):
        weight = checked("weight", self.weight, (len(self.target), "c"))
        checked("intercept", self.intercept, (len(weight),))


class Puppetry:
    """An opened bundle.

    Args:
        bundle: store.Bundle.

    Attributes:
        card: the bundle's card.
        options: windows.WindowOptions.
        styles: names of its styles; none.
    """

    styles = ()

    def __init__(self, bundle):
        try:
            own = msgspec.convert(bundle.card.config.get("own"), PuppetryOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error
        self._bundle, self.card = bundle, bundle.card
        self._slots = own.slots_before, own.slots_after
        self._windows = WindowMethod(bundle, decode=self._decoded, reach_before=own.slots_before,
                                     reach_after=own.slots_after, edges="clamp")
        self.options = self._windows.options
        self._mapping = self._read_mapping() if MAPPING in bundle.card.files else None

    def session(self, *, fps=FPS, style=None, seed=0):
        """A new take; the arguments are those of windows.WindowMethod.session.

        Raises:
            InputError: a style is asked for. AssetError: the DeepSpeech it hears with is missing.
        """
        return self._windows.session(fps=fps, style=style, seed=seed)

    def values_of(self, windows):
        """What a clip's ready windows give, those of the original's own files for example.

        Args:
            windows: (t, w, c) float32, one for each video frame, t >= 1.

        Returns:
            (t, k) float32 in the bundle's space.

        Raises:
            InputError: windows of another size.
        """
        options = self.options
        windows = checked("windows", windows, ("t", options.rows_before + 1 + options.rows_after, "c"))
        if not len(windows):
            raise InputError("windows", expected="one or more", got="none", remedy="give a clip's")
        codes = self._graph.run(None, {"rows": windows})[0]
        before, after = self._slots
        return self._decoded(np.concatenate([np.repeat(codes[:1], before, 0), codes, np.repeat(codes[-1:], after, 0)]))

    @cached_property
    def _graph(self):
        return open_graph(self._bundle.path(GRAPH))

    @cached_property
    def _filter(self):
        return open_graph(self._bundle.path(FILTER))

    def _decoded(self, codes):
        slots = np.lib.stride_tricks.sliding_window_view(codes, sum(self._slots) + 1, axis=0).transpose(0, 2, 1)
        filtered = self._filter.run(None, {"codes": np.ascontiguousarray(slots)})[0]
        return filtered if self._mapping is None else filtered @ self._mapping.weight.T + self._mapping.intercept

    def _read_mapping(self):
        path = self._bundle.path(MAPPING)
        try:
            arrays = read_npz(path, ("weight", "intercept"))
            return Mapping(self.options.whole_space(), arrays["weight"], arrays["intercept"])
        except InputError as error:
            raise AssetError(f"{path}: no mapping for its card ({error}); map the bundle again") from error


def open_puppetry(path=None):
    """Open a bundle that `personare convert` or with_mapping wrote.

    Args:
        path: its folder; default models/puppetry in personare's home. No bundle comes with personare.

    Returns:
        Puppetry.

    Raises:
        AssetError: the bundle is missing, damaged, or of a newer version.
    """
    return Puppetry(read_bundle(user_path("models", "puppetry") if path is None else path))


def fit_mapping(pairs, *, ridge=0.01):
    """Solve for the Mapping of a person: ridge regression with an intercept.

    Args:
        pairs: list of (Motion of audio expressions, Motion of the target) of the same takes at one frame rate, each
            two of a length that differs by less than a quarter of a second.
        ridge: how strongly codes are held back, in variances of a code, >= 0; 0 is least squares.

    Returns:
        Mapping.

    Raises:
        InputError: no pairs, pairs that do not belong together, or a negative ridge.
    """
    if not pairs or ridge < 0:
        raise InputError("pairs" if not pairs else "ridge", expected="one pair or more, and a ridge of 0 or more",
                         got=f"{len(pairs)} pairs, {ridge}", remedy="change that")
    (one, other), *_ = pairs
    for codes, target in pairs:
        same = codes.space.columns == one.space.columns and target.space.columns == other.space.columns
        if not same or len({float(motion.fps) for motion in (codes, target, one)}) > 1:
            raise InputError("pairs", expected="two spaces and one frame rate throughout",
                             got=f"{codes.space.name} at {codes.fps:g}, {target.space.name} at {target.fps:g}",
                             remedy="convert the others, or use Motion.at_fps")
        if abs(len(codes) - len(target)) > codes.fps / 4 or not min(len(codes), len(target)):
            raise InputError("pairs", expected="two motions of the same take",
                             got=f"{len(codes)} and {len(target)} frames", remedy="cut them to the same time")
    counts = [min(len(codes), len(target)) for codes, target in pairs]
    x, y = (np.concatenate([motion.values[:n].astype(np.float64) for motion, n in zip(side, counts, strict=True)])
            for side in zip(*pairs, strict=True))
    mean, rest = x.mean(axis=0), y.mean(axis=0)
    # Codes are small numbers; a code that never moves gets a weight of 0.
    scale = x.std(axis=0)
    scale = np.where(scale > 0, scale, np.inf)
    x = (x - mean) / scale
    covariance = x.T @ x / len(x) + ridge * np.eye(len(mean))
    weight = np.linalg.lstsq(covariance, x.T @ (y - rest) / len(x), rcond=None)[0] / scale[:, None]
    return Mapping(other.space, weight.T.astype(np.float32), (rest - mean @ weight).astype(np.float32))


def with_mapping(source, folder, mapping):
    """Write a bundle that speaks a target's columns.

    Args:
        source: folder of a bundle, one that gives audio expressions.
        folder: where to, another folder.
        mapping: Mapping.

    Returns:
        store.Bundle.

    Raises:
        InputError: the source has a mapping already, other codes, or is the same folder.
    """
    bundle, target = read_bundle(source), mapping.target
    wanted = len(Puppetry(bundle).options.whole_space())
    if MAPPING in bundle.card.files or wanted != mapping.weight.shape[1]:
        raise InputError(source, expected=f"a bundle that gives {mapping.weight.shape[1]} audio expressions",
                         got=f"{wanted} columns{' of a target' if MAPPING in bundle.card.files else ''}",
                         remedy="give the bundle that convert wrote")
    if Path(folder).resolve() == Path(source).resolve():
        raise InputError("folder", expected="another folder than the source", got=str(folder), remedy="choose another")
    content = io.BytesIO()
    np.savez(content, weight=mapping.weight, intercept=mapping.intercept)
    known = target.name in SPACES and SPACES[target.name].columns == target.columns
    config = bundle.card.config | {"space": target.name, "space_columns": () if known else target.columns}
    card = {name: getattr(bundle.card, name) for name in ("name", "method", "licence", "sources")}
    card |= {"config": config, "summary": f"{bundle.card.summary}, mapped to {target.name}"}
    files = {name: bundle.path(name).read_bytes() for name in bundle.card.files}
    return write_bundle(folder, card=card, files=files | {MAPPING: content.getvalue()})
