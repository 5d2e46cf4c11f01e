"""AudioDVP's audio to expressions at run time: seven frames of what is heard, and an affine map to a person's columns.

Wen et al. (TVCG 2020), section 4; the network is learn/nets/dvp.py. What it hears are ATnet's features (audio/atnet.py)
in the original and may be any front end; beyond the clip it sees zeros. Unlike the original, which leaves out the last
second or two, every frame that has sound gets its expressions. Its numbers are met in tests/parity/test_dvp.py. Needs
NumPy and onnxruntime.
"""

from personare.assets import user_path
from personare.motion.windows import WindowMethod
from personare.store import read_bundle


def open_dvp(path=None):
    """Open a bundle that `personare convert delta_net.pth` or `personare learn dvp` wrote.

    Args:
        path: its folder; default models/dvp in personare's home. No bundle comes with personare.

    Returns:
        windows.WindowMethod.

    Raises:
        AssetError: the bundle is missing, damaged, or of a newer version.
    """
    return WindowMethod(read_bundle(user_path("models", "dvp") if path is None else path))
