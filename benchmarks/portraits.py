"""Footage mode on real clips: the last fifth unseen, against the nearest picture, the mean picture and the bare mesh.

    python benchmarks/portraits.py SHARED [--clips german_20s ...] [--size 160] [--rounds 24] [--keep FOLDER]
    python benchmarks/portraits.py SHARED --voice

SHARED is the folder of recordings (data/videos, data/paired_bfm). Needs personare[learn,track] and the landmarker's
model. For each clip the portrait is learned from its first four fifths (sound included); in the unseen pictures the
mouth is painted anew, driven by their own sound and by what was tracked in them. Baselines are put into the same
window with the same soft edge: the training picture whose tracked expression is nearest, the mean of all training
windows, and the mesh with its mean texture. PSNR and SSIM are over what is painted anew, in the window at the
picture's own resolution; lip error is the mean distance of MediaPipe's 40 lip landmarks to those of the real picture,
in percent of the distance between the outer corners of the eyes. Then other clips' sound is said: r between the gap
that it asks for and the one that MediaPipe sees. With --voice only the voice is judged, on each fifth of a clip,
learned from the others, and by how far the sound of other clips opens the lips.
"""

import argparse
import json
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from personare.api import load, speak
from personare.learn.painting import PaintingOptions, mean_texture, mean_window
from personare.learn.portraits import PortraitOptions, learn_portrait, mouth_of, prepare, read_windows
from personare.motion.voice import RATE_HZ, closed_at, heard
from personare.motion.voice_learning import fit_voice
from personare.portraits.crops import bilinear, cut, opacity, put
from personare.portraits.footage import open_footage
from personare.portraits.guides import guide
from personare.portraits.points import LIP_PAIRS
from personare.portraits.region import column_moves, windows
from personare.spaces import sound_columns
from personare.tracking.landmarks import landmarks
from personare.tracking.track import track
from personare.tracking.video import read_pictures
from personare.types import Audio, Motion

# Name -> (video, sound beside it, pictures the video starts early by); see the data's README.
CLIPS = {"andrew_clip_1": ("paired_bfm/andrew_clip_1.mp4", "paired_bfm/andrew_clip_1.flac", 2),
         "woman_24s": ("videos/woman_24s.mp4", None, 0), "German_20s": ("videos/German_20s.mp4", None, 0)}
LEARNED = 0.8
# Seconds beside a left-out fifth that are not learned from either.
SEEN_APART_S = 0.3
# Of MediaPipe's face landmarks.
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415)
EYES = 33, 263


def main():
    """Learn, paint and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--clips", nargs="*", default=list(CLIPS))
    parser.add_argument("--size", type=int)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--condition", default="expression", help="what the painter is told: expression or sound")
    parser.add_argument("--every", type=int, default=1, help="look at every so many unseen pictures")
    parser.add_argument("--voice", action="store_true", help="judge the voice alone")
    parser.add_argument("--keep", type=Path, help="folder for portraits and strips; portraits there are used again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for clip in given.clips:
            report_voice(clip, given) if given.voice else report(clip, given, given.keep or Path(folder))


def opened(clip, shared):
    """(path of the video, Audio, Track) of one clip."""
    video = shared / "data" / CLIPS[clip][0]
    return video, sound_of(clip, shared), track(video)


def sound_of(clip, shared):
    """Audio of one clip."""
    video, sound, late = CLIPS[clip]
    audio = load(shared / "data" / (sound or video))
    if not late:
        return audio
    before = np.zeros(round(late / 30 * audio.rate_hz), np.float32)
    return Audio(np.concatenate([before, audio.samples]), audio.rate_hz)


def report_voice(clip, given):
    """How the voice does on left-out fifths of a clip, printed."""
    _, audio, followed = opened(clip, given.shared)
    _, material = prepare(followed, PortraitOptions(size=given.size))
    moves, mouth, told = column_moves(material.region, material.region.painted), mouth_of(material.region), heard(audio)
    times_s, own, found = material.track.times_s, material.mouth.values.astype(np.float64), {}
    fps, quick = material.mouth.fps, {}
    for part in np.array_split(np.arange(len(own)), 5):
        seen = (times_s < times_s[part[0]] - SEEN_APART_S) | (times_s > times_s[part[-1]] + SEEN_APART_S)
        voice, _ = fit_voice(told, replace(material.mouth, values=material.mouth.values[seen]), times_s[seen], mouth)
        squares = voice.values(told, times_s[part])
        wide = voice.opening.opened(squares)
        shut = voice.opening.closed(wide, closed_at(told, times_s[part] - voice.lag_s, fps))
        for name, values in (("least squares", squares), ("opened", wide), ("and closed", shut)):
            found.setdefault(name, []).append(voice_scores(values, own[part], moves, mouth))
        for name, values in (("opened and closed", shut), ("tracked", own[part])):
            quick.setdefault(name, []).append(np.abs(np.diff(values @ mouth.gap, 2)).mean() * fps**2)
    print(f"{clip}\n{'':18}explained   gap r   gap size   surface mm")
    for name, scores in found.items():
        print(f"{name:18}{'{:9.3f}{:8.3f}{:11.2f}{:13.3f}'.format(*np.mean(scores, axis=0))}", flush=True)
    print("acceleration of the gap, m/s2:", *(f"{name} {np.mean(parts):.2f}" for name, parts in quick.items()))
    voice, _ = fit_voice(told, material.mouth, times_s, mouth)
    for other in (name for name in CLIPS if name != clip):
        said = heard(sound_of(other, given.shared))
        gaps = voice.opening.opened(voice.values(said, np.arange(len(said)) / RATE_HZ)) @ mouth.gap, own @ mouth.gap
        print(f"gap size by the sound of {other}: {gap_size(*gaps):.2f}", flush=True)


def voice_scores(values, own, moves, mouth):
    """(share of variance explained, correlation of the lip gap, its size, mean error of the surface in mm)."""
    error, spread = values - own, own - own.mean(axis=0)
    explained = 1 - np.trace(error @ mouth.metric @ error.T) / np.trace(spread @ mouth.metric @ spread.T)
    gaps = values @ mouth.gap, own @ mouth.gap
    surface = np.linalg.norm(np.einsum("tk,kvd->tvd", error, moves), axis=2).mean()
    return explained, np.corrcoef(*gaps)[0, 1], gap_size(*gaps), 1000 * surface


def gap_size(one, other):
    """How far one gap goes, from the 5th to the 95th percentile, beside another."""
    return np.divide(*(np.ptp(np.quantile(gap, (0.05, 0.95))) for gap in (one, other)))


def report(clip, given, folder):
    """Figures of one clip, printed."""
    video, audio, followed = opened(clip, given.shared)
    pictures = [picture for _, picture in read_pictures(video)]
    first = round(LEARNED * len(pictures))
    options = PortraitOptions(size=given.size, until_s=first / followed.motion.fps, condition=given.condition,
                              painting=PaintingOptions(rounds=given.rounds, threads=given.threads))
    out = folder / f"{clip}.portrait"
    if not out.exists():
        start = time.process_time()
        seen = Audio(audio.samples[: int(options.until_s * audio.rate_hz)], audio.rate_hz)
        figures = learn_portrait(followed, pictures[:first], out, audio=seen, options=options)
        figures |= {"processor_s": time.process_time() - start,
                    "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        print(clip, json.dumps({name: round(float(value), 3) for name, value in figures.items()}), flush=True)
    person = open_footage(out)
    unseen = np.arange(first, len(pictures), given.every)
    said = speak(audio, person)
    unseen = unseen[unseen < len(said)]
    values = followed.motion.values[unseen].copy()
    spoken = values.copy()
    spoken[:, person.region.indices] = said.columns(person.region.columns)[unseen]
    compared = Compared(person, followed, pictures, first, options, said)
    for name, rows in (("own sound", spoken), ("tracked expression", values)):
        compared.table(f"{clip}, driven by {name}", unseen, rows, folder if given.keep else None)
    for other in (name for name in CLIPS if name != clip):
        print(f"{clip} says {other}: r {asked_and_seen(person, sound_of(other, given.shared)):.2f}", flush=True)


def asked_and_seen(person, audio):
    """Correlation of the gap between the lips that sound asks for with the one that MediaPipe finds in the pictures."""
    said = speak(audio, person)
    some = np.arange(0, min(len(said), person.options.count), 3)
    points = landmarks_of(list(person.painted(Motion(said.values[some], said.fps, said.space), some)))
    gaps = np.linalg.norm(np.diff(points[:, LIP_PAIRS], axis=2), axis=-1).mean(axis=(1, 2))
    seen = gaps / np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=1)
    asked, found = said.columns(person.region.columns)[some] @ mouth_of(person.region).gap, np.isfinite(seen)
    return np.corrcoef(asked[found], seen[found])[0, 1]


class Compared:
    """A portrait and its three rivals on the unseen pictures of its clip."""

    def __init__(self, person, followed, pictures, first, options, said):
        self.sound = said.columns(sound_columns(person.options.sounds)) if person.options.sounds else None
        self.person, self.followed, self.pictures = person, followed, pictures
        _, material = prepare(followed, options)
        seen = read_windows(pictures[:first], material)
        self.size, self.every = material.size, material.every
        self.codes = person.shot.codes(person.shot.values[:: self.every, person.region.indices])
        self.texture = mean_texture(seen, material.size).permute(1, 2, 0).numpy()
        self.mean = mean_window(seen).permute(1, 2, 0).numpy()
        self.window = windows(person.region, person.camera, followed.motion.head_pose)

    def table(self, title, unseen, rows, folder):
        """Print PSNR, SSIM and lip error of all four; keep a strip of pictures."""
        shown = {"portrait": [], "nearest picture": [], "mean picture": [], "mesh alone": []}
        for i, row in zip(unseen, rows, strict=True):
            shown["portrait"].append(self.person.paint(self.pictures[i], row, self.followed.motion.head_pose[i],
                                                       None if self.sound is None else self.sound[i]))
            for name, window in zip(list(shown)[1:], self.rivals(i, row), strict=True):
                shown[name].append(put(self.pictures[i], self.window[i], window, opacity(self.seen(i, row).depth)))
        real = [self.pictures[i] for i in unseen]
        points = [landmarks_of(found) for found in (real, *shown.values())]
        print(f"{title}\n{'':18}PSNR dB   SSIM    lips %")
        for (name, found), own in zip(shown.items(), points[1:], strict=True):
            scores = [self.scores(i, a, b) for i, a, b in zip(unseen, found, real, strict=True)]
            psnr, ssim = np.mean(scores, axis=0)
            print(f"{name:18}{psnr:7.2f}   {ssim:.4f}  {lip_error(own, points[0]):5.2f}", flush=True)
        if folder:
            keep_strip(folder / f"{title.replace(', driven by', '').replace(' ', '_')}.png", self.window[unseen],
                       [real, *shown.values()])

    def seen(self, i, row):
        """Guide of an unseen picture with an expression."""
        motion = Motion(row[None], 30, self.person.face.space, self.followed.motion.head_pose[i : i + 1])
        return guide(self.person.region, self.person.camera, self.window[i], motion, self.size)

    def rivals(self, i, row):
        """Windows of the three baselines, (s, s, 3) float32."""
        code = self.person.shot.codes(row[None, self.person.region.indices])
        nearest = self.every * int(np.square(self.codes - code).sum(axis=1).argmin())
        yield cut(self.pictures[nearest], self.window[nearest], self.size).astype(np.float32) / 255
        yield self.mean
        seen = self.seen(i, row)
        place = seen.uv * self.size
        drawn = bilinear(self.texture, place[..., 0], place[..., 1])
        yield np.where(seen.part[..., None] > 0, drawn, self.mean).astype(np.float32)

    def scores(self, i, one, other):
        """(PSNR, SSIM) of two pictures over what is painted anew."""
        size = min(512, round(2 * np.hypot(*self.window[i][:, 0])))
        one, other = (cut(picture, self.window[i], size).astype(np.float64) for picture in (one, other))
        inside = self.inside(i, size)
        psnr = 20 * np.log10(255) - 10 * np.log10(np.square(one - other)[inside].mean() + 1e-9)
        return psnr, ssim_map(one.mean(axis=2), other.mean(axis=2))[inside].mean()

    def inside(self, i, size):
        """(s, s) bool, what is painted anew."""
        rest = Motion(np.zeros((1, len(self.person.face.space)), np.float32), 30, self.person.face.space,
                      self.followed.motion.head_pose[i : i + 1])
        return guide(self.person.region, self.person.camera, self.window[i], rest, size).depth > 0


def ssim_map(one, other, *, spread=1.5):
    """(h, w) structural similarity of two grey pictures in 0..255 (Wang et al., 2004: 11x11 Gaussian window)."""
    bell = np.exp(-0.5 * (np.arange(-5, 6) / spread) ** 2)
    bell /= bell.sum()

    def blurred(picture):
        for axis in (0, 1):
            padded = np.pad(picture, [(5, 5) if k == axis else (0, 0) for k in (0, 1)], mode="edge")
            picture = np.apply_along_axis(np.convolve, axis, padded, bell, mode="valid")
        return picture

    a, b = blurred(one), blurred(other)
    aa, bb, ab = blurred(one * one) - a * a, blurred(other * other) - b * b, blurred(one * other) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * a * b + c1) * (2 * ab + c2) / ((a * a + b * b + c1) * (aa + bb + c2))


def landmarks_of(pictures):
    """(t, 478, 2), NaN where no face is found."""
    return np.stack([np.full((478, 2), np.nan) if found is None else found[:, :2] for found in landmarks(pictures)])


def lip_error(points, real):
    """Mean distance of the lips' landmarks, in percent of the distance between the eyes."""
    far = np.linalg.norm(points[:, LIPS] - real[:, LIPS], axis=2).mean(axis=1)
    return 100 * np.nanmean(far / np.linalg.norm(real[:, EYES[0]] - real[:, EYES[1]], axis=1))


def keep_strip(path, window, rows):
    """Write some pictures of each row around the window beside each other."""
    from personare.export.png import png

    picked = np.linspace(0, len(window) - 1, 7).astype(int)
    wider = window.copy()
    wider[:, :, :2] *= 1.6
    path.write_bytes(png(np.vstack([np.hstack([cut(row[i], wider[i], 200) for i in picked]) for row in rows])))


if __name__ == "__main__":
    main()
