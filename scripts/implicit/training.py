"""Fit the two networks: signed distances of many neutral heads, then where points of moving heads came from."""

import math

import igl
import numpy as np
import torch
from torch import nn

UNIT_M = 0.25                # one unit of the network, as in NPHM
BOX_M = ((-0.2, -0.21, -0.19), (0.2, 0.18, 0.08))
FIELD_BATCH, WARP_GROUPS, WARP_POINTS = 4096, 96, 96
CLAMP_M = 0.02


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


def triangle_chances(heads, *, ears=1.0):
    """(f,) how often each triangle is drawn: evenly over area and tessellation, more where shapes move it.

    Args:
        heads: Heads.
        ears: how much more often the folds of the ears are drawn, which shapes hardly move.
    """
    mesh = heads.rest[0]
    corners = mesh[heads.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    moves = heads.moves[0, :, :, : len(heads.shapes)].astype(np.float32)
    motion = np.linalg.norm(moves, axis=1).max(1)[heads.triangles].max(1)
    middle = corners.mean(1)
    ear = (np.abs(middle[:, 0]) > 0.058) & (np.abs(middle[:, 1]) < 0.05) & (np.abs(middle[:, 2] + 0.06) < 0.035)
    chances = np.sqrt(area) * (0.25 + np.minimum(motion, 0.01) / 0.005) * np.where(ear, ears, 1)
    return chances / chances.sum()


def drawn_points(rng, *corners):
    """Points at the same place of the same triangles in several poses, and their normals.

    Args:
        corners: each (n, 3, 3).

    Returns:
        ((n, 3) points, (n, 3) unit normals) of each pose.
    """
    share = rng.dirichlet((1, 1, 1), len(corners[0])).astype(np.float32)
    result = []
    for each in corners:
        normal = np.cross(each[:, 1] - each[:, 0], each[:, 2] - each[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        result.append((np.einsum("nc,ncd->nd", share, each), normal))
    return result


def distances(rng, heads, neutral, *, points_each):
    """Points around every neutral head and their signed distance: (p, n, 3) and (p, n) float32 metres.

    Args:
        heads: Heads.
        neutral: (p, v, 3) metres.
        points_each: n.
    """
    chances, low, high = triangle_chances(heads, ears=6.0), *np.array(BOX_M)
    points, values = [], []
    for mesh in neutral:
        drawn = rng.choice(len(chances), points_each, p=chances)
        (here, _), = drawn_points(rng, mesh[heads.triangles[drawn]])
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


def fit_field(identity, codes_of, weights, goal, data, *, steps, rate, seed, log=print):
    """Fit the distance field and the map from axes to codes.

    Args:
        identity: learn.nets.nphm.Identity.
        codes_of: nn.Linear without bias, axes to identity code.
        weights: (p, axes) identity weights.
        goal: (p, anchors, 3) metres, where the anchors lie.
        data: from distances.
        steps, rate: how many steps, and the largest of their sizes.
    """
    rng, weights, goal = np.random.default_rng(seed), torch.as_tensor(weights), torch.as_tensor(goal / UNIT_M)
    points, values = (torch.from_numpy(x.reshape(-1, *x.shape[2:])) for x in data)
    each = data[0].shape[1]
    parameters = [*identity.parameters(), *codes_of.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.99))
    recent = []
    for step in range(1, steps + 1):
        _schedule(optimizer, rate, step / steps)
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
        recent.append(float(miss.detach()))
        if step % 200 == 0:
            placed = float((anchors.detach() - goal).norm(dim=-1).mean()) * UNIT_M * 1000
            log(f"field {step} of {steps}: {np.mean(recent[-200:]):.4f} mm, anchors {placed:.2f} mm", flush=True)


class Poses:
    """Draws points of moving heads and where they lie in the neutral one.

    Args:
        rng: random generator.
        heads: Heads.
        neutral: (p, v, 3) metres.
        expressions: Expressions.
    """

    def __init__(self, rng, heads, neutral, expressions):
        self.rng, self.heads, self.neutral, self.expressions = rng, heads, neutral, expressions
        self.chances = triangle_chances(heads)

    def draw(self, groups, points):
        """persons (g,), expressions (g, shapes), posed and neutral (g * points, 3) metres, weights (g * points,).

        A part of the points lies on the surface, a part inside the flesh, a part in the air in front of it; air
        between lips and lids belongs to both sides and counts little.
        """
        rng, count = self.rng, groups * points
        persons = rng.integers(len(self.neutral), size=groups)
        values = self.expressions.draw(groups)
        drawn = rng.choice(len(self.chances), (groups, points), p=self.chances)
        posed = self.heads.corners(persons, values, drawn).reshape(-1, 3, 3)
        neutral = self.neutral[persons[:, None, None], self.heads.triangles[drawn]].reshape(-1, 3, 3)
        (here, normal), (there, rest_normal) = drawn_points(rng, posed, neutral)
        kind = rng.random(count)
        depth = np.where(kind < 0.7, 0, np.where(kind < 0.88, -rng.exponential(0.0015, count), np.where(
            kind < 0.96, rng.exponential(0.0015, count), rng.uniform(0, 0.03, count))))
        weight = np.where(kind < 0.7, 1.0, np.where(kind < 0.88, 0.5, np.where(kind < 0.96, 0.2, 0.05)))
        depth = depth[:, None].astype(np.float32)
        return (persons, values, here + depth * normal, there + depth * rest_normal, weight.astype(np.float32))


def fit_warp(expression, expression_map, identity, codes_of, weights, poses, *, steps, rate, seed, log=print):
    """Fit the deformation from posed to neutral heads, and the map from shapes to expression codes.

    Args:
        expression: learn.nets.nphm.Expression.
        expression_map: nn.Linear without bias, shapes to expression code.
        identity, codes_of: fitted before and left as they are.
        weights: (p, axes) identity weights.
        poses: Poses.
        steps, rate: how many steps, and the largest of their sizes.
    """
    torch.manual_seed(seed)
    with torch.no_grad():
        codes = codes_of(torch.as_tensor(weights))
        anchors = identity.anchors_of(codes)
    parameters = [*expression.parameters(), *expression_map.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.99))
    group = torch.arange(WARP_GROUPS).repeat_interleave(WARP_POINTS)
    recent = []
    for step in range(1, steps + 1):
        _schedule(optimizer, rate, step / steps)
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
        on = weight == 1
        recent.append(miss.detach().numpy()[on])
        if step % 200 == 0:
            last = np.concatenate(recent[-200:])
            recent = recent[-200:]
            log(f"warp {step} of {steps}: mean {last.mean():.3f} median {np.median(last):.3f} "
                f"95 % {np.quantile(last, 0.95):.3f} mm", flush=True)
