"""The audio networks of AudioDVP: ATnet's features of sound, and the map from seven frames of them to expressions.

Names and shapes of all tensors are those of the originals (`audio_eocder` is how they spell it), so weights go both
ways. ATnet's other half, from features to the landmarks of a mouth, is here too: its checkpoints hold both.

Source:
    X. Wen et al., Photorealistic Audio-driven Video Portraits, TVCG 2020, section 4; L. Chen et al., Hierarchical
    Cross-Modal Talking Face Generation (ATVGnet), CVPR 2019. Their numbers are met in tests/parity/test_dvp.py.
"""

import torch
from torch import nn

from personare.errors import InputError

FRAMES, FEATURES, OUTPUTS = 7, 256, 64
MFCC_ROWS, MFCC_COLUMNS = 28, 12


class AudioExpression(nn.Module):
    """Seven frames of features to expressions. There is no bend in it: an affine map with shared parts.

    Args:
        frames: frames seen, odd, 3 or more.
        features: columns of a frame, 7 or more.
        outputs: target columns.
    """

    def __init__(self, *, frames=FRAMES, features=FEATURES, outputs=OUTPUTS):
        super().__init__()
        if frames < 7 or frames % 2 == 0 or features < 7 or outputs < 1:
            raise InputError("frames, features, outputs", expected="7, 9, 11 ... frames, 7 or more features, outputs",
                             got=f"{frames}, {features}, {outputs}", remedy="change them")
        self.conv1 = nn.Conv1d(frames, 5, 3)
        self.conv2 = nn.Conv1d(5, 3, 3)
        self.conv3 = nn.Conv1d(3, 1, 3)
        self.fc = nn.Linear(features - 6, outputs)

    def forward(self, features):
        """(n, outputs, 1) of (n, frames, features)."""
        x = self.conv3(self.conv2(self.conv1(features)))  # (n, 1, features - 6)
        return self.fc(x.flatten(1))[..., None]


def _block(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs),
                         nn.ReLU(inplace=True))


class Atnet(nn.Module):
    """Sound to the landmarks of a mouth; AudioDVP takes the features in between."""

    def __init__(self):
        super().__init__()
        self.lmark_encoder = nn.Sequential(nn.Linear(6, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU())
        self.audio_eocder = nn.Sequential(
            _block(1, 64), _block(64, 128), nn.MaxPool2d(3, (1, 2)), _block(128, 256), _block(256, 256),
            _block(256, 512), nn.MaxPool2d(3, (2, 2)))
        self.audio_eocder_fc = nn.Sequential(nn.Linear(512 * 12 * 2, 2048), nn.ReLU(), nn.Linear(2048, FEATURES),
                                             nn.ReLU())
        self.lstm = nn.LSTM(512 + FEATURES, FEATURES, 3, batch_first=True)
        self.lstm_fc = nn.Sequential(nn.Linear(FEATURES, 6))

    def features(self, windows):
        """What AudioDVP sees: (n, 256), 0 or more, of (n, 28, 12) cepstra, the first of the 13 left out."""
        x = self.audio_eocder(windows[:, None])  # (n, 512, 12, 2)
        return self.audio_eocder_fc(x.flatten(1))

    def forward(self, windows, landmark):
        """Landmarks of a mouth in six numbers.

        Args:
            windows: (b, t, 28, 12) float32, frames one after the other.
            landmark: (b, 6) float32, the mouth at rest.

        Returns:
            (b, t, 6).
        """
        batch, count = windows.shape[:2]
        sound = self.features(windows.flatten(0, 1)).view(batch, count, -1)  # (b, t, 256)
        rest = self.lmark_encoder(landmark)[:, None].expand(-1, count, -1)  # (b, t, 512)
        x, _ = self.lstm(torch.cat([rest, sound], 2))  # (b, t, 256)
        return self.lstm_fc(x)


def atnet_of(tensors):
    """ATnet with the weights of a checkpoint, in evaluation mode.

    Args:
        tensors: dict of name -> array; those of a network on several devices, "module.", too.

    Raises:
        InputError: tensors of another layout.
    """
    return _filled(Atnet(), tensors, "an ATnet", "atnet_lstm_18.pth")


def audio_expression_of(tensors):
    """AudioExpression of any size with the weights of a checkpoint, in evaluation mode.

    Args:
        tensors: dict of name -> array.

    Raises:
        InputError: tensors of another layout.
    """
    try:
        sizes = {"frames": tensors["conv1.weight"].shape[1], "features": tensors["fc.weight"].shape[1] + 6,
                 "outputs": tensors["fc.weight"].shape[0]}
    except (KeyError, IndexError, AttributeError) as error:
        raise _other_layout("AudioDVP's audio network", f"no {error}", "delta_net.pth") from error
    return _filled(AudioExpression(**sizes), tensors, "AudioDVP's audio network", "delta_net.pth")


def _filled(network, tensors, what, file):
    state = {name.removeprefix("module."): torch.as_tensor(value) for name, value in tensors.items()}
    for name, value in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            # Checkpoints before torch 0.4.1 have none; nothing but training reads it.
            state.setdefault(name, value)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise _other_layout(what, " ".join(str(error).split())[:160], file) from error
    return network.eval()


def _other_layout(what, got, file):
    return InputError("tensors", expected=f"those of {what}", got=got, remedy=f"give the file {file}")
