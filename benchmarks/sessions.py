"""How many live voices one core carries through the Audio2Face-3D service: sound paced in real time over gRPC.

    python benchmarks/sessions.py --sessions 20 --seconds 10

The service runs in a process of its own; its whole processor time (network, model, messages) is divided by seconds of
sound and sessions. Messages hold 33 ms of sound.
"""

import argparse
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

import personare

ROOT = Path(__file__).parents[1]


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--sessions", type=int, default=20)
    asked.add_argument("--seconds", type=float, default=10)
    asked.add_argument("--model", default="vox-live")
    asked.add_argument("--port", type=int, default=52017)
    asked = asked.parse_args()
    import grpc

    sys.path.append(str(ROOT / "tests" / "common"))
    import a2f_client as client

    server = subprocess.Popen([sys.executable, "-m", "personare", "serve", "--a2f", "--port", str(asked.port),
                               "--model", asked.model, "--threads", "1", "-q"])
    audio = personare.load(ROOT / "examples" / "hello.wav")
    audio = personare.audio.load.resample(audio, 16000)
    pcm = np.round(np.clip(np.tile(audio.samples, 1 + int(asked.seconds)), -1, 1) * 32767).astype("<i2")
    pcm = pcm[:int(16000 * asked.seconds)].tobytes()
    channel = grpc.insecure_channel(f"127.0.0.1:{asked.port}")
    grpc.channel_ready_future(channel).result(60)
    counts, step = [], 2 * 533

    def one(begin):
        def requests():
            yield client.header(16000)
            for i in range(0, len(pcm), step):
                time.sleep(max(0, begin + (i + step) / 32000 - time.monotonic()))
                yield client.sound(pcm[i:i + step])
            yield client.END

        answer, code, _ = client.ask(channel, requests(), timeout=asked.seconds + 60)
        counts.append((code.name, len(answer.times), time.monotonic() - begin))

    before, begin = cpu_s(server.pid), time.monotonic() + 0.5
    threads = [threading.Thread(target=one, args=(begin + 0.0017 * i,)) for i in range(asked.sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = cpu_s(server.pid) - before
    server.terminate()
    server.wait()
    codes, frames, ends = zip(*counts, strict=True)
    print(f"{asked.sessions} sessions of {asked.seconds:g} s, model {asked.model}: {', '.join(set(codes))}, "
          f"{min(frames)}..{max(frames)} frames, last at {max(ends):.2f} s")
    print(f"processor: {1000 * spent / asked.sessions / asked.seconds:.1f} ms for each second of sound and session")


if __name__ == "__main__":
    main()
