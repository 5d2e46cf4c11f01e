"""Name -> "module:object" for everything a user can pick by name; nothing is imported until it is used."""

from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from personare.errors import AssetError, InputError
from personare.spaces import unknown_name


@dataclass(frozen=True)
class Row:
    """One alternative.

    Args:
        target: "module:object".
        summary: one line for `personare list`.
        suffix: file suffix, for formats.
        reader: "module:object" that reads a Motion back, for formats that carry one.
        needs: what a format needs beside the motion: "face", "frames", "vrm" (a face that is one).
        opens: for faces, the files it is made from: patterns of a file's own name, or of what lies in a folder.
        carries: for formats, any of "curves", "head pose", "mesh", "pictures", "sound".
        space: for formats, name of the space its curves have to be in; "" for any.
        fits: for formats, "module:function" that says of a path whether what lies there is of this format, where the
            suffix alone does not.
        folder: whether a format is a folder of files.
        extra: the optional install that writing needs; "" for none.
        front_end: for audio, "module:function" that opens it as an audio.front_ends.FrontEnd; "" where it is none.
    """

    target: str
    summary: str
    suffix: str = ""
    reader: str = ""
    needs: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    space: str = ""
    fits: str = ""
    folder: bool = False
    extra: str = ""
    front_end: str = ""


_CURVES, _CURVES_AND_HEAD = ("curves",), ("curves", "head pose")


TABLES = {
    "audio": {
        "mel": Row("personare.audio.mel:log_mel", "log-mel spectrogram",
                   front_end="personare.audio.front_ends:mel"),
        "mfcc": Row("personare.audio.mfcc:mfcc", "mel-frequency cepstral coefficients",
                    front_end="personare.audio.front_ends:mfcc"),
        "pcen": Row("personare.audio.pcen:pcen", "mel energies behind a gain control per band",
                    front_end="personare.audio.front_ends:pcen"),
        "lpc": Row("personare.audio.lpc:lpc", "linear prediction, and FACEGOOD's images of it",
                   front_end="personare.audio.front_ends:lpc"),
        "energy": Row("personare.audio.energy:energy", "root mean square of sound, one number a row",
                      front_end="personare.audio.front_ends:energy"),
        "mouth": Row("personare.motion.mouth_rows:mouth", "mouth curves of the built-in model, for methods with little "
                     "data", front_end="personare.motion.mouth_rows:front_end"),
        "phones": Row("personare.audio.phones:phones", "posteriors of 42 phones of many languages",
                      front_end="personare.audio.front_ends:phones"),
        "deepspeech": Row("personare.audio.deepspeech:deepspeech", "DeepSpeech's 29 letters; your copy of a release",
                          front_end="personare.audio.front_ends:deepspeech"),
        "atnet": Row("personare.audio.atnet:atnet", "what AudioDVP hears: ATnet's features; your checkpoint of it",
                     front_end="personare.audio.atnet:front_end"),
        "wav2vec2": Row("personare.audio.wav2vec2:wav2vec2", "wav2vec 2.0, HuBERT and their like; your folder of "
                        "Hugging Face, see convert", front_end="personare.audio.wav2vec2:wav2vec2"),
        "joint": Row("personare.audio.joint:joint", "several front ends beside each other",
                     front_end="personare.audio.joint:joint"),
        "stored": Row("personare.audio.stored:stored", "rows of another front end, kept in a file",
                      front_end="personare.audio.stored:stored"),
    },
    "motion": {
        "vox": Row("personare.motion.vox:open_vox", "built-in model: any voice to ARKit-52, on a CPU"),
        "vox-live": Row("personare.motion.vox:open_live", "the same with 38 ms of look-ahead"),
        "vox-small": Row("personare.motion.vox:open_small", "the same at 1 MB"),
        "vox-small-live": Row("personare.motion.vox:open_small_live", "1 MB and 38 ms of look-ahead"),
        "puppetry": Row("personare.motion.puppetry:open_puppetry", "Neural Voice Puppetry; your copy of its "
                        "checkpoint, see convert"),
        "dvp": Row("personare.motion.dvp:open_dvp", "AudioDVP's audio network; your checkpoints, or learned"),
        "faceformer": Row("personare.motion.faceformer:open_faceformer", "FaceFormer, learned, in linear time"),
        "facetalk": Row("personare.motion.facetalk:open_facetalk", "built-in motion diffusion: mouth, eyes, brows and "
                        "head, another take for every seed"),
        "karras": Row("personare.motion.karras:open_karras", "Karras et al. and FACEGOOD Audio2Face; trained on your "
                      "own clips, see learn"),
        "stylist": Row("personare.motion.stylist:open_stylist", "style_avatar: a face in somebody's style; trained on "
                       "your data, see learn"),
    },
    "faces": {
        "sona": Row("personare.faces.sona:open_sona", "built-in head, CC0, 52 ARKit shapes; "
                    "sona/mara, /tomas, /amara, /kenji, /ines, /viktor, /ravi"),
        "sona-implicit": Row("personare.faces.sona_implicit:open_sona_implicit", "built-in neural head of the NPHM "
                             "family, trained on sona; the same characters"),
        "ict": Row("personare.faces.ict:open_ict", "ICT-FaceKit's head: 100 identities, ARKit shapes; its folder, "
                   "archive or .npz", opens=("FaceXModel", "*/FaceXModel", "generic_neutral_mesh.obj", "ICT*FaceKit*.*",
                                     "ict*facekit*.*")),
        "bfm": Row("personare.faces.bfm:open_bfm", "Basel Face Model 2009 as Deep3DFaceRecon and AudioDVP use it; your "
                   "copy of its files", opens=("01_MorphableModel.mat", "*/01_MorphableModel.mat",
                                               "BFM_model_front.mat")),
        "flame": Row("personare.faces.flame:open_flame", "FLAME 2020 and 2023; your copy of its .pkl",
                     opens=("*flame*.pkl", "*FLAME*.pkl", "generic_model.pkl")),
        "nphm": Row("personare.faces.nphm:open_nphm", "NPHM and MonoNPHM, the heads of FaceTalk; your copy of their "
                    "checkpoints", opens=("anchors_39.npy", "anchors_65.npy", "*/anchors_39.npy", "*/anchors_65.npy")),
        "npz": Row("personare.faces.bundle:open_npz", "a face that personare saved or converted, or arrays of shapes",
                   opens=("*.npz",)),
        "shapes": Row("personare.faces.shapes:open_shapes", "folder or .zip with a neutral mesh and one OBJ or PLY a "
                      "shape", opens=("*[Nn]eutral*.obj", "*[Nn]eutral*.ply", "[Rr]est.*", "[Bb]as*.obj", "*.zip")),
        "template": Row("personare.faces.template:open_template", "a single .obj or .ply that predicted vertices move",
                        opens=("*.ply", "*.obj")),
        "rig": Row("personare.faces.rig:open_rig", "your character: glTF, GLB or VRM with morph targets, expressions "
                   "or bones", opens=("*.glb", "*.gltf", "*.vrm")),
    },
    "export": {
        "mp4": Row("personare.export.mp4:write", "H.264 video with AAC sound", ".mp4",
                   needs=("face", "frames"), carries=("pictures", "sound")),
        "glb": Row("personare.export.glb:write", "glTF 2.0 mesh, morph targets and animation", ".glb",
                   needs=("face",), carries=("curves", "head pose", "mesh")),
        "vrm": Row("personare.export.rig_glb:write_vrm", "your VRM character with an animation", ".vrm",
                   needs=("face", "vrm"), carries=("curves", "head pose", "mesh")),
        "vrma": Row("personare.export.vrma:write", "VRM Animation: expressions, head and gaze for any VRM character",
                    ".vrma", needs=("face",), carries=("curves", "head pose")),
        "usda": Row("personare.export.usd:write", "Universal Scene Description as text, blend shapes and animation",
                    ".usda", needs=("face",), carries=("curves", "head pose", "mesh")),
        "usdc": Row("personare.export.usd:write_binary", "the same in binary", ".usdc", needs=("face",),
                    carries=("curves", "head pose", "mesh"), extra="usd"),
        "usdz": Row("personare.export.usdz:write", "the same with textures and sound in one package", ".usdz",
                    needs=("face",), carries=("curves", "head pose", "mesh", "sound")),
        "pc2": Row("personare.export.pc2:write", "point cache: the vertices of every frame", ".pc2", needs=("face",),
                   carries=("mesh",)),
        "rest": Row("personare.export.obj:write_rest", "OBJ of the face at rest, to put a point cache on", ".rest.obj",
                    needs=("face",), carries=("mesh",)),
        "obj": Row("personare.export.obj:write", "folder with an OBJ for every frame", ".objs", needs=("face",),
                   carries=("mesh",), folder=True),
        "ply": Row("personare.export.ply:write", "folder with a binary PLY for every frame", ".plys", needs=("face",),
                   carries=("mesh",), folder=True),
        "png": Row("personare.export.png:write", "folder with a PNG for every frame", ".pngs",
                   needs=("face", "frames"), carries=("pictures",), folder=True),
        "gif": Row("personare.export.gif:write", "animated picture of 256 colours", ".gif", needs=("face", "frames"),
                   carries=("pictures",)),
        "bvh": Row("personare.export.bvh:write", "head and eyes as joints, motion capture", ".bvh",
                   needs=("face",), carries=("head pose",)),
        "csv": Row("personare.export.livelink:write", "Live Link Face take, read by Unreal Engine", ".csv",
                   reader="personare.export.livelink:read", carries=_CURVES_AND_HEAD, space="arkit-52"),
        "json": Row("personare.export.json:write", "frames with names, plain JSON", ".json",
                    reader="personare.export.json:read", carries=_CURVES_AND_HEAD),
        "a2f": Row("personare.export.a2f:write", "exportFps / facsNames / weightMat JSON", ".a2f.json",
                   reader="personare.export.a2f:read", fits="personare.export.a2f:fits", carries=_CURVES),
        "npz": Row("personare.export.npz:write", "NumPy archive, lossless", ".npz",
                   reader="personare.export.npz:read", fits="personare.export.npz:fits", carries=_CURVES_AND_HEAD),
        "a2f-csv": Row("personare.export.a2f_csv:write", "animation table of Audio2Face-3D", ".a2f.csv",
                       reader="personare.export.a2f_csv:read", fits="personare.export.a2f_csv:fits", carries=_CURVES,
                       space="a2f-68"),
        "emotion": Row("personare.export.a2f_csv:write_emotions", "emotion table of Audio2Face-3D", ".emotion.csv",
                       reader="personare.export.a2f_csv:read_emotions", fits="personare.export.a2f_csv:fits_emotions",
                       carries=_CURVES, space="a2f-emotion-10"),
        "mediapipe": Row("personare.export.mediapipe:write", "results of MediaPipe's Face Landmarker",
                         ".mediapipe.json", reader="personare.export.mediapipe:read",
                         fits="personare.export.mediapipe:fits", carries=_CURVES_AND_HEAD),
        "rhubarb": Row("personare.export.rhubarb:write_tsv", "mouth cues of Rhubarb Lip Sync", ".rhubarb.tsv",
                       reader="personare.export.rhubarb:read_tsv", fits="personare.export.rhubarb:fits_tsv",
                       carries=_CURVES),
        "rhubarb-json": Row("personare.export.rhubarb:write_json", "the same as JSON", ".rhubarb.json",
                            reader="personare.export.rhubarb:read_json", fits="personare.export.rhubarb:fits_json",
                            carries=_CURVES),
        "rhubarb-xml": Row("personare.export.rhubarb:write_xml", "the same as XML", ".rhubarb.xml",
                           reader="personare.export.rhubarb:read_xml", fits="personare.export.rhubarb:fits_xml",
                           carries=_CURVES),
        "moho": Row("personare.export.rhubarb:write_moho", "the same as switch data of Moho", ".dat",
                    reader="personare.export.rhubarb:read_moho", fits="personare.export.rhubarb:fits_moho",
                    carries=_CURVES),
        "facegood": Row("personare.export.facegood:write", "folder of FACEGOOD: BS_name.npy, BS_value.npy and sound",
                        ".facegood", reader="personare.export.facegood:read", fits="personare.export.facegood:fits",
                        carries=("curves", "sound"), folder=True),
        "facetalk": Row("personare.export.facetalk:write", "folder of FaceTalk: NPHM codes and sound",
                        ".facetalk", reader="personare.export.facetalk:read", fits="personare.export.facetalk:fits",
                        carries=("curves", "sound"), space="nphm-200", folder=True),
        "audiodvp": Row("personare.export.audiodvp:write", "folder of AudioDVP: tensor files for every frame",
                        ".audiodvp", reader="personare.export.audiodvp:read", fits="personare.export.audiodvp:fits",
                        carries=_CURVES_AND_HEAD, space="audiodvp-64", folder=True),
        "deep3d": Row("personare.export.deep3d:write", "fit of the Basel model by Deep3DFaceRecon", ".mat",
                      reader="personare.export.deep3d:read", fits="personare.export.deep3d:fits",
                      carries=_CURVES_AND_HEAD, space="deep3d-257"),
        "nvp": Row("personare.export.nvp:write", "expression.txt of Neural Voice Puppetry", ".expression.txt",
                   reader="personare.export.nvp:read", fits="personare.export.nvp:fits", carries=_CURVES,
                   space="nvp-76"),
    },
}


def names(kind):
    """Names of one table, built-in ones first, then those of installed plug-ins.

    Args:
        kind: "audio", "motion", "faces" or "export".
    """
    return tuple(TABLES[kind]) + tuple(sorted(set(_plugins(kind)) - set(TABLES[kind])))


def row(kind, name):
    """The Row of one name.

    Raises:
        InputError: no such name; the message lists the known ones and the nearest.
    """
    if name in TABLES[kind]:
        return TABLES[kind][name]
    plugins = _plugins(kind)
    if name in plugins:
        point = plugins[name]
        source = f"from {point.dist.name if point.dist else 'a plug-in'}"
        return Row(point.value, source, f".{name}", needs=("face", "frames"))
    raise unknown_name(kind, name, names(kind))


def load(kind, name):
    """Import and return the object behind a name."""
    return _object(row(kind, name).target)


def loaded(target):
    """Import and return what a "module:object" names."""
    return _object(target)


def load_front_end(name):
    """Import and return the function that opens a front end."""
    return _object(row("audio", name).front_end)


def load_reader(name):
    """Import and return the function that reads a Motion from a file of one format.

    Raises:
        InputError: the format is unknown or carries no curves that could be read back.
    """
    reader = row("export", name).reader
    if not reader:
        readable = tuple(known for known in names("export") if row("export", known).reader)
        raise unknown_name("format to read", name, readable)
    return _object(reader)


def format_of(path):
    """Name of the format that a path's suffix stands for; the longest suffix wins.

    Raises:
        InputError: no format has that suffix.
    """
    file_name = f".{Path(path).name.lower()}"  # so that expression.txt, too, ends with .expression.txt
    fitting = [name for name in names("export") if file_name.endswith(row("export", name).suffix)]
    if not fitting:
        suffixes = tuple(row("export", name).suffix for name in names("export"))
        raise unknown_name("suffix", Path(path).suffix or Path(path).name, suffixes)
    return max(fitting, key=lambda name: len(row("export", name).suffix))


def writes_folder(path):
    """Whether a path's suffix stands for a format that is a folder."""
    file_name = f".{Path(path).name.lower()}"
    return any(row("export", name).folder and file_name.endswith(row("export", name).suffix)
               for name in names("export"))


def all_formats():
    """Names of the formats that any motion of ours can be written in, as one file, with nothing more to install.

    Vertices of every frame, 40 GB an hour, have to be asked for by name.
    """
    ours = ("", "arkit-52", "a2f-68")
    rows = {name: row("export", name) for name in names("export")}
    return tuple(name for name, row in rows.items() if row.space in ours and row.carries != ("mesh",)
                 and not row.folder and not row.extra and "vrm" not in row.needs)


def format_to_read(path):
    """Name of the format of a file or folder that holds motion: by a suffix that no other has, else by what is in it.

    Raises:
        InputError: neither says so.
    """
    known = format_inside(path)
    if not known and Path(path).is_dir():
        folders = [name for name in names("export") if row("export", name).folder and row("export", name).reader]
        raise InputError(path, expected=f"a file, or a folder of {', '.join(folders)}", got="no file of theirs",
                         remedy="see personare list formats")
    return known or format_of(path)


def format_inside(path):
    """As format_to_read, but "" where only the suffix speaks for it."""
    readable = [name for name in names("export") if row("export", name).reader]
    file_name = f".{Path(path).name.lower()}"
    for name in readable:
        if row("export", name).suffix.count(".") > 1 and file_name.endswith(row("export", name).suffix):
            return name
    for name in readable:
        if row("export", name).fits and _object(row("export", name).fits)(Path(path)):
            return name
    return ""


def face_kind_of(path):
    """Name of the kind of face that a file or folder holds; the first row whose patterns fit.

    Raises:
        InputError: nothing there, or nothing known.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("face", expected=f"a file, a folder, or one of {', '.join(names('faces'))}",
                         got=f"'{path}', which does not exist", remedy="check the name or the path")
    for name in names("faces"):
        for pattern in row("faces", name).opens:
            if next(path.glob(pattern), None) if path.is_dir() else fnmatch(path.name.lower(), pattern.lower()):
                return name
    raise InputError(path, expected=f"a file or folder of one of the faces {', '.join(names('faces'))}",
                     got="no file of theirs", remedy="see personare list faces, and name the kind as in ict:PATH")


def _object(target):
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except AttributeError as error:
        raise AssetError(f"{target}: {module} has no {attribute}; reinstall its package") from error


def _plugins(kind):
    return {point.name: point for point in entry_points(group=f"personare.{kind}")}
