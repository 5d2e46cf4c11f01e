"""How deep lips pass through teeth and lids through the eyeball of the built-in head: python benchmarks/sona_contact.py

Every shape alone at weight 1, then 500 frames of speech with blinks and gaze. Prints the worst depths in millimetres;
the bar is 0.3 mm.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from sona import chart  # noqa: E402

import personare  # noqa: E402
from personare.assets import builtin_path  # noqa: E402
from personare.faces.sona import CHARACTERS, open_sona  # noqa: E402
from personare.store import read_bundle  # noqa: E402
from personare.types import Motion  # noqa: E402

BAR_MM = 0.3
LIP_RINGS, LID_RINGS = range(5, 11), range(2, 8)  # the red of the lips; the outer skin of the lids with its margin


class Contact:
    """Who may meet whom on one face.

    Args:
        face: a face of open_sona.
        folder: its bundle, default the built-in one.
    """

    def __init__(self, face, folder=None):
        bundle = read_bundle(folder or builtin_path("sona"))
        names = bundle.card.config["parts"]
        with np.load(bundle.path("sona.npz"), allow_pickle=False) as file:
            part = file["part"]
        half = chart.build_half()
        twin = chart.mirror(half)[1]

        def both(block, ring_range):
            mine = [i for i, key in enumerate(half.keys) if key[0] == block and key[1] in ring_range]
            return np.unique(np.r_[mine, twin[mine]])

        self.lips, self.lids = both("mouth", LIP_RINGS), both("eye", LID_RINGS)
        self.teeth = [t for row in ("teeth_upper", "teeth_lower")
                      for t in self._pieces(face.surface.triangles, part == names.index(row))]
        eye = np.flatnonzero(part == names.index("eye"))
        self.eyes = [eye[face.rest[eye, 0] * side > 0] for side in (1, -1)]
        self.profile = [self._profile(face.rest[ball]) for ball in self.eyes]

    @staticmethod
    def _pieces(triangles, member):
        """The triangles of each tooth: connected pieces."""
        mine = triangles[member[triangles].all(1)]
        label = np.arange(len(member))
        for _ in range(60):
            low = label[mine].min(1)
            np.minimum.at(label, mine.ravel(), np.repeat(low, 3))
        root = label[mine[:, 0]]
        return [mine[root == one] for one in np.unique(root)]

    @staticmethod
    def _profile(ball):
        """Centre offset of the pole vertex and radius against polar angle, cornea included."""
        back = ball[ball[:, 2] < np.median(ball[:, 2])]
        solution = np.linalg.lstsq(np.c_[2 * back, np.ones(len(back))], (back**2).sum(1), rcond=None)[0]
        offset = ball - solution[:3]
        radius = np.linalg.norm(offset, axis=1)
        polar = np.arccos(np.clip(offset @ (0, 0, 1) / radius, -1, 1))
        order = np.argsort(polar)
        return solution[:3], polar[order], radius[order]

    def teeth_mm(self, vertices):
        """Greatest depth of a lip vertex in a tooth, mm."""
        worst, lips = 0.0, vertices[self.lips]
        for tooth in self.teeth:
            a, b, c = (vertices[tooth[:, k]] for k in range(3))
            low, high = np.minimum.reduce([a, b, c]).min(0), np.maximum.reduce([a, b, c]).max(0)
            near = lips[((lips > low) & (lips < high)).all(1)]
            if len(near):
                normal = np.cross(b - a, c - a)
                normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
                outside = near[:, None] - a
                worst = max(worst, -float((outside * normal).sum(2).max(1).min()))
        return 1000 * worst

    def eyes_mm(self, vertices, rest):
        """Greatest depth of a lid vertex in its eyeball, mm; the ball may look anywhere."""
        worst = -1.0
        for ball, (centre, polar, radius) in zip(self.eyes, self.profile, strict=True):
            pole = ball[np.argmax(rest[ball, 2])]
            gaze = vertices[pole] - centre
            gaze /= np.linalg.norm(gaze)
            lids = vertices[self.lids]
            offset = lids[(lids[:, 0] > 0) == (centre[0] > 0)] - centre
            distance = np.linalg.norm(offset, axis=1)
            away = np.arccos(np.clip(offset @ gaze / distance, -1, 1))
            worst = max(worst, float((np.interp(away, polar, radius) - distance).max()))
        return 1000 * worst


def measure(face, values, folder=None):
    """(t, 2) depths in mm, teeth and eyes, of frames of values (t, 52)."""
    contact, rows = Contact(face, folder), []
    for start in range(0, len(values), 64):
        mesh = face.mesh(Motion(values[start:start + 64], 30.0, face.space))
        rows += [(contact.teeth_mm(v), contact.eyes_mm(v, face.rest)) for v in mesh.vertices]
    return np.array(rows)


def speech(frames):
    """(frames, 52) motion of the example recordings, blinks and gaze included."""
    values = [personare.animate(ROOT / "examples" / name, fps=60).values for name in ("hello.wav", "hallo.wav")]
    return np.concatenate(values)[:frames]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-f", "--folder", type=Path, help="another bundle folder")
    parser.add_argument("-c", "--character", default="sona", choices=CHARACTERS)
    parser.add_argument("-n", "--frames", type=int, default=500)
    arguments = parser.parse_args()
    face = open_sona(arguments.folder, character=arguments.character)
    singles = measure(face, np.eye(len(face.space), dtype=np.float32), arguments.folder)
    for name, (teeth, eyes) in zip(face.space.columns, singles, strict=True):
        if max(teeth, eyes) > 0.5 * BAR_MM:
            print(f"{name:20} lips in teeth {teeth:5.2f} mm   lids in eyes {eyes:5.2f} mm")
    spoken = measure(face, speech(arguments.frames), arguments.folder)
    for name, table in (("single shapes", singles), (f"{len(spoken)} frames of speech", spoken)):
        print(f"{name:24} worst: lips in teeth {table[:, 0].max():.2f} mm, lids in eyes {table[:, 1].max():.2f} mm; "
              f"over {BAR_MM} mm: {int((table > BAR_MM).any(1).sum())} of {len(table)}")


if __name__ == "__main__":
    main()
