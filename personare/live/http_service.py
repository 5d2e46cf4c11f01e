"""The HTTP service: sound files to curves, characters and films, and a WebSocket for sound that is being spoken."""

import logging
import socket

from personare.errors import InputError, MissingExtra
from personare.live.gate import Gate, checked_bind

PORT = 8080
# Ten seconds at 192 kHz are 3.8 MB.
LARGEST_MESSAGE = 4 << 20
# Connections beside those that jobs and sessions take: pages, scrapes, progress.
_SPARE_CONNECTIONS = 64


def open_service(host, jobs, *, bind="127.0.0.1", port=PORT, token=None):
    """The service, ready to run with `await server.serve(sockets=[place])`.

    Args:
        host: Host whose model speaks.
        jobs: Jobs for whole files; their orders are personare.live.orders.Order.
        bind: address to listen on.
        port: 0 for any that is free.
        token: what clients have to send; needed where other machines can connect.

    Returns:
        (uvicorn.Server, listening socket).

    Raises:
        MissingExtra: FastAPI, uvicorn or python-multipart are not installed. InputError: the port is taken, or the
            address is open to others without a token.
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtra("the HTTP service", package="fastapi, uvicorn and python-multipart",
                           extra="serve") from error
    from personare.live.http_routes import Routes, app_of

    checked_bind(bind, token)
    # It tells the log of every damaged form; the client is told.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    routes = Routes(host, jobs)
    gate = Gate(app_of(routes), bind=bind, token=token, idle_s=jobs.limits.idle_s, count=routes.count)
    config = uvicorn.Config(
        gate, http=_connection(jobs.limits.idle_s), ws="websockets-sansio", loop="asyncio", lifespan="off",
        access_log=False, log_config=None, log_level="warning", server_header=False, proxy_headers=False,
        ws_max_size=LARGEST_MESSAGE, ws_max_queue=4, ws_per_message_deflate=False, timeout_graceful_shutdown=2,
        backlog=128, limit_concurrency=2 * (host.limits.sessions + int(jobs.limits.jobs)) + _SPARE_CONNECTIONS)
    try:
        place = socket.create_server((bind, port), family=socket.AF_INET6 if ":" in bind else socket.AF_INET)
    except OSError as error:
        raise InputError("--port", expected="an address that is free", got=f"{bind}:{port}: {error.strerror or error}",
                         remedy="choose another port") from error
    return uvicorn.Server(config), place


def _connection(idle_s):
    """The class of uvicorn's connections, ended where no request comes, or only a part of one."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Connection(H11Protocol):
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

    return Connection
