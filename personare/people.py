"""Real people: portraits by their paths, and speech to the motion of one of them."""

from personare.types import Audio, Portrait


def open_portrait(portrait):
    """A real person to show; a Portrait is returned as it is.

    Args:
        portrait: folder that `personare portrait learn` wrote.

    Raises:
        AssetError: no portrait is there, or it is damaged.
    """
    if isinstance(portrait, Portrait):
        return portrait
    from personare.portraits.footage import open_footage

    return open_footage(portrait)


def speak(audio, portrait, *, model="vox", articulation=1.0, progress=None):
    """Turn speech into the motion of a person who was learned from footage, in their own way to speak.

    Args:
        audio: Audio, AudioStream, or the path of a sound or video file.
        portrait: as for open_portrait.
        model, articulation: as for personare.animate; portraits are learned with vox.
        progress: called with (seconds done, seconds in total or None) now and then.

    Returns:
        Motion of the columns that move the mouth, at the portrait's frame rate; save and Portrait.frames take it.

    Raises:
        InputError: the sound cannot be read, or an option is out of range. AssetError: as open_portrait.
    """
    from personare.audio.load import open_stream
    from personare.motion.adapt import read_adapter
    from personare.motion.voice import heard, spoken

    person = open_portrait(portrait)
    stream = audio if hasattr(audio, "chunks") else audio.stream() if isinstance(audio, Audio) else open_stream(audio)
    told = heard(stream, person.fps, model=model, articulation=articulation, progress=progress)
    return spoken(read_adapter(person.voice_path), told, person.limits)
