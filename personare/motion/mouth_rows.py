"""Mouth curves of the built-in model as a front end: for methods that have little data of their own to learn from.

What the built-in model has learned from tens of hours of speech, a network for one person need not learn again: it
only has to learn how that person's face says it.
"""

import numpy as np

from personare.audio.front_ends import FrontEnd
from personare.motion.lips import CURVES
from personare.motion.vox import open_live, open_small, open_small_live, open_vox
from personare.spaces import ARKIT_52

RATE_HZ = 60.0
# Both sides of a curve are alike; the left one stands for them.
_COLUMNS = ARKIT_52.indices([name if name in ARKIT_52.columns else f"{name}Left" for name in CURVES])
_OPENED = {"vox": open_vox, "vox-live": open_live, "vox-small": open_small, "vox-small-live": open_small_live}


class MouthStream:
    """Rows of sound that arrives in pieces.

    Args:
        method: an opened Vox.
    """

    def __init__(self, method):
        self._session = method.session(fps=RATE_HZ)

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, 18) float32 rows that are now complete."""
        return self._rows(self._session.push(np.asarray(samples, np.float32)))

    def finish(self):
        """The (t, 18) float32 rows that were waiting for more sound."""
        return self._rows(self._session.finish())

    def _rows(self, motion):
        return motion.values[:, _COLUMNS]


def mouth(audio, *, model="vox"):
    """Mouth curves of a whole recording.

    Args:
        audio: Audio or AudioStream; any rate.
        model: see front_end.

    Returns:
        Features of kind "mouth": (t, 18) float32, the curves of personare.motion.lips in 0..1, 60 a second.
    """
    from personare.audio.front_ends import features_of

    return features_of(front_end(model=model), audio)


def front_end(*, model="vox"):
    """The front end "mouth".

    Args:
        model: "vox", "vox-live", "vox-small" or "vox-small-live".
    """
    if model not in _OPENED:
        raise TypeError(f"no model '{model}'; it has {', '.join(_OPENED)}")
    method = _OPENED[model]()
    session = method.session(fps=RATE_HZ)
    return FrontEnd("mouth", {} if model == "vox" else {"model": model}, RATE_HZ, session.rate_hz, len(CURVES),
                    session.look_ahead_s, lambda: MouthStream(method))
