"""`personare serve`: the model as a service that other programs talk to."""

import asyncio
import warnings
from dataclasses import replace
from functools import lru_cache
from typing import Annotated

import typer

from personare.cli.apps import StoppedError, app
from personare.cli.options import FaceName, JsonProgress, Model, Quiet, share_of
from personare.errors import PersonareError
from personare.progress import Mode, Report

# Models and faces that were asked for by name and are kept open.
_KEPT = 4


@app.command(epilog="Examples: `personare serve`, `personare serve --a2f`")
def serve(
    a2f: Annotated[bool, typer.Option("--a2f", help="NVIDIA Audio2Face-3D's gRPC service instead of HTTP, for its "
                                      "clients and plug-ins.")] = False,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; default 8080, or 52000 with "
                                             "--a2f.")] = None,
    bind: Annotated[str, typer.Option("--bind", "--host", help="Address to listen on; 0.0.0.0 lets other machines in, "
                                      "and then HTTP needs a token.")] = "127.0.0.1",
    token: Annotated[str | None, typer.Option(envvar="PERSONARE_TOKEN", help="Ask clients for it, as `authorization: "
                                              "Bearer TOKEN`.")] = None,
    sessions: Annotated[int, typer.Option(min=1, max=10000, help="Live voices at the same time.")] = 64,
    jobs: Annotated[int, typer.Option(min=1, max=10000, help="Files received, waiting or computed at the same time.")]
    = 16,
    longest: Annotated[float, typer.Option(min=1, help="Seconds of sound in one session or file.")] = 3600.0,
    largest: Annotated[float, typer.Option(min=0.001, help="Megabytes of one upload.")] = 64.0,
    time: Annotated[float, typer.Option(min=1, help="Seconds that one upload may take, and so long again computing.")]
    = 600.0,
    idle: Annotated[float, typer.Option(min=0.1, help="Seconds without a message until a session or upload ends.")]
    = 30.0,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads that compute.")] = 2,
    model: Model = "vox",
    face: FaceName = "sona",
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Serve many voices with one model, on this machine alone unless told otherwise. Ctrl-C ends it."""
    from personare.api import open_face
    from personare.live.jobs import JobLimits
    from personare.live.voices import Host, Limits

    report = Report(Mode.of(quiet=quiet, json_lines=json_progress))
    host = Host(model, limits=Limits(sessions=sessions, sound_s=longest, idle_s=idle), threads=threads,
                share=known_share(open_face(face), report.warning))
    where = {"bind": bind, "token": token, **({} if port is None else {"port": port})}
    limits = JobLimits(body_bytes=round(largest * 1e6), sound_s=longest, wall_s=time, idle_s=idle, jobs=jobs)
    try:
        asyncio.run(_serve_a2f(host, report, where) if a2f
                    else _serve_http(host, report, where, make=maker(host, face=face), limits=limits, threads=threads))
    except StoppedError:
        report.say("stopped")
    finally:
        host.close()


def known_share(face, warn):
    """What of a Face's codes is upper face; None, and a word on it, where that cannot be told: the rest is served."""
    try:
        return share_of(face)
    except PersonareError as error:
        warn(f"no strengths of lips and upper face: {error}")
        return None


async def _serve_a2f(host, report, where):
    from personare.live.a2f_service import open_server

    server, port = await open_server(host, **where)
    report.say(f"Audio2Face-3D service on {where['bind']}:{port}, model {host.model}")
    try:
        await server.wait_for_termination()
    finally:
        await server.stop(0.5)


async def _serve_http(host, report, where, *, make, limits, threads):
    from personare.live.http_service import open_service
    from personare.live.jobs import Jobs

    jobs, show = Jobs(make, limits=limits, threads=threads), warnings.showwarning
    # What is wrong with a client's sound is told to the client.
    warnings.showwarning = lambda message, *rest, **more: jobs.warn(message) or show(message, *rest, **more)
    try:
        server, place = open_service(host, jobs, **where)
        name = f"[{where['bind']}]" if ":" in where["bind"] else where["bind"]
        report.say(f"HTTP service on http://{name}:{place.getsockname()[1]}, model {host.model}; its page is at /docs")
        await server.serve(sockets=[place])
    finally:
        warnings.showwarning = show
        jobs.close()


def maker(host, *, face="sona"):
    """What makes the result of a job: the same animate and save as everywhere.

    Args:
        host: Host whose model is used where an order names none.
        face: name or path of the face where an order names none.

    Returns:
        make(sound path, result path, order, stage -> progress callback) for personare.live.jobs.Jobs.
    """
    from personare import api
    from personare.motion.performance import open_method

    opened_method, opened_face = lru_cache(_KEPT)(open_method), lru_cache(_KEPT)(api.open_face)
    kept_share = lru_cache(_KEPT)(lambda shown: known_share(shown, warnings.warn))

    def make(sound, result, order, stage):
        method = host.method if order.model is None else opened_method(order.model)
        shown = opened_face(face if order.face is None else order.face)
        audio = api.open_stream(sound)
        options = order.manner.options()
        strengths = options["strengths"]
        if (strengths.lips, strengths.upper) != (1, 1):
            options["strengths"] = replace(strengths, share=kept_share(shown))
        motion = api.animate(audio, model=method, **options, progress=stage("listen"))
        api.save(motion, result, audio=audio, face=shown, format=order.format, size=order.pixels,
                 progress=stage(f"write {order.format}"))

    opened_face(face)       # a face that is not there is told of now, not to every client
    return make
