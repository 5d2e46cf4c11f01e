"""Where live frames go: packets over UDP, lines of JSON, a recorded take. A sink that fails is left out, not fatal."""

import json
import socket
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from personare.errors import InputError, MissingExtra
from personare.live import packets
from personare.live.asked import Control, IFacialMocapPhone
from personare.live.speakers import Loudspeaker, TcpSound
from personare.motion.pieces import joined
from personare.motion.retarget import convert

# A device id of 36 characters, as the app's: public readers take that length for granted.
DEVICE = str(uuid.uuid5(uuid.NAMESPACE_DNS, "personare")).upper()
# Port that each receiver listens on unless told otherwise.
PORTS = {"livelink": 11111, "vmc": 39539, "facegood": 43014, "ifacialmocap": 49983}
_MOST_RECORDED = 60 * 3600 * 4      # frames: four hours at 60 fps, 180 MB


def open_sink(text, *, fps):
    """Open a sink.

    Args:
        text: livelink://HOST[:PORT][?subject=NAME], vmc://HOST[:PORT][?avatar=vrm0|vrm1|perfect-sync],
            facegood://HOST[:PORT][?control=PORT], ifacialmocap://HOST[:PORT], or with ?listen=yes an address of this
            machine where receivers ask as they ask the phone, vts://HOST[:PORT], ws://HOST:PORT[?sound=yes] to serve
            browsers, json:- or json:PATH, or the path of a take to record
            (.csv, .npz, .json); for the sound, tcp://HOST:PORT[?rate=48000] or audio[:DEVICE].
        fps: frames a second, for time codes.

    Returns:
        An object with send(index, motion of one frame) and close(); with play(samples, rate in Hz) where it takes sound
        when its face is shown, with hear(samples, rate in Hz) where it takes it at once.

    Raises:
        InputError: no such sink, or the host is not known.
    """
    kind = text.partition(":")[0]
    if kind in PORTS and "://" in text:
        return _packet_sink(kind, text, fps)
    if kind == "json":
        return JsonLines(text.partition(":")[2])
    if kind == "ws" and "://" in text:
        from personare.live.websockets import WebSocketSink

        return WebSocketSink(text, fps=fps)
    if kind == "vts" and "://" in text:
        from personare.live.vtube import VTubeStudio

        return VTubeStudio(text)
    if kind == "tcp" and "://" in text:
        return TcpSound(text)
    if kind == "audio":
        return Loudspeaker(text.partition(":")[2] or None)
    if "://" in text:
        raise InputError("--to", expected="livelink://, vmc://, vts://, facegood://, ifacialmocap://, ws://, tcp://, "
                         "audio, json:- or a file name", got=f"'{text}'", remedy="see personare live --help")
    return Recording(text)


def _packet_sink(kind, text, fps):
    parts = urlsplit(text)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    try:
        host, port = parts.hostname or "127.0.0.1", PORTS[kind] if parts.port is None else parts.port
    except ValueError as error:
        raise InputError(text, expected="a port in 1..65535", got=str(error), remedy="check the address") from error
    subject = unquote(asked.get("subject", "personare"))
    if kind == "livelink":
        return LiveLink(host, port, fps, subject=subject, device=asked.get("device", DEVICE))
    if kind == "vmc":
        return Vmc(host, port, fps, avatar=asked.get("avatar", "vrm0"))
    if kind == "facegood":
        return FaceGood(host, port, control=_control_port(text, asked.get("control")))
    return IFacialMocapPhone(host, port) if asked.get("listen") == "yes" else IFacialMocap(host, port)


def _control_port(text, port):
    """Number of the port to be told on when to listen; None for none."""
    if port is None or (port.isdigit() and 0 <= int(port) <= 65535):
        return None if port is None else int(port)
    raise InputError(text, expected="a port, as in ?control=43015", got=f"'{port}'", remedy="check the address")


class _Udp:
    """Sends datagrams; a receiver that is not there, or comes back, makes no difference."""

    def __init__(self, host, port):
        try:
            family, _, _, _, self._address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise InputError("--to", expected="a host that is known", got=f"{host}: {error.strerror or error}",
                             remedy="use its address, such as 127.0.0.1") from error
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.sent = self.lost = 0

    def post(self, content):
        """Send one datagram; count it as lost where the system refuses it."""
        try:
            self._socket.sendto(content, self._address)
            self.sent += 1
        except OSError:
            self.lost += 1

    def close(self):
        """Close the socket."""
        self._socket.close()


class LiveLink(_Udp):
    """Live Link Face packets, for Unreal's Apple ARKit Face Support and other receivers."""

    def __init__(self, host, port, fps, *, subject="personare", device=DEVICE):
        super().__init__(host, port)
        for argument, name in (("subject", subject), ("device", device)):
            packets.checked_name(argument, name)
        self._fps, self._subject, self._device = fps, subject, device
        now = time.localtime()
        self._start_s = now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec + time.time() % 1

    def send(self, index, motion):
        """Send one frame."""
        self.post(packets.livelink(packets.livelink_values(motion)[0], device=self._device, subject=self._subject,
                                   time_s=self._start_s + index / self._fps, fps=self._fps))


class FaceGood(_Udp):
    """Packets of FACEGOOD's Unreal demo.

    Args:
        host, port: of the receiver.
        control: port on this machine on which Unreal says when to listen; None to listen always.

    Attributes:
        gate: asked.Control, or None.
    """

    def __init__(self, host, port, *, control=None):
        super().__init__(host, port)
        self.gate = None if control is None else Control("127.0.0.1", control)

    def send(self, index, motion):
        """Send one frame."""
        self.post(packets.facegood(convert(motion, "facegood-116-ue")[0].values[0]))

    def close(self):
        """Close the sockets."""
        if self.gate:
            self.gate.close()
        super().close()


class IFacialMocap(_Udp):
    """Text packets of iFacialMocap, read by add-ons for Blender and Unity."""

    def send(self, index, motion):
        """Send one frame."""
        self.post(packets.ifacialmocap(motion))


class Vmc(_Udp):
    """VMC protocol: clips and bones for VRM avatars (VSeeFace, Warudo, Unity receivers)."""

    def __init__(self, host, port, fps, *, avatar="vrm0"):
        try:
            from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
            from pythonosc.osc_message_builder import OscMessageBuilder
        except ImportError as error:
            raise MissingExtra("the VMC protocol", package="python-osc", extra="live") from error
        self._space, self._names = packets.vmc_names(avatar)
        super().__init__(host, port)
        self._fps, self._bundle, self._message, self._at = fps, OscBundleBuilder, OscMessageBuilder, IMMEDIATELY

    def send(self, index, motion):
        """Send one frame as one bundle."""
        weights = convert(motion, self._space)[0].values[0]
        bundle = self._bundle(self._at)
        for address, arguments in packets.vmc_messages(weights, self._names, motion, time_s=index / self._fps):
            message = self._message(address)
            for argument in arguments:
                message.add_arg(argument)
            bundle.add_content(message.build())
        self.post(bundle.build().dgram)


class JsonLines:
    """One JSON object a frame on standard output or in a file: time, weights by name, the head as 4x4 matrix."""

    def __init__(self, target):
        self._file = sys.stdout if target in ("", "-") else open(target, "w", encoding="utf8")  # noqa: SIM115

    def send(self, index, motion):
        """Write one frame."""
        line = {"frame": index, "time": round(index / motion.fps, 6), "weights": dict(zip(
            motion.space.columns, (round(float(v), 5) for v in motion.values[0]), strict=True))}
        if motion.head_pose is not None:
            line["head"] = np.round(motion.head_pose[0].astype(float), 6).tolist()
        print(json.dumps(line), file=self._file, flush=True)

    def close(self):
        """Close the file."""
        if self._file is not sys.stdout:
            self._file.close()


class Recording:
    """A take written when the performance ends, in any format that carries curves alone."""

    def __init__(self, path):
        from personare import registry

        self._path, self._frames = Path(path), []
        self._format = registry.format_of(path)
        if registry.row("export", self._format).needs:
            raise InputError("--to", expected="a format of curves, such as .csv, .npz or .json", got=str(path),
                             remedy="record one of those, and personare convert it afterwards")

    def send(self, index, motion):
        """Keep one frame."""
        if len(self._frames) < _MOST_RECORDED:
            self._frames.append(motion)

    def close(self):
        """Write the take."""
        from personare import registry
        from personare.types import Take

        if self._frames:
            motion = joined(self._frames)
            space = registry.row("export", self._format).space
            if space and space != motion.space.name:
                motion, _ = convert(motion, space)
            registry.load("export", self._format)(self._path, Take(motion, name=self._path.stem))
