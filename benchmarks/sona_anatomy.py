"""Do the built-in head's shapes move as a scanned head's? python benchmarks/sona_anatomy.py FOLDER_OF_ICT-FACEKIT

The 68 usual landmarks of both heads, scaled to the height from eyes to chin. For every ARKit shape those landmarks that
the scan moves by more than 15 % of its largest: the cosine between the two mean displacements (symmetric shapes folded
to one side), the cosine over all of them, and the ratio of mean lengths. The bar: cosine at least 0.85, size 0.6..1.6.
Needs scipy and your own copy of ICT-FaceKit, unpacked, or one file ict_facekit.npz of it.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from sona import brows, build, chart, form, rings  # noqa: E402
from sona import skin as placing  # noqa: E402
from sona.regions import Skin  # noqa: E402

from personare.faces.ict import open_ict  # noqa: E402
from personare.faces.sona import open_sona  # noqa: E402
from personare.spaces import ARKIT_52  # noqa: E402

LEAST_SHARE, LEAST_COSINE, SIZES = 0.15, 0.85, (0.6, 1.6)
STILL_CM = 0.03   # a shape that moves no landmark of the scan further is not compared
CHIN_Y = -11.1    # of sona, cm under the eyes
# Landmarks 48..67: place along the lip, -1 right corner .. 1 left corner, and whether it is the upper one.
OUTER = ((-1, 1), (-0.62, 1), (-0.22, 1), (0, 1), (0.22, 1), (0.62, 1), (1, 1), (0.6, 0), (0.25, 0), (0, 0),
         (-0.25, 0), (-0.6, 0))
INNER = ((-1, 1), (-0.3, 1), (0, 1), (0.3, 1), (1, 1), (0.3, 0), (0, 0), (-0.3, 0))
LEFT_EYE = (np.pi, 2.1, 1.05, 0.0, -1.05, -2.1)  # angles of landmarks 42..47 round the lids
RIGHT_OF_LEFT_EYE = (45, 44, 43, 42, 47, 46)     # landmarks 36..41 mirror these


def scan_landmarks(path):
    """(68,) vertices of the scanned head's landmarks."""
    file = path if path.suffix == ".npz" else next(path.glob("**/ict_facekit.npz"), None)
    if file:
        with np.load(file, allow_pickle=False) as data:
            return data["landmarks68"].astype(int).ravel()[:68]
    return np.array(json.loads(next(path.glob("**/vertex_indices.json")).read_text())["idx_to_landmark_verts"])


def sona_landmarks(p, near):
    """(68,) vertices of the built-in head.

    Args:
        p: (v, 3) rest in cm about the skull.
        near: (36, 3) where the scan has those of the jaw line, the right brow's stead, nose bridge and nose.
    """
    half = chart.build_half()
    _, twin, source = chart.mirror(half)
    skin = Skin(half, p[:len(source)], twin, source)
    outer = np.isin(skin.block, ("grid", "mouth", "eye"))
    outer &= ~((skin.patch == "mouth") & (skin.ring > 9)) & ~((skin.patch == "eye") & (skin.ring > 7))
    outer = np.flatnonzero(outer)

    def nearest(place):
        return outer[((skin.p[outer] - place) ** 2).sum(1).argmin()]

    out = np.zeros(68, int)
    out[:36] = [nearest(place) for place in near]
    line = np.array(brows.BROW)[:, :2]
    for k, along in enumerate(np.linspace(0.05, 0.95, 5)):
        xy = [np.interp(along, np.linspace(0, 1, len(line)), line[:, axis]) for axis in (0, 1)]
        out[22 + k] = nearest((*xy, form.drop(np.array([xy]))[0, 2]))
        out[21 - k] = twin[out[22 + k]]
    count = len(chart.boundary(chart.BLOCKS["eye"]))
    angle = placing.ring_angle(chart.BLOCKS["eye"], np.arange(count))
    for k, wanted in enumerate(LEFT_EYE):
        sector = np.abs(np.angle(np.exp(1j * (angle - wanted)))).argmin()
        out[42 + k] = half.index["eye", rings.EYE_MARGIN, sector]
    out[36:42] = [twin[out[k]] for k in RIGHT_OF_LEFT_EYE]
    out[48:60] = [_lip(half, twin, rings.LIP_BORDER, *place) for place in OUTER]
    out[60:68] = [_lip(half, twin, rings.LIP_SEAL, *place) for place in INNER]
    return out


def _lip(half, twin, ring, along, upper):
    count = len(chart.boundary(chart.BLOCKS["mouth"]))
    step = np.abs(rings.lip_share(count // 2 + 1) - abs(along)).argmin()
    left = half.index["mouth", ring, step if upper else count - 1 - step]
    return left if along >= 0 else twin[left]


def compared(scan, ours, folded):
    """(cosine of means, cosine over all, ratio of mean lengths) of displacements (68, 3), or None for a still shape."""
    length, other = np.linalg.norm(scan, axis=1), np.linalg.norm(ours, axis=1)
    if length.max() < STILL_CM:
        return None
    on = length > LEAST_SHARE * length.max()
    means = [(move * folded)[on].mean(0) for move in (scan, ours)]
    cosine = means[0] @ means[1] / np.prod(np.linalg.norm(means, axis=1))
    each = (scan[on] * ours[on]).sum() / np.sqrt((scan[on] ** 2).sum() * (ours[on] ** 2).sum())
    return cosine, each, other[on].mean() / length[on].mean()


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ict", type=Path, help="your copy of ICT-FaceKit")
    parser.add_argument("-f", "--folder", type=Path, help="another bundle folder of sona")
    arguments = parser.parse_args()
    scan, ours, marks = open_ict(arguments.ict), open_sona(arguments.folder), scan_landmarks(arguments.ict)
    places = scan.rest[marks] * 100.0
    eyes_y = places[36:48, 1].mean()
    scale = -CHIN_Y / (eyes_y - places[8, 1])
    places = (places - (0, eyes_y, 0)) * scale
    places[:, 2] += form.EYE[2] + form.EYE_RADIUS - places[36:48, 2].mean()
    own = sona_landmarks(ours.rest * 100.0 + build.ORIGIN, places[:36])
    misses = 0
    for name in ARKIT_52.columns:
        fold = np.ones((68, 3))
        if not name.endswith(("Left", "Right")):
            fold[places[:, 0] < -0.05, 0] = -1
        row = compared(scan.shapes[scan.space.index(name)][marks] * 100.0 * scale,
                       ours.shapes[ours.space.index(name)][own] * 100.0, fold)
        if row is None:
            print(f"{name:20} the scan has no such shape")
            continue
        missed = row[0] < LEAST_COSINE or not SIZES[0] <= row[2] <= SIZES[1]
        misses += missed
        print(f"{name:20} mean {row[0]:.2f}  each {row[1]:.2f}  size {row[2]:.2f}{'  MISSED' if missed else ''}")
    print(f"{misses} of {len(ARKIT_52)} shapes miss the bar")


if __name__ == "__main__":
    main()
