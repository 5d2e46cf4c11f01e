"""The originals' renderers at a tenth of their size and less, trained on footage for minutes, on frames not seen.

Clips of one person are taken in order; the last ones, a fifth of the frames or more, are held out. Each method is
trained on the others and draws the held-out frames from their tracked expression and pose; beside it the person's
texture on the tracked mesh without a network. PSNR in dB over the pixels of the face and of the mouth.

    personare portrait clips footage.mp4 -o clips --size 128 --texture 128 --frames 60
    python benchmarks/portrait_small.py clips [--minutes 5] [--only NAME] [--pictures strip.png]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from personare.learn.portrait_data import PortraitData, write_portrait_clip
from personare.learn.portrait_training import PortraitTraining, learn_portrait
from personare.portraits.renderers import SceneFrame, open_renderer

TRAININGS = {
    "style-avatar-nvp": ({"width": 16, "size": 128}, 2, 1e-3),
    "puppetry-renderer": ({"texture": "expression", "width": 16, "texture_size": 128, "erosion": 0.25, "crop": 128}, 2,
                          2e-3),
    "dvp-renderer": ({"width": 12, "levels": 7, "judge_width": 16}, 4, 1e-3),
}
HELD_OUT = 0.2


def split(data, folder):
    """(folder of clips to learn from, list of clips held out)."""
    counts = [len(data.clip(name)) for name in data.names]
    held, left = [], HELD_OUT * sum(counts)
    for name in reversed(data.names):
        if left <= 0:
            write_portrait_clip(folder, data.clip(name))
        else:
            held.append(data.clip(name))
        left -= len(data.clip(name))
    return folder, held[::-1]


def psnr(made, truth, mask):
    """dB over the pixels of a mask."""
    error = np.square(made.astype(float) - truth)[mask].mean()
    return 10 * np.log10(255**2 / max(error, 1e-9))


def judged(frames, clip):
    """(face dB, mouth dB) of the frames of a clip."""
    return [psnr(frames, clip.pictures, mask) for mask in (~clip.background, clip.mouth)]


def drawn_by(folder, clip, texture):
    """(t, h, w, 3) uint8 of a bundle."""
    scenes = (SceneFrame(clip.uv[i].astype(np.float32), clip.background[i], clip.pictures[i], clip.expressions[i])
              for i in range(len(clip)))
    return np.stack(list(open_renderer(folder).pictures(scenes, texture)))


def main():
    """Print a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--pictures", type=Path, help="where to put a strip of held-out frames")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        seen, held = split(PortraitData(given.clips), Path(home) / "seen")
        data = PortraitData(seen)
        texture = data.clip(data.names[0]).texture[0]
        learned = sum(len(data.clip(name)) for name in data.names)
        print(f"{learned} frames to learn from, {sum(map(len, held))} held out")
        face, mouth = np.mean([judged(clip.drawn, clip) for clip in held], axis=0)
        print(f"{'texture on the mesh, no network':34s} face {face:5.2f} dB, mouth {mouth:5.2f} dB")
        strips = [[clip.pictures[len(clip) // 2] for clip in held], [clip.drawn[len(clip) // 2] for clip in held]]
        for method, (options, batch_size, rate) in TRAININGS.items():
            if given.only not in method:
                continue
            if method == "puppetry-renderer":
                options = options | {"columns": held[0].expressions.shape[1]}
            begin, out = time.process_time(), Path(home) / method
            # As many steps as the time may hold, so that the rate falls where the method says so.
            found = learn_portrait(method, data, out, options=options, training=PortraitTraining(
                1_000_000, batch_size, rate, minutes=given.minutes))
            spent = (time.process_time() - begin) / 60
            made = [drawn_by(out, clip, texture) for clip in held]
            face, mouth = np.mean([judged(frames, clip) for frames, clip in zip(made, held, strict=True)], axis=0)
            print(f"{method:34s} face {face:5.2f} dB, mouth {mouth:5.2f} dB   {found.steps} steps, {spent:.1f} minutes "
                  "of one core", flush=True)
            strips.append([frames[len(frames) // 2] for frames in made])
        if given.pictures:
            from personare.export.png import png

            given.pictures.write_bytes(png(np.vstack([np.hstack(row) for row in strips])))


if __name__ == "__main__":
    main()
