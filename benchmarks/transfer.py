"""How much of speech survives the way to another face and back, in millimetres on the lips.

    python benchmarks/transfer.py --shared DIR

500 frames of the example recordings, from the built-in head to another and back: by names where the columns have
them, by vertices alone where their names are taken away. ICT-FaceKit and the FLAME template come from DIR/data (the
user's copies); the shapes of the FLAME template are carried over from the built-in head first and then mixed into 60
orthogonal codes, as a statistical model has them. Needs the extras faces and track.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

import personare
from personare.spaces import Space
from personare.types import Motion


def main():
    """Print one line for each pair."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=500)
    data = parser.parse_args().shared / "data"
    frames = parser.parse_args().frames
    os.environ.setdefault("PERSONARE_FACE_LANDMARKER", str(data / "face_landmarker" / "face_landmarker.task"))
    motion = speech(frames)
    sona, ict = personare.open_face("sona"), personare.open_face(f"ict:{data / 'ict_facekit' / 'ict_facekit.npz'}")
    flame = personare.rig(personare.open_face(str(data / "faces" / "flame_vhap" / "head_template_mesh.obj")))
    print(f"{len(motion)} frames; there: distance of the other head's lips from where they should be; round: of the "
          "built-in head's after the way back, mean and 95th percentile, mm")
    for title, other in (("ICT-FaceKit, by names", ict), ("ICT-FaceKit, by vertices", unnamed(ict)),
                         ("FLAME template, carried shapes, by vertices", unnamed(flame)),
                         ("FLAME template, 60 mixed codes", mixed(flame)),
                         ("sona/mara, by vertices", unnamed(personare.open_face("sona/mara")))):
        there, report = personare.convert(motion, other)
        back, _ = personare.convert(there, sona, source=other)
        mean, worst = lips_apart(sona, motion, back)
        told = "".join(f"  {name} {value:.2f}" for name, value in report.error.items() if name != "worst_mm")
        print(f"{title:45s} kept {report.kept:.3f}{told}  round {mean:.2f} {worst:.2f}")


def speech(frames):
    """Motion of the example recordings, lips alone."""
    takes = [personare.animate(Path(__file__).parents[1] / "examples" / name, layers=personare.STILL)
             for name in ("hello.wav", "hallo.wav")]
    values = np.concatenate([take.values for take in takes])[:frames]
    return Motion(values, takes[0].fps, takes[0].space)


def unnamed(face):
    """The face with columns that nothing but its vertices explains."""
    space = Space(f"{face.name}-codes", tuple(f"code_{i}" for i in range(len(face.space))))
    return replace(face, space=space, correctives=(), joints=())


def mixed(face, count=60, seed=0):
    """The face as a statistical model: the main directions of random expressions, in units of their spread."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 1, (400, len(face.space))) * (rng.uniform(size=(400, len(face.space))) < 0.2)
    poses = np.tensordot(weights, face.shapes, 1).reshape(400, -1)
    _, size, directions = np.linalg.svd(poses - poses.mean(axis=0), full_matrices=False)
    shapes = (directions[:count] * size[:count, None] / np.sqrt(400)).reshape(count, -1, 3).astype(np.float32)
    space = Space(f"{face.name}-mixed", tuple(f"code_{i}" for i in range(count)))
    return replace(face, space=space, shapes=shapes, correctives=(), joints=())


def lips_apart(face, motion, other):
    """Mean and 95th percentile of the distance between two motions' lip vertices, mm."""
    lips = np.flatnonzero(np.linalg.norm(face.shapes[face.space.index("mouthPucker")], axis=1) > 0.006)
    far = [np.linalg.norm((face.mesh(motion.frames(i, i + 20)).vertices
                           - face.mesh(other.frames(i, i + 20)).vertices)[:, lips], axis=2)
           for i in range(0, len(motion), 20)]
    far = 1000 * np.concatenate(far)
    return far.mean(), np.percentile(far, 95)


if __name__ == "__main__":
    main()
