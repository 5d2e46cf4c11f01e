"""Sinks that somebody asks: a face app on a phone, and FACEGOOD's control port that says when to listen."""

import ipaddress
import socket
import threading

from personare.errors import InputError
from personare.live import packets

IFACIALMOCAP_PORT = 49983
GREETING = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
# Receivers served at a time; one more takes the place of the one that asked longest ago.
MOST_RECEIVERS = 8
_LARGEST_QUESTION = 2048


def _bound(host, port, argument):
    """A UDP socket that listens."""
    listening = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        listening = socket.socket(family, socket.SOCK_DGRAM)
        listening.bind(address)
    except OSError as error:
        if listening:
            listening.close()
        raise InputError(argument, expected="an address of this machine that is free",
                         got=f"{host}:{port}: {error.strerror or error}", remedy="choose another port") from error
    listening.setblocking(False)
    return listening


class IFacialMocapPhone:
    """What the iFacialMocap app does: waits for receivers that greet it, and sends them every frame from then on.

    A receiver on another machine gets its frames at port 49983, as the app has it; one on this machine, where that port
    is taken, at the port it asked from. One that asks for version 2 gets that. Only machines of the local network are
    answered, so that nobody can turn the stream on others.

    Args:
        host, port: address to listen on.

    Attributes:
        port: the port.
        sent, lost: datagrams.
    """

    def __init__(self, host, port=IFACIALMOCAP_PORT):
        self._socket = _bound(host, port, "--to")
        self.port = self._socket.getsockname()[1]
        self._receivers, self.sent, self.lost = {}, 0, 0

    def send(self, index, motion):
        """Answer new receivers, then send one frame to each."""
        self._answer()
        made = {}
        for address, version in self._receivers.items():
            if version not in made:
                made[version] = packets.ifacialmocap(motion, version=version)
            try:
                self._socket.sendto(made[version], address)
                self.sent += 1
            except OSError:
                self.lost += 1

    def _answer(self):
        for _ in range(64):
            try:
                content, address = self._socket.recvfrom(_LARGEST_QUESTION)
            except OSError:
                return
            greeting, _, asked = content.partition(b"|")
            if greeting != GREETING or not _is_near(address[0]):
                continue
            port = address[1] if ipaddress.ip_address(address[0].partition("%")[0]).is_loopback else IFACIALMOCAP_PORT
            receiver = (address[0], port, *address[2:])
            self._receivers.pop(receiver, None)
            while len(self._receivers) >= MOST_RECEIVERS:
                self._receivers.pop(next(iter(self._receivers)))
            self._receivers[receiver] = 2 if b"sendDataVersion=v2" in asked else 1

    def close(self):
        """Close the socket."""
        self._socket.close()


def _is_near(host):
    """Whether an address is of this machine or of a local network."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return address.is_loopback or address.is_private or address.is_link_local


class Control:
    """FACEGOOD's control port: Unreal says when the speaker begins and ends; in between there is silence.

    Args:
        host, port: address to listen on; FACEGOOD's is 127.0.0.1:43015.

    Attributes:
        port: the port.
        open: whether sound is let through; False until Unreal says so.
    """

    def __init__(self, host, port):
        self._socket = _bound(host, port, "control")
        self.port, self.open = self._socket.getsockname()[1], False
        self._socket.settimeout(0.2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="personare-control", daemon=True)
        self._thread.start()

    def _listen(self):
        while not self._stop.is_set():
            try:
                said = packets.facegood_command(self._socket.recvfrom(_LARGEST_QUESTION)[0])
            except OSError:
                continue
            if said:
                self.open = said == "begin"

    def close(self):
        """Stop listening."""
        self._stop.set()
        self._thread.join(1)
        self._socket.close()
