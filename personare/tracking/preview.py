"""The fit drawn over its video, to see at a glance whether it sits."""

from dataclasses import replace
from fractions import Fraction
from itertools import chain

import numpy as np

from personare.errors import OutputError
from personare.rendering.frames import render_frames
from personare.store import atomic_path
from personare.tracking.landmarks import INNER_LIPS, OUTER_LIPS
from personare.tracking.video import read_pictures

_SHARE = 0.55
_FOUND, _LIPS = (90, 230, 120), (255, 220, 60)
_LARGEST_PX = 1280


def write_preview(track, video, path, *, progress=None):
    """Write a video: left the pictures with the landmarks found, right the fitted face laid over them.

    Args:
        track: Track of the video.
        video: path of the video.
        path: where to.
        progress: called with (pictures done, in total).

    Returns:
        The path.

    Raises:
        OutputError: the file could not be written.
    """
    import av

    with atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                drawn = compared(track, video)
                first = next(drawn)
                rate = Fraction(track.motion.fps).limit_denominator(1001)
                stream = container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
                stream.height, stream.width, stream.pix_fmt = first.shape[0], first.shape[1], "yuv420p"
                for i, picture in enumerate(chain([first], drawn)):
                    for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                        container.mux(packet)
                    if progress:
                        progress(i + 1, len(track))
                for packet in stream.encode():
                    container.mux(packet)
        except av.FFmpegError as error:
            raise OutputError(f"{path}: writing failed ({error.strerror}); free space or choose another") from error
    return path


def compared(track, video):
    """Iterator of (h, 2 w, 3) uint8: picture with landmarks, picture under the fitted face; at most 1280 wide."""
    w, h = track.camera.size
    step = max(1, -(-max(w, h) // _LARGEST_PX))
    size = (w // step // 2 * 2, h // step // 2 * 2)
    camera = replace(track.camera, size=size, focal_px=track.camera.focal_px / step,
                     center_px=tuple(value / step for value in track.camera.center_px))
    faces = render_frames(track.face, track.motion, camera=camera)
    empty = next(iter(render_frames(replace(track.face, rest=track.face.rest + np.float32([0, 0, 1e4])),
                                    track.motion.frames(0, 1), camera=camera)))
    pictures = (picture for _, picture in read_pictures(video))
    for i, (picture, face) in enumerate(zip(pictures, faces, strict=False)):
        picture = picture[:size[1] * step:step, :size[0] * step:step]
        covered = (face != empty).any(-1) if track.seen[i] else np.zeros(picture.shape[:2], bool)
        share = np.where(covered, _SHARE, 0)[..., None]
        laid = (picture * (1 - share) + face * share).astype(np.uint8)
        yield np.concatenate([_dotted(picture, track.landmarks[i] / step), laid], 1)


def _dotted(picture, points):
    """A copy of a picture with a dot at every landmark."""
    picture, (h, w) = picture.copy(), picture.shape[:2]
    if not np.isfinite(points[0, 0]):
        return picture
    for group, color in ((slice(None), _FOUND), (list(OUTER_LIPS + INNER_LIPS), _LIPS)):
        for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
            x, y = np.floor(points[group, :2] - 0.5).astype(int).T + np.array([[right], [down]])
            inside = (x >= 0) & (y >= 0) & (x < w) & (y < h)
            picture[y[inside], x[inside]] = color
    return picture
