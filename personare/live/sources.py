"""Sound as it comes: a microphone, a file played in its own time, raw samples from a pipe or a socket.

A source is opened by its text and gives chunks of (n,) float32 at `rate_hz` until the sound ends. `None` in between
means that nothing has come for a while.
"""

import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from urllib.parse import parse_qs, urlsplit

import numpy as np

from personare.audio.resampling import checked_rate
from personare.errors import InputError, MissingExtra

CHUNK_S = 0.010
_WAIT_S = 0.1
_MOST_WAITING = 500         # chunks of a microphone that nobody takes: five seconds, then the oldest go
_LARGEST_READ = 1 << 13
_LARGEST_DATAGRAM = 1 << 16
# A speaker who says nothing for so long makes way for another.
FLOOR_S = 1.0
# A microphone that says nothing for so long is opened anew, and so often where that fails.
_DEAF_S, _RETRY_S = 2.0, 1.0


def open_source(text, *, rate_hz=16000):
    """Open a source.

    Args:
        text: "mic" or "mic:DEVICE"; "-" for 16-bit mono little-endian samples on standard input; tcp://HOST:PORT,
            udp://HOST:PORT or ws://HOST:PORT to listen there for the same, ?rate=48000 with another rate; else the
            path of a file.
        rate_hz: rate of raw samples where the text does not say it.

    Returns:
        An object with rate_hz, live (False for a file), chunks() and close().

    Raises:
        InputError: no such source, or the address is taken. MissingExtra: the microphone needs sounddevice.
    """
    kind, _, rest = text.partition(":")
    if kind == "mic":
        return Microphone(rest or None, rate_hz)
    if text == "-":
        return RawStream(sys.stdin.buffer, rate_hz)
    if kind in ("tcp", "udp") and rest.startswith("//"):
        host, port, rate = address_of(text, rate_hz)
        return (TcpServer if kind == "tcp" else UdpServer)(host, port, rate)
    if kind == "ws" and rest.startswith("//"):
        from personare.live.websockets import WebSocketSource

        return WebSocketSource(text, rate_hz=rate_hz)
    if "://" in text:
        raise InputError("--from", expected="mic, a file, -, tcp://HOST:PORT or udp://HOST:PORT", got=f"'{text}'",
                         remedy="see personare live --help")
    return PlayedFile(text)


def address_of(text, rate_hz=16000):
    """(host, port, rate in Hz) of an address such as tcp://127.0.0.1:9000?rate=48000.

    Raises:
        InputError: no port, or a rate out of range.
    """
    parts = urlsplit(text)
    try:
        port, rate = parts.port, int(parse_qs(parts.query).get("rate", [rate_hz])[0])
    except ValueError as error:
        raise InputError(text, expected="an address such as tcp://127.0.0.1:9000?rate=16000", got=str(error),
                         remedy="check host, port and rate") from error
    if port is None:
        raise InputError(text, expected="an address with a port", got="none", remedy="append one, as in :9000")
    return parts.hostname or "127.0.0.1", port, checked_rate("rate", rate)


class PlayedFile:
    """A sound or video file in its own time: a chunk of 10 ms every 10 ms.

    Args:
        path: of the file.
        clock: what tells and waits for the time; see personare.live.clock.
        hurry: give everything at once, as a speech synthesiser does.
    """

    live = False

    def __init__(self, path, *, clock=time, hurry=False):
        from personare.audio.load import open_stream

        self._stream, self._hurry = open_stream(Path(path)), hurry
        self._now = getattr(clock, "now", None) or clock.monotonic
        self._sleep = clock.sleep
        self.rate_hz = self._stream.rate_hz

    def chunks(self):
        """Iterator of (n,) float32."""
        size, begin, given = max(1, round(CHUNK_S * self.rate_hz)), self._now(), 0
        for block in self._stream.chunks():
            for start in range(0, len(block), size):
                chunk = block[start:start + size]
                given += len(chunk)
                # A chunk exists once its last sample has been spoken.
                wait = begin + given / self.rate_hz - self._now()
                if wait > 0 and not self._hurry:
                    self._sleep(wait)
                yield chunk

    def close(self):
        """Nothing to close."""


class RawStream:
    """16-bit little-endian mono samples from an open binary file, as they come."""

    live = True

    def __init__(self, file, rate_hz):
        self._file, self.rate_hz = file, checked_rate("rate", rate_hz)

    def chunks(self):
        """Iterator of (n,) float32; ends with the file."""
        rest = b""
        read = getattr(self._file, "read1", self._file.read)
        while content := read(_LARGEST_READ):
            samples, rest = samples_of(rest + content)
            if len(samples):
                yield samples

    def close(self):
        """The file stays open: it belongs to whoever opened it."""


class TcpServer:
    """Raw samples from whoever connects, one after the other; the face rests in between.

    Who is connected and says nothing for a second makes way for the next.
    """

    live = True

    def __init__(self, host, port, rate_hz):
        self.rate_hz = rate_hz
        self._socket = _bound(socket.SOCK_STREAM, host, port)
        self._socket.listen(8)
        self._socket.settimeout(_WAIT_S)
        self.port = self._socket.getsockname()[1]
        self._open = True

    def chunks(self):
        """Iterator of (n,) float32 or None; goes on until closed."""
        while self._open:
            try:
                peer, _ = self._socket.accept()
            except TimeoutError:
                yield None
                continue
            except OSError:
                return
            with peer:
                peer.settimeout(_WAIT_S)
                yield from self._of(peer)

    def _of(self, peer):
        rest, spoke_at = b"", time.monotonic()
        while self._open:
            try:
                content = peer.recv(_LARGEST_READ)
            except TimeoutError:
                yield None
                if time.monotonic() - spoke_at > FLOOR_S and self._is_awaited():
                    return
                continue
            except OSError:
                return
            spoke_at = time.monotonic()
            if not content:
                return
            samples, rest = samples_of(rest + content)
            yield samples

    def _is_awaited(self):
        """Whether somebody else wants to connect."""
        try:
            return bool(select.select([self._socket], [], [], 0)[0])
        except (OSError, ValueError):  # closed meanwhile
            return False

    def close(self):
        """Stop listening."""
        self._open = False
        self._socket.close()


class UdpServer:
    """Raw samples in datagrams; one of an odd number of bytes is ignored.

    One address is heard at a time: another only when that has said nothing for a second.
    """

    live = True

    def __init__(self, host, port, rate_hz):
        self.rate_hz = rate_hz
        self._socket = _bound(socket.SOCK_DGRAM, host, port)
        self._socket.settimeout(_WAIT_S)
        self.port = self._socket.getsockname()[1]
        self._open = True

    def chunks(self):
        """Iterator of (n,) float32 or None; goes on until closed."""
        speaker, spoke_at = None, -FLOOR_S
        while self._open:
            try:
                content, address = self._socket.recvfrom(_LARGEST_DATAGRAM)
            except TimeoutError:
                yield None
                continue
            except ConnectionError:     # what Windows says of a speaker who is gone
                continue
            except OSError:
                return
            now = time.monotonic()
            if len(content) % 2 or not content or (address != speaker and now - spoke_at < FLOOR_S):
                continue
            speaker, spoke_at = address, now
            yield samples_of(content)[0]

    def close(self):
        """Stop listening."""
        self._open = False
        self._socket.close()


class Microphone:
    """The default microphone or one by name or number; a device that goes away is waited for."""

    live = True

    def __init__(self, device, rate_hz):
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: PortAudio itself is missing
            raise MissingExtra("the microphone", package="sounddevice (and PortAudio)", extra="live") from error
        self._library, self.rate_hz = sounddevice, rate_hz
        self._device = int(device) if device and device.isdecimal() else device
        self._queue, self._open = Queue(_MOST_WAITING), True
        self._stream = self._opened()

    def _opened(self):
        def heard(samples, *_):
            try:
                self._queue.put_nowait(samples[:, 0].copy())
            except Full:
                self._queue.get_nowait()

        try:
            stream = self._library.InputStream(samplerate=self.rate_hz, channels=1, dtype="float32",
                                               blocksize=round(CHUNK_S * self.rate_hz), device=self._device,
                                               latency="low", callback=heard)
            stream.start()
        except self._library.PortAudioError as error:
            raise InputError("--from mic", expected="a microphone that can be opened", got=str(error).split("\n")[0],
                             remedy="name one as in mic:1; python -m sounddevice lists them") from error
        return stream

    def chunks(self):
        """Iterator of (n,) float32 or None; goes on until closed."""
        heard_at = retry_at = time.monotonic()
        while self._open:
            try:
                chunk = self._queue.get(timeout=_WAIT_S)
            except Empty:
                yield None
                now = time.monotonic()
                # Some systems say of a device that is gone that it is active still.
                gone = now - heard_at > _DEAF_S or self._stream is None or not self._stream.active
                if self._open and gone and now >= retry_at:
                    retry_at = now + _RETRY_S
                    self._reopen()
                continue
            heard_at = time.monotonic()
            yield chunk

    def _reopen(self):
        self._let_go()
        try:
            self._stream = self._opened()
        except InputError:
            return

    def _let_go(self):
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(self._library.PortAudioError):    # a device that is gone cannot be closed either
                stream.close()

    def close(self):
        """Let the device go."""
        self._open = False
        self._let_go()


def samples_of(content):
    """(n,) float32 of 16-bit little-endian samples, and the odd byte that is left over."""
    whole = len(content) // 2 * 2
    return np.frombuffer(content[:whole], "<i2").astype(np.float32) / 32768, content[whole:]


def _bound(kind, host, port):
    made = None
    try:
        family = socket.getaddrinfo(host, port, type=kind)[0][0]
        made = socket.socket(family, kind)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError as error:
        if made is not None:
            made.close()
        raise InputError("--from", expected="an address that is free", got=f"{host}:{port}: {error.strerror or error}",
                         remedy="choose another port") from error
    return made
