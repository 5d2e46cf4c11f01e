"""Karras et al. 2017 and FACEGOOD's reading of it, at run time: windows of any front end to curves of any space.

The network (personare/learn/nets/karras.py and karras_time.py) is a graph in the bundle; this is how a style is chosen:
a row of what the paper calls the emotion database, a mixture of rows, or their mean. docs/motion/karras.md says what it
was checked against.
"""

import numpy as np

from personare.arrays import checked_number
from personare.audio.front_ends import open_front_end
from personare.errors import InputError
from personare.motion.windows import WindowMethod
from personare.spaces import unknown_name
from personare.store import read_bundle

MEAN, NONE = "mean", "none"


class Karras:
    """An opened bundle.

    Args:
        bundle: store.Bundle; its config is a windows.WindowOptions.

    Attributes:
        card: the bundle's card.
        styles: names of the rows that can be chosen, "mean" among them; () for FACEGOOD's networks, which have none.
    """

    def __init__(self, bundle):
        self._method = WindowMethod(bundle)
        self.card, self.options = self._method.card, self._method.options
        self.styles = self._method.styles

    def session(self, *, fps=30.0, style=None, seed=0):
        """A new take.

        Args:
            fps: frames a second, > 0.
            style: name of a style; a mixture as "name:0.7,other:0.3" or a dict of names and shares, which are brought
                to a sum of 1; or (s,) a code of its own. None for the bundle's own choice.
            seed: the method is deterministic; any gives the same.

        Returns:
            windows.WindowSession.

        Raises:
            InputError: no such style, shares that add up to nothing, or the method has no styles.
        """
        if self.styles and (isinstance(style, dict) or (isinstance(style, str) and ":" in style)):
            style = self._mixed(style)
        return self._method.session(fps=fps, style=style, seed=seed)

    def front_end(self):
        """The FrontEnd it hears through."""
        return open_front_end(self.options.front_end, **self.options.front_end_options)

    def _mixed(self, mixture):
        """(s,) float32 code of a mixture of styles."""
        shares = mixture if isinstance(mixture, dict) else dict(_read(part) for part in mixture.split(","))
        for name, share in shares.items():
            if name not in self.styles:
                raise unknown_name("style", name, self.styles)
            checked_number("style", share, "the share of a style", least=0, most=1e6)
        total = sum(shares.values())
        if not total > 0:
            raise InputError("style", expected="shares that add up to more than 0", got=repr(mixture)[:60],
                             remedy='such as "one:0.7,other:0.3"')
        return sum(np.float32(share / total) * np.float32(self.options.styles[name]) for name, share in shares.items())


def _read(part):
    """(name, share) of "name:0.7"."""
    name, _, share = part.rpartition(":")
    try:
        return name.strip(), float(share)
    except ValueError:
        raise InputError("style", expected="name:share, separated by commas", got=part[:60],
                         remedy='such as "one:0.7,other:0.3"') from None


def open_karras(path=None):
    """Open a bundle of this method.

    Args:
        path: folder of a bundle; none ships with personare, since there is no data to train one on that may be
            passed on.

    Returns:
        Karras.

    Raises:
        InputError: no path. AssetError: the bundle is missing, damaged, or of a newer version.
    """
    if path is None:
        raise InputError("model", expected="the folder of a karras bundle", got="karras alone",
                         remedy="train or convert one, see docs/motion/karras.md, and give its path")
    return Karras(read_bundle(path))
