"""Do heads in the files of FLAME and of the Basel model speak? python benchmarks/statistical_heads.py --shared DIR

The models may not be shared, so their files are made here in the real layout: the geometry is FLAME's template
(DIR/data/faces/flame_vhap, the user's copy), the shapes are carried over from the built-in head and mixed into main
directions, as statistical models have them; FLAME's jaw is a joint. Both are opened as a user would and driven by their
vertices alone. Prints the lip gap above rest where the model's lips are closed, the widest, and how the gap follows.
Needs the extras faces and track.
"""

import argparse
import os
import pickle
import sys
import tempfile
from pathlib import Path

import numpy as np

import personare
from personare.motion.mouth import measures_cm
from personare.transfer import _joined

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from matfiles import write_mat  # noqa: E402

WHOLE, EXPRESSED, MODES = 53490, 53215, 79


def main():
    """Print one line for each head."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, required=True)
    data = parser.parse_args().shared / "data"
    os.environ.setdefault("PERSONARE_FACE_LANDMARKER", str(data / "face_landmarker" / "face_landmarker.task"))
    head = personare.rig(personare.open_face(str(data / "faces" / "flame_vhap" / "head_template_mesh.obj")))
    motion = personare.animate(ROOT / "examples" / "hello.wav", layers=personare.STILL)
    with tempfile.TemporaryDirectory() as folder:
        for path in (write_flame(Path(folder) / "generic_model.pkl", head), write_bfm(Path(folder) / "bfm", head)):
            face = personare.open_face(str(path))
            moved, report = personare.convert(motion, face)
            gap = lip_gap_mm(face, moved)
            wanted = 10 * measures_cm(motion)[:, 0]
            closed = wanted < 0.5
            print(f"{face.name:6s} {face.space.name:10s} closed in {closed.sum()} frames: gap above rest at most "
                  f"{gap[closed].max():.2f} mm; widest {gap.max():.1f} mm; r {np.corrcoef(gap, wanted)[0, 1]:.3f}; "
                  f"kept {report.kept:.2f}")


def lip_gap_mm(face, motion):
    """(t,) mean distance of lip vertices that meet at rest, above that at rest, mm."""
    joined = _joined(personare.open_face("sona"), face, None)
    upper, lower = joined.points.vertices[joined.pairs].T
    rest = np.linalg.norm(face.neutral()[upper] - face.neutral()[lower], axis=1).mean()
    gaps = [np.linalg.norm(vertices[upper] - vertices[lower], axis=1).mean() - rest
            for i in range(0, len(motion), 16) for vertices in face.mesh(motion.frames(i, i + 16)).vertices]
    return 1000 * np.array(gaps)


def directions(head, names, count, seed=0):
    """(count, v, 3) main directions of random expressions, times their spread."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 1, (500, len(names))) * (rng.uniform(size=(500, len(names))) < 0.15)
    shapes = np.stack([head.shapes[head.space.index(name)] for name in names])
    poses = np.tensordot(weights, shapes, 1).reshape(500, -1)
    _, size, modes = np.linalg.svd(poses - poses.mean(axis=0), full_matrices=False)
    found = (modes[:count] * size[:count, None] / np.sqrt(500)).reshape(-1, *head.rest.shape)
    return np.concatenate([found, np.zeros((count - len(found), *head.rest.shape))])


def write_flame(path, head):
    """FLAME's pickle; returns its path."""
    v, jaw = len(head.rest), head.shapes[head.space.index("jawOpen")]
    names = [name for name in head.space.columns if not name.startswith(("jaw", "tongue", "mouthClose"))]
    shapes = np.zeros((v, 3, 400))
    shapes[:, :, 300:] = np.moveaxis(directions(head, names, 100), 0, -1)
    weights = np.zeros((v, 5))
    weights[:, 2] = np.clip(-jaw[:, 1] / np.percentile(-jaw[:, 1], 99), 0, 1)
    weights[:, 1] = 1 - weights[:, 2]
    ear = head.rest[head.rest[:, 0].argmax()]
    places = [[0, head.rest[:, 1].min(), 0]], [[0, head.rest[:, 1].min() + 0.08, 0]], [ear, ear * [-1, 1, 1]], [
        [0.03, 0.03, 0.05]], [[-0.03, 0.03, 0.05]]
    regressor = np.zeros((5, v))
    for row, points in zip(regressor, places, strict=True):
        for point in points:
            row[((head.rest - point) ** 2).sum(axis=1).argsort()[:10]] += 0.1 / len(points)
    tree = np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32)
    path.write_bytes(pickle.dumps({
        "v_template": head.rest.astype(np.float64), "shapedirs": shapes, "posedirs": np.zeros((v, 3, 36)),
        "f": head.surface.triangles.astype(np.uint32), "J_regressor": regressor, "kintree_table": tree,
        "weights": weights, "bs_type": "lrotmin", "bs_style": "lbs"}, 2))
    return path


def write_bfm(folder, head):
    """The files of the Basel model, with the head as its first vertices; returns the folder."""
    folder.mkdir()
    n, triangles = len(head.rest), head.surface.triangles
    names = [name for name in head.space.columns if not name.startswith("tongue")]
    modes = directions(head, names, MODES) * 1e6
    deviations = np.linalg.norm(modes, axis=(1, 2))
    mean = np.zeros((WHOLE, 3))
    mean[:n] = head.rest * 1e6
    none, ones = np.zeros((3 * WHOLE, 80), np.float32), np.ones((80, 1))
    write_mat(folder / "01_MorphableModel.mat", {
        "shapePC": none, "shapeEV": ones, "shapeMU": mean.reshape(-1, 1), "texPC": none, "texEV": ones,
        "texMU": np.tile([180.0, 130, 110], WHOLE)[:, None]})
    write_mat(folder / "BFM_front_idx.mat", {"idx": np.arange(1, n + 1, dtype=np.float32)[:, None]})
    write_mat(folder / "BFM_exp_idx.mat", {"trimIndex": np.arange(1, EXPRESSED + 1, dtype=np.uint16)[:, None]})
    incident = np.full((n, 8), len(triangles))
    for vertex in range(n):
        about = np.flatnonzero((triangles == vertex).any(axis=1))[:8]
        incident[vertex, :len(about)] = about
    write_mat(folder / "facemodel_info.mat", {
        "tri": (triangles + 1).astype(np.float32), "point_buf": (incident + 1).astype(np.float32),
        "keypoints": np.arange(1, 69, dtype=np.float32)[None]})
    (folder / "std_exp.txt").write_text(" ".join(f"{value:.9g}" for value in deviations))
    packed = np.zeros((MODES, EXPRESSED, 3), np.float32)
    packed[:, :n] = modes / np.maximum(deviations, 1e-12)[:, None, None]
    (folder / "Exp_Pca.bin").write_bytes(np.int32(MODES).tobytes() + np.zeros(3 * EXPRESSED, "<f4").tobytes()
                                         + packed.tobytes())
    return folder


if __name__ == "__main__":
    main()
