"""FaceFormer: a transformer decoder that says each frame from the frames before it and from the sound.

Fan et al., FaceFormer: Speech-Driven 3D Facial Animation with Transformers (CVPR 2022), sections 3.2 and 3.3. Names and
shapes of all tensors are those of the published checkpoints (of which the sound encoder stands apart, as a front end).
What differs: the encoder is any front end; the biased mask and the periodic encoding are computed for the length at
hand, so nothing ends at 600 frames; and motion/faceformer.py decodes a frame from cached keys instead of all frames
anew. tests/parity/test_faceformer.py holds both against numbers of the original.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from personare.errors import InputError
from personare.motion.faceformer import periodic_encoding, slopes


@dataclass(frozen=True)
class FaceFormerConfig:
    """Sizes of the network.

    Args:
        channels: of the speech features, 768 for wav2vec 2.0 base.
        columns: numbers a frame, three a vertex in the original.
        width: of the decoder: 64 for VOCASET, 128 for BIWI.
        period: frames after which position repeats: 30 for VOCASET, 25 for BIWI.
        speakers: known ones.
        tokens: rows of features a frame: 1 for VOCASET, 2 for BIWI.
        heads: of the attention, divides width.
    """

    channels: int = 768
    columns: int = 15069
    width: int = 64
    period: int = 30
    speakers: int = 8
    tokens: int = 1
    heads: int = 4

    def __post_init__(self):
        if self.width % self.heads or self.width % 2:
            raise InputError("width", expected=f"an even multiple of {self.heads} heads", got=str(self.width),
                             remedy="change width or heads")


def biased_mask(frames, *, heads, period):
    """(heads, frames, frames) float32 to add to attention: minus infinity ahead, slope by whole periods behind.

    Source:
        Equation 5; checked against the original to the bit.
    """
    place = torch.arange(frames)
    behind = torch.div(place[:, None] - place[None], period, rounding_mode="floor")
    bias = -behind[None] * torch.tensor(slopes(heads), dtype=torch.float32)[:, None, None]
    return bias.masked_fill(place[None, None] > place[None, :, None], -math.inf)


def alignment_mask(frames, rows, *, tokens):
    """(frames, rows) bool, True where a frame may not look: everywhere but at its own tokens."""
    return torch.arange(rows)[None] // tokens != torch.arange(frames)[:, None]


class FaceFormer(nn.Module):
    """The decoder with its maps.

    Args:
        config: FaceFormerConfig.
    """

    def __init__(self, config=None):
        super().__init__()
        self.config = config = config or FaceFormerConfig()
        self.audio_feature_map = nn.Linear(config.channels, config.width)
        self.vertice_map = nn.Linear(config.columns, config.width)
        layer = nn.TransformerDecoderLayer(config.width, config.heads, 2 * config.width, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, 1)
        self.vertice_map_r = nn.Linear(config.width, config.columns)
        self.obj_vector = nn.Linear(config.speakers, config.width, bias=False)
        nn.init.zeros_(self.vertice_map_r.weight)
        nn.init.zeros_(self.vertice_map_r.bias)

    def teacher_forced(self, features, motion, speaker):
        """Every frame from the true frames before it.

        Args:
            features: (b, t * tokens, channels) float32.
            motion: (b, t, columns) float32, what is added to the template.
            speaker: (b, speakers) float32, one hot or any mixture.

        Returns:
            (b, t, columns).
        """
        style = self.obj_vector(speaker)[:, None]  # (b, 1, d)
        shifted = torch.cat([torch.zeros_like(motion[:, :1]), motion[:, :-1]], 1)
        return self.vertice_map_r(self._decode(self.vertice_map(shifted) + style, self.audio_feature_map(features)))

    def predict(self, features, speaker):
        """Every frame from the frames predicted before it, all of them decoded anew each time as the original does.

        Args:
            features: (b, t * tokens, channels) float32.
            speaker: (b, speakers) float32.

        Returns:
            (b, t, columns) float32, to be added to the template.
        """
        style, sound = self.obj_vector(speaker)[:, None], self.audio_feature_map(features)
        inputs = style
        for frame in range(features.shape[1] // self.config.tokens):
            hidden = self._decode(inputs, sound)
            outputs = self.vertice_map_r(hidden)
            if frame + 1 < features.shape[1] // self.config.tokens:
                inputs = torch.cat([inputs, self.vertice_map(outputs[:, -1:]) + style], 1)
        return outputs

    def _decode(self, inputs, sound):
        """(b, t, d) of (b, t, d) inputs without their place and (b, r, d) sound."""
        config, count = self.config, inputs.shape[1]
        place = torch.from_numpy(periodic_encoding(config.width, config.period))
        inputs = inputs + place[torch.arange(count) % config.period].to(inputs)
        mask = biased_mask(count, heads=config.heads, period=config.period).to(inputs)
        mask = mask.repeat(len(inputs), 1, 1)  # (b heads, t, t)
        aligned = alignment_mask(count, sound.shape[1], tokens=config.tokens).to(inputs.device)
        return self.transformer_decoder(inputs, sound, tgt_mask=mask, memory_mask=aligned)
