"""`signfold serve` in a process of its own, and a page's connection to it without a browser."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import struct
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from paths import PROJECT
from websockets.sync.client import ClientConnection, connect


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    temporary: Path  # its folder of temporary files
    port: int
    token: str

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}/{self.token}/"

    def request(
        self, path: str = "", body: Any = None, method: str = "", token: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        given = {"Host": self.host} | ({"Origin": f"http://{self.host}"} if body is not None else {}) | headers
        path = f"/{self.token if token is None else token}/{path}"
        with closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, body, given)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def live(self, token: str | None = None, origin: str | None = None, host: str | None = None) -> ClientConnection:
        """Open a live connection, as the page does."""
        token, origin = self.token if token is None else token, origin or f"http://{self.host}"
        headers = {"Host": host} if host else {}
        return connect(f"ws://{self.host}/{token}/live", origin=origin, additional_headers=headers, open_timeout=60)

    def stop(self) -> int:
        """Interrupt it as Ctrl-C does, and return its status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def start(bundle: Path, temporary: Path) -> Served:
    """Start a server on a free port."""
    command = [sys.executable, "-m", "signfold.cli.main", "serve", str(bundle), "--port", "0", "--no-browser"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/$", line)
    assert found, line
    return Served(process, temporary, int(found[1]), found[2])


def jpeg(picture: np.ndarray | None = None) -> bytes:
    """Return a BGR picture as JPEG; a small grey one by default."""
    picture = np.full((48, 64, 3), 120, np.uint8) if picture is None else picture
    return cv2.imencode(".jpg", picture)[1].tobytes()


def message(at: float, content: bytes) -> bytes:
    return struct.pack("<d", at) + content


def ask(socket: ClientConnection, *messages: bytes | str) -> dict[str, Any]:
    """Send messages, and return the next that comes."""
    for each in messages:
        socket.send(each)
    return json.loads(socket.recv(timeout=120))
