"""`personare serve`: the model as a service that other programs talk to."""

import asyncio
from typing import Annotated

import typer

from personare.cli.apps import StoppedError, app
from personare.cli.options import JsonProgress, Model, Quiet
from personare.progress import Mode, Report


@app.command(epilog="Example: `personare serve --a2f`")
def serve(
    a2f: Annotated[bool, typer.Option("--a2f", help="NVIDIA Audio2Face-3D's gRPC service, for its clients and "
                                      "plug-ins.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 52000,
    bind: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    token: Annotated[str | None, typer.Option(envvar="PERSONARE_TOKEN", help="Ask clients for it, as `authorization: "
                                              "Bearer TOKEN`.")] = None,
    sessions: Annotated[int, typer.Option(min=1, max=10000, help="Voices at the same time.")] = 64,
    longest: Annotated[float, typer.Option(min=1, help="Seconds of sound in one session.")] = 3600.0,
    idle: Annotated[float, typer.Option(min=0.1, help="Seconds without a message until a session ends.")] = 30.0,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads that compute.")] = 2,
    model: Model = "vox",
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Serve many voices with one model, on this machine alone unless told otherwise. Ctrl-C ends it."""
    from personare.errors import InputError
    from personare.live.a2f_service import open_server
    from personare.live.voices import Host, Limits

    report = Report(Mode.of(quiet=quiet, json_lines=json_progress))
    if not a2f:
        raise InputError("serve", expected="a service to offer", got="none", remedy="add --a2f")
    host = Host(model, limits=Limits(sessions=sessions, sound_s=longest, idle_s=idle), threads=threads)

    async def run():
        server, taken = await open_server(host, bind=bind, port=port, token=token)
        report.say(f"Audio2Face-3D service on {bind}:{taken}, model {host.model}")
        try:
            await server.wait_for_termination()
        finally:
            await server.stop(0.5)

    try:
        asyncio.run(run())
    except StoppedError:
        report.say("stopped")
    finally:
        host.close()
