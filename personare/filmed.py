"""What is filmed: videos to follow."""

from pathlib import Path

from personare import registry
from personare.api import open_face, save
from personare.errors import MissingExtra


def track(path, *, face="sona", model=None, focal_px=None, photometric=False, progress=None):
    """Follow the face in a video.

    Args:
        path: of the video.
        face: face to fit, as for open_face.
        model: path of MediaPipe's face_landmarker.task; default the user's copy.
        focal_px: focal length of the camera in pixels, where it is known.
        photometric: refine it on every pixel of the face, which needs torch and a second or more a picture.
        progress: called with (pictures done, in total or None); after that once more for the refinement.

    Returns:
        Track: the person's face, and its expression and head pose in every picture.

    Raises:
        InputError: no video, or no face in it. MissingExtra, AssetError: MediaPipe or its model file is missing.
    """
    from personare.tracking.track import track as follow

    if photometric:
        try:
            from personare.learn.photometric import refine
        except ModuleNotFoundError as error:
            raise MissingExtra("refining a track on pictures", package=error.name, extra="learn") from error
    found = follow(path, face=open_face(face), model=model, focal_px=focal_px, progress=progress)
    return refine(found, path, progress=progress) if photometric else found


def style_of_video(path, *, face="sona", progress=None):
    """How somebody in a video moves, as the Motion that a method with styles takes.

    Args:
        path: of the video, 5 to 20 s of one person.
        face: face that is fitted: one in the method's space, or with ARKit's shapes.
        progress: as for track.

    Returns:
        Motion with head pose.

    Raises:
        InputError: no video, or no face in it. MissingExtra, AssetError: MediaPipe or its model file is missing.
    """
    from personare.tracking.track import performance

    return performance(track(path, face=face, progress=progress))


def save_track(track, path, *, format=None, fps=None, progress=None):
    """Write what was tracked: an .npz with everything, or a take in any other format, shown on the person's face.

    Args:
        track: Track.
        path: where to; the suffix says the format.
        format: name of a format where the suffix does not say it.
        fps: frames a second of a take; default the mean rate of the video.
        progress: as for save.

    Returns:
        The path as a Path.
    """
    from personare.tracking.files import write_track
    from personare.tracking.track import performance

    path = Path(path)
    if (format or registry.format_of(path)) == "npz":
        write_track(track, path)
        return path
    return save(performance(track, fps=fps), path, face=track.face, format=format, progress=progress)
