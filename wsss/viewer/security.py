"""Security of the page: who may ask, and what a browser may do with the answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "[::1]")

_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
     b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)  # fmt: skip


def allowed_hosts(listen: str, extra: Collection[str] = ()) -> set[str]:
    """Return the names by which the page may be called, in lower case.

    Args:
        listen: The address that the server listens on.
        extra: Names that the user adds.
    """
    own = f"[{listen}]" if ":" in listen else listen
    return {name.lower() for name in (*LOCAL, own, *extra)}


class Guard:
    """Answers only requests that read, and only under an allowed host name.

    So a foreign page cannot read the answers by pointing its own name to this server. If the server listens on every
    address, bare addresses are allowed too: no foreign name can stand for one.

    Args:
        app: The application to guard.
        hosts: From `allowed_hosts`.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, set(hosts)
        self._any_address = bool(self._hosts & {"0.0.0.0", "[::]"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI), or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._allowed(host):
            text = f"this page is not called {host or 'nothing'}; start it with --allow-host NAME"
            await PlainTextResponse(text, status_code=403)(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            await PlainTextResponse("only reading is possible here", status_code=405)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _allowed(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if name in self._hosts:
            return True
        if not self._any_address:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True
