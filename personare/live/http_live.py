"""The WebSocket of the HTTP service: 16-bit samples in, a header and one JSON text a frame out."""

import asyncio
import json
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from personare.errors import InputError, PersonareError
from personare.live.orders import manner_of
from personare.live.sources import samples_of
from personare.live.voices import or_trouble
from personare.live.websockets import frame_message, header_message

_LONGEST_TEXT = 1000


async def attend(connection, host, told):
    """One voice from its first sample to its last frame.

    Args:
        connection: Starlette's WebSocket.
        host: Host whose model speaks.
        told: error -> (status, word, sentence).
    """
    await connection.accept()
    voice = reading = None
    try:
        options = {name: value for name, value in connection.query_params.items() if name != "token"}
        rate_hz, manner = _rate_of(options.pop("rate", "16000")), manner_of(options)
        voice = host.open(rate_hz=rate_hz, **manner.options())
        reading = asyncio.ensure_future(_feed(connection, host, voice))
        await _show(connection, voice, reading)
        await connection.close()
    except (WebSocketDisconnect, ClientDisconnect):
        pass
    except TimeoutError:
        host.counts["failed"] += 1
        await _part(connection, 408, "slow", f"expected a message or a reader within {host.limits.idle_s:g} s")
    except PersonareError as error:
        host.counts["failed"] += 1
        await _part(connection, *told(error))
    finally:
        if reading:
            reading.cancel()
        if voice:
            voice.close()


def _rate_of(text):
    if not text.isdecimal() or len(text) > 6:
        raise InputError("rate", expected="a whole number of samples a second", got=repr(text)[:40], remedy="see /docs")
    return int(text)


async def _show(connection, voice, reading):
    frames, index = voice.frames(), 0
    while (motion := await or_trouble(anext(frames, None), reading)) is not None:
        if not index:
            await connection.send_text(header_message(motion, fps=voice.fps, rate_hz=voice.rate_hz))
        for i in range(len(motion)):
            await connection.send_text(frame_message(index, motion.frames(i, i + 1), fps=voice.fps))
            index += 1
    await connection.send_text(json.dumps({"type": "end", "frames": index}))


async def _feed(connection, host, voice):
    rest = b""
    while True:
        async with asyncio.timeout(host.limits.idle_s):
            message = await connection.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        if message.get("bytes") is not None:
            samples, rest = samples_of(rest + message["bytes"])
            await voice.hear(samples)
        elif _ends(message["text"]):
            voice.end()
            return
        else:
            raise InputError("message", expected='binary samples or {"type": "end"}', got="another text",
                             remedy="see /docs")


def _ends(text):
    """Whether a text message says that the sound has ended."""
    try:
        return len(text) <= _LONGEST_TEXT and json.loads(text) == {"type": "end"}
    except (ValueError, RecursionError):
        return False


async def _part(connection, status, word, message):
    """Say what is wrong on a WebSocket and close it."""
    with suppress(RuntimeError, WebSocketDisconnect, ClientDisconnect, TimeoutError):
        await connection.send_text(json.dumps({"type": "error", "error": word, "message": message}))
        await connection.close({503: 1013, 500: 1011}.get(status, 1008), word)
