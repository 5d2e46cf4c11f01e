"""Head models: opening files and a frame of FLAME's skinning, against smplx, trimesh, scipy and NumPy in the same run.

    python benchmarks/heads.py [--ict ICT-FaceKit.tar.xz] [--obj some.obj]

FLAME and the Basel model are stood in for by arrays of their size with random numbers, since they may not be passed on.
Peers that are not installed are left out.
"""

import argparse
import pickle
import tempfile
import time
from pathlib import Path

import numpy as np

import personare
from personare.faces.bfm import BfmModel, open_bfm, save_bfm
from personare.faces.bundle import save_face
from personare.faces.flame import open_flame
from personare.faces.obj import read_obj
from personare.files.arrays import read_npz
from personare.files.matlab import read_mat
from personare.files.pickles import read_pickle
from personare.types import Motion

FRAMES, RUNS = 90, 5


def median_s(call, runs=RUNS):
    """Median seconds of a call after one that is not counted."""
    times = []
    call()
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def told(what, seconds, *peers):
    """One line: milliseconds, and how many times as long each peer takes."""
    ratios = ", ".join(f"{name} {peer / seconds:.1f} times" for name, peer in peers if peer)
    print(f"{what}: {1e3 * seconds:.2f} ms" + (f"; {ratios}" if ratios else ""))


def flame_arrays(rng):
    """Arrays of FLAME's size."""
    v = rng.normal(size=(5023, 3)) * 0.1
    weights = rng.random((5023, 5)) ** 8
    return {"v_template": v, "f": rng.integers(0, 5023, (9976, 3)).astype(np.uint32),
            "shapedirs": rng.normal(size=(5023, 3, 400)) * 1e-3, "posedirs": rng.normal(size=(5023, 3, 36)) * 1e-3,
            "J_regressor": rng.random((5, 5023)) / 2500, "weights": weights / weights.sum(1, keepdims=True),
            "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32)}


def flame(folder, rng):
    """A frame of FLAME against smplx's lbs on the same numbers, and its pickle against Python's own."""
    arrays = flame_arrays(rng)
    path = folder / "generic_model.pkl"
    path.write_bytes(pickle.dumps(arrays, 2))
    face = open_flame(path)
    motion = Motion(rng.normal(size=(FRAMES, 112)) * 0.2, 30, "flame-100")
    told("FLAME, a frame with 100 expressions and all joints", median_s(lambda: face.mesh(motion)) / FRAMES,
         ("smplx (torch, one thread)", smplx_s(arrays, motion.values)))
    told("FLAME pickle of 52 MB, read without running it", median_s(lambda: read_pickle(path)),
         ("pickle.load, which runs it,", median_s(lambda: pickle.loads(path.read_bytes()))))
    save_face(face, folder / "flame.npz")
    told("FLAME, opened from its pickle", median_s(lambda: open_flame(path)))
    told("FLAME, opened as saved", median_s(lambda: personare.open_face(folder / "flame.npz")))


def smplx_s(arrays, values):
    """Seconds a frame of smplx's lbs; None where it or torch is not installed."""
    try:
        import torch
        from smplx.lbs import lbs
    except ImportError:
        return None
    torch.set_num_threads(1)
    kept = {name: torch.tensor(array, dtype=torch.float32) for name, array in arrays.items() if name != "f"}
    betas = torch.cat([torch.zeros(len(values), 300), torch.tensor(values[:, :100])], 1)
    pose = torch.cat([torch.zeros(len(values), 3), torch.tensor(values[:, 100:])], 1)
    posedirs = kept["posedirs"].reshape(-1, 36).T.contiguous()
    parents = torch.tensor([-1, 0, 1, 1, 1])

    def call():
        with torch.no_grad():
            lbs(betas, pose, kept["v_template"][None].expand(len(values), -1, -1), kept["shapedirs"], posedirs,
                kept["J_regressor"], parents, kept["weights"], pose2rot=True)

    return median_s(call) / len(values)


def bfm(folder, rng):
    """A model of the Basel model's size as saved, against NumPy reading the same arrays; .mat against scipy."""
    v, f = 35709, 70789
    model = BfmModel(rng.normal(size=(v, 3)), *(np.zeros((k, v, 3), np.float32) for k in (80, 64)),
                     rng.random((v, 3)), np.zeros((80, v, 3), np.float32), rng.integers(0, v, (f, 3)),
                     rng.integers(0, f, (v, 8)), np.arange(68))
    save_bfm(model, folder / "bfm.npz")
    told("Basel model, 101 MB, opened as a face", median_s(lambda: open_bfm(folder / "bfm.npz")))
    told("its arrays alone", median_s(lambda: read_npz(folder / "bfm.npz")),
         ("np.load", median_s(lambda: dict(np.load(folder / "bfm.npz")))))
    try:
        from scipy.io import loadmat, savemat
    except ImportError:
        return
    savemat(folder / "a.mat", {"shapePC": rng.random((3 * v, 80)).astype(np.float32)})
    told(".mat of 34 MB", median_s(lambda: read_mat(folder / "a.mat")),
         ("scipy.io.loadmat", median_s(lambda: loadmat(folder / "a.mat"))))


def files(options, folder):
    """A mesh against trimesh, and ICT-FaceKit from its archive and as saved."""
    if options.obj:
        data = options.obj.read_bytes()
        try:
            import trimesh

            peer = median_s(lambda: trimesh.load(options.obj, process=False, force="mesh"), 3)
        except ImportError:
            peer = None
        told(f"{options.obj.name}, {len(data) / 1e6:.1f} MB", median_s(lambda: read_obj(data)), ("trimesh", peer))
    if options.ict:
        told("ICT-FaceKit from its archive", median_s(lambda: personare.open_face(options.ict), 1))
        save_face(personare.open_face(options.ict), folder / "ict.npz")
        told("ICT-FaceKit as saved", median_s(lambda: personare.open_face(folder / "ict.npz")))


def main():
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ict", type=Path, help="folder or archive of ICT-FaceKit")
    parser.add_argument("--obj", type=Path, help="a mesh to read")
    options, rng = parser.parse_args(), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        flame(Path(folder), rng)
        bfm(Path(folder), rng)
        files(options, Path(folder))


if __name__ == "__main__":
    main()
