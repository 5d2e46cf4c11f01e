"""Fit the two networks: signed distances of many neutral heads, then where points of moving heads came from."""

import math
import time
from dataclasses import dataclass

import igl
import numpy as np
import torch
from torch import nn

UNIT_M = 0.25                # one unit of the network, as in NPHM
BOX_M = ((-0.2, -0.21, -0.19), (0.2, 0.18, 0.08))
FIELD_BATCH, WARP_GROUPS, WARP_POINTS = 4096, 96, 96
FIELD_RATE, WARP_RATE = 2e-3, 2e-3
CLAMP_M = 0.02


@dataclass(frozen=True)
class People:
    """Who is learned.

    Args:
        weights: (p, axes) identity weights.
        neutral: (p, v, 3) metres, in the canonical expression.
        anchors: (anchors,) vertices.
    """

    weights: np.ndarray
    neutral: np.ndarray
    anchors: np.ndarray


# Where anchors belong on the average head, millimetres: the left one of each pair, then the midline. Lips, lids and
# nose have most; the back of the head and the shoulders are left to the member without an anchor.
PAIRS_MM = ((24, -37, 18), (12, -31, 29), (12, -47, 28), (15, 32, 8), (45, 34, 2), (31, 42, 10), (31, 22, 9),
            (14, 50, 20), (50, 52, 5), (14, -8, 18), (45, 0, 5), (50, -50, -20), (22, -72, 15), (65, 50, -25),
            (75, 0, -60), (60, 70, -130))
MIDDLE_MM = ((0, -33, 31), (0, -48, 28), (0, -75, 18), (0, 0, 45), (0, 40, 22), (0, 130, -80), (0, -120, -40))


def anchor_vertices(mesh, outer):
    """(39,) vertices nearest to where anchors belong, left and right of each pair in turn.

    Args:
        mesh: (v, 3) metres, symmetric.
        outer: (v,) bool, vertices that may be chosen.
    """
    def nearest(place):
        return int(np.where(outer, np.linalg.norm(mesh - place, axis=1), 9).argmin())

    pairs = []
    for place in np.array(PAIRS_MM) / 1000:
        left = nearest(place)
        pairs += [left, nearest(mesh[left] * [-1, 1, 1])]
    return np.array(pairs + [nearest(place) for place in np.array(MIDDLE_MM) / 1000])


def triangle_chances(heads):
    """(f,) how often each triangle is drawn: evenly over area and tessellation, more where shapes move it."""
    mesh = heads.meshes(np.zeros((1, len(heads.axes))), heads.canonical[None])[0]
    corners = mesh[heads.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    shapes = heads.basis[len(heads.axes) : len(heads.axes) + len(heads.shapes)].reshape(len(heads.shapes), -1, 3)
    motion = np.linalg.norm(shapes, axis=2).max(0)[heads.triangles].max(1)
    chances = np.sqrt(area) * (0.25 + np.minimum(motion, 0.01) / 0.005)
    return chances / chances.sum()


def surface_points(rng, triangles, count, *meshes):
    """Points at the same place of several meshes, and their normals.

    Args:
        triangles: (count, 3) drawn triangles.
        meshes: each (v, 3), or (count, 3, 3) corners.

    Returns:
        ((count, 3) points, (count, 3) unit normals) of each mesh.
    """
    share = rng.dirichlet((1, 1, 1), count).astype(np.float32)
    result = []
    for mesh in meshes:
        corners = mesh[triangles] if mesh.ndim == 2 else mesh
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        result.append((np.einsum("nc,ncd->nd", share, corners), normal))
    return result


def distances(rng, heads, people, *, points_each):
    """Points around every neutral head and their signed distance: (p, n, 3) and (p, n) float32 metres."""
    chances, low, high = triangle_chances(heads), *np.array(BOX_M)
    points, values = [], []
    for mesh in people.neutral:
        drawn = heads.triangles[rng.choice(len(chances), points_each, p=chances)]
        (here, _), = surface_points(rng, drawn, points_each, mesh)
        spread = rng.choice([0.0004, 0.0025, 0.01], (points_each, 1), p=[0.3, 0.4, 0.3])
        here = here + rng.normal(0, 1, here.shape) * spread
        far = rng.random(points_each) < 0.12
        here[far] = rng.uniform(low, high, (far.sum(), 3))
        vertices, triangles = heads.closed(mesh)
        value = igl.signed_distance(here.astype(np.float64), vertices.astype(np.float64), triangles.astype(np.int64),
                                    sign_type=igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER)[0]
        points.append(here.astype(np.float32))
        values.append(np.asarray(value, np.float32))
    return np.stack(points), np.stack(values)


def _schedule(optimizer, rate, share):
    """Warm up over two hundredths, then a cosine to nothing."""
    factor = min(1, share / 0.02) * 0.5 * (1 + math.cos(math.pi * min(share, 1)))
    for group in optimizer.param_groups:
        group["lr"] = rate * factor


def fit_field(identity, codes_of, people, data, *, minutes, seed, log=print):
    """Fit the distance field and the map from axes to codes.

    Args:
        identity: learn.nets.nphm.Identity.
        codes_of: nn.Linear without bias, axes to identity code.
        people: People.
        data: from distances.
    """
    rng, weights = np.random.default_rng(seed), torch.as_tensor(people.weights)
    points, values = (torch.from_numpy(x.reshape(-1, *x.shape[2:])) for x in data)
    each = data[0].shape[1]
    goal = torch.as_tensor(people.neutral[:, people.anchors] / UNIT_M)
    parameters = [*identity.parameters(), *codes_of.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=FIELD_RATE, betas=(0.9, 0.99))
    start, step, recent = time.monotonic(), 0, []
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        _schedule(optimizer, FIELD_RATE, share)
        drawn = torch.from_numpy(rng.integers(len(points), size=FIELD_BATCH))
        codes = codes_of(weights)
        anchors = identity.anchors_of(codes)
        predicted = identity(points[drawn] / UNIT_M, drawn // each, codes, anchors) * UNIT_M
        wanted = values[drawn].clamp(-CLAMP_M, CLAMP_M)
        near = torch.where(wanted.abs() < 0.004, 1.0, 0.3)
        miss = ((predicted.clamp(-CLAMP_M * 1.1, CLAMP_M * 1.1) - wanted).abs() * near).mean() * 1000
        loss = miss + 200 * (anchors - goal).square().mean() + 1e-3 * codes.square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        step += 1
        recent.append(float(miss.detach()))
        if step % 200 == 0:
            placed = float((anchors.detach() - goal).norm(dim=-1).mean()) * UNIT_M * 1000
            log(f"field {step} {share:.2f} {np.mean(recent[-200:]):.4f} mm, anchors {placed:.2f} mm", flush=True)
    return step


class Poses:
    """Draws points of moving heads and where they lie in the neutral one."""

    def __init__(self, rng, heads, people, expressions):
        self.rng, self.heads, self.people, self.expressions = rng, heads, people, expressions
        self.chances = triangle_chances(heads)

    def draw(self, groups, points):
        """persons (g,), expressions (g, shapes), posed and neutral (g * points, 3) metres, weights (g * points,).

        A part of the points lies on the surface, a part inside the flesh, a part in the air in front of it; air
        between lips and lids belongs to both sides and counts little.
        """
        rng, count = self.rng, groups * points
        persons = rng.integers(len(self.people.weights), size=groups)
        values = self.expressions.draw(groups)
        posed = self.heads.meshes(self.people.weights[persons], values)
        triangles = self.heads.triangles[rng.choice(len(self.chances), count, p=self.chances)]
        group = np.repeat(np.arange(groups), points)
        (here, normal), (there, rest_normal) = surface_points(
            rng, triangles, count, posed[group[:, None], triangles],
            self.people.neutral[persons[group][:, None], triangles])
        kind = rng.random(count)
        depth = np.where(kind < 0.7, 0, np.where(kind < 0.88, -rng.exponential(0.0015, count), np.where(
            kind < 0.96, rng.exponential(0.0015, count), rng.uniform(0, 0.03, count))))
        weight = np.where(kind < 0.7, 1.0, np.where(kind < 0.88, 0.5, np.where(kind < 0.96, 0.2, 0.05)))
        depth = depth[:, None].astype(np.float32)
        return (persons, values, here + depth * normal, there + depth * rest_normal, weight.astype(np.float32))


def fit_warp(expression, expression_map, identity, codes_of, people, poses, *, minutes, seed, log=print):
    """Fit the deformation from posed to neutral heads, and the map from shapes to expression codes.

    Args:
        expression: learn.nets.nphm.Expression.
        expression_map: nn.Linear without bias, shapes to expression code.
        identity, codes_of: fitted before and left as they are.
    """
    torch.manual_seed(seed)
    with torch.no_grad():
        codes = codes_of(torch.as_tensor(people.weights))
        anchors = identity.anchors_of(codes)
    parameters = [*expression.parameters(), *expression_map.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=WARP_RATE, betas=(0.9, 0.99))
    group = torch.arange(WARP_GROUPS).repeat_interleave(WARP_POINTS)
    start, step, recent = time.monotonic(), 0, []
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        _schedule(optimizer, WARP_RATE, share)
        persons, values, posed, neutral, weight = poses.draw(WARP_GROUPS, WARP_POINTS)
        posed, neutral = torch.from_numpy(posed / UNIT_M), torch.from_numpy(neutral / UNIT_M)
        persons = torch.from_numpy(persons)
        offsets = expression(posed, group, codes[persons], anchors[persons],
                             expression_map(torch.from_numpy(values)))
        miss = (posed + offsets - neutral).norm(dim=1) * (UNIT_M * 1000)
        loss = (miss * torch.from_numpy(weight)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        step += 1
        on = weight == 1
        recent.append(miss.detach().numpy()[on])
        if step % 200 == 0:
            last = np.concatenate(recent[-200:])
            recent = recent[-200:]
            log(f"warp {step} {share:.2f} mean {last.mean():.3f} median {np.median(last):.3f} "
                f"95 % {np.quantile(last, 0.95):.3f} mm", flush=True)
    return step
