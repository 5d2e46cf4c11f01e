"""What the HTTP service answers: results, jobs and their progress, figures, the page."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

from personare import registry
from personare.errors import AssetError, InputError, MissingExtra, PersonareError
from personare.live import http_live, prometheus
from personare.live.gate import drain
from personare.live.jobs import CancelledJob, LateError, SlowError
from personare.live.orders import KINDS, Order, order_of, said
from personare.live.uploads import receive_sound
from personare.live.voices import BusyError, LimitError

_HEARTBEAT_S, _BLOCK = 15.0, 1 << 16
# What is noted where a client went away before its answer; nobody reads it.
_GONE = 499
# Whose error is whose: type -> (status, word); the first that fits counts.
_STATUS = ((BusyError, 503, "busy"), (SlowError, 408, "slow"), (LateError, 504, "late"),
           (CancelledJob, 409, "cancelled"), (LimitError, 413, "limit"), (MissingExtra, 501, "extra"),
           (InputError, 422, "input"), (AssetError, 422, "input"))
_SOUND = {"description": "A sound or video file, any container and rate.", "type": "string", "format": "binary"}
_BODY = {"requestBody": {"required": True, "content": {
    "application/octet-stream": {"schema": _SOUND},
    "multipart/form-data": {"schema": {"type": "object", "required": ["audio"], "properties": {"audio": _SOUND},
                                       "description": "Options may be fields of the form, too."}}}}}
_FILES = {200: {"description": "The result.", "content": {kind: {} for kind in dict.fromkeys(KINDS.values())}}}
_WRONG = {"description": "What is wrong.", "content": {"application/json": {"schema": {
    "type": "object", "properties": {"error": {"type": "string"}, "message": {"type": "string"}}}}}}
_TROUBLES = {408: "The upload took too long.", 413: "Too many bytes or seconds.", 422: "A wrong option, or no sound.",
             503: "All places are taken; Retry-After says when to ask again.", 504: "Computing took too long."}


def app_of(routes):
    """The application of Routes."""
    app = FastAPI(title="personare", version="1", description="Speech in, a moving face out.", docs_url=None,
                  redoc_url=None)
    troubles = {status: {**_WRONG, "description": told} for status, told in _TROUBLES.items()}
    gone = {404: {**_WRONG, "description": "No such job, or its result was deleted."}}
    for method, path, work, more in (
            ("POST", "/v1/animate", routes.animate, {"openapi_extra": _BODY, "responses": _FILES | troubles}),
            ("POST", "/v1/jobs", routes.open_job, {"openapi_extra": _BODY, "status_code": 202, "responses": troubles}),
            ("GET", "/v1/jobs/{key}", routes.job, {"responses": gone}),
            ("GET", "/v1/jobs/{key}/events", routes.events, {"responses": gone}),
            ("GET", "/v1/jobs/{key}/result", routes.result, {"responses": _FILES | gone | {
                409: {**_WRONG, "description": "It is not done."}}}),
            ("DELETE", "/v1/jobs/{key}", routes.delete, {"status_code": 204, "responses": gone}),
            ("GET", "/health", routes.health, {}), ("GET", "/metrics", routes.metrics, {})):
        app.add_api_route(path, work, methods=[method], response_model=None, **more)
    for path in ("/", "/docs"):
        app.add_api_route(path, routes.page, methods=["GET"], include_in_schema=False, response_model=None)
    app.add_api_websocket_route("/v1/live", routes.live)
    for kind, answer in ((PersonareError, _wrong), (HTTPException, _no_such), (404, _no_such), (405, _no_such),
                         (RequestValidationError, _bad_query), (ClientDisconnect, _left), (Exception, _broken)):
        app.add_exception_handler(kind, answer)
    return app


def _answer(status, word, message):
    headers = {"Retry-After": "5"} if status == 503 else None
    return JSONResponse({"error": word, "message": message}, status, headers)


def _told(error):
    """(status, word, sentence) of an error."""
    status, word = next(((status, word) for kind, status, word in _STATUS if isinstance(error, kind)), (500, "server"))
    return status, word, str(error)


async def _wrong(request, error):
    return _answer(*_told(error))


async def _no_such(request, error):
    word = {404: "unknown", 405: "method"}.get(error.status_code, "request")
    return _answer(error.status_code, word, str(error.detail))


async def _bad_query(request, error):
    return _answer(*_told(said(error.errors())))


async def _left(request, error):
    return Response(status_code=_GONE)


async def _broken(request, error):
    return _answer(500, "server", "the server failed; its log says why")


class Routes:
    """What the service answers.

    Args:
        host: Host.
        jobs: Jobs.
    """

    def __init__(self, host, jobs):
        self._host, self._jobs, self._since = host, jobs, time.monotonic()
        self._requests, self._spent = Counter(), {}

    def count(self, path, status, spent_s):
        """Take note of one request; called by the Gate."""
        self._requests[path, status] += 1
        self._spent.setdefault(path, prometheus.Histogram()).observe(spent_s)

    async def animate(self, request: Request, order: Annotated[Order, Depends()]):
        """Send a sound file as the body, or as the file of a form; get the result as the answer."""
        job = await self._received(request)
        gone = asyncio.ensure_future(_until_gone(request))
        end = asyncio.ensure_future(job.end())
        try:
            await asyncio.wait({gone, end}, return_when=asyncio.FIRST_COMPLETED)
            if not end.done():
                return Response(status_code=_GONE)
            await end
            return _file(job)
        finally:
            gone.cancel()
            end.cancel()
            self._jobs.drop(job)

    async def open_job(self, request: Request, order: Annotated[Order, Depends()]):
        """The same, but get a job at once: {"id", "state", "stage", "value"}; its result is fetched later."""
        return JSONResponse((await self._received(request)).said(), 202)

    async def job(self, key: str):
        """State of a job: receiving, waiting, working, done, failed or cancelled."""
        return self._known(key).said()

    async def events(self, key: str):
        """Server-sent events: `progress` with stage and value, at the end `done`, `failed` or `cancelled`."""
        job = self._known(key)

        async def told():
            while not job.ended:
                news = asyncio.ensure_future(job.news())
                yield f"event: progress\ndata: {json.dumps(job.said())}\n\n"
                done, _ = await asyncio.wait({news}, timeout=_HEARTBEAT_S)
                if not done:
                    news.cancel()
                    yield ": still here\n\n"
            yield f"event: {job.state}\ndata: {json.dumps(job.said())}\n\n"

        return StreamingResponse(told(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def result(self, key: str):
        """The result of a job that is done; it can be fetched until it is deleted, by you or after some minutes."""
        job = self._known(key)
        if not job.ended:
            return _answer(409, "unfinished", f"job: expected one that is done, got one that is {job.state}; ask again")
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
        page = (Path(__file__).parent / "pages" / "api.html").read_text("utf8")
        return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'self' 'unsafe-inline' blob:; "
                                           "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff"})

    async def metrics(self):
        """Figures for Prometheus."""
        host, jobs, requests = self._host, self._jobs, self._requests
        failed = sum(count for (_, status), count in requests.items() if status >= 400)
        spent = [row for path, spent in self._spent.items() for row in spent.samples(path=path)]
        ends = [("", {"state": state}, jobs.counts[state]) for state in ("done", "failed", "cancelled")]
        families = [
            ("sessions", "gauge", "Live voices now.", host.open_voices),
            ("sessions_total", "counter", "Live voices so far.", host.counts["voices"]),
            ("jobs", "gauge", "Jobs that are held, by state.",
             [("", {"state": state}, count) for state, count in jobs.states().items()]),
            ("jobs_total", "counter", "Jobs that ended, by how.", ends),
            ("requests_total", "counter", "Requests, by route and status.",
             [("", {"path": path, "status": status}, count) for (path, status), count in requests.items()]),
            ("errors_total", "counter", "Requests and sessions that failed.", failed + host.counts["failed"]),
            ("refused_total", "counter", "Turned away for want of a place.",
             host.counts["refused"] + jobs.counts["refused"]),
            ("frames_total", "counter", "Frames of live voices.", host.counts["frames"]),
            ("sound_seconds_total", "counter", "Seconds of sound computed.",
             [("", {"kind": "live"}, host.counts["sound_ms"] / 1000),
              ("", {"kind": "files"}, jobs.counts["sound_ms"] / 1000)]),
            ("upload_bytes_total", "counter", "Bytes of sound files.", jobs.counts["sound_bytes"]),
            ("compute_seconds_total", "counter", "Processor time of voices, wall time of jobs.",
             [("", {"kind": "live"}, host.counts["compute_ms"] / 1000),
              ("", {"kind": "files"}, jobs.counts["work_ms"] / 1000)]),
            ("request_seconds", "histogram", "From a request's head to the end of its answer.", spent),
            ("job_seconds", "histogram", "From the end of an upload to the end of its job.", jobs.spent.samples()),
            ("live_latency_seconds", "histogram", "From the sound that makes a frame certain to the frame.",
             host.latency.samples()),
            ("up_seconds", "gauge", "Since the start.", round(time.monotonic() - self._since, 3))]
        return PlainTextResponse(prometheus.exposition(families), media_type=prometheus.TYPE)

    async def live(self, connection: WebSocket):
        """One voice, while it speaks."""
        await http_live.attend(connection, self._host, _told)

    def _known(self, key):
        if key not in self._jobs:
            raise HTTPException(404, "job: no such one, or its result was deleted")
        return self._jobs[key]

    async def _received(self, request):
        """A job in the queue whose sound is the body of a request."""
        job = None
        try:
            order, job = order_of(request.query_params), self._jobs.open()
            fields = await receive_sound(request, job.sound, self._jobs.limits)
            order = order_of({**request.query_params, **fields}) if fields else order
        except BaseException as error:  # whatever it is, the place is free again
            if job:
                self._jobs.drop(job)
            if isinstance(error, LimitError | BusyError) and "expect" not in request.headers:
                await drain(request.receive)
            raise
        self._jobs.start(job, order, "take" + registry.row("export", order.format).suffix)
        return job


async def _until_gone(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _file(job):
    """The result of a job; it goes out whole even where the job is dropped meanwhile."""
    file = open(job.result, "rb")  # noqa: SIM115

    def blocks():
        with file:
            while block := file.read(_BLOCK):
                yield block

    headers = {"Content-Length": str(job.result.stat().st_size),
               "Content-Disposition": f'attachment; filename="{job.result.name}"'}
    if job.warning:
        headers["Personare-Warning"] = " ".join(job.warning.encode("ascii", "replace").decode().split())
    return StreamingResponse(blocks(), media_type=KINDS[job.order.format], headers=headers)
