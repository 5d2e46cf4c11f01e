"""Live: latency and lateness in real time, sessions on one core, hours of simulated time, receivers that come and go.

    python benchmarks/live.py latency [--minutes 10] [--model vox-live]
    python benchmarks/live.py sessions
    python benchmarks/live.py equal FOLDER
    python benchmarks/live.py soak [--hours 8] [--model vox-live]

Real time is measured over a socket: packets of Live Link Face go to a receiver in this process, which is closed and
opened again twenty times.
"""

import argparse
import resource
import socket
import struct
import threading
import time
from pathlib import Path

import numpy as np

import personare
from personare.live.show import Show
from personare.live.sinks import open_sink
from personare.motion.performance import Performance, open_method
from personare.motion.pieces import joined

HELLO = Path(__file__).parents[1] / "examples/hello.wav"
RESTARTS = 20
# The sound's clock of the soak runs so much slower than the machine's: 2.9 seconds in eight hours.
CLOCKS_APART = 1e-4


class Endless:
    """A recording over and over, a chunk of 10 ms every 10 ms, as a microphone gives it."""

    live = True

    def __init__(self, seconds):
        audio = personare.load(HELLO)
        self.rate_hz, self._seconds = audio.rate_hz, seconds
        self.samples = np.concatenate([audio.samples, np.zeros(audio.rate_hz, np.float32)])

    def chunks(self):
        """Iterator of (n,) float32."""
        size = self.rate_hz // 100
        begin = time.monotonic()
        for i in range(int(self._seconds * 100)):
            time.sleep(max(0.0, begin + (i + 1) / 100 - time.monotonic()))
            yield np.take(self.samples, np.arange(i * size, (i + 1) * size), mode="wrap")

    def close(self):
        """Nothing to close."""


class Receiver(threading.Thread):
    """Reads packets, keeps when each came and its frame number; its socket is opened anew every so often."""

    def __init__(self, seconds):
        super().__init__(daemon=True)
        self._life, self.came, self.restarts = seconds / (RESTARTS + 1), [], 0
        self._socket = self._opened(0)
        self.port = self._socket.getsockname()[1]

    def _opened(self, port):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", port))
        made.settimeout(0.5)
        return made

    def run(self):
        """Read until nothing has come for half a second twice."""
        opened, quiet = time.monotonic(), 0
        while quiet < 4:
            if time.monotonic() - opened > self._life and self.restarts < RESTARTS:
                self._socket.close()
                time.sleep(0.2)
                self._socket, opened = self._opened(self.port), time.monotonic()
                self.restarts += 1
            try:
                content = self._socket.recv(2048)
            except TimeoutError:
                quiet += 1
                continue
            quiet = 0
            (device,) = struct.unpack(">i", content[1:5])
            (subject,) = struct.unpack(">i", content[5 + device:9 + device])
            frame, part = struct.unpack(">if", content[9 + device + subject:17 + device + subject])
            self.came.append((time.monotonic(), frame + part))


def resident_mb():
    """Memory of this process now, MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def latency(model, minutes):
    """Real time: sound to packet, lateness, drift of what arrives against the clock, memory."""
    receiver = Receiver(60 * minutes)
    receiver.start()
    show = Show(Endless(60 * minutes), [open_sink(f"livelink://127.0.0.1:{receiver.port}", fps=30)], model=model)
    sizes, stop = [], threading.Event()

    def watch():
        while not stop.wait(5):
            sizes.append(resident_mb())

    threading.Thread(target=watch, daemon=True).start()
    cpu = time.process_time()
    figures = show.run()
    cpu = time.process_time() - cpu
    stop.set()
    receiver.join()
    for name, row in figures.percentiles().items():
        print(f"{model} {name} ms: " + ", ".join(f"{level} {value:.1f}" for level, value in row.items()), flush=True)
    came = np.array(receiver.came)
    offset = came[:, 0] - (came[:, 1] - came[0, 1]) / 30
    tenth = max(1, len(offset) // 10)
    drift = np.median(offset[-tenth:]) - np.median(offset[tenth:2 * tenth])
    print(f"{model} shown {figures.shown}, dropped {figures.dropped}, received {len(came)} over {receiver.restarts} "
          f"restarts, drift {1000 * drift:.1f} ms, processor {100 * cpu / (60 * minutes):.1f} % of a core, memory "
          f"{sizes[len(sizes) // 4] if sizes else 0:.0f} to {sizes[-1] if sizes else 0:.0f} MB")


def sessions():
    """Processor time of one session with all layers and a Live Link packet for each frame."""
    audio = personare.load(HELLO)
    sound, size = np.tile(audio.samples, 8), audio.rate_hz // 100
    for model in ("vox", "vox-live", "vox-small-live"):
        method, best = open_method(model), np.inf
        for _ in range(3):
            performance = Performance(method, from_hz=audio.rate_hz)
            sink = open_sink("livelink://127.0.0.1:9", fps=30)
            performance.push(sound[:audio.rate_hz])
            begin, index = time.process_time(), 0
            for at in range(audio.rate_hz, len(sound), size):
                motion = performance.push(sound[at:at + size])
                for i in range(len(motion)):
                    sink.send(index + i, motion.frames(i, i + 1))
                index += len(motion)
            best = min(best, (time.process_time() - begin) / (len(sound) / audio.rate_hz - 1))
            sink.close()
        print(f"{model}: {10 * best:.3f} ms for each 10 ms of sound, {1 / best:.0f} sessions on a core")


def equal(folder):
    """Live against offline on recordings of a folder, in chunks of 1 ms to 1 s and of mixed sizes."""
    rng = np.random.default_rng(0)
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".wav", ".flac", ".mp3", ".ogg"))[:20]
    for model in ("vox", "vox-live"):
        method, worst = open_method(model), 0.0
        for path in paths:
            audio = personare.load(path)
            samples = audio.samples[:8 * audio.rate_hz]
            whole = Performance(method, from_hz=audio.rate_hz)
            offline = joined([whole.push(samples), whole.finish()])
            for size_s in (0.001, 0.01, 0.1, 1.0, None):
                live, pieces, at = Performance(method, from_hz=audio.rate_hz), [], 0
                while at < len(samples):
                    step = int((size_s or 10 ** rng.uniform(-3, 0)) * audio.rate_hz)
                    pieces.append(live.push(samples[at:at + step]))
                    at += step
                motion = joined([*pieces, live.finish()])
                assert len(motion) == len(offline)
                worst = max(worst, np.abs(motion.values - offline.values).max(),
                            np.abs(motion.head_pose - offline.head_pose).max())
        print(f"{model}: {len(paths)} clips, 5 ways to cut them, largest difference {worst:.1e}", flush=True)


class Simulated:
    """A clock that moves when it is told to."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        """Seconds."""
        return self.time

    def sleep(self, seconds):
        """Let time pass."""
        self.time += seconds


class Watch:
    """A sink that keeps how far each frame is from its own time in the sound, and nothing else."""

    def __init__(self, clock, fps):
        self._clock, self._fps, self._sum, self._count = clock, fps, 0.0, 0

    def restart(self):
        """The mean offset since the last call, seconds; begin another."""
        mean = self._sum / max(self._count, 1)
        self._sum, self._count = 0.0, 0
        return mean

    def send(self, index, motion):
        """Take note of one frame."""
        self._sum += self._clock.now() - index / self._fps * (1 + CLOCKS_APART)
        self._count += 1

    def close(self):
        """Nothing to close."""


def soak(model, hours):
    """Simulated hours of a whole show: pacing against a sound clock that is off, packets, memory."""
    clock, audio = Simulated(), personare.load(HELLO)
    watch = Watch(clock, 30)
    show = Show(Endless(0), [open_sink("livelink://127.0.0.1:9", fps=30), watch], model=model, clock=clock)
    sound, size = show.source.samples, audio.rate_hz // 4
    heard, next_report_s, first = 0, 600.0, None
    while heard < hours * 3600 * audio.rate_hz:
        until = clock.time + size / audio.rate_hz * (1 + CLOCKS_APART)
        while (wait := show.pacer.pump()) is not None and clock.time + wait <= until:
            clock.sleep(wait)
        clock.time = max(clock.time, until)
        show.hear(np.take(sound, np.arange(heard, heard + size), mode="wrap"))
        heard += size
        if heard / audio.rate_hz >= next_report_s:
            at = watch.restart(), resident_mb()
            first = first or at
            frames = show.pacer.shown + show.pacer.dropped + len(show.pacer.waiting)
            print(f"{model} {next_report_s / 3600:.2f} h: shown {show.pacer.shown}, dropped {show.pacer.dropped}, "
                  f"{heard / audio.rate_hz * 30 - frames:.1f} frames behind the sound, drift "
                  f"{1000 * (at[0] - first[0]):.2f} ms, memory {at[1]:.1f} MB, {at[1] - first[1]:+.1f}", flush=True)
            next_report_s = max(next_report_s + 1.0, min(next_report_s + 1800.0, hours * 3600))


def main():
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("latency", "sessions", "equal", "soak"))
    parser.add_argument("folder", nargs="?", default="examples")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--model", default="vox-live")
    options = parser.parse_args()
    {"latency": lambda: latency(options.model, options.minutes), "sessions": sessions,
     "equal": lambda: equal(options.folder), "soak": lambda: soak(options.model, options.hours)}[options.what]()


if __name__ == "__main__":
    main()
