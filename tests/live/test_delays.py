"""Sound that is passed on meets its picture: in theory to the sample, measured within milliseconds."""

import socket
import sys
import threading
import time
import types
from bisect import bisect_left

import numpy as np
import pytest

import personare
from personare.errors import InputError, MissingExtra
from personare.live.clock import Pacer
from personare.live.delays import AUTO, DelayLine, delay_of
from personare.live.show import Show
from personare.live.sinks import open_sink
from personare.live.sources import PlayedFile
from personare.live.speakers import Loudspeaker


class Simulated:
    """A clock that stands until it is told to sleep."""

    time_s = 100.0

    def now(self):
        return self.time_s

    def sleep(self, seconds):
        self.time_s += seconds


class Heard:
    """A sink that notes when it plays what."""

    def __init__(self, clock, lead_s=0.0):
        self.clock, self.lead_s, self.pieces, self.at = clock, lead_s, [], []

    def play(self, samples, rate_hz):
        self.pieces.append(samples)
        self.at.append(self.clock.now())


@pytest.mark.parametrize(("delay", "lead_s", "expected_s"), [(AUTO, 0.0, 0.157), (AUTO, 0.05, 0.107), (0.0, 0.0, 0.0),
                                                             (0.3, 0.1, 0.2)])
def test_sound_waits_for_its_frames_or_as_long_as_it_is_told(delay, lead_s, expected_s):
    """Frames that need 154 ms of sound after their time, and a schedule with 3 ms of room."""
    clock, shown = Simulated(), {}
    pacer = Pacer(50, lambda i, _: shown.setdefault(i, clock.now()), clock=clock)
    heard = Heard(clock, lead_s)
    line = DelayLine(heard, clock=clock, delay=delay, due=pacer.due)
    begin, made = clock.now(), 0
    for step in range(1, 201):      # two seconds of sound in pieces of 10 ms, a quarter of a piece off at times
        clock.time_s = begin + step * 0.01
        line.hear(np.full(160, step, np.float32), 16000)
        while made / 50 + 0.154 <= step * 0.01 + 1e-9:
            pacer.add([made])
            made += 1
        until = begin + (step + 1) * 0.01
        while (wait := min((w for w in (pacer.pump(), line.pump()) if w is not None), default=None)) is not None:
            if clock.now() + wait >= until:
                break
            clock.sleep(max(wait, 1e-6))
    assert len(heard.pieces) > 150
    played = np.concatenate(heard.pieces)
    np.testing.assert_array_equal(played, np.repeat(np.arange(1, 201), 160)[:len(played)])     # nothing lost or twice
    waited = np.array(heard.at) - begin - 0.01 * np.arange(len(heard.at))
    late = waited[20:] - expected_s
    assert np.all(late > -1e-6)
    assert np.all(late < 0.0105)
    if delay == AUTO:
        met = [heard.at[round(i / 50 / 0.01)] + lead_s - shown[i] for i in range(10, 80)]
        assert np.abs(met).max() < 0.001


def test_what_waits_for_too_long_is_left_out():
    clock = Simulated()
    line = DelayLine(Heard(clock), clock=clock, due=lambda time_s: None)
    for _ in range(30):
        line.hear(np.zeros(16000, np.float32), 16000)
    assert line.pump() is None
    assert line.dropped_s == pytest.approx(10, abs=0.02)


class Shown:
    """A sink that notes when each frame is shown."""

    def __init__(self):
        self.at = {}

    def send(self, index, motion):
        self.at[index] = time.monotonic()

    def close(self):
        pass


class Listener:
    """A program that listens for raw samples and notes when how many had come."""

    def __init__(self, port=0):
        self.place = socket.create_server(("127.0.0.1", port))
        self.port, self.content, self.counts, self.at = self.place.getsockname()[1], b"", [], []
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        self.peer, _ = self.place.accept()
        with self.peer:
            while content := self.peer.recv(65536):
                self.content += content
                self.counts.append(len(self.content) // 2)
                self.at.append(time.monotonic())

    def close(self):
        self.thread.join(10)
        self.place.close()

    def came_at(self, sample):
        return self.at[bisect_left(self.counts, sample + 1)]


@pytest.mark.parametrize(("delay", "model"), [(AUTO, "vox-small"), (AUTO, "vox-small-live"), (0.0, "vox-small")])
def test_sound_on_a_socket_meets_the_frames_in_real_time(tmp_path, delay, model):
    import soundfile

    samples, rate_hz = soundfile.read("examples/hello.wav", stop=24000, dtype="int16")
    soundfile.write(tmp_path / "short.wav", samples, rate_hz, subtype="PCM_16")
    # A machine that has other work may miss the time once, not three times in a row.
    for _ in range(3):
        apart_ms, figures = _apart(tmp_path / "short.wav", samples, rate_hz, delay, model)
        median_ms = np.median(apart_ms)
        if delay != AUTO:
            in_time = median_ms < -figures.look_ahead_ms + 20       # unless delayed, it comes that much too early
        else:
            in_time = (-10.5 < median_ms < 3 and np.percentile(np.abs(apart_ms), 90) < 20
                       and abs(figures.delay_ms - figures.look_ahead_ms) < 40)
        if in_time:
            return
    pytest.fail(f"sound {median_ms:.1f} ms after its frames, delayed by {figures.delay_ms:.1f} ms")


def _apart(path, samples, rate_hz, delay, model):
    """(milliseconds that the sound of each frame comes after it, figures) of one run; its sound is whole."""
    listener, shown = Listener(), Shown()
    sink = open_sink(f"tcp://127.0.0.1:{listener.port}", fps=30)
    for _ in range(100):
        if sink.connected:
            break
        time.sleep(0.01)
    figures = Show(PlayedFile(path), [shown, sink], model=model, fps=30, audio_delay=delay).run()
    listener.close()
    sent = np.frombuffer(listener.content, "<i2")
    assert np.abs(sent.astype(int) - samples).max() <= 1
    # The piece of 10 ms in which a frame's own sample lies, against the frame.
    apart_ms = np.array([1000 * (listener.came_at(round(i / 30 * rate_hz)) - at) for i, at in shown.at.items()
                         if 5 <= i <= 42])
    assert len(apart_ms) > 30
    return apart_ms, figures


def test_a_receiver_that_is_restarted_is_found_again_and_one_that_is_not_there_holds_up_nobody():
    listener = Listener()
    sink = open_sink(f"tcp://127.0.0.1:{listener.port}?rate=8000", fps=30)
    _play_until(sink, lambda: len(listener.content) > 2000)
    listener.peer.shutdown(socket.SHUT_RDWR)
    listener.close()
    begin = time.monotonic()
    for _ in range(1000):
        sink.play(np.ones(160, np.float32), 16000)
    assert time.monotonic() - begin < 1.0
    again = Listener(listener.port)
    _play_until(sink, lambda: len(again.content) > 2000)
    sink.close()
    again.close()
    assert sink.dropped > 0
    assert abs(np.frombuffer(again.content[:2000], "<i2")[-500:].astype(int) - 16384).max() < 400


def _play_until(sink, true):
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        sink.play(np.full(160, 0.5, np.float32), 16000)
        time.sleep(0.01)


class Device:
    """What sounddevice looks like, with a device that asks for sound when it is told to."""

    class PortAudioError(Exception):
        pass

    def __init__(self):
        self.streams, self.broken = [], False
        device = self

        class OutputStream:
            latency = 0.02

            def __init__(self, *, samplerate, callback, **_):
                if device.broken:
                    raise device.PortAudioError("gone")
                self.rate_hz, self.callback, self.active = samplerate, callback, False
                device.streams.append(self)

            def start(self):
                self.active = True

            def stop(self):
                self.active = False

            def close(self):
                self.active = False

            def ask(self, count):
                out = np.full((count, 1), 9, np.float32)
                self.callback(out, count, None, None)
                return out[:, 0]

        self.OutputStream = OutputStream

    def query_devices(self, device, kind):
        if device == "none":
            raise ValueError("No output device matching 'none'")
        return {"name": device, "kind": kind}


@pytest.fixture
def device(monkeypatch):
    device = Device()
    module = types.SimpleNamespace(OutputStream=device.OutputStream, PortAudioError=device.PortAudioError,
                                   query_devices=device.query_devices)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return device


def opened(device, speaker, count=1):
    for _ in range(200):
        if len(device.streams) == count and device.streams[-1].active and speaker._stream is device.streams[-1]:
            return device.streams[-1]
        time.sleep(0.01)
    raise AssertionError("no stream")


def test_a_loudspeaker_plays_all_of_it_in_order_and_knows_its_own_latency(device, rng):
    speaker = open_sink("audio", fps=30)
    sound = rng.uniform(-1, 1, 16000).astype(np.float32)
    speaker.play(sound[:160], 16000)
    stream = opened(device, speaker)
    assert stream.rate_hz == 16000
    assert speaker.lead_s == pytest.approx(0.03)
    got = []
    for i in range(160, 16000, 160):
        speaker.play(sound[i:i + 160], 16000)
        got.append(stream.ask(160))
    got.append(stream.ask(160))
    np.testing.assert_array_equal(np.concatenate(got), sound)
    assert not stream.ask(160).any()        # silence when there is no more
    assert (speaker.missed, speaker.skipped) == (0, 0)
    speaker.play(sound[:80], 16000)
    assert not stream.ask(160).any()        # less than the margin is kept until there is more
    speaker.play(sound[80:160], 16000)
    np.testing.assert_array_equal(stream.ask(160), sound[:160])
    for _ in range(20):
        speaker.play(sound[:160], 16000)
    assert speaker.skipped == (20 - 6) * 160        # more than 60 ms never wait
    for _ in range(200):
        stream.ask(160)
        speaker.play(sound[:160], 16000)
    assert speaker.skipped == (20 - 6 + 5) * 160    # and what waited for a second without need is left out
    np.testing.assert_array_equal(stream.ask(160), sound[:160])
    speaker.close()
    assert not stream.active


def test_a_loudspeaker_that_goes_away_is_waited_for(device):
    speaker = Loudspeaker()
    speaker.play(np.ones(160, np.float32), 16000)
    opened(device, speaker).active = False
    device.broken = True
    speaker._tried_at = -np.inf
    speaker.play(np.ones(160, np.float32), 16000)
    speaker._opener.join(5)
    device.broken, speaker._tried_at = False, -np.inf
    speaker.play(np.ones(160, np.float32), 16000)
    assert opened(device, speaker, 2).ask(160).all()
    speaker.close()


def test_what_cannot_be_is_told(device, monkeypatch):
    assert delay_of("auto") == AUTO
    assert delay_of("120") == 0.12
    for text in ("soon", "-1", "nan", "1e9", ""):
        with pytest.raises(InputError, match="auto or milliseconds"):
            delay_of(text)
    with pytest.raises(InputError, match="python -m sounddevice lists them"):
        open_sink("audio:none", fps=30)
    with pytest.raises(InputError, match="port"):
        open_sink("tcp://127.0.0.1", fps=30)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtra, match=r"personare\[live\]"):
        open_sink("audio", fps=30)


def test_a_speaker_that_fails_does_not_stop_the_show(rng):
    class Broken(Heard):
        def play(self, samples, rate_hz):
            raise OSError("unplugged")

        def send(self, index, motion):
            pass

        def close(self):
            pass

    audio = personare.load("examples/hello.wav")

    class Burst:
        live, rate_hz = False, audio.rate_hz

        def chunks(self):
            yield audio.samples[:audio.rate_hz // 2]

        def close(self):
            pass

    shown, said = Shown(), []
    Show(Burst(), [Broken(None), shown], model="vox-small-live").run(say=said.append)
    assert said == ["Broken failed and is left out: unplugged"]
    assert len(shown.at) >= 14
