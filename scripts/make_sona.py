"""Make the built-in head `sona`: python scripts/make_sona.py. Needs scipy; running it twice gives the same bytes."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from sona import build, identity, looks  # noqa: E402

from personare.spaces import ARKIT_52  # noqa: E402
from personare.store import write_bundle  # noqa: E402


def main():
    """Build, pack and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "personare" / "builtin" / "sona")
    folder = parser.parse_args().output
    head = build.assemble(ARKIT_52.columns)
    card = {
        "name": "sona", "method": "linear", "licence": "CC0-1.0",
        "summary": "Our own parametric head: skin, eyes, teeth, tongue, brows, lashes and hair, 52 ARKit shapes.",
        "sources": [{"name": "scripts/make_sona.py", "licence": "CC0-1.0", "use": "all geometry, from our own design"}],
        "config": {"space": "arkit-52", "delta_unit_m": build.DELTA_UNIT_M, "axis_unit_m": build.AXIS_UNIT_M,
                   "parts": head["part_names"], "axes": list(head["axes"]),
                   "eye_maps": {name: identity.eye_map(name).tolist() for name in head["axes"]
                                if identity.eye_map(name).any()},
                   "tones": {name: [float(c) for c in tone] for name, tone in looks.TONES.items()},
                   "materials": list(looks.MATERIALS)},
    }
    content = build.pack(head)
    write_bundle(folder, card=card, files={"sona.npz": content})
    print(f"{folder}: {len(head['rest'])} vertices, {len(head['triangles'])} triangles, {len(content) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
