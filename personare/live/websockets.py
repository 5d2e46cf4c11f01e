"""WebSockets for browsers and speech services: frames to many viewers, sound from one speaker at a time.

Both listen; a browser that opens the same address as http:// gets a page that shows the face, or asks for the
microphone. Pages of other sites are turned away by their Origin.
"""

import asyncio
import json
import logging
import threading
import time
from collections import deque
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from personare.audio.resampling import Resampler
from personare.errors import InputError, MissingExtra
from personare.live.sources import CHUNK_S, address_of, samples_of

PAGES = Path(__file__).parent / "pages"
MOST_CLIENTS, LARGEST_MESSAGE = 64, 1 << 20
# A viewer that has this many bytes waiting, some seconds of frames, is let go.
MOST_WAITING_BYTES = 1 << 18
# Sound that may wait to be played, seconds; then its sender is not read for a while.
MOST_WAITING_S = 300.0
# So long after the last sound another speaker may begin.
FLOOR_S = 1.0
_WAIT_S = 0.1
# A microphone whose clock runs fast is followed at this pace while less than that waits.
_CATCH_UP, _ALMOST_NOTHING_S, _LITTLE_S = 1.003, 0.05, 0.3
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Server:
    """A WebSocket server on a thread of its own."""

    def __init__(self, host, port, handler, page, argument):
        try:
            from websockets.asyncio.server import serve
        except ImportError as error:
            raise MissingExtra("WebSockets", package="websockets", extra="serve") from error
        self._host, self._page = host, (PAGES / page).read_bytes()
        self._loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
        self.clients = set()
        logger = logging.getLogger("personare.live.websockets")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        started, trouble = threading.Event(), []

        async def greet(connection):
            self.clients.add(connection)
            try:
                await handler(connection)
            finally:
                self.clients.discard(connection)

        async def run():
            try:
                server = await serve(greet, host, port, process_request=self._admit, max_size=LARGEST_MESSAGE,
                                     max_queue=4, compression=None, logger=logger, close_timeout=1)
            except OSError as error:
                trouble.append(error)
                return
            finally:
                started.set()
            self.port = server.sockets[0].getsockname()[1]
            started_port.set()
            async with server:
                await self._stop.wait()

        started_port = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(run(),), daemon=True)
        self._thread.start()
        started.wait()
        if trouble:
            self._thread.join()
            self._loop.close()
            raise InputError(argument, expected="an address that is free", got=f"{host}:{port}: {trouble[0].strerror}",
                             remedy="choose another port") from trouble[0]
        started_port.wait(5)

    def _admit(self, connection, request):
        """None for a WebSocket that may be opened; else a page, or a refusal."""
        from websockets.datastructures import Headers
        from websockets.http11 import Response

        def answer(status, reason, kind="text/plain", body=b""):
            head = Headers({"Content-Type": kind + "; charset=utf-8", "Content-Length": str(len(body)),
                            "Connection": "close", "X-Content-Type-Options": "nosniff"})
            return Response(status, reason, head, body)

        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if self._host in _LOOPBACK and urlsplit(f"//{host}").hostname not in _LOOPBACK:
            return answer(403, "Forbidden", body=b"open this page as 127.0.0.1\n")
        if origin is not None and urlsplit(origin).netloc != host:
            return answer(403, "Forbidden", body=b"pages of other sites may not connect\n")
        if "websocket" in request.headers.get("Upgrade", "").lower():
            return answer(503, "Service Unavailable") if len(self.clients) >= MOST_CLIENTS else None
        if request.path.partition("?")[0] == "/":
            return answer(200, "OK", "text/html", self._page)
        return answer(404, "Not Found", body=b"there is a page at / and a WebSocket\n")

    def call(self, work, *arguments):
        """Run work(*arguments) on the server's thread, later."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *arguments)

    def close(self):
        """Close every connection and stop listening."""
        if self._thread.is_alive():
            self.call(self._stop.set)
            self._thread.join(5)
        if not self._thread.is_alive() and not self._loop.is_closed():
            self._loop.close()


def header_message(motion, *, fps, rate_hz):
    """The text that stands before all frames like those of `motion`."""
    return json.dumps({"type": "header", "names": motion.space.columns, "fps": fps, "space": motion.space.name,
                       "rate": rate_hz})


def frame_message(index, motion, *, fps):
    """The text of one frame, the first of `motion`."""
    frame = {"type": "frame", "frame": index, "time": round(index / fps, 6),
             "weights": np.round(motion.values[0].astype(float), 5).tolist()}
    if motion.head_pose is not None:
        frame["head"] = np.round(motion.head_pose[0].astype(float), 6).ravel().tolist()
    return json.dumps(frame)


class WebSocketSink:
    """Frames as JSON to every viewer; with sound, also the sound of each frame, as 16-bit samples.

    First comes {"type": "header", "names", "fps", "space", "rate"}, then for each frame, after its sound as a binary
    message, {"type": "frame", "frame", "time", "weights", "head"}. A frame is sent when it is due, and so is its
    sound: picture and sound agree by themselves, whatever the model's look-ahead.

    Args:
        text: ws://HOST:PORT, ?sound=yes to pass the sound on.
        fps: frames a second.
    """

    def __init__(self, text, *, fps):
        host, port, _ = address_of(text)
        self._fps, self._with_sound = fps, parse_qs(urlsplit(text).query).get("sound", ["no"])[0] == "yes"
        self._sound, self._rate_hz, self._passed = deque(), None, 0
        self._greeted, self.dropped = set(), 0
        self._server = _Server(host, port, self._attend, "face.html", "--to")
        self.port = self._server.port

    async def _attend(self, connection):
        try:
            async for _ in connection:
                pass
        finally:
            self._greeted.discard(connection)

    def hear(self, samples, rate_hz):
        """Take sound that was heard now; it is passed on with its frames."""
        if self._with_sound:
            self._rate_hz = rate_hz
            self._sound.append(samples)

    def send(self, index, motion):
        """Send one frame, and the sound up to its end."""
        header = header_message(motion, fps=self._fps, rate_hz=self._rate_hz)
        messages = [frame_message(index, motion, fps=self._fps)]
        if self._with_sound and (sound := self._sound_until((index + 1) / self._fps)):
            messages.insert(0, sound)
        self._server.call(self._spread, header, messages)

    def _sound_until(self, time_s):
        """16-bit samples of the sound before that time which were not passed on yet."""
        wanted, pieces = round(time_s * (self._rate_hz or 0)) - self._passed, []
        while self._sound and wanted > 0:
            piece = self._sound.popleft()
            if len(piece) > wanted:
                self._sound.appendleft(piece[wanted:])
                piece = piece[:wanted]
            pieces.append(np.round(np.clip(piece, -1, 1) * 32767).astype("<i2").tobytes())
            wanted -= len(piece)
            self._passed += len(piece)
        return b"".join(pieces)

    def _spread(self, header, messages):
        from websockets.asyncio.server import broadcast

        for viewer in list(self._server.clients):
            if viewer.transport is None or viewer.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
                self.dropped += 1
                self._server.clients.discard(viewer)
                if viewer.transport is not None:
                    viewer.transport.abort()
                continue
            if viewer not in self._greeted:
                self._greeted.add(viewer)
                broadcast([viewer], header)
            for message in messages:
                broadcast([viewer], message)

    def close(self):
        """Close every connection."""
        self._server.close()


class WebSocketSource:
    """16-bit mono samples in binary messages, as fast as they come, played in their own time.

    A connection says its rate as ws://HOST:PORT/?rate=24000, else it is the source's. The text message
    {"type": "clear"} drops what waits, as when a speaker is interrupted. One speaks at a time: another is not read
    until what waits is played and a second has passed.

    Args:
        text: ws://HOST:PORT, ?rate=48000 with another rate.
        rate_hz: rate where the text says none.
    """

    live = True

    def __init__(self, text, *, rate_hz=16000):
        host, port, self.rate_hz = address_of(text, rate_hz)
        self._queue, self._count, self._lock = deque(), 0, threading.Lock()
        self._open, self._speaker, self._spoke_at = True, None, 0.0
        self._server = _Server(host, port, self._attend, "microphone.html", "--from")
        self.port = self._server.port

    async def _attend(self, connection):
        try:
            rate_hz = address_of(f"ws://any:1{urlsplit(connection.request.path)._replace(path='').geturl()}",
                                 self.rate_hz)[2]
        except InputError as error:
            await connection.close(1008, str(error)[:120])
            return
        resampler, rest = Resampler(rate_hz, self.rate_hz), b""
        try:
            async for message in connection:
                if isinstance(message, str):
                    self._command(message)
                    continue
                while self._open and not self._has_floor(connection):
                    await asyncio.sleep(_WAIT_S)
                samples, rest = samples_of(rest + message)
                self._add(resampler.push(samples))
                while self._open and self._count > MOST_WAITING_S * self.rate_hz:
                    await asyncio.sleep(_WAIT_S)
        finally:
            if self._speaker is connection:
                self._add(resampler.finish())
                self._speaker = None

    def _has_floor(self, connection):
        idle = not self._count and time.monotonic() - self._spoke_at > FLOOR_S
        if self._speaker is None or idle:
            self._speaker = connection
        self._spoke_at = time.monotonic() if self._speaker is connection else self._spoke_at
        return self._speaker is connection

    def _command(self, text):
        """Do what a text message asks; anything unknown is ignored."""
        try:
            command = json.loads(text[:1000])
        except (ValueError, RecursionError):
            return
        if isinstance(command, dict) and command.get("type") == "clear":
            with self._lock:
                self._queue.clear()
                self._count = 0

    def _add(self, samples):
        if len(samples):
            with self._lock:
                self._queue.append(samples)
                self._count += len(samples)

    def _take(self, count):
        """Up to count samples."""
        with self._lock:
            pieces = []
            while self._queue and count > 0:
                piece = self._queue.popleft()
                if len(piece) > count:
                    self._queue.appendleft(piece[count:])
                    piece = piece[:count]
                pieces.append(piece)
                count -= len(piece)
                self._count -= len(piece)
        return np.concatenate(pieces) if pieces else None

    def chunks(self):
        """Iterator of (n,) float32 in their own time, or None; goes on until closed."""
        size, due, idle_since = max(1, round(CHUNK_S * self.rate_hz)), None, time.monotonic()
        while self._open:
            now = time.monotonic()
            chunk = self._take(size) if due is None or now >= due else None
            if chunk is not None:
                waiting_s = self._count / self.rate_hz
                pace = _CATCH_UP if _ALMOST_NOTHING_S < waiting_s < _LITTLE_S else 1.0
                # A chunk exists once its last sample has been spoken.
                due = max(due or now, now - _WAIT_S) + len(chunk) / self.rate_hz / pace
                time.sleep(max(0.0, due - time.monotonic()))
                idle_since = time.monotonic()
                yield chunk
                continue
            due = None
            if now - idle_since > _WAIT_S:
                idle_since = now
                yield None
            time.sleep(CHUNK_S / 4)

    def close(self):
        """Stop listening."""
        self._open = False
        self._server.close()
