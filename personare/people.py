"""Real people: portraits by their paths, and speech to the motion of one of them."""

from pathlib import Path

from personare.errors import InputError
from personare.spaces import BFM_64, SOUND, Space
from personare.types import Audio, Motion, Portrait

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def open_portrait(portrait):
    """A real person to show; a Portrait is returned as it is.

    Args:
        portrait: folder that `personare portrait learn` wrote, or a photo, see open_photo.

    Raises:
        AssetError: no portrait is there, or it is damaged. InputError: the photo shows no human face.
    """
    if isinstance(portrait, Portrait):
        return portrait
    if Path(portrait).suffix.lower() in PHOTOS:
        return open_photo(portrait)
    from personare.portraits.footage import open_footage

    return open_footage(portrait)


def open_photo(path, *, face=None, model=None, renderer=None):
    """A person on a photo, ready to be shown with any motion.

    Args:
        path: of a picture of any common format.
        face: Face that is fitted to the photo and drawn inside its mouth; default the built-in head. The Basel model,
            for a renderer that knows its textures, is laid on the built-in head.
        model: path of MediaPipe's face_landmarker.task; default the user's copy.
        renderer: folder of a bundle that draws the face anew, of `personare portrait train style-avatar` and its kin;
            default none, every pixel is the photo's own.

    Returns:
        PhotoPortrait, or RenderedPhoto of it; the `confidence` of the first says how surely a human face was found,
        its `notes` what was done to the photo.

    Raises:
        InputError: the file is no picture, or holds no human face, or one too small.
        AssetError, MissingExtra: MediaPipe or its model file is missing.
    """
    from personare.portraits.evidence import LEAST, confidence
    from personare.portraits.photo import photo_portrait
    from personare.portraits.picture import read_picture
    from personare.tracking.landmarks import common, face_landmarks, landmarks
    from personare.tracking.track import anchored_face, track_picture

    layout = face if renderer is not None and face is not None and face.space is BFM_64 else None
    face = None if layout is not None else face
    picture, notes = read_picture(path)
    name = Path(path).name
    track = track_picture(picture, face=face, model=model, source=name)
    mirrored = landmarks([picture[:, ::-1]], model=model)[0]
    sure = confidence(track.landmarks[0], mirrored, picture.shape[1])
    if sure < LEAST:
        raise InputError(name, expected="a human face", got="something else, or a face too blurred to tell "
                         f"(confidence {sure:.2f}, {LEAST} is asked)", remedy="take a sharper photo, from the front")
    head = anchored_face(face, model)
    photo = photo_portrait(picture, track, (head.corners, head.weights, head.index), confidence=sure,
                           notes=(*notes, *track.notes))
    if renderer is None:
        return photo
    from personare.portraits.rendered import rendered_photo

    if layout is None:
        return rendered_photo(photo, renderer)
    from personare.portraits.layouts import laid_on

    anchors = common(*(face_landmarks(one, model=model) for one in (layout, head.face)))
    return rendered_photo(photo, renderer, laid_on(head.face, layout, anchors))


def speak(audio, portrait, *, model="vox", articulation=1.0, strengths=None, progress=None):
    """Turn speech into the motion of a person who was learned from footage, in their own way to speak.

    Args:
        audio: Audio, AudioStream, or the path of a sound or video file.
        portrait: as for open_portrait.
        model: as for personare.animate; portraits are learned with vox.
        articulation: 0.3..2, size of the mouth's movements; 1 is the person's own.
        strengths: personare.Strengths of lips and smoothing; the upper face is that of the footage.
        progress: called with (seconds done, seconds in total or None) now and then.

    Returns:
        Motion of the columns that move the mouth, at the portrait's frame rate; save and Portrait.frames take it.

    Raises:
        InputError: the sound cannot be read, an option is out of range, or the portrait is a photo. AssetError: as
            open_portrait.
    """
    from personare.audio.load import open_stream
    from personare.motion.voice import heard, read_voice, spoken

    person = open_portrait(portrait)
    if not hasattr(person, "voice_path"):
        raise InputError("portrait", expected="one that `personare portrait learn` wrote", got="a photo, which has no "
                         "voice of its own", remedy="use --photo, or personare.animate and save(..., portrait=photo)")
    stream = audio if hasattr(audio, "chunks") else audio.stream() if isinstance(audio, Audio) else open_stream(audio)
    told = heard(stream, model=model, progress=progress)
    return spoken(read_voice(person.voice_path), told, person.fps, person.limits, articulation=articulation,
                  strengths=strengths)


def without_sound(motion):
    """The motion without what speak tells a portrait's painter of the sound, which nobody else understands."""
    kept = tuple(name for name in motion.space.columns if not name.startswith(f"{SOUND}_"))
    if len(kept) == len(motion.space):
        return motion
    return Motion(motion.columns(kept), motion.fps, Space(motion.space.name, kept), motion.head_pose)
