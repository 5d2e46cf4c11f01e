"""The landmarks of one person through a video: found in every picture, with cuts, lost faces and other people noted.

Source:
    MediaPipe Tasks, Face Landmarker in video mode (Google, Apache 2.0), see personare.tracking.landmarks.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from personare.errors import InputError, MissingExtra
from personare.tracking.landmarks import COUNT, hushed, model_path
from personare.tracking.video import read_pictures, time_code, video_info

# Outer corners of the eyes: the measure of a face on a picture.
EYE_CORNERS = (33, 263)
# A face that is so many eye distances from where it was a picture ago, or so much larger, was not the same shot.
_JUMP, _GROWTH = 0.8, 1.35
# So is a picture that, seen from afar, differs from the last by so many levels and so much more than is usual there.
_OTHER, _UNUSUAL, _AROUND, _FAR_PX = 14.0, 4.0, 8, 32
# Every so many pictures the whole picture is searched for further people.
_SEARCH_EVERY = 12
# Eye distances below this, in pixels, leave no mouth to measure.
SMALLEST_PX = 14.0
_MOST_NOTES = 20


@dataclass(frozen=True, eq=False)
class Detections:
    """Landmarks of one face over a video.

    Args:
        points: (t, 478, 3) float32 x, y in pixels and z in the unit of x, smaller is nearer; NaN where not found.
        times_s: (t,) float64 times of the pictures.
        size: (w, h) pixels.
        fps: mean pictures a second.
        cuts: frames at which another shot begins.
        notes: what a user should know, with time codes.
    """

    points: np.ndarray
    times_s: np.ndarray
    size: tuple[int, int]
    fps: float
    cuts: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def found(self):
        """(t,) bool, whether the face was seen."""
        return np.isfinite(self.points[:, 0, 0])

    @property
    def eye_px(self):
        """Median distance of the outer eye corners, pixels, foreshortening undone by the depth of the landmarks."""
        seen = self.points[self.found]
        return float(np.median(np.linalg.norm(seen[:, EYE_CORNERS[0]] - seen[:, EYE_CORNERS[1]], axis=1)))


def detect(path, *, model=None, progress=None):
    """Find one person's landmarks in every picture of a video.

    Args:
        path: of the video.
        model: path of face_landmarker.task; default the user's copy.
        progress: called with (pictures done, pictures in total or None).

    Returns:
        Detections.

    Raises:
        MissingExtra: mediapipe is not installed. AssetError: its model file is missing.
        InputError: no video, or no face in it that is large enough.
    """
    info = video_info(path)
    with hushed():
        finder = _Finder(model)
    points, times, others, afar = [], [], [], []
    try:
        for i, (time_s, picture) in enumerate(read_pictures(path)):
            with nullcontext() if i else hushed():
                points.append(finder.find(picture, time_s))
                several = i % _SEARCH_EVERY == 0 and finder.people(picture) > 1
            times.append(time_s)
            afar.append(seen_from_afar(picture))
            if several:
                others.append(time_s)
            if progress:
                progress(i + 1, max(info.count, i + 1) or None)
    finally:
        finder.close()
    points = np.stack(points)
    found = np.isfinite(points[:, 0, 0])
    if not found.any():
        raise InputError(path, expected="a face that looks towards the camera, eyes at least "
                         f"{SMALLEST_PX:g} pixels apart", got=f"none in {len(points)} pictures",
                         remedy="crop the video to the face, or use a larger recording")
    fps = (len(times) - 1) / times[-1] if len(times) > 1 and times[-1] > 0 else info.fps
    cuts = tuple(sorted({*find_cuts(points), *find_other_pictures(np.stack(afar))}))
    detections = Detections(points, np.array(times), info.size, fps, cuts, notes_of(points, times, cuts, others))
    if detections.eye_px < SMALLEST_PX:
        raise InputError(path, expected=f"eyes at least {SMALLEST_PX:g} pixels apart", got=f"{detections.eye_px:.0f}",
                         remedy="crop the video to the face and scale it up, or use a larger recording")
    return detections


def find_cuts(points):
    """Frames at which a face stands elsewhere or is another size than a picture before.

    Args:
        points: (t, 478, 3) float, NaN where not found.

    Returns:
        Tuple of frame numbers.
    """
    seen = np.flatnonzero(np.isfinite(points[:, 0, 0]))
    center = points[seen].mean(axis=1)[:, :2]
    size = np.linalg.norm(points[seen, EYE_CORNERS[0]] - points[seen, EYE_CORNERS[1]], axis=1)
    jump = np.linalg.norm(np.diff(center, axis=0), axis=1) / np.minimum(size[1:], size[:-1])
    growth = np.maximum(size[1:] / size[:-1], size[:-1] / size[1:])
    near = np.diff(seen) <= 3
    return tuple(int(i) for i in seen[1:][near & ((jump > _JUMP) | (growth > _GROWTH))])


def seen_from_afar(picture):
    """(32, 32) float32 of a picture (h, w, 3): the means of its squares, grey."""
    h, w = picture.shape[:2]
    rows, columns = (np.linspace(0, side, _FAR_PX + 1).astype(int)[:-1] for side in (h, w))
    rows, columns = np.unique(rows), np.unique(columns)
    grey = picture[:, :, 1].astype(np.float32)
    sums = np.add.reduceat(np.add.reduceat(grey, rows, 0), columns, 1)
    return sums / np.outer(np.diff(rows, append=h), np.diff(columns, append=w))


def find_other_pictures(afar):
    """Frames that look unlike the one before them, far more so than others around.

    Args:
        afar: (t, n, m) float, the pictures from afar.

    Returns:
        Tuple of frame numbers.
    """
    if len(afar) < 2:
        return ()
    change = np.abs(np.diff(afar, axis=0)).mean((1, 2))
    cuts = []
    for i in np.flatnonzero(change > _OTHER):
        around = np.delete(change[max(i - _AROUND, 0):i + _AROUND + 1], min(i, _AROUND))
        if not len(around) or change[i] > _UNUSUAL * max(np.median(around), 1.0):
            cuts.append(int(i) + 1)
    return tuple(cuts)


def notes_of(points, times_s, cuts, others):
    """Sentences on cuts, stretches without a face and further people, at most 20.

    Args:
        points: (t, 478, 3) float, NaN where not found.
        times_s: (t,) times.
        cuts: frames at which a shot begins.
        others: times at which more than one person was seen.
    """
    notes = [f"cut at {time_code(times_s[i])}: if it shows somebody else, track the shots apart" for i in cuts]
    lost = ~np.isfinite(points[:, 0, 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(int)))
    notes += [f"no face from {time_code(times_s[a])} to {time_code(times_s[b - 1])}: held and interpolated there"
              for a, b in zip(edges[::2], edges[1::2], strict=True)]
    if others:
        notes.append(f"more than one person from {time_code(others[0])} on: the one nearest to the last is followed")
    return (*notes[:_MOST_NOTES], *([f"{len(notes) - _MOST_NOTES} more"] if len(notes) > _MOST_NOTES else []))


class _Finder:
    """MediaPipe's landmarker twice: following one face, and searching a picture for several."""

    def __init__(self, model):
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise MissingExtra("finding a face in a video", package="mediapipe", extra="track") from error
        base = BaseOptions(model_asset_path=str(model_path(model)))
        self._image, self._format = mediapipe.Image, mediapipe.ImageFormat.SRGB
        landmarker, mode = vision.FaceLandmarker.create_from_options, vision.RunningMode
        self._follow = landmarker(vision.FaceLandmarkerOptions(base_options=base, running_mode=mode.VIDEO))
        self._search = landmarker(vision.FaceLandmarkerOptions(base_options=base, num_faces=4))
        self._last_ms = -1

    def find(self, picture, time_s):
        """(478, 3) float32 of the followed face, NaN where there is none."""
        self._last_ms = max(self._last_ms + 1, round(1000 * time_s))
        return self._points(self._follow.detect_for_video(self._wrapped(picture), self._last_ms), picture.shape)

    def people(self, picture):
        """How many faces a picture shows."""
        return len(self._search.detect(self._wrapped(picture)).face_landmarks)

    def close(self):
        """Let go of both; left to the interpreter's exit they print an exception."""
        self._follow.close()
        self._search.close()

    def _wrapped(self, picture):
        return self._image(image_format=self._format, data=picture)

    @staticmethod
    def _points(found, shape):
        if not found.face_landmarks:
            return np.full((COUNT, 3), np.nan, np.float32)
        points = np.array([(point.x, point.y, point.z) for point in found.face_landmarks[0]], np.float32)
        return points * np.float32([shape[1], shape[0], shape[1]])
