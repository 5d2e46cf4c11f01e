"""Video: sound and picture where they belong, whatever the length, the rate or what goes wrong."""

import resource
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from personare.errors import InputError, OutputError
from personare.export import mp4
from personare.spaces import ARKIT_52
from personare.types import Audio, AudioStream, Motion, Take

DARK, BRIGHT = 20, 230


def flashing(length_s, fps, rate_hz):
    """(take, flash frames, samples): every 20th picture is bright and a click stands at its time."""
    count = max(1, int(np.ceil(round(length_s * fps, 6))))
    flashes = list(range(min(7, count - 1), count, 20))
    samples = np.zeros(round(length_s * rate_hz), np.float32)
    for i in flashes:
        start = round(i / fps * rate_hz)
        samples[start:start + max(4, rate_hz // 500)] = 0.9

    def frames():
        for i in range(count):
            yield np.full((32, 48, 3), BRIGHT if i in flashes else DARK, np.uint8)

    motion = Motion(np.zeros((count, 52)), fps, ARKIT_52)
    return Take(motion, audio=Audio(samples, rate_hz).stream(), frames=frames), flashes, samples


def pictures_of(path):
    """(times, mean levels) of the pictures, as a player shows them."""
    with av.open(str(path)) as container:
        found = [(float(f.pts * f.time_base), f.to_ndarray(format="gray").mean()) for f in container.decode(video=0)]
    return map(np.array, zip(*found, strict=True))


def sound_of(path):
    """(times, samples) of the sound, as a player plays it."""
    with av.open(str(path)) as container:
        found = [(float(f.pts * f.time_base) + np.arange(f.samples) / f.sample_rate, f.to_ndarray()[0])
                 for f in container.decode(audio=0)]
    return map(np.concatenate, zip(*found, strict=True))


def durations_s(path):
    """Length of the picture, of the sound and of the file."""
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        picture_s, sound_s = (float(stream.duration * stream.time_base) for stream in (video, audio))
        return picture_s, sound_s, container.duration / 1e6


def centre(times, samples, around):
    """Energy-weighted mean time within 20 ms of a time."""
    near = np.abs(times - around) < 0.02
    energy = samples[near].astype(float) ** 2
    return (times[near] * energy).sum() / energy.sum()


@pytest.mark.parametrize(("length_s", "fps", "rate_hz"), [
    (0.1, 30, 16000), (1, 60, 48000), (10.03, 30, 44100), (10.03, 29.97, 22050), (3.3, 25, 8000), (2, 30, 96000),
    (1, 24, 11025), (2, Fraction(30000, 1001), 12345)])
def test_clicks_are_heard_and_flashes_seen_at_their_times(tmp_path, length_s, fps, rate_hz):
    take, flashes, samples = flashing(length_s, float(fps), rate_hz)
    mp4.write(tmp_path / "a.mp4", take)
    times, levels = pictures_of(tmp_path / "a.mp4")
    assert np.abs(times - np.arange(len(take.motion)) / float(fps)).max() < 1e-6
    assert np.flatnonzero(levels > 120).tolist() == flashes
    heard_times, heard = sound_of(tmp_path / "a.mp4")
    said_times = np.arange(len(samples)) / rate_hz
    for i in flashes:
        shift = centre(heard_times, heard, i / fps) - centre(said_times, samples, i / fps)
        assert abs(shift) < 1e-4
    picture_s, sound_s, file_s = durations_s(tmp_path / "a.mp4")
    assert picture_s == pytest.approx(len(take.motion) / float(fps), abs=1e-3)
    assert sound_s == pytest.approx(length_s, abs=2 / min(rate_hz, 48000))
    assert file_s == pytest.approx(max(picture_s, sound_s), abs=1e-3)


def test_the_last_picture_stays_until_the_sound_has_ended(tmp_path):
    take, _, samples = flashing(1.25, 30, 16000)
    mp4.write(tmp_path / "a.mp4", replace(take, motion=take.motion.frames(0, 5), frames=lambda: [
        np.full((32, 48, 3), level, np.uint8) for level in (20, 20, 20, 20, 230)]))
    times, levels = pictures_of(tmp_path / "a.mp4")
    assert np.flatnonzero(levels > 120).tolist() == list(range(4, 38))
    assert times[-1] + 1 / 30 >= len(samples) / 16000


@pytest.mark.parametrize("audio", [None, Audio(np.zeros(0), 16000).stream(), AudioStream(16000, lambda: iter([]))])
def test_without_sound_the_video_is_silent(tmp_path, take, audio):
    mp4.write(tmp_path / "a.mp4", replace(take, audio=audio))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].frames == 60


def test_the_picture_is_tagged_even_and_starts_before_its_data(tmp_path, take):
    mp4.write(tmp_path / "a.mp4", replace(take, frames=lambda: (np.full((17, 31, 3), 90, np.uint8) for _ in range(60))))
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        found = (context.name, context.pix_fmt, context.width, context.height, context.color_primaries,
                 context.color_trc, context.colorspace, context.color_range)
    assert found == ("h264", "yuv420p", 32, 18, 1, 1, 1, 1)
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_colours_survive(tmp_path, take):
    colors = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250], [128, 128, 128]], np.uint8)
    picture = np.repeat(np.repeat(colors[None], 32, axis=0), 16, axis=1)
    mp4.write(tmp_path / "a.mp4", replace(take, frames=lambda: (picture for _ in range(60))))
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24", src_colorspace="ITU709")
    assert np.abs(frame[16, 8::16].astype(int) - colors).max() <= 4


def test_the_same_take_gives_the_same_file(tmp_path, take):
    # Below 64 rows x264's look-ahead reads memory that nobody has written, and files differ now and then.
    pictures = [np.full((64, 96, 3), level, np.uint8) for level in range(60)]
    for name in ("a.mp4", "b.mp4"):
        mp4.write(tmp_path / name, replace(take, frames=lambda: iter(pictures)))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_loud_sound_is_limited_not_wrapped(tmp_path, take):
    samples = 3 * np.sin(np.arange(32000) * 0.1, dtype=np.float32)
    mp4.write(tmp_path / "a.mp4", replace(take, audio=Audio(samples, 16000).stream()))
    _, heard = sound_of(tmp_path / "a.mp4")
    assert np.corrcoef(heard[1000:31000], np.clip(samples, -1, 1)[1000:31000])[0, 1] > 0.99


def test_long_takes_take_no_more_memory(tmp_path):
    minutes, fps, rate_hz = 4, 30, 16000
    second = 0.1 * np.sin(np.arange(rate_hz, dtype=np.float32) * 0.3)
    picture = np.zeros((16, 16, 3), np.uint8)
    waiting = {"pictures": 0, "seconds": 0, "furthest": 0}

    def frames():
        for _ in range(minutes * 60 * fps):
            waiting["pictures"] += 1
            yield picture

    def chunks():
        for _ in range(minutes * 60):
            waiting["seconds"] += 1
            apart = abs(waiting["seconds"] - waiting["pictures"] / fps)
            waiting["furthest"] = max(waiting["furthest"], apart)
            yield second

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    motion = Motion(np.zeros((minutes * 60 * fps, 52)), fps, ARKIT_52)
    mp4.write(tmp_path / "a.mp4", Take(motion, audio=AudioStream(rate_hz, chunks), frames=frames))
    assert durations_s(tmp_path / "a.mp4")[:2] == pytest.approx((minutes * 60,) * 2, abs=1e-3)
    assert waiting["furthest"] <= 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def picture_of(shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(("frames", "message"), [
    (None, "take: expected pictures, got none; render the motion first"),
    (lambda: iter(()), "take: expected at least one picture, got none"),
    (lambda: [picture_of((8, 8))], "frames: expected .h, w, 3. uint8 pictures, got uint8 of shape"),
    (lambda: [picture_of((8, 8, 3), np.float32)], "got float32 of shape"),
    (lambda: [picture_of((8, 8, 3)), picture_of((8, 10, 3))],
     r"pictures of shape \(8, 8, 3\), got uint8 of shape \(8, 10, 3\)"),
])
def test_wrong_pictures_are_refused(tmp_path, take, frames, message):
    with pytest.raises(InputError, match=message):
        mp4.write(tmp_path / "a.mp4", replace(take, frames=frames))
    assert list(tmp_path.iterdir()) == []


def test_sound_with_nan_is_refused(tmp_path, take):
    broken = AudioStream(16000, lambda: iter([np.full(99, np.nan, np.float32)]))
    with pytest.raises(InputError, match="audio: expected finite samples, got NaN or infinite ones"):
        mp4.write(tmp_path / "a.mp4", replace(take, audio=broken))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_an_interrupted_write_leaves_what_was_there_and_ends_the_renderer(tmp_path, take, error):
    (tmp_path / "a.mp4").write_text("before")
    ended = []

    def frames():
        try:
            for i in range(60):
                if i == 40:
                    raise error
                yield np.zeros((16, 16, 3), np.uint8)
        finally:
            ended.append(True)

    with pytest.raises(error):
        mp4.write(tmp_path / "a.mp4", replace(take, frames=frames))
    assert ended == [True]
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "before"


def test_a_renderer_is_ended_when_the_sound_fails(tmp_path, take):
    ended = []

    def frames():
        try:
            while True:
                yield np.zeros((16, 16, 3), np.uint8)
        finally:
            ended.append(True)

    def chunks():
        yield np.zeros(16000, np.float32)
        raise RuntimeError("no more sound")

    with pytest.raises(RuntimeError, match="no more sound"):
        mp4.write(tmp_path / "a.mp4", replace(take, frames=frames, audio=AudioStream(16000, chunks)))
    assert ended == [True]


def test_progress_counts_the_pictures(tmp_path, take):
    steps = []
    mp4.write(tmp_path / "a.mp4", take, progress=lambda *step: steps.append(step))
    assert steps == [(i, 60) for i in range(1, 61)]


def test_a_missing_folder_is_one_clear_error(tmp_path, take):
    with pytest.raises(OutputError, match="cannot write there"):
        mp4.write(tmp_path / "none" / "a.mp4", take)
