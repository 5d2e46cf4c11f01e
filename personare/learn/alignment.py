"""A face that is moved until it lies on pictures: one descent on many frames, with what they share held or free."""

import math
from dataclasses import dataclass, field

import torch
from torch.nn.functional import max_pool2d

from personare.learn import appearance
from personare.learn.outlines import antialias
from personare.learn.posed_face import PosedFace
from personare.learn.rasterizing import camera_clip, rasterize
from personare.learn.shading import harmonics, turns

# A difference of sRGB below which errors count by their square.
_SOFT = 0.03
_BETAS = (0.8, 0.95)  # of Adam: a level has few steps
_RELIGHT = 4          # steps after which colours of vertices are computed anew


@dataclass(frozen=True)
class Scales:
    """How far each thing may be wrong: the units of the descent.

    Args:
        expression: of a column. turn_rad: of the head. move_m: (3,) of its place along the camera's axes.
        shape_m: of the person's shape. seen: of points on the picture, in face heights.
        step: of Adam in these units.
        trusted, held, middle, restless: weights of distance on the picture, of distance from the track, of
            its mean, of changes of speed.
    """

    expression: float
    turn_rad: float
    move_m: tuple[float, float, float]
    shape_m: float
    seen: float
    step: float
    trusted: float
    held: float
    middle: float
    restless: float


@dataclass(eq=False)
class Frames:
    """Some frames as they stand.

    Args:
        values: (b, k) columns. turn: (b, 3, 3). move: (b, 3) metres.
        number: (b,) int64, of the frame in the video. shot: (b,) int64, of its shot.
        light: (b, 3, 9), once it is known.
    """

    values: torch.Tensor
    turn: torch.Tensor
    move: torch.Tensor
    number: torch.Tensor
    shot: torch.Tensor
    light: torch.Tensor | None = None

    def part(self, start, stop):
        """Frames start <= i < stop."""
        return Frames(*(value if value is None else value[start:stop] for value in (
            self.values, self.turn, self.move, self.number, self.shot, self.light)))

    def joined(self, other):
        """These frames, then others, without light."""
        return Frames(*(torch.cat([getattr(self, name), getattr(other, name)])
                        for name in ("values", "turn", "move", "number", "shot")))


@dataclass(eq=False)
class Person:
    """What all frames share.

    Args:
        face: PosedFace. camera: rendering.camera.Camera. mean: (3,) linear RGB of the skin.
        bumps: (v, n). shape: (n, 3) metres. albedo: (v, 3) linear RGB, once it is known.
    """

    face: PosedFace
    camera: object
    mean: torch.Tensor
    bumps: torch.Tensor
    shape: torch.Tensor
    albedo: torch.Tensor | None = None
    towards: torch.Tensor = field(init=False)

    def __post_init__(self):
        matrix = torch.as_tensor(self.camera.camera_from_world, dtype=torch.float32, device=self.mean.device)
        self.towards = -matrix[:3, :3].T @ matrix[:3, 3]  # where the camera stands

    def clip(self, vertices, crops):
        """(b, v, 4) clip coordinates in cuts of the pictures."""
        return crops.clip(camera_clip(vertices, self.camera), self.camera.size)

    def vertices(self, frames, shape=None):
        """(b, v, 3) of frames as they stand."""
        return self.face.vertices(frames.values, frames.turn, frames.move,
                                  self.bumps @ (self.shape if shape is None else shape))


@torch.no_grad()
def look(person, frames, crops, level, *, rounds=3, albedo=None):
    """Solve for the light of frames, and for the person's colour unless it is given.

    Returns:
        light (b, 3, 9), albedo (v, 3).
    """
    device = person.mean.device
    vertices = person.vertices(frames)
    clip, normal = person.clip(vertices, crops), person.face.normals(vertices)
    pictures, inside = crops.at(level, device=device)
    raster = rasterize(clip, person.face.triangles, (pictures.shape[2], pictures.shape[1]), cull=True)
    towards = torch.nn.functional.normalize(person.towards - vertices, dim=-1)
    stacked = torch.cat([appearance.linear(pictures), inside[..., None].float()], -1)
    colors, weights = appearance.sampled_vertices(stacked, raster, clip, normal, towards)
    weights, colors = weights * (colors[..., 3] > 0.99), colors[..., :3]
    fixed, light = albedo is not None, None
    if not fixed:
        albedo = person.mean.expand(colors.shape[1], 3) if person.albedo is None else person.albedo
        known = person.albedo
    for _ in range(rounds):
        light = appearance.solved_light(colors, weights, albedo, normal, before=light)
        if not fixed:
            albedo = known = appearance.solved_albedo(colors, weights, light, normal, person.mean, before=known)
    return light, albedo


def difference(person, vertices, colors, crops, pictures, inside):
    """(b,) mean difference of sRGB between the rendered face and pictures, robust, with gradients to the vertices.

    Args:
        vertices: (b, v, 3). colors: (b, v, 3) linear RGB.
        crops: FaceCrops. pictures, inside: of crops.at.
    """
    _, h, w, _ = pictures.shape
    clip = person.clip(vertices, crops)
    raster = rasterize(clip, person.face.triangles, (w, h), cull=True)
    behind = appearance.linear(pictures)
    drawn = raster.placed(raster.sampled(colors), behind)
    drawn = appearance.encoded(antialias(drawn, raster, clip, person.face.edges, cull=True))
    # What lies outside of the face is not known: pixels at its rim, which outlines blend with that, do not count.
    empty = (~(raster.mask & inside))[:, None].float()
    counts = (max_pool2d(empty, 3, 1, 1)[:, 0] == 0).float()
    error = ((drawn - pictures).square().mean(-1) + _SOFT**2).sqrt() - _SOFT
    return (error * counts).sum((1, 2)) / counts.sum((1, 2)).clamp(min=1)


def lit(person, vertices, light):
    """(b, v, 3) linear RGB of the person's skin under light (b, 3, 9)."""
    return person.albedo * (harmonics(person.face.normals(vertices)) @ light.mT).clamp(min=0)


@torch.no_grad()
def errors(person, frames, crops):
    """(b,) mean difference of sRGB of frames as they stand, under light solved for them, on the finest pictures."""
    light, _ = look(person, frames, crops, 0, albedo=person.albedo)
    vertices = person.vertices(frames)
    return difference(person, vertices, lit(person, vertices, light), crops, *crops.at(0, device=person.mean.device))


def descend(person, frames, crops, level, *, steps, scales, start, batch, shape=False, before=None):
    """Move frames, in place, towards what their pictures show.

    Args:
        person: its shape is changed too where that is free.
        frames: Frames with light.
        crops: their FaceCrops. level: how often those are halved.
        steps: of Adam. scales: Scales.
        start: Frames that they are held to.
        batch: frames whose pictures are rendered together.
        shape: whether the person's shape is free.
        before: Frames that were solved already and come before these, at most two; None for none.
    """
    device = person.mean.device
    free = {"values": torch.zeros_like(frames.values), "turn": torch.zeros_like(frames.move),
            "move": torch.zeros_like(frames.move)}
    if shape:
        free["shape"] = torch.zeros_like(person.shape)
    for value in free.values():
        value.requires_grad_()
    optimiser = torch.optim.Adam(free.values(), lr=scales.step, betas=_BETAS)
    held, moved = _Pull(person, frames, start, before, scales), _Mover(person, frames, scales)
    colors = {}
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = scales.step * 0.5 * (1 + math.cos(math.pi * step / steps))
        optimiser.zero_grad()
        for first in range(0, len(frames.values), batch):
            part = slice(first, first + batch)
            vertices = moved.vertices(free, part)
            if step % _RELIGHT == 0:
                with torch.no_grad():
                    colors[first] = lit(person, vertices, frames.light[part])
            cut = crops.part(first, first + batch)
            (difference(person, vertices, colors[first], cut, *cut.at(level, device=device)).sum()
             + held.on_pictures(vertices, cut, part)).backward()
        held.loss(moved, free).backward()
        optimiser.step()
    with torch.no_grad():
        frames.values, frames.turn, frames.move = moved.state(free, slice(None))
        if shape:
            person.shape = moved.shape(free)


class _Mover:
    """What the free numbers, in units of their scales, make of frames."""

    def __init__(self, person, frames, scales):
        self.person, self.scales = person, scales
        self.values, self.rotation, self.place = frames.values.clone(), frames.turn.clone(), frames.move.clone()
        self.least, self.most = self.values.clamp(max=0), self.values.clamp(min=1)
        device = self.place.device
        matrix = torch.as_tensor(person.camera.camera_from_world[:3, :3], dtype=torch.float32, device=device)
        self.axes = torch.tensor(scales.move_m, device=device)[:, None] * matrix  # rows: the camera's axes in the world

    def state(self, free, part):
        """values, turn and move of some frames."""
        step = free["values"][part] * (self.scales.expression * self.person.face.free)
        values = torch.minimum(torch.maximum(self.values[part] + step, self.least[part]), self.most[part])
        turn = turns(free["turn"][part] * self.scales.turn_rad) @ self.rotation[part]
        return values, turn, self.place[part] + free["move"][part] @ self.axes

    def shape(self, free):
        """(n, 3) heights of the bumps, metres."""
        return self.person.shape + free["shape"] * self.scales.shape_m if "shape" in free else self.person.shape

    def vertices(self, free, part):
        """(b, v, 3)."""
        values, turn, move = self.state(free, part)
        return self.person.face.vertices(values, turn, move, self.person.bumps @ self.shape(free))


class _Pull:
    """What holds frames to where the track has them, and to steady speed."""

    def __init__(self, person, frames, start, before, scales):
        self.scales, self.start, self.count = scales, start, len(frames.values)
        self.before, self.person = before, person
        number, shot = frames.number, frames.shot
        if before is not None:
            number, shot = torch.cat([before.number, number]), torch.cat([before.shot, shot])
        even = (number[2:] - number[1:-1] == 1) & (number[1:-1] - number[:-2] == 1) & (shot[2:] == shot[:-2])
        self.even = even.float()
        self.axes = 1 / torch.tensor(scales.move_m, device=frames.move.device)
        self.camera = torch.as_tensor(person.camera.camera_from_world[:3, :3], dtype=torch.float32,
                                      device=frames.move.device)

    def on_pictures(self, vertices, crops, part):
        """Sum over some frames of how far points have gone on the pictures, to be added to that of the pictures."""
        if not self.scales.trusted:
            return 0.0
        with torch.no_grad():
            start = self.person.vertices(self.start.part(part.start, part.stop))
            first = self._places(start, crops)
            height = first[..., 1].amax(1) - first[..., 1].amin(1)
        apart = (self._places(vertices, crops) - first) / (self.scales.seen * height[:, None, None])
        return self.scales.trusted * ((1 + apart.square().sum(-1)).sqrt() - 1).mean(1).sum()

    def _places(self, vertices, crops):
        clip = self.person.clip(vertices, crops)
        return clip[..., :2] / clip[..., 3:]

    def loss(self, moved, free):
        """Sum over frames, to be added to that of the pictures."""
        scales = self.scales
        values, turn, move = moved.state(free, slice(None))
        apart = torch.cat([(values - self.start.values) / scales.expression, _small(turn @ self.start.turn.mT)
                           / scales.turn_rad, ((move - self.start.move) @ self.camera.T) * self.axes], 1)
        total = scales.held * apart.square().sum()
        if "shape" in free:
            # Colours that are gathered from the pictures fit any constant error: only the track knows the middle.
            total = total + scales.middle * self.count * apart.mean(0).square().sum()
            total = total + scales.held * self.count * (moved.shape(free) / scales.shape_m).square().mean()
        if self.before is not None:
            values, turn, move = (torch.cat([old, new]) for old, new in (
                (self.before.values, values), (self.before.turn, turn), (self.before.move, move)))
        if len(values) > 2 and scales.restless:
            rest = torch.cat([_second(values) / scales.expression,
                              _small(turn[2:] @ turn[1:-1].mT @ (turn[:-2] @ turn[1:-1].mT)) / scales.turn_rad,
                              (_second(move) @ self.camera.T) * self.axes], 1)
            # Fast changes are real now and then: beyond their scale they cost by their size, not its square.
            total = total + scales.restless * (((1 + rest.square()).sqrt() - 1).sum(1) * self.even).sum()
        return total


def _second(values):
    return values[2:] - 2 * values[1:-1] + values[:-2]


def _small(turn):
    """(b, 3) vector of small rotations."""
    return torch.stack([turn[:, i, j] - turn[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))], 1) / 2
