"""Files of the bundle: arrays as npz, and as JPEG the atlas in colour, the strands in grey with their opacity."""

import io
import zipfile

import numpy as np

from sona import atlas, paint, sheet

STRANDS_QUALITY = 72


def files(head, materials):
    """File name -> bytes.

    Args:
        head: what build.assemble returns.
        materials: names of the materials.
    """
    return {"atlas.jpg": jpeg(paint.atlas(head, materials, atlas.SIZE), paint.QUALITY),
            "strands.jpg": jpeg(np.concatenate(sheet.draw()), STRANDS_QUALITY)}


def npz(arrays, *, plain):
    """Bytes of an npz of arrays; those whose names begin with one of `plain`, which hardly shrink, are not packed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # of 1980, so that the same arrays give the same bytes
            entry.compress_type = zipfile.ZIP_STORED if name.startswith(plain) else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as content:
                np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def jpeg(picture, quality):
    """Bytes of a JPEG of (h, w) or (h, w, 3) uint8."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()
