"""The HTTP service under load: how long a file takes, how many live voices one thread carries, what stays in memory.

    python benchmarks/serve.py --seconds 10 --sessions 20 --requests 200

The service runs in a process of its own; times are wall and processor time of that process. Live voices send 33 ms a
message in real time over WebSockets.
"""

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import soundfile

from personare.audio.load import load, resample

ROOT = Path(__file__).parents[1]
STEP = 533      # samples, 33 ms at 16 kHz


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory_mb(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


class Service:
    """`personare serve` in a process of its own."""

    def __init__(self, model):
        with socket.create_server(("127.0.0.1", 0)) as place:
            self.port = place.getsockname()[1]
        self.process = subprocess.Popen([sys.executable, "-m", "personare", "serve", "--port", str(self.port),
                                         "--model", model, "--threads", "1", "-q"])
        self.pid = self.process.pid
        for _ in range(600):
            try:
                self.get("/health")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the service did not start")

    def get(self, path, body=None):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data=body, timeout=300) as answer:
            return answer.read()

    def close(self):
        self.process.terminate()
        self.process.wait(30)


def files(service, sound):
    for options in ("format=csv", "format=glb", "format=mp4&size=512"):
        times = []
        for _ in range(4):
            before, begin = cpu_s(service.pid), time.monotonic()
            size = len(service.get(f"/v1/animate?{options}", sound))
            times.append((time.monotonic() - begin, cpu_s(service.pid) - before))
        wall, spent = np.median(times[1:], 0)       # the first one compiles and loads
        print(f"{options}: {wall:.2f} s, {spent:.2f} s of processor time, {size / 1e6:.2f} MB")


def voices(service, pcm, count, seconds):
    from websockets.sync.client import connect

    late_ms, ends = [], []

    def one(begin):
        with connect(f"ws://127.0.0.1:{service.port}/v1/live?rate=16000", max_queue=None) as session:
            def send():
                for i in range(0, len(pcm), 2 * STEP):
                    time.sleep(max(0, begin + (i / 2 + STEP) / 16000 - time.monotonic()))
                    session.send(pcm[i:i + 2 * STEP])
                session.send('{"type": "end"}')

            sender = threading.Thread(target=send)
            sender.start()
            while (told := json.loads(session.recv(60)))["type"] != "end":
                if told["type"] == "frame":
                    late_ms.append(1000 * (time.monotonic() - begin - told["time"]))
            ends.append(told["frames"])
            sender.join()

    before, begin = cpu_s(service.pid), time.monotonic() + 0.5
    threads = [threading.Thread(target=one, args=(begin + 0.0017 * i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = cpu_s(service.pid) - before
    print(f"{count} live voices of {seconds:g} s: {min(ends)}..{max(ends)} frames each, "
          f"{1000 * spent / count / seconds:.1f} ms of processor time for each second of sound; from sound to frame "
          f"{np.median(late_ms):.0f} ms median, {np.percentile(late_ms, 95):.0f} ms at the 95th percentile")


def memory(service, sound, count):
    for _ in range(20):
        service.get("/v1/animate?format=csv", sound)
    before = memory_mb(service.pid)
    for i in range(count):
        service.get(f"/v1/animate?format={('csv', 'json', 'npz')[i % 3]}", sound)
    print(f"memory: {before:.0f} MB after 20 requests, {memory_mb(service.pid) - before:+.1f} MB after {count} more")


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=float, default=10)
    asked.add_argument("--sessions", type=int, default=20)
    asked.add_argument("--requests", type=int, default=200)
    asked.add_argument("--model", default="vox-live")
    asked = asked.parse_args()
    audio = resample(load(ROOT / "examples" / "hello.wav"), 16000)
    samples = np.tile(audio.samples, 1 + int(asked.seconds))[:int(16000 * asked.seconds)]
    pcm = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
    path = Path("serve-benchmark.wav")
    soundfile.write(path, pcm, 16000)
    sound = path.read_bytes()
    path.unlink()
    service = Service(asked.model)
    try:
        print(f"{asked.seconds:g} s of speech, model {asked.model}, one computing thread")
        files(service, sound)
        memory(service, sound, asked.requests)
        voices(service, pcm.tobytes(), asked.sessions, asked.seconds)
    finally:
        service.close()


if __name__ == "__main__":
    main()
