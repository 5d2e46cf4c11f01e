"""AudioDVP's map from sound to expressions solved for instead of trained: ridge regression with an intercept.

The published network has no bend in it, so least squares reaches at once what ten epochs approach; it may also weigh
every number of the window for itself, where the network shares one kernel. Each person has a rest of their own, so that
differences between people are not taken for speech. How strongly the map is held back is chosen by leaving out clips,
or quarters of the only one, in turn.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from personare.errors import InputError
from personare.learn.export import graph_bytes
from personare.learn.recipes import Recipe
from personare.learn.recipes.dvp import Scaled, check_options, config_of, exported, said
from personare.learn.recipes.hearing import heard_through
from personare.learn.recipes.karras import limited
from personare.motion.windows import GRAPH

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_MOST_FOLDS, _QUARTERS = 4, 4
MEAN, UNNAMED = "mean", "unnamed"


@dataclass(frozen=True)
class DvpRidgeOptions:
    """Settings of the method.

    Args:
        front_end: what it hears with, see recipes.hearing; the original: "atnet".
        fps: frames a second; the original: 25.
        rows: rows seen around a frame, odd; the original: 7, at 25 a second.
        every: every so many of them count, from the first one.
        strength: of the ridge, in variances of a number; 0 to choose among STRENGTHS.
    """

    front_end: str = "phones+mel"
    fps: float = 30.0
    rows: int = 37
    every: int = 3
    strength: float = 0.0

    def __post_init__(self):
        check_options(self)
        for name, least, most in (("every", 1, 99), ("strength", 0, 1e6)):
            if not least <= getattr(self, name) <= most:
                raise InputError(name, expected=f"{least} to {most}", got=repr(getattr(self, name)), remedy="change it")


class Line(nn.Module):
    """Every so many rows, and one linear layer; a style is where a face rests beside the mean of all.

    Args:
        weight: (k, f) float.
        every: rows from one to the next.
        rests: (people, k) float, added to what is said.
    """

    def __init__(self, weight, every, rests):
        super().__init__()
        self.every = every
        self.line = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.register_buffer("rests", torch.as_tensor(rests, dtype=torch.float32))
        with torch.no_grad():
            self.line.weight.copy_(torch.as_tensor(weight))

    def forward(self, rows):
        """(n, k) of (n, w, c)."""
        return self.line(rows[:, :: self.every].flatten(1))


class Resting(nn.Module):
    """A network and the rest that a style is.

    Args:
        network: (n, w, c) -> (n, k).
    """

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, rows, style):
        """(n, k) of (n, w, c) rows and (n, k) styles."""
        return self.network(rows) + style


class DvpRidgeRecipe(Recipe):
    """See the module."""

    method, options_type, padding, closed_form = "dvp", DvpRidgeOptions, "silence", True
    summary = "AudioDVP's map from sound to expressions, solved for"

    def __init__(self, options):
        super().__init__(options)
        self._front_end = heard_through(options.front_end)
        self.rows_before = self.rows_after = options.rows // 2

    @property
    def fps(self):
        """Frames a second."""
        return self.options.fps

    def front_end(self):
        """The one that the options name."""
        return self._front_end

    def network(self, corpus):
        """The map, solved for."""
        std, clips, people = np.maximum(corpus.row_std, 1e-3), corpus.to_learn, self.people(corpus)
        parts = [self._moments(corpus, clip, std) for clip in clips] if len(clips) > 1 else \
            self._quarters(corpus, clips[0], std)
        who = [self._number(corpus, clip) for clip in clips] if len(clips) > 1 else [0] * len(parts)
        of = [sum_of([part for part, other in zip(parts, who, strict=True) if other == i]) for i in range(len(people))]
        # Every person's own means are taken off.
        parts = [moved(part, of[i]) for part, i in zip(parts, who, strict=True)]
        folds = [sum_of(parts[i::_MOST_FOLDS]) for i in range(min(_MOST_FOLDS, len(parts)))]
        strength = self.options.strength or min(STRENGTHS, key=lambda one: left_out(folds, one))
        weight = solved(sum_of(folds), strength)
        rests = np.stack([y / count - x / count @ weight for count, x, _, y, _, _ in of])
        rest = rests.mean(axis=0)
        return Scaled(Line(weight.T, self.options.every, rests - rest), corpus.row_mean, std, corpus.value_mean + rest)

    def people(self, corpus):
        """Names of the people learned from, in order."""
        return tuple(dict.fromkeys(corpus.speakers[clip.speaker] for clip in corpus.to_learn))

    def predict(self, network, corpus, clip):
        """Values of a clip, at its own speaker's rest, or at the mean one."""
        number = self._number(corpus, clip)
        rest = network.network.rests[number].numpy() if number >= 0 else 0
        return limited(corpus, said(self, network, corpus, clip) + rest)

    def spoken(self, corpus, clip):
        """The speaker that predict takes."""
        people, number = self.people(corpus), self._number(corpus, clip)
        return {} if len(people) < 2 else {"style": MEAN if number < 0 else people[number] or UNNAMED}

    def export(self, network, corpus):
        """The graph; people are styles where there are several."""
        people, rests = self.people(corpus), network.network.rests
        if len(people) < 2:
            return exported(self, network, corpus)
        rows = torch.randn(3, self.rows_before + 1 + self.rows_after, corpus.front_end.width)
        given = {"rows": rows, "style": torch.zeros(3, rests.shape[1])}
        graph = graph_bytes(Resting(network), given, ["values"])
        styles = {MEAN: [0.0] * rests.shape[1]} | {name or UNNAMED: rests[i].tolist() for i, name in enumerate(people)}
        return {GRAPH: graph}, config_of(self, corpus) | {"styles": styles, "style": MEAN}

    def _number(self, corpus, clip):
        people, name = self.people(corpus), corpus.speakers[clip.speaker]
        return people.index(name) if name in people else -1

    def _moments(self, corpus, clip, std, part=slice(None)):
        windows = corpus.windows(clip, rows_before=self.rows_before, rows_after=self.rows_after, padding=self.padding,
                                 frames=np.arange(len(clip.values))[part])
        x = ((windows[:, :: self.options.every] - corpus.row_mean) / std).reshape(len(windows), -1).astype(np.float64)
        y = (clip.values[part] - corpus.value_mean).astype(np.float64)
        return len(x), x.sum(axis=0), x.T @ x, y.sum(axis=0), x.T @ y, np.square(y).sum()

    def _quarters(self, corpus, clip, std):
        edges = np.linspace(0, len(clip.values), _QUARTERS + 1).astype(int)
        return [self._moments(corpus, clip, std, slice(edges[i], edges[i + 1])) for i in range(_QUARTERS)]


def sum_of(parts):
    """Moments of several parts together."""
    return tuple(sum(one) for one in zip(*parts, strict=True))


def moved(part, group):
    """Moments of a part about the means of the group it belongs to."""
    count, x, xx, y, xy, square = part
    mean, rest = group[1] / group[0], group[3] / group[0]
    cross = np.outer(x, mean)
    return (count, x - count * mean, xx - cross - cross.T + count * np.outer(mean, mean), y - count * rest,
            xy - np.outer(x, rest) - np.outer(mean, y) + count * np.outer(mean, rest),
            square - 2 * y @ rest + count * rest @ rest)


def solved(moments, strength):
    """(f, k) weight of ridge regression through 0."""
    count, _, xx, _, xy, _ = moments
    return np.linalg.solve(xx / count + strength * np.eye(len(xx)), xy / count)


def left_out(folds, strength):
    """Squared error over all folds, each predicted by the others."""
    total = 0.0
    for i, fold in enumerate(folds):
        weight = solved(sum_of([one for j, one in enumerate(folds) if j != i]), strength)
        # The fold is judged about its own means: where a face rests is not what is asked for.
        _, _, xx, _, xy, square = moved(fold, fold)
        total += (weight * (xx @ weight)).sum() + square - 2 * (weight * xy).sum()
    return total
