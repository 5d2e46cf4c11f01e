"""Live: latency and lateness in real time, sessions on one core, hours of simulated time, receivers that come and go.

    python benchmarks/live.py latency [--minutes 10] [--model vox-live]
    python benchmarks/live.py sessions
    python benchmarks/live.py equal FOLDER
    python benchmarks/live.py soak [--hours 8]

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
from personare.motion.performance import Performance, joined, open_method

HELLO = Path(__file__).parents[1] / "examples/hello.wav"
RESTARTS = 20


class Endless:
    """A recording over and over, a chunk of 10 ms every 10 ms, as a microphone gives it."""

    live = True

    def __init__(self, seconds):
        audio = personare.load(HELLO)
        self.rate_hz, self._seconds = audio.rate_hz, seconds
        self._samples = np.concatenate([audio.samples, np.zeros(audio.rate_hz, np.float32)])

    def chunks(self):
        """Iterator of (n,) float32."""
        size = self.rate_hz // 100
        begin = time.monotonic()
        for i in range(int(self._seconds * 100)):
            time.sleep(max(0.0, begin + (i + 1) / 100 - time.monotonic()))
            yield np.take(self._samples, np.arange(i * size, (i + 1) * size), mode="wrap")

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
        print(f"{model} {name} ms: median {row[0]:.1f}, p95 {row[1]:.1f}, p99 {row[2]:.1f}", flush=True)
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


def soak(hours):
    """Simulated hours of one session: as many frames as the sound has, and no more memory."""
    audio = personare.load(HELLO)
    sound, size = audio.samples, audio.rate_hz // 10
    performance, heard, frames, start_mb = Performance("vox-live", from_hz=audio.rate_hz), 0, 0, None
    while heard < hours * 3600 * audio.rate_hz:
        at = heard % (len(sound) - size)
        frames += len(performance.push(sound[at:at + size]))
        heard += size
        if start_mb is None and heard > 600 * audio.rate_hz:
            start_mb = resident_mb()
    behind = heard / audio.rate_hz * 30 - frames
    print(f"{hours} hours: {frames} frames, {behind:.1f} behind the sound (look-ahead "
          f"{30 * performance.look_ahead_s:.1f}), memory {start_mb:.1f} to {resident_mb():.1f} MB")


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
     "equal": lambda: equal(options.folder), "soak": lambda: soak(options.hours)}[options.what]()


if __name__ == "__main__":
    main()
