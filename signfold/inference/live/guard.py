"""Who may talk to the server: requests with its token, to its own name, from its own page."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The page may load its own files alone, and no other page may frame it or read from it.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses every request that does not come from the page of this server.

    - The address begins with the token, so that no other user of the machine, and no other page, finds it.
    - `Host` is an IP address, localhost or the server's own name: another site whose name was made to lead here
      (DNS rebinding) has a name of its own.
    - `Origin` is the server itself; it may be missing where a browser leaves it out, when a page is opened.

    Parameters
    ----------
    app
        What answers the other requests.
    token
        First part of every path.
    name
        The host that the server was told to listen on.
    """

    def __init__(self, app: ASGIApp, token: str, name: str) -> None:
        self._app, self._token, self._name = app, token, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):  # the server's own start and end
            await self._app(scope, receive, send)
            return
        if reason := self._refused(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": reason})
            else:
                await PlainTextResponse(f"{reason}\n", 403)(scope, receive, _with(_HEADERS, send))
            return
        await self._app(scope, receive, _with(_HEADERS, send))

    def _refused(self, scope: Scope) -> str | None:
        """Return why a request is refused."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_own_name(host, (self._name,)):
            return "this server is known by another name; open the address that it printed"
        needs_origin = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if origin != f"http://{host}" and (needs_origin or origin is not None):
            return "the request comes from another page"
        given = scope["path"].lstrip("/").partition("/")[0].encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._token.encode()):
            return "the address lacks its token; open the address that the server printed"
        return None


def is_own_name(host: str, names: Iterable[str]) -> bool:
    """Tell whether a `Host` header names localhost, an IP address, or one of the names given."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if name is None or name in ("localhost", *(known.lower() for known in names)):
        return name is not None
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with(headers: dict[str, str], send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sending
