"""NPHM and MonoNPHM heads from a user's own checkpoints, read without torch; faces for FaceTalk's expression codes.

The licence of the weights does not let them be shipped: get them from their owners. A folder is searched for the
identity and the expression network (NPHM has a checkpoint each, MonoNPHM one for both), the mean anchors
(anchors_39.npy or anchors_65.npy of the same release) and, where there is one, nphm_lat_mean.npy.
"""

import re
from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.faces.bundle import damaged, pack_space, read_card, unpack_space, unpack_surface
from personare.faces.extraction import Grid, box_grid, extract
from personare.faces.implicit import CLOSE_M, ImplicitFace
from personare.faces.nphm_model import EXPRESSION, IDENTITY, model_of
from personare.files.arrays import read_npz
from personare.files.checkpoints import Checkpoint
from personare.spaces import MONONPHM_100, NPHM_200, Space
from personare.types import Material, Surface

# FLAME's coordinates times 4, so one unit is 250 mm; where its heads lie, by the scripts of either release.
UNIT_M = 0.25
NPHM_BOX = ((-0.55, -0.5, -0.95), (0.55, 0.75, 0.4))
MONONPHM_BOX = ((-0.4, -0.5, -0.7), (0.4, 0.7, 0.5))
RESOLUTION = 128
# The joint of FLAME's neck, about which its heads turn, metres.
HEAD_PIVOT = (0.0, -0.09, -0.03)
CLAY = (0.55, 0.42, 0.36)
CHECKPOINTS = ("*.tar", "*.pth", "*.pt", "*.ckpt")


def open_nphm(path, *, identity=None, appearance=None, resolution=RESOLUTION, reader=Checkpoint):
    """Open an NPHM or MonoNPHM head.

    Args:
        path: folder with the checkpoints and the anchors, or one checkpoint with the anchors beside it.
        identity: (n,) identity code, or the row of a person in the checkpoint; default the mean code.
        appearance: (n,) code of the colours of MonoNPHM; default that of the same person, or zeros.
        resolution: points along each axis of the grid the neutral head is extracted on.
        reader: makes of a path what Checkpoint does; learn.nets.nphm has one for files of older torch.

    Returns:
        ImplicitFace in the space nphm-200 or mononphm-100; its columns are the entries of the expression code.

    Raises:
        InputError: a file is missing, damaged or holds code, or there is no such person.
        AssetError: the weights do not fit each other.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    tensors, codes = _found(path, reader)
    model = model_of(tensors, _anchors(folder, len(tensors[IDENTITY + "mlp_pos.4.bias"]) // 3))
    if appearance is None:
        appearance = _code(None, model, codes.get("app"), identity if np.isscalar(identity) else None)
    return implicit_face(model, _code(folder, model, codes.get("geo"), identity), appearance=appearance,
                         resolution=resolution)


def implicit_face(model, identity, *, appearance=None, resolution=RESOLUTION):
    """The ImplicitFace of one person of a model in NPHM's own coordinates.

    Args:
        model: NphmModel.
        identity: (identity_size,) code.
        appearance: (identity_size,) code of the colours, where the model has them.
        resolution: as for open_nphm.

    Raises:
        InputError: the code has another size, or the field has no surface in the box.
    """
    grid = box_grid(*(MONONPHM_BOX if model.mono else NPHM_BOX), resolution)
    field = model.field(identity, appearance=appearance).even()
    canonical, triangles = extract(field.sdf, grid, near=field.anchors, radius=CLOSE_M / UNIT_M)
    v, k = len(canonical), model.expression_size
    if not v:
        raise InputError("identity", expected="a code whose head has a surface", got="none in the box",
                         remedy="scale the code down, or use the mean")
    color = np.full((v, 3), CLAY, np.float32)
    if model.has_color:
        # The network's colours are sRGB in -1..1.
        color = np.clip(field.color(canonical.astype(np.float32)) * 0.5 + 0.5, 0, 1) ** 2.2
    surface = Surface(triangles=triangles, uv=np.zeros((v, 2)), color=color, occlusion=np.ones(v),
                      materials=(Material("skin", roughness=0.55, specular=0.028, scatter=0.4),),
                      triangle_material=np.zeros(len(triangles)), weld=np.arange(v))
    return ImplicitFace(
        name="mononphm" if model.mono else "nphm", space=_space(k), surface=surface, head_weight=np.ones(v),
        head_pivot=np.array(HEAD_PIVOT), model=model, identity=identity, expression_map=np.eye(k), canonical=canonical,
        canonical_values=np.zeros(k), unit_m=UNIT_M, grid=grid, moving=np.ones(v, bool))


def read_nphm(path):
    """The ImplicitFace of a file that save_face wrote.

    Raises:
        InputError: damaged. AssetError: its weights do not fit each other.
    """
    card = read_card(path)
    try:
        data = read_npz(path)
        model = model_of({name: data[name] for name in data if name.startswith((IDENTITY, EXPRESSION))},
                         data["anchors"], expression_size=card["expression_size"])
        same = {name: data[name] for name in ("head_weight", "head_pivot", "canonical", "canonical_values", "moving")}
        return ImplicitFace(
            name=card["name"], space=unpack_space(card), surface=unpack_surface(path, card), model=model,
            identity=data["identity_code"], expression_map=data["expression_map"], unit_m=float(card["unit_m"]),
            grid=Grid(tuple(data[f"grid_{axis}"] for axis in "xyz")), **same)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from error


def _space(size):
    known = {len(space): space for space in (NPHM_200, MONONPHM_100)}
    return known.get(size) or Space(f"nphm-{size}", tuple(f"exp_{i}" for i in range(size)))


def _found(path, reader):
    """Tensors of both networks with their prefixes, and the codes of the people trained on, by "geo" and "app"."""
    files = [path] if path.is_file() else sorted(
        {file for pattern in CHECKPOINTS for depth in ("", "*/", "*/*/") for file in path.glob(depth + pattern)})
    tensors, codes = {}, {}
    for file in files[:16]:
        checkpoint = reader(file)
        for prefix, key in ((IDENTITY, "id_decoder"), (EXPRESSION, "ex_decoder")):
            tensors |= {prefix + name: value for name, value in checkpoint.tensors(key).items()}
        network = checkpoint.tensors("decoder_state_dict")
        kind = EXPRESSION if any(name.startswith("defDeepSDF.") for name in network) else IDENTITY
        tensors |= {kind + name: value for name, value in network.items()}
        if kind == IDENTITY:
            for value in checkpoint.tensors("latent_codes_state_dict").values():
                codes["geo"] = value
        for name, value in checkpoint.tensors("latent_codes").items():
            if (found := re.match(r"codebook\.(geo|app)\.", name)) and value.ndim == 2:
                codes[found[1]] = value
    if IDENTITY + "mlp_pos.4.bias" not in tensors:
        raise InputError(path, expected="a checkpoint with the identity network of NPHM or MonoNPHM",
                         got=", ".join(file.name for file in files[:6]) or "no checkpoint",
                         remedy="put checkpoint_epoch_*.tar of both networks there")
    return tensors, codes


def _anchors(folder, count):
    """(count, 3) mean anchors of the release, which are no part of the weights."""
    name = f"anchors_{count}.npy"
    for place in (folder / name, folder / "assets" / name, *folder.glob(f"*/{name}"), folder.parent / name,
                  folder.parent / "assets" / name):
        if place.is_file():
            return _numbers(place, count * 3).reshape(count, 3)
    raise InputError(folder, expected=f"{name}", got="none", remedy="copy it from the folder assets of the release")


def _numbers(path, size):
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
        if array.size != size or array.dtype.kind != "f":
            raise ValueError(f"{array.size} numbers")
        return np.array(array, np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, expected=f"an array of {size} numbers", got=" ".join(str(error).split())[:80],
                         remedy="get the file again") from error


def _code(folder, model, known, asked):
    """(identity_size,) code of a person: given, by row, or the mean."""
    if asked is not None and not np.isscalar(asked):
        return np.asarray(asked, np.float32)
    if known is not None and known.ndim == 2 and known.shape[1] == model.identity_size:
        if asked is None:
            return known.mean(0).astype(np.float32)
        if not 0 <= asked < len(known):
            raise InputError("identity", expected=f"a row in 0..{len(known) - 1}", got=asked, remedy="use a lower one")
        return known[int(asked)].astype(np.float32)
    if asked is not None and folder is not None:
        raise InputError("identity", expected="a code", got=f"the row {asked} of a checkpoint without codes",
                         remedy="pass an array")
    mean = folder and next((place for place in (folder / "nphm_lat_mean.npy", folder / "assets" / "nphm_lat_mean.npy")
                            if place.is_file()), None)
    return _numbers(mean, model.identity_size) if mean else np.zeros(model.identity_size, np.float32)


def packed(face):
    """Card and arrays of an ImplicitFace, for save_face."""
    if face.parts is not None:
        raise InputError("face", expected="a head made of its field alone", got=f"'{face.name}', which has parts",
                         remedy="save its bake: save_face(face.baked, path)")
    card = {"kind": "nphm", **pack_space(face.space), "unit_m": face.unit_m,
            "expression_size": face.model.expression_size}
    arrays = {name: getattr(face, name) for name in ("head_weight", "head_pivot", "canonical", "canonical_values",
                                                     "moving", "expression_map")}
    arrays |= {f"grid_{axis}": positions for axis, positions in zip("xyz", face.grid.axes, strict=True)}
    return card, arrays | face.model.tensors | {"anchors": face.model.mean_anchors, "identity_code": face.identity}
