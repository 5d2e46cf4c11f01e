"""How well `personare track` sits on real videos, clip by clip.

    python benchmarks/tracking.py VIDEO... [--face sona] [--focal-times 1]

r gap: correlation of the fitted distance between the lips with that of the landmarks. error: median distance of fitted
from found landmarks, outline left out, in per cent of the distance between the outer corners of the eyes, by how far
the head is turned. jitter: median second difference of steady points, fitted over found. Rates are of processor time.
"""

import argparse
import time

import numpy as np

from personare.api import open_face
from personare.errors import PersonareError
from personare.tracking.anchors import anchored
from personare.tracking.detect import detect
from personare.tracking.landmarks import OVAL
from personare.tracking.track import fitted_track

_STEADY = (1, 4, 5, 6, 168, 197, 195, 33, 133, 362, 263)


def main():
    """Print a line for each video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--face", default="sona")
    parser.add_argument("--focal-times", type=float, default=1.0, help="Times the focal length that would be taken.")
    asked = parser.parse_args()
    head = anchored(open_face(asked.face))
    print("| clip | r gap | error % to 15 degrees | beyond 20 | jitter | frames/s find | fit |\n" + "| --- " * 7 + "|")
    for video in asked.videos:
        name = video.rpartition("/")[2]
        try:
            begin = time.process_time()
            found = detect(video)
            between = fitting = time.process_time()
            track = fitted_track(head, found, source=video)
            if asked.focal_times != 1:
                fitting, focal = time.process_time(), asked.focal_times * track.camera.focal_px
                track = fitted_track(head, found, source=video, focal_px=focal)
        except PersonareError as error:
            print(f"| {name} | {str(error).partition('expected')[2][:70]} | | | | | |", flush=True)
            continue
        count = len(track)
        rates = f"{count / (between - begin):.0f} | {count / (time.process_time() - fitting):.0f}"
        print(f"| {name} | {scores(head, track)} | {rates} |", flush=True)


def scores(head, track):
    """Cells of the table for one Track."""
    fitted = np.concatenate([track.camera.project(head.at(track.face.mesh(track.motion.frames(i, i + 64)).vertices))
                             for i in range(0, len(track), 64)])[..., :2]
    found, seen = track.landmarks[:, head.index, :2].astype(np.float64), track.seen
    eyes = np.linalg.norm(track.landmarks[:, 33] - track.landmarks[:, 263], axis=-1)
    inner = np.setdiff1d(np.arange(len(head.index)), head.of(OVAL))
    off = 100 * np.linalg.norm(fitted - found, axis=-1)[:, inner] / eyes[:, None]
    upper, lower = head.of([13])[0], head.of([14])[0]
    gaps = [np.linalg.norm(points[seen, upper] - points[seen, lower], axis=-1) / eyes[seen]
            for points in (fitted, found)]
    turn = track.motion.head_pose[:, :3, :3]
    yaw = np.abs(np.degrees(np.arctan2(turn[:, 0, 2], turn[:, 2, 2])))
    steady = head.of(_STEADY)
    shake = [np.nanmedian(np.abs(np.diff(points[:, steady], 2, axis=0)) / eyes[1:-1, None, None])
             for points in (fitted, found)]
    errors = [f"{np.median(off[seen & part]):.2f}" if (seen & part).any() else "" for part in (yaw < 15, yaw > 20)]
    return f"{np.corrcoef(gaps)[0, 1]:.3f} | {errors[0]} | {errors[1]} | {shake[0] / shake[1]:.2f}"


if __name__ == "__main__":
    main()
