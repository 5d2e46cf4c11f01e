"""Footage of a person -> a portrait to speak through: tracked, listened to, painted; see docs/portraits/footage.md."""

import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from personare.errors import InputError, OutputError
from personare.faces.linear import weights_of
from personare.learn.painting import MARGIN, PaintingOptions, Windows, onnx_bytes, train_painter
from personare.motion.mouth import UNIT_CM
from personare.motion.voice import heard, scaled_voice
from personare.motion.voice_learning import Mouth, fit_voice
from personare.portraits.bundle import METHOD, REEL, VOICE, FootageOptions, Shot, region_face, write_footage
from personare.portraits.crops import cut
from personare.portraits.guides import guide
from personare.portraits.reel import ReelWriter
from personare.portraits.region import column_moves, find_region, lip_gaps, windows
from personare.spaces import Space
from personare.store import CARD, read_bundle
from personare.types import Audio, Motion

# Shots below this teach neither a voice nor a mouth.
LEAST_S = 5.0
# Longer takes are cut, so that a portrait stays small; of more windows than that an even choice is painted.
MOST_S, MOST_WINDOWS = 120.0, 1200
CODE = 12
# Directions of the expression that move less than this share of the first one count less, so that noise stays small.
_FLOOR = 0.1
CONDITIONS, SOUNDS = ("expression", "sound"), 12
# Sound whose peak stays below this is silence: -60 dB.
_SILENT = 1e-3
SIZES = (64, 96, 128, 160, 192, 224, 256)
_LARGEST_AUTOMATIC = 192


@dataclass(frozen=True)
class PortraitOptions:
    """How a portrait is learned.

    Args:
        size: pixels of the painted window's side, one of SIZES; None for what the footage holds, at most 192.
        painting: PaintingOptions.
        until_s: what comes later in the footage is left out, for tests on what was not seen; None for all.
        condition: what the neural texture is told: "expression", or "sound", the expression and what is heard.
    """

    size: int | None = None
    painting: PaintingOptions = field(default_factory=PaintingOptions)
    until_s: float | None = None
    condition: str = "expression"

    def __post_init__(self):
        if self.condition not in CONDITIONS:
            raise InputError("condition", expected=" or ".join(CONDITIONS), got=repr(self.condition),
                             remedy="leave it out for expression")
        if self.size is not None and self.size not in SIZES:
            raise InputError("size", expected=f"one of {', '.join(map(str, SIZES))}", got=repr(self.size),
                             remedy="leave it out for what the footage holds")


@dataclass(frozen=True, eq=False)
class Material:
    """One shot made ready.

    Args:
        track: Track of the shot's pictures alone.
        region: Region of its face.
        window: (t, 2, 3).
        size: pixels of a window's side.
        mean, basis: of codes, see portraits.footage.Shot.
    """

    track: object
    region: object
    window: np.ndarray
    size: int
    mean: np.ndarray
    basis: np.ndarray

    @property
    def every(self):
        """Of so many windows one is painted."""
        return max(1, -(-len(self.track) // MOST_WINDOWS))

    @property
    def mouth(self):
        """Motion of the columns that move the mouth."""
        region, motion = self.region, self.track.motion
        return Motion(motion.values[:, region.indices], motion.fps, Space("mouth", region.columns))


def longest_shot(track):
    """(start, stop) of the longest run of pictures without a cut in which the face was seen.

    Raises:
        InputError: it is shorter than five seconds, or there is no face at all.
    """
    best, start = (0, 0), None
    for i in range(len(track) + 1):
        ends = i == len(track) or not track.seen[i] or i in track.cuts
        if ends and start is not None and i - start > best[1] - best[0]:
            best = start, i
        if ends:
            start = None
        if i < len(track) and track.seen[i] and start is None:
            start = i
    if not track.seen.any():
        raise InputError(track.source or "footage", expected="a face", got="none in any picture",
                         remedy="film one person from the front, the face at least 60 pixels wide")
    seconds = (best[1] - best[0]) / track.motion.fps
    if seconds < LEAST_S:
        raise InputError(track.source or "footage", expected=f"one take of {LEAST_S:g} s or more with the face in view",
                         got=f"{seconds:.1f} s at most", remedy="film half a minute in one take")
    return best


def prepare(track, options):
    """Material of a track's longest shot.

    Raises:
        InputError: no face, or no shot of five seconds or more before options.until_s.
    """
    start, stop = longest_shot(track)
    stop = min(stop, start + round(MOST_S * track.motion.fps))
    if options.until_s is not None:
        stop = min(stop, round(options.until_s * track.motion.fps))
        if stop - start < LEAST_S * track.motion.fps:
            begin_s = start / track.motion.fps
            raise InputError("until", expected=f"{begin_s + LEAST_S:.1f} s or more, as the longest take begins at "
                             f"{begin_s:.1f} s", got=f"{options.until_s:g} s", remedy="leave it out, or take more")
    light = None if track.light is None else track.light[start:stop]
    motion = track.motion.frames(start, stop)
    pose = np.tile(np.eye(4, dtype=np.float32), (len(motion), 1, 1)) if motion.head_pose is None else motion.head_pose
    motion = replace(motion, values=weights_of(track.face, motion), space=track.face.space, head_pose=pose)
    shot = replace(track, motion=motion, times_s=track.times_s[start:stop],
                   landmarks=track.landmarks[start:stop], seen=track.seen[start:stop], cuts=(), light=light)
    _, region = region_face(find_region(track.face))
    window = windows(region, track.camera, pose)
    pixels = 2 * np.median(np.hypot(window[:, 0, 0], window[:, 1, 0]))
    fitting = [size for size in SIZES if size <= _LARGEST_AUTOMATIC]
    size = options.size or min(fitting, key=lambda size: abs(size - pixels))
    mean, basis = expression_basis(region, shot.motion)
    return start, Material(shot, region, window, size, mean, basis)


def expression_basis(region, motion, *, numbers=CODE):
    """(mean (c,), basis (c, d)): columns to codes, the directions in which the mesh moves most, about unit variance."""
    values = motion.values[:, region.indices].astype(np.float64)
    mean = values.mean(axis=0)
    moves = column_moves(region, region.painted).reshape(len(region.columns), -1)
    # Principal axes of the painted vertices, found among as many directions as there are columns.
    root = np.linalg.qr(moves.T, mode="r")                              # (c, c), moves.T = q @ root
    _, spread, axes = np.linalg.svd((values - mean) @ root.T, full_matrices=False)
    spread = spread / np.sqrt(len(values))
    scale = np.maximum(spread[:numbers], max(_FLOOR * spread[0], 1e-9))
    return mean.astype(np.float32), (root.T @ axes[:numbers].T / scale).astype(np.float32)


def read_windows(pictures, material, *, sound=None, motion=None, reel=None, progress=None):
    """Windows to train on, one of material.every, with the tracked expression or another.

    Args:
        pictures: iterable of (h, w, 3) uint8, those of the shot.
        material: Material.
        sound: (t, s) float32 numbers on what is heard that codes end with, or None.
        motion: Motion in the face's space; default the tracked one.
        reel: ReelWriter that is given every picture, or None.
        progress: called with (pictures done, pictures in all).
    """
    motion, edge = motion or material.track.motion, material.size + 2 * MARGIN
    t, camera, every = len(motion), material.track.camera, material.every
    n = -(-t // every)
    wider = material.window.copy()
    wider[:, :, :2] *= edge / material.size
    code = (motion.values[::every, material.region.indices] - material.mean) @ material.basis
    if sound is not None:
        code = np.concatenate([code, sound[::every]], axis=1)
    found = Windows(np.zeros((n, edge, edge, 3), np.uint8), np.zeros((n, edge, edge, 2), np.float16),
                    np.zeros((n, edge, edge), np.uint8), np.zeros((n, edge, edge), np.float16),
                    code.astype(np.float32))
    for i, picture in zip(range(t), pictures, strict=False):
        if reel is not None:
            reel.push(picture)
        k, left_out = divmod(i, every)
        if not left_out:
            seen = guide(material.region, camera, wider[i], motion.frames(i, i + 1), edge)
            found.pictures[k] = cut(picture, wider[i], edge)
            # Depth is told in widths of the window that is painted, not of the wider one.
            found.uv[k], found.part[k], found.depth[k] = seen.uv, seen.part, seen.depth * (edge / material.size)
        if progress:
            progress(i + 1, t)
    return found


def learn_portrait(track, pictures, out, *, audio=None, options=None, progress=None, stopped=()):
    """Learn a portrait and write it.

    Args:
        track: Track of the footage.
        pictures: iterable of its pictures, (h, w, 3) uint8, all of them from the first on.
        out: folder to write, such as anna.portrait; it appears once it is complete.
        audio: Audio or AudioStream of the footage, None where it has no sound.
        options: PortraitOptions.
        progress: function of a title that returns a progress(done, total) callback, as Report.stage.
        stopped: exceptions that end training; what is learned by then is written.

    Returns:
        dict: seconds of each step, frames, window, share of the expression's variance that the voice explains.

    Raises:
        InputError: no face, no shot of five seconds or more, or silence for sound. OutputError: the folder cannot be
            written.
    """
    options = options or PortraitOptions()
    stage = progress or (lambda title: None)
    out = Path(out)
    _free(out)
    sounds = _sounds(options, audio)
    start, material = prepare(track, options)
    clock = _Clock()
    with _written(out) as folder:
        shot = material.track
        told = None if audio is None else heard(audio)
        voice, explained = _voice(material, told, sounds)
        sound = voice.sounds(told, shot.times_s) if sounds else None
        clock.lap("listen")
        with ReelWriter(folder / REEL, track.camera.size, track.motion.fps) as reel:
            learned = read_windows(_from(pictures, start), material, sound=sound, reel=reel, progress=stage("read"))
        clock.lap("read")
        painter, curve = train_painter(learned, options.painting, progress=stage("paint"), stopped=stopped)
        clock.lap("paint")
        _write(folder, out.stem, material, painter, voice, audio is not None, clock.seconds, sounds)
    return {"frames": len(shot), "window": material.size, "explained": explained, "loss": curve[-1] if curve else 0.0,
            **{f"{name}_s": seconds for name, seconds in clock.seconds.items()}}


def learn_from_footage(path, out, *, audio=None, face=None, model=None, options=None, progress=None, stopped=()):
    """Learn a portrait from a video file.

    Args:
        path: of the video.
        out: as for learn_portrait.
        audio: Audio or AudioStream that belongs to the pictures; default the video's own.
        face: Face to track with; default the built-in head.
        model: path of MediaPipe's face_landmarker.task; default the user's copy.
        options, progress, stopped: as for learn_portrait.

    Returns:
        (figures of learn_portrait, notes of the Track: sentences on what a user should know).

    Raises:
        InputError: no video, no face, or no take of five seconds or more; as learn_portrait.
    """
    from personare.audio.load import open_stream
    from personare.tracking.track import track
    from personare.tracking.video import read_pictures, video_info

    _free(Path(out))
    notes, lacks = (), "no sound"
    if audio is None and video_info(path).has_sound:
        audio = open_stream(path)
    if audio is not None and _silent(audio):
        audio, lacks = None, "silence for sound"
    if audio is None:
        notes = (f"{Path(path).name} has {lacks}; the built-in model's curves are brought to the person's range",)
    _sounds(options or PortraitOptions(), audio)
    stage = progress or (lambda title: None)
    followed = track(path, face=face, model=model, progress=stage("track"))
    notes += _left_out(followed)
    figures = learn_portrait(followed, (picture for _, picture in read_pictures(path)), out, audio=audio,
                             options=options, progress=progress, stopped=stopped)
    return figures, (*notes, *followed.notes)


def _left_out(track):
    """A sentence on what of the footage is used, where that is not nearly all, as a tuple."""
    from personare.tracking.video import time_code

    start, stop = longest_shot(track)
    stop = min(stop, start + round(MOST_S * track.motion.fps))
    if stop - start > 0.95 * len(track):
        return ()
    return (f"learned from {time_code(track.times_s[start])} to {time_code(track.times_s[stop - 1])}: the longest take "
            "with the face in view, two minutes at most",)


def _silent(audio):
    """Whether there is nothing to be heard in an Audio or AudioStream."""
    stream = audio.stream() if isinstance(audio, Audio) else audio
    return all(np.abs(chunk).max(initial=0) < _SILENT for chunk in stream.chunks())


def _sounds(options, audio):
    """How many numbers on what is heard the painter is told."""
    if options.condition == "expression":
        return 0
    if audio is None:
        raise InputError("condition", expected="expression for footage without sound", got="'sound'",
                         remedy="leave it out, or give the sound with --audio")
    return SOUNDS


def _voice(material, told, sounds):
    """(Voice or Adapter, share of the variance of left-out footage that it explains); told is Heard or None."""
    if told is None:
        return scaled_voice(material.mouth), 0.0
    return fit_voice(told, material.mouth, material.track.times_s, mouth_of(material.region), sounds=sounds)


def mouth_of(region):
    """Mouth of a region: how its columns move what is painted, and part the lips."""
    moves = column_moves(region, region.painted)
    gaps = lip_gaps(region)
    if gaps is None:
        # Lips that do not meet at rest part as those of an average head do.
        plain = [name.removesuffix("Left").removesuffix("Right") for name in region.columns]
        gaps = np.array([UNIT_CM.get(name, UNIT_CM.get(short, (0.0,)))[0] / 100
                         for name, short in zip(region.columns, plain, strict=True)])
    return Mouth(np.einsum("kvd,lvd->kl", moves, moves) / moves.shape[1], gaps)


def _write(folder, name, material, painter, voice, has_sound, seconds, sounds):
    """The bundle's files, into a folder that has the reel already."""
    track, camera, region = material.track, material.track.camera, material.region
    voice.save(folder / VOICE)
    lens = np.array([camera.focal_px, *camera.center_px, camera.near_m, camera.far_m])
    options = FootageOptions(
        size=camera.size, fps=float(track.motion.fps), count=len(track), window=material.size, half_m=region.half_m,
        columns=region.columns, heard=has_sound, seconds={name: round(value, 1) for name, value in seconds.items()},
        sounds=sounds)
    shot = Shot(track.motion.values, track.motion.head_pose, material.window, material.mean, material.basis, lens,
                camera.camera_from_world)
    write_footage(folder, name=name, source=Path(track.source).name, options=options, region=region, shot=shot,
                  graph=onnx_bytes(painter))


def _from(pictures, start):
    """The pictures from a number on."""
    for i, picture in enumerate(pictures):
        if i >= start:
            yield picture


def _free(out):
    """Refuse a place where something else than a portrait is.

    Raises:
        OutputError: a file or another folder is there.
    """
    if out.exists() and not (out.is_dir() and (out / CARD).is_file() and read_bundle(out).card.method == METHOD):
        raise OutputError(f"{out}: something that is no portrait is there; choose another name with -o")
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent}: no such folder; make it first, or choose another with -o")


@contextmanager
def _written(out):
    """Yield a folder beside `out` that takes its place on success and vanishes on any failure."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".writing-", suffix=out.suffix, dir=out.parent))
    except OSError as error:
        raise OutputError(f"{out}: cannot write there ({error.strerror}); choose another folder") from error
    try:
        yield folder
        folder.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Clock:
    """Seconds of each step."""

    def __init__(self):
        self.seconds, self._last = {}, time.monotonic()

    def lap(self, name):
        """What passed since the last lap belongs to `name`."""
        now = time.monotonic()
        self.seconds[name], self._last = now - self._last, now
