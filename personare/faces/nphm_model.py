"""Weights of NPHM and MonoNPHM, by the names of their checkpoints, and the field of one head in one expression.

All sizes are read off the shapes of the tensors, so smaller and larger networks of the family work as well.
"""

import re
from dataclasses import dataclass

import numpy as np

from personare.arrays import checked
from personare.errors import AssetError
from personare.faces.nphm_field import FLOOR, SMALL_FLOOR, Field
from personare.faces.perceptron import fold

IDENTITY, EXPRESSION = "identity.", "expression."
MEMBER = "ensembled_deep_sdf.lin"
MONO_MEMBER = "deepSDFensemble.layers."
WARP = "defDeepSDF.lin"
# Entries of an expression code where nothing says how many there are: NPHM's own.
USUAL_EXPRESSION = 200


@dataclass(frozen=True, eq=False)
class NphmModel:
    """A family of heads. Made by model_of.

    Args:
        tensors: names of the checkpoint, prefixed with "identity." or "expression.", to float32 arrays.
        mean_anchors: (a, 3) float32 anchors of the average head, in units of the network.
        mono: it is laid out as MonoNPHM rather than NPHM.
        pairs: mirrored pairs among the anchors.
        global_size, local_size: entries of the identity code for all members, and for each.
        expression_size: entries of an expression code; 0 where the heads do not move.
        mode: what the deformation sees of the identity: "compress", "glob_only", "expr_only", "GNN" or "".
        extra: further coordinates that members take.
    """

    tensors: dict
    mean_anchors: np.ndarray
    mono: bool
    pairs: int
    global_size: int
    local_size: int
    expression_size: int
    mode: str
    extra: int

    @property
    def identity_size(self):
        """Entries of an identity code."""
        return self.global_size + (len(self.mean_anchors) + 1) * self.local_size

    @property
    def has_color(self):
        """Whether the heads have colours."""
        return IDENTITY + "communcation_bottleneck1.weight" in self.tensors

    def anchors(self, identity):
        """(a, 3) float32 anchors of one head, in units of the network.

        Args:
            identity: (identity_size,) code.
        """
        x = np.asarray(identity, np.float64)[: self.global_size]
        for layer in (0, 2, 4):
            x = self._of(IDENTITY, f"mlp_pos.{layer}.weight") @ x + self._of(IDENTITY, f"mlp_pos.{layer}.bias")
            x = np.maximum(x, 0) if layer < 4 else x
        return (x.reshape(-1, 3) + self.mean_anchors).astype(np.float32)

    def field(self, identity=None, expression=None, *, appearance=None):
        """The Field of one head.

        Args:
            identity: (identity_size,) code; None for zeros.
            expression: (expression_size,) code; None for the neutral head.
            appearance: (identity_size,) code of the colours of MonoNPHM; None for zeros.

        Returns:
            Field.

        Raises:
            InputError: a code has another size.
        """
        def code(name, value, size):
            return np.zeros(size, np.float32) if value is None else checked(name, value, (size,))

        identity = code("identity", identity, self.identity_size)
        members = len(self.mean_anchors) + 1
        anchors = self.anchors(identity)
        locals_ = identity[self.global_size :].reshape(members, self.local_size)
        codes = [np.concatenate([identity[: self.global_size], own]) for own in locals_]
        mirrored = np.array([k < 2 * self.pairs and k % 2 == 1 for k in range(members)])
        warp = None if expression is None else self.warp(identity, expression)
        colors = None
        if self.has_color:
            colors = self._colors(code("appearance", appearance, self.identity_size))
        return Field(anchors, tuple(self._member(k, codes[k]) for k in range(members)), mirrored, nearest=self.mono,
                     warp=warp, extra=self.extra, colors=colors, floor=SMALL_FLOOR if self.mono else FLOOR)

    def warp(self, identity, expression):
        """The deformation alone, from a point of the moving head to its offset to the neutral one.

        Args:
            identity: (identity_size,) code.
            expression: (expression_size,) code.

        Returns:
            Perceptron, or None where the heads of this model do not move.

        Raises:
            InputError: the expression code has another size.
        """
        if not self.mode:
            return None
        expression = checked("expression", expression, (self.expression_size,))
        if self.mode == "compress":
            seen = np.concatenate([identity, self.anchors(identity).reshape(-1)])
            seen = self._of(EXPRESSION, "compressor.0.weight") @ seen + self._of(EXPRESSION, "compressor.0.bias")
        elif self.mode == "GNN":
            seen = self._gathered(identity, self.anchors(identity))
        else:
            seen = identity[: self.global_size if self.mode == "glob_only" else 0]
        weights, biases = self._chain(EXPRESSION + WARP)
        return fold(weights, biases, np.concatenate([seen, expression]), dimensions=3)

    def slot(self, member):
        """Which of the shared weights a member uses: mirrored pairs share theirs."""
        return member // 2 if member < 2 * self.pairs else member - self.pairs

    def _of(self, prefix, name):
        return self.tensors[prefix + name]

    def _member(self, k, code):
        slot = self.slot(k)
        if self.mono:
            weights, biases = self._chain(f"{IDENTITY}{MONO_MEMBER}{slot}.layers.")
        else:
            weights, biases = ([layer[slot] for layer in layers] for layers in self._chain(IDENTITY + MEMBER))
        return fold(weights, biases, code, dimensions=3 + self.extra, points_first=not self.mono)

    def _chain(self, prefix):
        """Weights and biases of consecutive layers whose names start with prefix and a number."""
        return _chain(self.tensors, prefix)

    def _gathered(self, identity, anchors):
        """What the mode GNN makes of identity and anchors."""
        def through(name, x):
            first = np.maximum(x @ self._of(EXPRESSION, f"{name}.0.weight").T + self._of(
                EXPRESSION, f"{name}.0.bias"), 0)
            return first @ self._of(EXPRESSION, f"{name}.2.weight").T + self._of(EXPRESSION, f"{name}.2.bias")

        local = identity[self.global_size :].reshape(-1, self.local_size)[:-1]
        local = through("local_combiner", through("pos_enc", anchors) + local)
        return through("global_combiner", np.concatenate([identity[: self.global_size], local.reshape(-1)]))

    def _colors(self, appearance):
        members = len(self.mean_anchors) + 1
        names = [IDENTITY + f"communcation_bottleneck{i}." for i in (1, 2)]
        weights, biases = ([self.tensors[name + kind] for name in names] for kind in ("weight", "bias"))
        bottleneck = fold(weights, biases, [], dimensions=weights[0].shape[1], beta=0)
        heads = []
        for k in range(members):
            own = appearance[self.global_size :].reshape(members, -1)[k]
            layers = _chain(self.tensors, f"{IDENTITY}aggr_app.layers.{self.slot(k)}.layers.")
            heads.append(fold(*layers, np.concatenate([appearance[: self.global_size], own]),
                              dimensions=len(weights[1]), points_first=False, beta=0))
        return bottleneck, tuple(heads)


def model_of(tensors, mean_anchors, *, expression_size=None):
    """Recognise a model by its tensors and check that they fit each other.

    Args:
        tensors: as for NphmModel.
        mean_anchors: (a, 3), in units of the network.
        expression_size: entries of an expression code, where the shapes leave it open; default 200.

    Returns:
        NphmModel.

    Raises:
        AssetError: a tensor is missing or has a shape that does not fit.
    """
    tensors = {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}
    try:
        return _recognised(tensors, checked("anchors", mean_anchors, ("a", 3)), expression_size)
    except (KeyError, IndexError, ValueError) as error:
        reason = f"no tensor {error}" if isinstance(error, KeyError) else error
        raise AssetError(f"not the weights of an NPHM head: {reason}; name its own checkpoints") from error


def _recognised(tensors, mean_anchors, expression_size):
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise AssetError(f"{name}: holds values that are not finite; get the checkpoint again")
    mono = f"{IDENTITY}{MONO_MEMBER}0.layers.0.weight" in tensors
    anchors = len(tensors[IDENTITY + "mlp_pos.4.bias"]) // 3
    if len(mean_anchors) != anchors:
        raise AssetError(f"the network places {anchors} anchors, and {len(mean_anchors)} mean anchors are given; "
                         f"name the file anchors_{anchors}.npy of the same release")
    global_size = tensors[IDENTITY + "mlp_pos.0.weight"].shape[1]
    outputs = inputs = 0
    if f"{EXPRESSION}{WARP}0.weight" in tensors:
        outputs = len(_chain(tensors, EXPRESSION + WARP)[1][-1])
        inputs = tensors[f"{EXPRESSION}{WARP}0.weight"].shape[1] - 3
    extra = max(0, outputs - 3) if mono else 0
    if mono:
        slots = len({int(found[1]) for name in tensors
                     if (found := re.match(re.escape(IDENTITY + MONO_MEMBER) + r"(\d+)\.", name))})
        first = tensors[f"{IDENTITY}{MONO_MEMBER}0.layers.0.weight"]
    else:
        slots, first = len(tensors[f"{IDENTITY}{MEMBER}0.weight"]), tensors[f"{IDENTITY}{MEMBER}0.weight"]
    pairs = anchors + 1 - slots
    local_size = first.shape[-1] - 3 - extra - global_size
    if not (0 <= 2 * pairs <= anchors and local_size >= 0):
        raise AssetError(f"{slots} members for {anchors} anchors, codes of {global_size} and {local_size}: these "
                         "weights do not belong together")
    mode, expression_size = _mode(tensors, inputs, global_size, expression_size)
    model = NphmModel(tensors, mean_anchors, mono, pairs, global_size, local_size, expression_size, mode, extra)
    model.field(expression=np.zeros(expression_size, np.float32) if mode else None)
    return model


def _mode(tensors, inputs, global_size, expression_size):
    """How the deformation is conditioned, and the size of an expression code."""
    if not inputs:
        return "", 0
    if EXPRESSION + "compressor.0.weight" in tensors:
        return "compress", inputs - len(tensors[EXPRESSION + "compressor.0.weight"])
    if EXPRESSION + "global_combiner.2.weight" in tensors:
        return "GNN", inputs - len(tensors[EXPRESSION + "global_combiner.2.weight"])
    expression_size = expression_size or USUAL_EXPRESSION
    if inputs in (expression_size, expression_size + global_size):
        return ("expr_only" if inputs == expression_size else "glob_only"), expression_size
    raise AssetError(f"a deformation that takes {inputs} values for an expression of {expression_size}; "
                     "its conditioning is not known")


def _chain(tensors, prefix):
    """Weights and biases of the layers prefix + number, in the order of their numbers."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.weight")
    numbers = sorted(int(found[1]) for name in tensors if (found := pattern.fullmatch(name)))
    if not numbers:
        raise KeyError(f"{prefix}0.weight")
    return ([tensors[f"{prefix}{i}.weight"] for i in numbers], [tensors[f"{prefix}{i}.bias"] for i in numbers])
