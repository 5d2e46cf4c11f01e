"""The Basel Face Model 2009 in the cut of 35,709 vertices that Deep3DFaceRecon, style_avatar and AudioDVP share.

Paysan et al., A 3D Face Model for Pose and Illumination Invariant Face Recognition, AVSS 2009; expressions of Guo et
al., CNN-based Real-time Dense Face Reconstruction, TPAMI 2018. The model is its owners'; users convert their own copy
(personare/faces/bfm_build.py). Geometry, normals, camera, light and landmarks of both conventions agree with the
original code: tests/parity/test_bfm.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.faces.bundle import damaged, is_saved, read_card, write_arrays
from personare.faces.cavity import with_cavity
from personare.faces.linear import LinearFace
from personare.faces.polygons import linear_light
from personare.files.arrays import read_npy, read_npz
from personare.files.matlab import read_mat
from personare.spaces import AUDIODVP_64, BFM_64
from personare.types import Material, Surface

IDENTITY, EXPRESSION, TEXTURE = 80, 64, 80      # modes both conventions use
DECIMETRE_M = 0.1                               # Deep3D's unit: the model's micrometres / 1e5
AUDIODVP_UNIT_M = 92156.7e-6                    # AudioDVP's: micrometres / 92156.7
SKIN = Material("skin", roughness=0.5, specular=0.028, scatter=0.5)
ORIGINAL_MAT = "01_MorphableModel.mat"          # the model as its owners publish it
FRONT_MAT = "BFM_model_front.mat"               # what the original scripts make of it

_ARRAYS = ("mean", "identity", "expression", "albedo_mean", "albedo", "triangles", "incident", "landmarks")


@final
@dataclass(frozen=True, eq=False)
class BfmModel:
    """The bases, in standard deviations a coefficient.

    Args:
        mean: (v, 3) float32 metres, as published: not centred.
        identity: (80, v, 3) float32 metres.
        expression: (64, v, 3) float32 metres.
        albedo_mean: (v, 3) float32 RGB in 0..1 of sRGB.
        albedo: (80, v, 3) float32 of the same.
        triangles: (f, 3) int32.
        incident: (v, 8) int32, triangles about each vertex, filled up with f.
        landmarks: (68,) int32 vertices in the usual order, beginning at the subject's right ear.
    """

    mean: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    albedo_mean: np.ndarray
    albedo: np.ndarray
    triangles: np.ndarray
    incident: np.ndarray
    landmarks: np.ndarray

    def __post_init__(self):
        v = np.shape(self.mean)[0] if np.ndim(self.mean) == 2 else 0
        shapes = {"mean": (v, 3), "identity": ("i", v, 3), "expression": ("e", v, 3), "albedo_mean": (v, 3),
                  "albedo": ("t", v, 3), "triangles": ("f", 3), "incident": (v, "n"), "landmarks": (68,)}
        for name, shape in shapes.items():
            whole = name in ("triangles", "incident", "landmarks")
            array = checked(name, getattr(self, name), shape, dtype=np.int32 if whole else np.float32)
            object.__setattr__(self, name, array)
        for name, most in (("triangles", v - 1), ("landmarks", v - 1), ("incident", len(self.triangles))):
            index = getattr(self, name)
            if index.size and not 0 <= index.min() <= index.max() <= most:
                raise InputError(name, expected=f"indices in 0..{most}", got=f"{index.min()}..{index.max()}",
                                 remedy="convert the model again")

    def geometry(self, identity, expression):
        """(t, v, 3) float64 metres of coefficients (t, 80) and (t, 64) in standard deviations; not centred."""
        return self.mean + np.tensordot(identity, self.identity, 1) + np.tensordot(expression, self.expression, 1)

    def reflectance(self, texture):
        """(t, v, 3) float64 RGB, sRGB about 0..1, of coefficients (t, 80); not clamped, as in the originals."""
        return self.albedo_mean + np.tensordot(texture, self.albedo, 1)

    @property
    def middle(self):
        """(3,) float64 metres, mean of the mean shape: the origin of Deep3D's head coordinates."""
        return self.mean.mean(0, dtype=np.float64)


def open_bfm(path, *, convention="deep3d", identity=None, texture=None):
    """Open a converted copy of the Basel Face Model as a face of 64 expression columns.

    Args:
        path: bfm.npz that `personare convert bfm` made, BFM_model_front.mat of the original scripts, or a folder with
            either, or with the original files, which are then converted on the fly (seconds). A uv.npy or uv.npz of
            style_avatar (v, 2 or 3) beside it gives the surface its uv.
        convention: "deep3d" for the space bfm-64, or "audiodvp" for audiodvp-64, whose fits describe the mirror image:
            its face is mirrored so that the person in the video is what one sees.
        identity: (80,) standard deviations; default the average head.
        texture: (80,) standard deviations; default the average skin.

    Returns:
        LinearFace in metres. Its head pivot is the point that the convention turns the head about.

    Raises:
        InputError: files missing, damaged, or not of this model; coefficients of another shape.
    """
    if convention not in ("deep3d", "audiodvp"):
        raise InputError("convention", expected="deep3d or audiodvp", got=repr(convention), remedy="use one of those")
    model = read_bfm(path, bases=tuple(name for name, given in (("identity", identity), ("albedo", texture))
                                       if given is not None))
    rest, color = model.mean.astype(np.float64), model.albedo_mean
    if identity is not None:
        rest = rest + np.tensordot(checked("identity", identity, (len(model.identity),)), model.identity, 1)
    if texture is not None:
        color = color + np.tensordot(checked("texture", texture, (len(model.albedo),)), model.albedo, 1)
    shapes, triangles, space, color = model.expression, model.triangles, BFM_64, linear_light(color)
    if convention == "deep3d":
        rest = rest - model.middle
    else:
        flip, space = np.float32([-1, 1, 1]), AUDIODVP_64
        rest, shapes, triangles = rest * flip, shapes * flip, triangles[:, ::-1]
    v = len(rest)
    uv = _uv_beside(Path(path), v)
    skin = Surface(triangles=triangles, uv=uv, color=color, occlusion=np.ones(v), materials=(SKIN,),
                   triangle_material=np.zeros(len(triangles)), weld=np.arange(v))
    surface, source, offset = with_cavity(skin, np.arange(v), rest)
    if len(shapes) != len(space):
        raise InputError(path, expected=f"{len(space)} expressions", got=str(len(shapes)),
                         remedy="convert the model again")
    return LinearFace(name="bfm", space=space, surface=surface, rest=rest[source] + offset,
                      shapes=np.take(shapes, source, 1), head_weight=np.ones(len(source)), head_pivot=np.zeros(3))


def _uv_beside(path, v):
    """(v, 2) float32 of a file of texture coordinates beside the model; zeros where there is none that fits."""
    folder = path if path.is_dir() else path.parent
    for name in ("uv.npy", "uv.npz"):
        if (folder / name).is_file():
            found = read_npy(folder / name) if name.endswith("npy") else next(iter(read_npz(folder / name).values()))
            if found.ndim != 2 or len(found) != v or found.shape[1] not in (2, 3):
                raise InputError(folder / name, expected=f"texture coordinates ({v}, 2) or ({v}, 3)",
                                 got=str(found.shape), remedy="take style_avatar's, or move it away")
            return checked("uv", found[:, :2], (v, 2))
    return np.zeros((v, 2), np.float32)


def read_bfm(path, *, bases=("identity", "albedo")):
    """The BfmModel of a file or folder, see open_bfm.

    Args:
        path: as for open_bfm.
        bases: which of "identity" and "albedo" are wanted; reading one takes as long as all the rest of bfm.npz. The
            others have no modes in what is returned.

    Raises:
        InputError: files missing, damaged, or not of this model.
    """
    path = Path(path)
    if path.is_dir():
        files = [path / "bfm.npz", path / FRONT_MAT]
        path = next((file for file in files if file.is_file()), path / ORIGINAL_MAT)
    if path.name == ORIGINAL_MAT:
        from personare.faces.bfm_build import build_bfm

        return build_bfm(path.parent)
    if path.suffix.lower() == ".mat":
        return _of_front_mat(path)
    if not is_saved(path) or read_card(path).get("kind") != "bfm":
        read_npz(path, [])
        raise InputError(path, expected="a Basel Face Model that personare converted", got="another .npz",
                         remedy="make one with: personare convert bfm FOLDER -o bfm.npz")
    try:
        left_out = [name for name in ("identity", "albedo") if name not in bases]
        data = read_npz(path, [name for name in _ARRAYS if name not in left_out])
        return BfmModel(**data, **{name: np.zeros((0, len(data["mean"]), 3), np.float32) for name in left_out})
    except (TypeError, ValueError) as error:
        raise damaged(path, error) from error


def save_bfm(model, path):
    """Write a BfmModel to one .npz that read_bfm and open_bfm read; returns the path.

    Raises:
        OutputError: the file could not be written.
    """
    return write_arrays(path, {"kind": "bfm", "name": "bfm"}, {name: getattr(model, name) for name in _ARRAYS})


def _of_front_mat(path):
    """The file that Deep3D's and style_avatar's scripts write: the same bases in decimetres and 0..255."""
    names = ("meanshape", "idBase", "exBase", "meantex", "texBase", "tri", "point_buf", "keypoints")
    found = read_mat(path, names)
    mean, identity, expression, albedo_mean, albedo, triangles, incident, landmarks = (found[name] for name in names)
    try:
        return BfmModel(
            mean=mean.reshape(-1, 3) * DECIMETRE_M, identity=rows(identity) * np.float32(DECIMETRE_M),
            expression=rows(expression) * np.float32(DECIMETRE_M), albedo_mean=albedo_mean.reshape(-1, 3) / 255,
            albedo=rows(albedo) / np.float32(255), triangles=triangles - 1, incident=incident - 1,
            landmarks=landmarks.reshape(-1) - 1)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from error


def rows(basis):
    """(k, v, 3) float32 of a basis (3 v, k) whose rows are x, y, z of one vertex after the other."""
    return np.ascontiguousarray(basis.T, np.float32).reshape(basis.shape[1], -1, 3)
