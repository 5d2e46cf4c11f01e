"""ATnet's features of sound, 256 numbers for each video frame: what AudioDVP hears, by your own checkpoint.

`personare convert atnet_lstm_18.pth -o FOLDER` makes a bundle of the checkpoint (learn/nets/dvp.py); here its graph
runs without torch. Each frame is a picture of 28 rows of 12 cepstra, 120 ms before to 175 ms after it
(cepstra.ImageStream). The numbers are those of the original (tests/parity/test_dvp.py).
"""

from functools import cached_property

import numpy as np

from personare.assets import open_graph, user_path
from personare.audio.cepstra import IMAGE_COLUMNS, IMAGE_ROWS, RATE_HZ, SPEECH_FEATURES, ImageStream
from personare.audio.front_ends import FrontEnd
from personare.audio.resampling import resample
from personare.errors import AssetError
from personare.store import CARD, read_bundle, sha256
from personare.types import Features

GRAPH, METHOD = "model.onnx", "atnet"
FRAMES_HZ, FEATURES = 25.0, 256
# Pictures run through the graph together; what lies between its layers is 1 MB a picture.
_BLOCK = 16


class Atnet:
    """An opened bundle.

    Args:
        folder: of the bundle.

    Raises:
        AssetError: the bundle is missing, damaged, or of something else.
    """

    def __init__(self, folder):
        bundle = read_bundle(folder)
        if bundle.card.method != METHOD:
            raise AssetError(f"{folder}: a bundle of {bundle.card.method}, not of ATnet; make one with personare "
                             "convert atnet_lstm_18.pth")
        self.card, self.sha256 = bundle.card, sha256(bundle.folder / CARD)
        self._path = bundle.path(GRAPH)

    @cached_property
    def _graph(self):
        return open_graph(self._path)

    def run(self, images):
        """(t, 256) float32, 0 or more, of (t, 336) float32 pictures."""
        rows = [np.empty((0, FEATURES), np.float32)]
        for at in range(0, len(images), _BLOCK):
            part = images[at : at + _BLOCK].reshape(-1, IMAGE_ROWS, IMAGE_COLUMNS)
            rows.append(self._graph.run(None, {"images": np.ascontiguousarray(part, np.float32)})[0])
        return np.concatenate(rows)


class AtnetStream:
    """Rows of sound that arrives in pieces.

    Args:
        network: Atnet.
    """

    def __init__(self, network):
        self._network, self._images = network, ImageStream(FRAMES_HZ)

    def push(self, samples):
        """Take (n,) float32 samples at 16 kHz, give the (t, 256) float32 rows that no later sound can change."""
        return self._network.run(self._images.push(samples))

    def finish(self):
        """The (t, 256) float32 rows that were waiting for more sound."""
        return self._network.run(self._images.finish())


def atnet(audio, network):
    """ATnet's features of a whole recording.

    Args:
        audio: Audio.
        network: Atnet.

    Returns:
        Features of kind "atnet": (ceil(25 duration_s), 256) float32.
    """
    stream = AtnetStream(network)
    samples = resample(audio, RATE_HZ).samples
    return Features(np.concatenate([stream.push(samples), stream.finish()]), FRAMES_HZ, "atnet")


def front_end(*, path=None, sha256=""):
    """The front end of a converted checkpoint.

    Args:
        path: folder of the bundle; None for models/atnet in personare's home.
        sha256: of its card, where a model was trained on it; another one is refused.

    Returns:
        FrontEnd of 25 rows a second.

    Raises:
        AssetError: the bundle is missing, damaged, or another one than was meant.
    """
    folder = path or user_path("models", "atnet")
    network = Atnet(folder)
    if sha256 and network.sha256 != sha256:
        raise AssetError(f"{folder}: another ATnet than the one that was meant (sha256 {network.sha256[:12]}, not "
                         f"{sha256[:12]}); put that one there")
    hop, length = SPEECH_FEATURES.hop, SPEECH_FEATURES.window_length
    # The last row of a picture begins 15 rows after its frame.
    look_ahead_s = ((IMAGE_ROWS - 12 - 1) * hop + length + 1) / RATE_HZ
    options = {"sha256": network.sha256} | ({"path": str(path)} if path else {})
    return FrontEnd("atnet", options, FRAMES_HZ, RATE_HZ, FEATURES, look_ahead_s, lambda: AtnetStream(network))
