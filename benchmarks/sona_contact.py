"""How deep lips, lids and tongue of the built-in head pass into what they touch: python benchmarks/sona_contact.py

Every shape alone at weight 1 (those of the tongue on an open jaw), then random frames of speech with blinks and gaze.
Prints the worst depths in millimetres: lips in teeth, lids in eyeballs, tongue in teeth, palate and lips. The bar is
0.3 mm. --pairs tries every pair of shapes together, and counts the triangles of the skin that turn inside out.
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
from personare.spaces import A2F_68  # noqa: E402
from personare.store import read_bundle  # noqa: E402
from personare.types import Motion  # noqa: E402

BAR_MM = 0.3
TONGUE_ON_JAW = {"tongueOut": 0.8}  # jawOpen for the shapes of the tongue, else 0.5
LIP_RINGS, LID_RINGS = range(5, 11), range(2, 8)  # the red of the lips; the outer skin of the lids with its margin
LIP_SECTORS = len(chart.boundary(chart.BLOCKS["mouth"]))  # the first half of them is the upper lip


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
        self.inside = both("mouth", range(5, 19))
        lower = {i for i, key in enumerate(half.keys) if key[0] == "mouth" and key[1] > 11 and key[2] > LIP_SECTORS / 2}
        self.floor = np.isin(self.inside, np.r_[list(lower), twin[list(lower)]])
        self.skin = face.surface.triangles[(part == 0)[face.surface.triangles].all(1)]
        self.tongue = np.flatnonzero(part == names.index("tongue"))
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

    def tongue_mm(self, vertices):
        """Greatest depth of a vertex of the tongue in a tooth, the palate, a cheek or a lip, mm; not in its bed."""
        normals = np.zeros_like(vertices)
        a, b, c = (vertices[self.skin[:, k]] for k in range(3))
        for k in range(3):
            np.add.at(normals, self.skin[:, k], np.cross(b - a, c - a))
        tongue, wall, normals = vertices[self.tongue], vertices[self.inside], normals[self.inside]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        offset = tongue[:, None] - wall
        nearest = (offset**2).sum(2).argmin(1)
        depth = -np.einsum("ij,ij->i", offset[np.arange(len(tongue)), nearest], normals[nearest])
        depth = depth[~self.floor[nearest]]
        return max(self.teeth_mm(vertices, tongue), 1000 * float(depth.max(initial=0.0)))

    def turned_over(self, vertices, rest):
        """Triangles of the skin whose normal turns by more than 120 degrees against rest."""
        normals = [np.cross(p[self.skin[:, 1]] - p[self.skin[:, 0]], p[self.skin[:, 2]] - p[self.skin[:, 0]])
                   for p in (vertices, rest)]
        cosine = (normals[0] * normals[1]).sum(1) / (np.linalg.norm(normals[0], axis=1)
                                                     * np.linalg.norm(normals[1], axis=1)).clip(1e-12)
        return int((cosine < -0.5).sum())

    def teeth_mm(self, vertices, points=None):
        """Greatest depth of a lip vertex, or of points (n, 3), in a tooth, mm."""
        worst, lips = 0.0, vertices[self.lips] if points is None else points
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
    """(t, 3) depths in mm, lips in teeth, lids in eyes and tongue, of frames of values (t, 68)."""
    contact, rows = Contact(face, folder), []
    for start in range(0, len(values), 64):
        mesh = face.mesh(Motion(values[start:start + 64], 30.0, face.space))
        rows += [(contact.teeth_mm(v), contact.eyes_mm(v, face.rest), contact.tongue_mm(v)) for v in mesh.vertices]
    return np.array(rows)


def singles(face):
    """(k, k) every shape alone at weight 1; mouthClose and those of the tongue on an open jaw."""
    values = np.eye(len(face.space), dtype=np.float32)
    values[face.space.index("mouthClose"), face.space.index("jawOpen")] = 1
    for k, name in enumerate(face.space.columns):
        if name.startswith("tongue"):
            values[k, face.space.index("jawOpen")] = TONGUE_ON_JAW.get(name, 0.5)
    return values


def speech(frames):
    """(frames, 68) drawn at random from motion of the example recordings, blinks and gaze included."""
    values = np.concatenate([personare.animate(ROOT / "examples" / name, fps=60).values
                             for name in ("hello.wav", "hallo.wav")])
    chosen = np.random.default_rng(0).choice(len(values), min(frames, len(values)), replace=False)
    wide = np.zeros((len(chosen), len(A2F_68)), np.float32)
    wide[:, :values.shape[1]] = values[np.sort(chosen)]
    return wide


def print_pairs(face, folder):
    """Print pairs of shapes that go deeper, or turn more skin inside out, than each of them alone."""
    contact, basis = Contact(face, folder), singles(face)

    def of(values):
        vertices = face.mesh(Motion(values, 30.0, face.space)).vertices
        return np.array([(contact.teeth_mm(v), contact.eyes_mm(v, face.rest), contact.tongue_mm(v),
                          contact.turned_over(v, face.rest)) for v in vertices])

    alone, names = of(basis), face.space.columns
    for k, name in enumerate(names):
        found = of(np.maximum(basis[k], basis[k + 1:]))
        for other, row in zip(range(k + 1, len(names)), found, strict=True):
            worse = row - np.maximum(alone[k], alone[other])
            if ((worse[:3] > BAR_MM).any() and row[:3].max() > BAR_MM) or worse[3] > 12:
                print(f"{name:20} {names[other]:20} lips {row[0]:5.2f} mm, lids {row[1]:5.2f} mm, "
                      f"tongue {row[2]:5.2f} mm, {row[3]:4.0f} triangles turned over")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-f", "--folder", type=Path, help="another bundle folder")
    parser.add_argument("-c", "--characters", nargs="+", default=list(CHARACTERS), choices=CHARACTERS)
    parser.add_argument("-n", "--frames", type=int, default=500)
    parser.add_argument("-p", "--pairs", action="store_true", help="every pair of shapes instead")
    arguments = parser.parse_args()
    for character in arguments.characters:
        face = open_sona(arguments.folder, character=character)
        if arguments.pairs:
            print_pairs(face, arguments.folder)
            continue
        alone = measure(face, singles(face), arguments.folder)
        for name, row in zip(face.space.columns, alone, strict=True):
            if row.max() > BAR_MM:
                print(f"  {name:20} lips in teeth {row[0]:5.2f} mm, lids in eyes {row[1]:5.2f} mm, "
                      f"tongue {row[2]:5.2f} mm")
        spoken = measure(face, speech(arguments.frames), arguments.folder)
        for name, table in (("single shapes", alone), (f"{len(spoken)} frames of speech", spoken)):
            print(f"{character:8} {name:22} worst: lips in teeth {table[:, 0].max():.2f} mm, lids in eyes "
                  f"{table[:, 1].max():.2f} mm, tongue {table[:, 2].max():.2f} mm; over {BAR_MM} mm: "
                  f"{int((table > BAR_MM).any(1).sum())} of {len(table)}")


if __name__ == "__main__":
    main()
