"""Where live sound goes on to: a socket as raw samples, or a loudspeaker. A show hands it over when it is due."""

import socket
import threading
import time
from contextlib import suppress
from queue import Empty, Full, Queue

import numpy as np

from personare.audio.resampling import Resampler
from personare.errors import InputError, MissingExtra
from personare.live.sources import address_of

# Pieces of 10 ms that may wait for a socket: two seconds, then the oldest go.
_MOST_WAITING = 200
_RETRY_S, _WAIT_S = 0.5, 0.1
# What is asked of a device: enough that it does not run dry while Python is busy, less than the quickest model's delay.
_LATENCY_S = 0.030
# What a loudspeaker keeps in hand against jitter, and what may wait at most, seconds. What has waited for a second and
# was not needed, after a hole or since the clock of the device is slow, is left out.
_MARGIN_S, _MOST_AHEAD_S, _WATCH_S = 0.010, 0.060, 1.0


def pcm_of(samples):
    """16-bit little-endian bytes of (n,) float32."""
    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


class TcpSound:
    """Raw 16-bit little-endian mono samples to a program that listens; one that is restarted is found again.

    Sound for a receiver that is not there is lost, so that the rest stays in time.

    Args:
        text: tcp://HOST:PORT, ?rate=48000 for another rate than the source's.

    Attributes:
        connected: whether somebody listens.
        dropped: pieces that nobody took.
    """

    def __init__(self, text):
        self._host, self._port, rate_hz = address_of(text)
        self._rate_hz = rate_hz if "rate=" in text else None
        try:
            socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise InputError("--to", expected="a host that is known", got=f"{self._host}: {error.strerror or error}",
                             remedy="use its address, such as 127.0.0.1") from error
        self._queue, self._open, self.connected, self.dropped = Queue(_MOST_WAITING), True, False, 0
        self._resampler = None
        self._thread = threading.Thread(target=self._deliver, name="personare-sound", daemon=True)
        self._thread.start()

    def send(self, index, motion):
        """Frames are not sent here."""

    def play(self, samples, rate_hz):
        """Send (n,) float32 now."""
        if self._rate_hz and self._rate_hz != rate_hz:
            self._resampler = self._resampler or Resampler(rate_hz, self._rate_hz)
            samples = self._resampler.push(samples)
        content = pcm_of(samples)
        while content:
            try:
                self._queue.put_nowait(content)
                return
            except Full:
                with suppress(Empty):
                    self._queue.get_nowait()
                    self.dropped += 1

    def _deliver(self):
        peer, tried_at = None, -np.inf
        while self._open or not self._queue.empty():
            if peer is None and time.monotonic() - tried_at > _RETRY_S:
                tried_at, peer = time.monotonic(), self._connection()
                self.connected = peer is not None
            try:
                content = self._queue.get(timeout=_WAIT_S)
            except Empty:
                continue
            if peer is None:
                self.dropped += 1
                continue
            try:
                peer.sendall(content)
            except OSError:
                peer.close()
                peer, self.connected = None, False
        if peer is not None:
            peer.close()

    def _connection(self):
        try:
            peer = socket.create_connection((self._host, self._port), timeout=_RETRY_S)
        except OSError:
            return None
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(2.0)
        return peer

    def close(self):
        """Send what is left, and hang up."""
        self._open = False
        self._thread.join(3)


class Loudspeaker:
    """The default loudspeaker or one by name or number; a device that goes away is waited for.

    Args:
        device: None, a number or a part of its name; `python -m sounddevice` lists them.

    Attributes:
        lead_s: seconds from play() to being heard: the device's own latency and a margin against jitter.
        missed, skipped: times that it had nothing to play, and samples left out to be in time again.
    """

    def __init__(self, device=None):
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: PortAudio itself is missing
            raise MissingExtra("the loudspeaker", package="sounddevice (and PortAudio)", extra="live") from error
        self._library = sounddevice
        self._device = int(device) if device and device.isdecimal() else device
        self._lock, self._held, self._playing = threading.Lock(), np.zeros(0, np.float32), False
        self._stream, self._opener, self._tried_at = None, None, -np.inf
        self.lead_s, self.missed, self.skipped = _MARGIN_S, 0, 0
        try:
            self._library.query_devices(self._device, "output")
        except (ValueError, self._library.PortAudioError) as error:
            raise InputError("--to audio", expected="a loudspeaker that can be opened", got=str(error).split("\n")[0],
                             remedy="name one as in audio:1; python -m sounddevice lists them") from error

    def send(self, index, motion):
        """Frames are not sent here."""

    def play(self, samples, rate_hz):
        """Play (n,) float32 behind what is played now."""
        if self._stream is None or not self._stream.active:
            self._reopen(rate_hz)
        with self._lock:
            self._held = np.concatenate([self._held, samples])
            excess = len(self._held) - int(_MOST_AHEAD_S * rate_hz)
            if excess > 0:
                self._held = self._held[excess:]
                self.skipped += excess

    def _reopen(self, rate_hz):
        """Open the device on a thread, since that takes a while."""
        opening = self._opener is not None and self._opener.is_alive()
        if not opening and time.monotonic() - self._tried_at > _RETRY_S:
            self._tried_at = time.monotonic()
            self._opener = threading.Thread(target=self._open, args=(rate_hz,), daemon=True)
            self._opener.start()

    def _open(self, rate_hz):
        margin, watch = int(_MARGIN_S * rate_hz), int(_WATCH_S * rate_hz)
        least, watched = watch, 0

        def fill(out, count, *_):
            nonlocal least, watched
            with self._lock:
                # After a hole it waits until there is a margin again, else every piece would come too late.
                self._playing = len(self._held) >= (1 if self._playing else margin)
                piece, self._held = np.split(self._held, [count if self._playing else 0])
                least, watched = min(least, len(self._held)), watched + count
                if watched >= watch:
                    self._held = self._held[least if least > margin else 0:]
                    self.skipped += least if least > margin else 0
                    least, watched = watch, 0
            self.missed += self._playing and len(piece) < count
            out[:len(piece), 0], out[len(piece):, 0] = piece, 0

        with suppress(self._library.PortAudioError):
            if self._stream is not None:
                self._stream.close()
            self._stream = None
            stream = self._library.OutputStream(samplerate=rate_hz, channels=1, dtype="float32",
                                                latency=_LATENCY_S, device=self._device, callback=fill)
            stream.start()
            self.lead_s, self._stream = float(stream.latency) + _MARGIN_S, stream

    def close(self):
        """Play what is left, and let the device go."""
        if self._opener is not None:
            self._opener.join(2)
        if self._stream is not None:
            with suppress(self._library.PortAudioError):
                end = time.monotonic() + 2 * _MOST_AHEAD_S
                while len(self._held) and self._stream.active and time.monotonic() < end:
                    time.sleep(_MARGIN_S)
                self._stream.stop()
                self._stream.close()
