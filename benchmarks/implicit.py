"""Implicit heads: points and meshes a second against the algorithm of the original modules, on one core.

    OMP_NUM_THREADS=1 python benchmarks/implicit.py [--points 50000] [--resolution 256]

1. A network of NPHM's full size with random weights at random points of its box: all 40 members at every point with
   their codes joined on, as the original module does in torch, against this field. Processor seconds a million points.
2. The built-in implicit head in an expression: a mesh by the dense grid against the same mesh by following the surface,
   and whether vertices and triangles are identical.
3. Frames a second of fixed topology, of the bake, and how far the bake is off on example speech.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

import personare
from personare.faces.extraction import box_grid
from personare.faces.nphm import NPHM_BOX
from personare.faces.nphm_model import model_of

ANCHORS, SLOTS, HIDDEN, GLOBAL, LOCAL = 39, 24, 200, 64, 32


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    field_speed(options.points)
    mesh_speed(options.resolution)
    motion_speed(options.frames)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this run, dense grid included: {peak_mb:.0f} MB")


def random_model(rng):
    """A full-size identity network with random weights, and 39 anchors where a face has them."""
    inputs, tensors = 3 + GLOBAL + LOCAL, {}
    sizes = ((inputs, HIDDEN), (HIDDEN, HIDDEN - inputs), (HIDDEN, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1))
    for i, (a, b) in enumerate(sizes):
        tensors[f"identity.ensembled_deep_sdf.lin{i}.weight"] = rng.normal(0, a**-0.5, (SLOTS, b, a))
        tensors[f"identity.ensembled_deep_sdf.lin{i}.bias"] = rng.normal(0, 0.05, (SLOTS, b))
    for i, (a, b) in ((0, (GLOBAL, 256)), (2, (256, 256)), (4, (256, 3 * ANCHORS))):
        tensors[f"identity.mlp_pos.{i}.weight"] = rng.normal(0, 0.2 * a**-0.5, (b, a))
        tensors[f"identity.mlp_pos.{i}.bias"] = np.zeros(b)
    # A face of NPHM spans about this part of its box.
    return model_of(tensors, rng.uniform((-0.3, -0.35, -0.1), (0.3, 0.35, 0.3), (ANCHORS, 3)))


def plain_field(model, code, points, chunk=25_000):
    """The original module's algorithm in torch: all members at every point, codes joined on."""
    import torch

    slots = [model.slot(k) for k in range(ANCHORS + 1)]
    layers = [[torch.from_numpy(model.tensors[f"identity.ensembled_deep_sdf.lin{i}.{kind}"][slots])
               for kind in ("weight", "bias")] for i in range(5)]
    anchors = torch.from_numpy(model.anchors(code))
    own = torch.from_numpy(code[GLOBAL:].reshape(ANCHORS + 1, 1, LOCAL))
    shared = torch.from_numpy(code[None, None, :GLOBAL])
    flip = torch.tensor([[-1.0 if k < 2 * model.pairs and k % 2 else 1.0, 1, 1] for k in range(ANCHORS + 1)])
    out = []
    with torch.no_grad():
        for start in range(0, len(points), chunk):
            x = torch.from_numpy(points[start : start + chunk])
            n = len(x)
            local = (x[None] - torch.cat([anchors, torch.zeros(1, 3)])[:, None]) * flip[:, None]
            inputs = torch.cat([local, shared.expand(ANCHORS + 1, n, -1), own.expand(-1, n, -1)], 2)
            h = inputs
            for i, (weight, bias) in enumerate(layers):
                h = torch.cat([h, inputs], 2) / 2**0.5 if i == 2 else h
                h = torch.bmm(h, weight.transpose(1, 2)) + bias[:, None]
                h = torch.nn.functional.softplus(h, 100, 20) if i < 4 else h
            near = torch.exp(-((x[:, None] - anchors).norm(dim=2) + 1e-5) ** 2 / 0.01)
            weights = torch.cat([near, torch.full((n, 1), float(np.exp(-20.0)))], 1)
            weights /= weights.sum(1, keepdim=True) + 1e-6
            out.append((weights * h[:, :, 0].T).sum(1))
    return torch.cat(out).numpy()


def field_speed(count):
    """Item 1."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    model, code = random_model(rng), rng.normal(0, 0.05, GLOBAL + (ANCHORS + 1) * LOCAL).astype(np.float32)
    box = rng.uniform(*NPHM_BOX, (count, 3)).astype(np.float32)
    field = model.field(code)
    near = (field.anchors[rng.integers(ANCHORS, size=count)] + rng.normal(0, 0.05, (count, 3))).astype(np.float32)
    field.sdf(box[:3000])
    for name, points in (("in the box", box), ("near the anchors", near)):
        few = points[: max(2000, count // 5)]
        plain, plain_s = timed(lambda few=few: plain_field(model, code, few))
        ours, ours_s = timed(lambda points=points: field.sdf(points))
        plain_s, ours_s = (s / n * 1e6 for s, n in ((plain_s, len(few)), (ours_s, count)))
        error = np.abs(ours[: len(few)] - plain).max()
        print(f"SDF {name}: plain {plain_s:.0f} s, here {ours_s:.1f} s a million points: {plain_s / ours_s:.1f} times "
              f"faster, largest difference {error:.1e}")


def mesh_speed(resolution):
    """Item 2."""
    face = personare.open_face("sona-implicit")
    values = np.zeros(len(face.space), np.float32)
    for name, value in (("jawOpen", 0.35), ("mouthSmileLeft", 0.5), ("eyeBlinkRight", 0.7)):
        values[face.space.index(name)] = value
    low, high = ([axis[end] for axis in face.grid.axes] for end in (0, -1))
    grid = box_grid(low, high, resolution)
    sparse, sparse_s = timed(lambda: face.extracted(values, grid=grid))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    dense, dense_s = timed(lambda: face.extracted(values, grid=grid, dense=True))
    same = all(np.array_equal(a, b) for a, b in zip(sparse, dense, strict=True))
    print(f"{resolution}^3 mesh of {len(sparse[1])} triangles: dense {dense_s:.1f} s, here {sparse_s:.2f} s: "
          f"{dense_s / sparse_s:.1f} times faster, {'identical' if same else 'NOT IDENTICAL'}; peak {peak_mb:.0f} MB")


def motion_speed(frames):
    """Item 3."""
    face = personare.open_face("sona-implicit")
    motion = personare.animate(Path(__file__).parents[1] / "examples" / "hello.wav", fps=30).frames(0, frames)
    face.neutral()
    _, tracked_s = timed(lambda: face.mesh(motion))
    _, baked_s = timed(lambda: face.baked)
    _, linear_s = timed(lambda: face.baked.mesh(motion))
    print(f"fixed topology, {int(face.moving.sum())} moving of {len(face.canonical)} vertices: "
          f"{len(motion) / tracked_s:.1f} frames/s; bake in {baked_s:.0f} s, then "
          f"{len(motion) / linear_s:.0f} frames/s")
    print("bake against field on speech:", {name: round(value, 3) for name, value in face.bake_error(motion).items()})


def timed(action):
    """Result and processor seconds."""
    start = time.process_time()
    return action(), time.process_time() - start


if __name__ == "__main__":
    main()
