"""Make the built-in head `sona`: python scripts/make_sona.py. Needs scipy; running it twice gives the same bytes."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from sona import build, form, identity, looks, pictures, shapes_eye, shapes_mouth  # noqa: E402

from personare.spaces import A2F_68  # noqa: E402
from personare.store import write_bundle  # noqa: E402


def joints():
    """What the card says of jaw and left eye: pivot at rest, how axes move it, and rotation vectors of columns."""
    def of(point, turns):
        moves = {name: (0.01 * move).tolist() for name, move in identity.point_moves(point).items() if move.any()}
        return {"pivot_m": (0.01 * (point - build.ORIGIN)).tolist(), "moves_m": moves,
                "turns_rad": {name: [float(c) for c in turn] for name, turn in turns.items()}}

    side = shapes_mouth.JAW_SIDE_RAD
    jaw = {"jawOpen": (shapes_mouth.JAW_OPEN_RAD, 0, 0), "jawLeft": (0, side, 0), "jawRight": (0, -side, 0)}
    gaze = {name: (-up, left, 0) for name, (up, left) in shapes_eye.GAZES.items()}
    return {"jaw": of(shapes_mouth.JAW_HINGE, jaw), "eyeLeft": of(form.EYE, gaze)}


def main():
    """Build, pack and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "personare" / "builtin" / "sona")
    folder = parser.parse_args().output
    head = build.assemble(A2F_68.columns)
    card = {
        "name": "sona", "method": "linear", "licence": "CC0-1.0",
        "summary": "Our own parametric head: skin, eyes, teeth, tongue, lashes, hair; 52 ARKit and 16 tongue shapes.",
        "sources": [{"name": "scripts/make_sona.py", "licence": "CC0-1.0", "use": "all geometry, from our own design"}],
        "config": {"space": "a2f-68", "delta_unit_m": build.DELTA_UNIT_M, "axis_unit_m": build.AXIS_UNIT_M,
                   "parts": head["part_names"], "axes": list(head["axes"]),
                   "correctives": [list(columns) for columns in head["correctives"]],
                   "eye_maps": {name: identity.eye_map(name).tolist() for name in head["axes"]
                                if identity.eye_map(name).any()},
                   "mouth_maps": identity.mouth_maps(head["rest"], head["axes"]),
                   "gains": identity.GAINS,
                   "joints": joints(),
                   "tones": {name: [float(c) for c in tone] for name, tone in looks.TONES.items()},
                   "materials": list(looks.MATERIALS)},
    }
    content = build.pack(head, A2F_68.columns)
    files = {"sona.npz": content} | pictures.files(head, [material["name"] for material in looks.MATERIALS])
    write_bundle(folder, card=card, files=files)
    print(f"{folder}: {len(head['rest'])} vertices, {len(head['triangles'])} triangles, "
          + ", ".join(f"{name} {len(file) / 1e6:.2f} MB" for name, file in files.items()))


if __name__ == "__main__":
    main()
