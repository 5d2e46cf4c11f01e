"""Tracks made better by what landmarks do not see: every pixel of the face, through the differentiable renderer.

The face's own colour is gathered over the clip, so each picture is held against all others; expression, pose and, for
the whole clip, the person's shape then move by Adam, from coarse pictures to fine, until the rendered face lies on the
pictures. Light and colour are solved for in closed form in between (appearance.py). Changes of speed cost, and so
does what moves away from the track, by how much a landmark fit may be wrong. Frames go by in batches: length costs no
memory. Errors that are the same in every picture are not seen: colours gathered from the pictures fit them.

Source:
    J. Thies et al., Face2Face, CVPR 2016 (photometric tracking of a linear face under spherical harmonics), with Adam
    and gradients of outlines instead of their Gauss-Newton. Rendered footage whose truth is known: see
    tests/learn/test_photometric.py.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from personare.errors import InputError
from personare.faces.linear import LinearFace, weights_of
from personare.learn import alignment, appearance
from personare.learn.alignment import Frames, Person, Scales
from personare.learn.face_crops import crops_of, plan_of
from personare.learn.posed_face import bumps_over, posed_face
from personare.tracking.video import read_pictures
from personare.types import Motion

_FEWEST = 2  # pictures with a face
_MOUTH = ("mouth", "jaw", "tongue", "lip")  # how names of columns of the mouth begin


@dataclass(frozen=True)
class PhotometricOptions:
    """How a track is refined.

    Args:
        steps: of Adam, coarsest pictures first; each level has twice the pixels a side of the one before.
        finest: most pixels of a side of the finest pictures.
        step: of Adam, as a share of the four that follow it.
        expression: how far a column may be wrong, 0..1.
        turn_rad: how far the head's angles may be.
        move_m: how far its place may be across the view; four times that along it.
        shape_m: how far the person's shape may be; 0 leaves it.
        bumps: smooth bumps that the shape is changed by.
        seen: how far points of the face may be from where the track has them on the picture, in face heights; 0.004 is
            about a hundredth of the eye distance, as landmarks go.
        trusted: weight of being farther than that, for tracks that have landmarks.
        lips: whether columns of jaw, lips and tongue are free where a track has landmarks, which know them better.
        held: weight of what moves away from the track.
        middle: weight of what does so in all pictures alike.
        restless: weight of changes of speed.
        keys: pictures that tell the skin's colour and the person's shape, evenly spread.
        batch: pictures solved for together.
        threads: processors to use; more than one gains little.
    """

    steps: tuple[int, ...] = (16, 16, 12)
    finest: int = 176
    step: float = 0.12
    expression: float = 0.12
    turn_rad: float = 0.02
    move_m: float = 0.002
    shape_m: float = 0.0007
    bumps: int = 60
    seen: float = 0.004
    trusted: float = 6e-3
    lips: bool = False
    held: float = 5e-4
    middle: float = 2e-2
    restless: float = 5e-4
    keys: int = 48
    batch: int = 24
    threads: int = 1

    def __post_init__(self):
        for name in ("finest", "bumps", "keys", "batch"):
            if getattr(self, name) < 2:
                raise InputError(name, expected="2 or more", got=repr(getattr(self, name)), remedy="leave the default")
        if self.threads < 1:
            raise InputError("threads", expected="1 or more", got=repr(self.threads), remedy="leave the default")
        if not self.steps or min(self.steps) < 0:
            raise InputError("steps", expected="one number or more, 0 or more each", got=repr(self.steps),
                             remedy="try (16, 16, 12)")

    @property
    def scales(self):
        """Scales of the descent."""
        return Scales(self.expression, self.turn_rad, (self.move_m, self.move_m, 4 * self.move_m), self.shape_m,
                      self.seen, self.step, self.trusted, self.held, self.middle, self.restless)


def refine(track, path, *, options=None, device="cpu", progress=None):
    """A better Track of the video that it was tracked in.

    Args:
        track: types.Track of a LinearFace, such as tracking.track.track gives.
        path: of the video.
        options, device, progress: as for refine_pictures.

    Returns:
        Track; see refine_pictures, also for what is raised.
    """
    return refine_pictures(track, lambda: (picture for _, picture in read_pictures(path)), options=options,
                           device=device, progress=progress)


def refine_pictures(track, pictures, *, options=None, device="cpu", progress=None):
    """A better Track of a video.

    Args:
        track: types.Track of a LinearFace.
        pictures: function that returns a fresh iterator of (h, w, 3) uint8 sRGB, one for each frame of the track.
        options: PhotometricOptions.
        device: of torch.
        progress: called with frames done and frames in all.

    Returns:
        Track with light, a better motion and the person's shape a little changed; a note says how much better it fits.

    Raises:
        InputError: no linear face, a track without faces, pictures of another size, or fewer of them than frames.
    """
    options, seen = options or PhotometricOptions(), np.flatnonzero(track.seen)
    if not track.landmarks.shape[1]:
        options = replace(options, trusted=0.0)
    if not isinstance(track.face, LinearFace):
        raise InputError("track", expected="one of a linear face", got=f"'{track.face.name}'",
                         remedy="track it on sona")
    if len(seen) < _FEWEST:
        raise InputError("track", expected=f"{_FEWEST} pictures with a face or more", got=str(len(seen)),
                         remedy="track a video in which a face is seen")
    torch.set_num_threads(options.threads)
    face = posed_face(track.face, device=device)
    if track.landmarks.shape[1] and not options.lips:
        mouth = [name.lower().startswith(_MOUTH) for name in track.face.space.columns]
        face = replace(face, free=face.free & ~torch.tensor(mouth, device=device))
    rest = face.rest.cpu().numpy()
    bumps = bumps_over(rest, options.bumps)
    person = Person(face, track.camera, torch.as_tensor(appearance.mean_color(track.face, face.source.cpu().numpy()),
                                                        device=device), torch.as_tensor(bumps.at(rest), device=device),
                    torch.zeros(len(bumps.centers), 3, device=device))
    frames = _frames(track, device)
    plan = _plan(person, frames, seen, options)
    keys = seen[np.unique(np.linspace(0, len(seen) - 1, min(options.keys, len(seen))).round().astype(int))]
    cuts = dict(_cuts(track, pictures, plan, keys))
    before = _learn_person(person, _chosen(frames, keys), crops_of([cuts[i] for i in keys], plan, keys), options)
    told = _refine_frames(person, before, frames, _cuts(track, pictures, plan, seen), (plan, seen), options, progress)
    return _result(track, person, bumps, frames, seen, told)


def _frames(track, device):
    """Frames of a whole track."""
    def put(values):
        return torch.as_tensor(np.array(values, np.float32), device=device)

    pose = track.motion.head_pose
    pose = np.tile(np.eye(4, dtype=np.float32), (len(track), 1, 1)) if pose is None else pose
    shot = np.zeros(len(track), np.int64)
    shot[list(track.cuts)] = 1
    return Frames(put(weights_of(track.face, track.motion)), put(pose[:, :3, :3]), put(pose[:, :3, 3]),
                  torch.arange(len(track), device=device), torch.as_tensor(np.cumsum(shot), device=device))


def _chosen(frames, index):
    """Copies of some frames, without light."""
    index = torch.as_tensor(np.asarray(index), device=frames.values.device)
    return Frames(frames.values[index].clone(), frames.turn[index].clone(), frames.move[index].clone(),
                  frames.number[index], frames.shot[index])


def _plan(person, frames, seen, options):
    """Where the face lies on every picture, and how it is cut."""
    low, high = (np.full((len(frames.values), 2), np.nan) for _ in range(2))
    for first in range(0, len(seen), options.batch):
        part = seen[first : first + options.batch]
        pixels = person.camera.project(person.vertices(_chosen(frames, part)).cpu().numpy())[..., :2]
        low[part], high[part] = pixels.min(1), pixels.max(1)
    return plan_of(low, high, finest=options.finest, levels=len(options.steps))


def _cuts(track, pictures, plan, wanted):
    """(frame, (picture, inside)) of wanted frames, in order."""
    wanted, count, size = set(np.asarray(wanted).tolist()), 0, tuple(track.camera.size)
    for number, picture in enumerate(pictures()):
        if number >= len(track):
            break
        if picture.shape[1::-1] != size:
            raise InputError("pictures", expected=f"pictures of {size[0]}x{size[1]} pixels, those of the track",
                             got=f"{picture.shape[1]}x{picture.shape[0]}", remedy="give the video that was tracked")
        count = number + 1
        if number in wanted:
            points = track.landmarks[number, :, :2]
            yield number, plan.cut(picture, number, points[np.isfinite(points).all(1)])
    if count < len(track):
        raise InputError("pictures", expected=f"{len(track)} pictures, one for each frame of the track", got=str(count),
                         remedy="give the video that was tracked")


def _learn_person(person, frames, crops, options):
    """Solve for colour and shape on some frames; returns the Person as the track had it, with its own best colour."""
    _, albedo = alignment.look(person, frames, crops, 0)
    before, start = replace(person, albedo=albedo), _chosen(frames, range(len(frames.values)))
    for level, steps in zip(reversed(range(len(options.steps))), options.steps, strict=True):
        frames.light, person.albedo = alignment.look(person, frames, crops, level)
        alignment.descend(person, frames, crops, level, steps=steps, scales=options.scales, start=start,
                          batch=options.batch, shape=options.shape_m > 0)
    person.albedo = alignment.look(person, frames, crops, 0)[1]
    return before


def _refine_frames(person, before, frames, cuts, order, options, progress):
    """Move all frames, in place, batch by batch; returns their mean error before and after."""
    plan, seen = order
    told, last = [], None
    frames.light = torch.zeros(len(frames.values), 3, 9, device=frames.values.device)
    for first in range(0, len(seen), options.batch):
        index = seen[first : first + options.batch]
        crops = crops_of([next(cuts)[1] for _ in index], plan, index)
        part, start = _chosen(frames, index), _chosen(frames, index)
        for level, steps in zip(reversed(range(len(options.steps))), options.steps, strict=True):
            part.light, _ = alignment.look(person, part, crops, level, albedo=person.albedo)
            alignment.descend(person, part, crops, level, steps=steps, scales=options.scales, start=start,
                              batch=options.batch, before=last)
        part.light, _ = alignment.look(person, part, crops, 0, albedo=person.albedo)
        told.append(torch.stack([alignment.errors(before, start, crops), alignment.errors(person, part, crops)], 1))
        place = torch.as_tensor(index, device=frames.values.device)
        for name in ("values", "turn", "move", "light"):
            getattr(frames, name)[place] = getattr(part, name)
        last = part.part(max(0, len(index) - 2), len(index))
        if progress is not None:
            progress(first + len(index), len(seen))
    return torch.cat(told).mean(0).tolist()


def _result(track, person, bumps, frames, seen, told):
    """The Track of refined frames."""
    pose = np.tile(np.eye(4, dtype=np.float32), (len(track), 1, 1))
    pose[:, :3, :3], pose[:, :3, 3] = frames.turn.cpu().numpy(), frames.move.cpu().numpy()
    known = frames.light.cpu().numpy().reshape(len(track), -1)
    light = np.stack([np.interp(np.arange(len(track)), seen, column) for column in known[seen].T], 1)
    face = replace(track.face, rest=track.face.rest + bumps.at(track.face.rest) @ person.shape.cpu().numpy())
    motion = Motion(frames.values.cpu().numpy(), track.motion.fps, track.face.space, pose)
    note = (f"photometric: the face differs from the pictures by {told[0]:.4f} before and {told[1]:.4f} after (mean of "
            "sRGB, 0..1)")
    return replace(track, face=face, motion=motion, light=light.reshape(-1, 3, 9), notes=(*track.notes, note))
