"""Data sets with a layout of their own: style_avatar's LMDB, VOCASET, BIWI, NVP. Nothing in their pickles is run.

Vertices become curves: the data set is written in numbers of its own space, one for each coordinate of a vertex. Heads
are as large as the files have them; what speech adds is written, the neutral head of each speaker taken off.
"""

import io

import numpy as np

from personare import registry
from personare.audio.deepspeech import LETTERS
from personare.audio.load import load
from personare.audio.stored import StoredRows
from personare.errors import InputError, MissingExtra
from personare.files.arrays import read_npy
from personare.files.pickles import parse_pickle, read_pickle
from personare.learn.dataset import Meta
from personare.learn.importers import Found, Layout, pairs, sound_of
from personare.spaces import BFM_64, DEEP3D_257, Space, numbered
from personare.types import Audio, Motion

# Frames a second: of Ted-HD; of VOCASET as it is published, and as FaceFormer thins it out; of BIWI.
TED_FPS, VOCA_FPS, VOCA_SLOW_FPS, BIWI_FPS = 25.0, 60.0, 30.0, 25.0
VOCA_RATE_HZ = 22000
# Neural Voice Puppetry: 16 rows of letters around each frame, the ninth being its own.
NVP_FPS, NVP_ROWS, NVP_OWN = 25.0, 16, 8
_EXPRESSION = slice(DEEP3D_257.columns.index("exp_000"), DEEP3D_257.columns.index("exp_000") + 64)
_MOST_BYTES = 1 << 36


def style_avatar(source):
    """Databases of style_avatar: keys <i> in the sub-databases `coeff` and `audio`, or `train_coeff` and so on."""
    folder = source if source.is_dir() else source.parent
    if not (folder / "data.mdb").is_file():
        return
    try:
        import lmdb
    except ModuleNotFoundError as error:
        raise MissingExtra("reading LMDB", package="lmdb", extra="data") from error
    # Open as long as a clip of it may still be read.
    database = lmdb.open(str(folder), readonly=True, lock=False, max_dbs=64, create=False)
    with database.begin() as reading:
        names = [key.decode() for key, _ in reading.cursor()]
    for prefix in ("", "train_", "test_"):
        if not {f"{prefix}coeff", f"{prefix}audio"} <= set(names):
            continue
        parts = tuple(database.open_db(f"{prefix}{part}".encode(), create=False) for part in ("coeff", "audio"))
        with database.begin(db=parts[0]) as reading:
            keys = [key.decode() for key, _ in reading.cursor()]
        for key in sorted(keys, key=lambda key: (len(key), key)):
            yield Found(f"{prefix}{int(key):06d}" if key.isdecimal() else f"{prefix}{key}", folder,
                        lambda key=key, parts=parts, held_out=prefix == "test_":
                        _of_database(folder, database, parts, key, held_out=held_out))


def _of_database(folder, database, parts, key, *, held_out):
    values, sound = (_value(database, part, key) for part in parts)
    if sound is None:
        raise InputError(folder, expected=f"sound of {key}", got="none", remedy="leave it out")
    table = np.asarray(parse_pickle(values, f"{folder}: coeff {key}"))
    if table.ndim != 2 or table.shape[1] != len(DEEP3D_257) or table.dtype.kind != "f":
        raise InputError(folder, expected=f"(t, 257) numbers for {key}", got=f"shape {table.shape}",
                         remedy="leave it out")
    return load(io.BytesIO(sound)), Motion(table[:, _EXPRESSION].astype(np.float32), TED_FPS, BFM_64), Meta(
        held_out=held_out)


def _value(database, part, key):
    with database.begin(db=part) as reading:
        return reading.get(key.encode())


def vocaset(source):
    """VOCASET as published (data_verts.npy, raw_audio_fixed.pkl, subj_seq_to_idx.pkl, templates.pkl), or prepared."""
    if not (source / "data_verts.npy").is_file():
        yield from _prepared(source, VOCA_SLOW_FPS)
        return
    index, sounds, templates = (read_pickle(source / name, most_bytes=_MOST_BYTES) for name in
                                ("subj_seq_to_idx.pkl", "raw_audio_fixed.pkl", "templates.pkl"))
    vertices = np.load(source / "data_verts.npy", mmap_mode="r", allow_pickle=False)
    for speaker, sequences in index.items():
        for sequence, frames in sequences.items():
            if sequence in sounds.get(speaker, {}):
                yield Found(f"{_text(speaker)}_{_text(sequence)}", source / "data_verts.npy",
                            lambda speaker=speaker, sequence=sequence, frames=frames: (
                                _sound(sounds[speaker][sequence]),
                                _moved(vertices[[frames[i] for i in sorted(frames)]], templates[speaker], VOCA_FPS),
                                Meta(speaker=_text(speaker))))


def biwi(source):
    """BIWI: vertices_npy/<speaker>_<sentence>.npy (t, 3 v), wav/ of the same names, templates.pkl."""
    yield from _prepared(source, BIWI_FPS)


def _prepared(source, fps):
    """What FaceFormer's scripts make of either."""
    if not (source / "vertices_npy").is_dir():
        return
    templates = read_pickle(source / "templates.pkl", most_bytes=_MOST_BYTES) \
        if (source / "templates.pkl").is_file() else {}
    for path in sorted((source / "vertices_npy").glob("*.npy")):
        sound = source / "wav" / f"{path.stem}.wav"
        # F1_01 and FaceTalk_170725_00137_TA_sentence01 are named after their speaker.
        speaker = next((_text(name) for name in templates if path.stem.startswith(_text(name))),
                       path.stem.rpartition("_")[0])
        rest = next((value for name, value in templates.items() if _text(name) == speaker), None)
        yield Found(path.stem, path, lambda path=path, sound=sound, speaker=speaker, rest=rest: (
            load(sound), _moved(read_npy(path, most_bytes=_MOST_BYTES), rest, fps), Meta(speaker=speaker)))


def _moved(vertices, rest, fps):
    """Motion of (t, v, 3) or (t, 3 v) vertices away from a neutral head, or from their mean where none is known."""
    vertices = np.asarray(vertices, np.float32)
    if vertices.ndim < 2 or vertices[0].size % 3:
        raise InputError("vertices", expected="(t, v, 3) or (t, 3 v)", got=f"shape {vertices.shape}",
                         remedy="check the file")
    values = vertices.reshape(len(vertices), -1)
    values = values - (values.mean(axis=0) if rest is None else np.asarray(rest, np.float32).reshape(1, -1))
    return Motion(values, fps, Space(f"vertices-{values.shape[1] // 3}", tuple(
        f"{name}_{axis}" for name in numbered("v", values.shape[1] // 3) for axis in "xyz")))


def _sound(found):
    """Audio of one entry of raw_audio_fixed.pkl: {"audio": (n,) int16 or float, "sample_rate": Hz}."""
    samples = np.asarray(found["audio"] if isinstance(found, dict) else found)
    rate_hz = int(found.get("sample_rate", VOCA_RATE_HZ)) if isinstance(found, dict) else VOCA_RATE_HZ
    samples = samples.astype(np.float32) / (32768 if samples.dtype.kind in "iu" else 1)
    # Some entries are float numbers of 16-bit size.
    return Audio(samples / (32768 if np.abs(samples).max(initial=0) > 4 else 1), rate_hz)


def _text(name):
    return name.decode() if isinstance(name, bytes) else str(name)


def nvp(source):
    """Sequences with expression.txt, and either sound or audio_feature/<frame>.deepspeech.npy; a speaker each."""
    for one in pairs(source, Layout("", ("**/*expression.txt",), "nvp")):
        yield Found(one.name, one.path, lambda one=one: (*_nvp_heard(one), Meta(speaker=one.name)))


def _nvp_heard(one):
    """(Audio or StoredRows, Motion) of a sequence."""
    windows = one.path.parent / "audio_feature"
    if sound_of(one.path) is None and windows.is_dir():
        return nvp_rows(windows), registry.load_reader("nvp")(one.path)
    return one.read()[:2]


def nvp_rows(folder):
    """DeepSpeech's letters of a sequence of Neural Voice Puppetry.

    Args:
        folder: with <frame>.deepspeech.npy, each (16, 29): the rows i - 8 to i + 7 of frame i, 25 rows a second.
            Windows of neighbouring frames share 15 rows, which is checked, so the rows in the middle are the whole.

    Returns:
        StoredRows of the front end deepspeech.

    Raises:
        InputError: a frame is missing, or one that is no such window; the message names it.
    """
    paths = {}
    for path in folder.glob("*.deepspeech.npy"):
        number = path.name.partition(".")[0]
        if number.isdecimal():
            paths[int(number)] = path
    missing = next((i for i in range(len(paths)) if i not in paths), None)
    if missing is not None or not paths:
        raise InputError(folder, expected="0.deepspeech.npy and on, one for each frame", got=f"no frame {missing or 0}",
                         remedy="make the features of that sequence again, or leave it out")
    windows = np.stack([_nvp_window(paths[i]) for i in range(len(paths))])
    far = np.abs(windows[1:, :-1] - windows[:-1, 1:]).max(axis=(1, 2), initial=0)
    if (far > 1e-3).any():
        frame = int(far.argmax()) + 1
        raise InputError(paths[frame], expected=f"the rows of frame {frame - 1} moved on by one", got="others",
                         remedy="give features at 25 rows a second, as Neural Voice Puppetry's tools write them")
    return StoredRows("deepspeech", windows[:, NVP_OWN], NVP_FPS, {"probabilities": False, "rate_hz": NVP_FPS})


def _nvp_window(path):
    window = read_npy(path, most_bytes=1 << 20)
    if window.shape != (NVP_ROWS, LETTERS) or window.dtype.kind != "f" or not np.isfinite(window).all():
        raise InputError(path, expected=f"({NVP_ROWS}, {LETTERS}) finite numbers",
                         got=f"{window.dtype} of shape {window.shape}" if window.shape != (NVP_ROWS, LETTERS)
                         or window.dtype.kind != "f" else "numbers that are not finite",
                         remedy="make that frame again, or leave the sequence out")
    return window.astype(np.float32)
