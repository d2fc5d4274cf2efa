"""One live page's connection: pictures come in, skeletons and answers go out.

The page sends binary messages, 8 bytes of time (float64, little-endian, milliseconds) and a JPEG, and the words `begin`
and `end`. It sends the next picture when this one was acknowledged, so that none waits in a queue. Whatever does not
keep to that is refused, and the connection closed.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from signfold.core.clip import Extraction
from signfold.inference.live.cut import Sign, SignCutter
from signfold.inference.live.frames import Frame, drawable, keypoints_of
from signfold.inference.live.jpeg import NotJpeg, jpeg_size
from signfold.inference.live.limits import MOST_FRAME_BYTES, MOST_FRAME_PIXELS, MOST_MESSAGES
from signfold.inference.live.tracker import Tracker, TrackerLost
from signfold.inference.model import Model

_TIME = struct.Struct("<d")
# A page's clock begins with 0 when it is opened; none is open for thirty years.
_LATEST_MS = 1e12
# Codes of RFC 6455, section 7.4.1.
_UNSUPPORTED, _POLICY, _TOO_BIG, _INTERNAL = 1003, 1008, 1009, 1011


class Refused(Exception):
    """A message that no page of ours sends.

    Parameters
    ----------
    code
        The WebSocket's closing code.
    reason
        What is wrong, for the user.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Session:
    """A connection with its tracker, and the sign that goes on.

    Parameters
    ----------
    socket
        The accepted connection.
    tracker
        A tracker at the start of a clip.
    model
        What tells the signs.
    """

    def __init__(self, socket: WebSocket, tracker: Tracker, model: Model) -> None:
        self._socket, self._tracker, self._model = socket, tracker, model
        self._cutter = SignCutter()
        self._last: Frame | None = None
        self._latest = -1.0
        self._arrived: deque[float] = deque(maxlen=MOST_MESSAGES)
        self._answering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the page until it goes, or is refused."""
        try:
            while (message := await self._socket.receive())["type"] == "websocket.receive":
                self._limit_rate()
                picture = message.get("bytes")
                sign = self._command(message.get("text")) if picture is None else await self._picture(picture)
                if sign is not None:
                    await self._answer(sign)
        except Refused as error:
            await self._close(error.code, error.reason)
        except TrackerLost as error:
            await self._close(_INTERNAL, str(error))
        except WebSocketDisconnect:
            pass
        finally:
            if self._answering is not None:
                await asyncio.gather(self._answering, return_exceptions=True)

    def _limit_rate(self) -> None:
        now = time.monotonic()
        if len(self._arrived) == MOST_MESSAGES and now - self._arrived[0] < 1:
            raise Refused(_POLICY, f"more than {MOST_MESSAGES} messages in a second")
        self._arrived.append(now)

    def _command(self, word: str | None) -> Sign | None:
        if word == "begin":
            self._cutter.begin()
            return None
        if word == "end":
            return self._cutter.end()
        raise Refused(_UNSUPPORTED, "neither a picture nor a command that is known")

    async def _picture(self, message: bytes) -> Sign | None:
        """Track a picture, acknowledge it, and return the sign that it ends."""
        at, jpeg = self._checked(message)
        tracked = await asyncio.to_thread(self._tracker.track, jpeg)
        if tracked is None:
            await self._socket.send_json({"type": "frame", "at": at, "decoded": False, "signing": self._cutter.signing})
            return None
        frame = Frame(at, tracked.values, tracked.size)
        if self._last is not None and self._last.size != frame.size:
            self._cutter = SignCutter()  # the joints of two sizes cannot be compared
        self._last = frame
        sign = self._cutter.add(frame)
        ms = {"decode": round(tracked.decode_ms, 1), "track": round(tracked.track_ms, 1)}
        about = {"at": at, "decoded": True, "signing": self._cutter.signing, "ms": ms}
        await self._socket.send_json({"type": "frame", **about, **drawable(keypoints_of([frame]), 0)})
        return sign

    def _checked(self, message: bytes) -> tuple[float, bytes]:
        """Return time and JPEG of a picture that may be decoded."""
        if not _TIME.size < len(message) <= MOST_FRAME_BYTES:
            raise Refused(_TOO_BIG, f"a picture of {len(message)} bytes; expected up to {MOST_FRAME_BYTES}")
        (at,) = _TIME.unpack_from(message)
        if not self._latest < at <= _LATEST_MS:
            raise Refused(_POLICY, "a picture that is not later than the one before")
        self._latest = at
        jpeg = message[_TIME.size :]
        try:
            width, height = jpeg_size(jpeg)
        except NotJpeg as error:
            raise Refused(_UNSUPPORTED, str(error)) from None
        if width * height > MOST_FRAME_PIXELS:
            raise Refused(_TOO_BIG, f"a picture of {width}×{height} pixels; expected up to {MOST_FRAME_PIXELS} in all")
        return at, jpeg

    async def _answer(self, sign: Sign) -> None:
        """Begin to answer, so that tracking goes on meanwhile; not before the answer to the sign before was given."""
        if self._answering is not None:
            await self._answering
        self._answering = asyncio.create_task(self._tell(sign))

    async def _tell(self, sign: Sign) -> None:
        started = time.perf_counter()
        prediction = await asyncio.to_thread(self._model.answer, Extraction(keypoints_of(sign.frames)))
        about: dict[str, Any] = {"ended": sign.ended, "frames": len(sign.frames)}
        about["ms"] = round(1000 * (time.perf_counter() - started), 1)
        with suppress(WebSocketDisconnect, RuntimeError):  # the page has gone
            await self._socket.send_json({"type": "answer", **about, **asdict(prediction)})

    async def _close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            # A reason has 123 bytes at most.
            await self._socket.close(code, reason.encode()[:123].decode(errors="ignore"))
