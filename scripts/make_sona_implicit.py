"""Make the built-in implicit head from sona: signed distances, deformation, bundle.

    python scripts/make_sona_implicit.py --out personare/builtin/sona-implicit --work SCRATCH --seed 0

Stages, each kept in SCRATCH and skipped where its result lies there already:

1. distances: 128 heads in the canonical expression, 24,000 points each, exact signed distances (2 minutes).
2. field: the distance field and the map from identity axes to codes, --field-steps steps (10 minutes).
3. warp: the deformation and the map from shapes to expression codes, --warp-steps steps (12 minutes).
4. export: weights in 16 bits and the card, to --out.

One thread throughout; times are those of one free core of a 2023 server with AVX-512. Needs the extra personare[learn]
and the package libigl (2.6). The seed and the numbers of steps fix the result up to rounding.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from implicit.heads import CANONICAL, Expressions, Heads, identities
from implicit.training import UNIT_M, Poses, anchor_vertices, distances, fit_field, fit_warp
from torch import nn

from personare.faces.sona import AXES
from personare.faces.sona_implicit import WEIGHTS
from personare.files.arrays import read_npz
from personare.learn.nets.nphm import Expression, Identity, NphmConfig
from personare.spaces import ARKIT_52
from personare.store import read_bundle, write_bundle

SOUNDS = [Path(__file__).parents[1] / "examples" / name for name in ("hello.wav", "hallo.wav")]
CONFIG = NphmConfig(global_size=32, local_size=8, identity_hidden=64, anchor_hidden=64, compressed_size=16,
                    expression_size=48, expression_hidden=192)
PEOPLE, POINTS_EACH = 128, 24000
# Where the head is extracted, metres: fine where the face moves and across the ears, wider elsewhere.
GRID = (
    {"low": -0.2, "high": 0.2, "fine": [[-0.086, -0.062], [-0.052, 0.052], [0.062, 0.086]]},
    {"low": -0.192, "high": 0.172, "fine": [[-0.062, 0.056]]},
    {"low": -0.19, "high": 0.06, "fine": [[-0.082, -0.038], [-0.012, 0.046]]},
)
STEP_M, LARGEST_M = 0.0017, 0.006
SOURCES = [{"name": "sona", "licence": "CC0-1.0", "use": "geometry, identity axes and shapes"},
           {"name": "examples/hello.wav and hallo.wav through vox", "licence": "as the project",
            "use": "which shapes go together in speech"}]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--field-steps", type=int, default=6000)
    parser.add_argument("--warp-steps", type=int, default=6000)
    parser.add_argument("--field-rate", type=float, default=2e-3)
    parser.add_argument("--warp-rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path, help="go on from the weights of this bundle")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    heads = Heads(identities(rng, PEOPLE))
    neutral = heads.meshes(heads.canonical)
    anchors = anchor_vertices(neutral[0], heads.outer)
    head = Head(heads, neutral[:, anchors].mean(0) / UNIT_M)
    if options.start:
        head.read(options.start)
    field = options.work / "field.pt"
    if not field.is_file():
        data = _distances(options.work / "distances.npz", rng, heads, neutral)
        fit_field(head.identity, head.codes_of, heads.weights, neutral[:, anchors], data, steps=options.field_steps,
                  rate=options.field_rate, seed=options.seed)
        torch.save(head.state_dict(), field)
    head.load_state_dict(torch.load(field, weights_only=True))
    poses = Poses(rng, heads, neutral, Expressions(rng, SOUNDS))
    fit_warp(head.expression, head.expression_map, head.identity, head.codes_of, heads.weights, poses,
             steps=options.warp_steps, rate=options.warp_rate, seed=options.seed)
    torch.save(head.state_dict(), options.work / "warp.pt")
    export(options.out, head)


class Head(nn.Module):
    """Both networks and both maps."""

    def __init__(self, heads, mean_anchors):
        super().__init__()
        self.mean_anchors = mean_anchors.astype(np.float32)
        self.identity, self.expression = Identity(CONFIG, mean_anchors), Expression(CONFIG)
        self.codes_of = nn.Linear(heads.weights.shape[1], CONFIG.identity_size, bias=False)
        nn.init.normal_(self.codes_of.weight, 0, 0.1)
        self.expression_map = nn.Linear(len(heads.shapes), CONFIG.expression_size, bias=False)
        nn.init.orthogonal_(self.expression_map.weight)

    def read(self, folder):
        """Take over the weights of a bundle."""
        data = {name: torch.from_numpy(value.astype(np.float32))
                for name, value in read_npz(read_bundle(folder).path(WEIGHTS)).items()}
        self.mean_anchors = data.pop("anchors").numpy()
        self.identity.mean_anchors = torch.from_numpy(self.mean_anchors)
        names = {"identity_map": "codes_of.weight", "expression_map": "expression_map.weight"}
        self.load_state_dict({names.get(name, name): value for name, value in data.items()})


def _distances(path, rng, heads, neutral):
    if not path.is_file():
        points, values = distances(rng, heads, neutral, points_each=POINTS_EACH)
        np.savez(path, points=points, values=values)
    with np.load(path) as data:
        return data["points"], data["values"]


def export(folder, head):
    """Write the bundle: every matrix in 16 bits, vectors in 32."""
    names = {"codes_of.weight": "identity_map", "expression_map.weight": "expression_map"}
    arrays = {names.get(name, name): value.detach().numpy() for name, value in head.state_dict().items()}
    arrays = {name: value.astype(np.float16) if value.ndim > 1 and value.size > 1024 else value
              for name, value in arrays.items()}
    file = io.BytesIO()
    np.savez_compressed(file, anchors=head.mean_anchors, **arrays)
    config = {"unit_m": UNIT_M, "axes": list(AXES), "shapes": list(ARKIT_52.columns), "canonical": CANONICAL,
              "grid": [{**axis, "step": STEP_M, "largest": LARGEST_M} for axis in GRID]}
    write_bundle(folder, files={WEIGHTS: file.getvalue()}, card={
        "name": "sona-implicit", "method": "sona-implicit", "licence": "CC0-1.0", "sources": SOURCES, "config": config,
        "summary": "A neural parametric head of the NPHM family, trained on sona's identities and shapes."})


if __name__ == "__main__":
    main()
