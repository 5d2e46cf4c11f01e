"""The main path: load, animate, render, save; and evaluate. Files and names in, core types and files out."""

from inspect import signature
from pathlib import Path

import numpy as np

from personare import registry
from personare.assets import user_path
from personare.errors import InputError
from personare.motion.layers import STILL
from personare.motion.performance import Performance
from personare.motion.pieces import joined
from personare.motion.retarget import can_convert
from personare.people import open_photo, open_portrait, speak, without_sound  # noqa: F401  part of the main path
from personare.spaces import ARKIT_52, unknown_name
from personare.transfer import convert, fitted
from personare.types import Audio, AudioStream, Face, Motion, Take


def load(path):
    """Read sound from a file.

    Args:
        path: WAV, FLAC, Ogg, Opus, MP3, M4A, AAC or a video with sound; any rate and channel count.

    Returns:
        Audio, mono, at the file's own rate.

    Raises:
        InputError: the file is missing, empty or holds no sound that can be read.
    """
    from personare.audio.load import load as load_audio

    return load_audio(path)


def open_stream(path):
    """Like load, but read piece by piece while it is used: for hours of sound.

    Returns:
        AudioStream, mono, at the file's own rate.
    """
    from personare.audio.load import open_stream as open_audio

    return open_audio(path)


def animate(audio, *, model="vox", fps=30.0, layers=None, emotion=None, articulation=1.0, style=None, seed=None,
            strengths=None, progress=None):
    """Turn speech into motion.

    Args:
        audio: Audio, AudioStream, or the path of a sound or video file.
        model: name of a method (see registry.names("motion")) or path of a bundle.
        fps: frames a second of the result, 1..240.
        layers: Layers, strengths of blinks, gaze, head, brows and loudness, default 1, and breath, default 0; seed 0.
            personare.motion.layers.STILL switches them off.
        emotion: Emotion, a text such as "joy:0.7", a dict, or the path of a csv file with time codes; lips keep
            their contacts (see docs/motion/emotion.md).
        articulation: 0.3 mumbled .. 1 as the model has it .. 2 exaggerated.
        style: for models that have styles: the name of one, a Motion or the path of a take to speak like, or a Style.
        seed: for models that draw their motion, an integer >= 0; default that of layers.
        strengths: personare.Strengths: size of lips and upper face, smoothing; None for as the model has it.
        progress: called with (seconds done, seconds in total or None) now and then.

    Returns:
        Motion of max(1, ceil(duration * fps)) frames; ARKit-52 with head pose for the built-in model.

    Raises:
        InputError: the sound cannot be read, or an option is out of range.
    """
    stream = _as_stream(audio)
    performance = Performance(model, from_hz=stream.rate_hz, fps=fps, layers=layers, emotion=emotion,
                              articulation=articulation, style=style, seed=seed,
                              strengths=strengths)
    pieces, done = [], 0
    for chunk in stream.chunks():
        pieces.append(performance.push(chunk))
        done += len(chunk)
        if progress:
            progress(done / stream.rate_hz, stream.duration_s)
    return joined([*pieces, performance.finish()])


def open_face(face="sona"):
    """The face of a name or a file; a Face is returned as it is.

    Args:
        face: name of a face; "name/character" for one that has ready characters, such as "sona/mara"; path of a
            file or folder that holds one; or "kind:path" where the files alone do not tell the kind.

    Raises:
        InputError: no face or character has that name, and no file is there; the message lists the known ones.
    """
    if isinstance(face, Face):
        return face
    text = str(face)
    kind, _, path = text.partition(":")
    if path and kind in registry.names("faces"):
        return _face_of_files(kind, path)
    name, _, character = text.partition("/")
    if name not in registry.names("faces"):
        if not Path(text).exists() and not Path(text).is_absolute() and not Path(text).suffix:
            raise unknown_name("faces", name, registry.names("faces"))
        return _face_of_files(registry.face_kind_of(text), text)
    if registry.row("faces", name).opens:
        return _face_of_files(name, user_path("faces", text))
    opened = registry.load("faces", name)
    if not character:
        return opened()
    if "character" not in signature(opened).parameters:
        raise InputError("face", expected=f"'{name}' alone", got=f"'{face}'", remedy="it has no characters")
    return opened(character=character)


def _face_of_files(kind, path):
    if not Path(path).exists():
        raise InputError("face", expected=f"the files of {kind}", got=f"nothing at {path}",
                         remedy=f"put your copy there, or name its place as in --face {kind}:PATH")
    return registry.load("faces", kind)(Path(path))


def render(motion, *, face="sona", size=(512, 512), threads=None):
    """Draw motion on a face.

    Args:
        motion: Motion; what is not in the face's space is converted first, see convert.
        face: as for open_face.
        size: width and height in pixels, or one number for both; 16..4096.
        threads: frames drawn at the same time; default one for each core.

    Returns:
        Iterator of (h, w, 3) uint8 sRGB pictures, one for each frame, drawn as they are asked for.
    """
    from personare.rendering.frames import render_frames

    face = _to_show(open_face(face), len(motion))
    return render_frames(face, fitted(motion, face), size=(size, size) if np.isscalar(size) else size, threads=threads)


# From so many frames on an implicit head is worth baking: shapes then take the place of a search in every frame.
_WORTH_BAKING = 150


def _to_show(face, frame_count):
    return face.baked if frame_count > _WORTH_BAKING and hasattr(face, "baked") else face


def sheet(face="sona", *, size=192, columns=9):
    """A contact sheet: the face at rest and with each of its shapes at weight 1.

    Args:
        face: name of a face or a Face.
        size: width and height of each picture, 16..4096 pixels.
        columns: pictures in a row.

    Returns:
        (h, w, 3) uint8 sRGB. mouthClose is shown on an open jaw, where alone it means something.
    """
    from personare.rendering.sheet import contact_sheet

    face = open_face(face)
    values = np.concatenate([np.zeros((1, len(face.space))), np.eye(len(face.space))]).astype(np.float32)
    if {"jawOpen", "mouthClose"} <= set(face.space.columns):
        values[1 + face.space.index("mouthClose"), face.space.index("jawOpen")] = 1
    pictures = list(render(Motion(values, 30, face.space), face=face, size=size))
    return contact_sheet(pictures, ["rest", *face.space.columns], columns=columns)


def save(motion, path, *, audio=None, face="sona", portrait=None, format=None, size=(512, 512), progress=None):
    """Write motion to a file; the suffix says the format.

    Args:
        motion: Motion.
        path: where to; an existing file is replaced only once the new one is complete.
        audio: the sound it belongs to, as for animate; carried by formats that can.
        face: name of a face or a Face, for formats that show or carry one.
        portrait: as for open_portrait; pictures then show this person, at the portrait's own size.
        format: name of a format where the suffix does not say it (see registry.names("export")).
        size: picture size for video, as for render.
        progress: called with (frames done, frames in total) now and then.

    Returns:
        The path written, as a Path.

    Raises:
        InputError: unknown suffix, or the motion does not fit the face.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    path = Path(path)
    format = format or registry.format_of(path)
    needs = registry.row("export", format).needs
    write = registry.load("export", format)
    shown, space = open_face(face) if "face" in needs else None, registry.row("export", format).space
    told, motion = motion, without_sound(motion)
    told = None if told is motion else told
    if shown is not None:
        motion = fitted(motion, shown)
    elif space and space != motion.space.name and can_convert(motion.space, space):
        motion, _ = convert(motion, space)
    if format == "vrma":
        motion = _as_expressions(motion, shown)
    draw = None
    if "frames" in needs:
        draw = (lambda: render(motion, face=shown, size=size)) if portrait is None else (
            lambda: open_portrait(portrait).frames(motion if told is None else told))
    sound = None if audio is None else _as_stream(audio)
    write(path, Take(motion, face=shown, audio=sound, frames=draw, name=_title(path, format)), progress=progress)
    return path


def save_face(face, path):
    """Write a face to a file.

    Args:
        face: as for open_face; also a head that personare.rig gave its shapes.
        path: .npz opens again in milliseconds, .glb (or another format that carries a mesh) holds it at rest.

    Returns:
        The path written, as a Path.

    Raises:
        InputError: the face is not made of shapes, or the suffix carries no face.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    face, path = open_face(face), Path(path)
    if path.suffix.lower() != ".npz":
        return save(Motion(np.zeros((1, len(face.space)), np.float32), 30, face.space), path, face=face)
    from personare.faces.bundle import save_face as write_face

    return write_face(face, path)


def convert_face(source, path, *, kind=None):
    """Turn a face model's own files into one .npz that opens in milliseconds.

    Args:
        source: file or folder of the model, or anything else open_face takes.
        path: the .npz to write.
        kind: name of the face where the files alone do not tell it, such as "bfm".

    Returns:
        The path written, as a Path. Of the Basel Face Model all bases are kept, of others the face as it opens.

    Raises:
        InputError: files are missing (each is named with its source), damaged, or of no known face.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    known = kind or (registry.face_kind_of(source) if Path(str(source)).exists() else "")
    if known == "bfm":
        from personare.faces.bfm import read_bfm, save_bfm

        return save_bfm(read_bfm(source), path)
    return save_face(f"{kind}:{source}" if kind else source, path)


def _as_expressions(motion, face):
    """What a VRM animation is made of: presets that any VRM has, unless the face is one and has its own."""
    from personare.faces.visemes import as_vrm1

    own = getattr(face, "vrm", None) is not None
    return as_vrm1(motion) if not own and set(ARKIT_52.columns) <= set(motion.space.columns) else motion


def read_motion(path):
    """Read motion back from a file or folder that save or another tool wrote.

    Args:
        path: of any format that `personare list formats` calls readable; plain .csv, .json, .npz, .npy, .txt and
            folders are told apart by what is in them.

    Raises:
        InputError: the format carries no motion, or the file is damaged.
    """
    return registry.load_reader(registry.format_to_read(path))(Path(path))


def evaluate(index, *, labels=None, root=None, model="vox", predictions=None, fps=60.0, progress=None):
    """Score lips against phone labels of real speech (PhoneLip, see personare.metrics.phonelip).

    Args:
        index: csv file with the columns id, audio, speaker.
        labels: folder with <id>.lab files; default "labels" beside the index.
        root: folder the audio paths start from; default that of the index.
        model: as for animate; its lips alone are scored, without layers.
        predictions: folder with <id>.csv, .json or .npz motions to score in place of a model.
        fps: frames a second asked of the model.
        progress: called with (files done, files in total).

    Returns:
        dict of figures, see personare.metrics.phonelip.phonelip.

    Raises:
        InputError: a file is missing or not of that form.
    """
    import csv

    from personare.metrics.phonelip import Utterance, phonelip, read_labels

    index = Path(index)
    try:
        with open(index, encoding="utf8", newline="") as file:
            rows = list(csv.DictReader(file))
        names = [(row["id"], row["audio"], row.get("speaker") or "") for row in rows]
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise InputError(index, expected="a csv file with the columns id, audio, speaker", got=repr(error),
                         remedy="see docs/evaluate.md") from error
    labels, root = Path(labels or index.parent / "labels"), Path(root or index.parent)
    if not names:
        raise InputError(index, expected="at least one recording", got="a header alone", remedy="list some")
    utterances = []
    for done, (name, sound, speaker) in enumerate(names):
        if predictions:
            motion = _prediction(Path(predictions), name)
        else:
            motion = animate(root / sound, model=model, fps=fps, layers=STILL)
        utterances.append(Utterance(motion, read_labels(labels / f"{name}.lab"), speaker))
        if progress:
            progress(done + 1, len(names))
    return phonelip(utterances)


def compare(predicted, truth, *, audio=None, face=None, lips=None, progress=None):
    """Figures of predicted motion against real takes, see docs/evaluate.md.

    Args:
        predicted, truth: Motions, files, or folders of files of the same names.
        audio: sound of the take, or folder of sounds, for the agreement of blinks with accents; None for none.
        face: name, file or Face whose vertices are compared; None for curves and mouth alone.
        lips: text file of the vertex numbers of its lips, where its shapes do not tell.
        progress: called with (takes done, takes in total).

    Returns:
        dict of figures, see personare.metrics.motion.compare.

    Raises:
        InputError: takes that do not belong together, or a file that is not what it should be.
    """
    from personare.metrics import motion as metric
    from personare.metrics.takes import matched, read_vertices, sound_of

    if isinstance(truth, Motion):
        takes = [("take", predicted, truth)]
    else:
        takes = matched(predicted, truth)
    pairs = []
    for done, (name, ours, theirs) in enumerate(takes):
        sound = sound_of(audio, name)
        ours, theirs = (take if isinstance(take, Motion) else read_motion(take) for take in (ours, theirs))
        pairs.append(metric.paired(ours, theirs, accents_s=None if sound is None else metric.accents_s(load(sound))))
        if progress:
            progress(done + 1, len(takes))
    return metric.compare(pairs, face=None if face is None else open_face(face),
                          lips=None if lips is None else read_vertices(lips))


def diversity(predictions, *, face="sona"):
    """How far several predictions for one sound are apart: mean distance of the vertices of every two, in mm.

    Args:
        predictions: Motions or files, two or more, in the face's space.
        face: name, file or Face.

    Returns:
        dict of one figure.

    Raises:
        InputError: fewer than two, or motion of another space.
    """
    from personare.metrics.vertices import diversity as spread

    face = open_face(face)
    motions = [one if isinstance(one, Motion) else read_motion(one) for one in predictions]
    count = min(len(motion) for motion in motions) if motions else 0
    return {"diversity_mm": spread([face.mesh(one.frames(0, count)).vertices * 1000.0 for one in motions])}


def _prediction(folder, name):
    paths = [folder / (name + suffix) for suffix in (".npz", ".csv", ".a2f.json", ".json")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise InputError(folder, expected=f"a file {name}.npz, .csv or .json", got="none",
                         remedy="write one with personare animate -f npz --still")
    return read_motion(path)


def _as_stream(audio):
    if isinstance(audio, AudioStream):
        return audio
    if isinstance(audio, Audio):
        return audio.stream()
    return open_stream(audio)


def _title(path, format):
    """What a file is called inside: its name without suffix; bytes that are no text become question marks."""
    suffix = registry.row("export", format).suffix
    name = path.name.removesuffix(suffix) if path.name.endswith(suffix) else path.stem
    return name.encode("utf8", "replace").decode("utf8")
