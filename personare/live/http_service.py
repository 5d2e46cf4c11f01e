"""The HTTP service: sound files to curves, characters and films, and a WebSocket for sound that is being spoken.

Import this where FastAPI and uvicorn are there (extra `serve`); open_service says so where they are not.
"""

import asyncio
import json
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query, Request, WebSocket
from fastapi.exceptions import HTTPException, RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from personare.errors import InputError, MissingExtra, PersonareError
from personare.live.gate import Gate, checked_bind, drain
from personare.live.jobs import CancelledJob, LateError
from personare.live.sources import samples_of
from personare.live.voices import BusyError, LimitError, or_trouble
from personare.live.websockets import frame_message, header_message
from personare.motion.layers import STILL, Layers

PORT = 8080
KINDS = {"csv": "text/csv", "json": "application/json", "npz": "application/octet-stream", "glb": "model/gltf-binary",
         "mp4": "video/mp4"}
# Ten seconds at 192 kHz are 3.8 MB.
_LARGEST_MESSAGE, _HEARTBEAT_S, _BLOCK = 4 << 20, 15.0, 1 << 16
# Whose error is whose: type -> (status, word); the first that fits counts.
_STATUS = ((BusyError, 503, "busy"), (LateError, 504, "late"), (CancelledJob, 409, "cancelled"),
           (LimitError, 413, "limit"), (MissingExtra, 501, "extra"), (InputError, 422, "input"))
# Names alone: a client must not make the server read a file of its choice.
_NAME, _FACE = r"^[A-Za-z0-9_-]{1,64}$", r"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64})?$"
_FEELING = r"^[A-Za-z]{1,20}(:\d?\.?\d{1,4})?(, ?[A-Za-z]{1,20}(:\d?\.?\d{1,4})?){0,20}$"


@dataclass(frozen=True)
class Manner:
    """How a voice is performed, as the command line's options of the same names."""

    fps: Annotated[float, Query(ge=1, le=240, description="Frames a second.")] = 30.0
    seed: Annotated[int, Query(ge=0, le=2**31, description="Another number, other blinks and glances.")] = 0
    blink: Annotated[float, Query(ge=0, le=2, description="How often the eyes close.")] = 1.0
    gaze: Annotated[float, Query(ge=0, le=2, description="Size of glances.")] = 1.0
    head: Annotated[float, Query(ge=0, le=2, description="Size of head motion.")] = 1.0
    brows: Annotated[float, Query(ge=0, le=2, description="Size of brow raises.")] = 1.0
    still: Annotated[bool, Query(description="Lips only.")] = False
    emotion: Annotated[str | None, Query(pattern=_FEELING, max_length=400, description="joy:0.5,surprise:0.3")] = None
    articulation: Annotated[float, Query(ge=0.3, le=2, description="0.5 mumbles, 1.5 exaggerates.")] = 1.0
    style: Annotated[str | None, Query(pattern=_NAME, description="For models that have styles: a name.")] = None

    def options(self):
        """Options of Performance."""
        layers = STILL if self.still else Layers(blink=self.blink, gaze=self.gaze, head=self.head, brows=self.brows,
                                                 seed=self.seed)
        return {"fps": self.fps, "layers": layers, "emotion": self.emotion, "articulation": self.articulation,
                "style": self.style}


@dataclass(frozen=True)
class Order:
    """What a client wants made of its sound."""

    manner: Annotated[Manner, Depends()]
    format: Annotated[Literal[tuple(KINDS)], Query(description="csv, json, npz, glb or mp4.")] = "csv"
    model: Annotated[str | None, Query(pattern=_NAME, description="Name of a model; default the server's.")] = None
    face: Annotated[str | None, Query(pattern=_FACE, description="Name of a face; default the server's.")] = None
    size: Annotated[str, Query(pattern=r"^\d{2,4}(x\d{2,4})?$", description="Pixels of a film.")] = "512"


def open_service(host, jobs, *, bind="127.0.0.1", port=PORT, token=None):
    """The service, ready to run with `await server.serve(sockets=[place])`.

    Args:
        host: Host whose model speaks.
        jobs: Jobs for whole files.
        bind: address to listen on.
        port: 0 for any that is free.
        token: what clients have to send; needed where other machines can connect.

    Returns:
        (uvicorn.Server, listening socket).

    Raises:
        InputError: the port is taken, or the address is open to others without a token.
    """
    checked_bind(bind, token)
    routes = _Routes(host, jobs)
    gate = Gate(_app(routes), bind=bind, token=token, idle_s=jobs.limits.idle_s, count=routes.count)
    idle_s = jobs.limits.idle_s

    class Connection(H11Protocol):
        """A connection that ends where no request comes, or only a part of one."""

        def connection_made(self, transport):
            super().connection_made(transport)
            self._watch(object())

        def _watch(self, before):
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if before is self.cycle and (self.cycle is None or self.cycle.response_complete):
                self.transport.close()
                return
            self.loop.call_later(idle_s, self._watch, self.cycle)

    config = Config(gate, http=Connection, ws="websockets-sansio", loop="asyncio", lifespan="off", access_log=False,
                    log_config=None, log_level="warning", server_header=False, proxy_headers=False,
                    ws_max_size=_LARGEST_MESSAGE, ws_max_queue=4, ws_per_message_deflate=False,
                    timeout_graceful_shutdown=2, backlog=128)
    try:
        place = socket.create_server((bind, port), family=socket.AF_INET6 if ":" in bind else socket.AF_INET)
    except OSError as error:
        raise InputError("--port", expected="an address that is free", got=f"{bind}:{port}: {error.strerror or error}",
                         remedy="choose another port") from error
    return Server(config), place


def _app(routes):
    app = FastAPI(title="personare", version="1", description="Speech in, a moving face out.", docs_url=None,
                  redoc_url=None)
    sound = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
        "type": "string", "format": "binary", "description": "A sound or video file, any container and rate."}}}}}
    files = {200: {"description": "The result.", "content": {kind: {} for kind in KINDS.values()}}}
    for method, path, work, more in (
            ("POST", "/v1/animate", routes.animate, {"openapi_extra": sound, "responses": files}),
            ("POST", "/v1/jobs", routes.open_job, {"openapi_extra": sound, "status_code": 202}),
            ("GET", "/v1/jobs/{key}", routes.job, {}), ("GET", "/v1/jobs/{key}/events", routes.events, {}),
            ("GET", "/v1/jobs/{key}/result", routes.result, {"responses": files}),
            ("DELETE", "/v1/jobs/{key}", routes.delete, {"status_code": 204}), ("GET", "/health", routes.health, {}),
            ("GET", "/metrics", routes.metrics, {})):
        app.add_api_route(path, work, methods=[method], response_model=None, **more)
    app.add_api_route("/docs", routes.page, methods=["GET"], include_in_schema=False, response_model=None)
    app.add_api_websocket_route("/v1/live", routes.live)
    for kind, answer in ((PersonareError, _wrong), (HTTPException, _no_such), (404, _no_such), (405, _no_such),
                         (RequestValidationError, _bad_query), (WebSocketRequestValidationError, _bad_greeting),
                         (Exception, _broken)):
        app.add_exception_handler(kind, answer)
    return app


def _said(status, word, message):
    headers = {"Retry-After": "5"} if status == 503 else None
    return JSONResponse({"error": word, "message": message}, status, headers)


def _told(error):
    """(status, word, sentence) of an error."""
    status, word = next(((status, word) for kind, status, word in _STATUS if isinstance(error, kind)), (500, "server"))
    return status, word, str(error)


async def _wrong(request, error):
    return _said(*_told(error))


async def _no_such(request, error):
    return _said(error.status_code, {404: "unknown", 405: "method"}.get(error.status_code, "request"), str(error.detail))


async def _broken(request, error):
    return _said(500, "server", "the server failed; its log says why")


def _first_trouble(error):
    trouble = error.errors()[0]
    return f"{trouble['loc'][-1]}: {trouble['msg']}; see /docs"


async def _bad_query(request, error):
    return _said(422, "input", _first_trouble(error))


async def _bad_greeting(connection, error):
    await connection.accept()
    await _part(connection, 422, "input", _first_trouble(error))


async def _part(connection, status, word, message):
    """Say what is wrong on a WebSocket and close it."""
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        await connection.send_text(json.dumps({"type": "error", "error": word, "message": message}))
        await connection.close({503: 1013, 500: 1011}.get(status, 1008), word)


class _Routes:
    """What the service answers."""

    def __init__(self, host, jobs):
        self._host, self._jobs, self._requests, self._since = host, jobs, Counter(), time.monotonic()

    def count(self, path, status):
        """Take note of one request."""
        self._requests[path, status] += 1

    async def animate(self, request: Request, order: Annotated[Order, Depends()]):
        """Send a sound file as the body, get the result as the answer."""
        job = await self._received(request, order)
        gone = asyncio.ensure_future(_until_gone(request))
        end = asyncio.ensure_future(job.end())
        try:
            await asyncio.wait({gone, end}, return_when=asyncio.FIRST_COMPLETED)
            if not end.done():
                raise ClientDisconnect
            await end
            return _file(job)
        finally:
            gone.cancel()
            end.cancel()
            self._jobs.drop(job)

    async def open_job(self, request: Request, order: Annotated[Order, Depends()]):
        """Send a sound file as the body, get a job at once: {"id", "state", "stage", "value"}."""
        return JSONResponse((await self._received(request, order)).said(), 202)

    async def job(self, key: str):
        """State of a job."""
        return self._known(key).said()

    async def events(self, key: str):
        """Server-sent events: `progress` with stage and value, at the end `done`, `failed` or `cancelled`."""
        job = self._known(key)

        async def told():
            while not job.ended:
                yield f"event: progress\ndata: {json.dumps(job.said())}\n\n"
                try:
                    await asyncio.wait_for(job.news(), _HEARTBEAT_S)
                except TimeoutError:
                    yield ": still here\n\n"
            yield f"event: {job.state}\ndata: {json.dumps(job.said())}\n\n"

        return StreamingResponse(told(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def result(self, key: str):
        """The result of a job that is done; 409 while it is not."""
        job = self._known(key)
        if not job.ended:
            return _said(409, "unfinished", f"job: expected one that is done, got one that is {job.state}; ask again")
        await job.end()
        return _file(job)

    async def delete(self, key: str):
        """Cancel a job, and delete what there is of it."""
        self._jobs.drop(self._known(key))
        return Response(status_code=204)

    async def health(self):
        """Whether the service is there, and with which model."""
        return {"status": "ok", "model": Path(self._host.model).name}

    async def page(self):
        """The operations for people."""
        return HTMLResponse((Path(__file__).parent / "pages" / "api.html").read_text("utf8"))

    async def metrics(self):
        """Figures for Prometheus."""
        host, jobs = self._host, self._jobs
        rows = [("sessions", "gauge", {"": host.open_voices}),
                ("jobs", "gauge", {f'{{state="{state}"}}': count for state, count in jobs.states().items()}),
                ("requests_total", "counter", {f'{{path="{path}",status="{status}"}}': count
                                               for (path, status), count in self._requests.items()}),
                ("errors_total", "counter", {"": sum(count for (_, status), count in self._requests.items()
                                                     if status >= 400) + host.counts["failed"] + jobs.counts["failed"]}),
                ("refused_total", "counter", {"": host.counts["refused"] + jobs.counts["refused"]}),
                ("frames_total", "counter", {"": host.counts["frames"]}),
                ("sound_seconds_total", "counter", {'{kind="live"}': host.counts["sound_ms"] / 1000,
                                                    '{kind="files"}': jobs.counts["sound_ms"] / 1000}),
                ("upload_bytes_total", "counter", {"": jobs.counts["sound_bytes"]}),
                ("compute_seconds_total", "counter", {'{kind="live"}': host.counts["compute_ms"] / 1000,
                                                      '{kind="files"}': jobs.counts["work_ms"] / 1000}),
                ("up_seconds", "gauge", {"": round(time.monotonic() - self._since, 3)})]
        lines = [line for name, kind, values in rows for line in (
            f"# TYPE personare_{name} {kind}", *(f"personare_{name}{label} {value}" for label, value in values.items()))]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def live(self, connection: WebSocket, manner: Annotated[Manner, Depends()],
                   rate: Annotated[int, Query(ge=8000, le=192000)] = 16000):
        """One voice: binary messages of 16-bit samples in, a header and one JSON text a frame out."""
        await connection.accept()
        voice = reading = None
        try:
            voice = self._host.open(rate_hz=rate, **manner.options())
            reading = asyncio.ensure_future(self._feed(connection, voice))
            await self._show(connection, voice, reading, manner.fps)
            await connection.close()
        except (WebSocketDisconnect, ClientDisconnect):
            pass
        except TimeoutError:
            await _part(connection, 408, "late", f"expected a message or a reader within {self._host.limits.idle_s:g} s")
        except PersonareError as error:
            self._host.counts["failed"] += 1
            await _part(connection, *_told(error))
        finally:
            if reading:
                reading.cancel()
            if voice:
                voice.close()

    async def _show(self, connection, voice, reading, fps):
        frames, index = voice.frames(), 0
        while (motion := await or_trouble(anext(frames, None), reading)) is not None:
            if not index:
                await connection.send_text(header_message(motion, fps=fps, rate_hz=voice.rate_hz))
            for i in range(len(motion)):
                await connection.send_text(frame_message(index, motion.frames(i, i + 1), fps=fps))
                index += 1
        await connection.send_text(json.dumps({"type": "end", "frames": index}))

    async def _feed(self, connection, voice):
        rest = b""
        while True:
            message = await asyncio.wait_for(connection.receive(), self._host.limits.idle_s)
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            if message.get("bytes") is not None:
                samples, rest = samples_of(rest + message["bytes"])
                await voice.hear(samples)
            elif json.loads(message["text"]) == {"type": "end"} if _is_json(message["text"]) else False:
                voice.end()
                return
            else:
                raise InputError("message", expected='binary samples or {"type": "end"}', got="another text",
                                 remedy="see /docs")

    def _known(self, key):
        if key not in self._jobs:
            raise HTTPException(404, "job: no such one, or its result was deleted")
        return self._jobs[key]

    async def _received(self, request, order):
        """A job in the queue whose sound is the body of a request."""
        limits, job = self._jobs.limits, None
        try:
            length = request.headers.get("content-length", "")
            if length.isdecimal() and int(length) > limits.body_bytes:
                raise _too_large(limits)
            job = self._jobs.open(order, f"take.{order.format}")
            try:
                async with asyncio.timeout(limits.wall_s):
                    await self._write(request, job)
            except TimeoutError as error:
                raise LateError(f"body: expected all of it within {limits.wall_s:g} s, and something every "
                                f"{limits.idle_s:g} s, got less; send it faster") from error
        except (PersonareError, ClientDisconnect, asyncio.CancelledError) as error:
            if job:
                self._jobs.drop(job)
            if isinstance(error, LimitError | BusyError) and "expect" not in request.headers:
                await drain(request.receive)
            raise
        self._jobs.start(job)
        return job

    async def _write(self, request, job):
        limits, stream, size = self._jobs.limits, request.stream(), 0
        with open(job.sound, "wb") as file:
            while chunk := await asyncio.wait_for(anext(stream, b""), limits.idle_s):
                size += len(chunk)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                file.write(chunk)
        if not size:
            raise InputError("body", expected="a sound or video file", got="nothing", remedy="send it as the body")


def _is_json(text):
    try:
        return isinstance(json.loads(text[:1000]), dict)
    except (ValueError, RecursionError):
        return False


def _too_large(limits):
    return LimitError(f"body: expected at most {limits.body_bytes / 1e6:g} MB, got more; send a compressed or shorter file")


async def _until_gone(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _file(job):
    """The result of a job; it goes out whole even where the job is dropped meanwhile, or its client sees that it is cut."""
    file = open(job.result, "rb")  # noqa: SIM115

    def blocks():
        with file:
            while block := file.read(_BLOCK):
                yield block

    return StreamingResponse(blocks(), media_type=KINDS[job.order.format], headers={
        "Content-Length": str(job.result.stat().st_size),
        "Content-Disposition": f'attachment; filename="{job.result.name}"'})


def plain(order):
    """An Order as plain data, for logs."""
    return asdict(order)
