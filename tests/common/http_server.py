"""The HTTP service on a thread of its own, and a client of nothing but the standard library."""

import asyncio
import http.client
import json
import threading
import time
from urllib.parse import urlencode

from personare.cli.serve import maker
from personare.live.http_service import open_service
from personare.live.jobs import JobLimits, Jobs
from personare.live.voices import Host, Limits


class Served:
    """The service with the small model; `make` replaces what jobs do."""

    def __init__(self, *, token=None, sessions=8, sound_s=20, idle_s=5, make=None, threads=2, **limits):
        self.host = Host("vox-small-live", limits=Limits(sessions=sessions, sound_s=sound_s, idle_s=idle_s))
        self.jobs = Jobs(make or maker(self.host), threads=threads,
                         limits=JobLimits(sound_s=sound_s, idle_s=idle_s, **limits))
        self.server, place = open_service(self.host, self.jobs, port=0, token=token)
        self.port = place.getsockname()[1]
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve(sockets=[place])))
        self.thread.start()
        wait_until(lambda: self.server.started)

    def close(self):
        self.server.should_exit = True
        self.thread.join(20)
        self.jobs.close()
        self.host.close()
        assert not self.thread.is_alive()

    def ask(self, method, path, body=None, *, headers=None, **options):
        """(status, headers, body) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, f"{path}?{urlencode(options)}" if options else path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def refused(self, *words, **options):
        """(status, error, message) of a request that is refused."""
        status, headers, content = self.ask(*words, **options)
        told = json.loads(content)
        assert set(told) == {"error", "message"}
        assert headers["content-type"] == "application/json"
        return status, told["error"], told["message"]

    def figures(self):
        """name with labels -> value, of /metrics."""
        _, headers, content = self.ask("GET", "/metrics")
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = [line for line in content.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def wait_until(true, seconds=20.0):
    """Wait until true() is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def form(sound, **fields):
    """(body, headers) of a form with a file whose name is hostile."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in fields.items()]
    parts += [b'--x\r\nContent-Disposition: form-data; name="audio"; filename="../../evil.wav"\r\n'
              b'Content-Type: audio/wav\r\n\r\n', sound, b"\r\n--x--\r\n"]
    return b"".join(parts), {"content-type": "multipart/form-data; boundary=x"}
