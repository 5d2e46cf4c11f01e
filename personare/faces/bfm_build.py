"""The Basel Face Model from a user's own files, cut and scaled as Deep3DFaceRecon and AudioDVP do it."""

from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.faces.bfm import EXPRESSION, IDENTITY, TEXTURE, BfmModel, rows
from personare.files.matlab import read_mat

_VERTICES = 53490           # of the model, before the cut
_EXPRESSION_VERTICES = 53215
_MOST_EXPRESSIONS = 1000
_MICROMETRES = 1e-6

_DEEP3D = "github.com/sicxu/Deep3DFaceRecon_pytorch, folder BFM (MIT)"
# Every file: where to get it and under what licence.
SOURCES = {
    "01_MorphableModel.mat": "the Basel Face Model 2009, faces.dmi.unibas.ch, after registration; research only",
    "Exp_Pca.bin": "github.com/Juyong/3DFace, CoarseData, after its form; research only",
    "std_exp.txt": _DEEP3D, "BFM_exp_idx.mat": _DEEP3D, "BFM_front_idx.mat": _DEEP3D, "facemodel_info.mat": _DEEP3D,
}


def build_bfm(folder):
    """The BfmModel of a folder with the original files.

    Args:
        folder: has the files named in SOURCES, or some of them in folders one level down.

    Raises:
        InputError: names every missing file with where to get it; or says which one is damaged or another version.
    """
    files = _found(Path(folder))
    front, trim = (_index(files, name, variable, most) for name, variable, most in (
        ("BFM_front_idx.mat", "idx", _EXPRESSION_VERTICES), ("BFM_exp_idx.mat", "trimIndex", _VERTICES)))
    if len(trim) != _EXPRESSION_VERTICES:
        raise _other(files["BFM_exp_idx.mat"], f"{_EXPRESSION_VERTICES} indices", len(trim))
    kept = trim[front]
    expression = _expressions(files["Exp_Pca.bin"], files["std_exp.txt"])[:, front]
    mean, identity = _modes(files["01_MorphableModel.mat"], "shape", kept, IDENTITY)
    albedo_mean, albedo = _modes(files["01_MorphableModel.mat"], "tex", kept, TEXTURE)
    info = read_mat(files["facemodel_info.mat"], ("tri", "point_buf", "keypoints"))
    return BfmModel(
        mean=mean * _MICROMETRES, identity=identity * np.float32(_MICROMETRES),
        expression=expression * np.float32(_MICROMETRES), albedo_mean=albedo_mean / 255,
        albedo=albedo / np.float32(255), triangles=info["tri"] - 1, incident=info["point_buf"] - 1,
        landmarks=info["keypoints"].reshape(-1) - 1)


def _found(folder):
    """Name -> path of every file; raises one error that lists all missing ones."""
    if not folder.is_dir():
        raise InputError(folder, expected="a folder with the files of the Basel Face Model", got="no folder",
                         remedy="name the folder that holds 01_MorphableModel.mat")
    paths = {name: next(iter([*folder.glob(name), *sorted(folder.glob(f"*/{name}"))]), None) for name in SOURCES}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        told = "; ".join(f"{name} from {SOURCES[name]}" for name in missing)
        raise InputError(folder, expected=f"{len(SOURCES)} files", got=f"{len(SOURCES) - len(missing)} of them",
                         remedy=f"add {told}")
    return paths


def _other(path, expected, got):
    return InputError(path, expected=str(expected), got=str(got), remedy=f"get it from {SOURCES[path.name]}")


def _index(files, name, variable, most):
    """(n,) int64 indices from 0 of a file that counts from 1."""
    index = read_mat(files[name], [variable])[variable].reshape(-1).astype(np.int64) - 1
    if not len(index) or index.min() < 0 or index.max() >= most:
        raise _other(files[name], f"indices in 1..{most}", f"{index.min() + 1}..{index.max() + 1}" if len(index) else
                     "none")
    return index


def _modes(path, kind, kept, count):
    """(v, 3) mean and (count, v, 3) modes times their deviations, of the kept vertices."""
    found = read_mat(path, (f"{kind}MU", f"{kind}PC", f"{kind}EV"))
    mean, modes, deviations = found[f"{kind}MU"], found[f"{kind}PC"], found[f"{kind}EV"].reshape(-1)
    if mean.size != 3 * _VERTICES or modes.shape != (mean.size, len(deviations)) or len(deviations) < count:
        raise _other(path, f"{kind}PC of {3 * _VERTICES} rows and at least {count} modes", modes.shape)
    scaled = modes[:, :count].reshape(-1, 3, count)[kept] * deviations[:count]
    if not (np.isfinite(scaled).all() and np.isfinite(mean).all()):
        raise _other(path, "finite numbers", "NaN or infinity")
    return mean.reshape(-1, 3)[kept], rows(scaled.reshape(-1, count))


def _expressions(path, deviations_path):
    """(64, 53215, 3) float32 of Exp_Pca.bin: a count, a mean that nobody uses, then the modes, all little endian."""
    size, row = path.stat().st_size, 3 * _EXPRESSION_VERTICES
    with open(path, "rb") as file:
        count = int.from_bytes(file.read(4), "little")
        if not EXPRESSION <= count <= _MOST_EXPRESSIONS or size < 4 * (1 + row * (1 + count)):
            raise _other(path, f"a count of {EXPRESSION} or more modes of {row} numbers", f"{count} and {size} bytes")
        file.seek(4 * (1 + row))
        modes = np.fromfile(file, "<f4", EXPRESSION * row).reshape(EXPRESSION, -1, 3)
    try:
        deviations = np.array(deviations_path.read_text("ascii").split(), np.float64)
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise _other(deviations_path, "numbers", f"something else ({type(error).__name__})") from error
    if len(deviations) < EXPRESSION or not (np.isfinite(deviations).all() and np.isfinite(modes).all()):
        raise _other(deviations_path, f"{EXPRESSION} finite numbers or more", len(deviations))
    return modes * deviations[:EXPRESSION, None, None].astype(np.float32)
