"""The main path: load, animate, render, save. Files and names in, core types and files out."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from personare import registry
from personare.errors import InputError
from personare.motion.layers import Layers, LayerStream
from personare.types import Audio, AudioStream, Face, Take


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


def animate(audio, *, model="vox", fps=30.0, layers=None, progress=None):
    """Turn speech into motion.

    Args:
        audio: Audio, AudioStream, or the path of a sound or video file.
        model: name of a method (see registry.names("motion")) or path of a bundle.
        fps: frames a second of the result, 1..240.
        layers: Layers, strengths of blinks, gaze, head and brows; default all at 1 with seed 0.
            personare.motion.layers.STILL switches them off.
        progress: called with (seconds done, seconds in total or None) now and then.

    Returns:
        Motion of max(1, ceil(duration * fps)) frames; ARKit-52 with head pose for the built-in model.

    Raises:
        InputError: the sound cannot be read, or an option is out of range.
    """
    from personare.audio.load import resample_stream

    if not 1 <= fps <= 240:
        raise InputError("fps", expected="1..240 frames a second", got=fps, remedy="use 30 or 60")
    stream = _as_stream(audio)
    method = _open_method(model)
    session = method.session(fps=fps)
    life = LayerStream(fps, layers or Layers())
    pieces, done_s = [], 0.0
    for chunk in resample_stream(stream, session.rate_hz).chunks():
        pieces.append(life.apply(session.push(chunk)))
        done_s += len(chunk) / session.rate_hz
        if progress:
            progress(done_s, stream.duration_s)
    pieces.append(life.apply(session.finish()))
    return _joined([piece for piece in pieces if len(piece)])


def open_face(face="sona"):
    """The face of a name; a Face is returned as it is.

    Raises:
        InputError: no face has that name; the message lists the known ones.
    """
    return face if isinstance(face, Face) else registry.load("faces", str(face))()


def render(motion, *, face="sona", size=(512, 512), threads=None):
    """Draw motion on a face.

    Args:
        motion: Motion in the face's space.
        face: name of a face or a Face.
        size: width and height in pixels, or one number for both; 16..4096.
        threads: frames drawn at the same time; default one for each core.

    Returns:
        Iterator of (h, w, 3) uint8 sRGB pictures, one for each frame, drawn as they are asked for.
    """
    from personare.render.frames import render_frames

    return render_frames(open_face(face), motion, size=_as_size(size), threads=threads)


def save(motion, path, *, audio=None, face="sona", format=None, size=(512, 512), progress=None):
    """Write motion to a file; the suffix says the format.

    Args:
        motion: Motion.
        path: where to; an existing file is replaced only once the new one is complete.
        audio: the sound it belongs to, as for animate; carried by formats that can.
        face: name of a face or a Face, for formats that show or carry one.
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
    shown = open_face(face) if "face" in needs else None
    draw = (lambda: render(motion, face=shown, size=size)) if "frames" in needs else None
    sound = None if audio is None else _as_stream(audio)
    write(path, Take(motion, face=shown, audio=sound, frames=draw, name=path.stem), progress=progress)
    return path


def read_motion(path):
    """Read motion back from a file that save or another tool wrote.

    Args:
        path: .csv (Live Link Face), .json, .a2f.json or .npz.

    Raises:
        InputError: the format carries no motion, or the file is damaged.
    """
    return registry.load_reader(registry.format_of(path))(Path(path))


def _as_stream(audio):
    if isinstance(audio, AudioStream):
        return audio
    if isinstance(audio, Audio):
        return audio.stream()
    return open_stream(audio)


def _as_size(size):
    width, height = (size, size) if np.isscalar(size) else size
    for name, value in (("width", width), ("height", height)):
        if not 16 <= value <= 4096:
            raise InputError(name, expected="16..4096 pixels", got=value, remedy="use 512 or 720x1280")
    return int(width), int(height)


def _open_method(model):
    if Path(model).is_dir():
        from personare.store import read_bundle

        return registry.load("motion", read_bundle(model).card.method)(model)
    return registry.load("motion", str(model))()


def _joined(pieces):
    poses = [piece.head_pose for piece in pieces]
    return replace(pieces[0], values=np.concatenate([piece.values for piece in pieces]),
                   head_pose=None if poses[0] is None else np.concatenate(poses))
