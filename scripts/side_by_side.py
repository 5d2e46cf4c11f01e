"""A filmed speaker beside a face driven by the sound alone: mp4 to watch, or a strip of frames to look at.

    python scripts/side_by_side.py VIDEO -o OUT.mp4 [--sound FILE] [--face sona] [--model vox] [--lag MS]
    python scripts/side_by_side.py VIDEO -o OUT.png --at 1.2,1.3,1.4,1.5 [--alone]

--sound names another file where the video has none; --lag shifts the picture of the film (positive: the film's picture
is late and is shown earlier). A .png shows the film above the face at the given seconds, or at sixteen between --from
and --to; --alone leaves the film out and keeps to the lower face. Films of people stay with you: check their licence
before you show them to others.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import personare
from personare.types import Take


def lower_face(size):
    """Rows and columns of the lower face in a picture of the built-in head."""
    return slice(size * 8 // 16, size * 14 // 16), slice(size * 5 // 16, size * 11 // 16)


def film(path, times_s, size):
    """The pictures shown at rising times, (size, size, 3) uint8 each, cut to a square; the first for earlier times."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start_s = float((stream.start_time or 0) * stream.time_base)
        frames = ((float(frame.pts * stream.time_base) - start_s, frame) for frame in container.decode(stream))
        following = next(frames)
        shown = following[1]
        for time_s in times_s:
            while following is not None and following[0] <= time_s + 1e-3:
                shown, following = following[1], next(frames, None)
            yield square(shown.to_ndarray(format="rgb24"), size)


def square(picture, size):
    """The middle upper square of a picture, by area averages or nearest pixels, (size, size, 3) uint8."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 3, (width - side) // 2
    edges = np.linspace(0, side, size + 1).astype(int)
    cut = picture[top : top + side, left : left + side].astype(np.float32)
    if side <= size:
        return np.ascontiguousarray(cut[edges[:-1]][:, edges[:-1]].astype(np.uint8))
    rows = np.add.reduceat(cut, edges[:-1], axis=0) / np.diff(edges)[:, None, None]
    both = np.add.reduceat(rows, edges[:-1], axis=1) / np.diff(edges)[None, :, None]
    return np.ascontiguousarray(both.round().astype(np.uint8))


def driven(audio, options, fps):
    """Motion of the sound."""
    layers = replace(personare.STILL if options.still else personare.Layers(seed=options.seed), breath=options.breath)
    return personare.animate(audio, model=options.model, fps=fps, layers=layers, emotion=options.emotion,
                             articulation=options.articulation)


def write_video(options, audio):
    """Both beside each other, with the sound."""
    from personare.export.mp4 import write

    motion = driven(audio, options, options.fps)
    times_s = np.arange(len(motion)) / options.fps + options.lag / 1000

    def pictures():
        faces = personare.render(motion, face=options.face, size=options.size)
        for real, face in zip(film(options.video, times_s, options.size), faces, strict=True):
            yield np.concatenate([real, face], axis=1)

    write(options.output, Take(motion, audio=audio.stream(), frames=pictures))


def write_strip(options, audio):
    """Film above, face below, at some times."""
    from personare.export.png import png

    motion = driven(audio, options, options.fps)
    if options.at:
        times_s = np.array([float(word) for word in options.at.split(",")])
    else:
        times_s = np.linspace(options.start, min(options.stop or np.inf, motion.duration_s - 0.1), 16)
    index = np.clip(np.round(times_s * options.fps).astype(int), 0, len(motion) - 1)
    pose = None if motion.head_pose is None else motion.head_pose[index]
    chosen = personare.Motion(motion.values[index], motion.fps, motion.space, pose)
    faces = list(personare.render(chosen, face=options.face, size=options.size))
    if options.alone:
        rows = [[np.ascontiguousarray(face[lower_face(options.size)]) for face in faces]]
    else:
        rows = [list(film(options.video, times_s + options.lag / 1000, options.size)), faces]
    options.output.write_bytes(png(np.concatenate([np.concatenate(row, 1) for row in rows])))
    print("seconds", " ".join(f"{time_s:.2f}" for time_s in times_s))


def main():
    """Read the options and write what the suffix says."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("video", type=Path)
    options.add_argument("-o", "--output", type=Path, required=True, help=".mp4 or .png")
    options.add_argument("--sound", type=Path, help="sound of the video, where it has none")
    options.add_argument("--lag", type=float, default=0.0, help="ms by which the film's picture is late")
    options.add_argument("--face", default="sona")
    options.add_argument("--model", default="vox")
    options.add_argument("--fps", type=float, default=30.0)
    options.add_argument("--size", type=int, default=384)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--still", action="store_true", help="lips only")
    options.add_argument("--emotion")
    options.add_argument("--articulation", type=float, default=1.0)
    options.add_argument("--breath", type=float, default=0.0, help="how far lips part before speech")
    options.add_argument("--at", help="seconds of a strip, such as 0.5,0.6,0.7")
    options.add_argument("--alone", action="store_true", help="a strip without the film")
    options.add_argument("--from", dest="start", type=float, default=0.5)
    options.add_argument("--to", dest="stop", type=float)
    options = options.parse_args()
    audio = personare.load(options.sound or options.video)
    (write_strip if options.output.suffix == ".png" else write_video)(options, audio)


if __name__ == "__main__":
    main()
