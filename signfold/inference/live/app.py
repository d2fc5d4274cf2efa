"""The web application: the page's files, uploads, and the live connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from signfold.inference.live.guard import Guard
from signfold.inference.live.limits import MOST_CLIP_BYTES, MOST_SESSIONS
from signfold.inference.live.session import Session
from signfold.inference.live.tracker import Tracker
from signfold.inference.live.uploads import TooLarge, answer_to_clip
from signfold.inference.model import Model
from signfold.keypoints.holistic import Holistic

PAGE = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_TRY_AGAIN_LATER = 1013  # the WebSocket's closing code


class Server:
    """What requests share: the model, the trackers, and whether a clip is being looked at.

    Parameters
    ----------
    model
        What tells the signs.
    extractor
        How keypoints are found.
    """

    def __init__(self, model: Model, extractor: Holistic) -> None:
        self._model, self._extractor = model, extractor
        self._idle: list[Tracker] = []
        self._sessions = 0
        self._uploading = asyncio.Lock()

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Have a tracker ready from the start, and end all at the end."""
        self._idle.append(Tracker(self._extractor))
        try:
            yield
        finally:
            for tracker in self._idle:
                tracker.close()

    async def about(self, _: Request) -> Response:
        """Tell what the model knows, and how large a clip may be."""
        glosses = sorted(self._model.glosses)
        about = {"name": self._model.name, "glosses": glosses, "threshold": self._model.threshold}
        return JSONResponse({**about, "most_bytes": MOST_CLIP_BYTES})

    async def clip(self, request: Request) -> Response:
        """Answer to an uploaded clip; one at a time."""
        if self._uploading.locked():
            return JSONResponse({"reason": "another clip is being looked at; try again when it is done"}, 429)
        async with self._uploading:
            try:
                return JSONResponse(await answer_to_clip(request.stream(), self._model, self._extractor))
            except TooLarge:
                return JSONResponse({"reason": f"more than {MOST_CLIP_BYTES} bytes; cut it"}, 413)
            except TimeoutError:
                return JSONResponse({"reason": "the clip did not arrive in time; cut it"}, 408)
            except ClientDisconnect:
                return Response(status_code=400)

    async def live(self, socket: WebSocket) -> None:
        """Serve a live page."""
        await socket.accept()
        if self._sessions >= MOST_SESSIONS:
            await socket.close(_TRY_AGAIN_LATER, f"{MOST_SESSIONS} pages are live already; close one")
            return
        self._sessions += 1
        tracker = self._idle.pop() if self._idle else Tracker(self._extractor)
        try:
            tracker.next_clip()
            await Session(socket, tracker, self._model).run()
        finally:
            self._sessions -= 1
            self._idle.append(tracker)


def build_app(model: Model, extractor: Holistic, token: str, host: str) -> Starlette:
    """Return the application.

    Parameters
    ----------
    model
        What tells the signs.
    extractor
        How keypoints are found.
    token
        First part of every address.
    host
        What the server listens on.
    """
    server = Server(model, extractor)
    routes = [
        *(_file(path) for path in sorted(PAGE.iterdir()) if path.suffix in _TYPES),
        Route("/about", server.about),
        Route("/clip", server.clip, methods=["POST"]),
        WebSocketRoute("/live", server.live),
    ]
    return Starlette(
        routes=[Mount(f"/{token}", routes=routes)],
        middleware=[Middleware(Guard, token=token, name=host)],
        lifespan=server.running,
    )


def _file(path: Path) -> Route:
    """Return the route of one of the page's files, which is read once."""
    response = Response(path.read_bytes(), media_type=_TYPES[path.suffix])

    async def answer(_: Request) -> Response:
        return response

    return Route("/" if path.name == "index.html" else f"/{path.name}", answer)
