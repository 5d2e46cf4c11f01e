"""Live is offline: the same frames, whatever the pieces; and nothing stops the show."""

import numpy as np
import pytest

import personare
from personare.live.show import Show
from personare.motion.performance import Performance
from personare.motion.pieces import joined


class Burst:
    """A source that has it all at once, in pieces of odd sizes."""

    live = False

    def __init__(self, audio, rng):
        self.rate_hz, self._samples, self._rng = audio.rate_hz, audio.samples, rng

    def chunks(self):
        at = 0
        while at < len(self._samples):
            size = int(self._rng.integers(1, 4000))
            yield self._samples[at:at + size]
            at += size
            yield None

    def close(self):
        self.closed = True


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.frames, self.closed = [], False

    def send(self, index, motion):
        self.frames.append((index, motion))

    def close(self):
        self.closed = True


class Broken(Kept):
    def send(self, index, motion):
        raise OSError("unplugged")


def short():
    audio = personare.load("examples/hello.wav")
    return personare.Audio(audio.samples[:audio.rate_hz], audio.rate_hz)


def test_a_live_show_gives_the_frames_of_the_file(rng):
    audio, kept, broken, said = short(), Kept(), Broken(), []
    show = Show(Burst(audio, rng), [broken, kept], fps=30)
    figures = show.run(say=said.append)
    offline = personare.animate(audio)
    live = joined([motion for _, motion in kept.frames])
    shown = [index for index, _ in kept.frames]
    assert figures.shown + figures.dropped == len(offline)
    np.testing.assert_allclose(live.values, offline.values[shown], atol=1e-5)
    np.testing.assert_allclose(live.head_pose, offline.head_pose[shown], atol=1e-5)
    assert kept.closed
    assert show.source.closed
    assert said == ["Broken failed and is left out: unplugged"]
    assert figures.sound_s == len(audio.samples) / audio.rate_hz
    assert set(figures.percentiles()) == {"sound to packet", "compute", "late", "jitter"}
    assert figures.totals()["frames shown"] == figures.shown


@pytest.mark.parametrize(("model", "most_s"), [("vox", 0.16), ("vox-small", 0.16), ("vox-live", 0.04),
                                               ("vox-small-live", 0.04)])
def test_sound_after_the_look_ahead_changes_nothing(model, most_s, rng):
    audio = short()
    ends = []
    for tail in (0.0, 0.5):
        performance = Performance(model, from_hz=audio.rate_hz, fps=30)
        sound = audio.samples.copy()
        cut = int(0.6 * audio.rate_hz)
        sound[cut:] += tail * rng.normal(size=len(sound) - cut).astype(np.float32)
        ends.append(joined([performance.push(sound), performance.finish()]))
    assert performance.look_ahead_s <= most_s
    # Frames that need no sound after the cut: those at 0 .. 0.6 - look-ahead, the last one included.
    sure = int((0.6 - performance.look_ahead_s) * 30) + 1
    moved = np.abs(ends[0].values - ends[1].values).max(axis=1)
    turned = np.abs(ends[0].head_pose - ends[1].head_pose).max(axis=(1, 2))
    assert moved[:sure].max() == 0
    assert turned[:sure].max() == 0
    # And no more is declared than is used: two frames later at the latest something moves.
    assert moved[sure:sure + 2].max() > 0


@pytest.mark.parametrize("model", ["vox", "vox-live"])
def test_every_frame_comes_as_soon_as_its_look_ahead_is_heard(model):
    audio = short()
    performance, given = Performance(model, from_hz=audio.rate_hz, fps=30), 0
    for at in range(0, len(audio.samples), 160):
        given += len(performance.push(audio.samples[at:at + 160]))
        heard_s = min(at + 160, len(audio.samples)) / audio.rate_hz
        assert given >= int(max(0, heard_s - performance.look_ahead_s) * 30)
