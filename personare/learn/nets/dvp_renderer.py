"""AudioDVP's neural face renderer: seven drawings of the lower face in a row make one real picture of it.

A U-Net of eight levels that refines each level before it doubles it, and a judge of patches that sees the drawings
beside the picture. Names of all tensors are those of the original. A narrower one (`width`) is a tenth or a hundredth
of its size and is what learns on a processor.

Source:
    X. Wen et al., Photorealistic Audio-driven Video Portraits, TVCG 2020, section 5; met in
    tests/parity/test_dvp_renderer.py (1e-5).
"""

from torch import nn

from personare.learn.nets.unet import PatchDiscriminator, UNet

# Drawings that one picture is made of: that of its own frame and three on either side, three colours each.
DRAWINGS = 7
LEVELS = 8


def dvp_renderer(*, drawings=DRAWINGS, width=64, levels=LEVELS):
    """The renderer; (b, 3 drawings, h, w) in -1..1 to (b, 3, h, w) in -1..1.

    Args:
        drawings: consecutive frames that are seen.
        width: channels of the first level; the original: 64, 140.9 million numbers.
        levels: the original: 8, for pictures of 256 pixels.
    """
    return _started(UNet(3 * drawings, levels=levels, width=width, norm=nn.BatchNorm2d, norm_down=True, refine=True,
                         dropout=True))


def dvp_judge(*, drawings=DRAWINGS, width=64):
    """What learns to tell its pictures from real ones: drawings and picture together, (b, 3 drawings + 3, h, w)."""
    return _started(PatchDiscriminator(3 * drawings + 3, width=width, norm=nn.BatchNorm2d))


def _started(network):
    """Weights as pix2pix draws them: normal numbers of 0.02, around 1 for scales."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return network
