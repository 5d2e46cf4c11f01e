"""Small heads in the file formats of the real ones: a half-open ellipsoid with a mouth-like dent, all by formula."""

import pickle

import numpy as np
from matfiles import write_mat

from personare.faces import bfm_build


def grid(rows=9, columns=8):
    """(v, 3) vertices of the front of a head 0.22 m high and (f, 3) triangles, counter-clockwise seen from +z."""
    tall, wide = np.meshgrid(np.linspace(1.2, -1.2, rows), np.linspace(-1.3, 1.3, columns), indexing="ij")
    v = np.stack([0.08 * np.sin(wide) * np.cos(tall), 0.118 * np.sin(tall), 0.09 * np.cos(wide) * np.cos(tall)], -1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return v.reshape(-1, 3), np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)]).reshape(-1, 3)


def obj_text(vertices, triangles, *, uv=False, extra=""):
    """An OBJ file."""
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices]
    lines += [f"vt {x:.6f} {y:.6f}" for x, y, _ in vertices] if uv else []
    lines += [extra] + ["f " + " ".join(f"{i + 1}/{i + 1}" if uv else str(i + 1) for i in face) for face in triangles]
    return ("\n".join(lines) + "\n").encode()


def flame_arrays(rng, *, expressions=100, shapes=300):
    """The arrays of a FLAME model of 72 vertices."""
    v, triangles = grid()
    weights = rng.random((len(v), 5))
    regressor = rng.random((5, len(v))) * (rng.random((5, len(v))) > 0.8)
    return {"v_template": v, "f": triangles.astype(np.uint32),
            "shapedirs": rng.normal(size=(len(v), 3, shapes + expressions)) * 1e-3,
            "posedirs": rng.normal(size=(len(v), 3, 36)) * 1e-3,
            "J_regressor": regressor / regressor.sum(1, keepdims=True),
            "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
            "weights": weights / weights.sum(1, keepdims=True)}


def write_flame(path, arrays, protocol=2):
    """generic_model.pkl as its owners publish it, but for chumpy."""
    path.write_bytes(pickle.dumps({**arrays, "bs_type": "lrotmin", "bs_style": "lbs"}, protocol))
    return path


# Sizes of the small Basel model: of the whole one, with expressions, and of the cut.
WHOLE, EXPRESSED, CUT = 90, 80, 72


def write_bfm(folder, rng, monkeypatch):
    """The files of a Basel model of 90 vertices, of which 72 are kept; returns what was put in them."""
    monkeypatch.setattr(bfm_build, "_VERTICES", WHOLE)
    monkeypatch.setattr(bfm_build, "_EXPRESSION_VERTICES", EXPRESSED)
    v, triangles = grid()
    trim = np.sort(rng.permutation(WHOLE)[:EXPRESSED])
    front = np.sort(rng.permutation(EXPRESSED)[:CUT])
    mean = rng.normal(size=(WHOLE, 3)) * 1e4
    mean[trim[front]] = v * 1e6
    incident = np.full((CUT, 8), len(triangles))
    for i in range(CUT):
        about = np.flatnonzero((triangles == i).any(1))
        incident[i, :len(about)] = about
    parts = {"shapePC": rng.normal(size=(3 * WHOLE, 99)).astype(np.float32), "shapeEV": rng.random((99, 1)) * 1e3,
             "shapeMU": mean.reshape(-1, 1), "texPC": rng.normal(size=(3 * WHOLE, 99)).astype(np.float32),
             "texEV": rng.random((99, 1)) * 3, "texMU": rng.random((3 * WHOLE, 1)) * 255}
    expressions, deviations = rng.normal(size=(79, EXPRESSED, 3)).astype(np.float32), rng.random(79) * 1e3
    write_mat(folder / "01_MorphableModel.mat", parts)
    write_mat(folder / "BFM_front_idx.mat", {"idx": (front + 1).astype(np.float32)[:, None]})
    write_mat(folder / "BFM_exp_idx.mat", {"trimIndex": (trim + 1).astype(np.uint16)[:, None]})
    info = {"tri": (triangles + 1).astype(np.float32), "point_buf": (incident + 1).astype(np.float32),
            "keypoints": np.arange(1, 69, dtype=np.float32)[None]}
    write_mat(folder / "facemodel_info.mat", info)
    (folder / "std_exp.txt").write_text(" ".join(f"{x:.9g}" for x in deviations))
    (folder / "Exp_Pca.bin").write_bytes(np.int32(79).tobytes() + np.zeros(3 * EXPRESSED, "<f4").tobytes()
                                         + expressions.tobytes())
    return parts | {"expressions": expressions, "deviations": deviations, "trim": trim, "front": front,
                    "triangles": triangles}
