"""A client of Audio2Face-3D written from the wire format alone: field numbers and types, no descriptor of the service.

Nothing of personare is imported: bytes are put together and taken apart by hand.
"""

import struct
from contextlib import suppress

METHOD = "/nvidia_ace.services.a2f_controller.v1.A2FControllerService/ProcessAudioStream"


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def number(field, value):
    return varint(field << 3) + varint(value)


def real(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def part(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def mapped(field, values):
    return b"".join(part(field, part(1, name) + real(2, value)) for name, value in values.items())


def header(rate_hz=16000, *, face=None, processing=b"", multipliers=None, offsets=None, clamps=None, transition_s=None,
           beginning=None, channels=1, bits=16):
    """AudioStream with a header: 1 audio_header, 2 face, 3 post-processing, 4 blend shapes, 5 emotion."""
    audio = number(1, 0) + number(2, channels) + number(3, rate_hz) + number(4, bits)
    shapes = mapped(1, multipliers or {}) + mapped(2, offsets or {})
    shapes += b"" if clamps is None else number(3, clamps)
    emotion = (b"" if transition_s is None else real(1, transition_s)) + mapped(2, beginning or {})
    return part(1, part(1, audio) + part(2, mapped(1, face or {})) + part(3, processing) + part(4, shapes)
                + part(5, emotion))


def sound(pcm, emotions=()):
    """AudioStream with sound: emotions are (time code, {name: strength})."""
    keys = b"".join(part(2, double(1, time_s) + mapped(2, mixture)) for time_s, mixture in emotions)
    return part(2, part(1, pcm) + keys)


END = part(3, b"")


def fields(content):
    """[(field, value)] of a message: numbers, or bytes."""
    out, at = [], 0

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = content[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(content):
        key = take()
        kind = key & 7
        if kind == 0:
            value = take()
        elif kind == 2:
            size = take()
            value = content[at:at + size]
            at += size
        else:
            size = {1: 8, 5: 4}[kind]
            value = struct.unpack("<d" if kind == 1 else "<f", content[at:at + size])[0]
            at += size
        out.append((key >> 3, value))
    return out


def all_of(content, *path):
    """Values at a path of field numbers."""
    found = [content]
    for field in path:
        found = [value for inner in found for at, value in fields(inner) if at == field]
    return found


def floats(content):
    return struct.unpack(f"<{len(content) // 4}f", content)


class Answer:
    """What came back: names, times, weights (t, 68), sound, emotions, order of parts, status code and message."""

    def __init__(self, received):
        self.parts = [fields(content)[0][0] for content in received]
        self.names = [name.decode() for content in received for name in all_of(content, 1, 2, 1)]
        self.rate_hz = next(iter(v for c in received for v in all_of(c, 1, 1, 3)), None)
        self.started = next(iter(v for c in received for v in all_of(c, 1, 3)), None)
        frames = [frame for content in received for frame in all_of(content, 2, 1, 1)]
        self.times = [(all_of(frame, 1) or [0.0])[0] for frame in frames]
        self.weights = [floats(all_of(frame, 2)[0]) for frame in frames]
        self.sound = b"".join(piece for content in received for piece in all_of(content, 2, 2, 2))
        self.emotions = []
        for content in received:
            for entry in all_of(content, 2, 4):
                assert all_of(entry, 1) == [b"emotion_aggregate"]
                assert all_of(entry, 2, 1) == [b"type.googleapis.com/nvidia_ace.emotion_aggregate.v1.EmotionAggregate"]
                felt = all_of(all_of(entry, 2, 2)[0], 3, 2)
                self.emotions.append({all_of(f, 1)[0].decode(): (all_of(f, 2) or [0.0])[0] for f in felt})
        status = [content for content in received if fields(content)[0][0] == 4]
        self.code = (all_of(status[-1], 4, 1) or [0])[0] if status else None
        self.message = all_of(status[-1], 4, 2)[0].decode() if status else ""


def ask(channel, requests, *, timeout=60, metadata=None):
    """Send AudioStream messages.

    Returns:
        (Answer, gRPC status code, its details).
    """
    import grpc

    call, received = channel.stream_stream(METHOD)(iter(requests), timeout=timeout, metadata=metadata), []
    with suppress(grpc.RpcError):
        received.extend(call)
    return Answer(received), call.code(), call.details()
