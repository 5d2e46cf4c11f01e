"""What stands before an HTTP service: who may enter, how long one may keep it waiting, and how many came.

An ASGI application around another one. Refusals are JSON: {"error": a word, "message": a sentence}.
"""

import asyncio
import hmac
import ipaddress
import json
import time
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from personare.errors import InputError

# Answered without a token: they tell nothing about what is done here.
OPEN_PATHS = ("/", "/docs", "/openapi.json", "/health")
# An upload that is refused is read on for so long, since many clients look for an answer only when they have sent all.
_DRAIN_S = 2.0


def is_loopback(host):
    """Whether an address or name leads to this machine alone."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def checked_bind(bind, token):
    """`bind`, where it is safe.

    Raises:
        InputError: other machines could connect, and no token is asked for.
    """
    if not is_loopback(bind) and not token:
        raise InputError("--bind", expected="an address of this machine alone, or a token that others must send",
                         got=f"{bind} and no token", remedy="add --token SECRET or set PERSONARE_TOKEN")
    return bind


async def drain(receive):
    """Read what is left of a request for a while, and forget it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass


class Gate:
    """Token, Host, Origin and patience.

    Args:
        app: ASGI application.
        bind: address that the server listens on; on a loopback address it must be called by such a name, which keeps
            out pages whose own name was made to lead here.
        token: asked of everybody as `authorization: Bearer TOKEN`, or `?token=` of a WebSocket; None for none.
        idle_s: seconds that a client may let an answer wait.
        count: called with (path of the route, status, seconds) after each request.
    """

    def __init__(self, app, *, bind, token, idle_s, count):
        self._app, self._bind, self._token, self._idle_s, self._count = app, bind, token, idle_s, count

    async def __call__(self, scope, receive, send):
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        status, begin, left = [500], time.monotonic(), False

        async def patient_send(message):
            nonlocal left
            if message["type"].endswith("response.start"):
                status[0] = message["status"]
            elif message["type"] == "websocket.accept":
                status[0] = 101
            try:
                async with asyncio.timeout(self._idle_s):
                    await send(message)
            except TimeoutError:
                left = True
                raise

        try:
            refusal = self._refusal(scope)
            if refusal:
                await _refuse(scope, receive, patient_send, *refusal)
            else:
                await self._app(scope, receive, patient_send)
        except Exception:
            # One that does not read is let go; that is no failure of ours to be logged as one.
            if not left:
                raise
        finally:
            self._count(getattr(scope.get("route"), "path", "other"), status[0], time.monotonic() - begin)

    def _refusal(self, scope):
        """None, or (status, word, sentence)."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        if is_loopback(self._bind) and not is_loopback(_name_of(host)):
            return 403, "forbidden", "host: expected a name of this machine, got another; call it 127.0.0.1"
        if origin is not None and _place_of(origin) != host:
            return 403, "forbidden", "origin: pages of other sites may not ask this service"
        if not self._token or (scope["path"] in OPEN_PATHS and scope["type"] == "http"):
            return None
        given = headers.get("authorization", "")
        if scope["type"] == "websocket" and not given:
            given = "Bearer " + parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return 401, "unauthorized", "token: expected the header 'authorization: Bearer TOKEN', got none or another"
        return None


def _place_of(address):
    try:
        return urlsplit(address).netloc
    except ValueError:
        return None


def _name_of(host):
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


async def _refuse(scope, receive, send, status, word, sentence):
    body = json.dumps({"error": word, "message": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    kind = "http"
    if scope["type"] == "websocket":
        kind = "websocket.http"
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": sentence[:100]})
            return
    elif not any(name == b"expect" for name, _ in scope["headers"]):
        await drain(receive)
    await send({"type": f"{kind}.response.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})
