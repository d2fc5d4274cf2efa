"""Headless Chromium, driven by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --mute-audio --remote-debugging-port=0 --disable-dev-shm-usage"
).split()
PATIENCE_SECONDS = 300


class Chromium:
    """A browser with one page.

    Parameters
    ----------
    profile
        New folder of its profile.
    options
        More of its options.
    """

    def __init__(self, profile: Path, *options: str) -> None:
        command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", *options, "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port, path = self._until(lambda: _lines(profile / "DevToolsActivePort"))
        self._socket = connect(f"ws://127.0.0.1:{port}{path}", max_size=None, legacy=True)
        self._number = 0
        self._page: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._page = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and note what the browser says meanwhile."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": self._page} if self._page else {})))
        while (answer := json.loads(self._socket.recv(PATIENCE_SECONDS))).get("id") != self._number:
            self._note(answer.get("method", ""), answer.get("params", {}))
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def open(self, address: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.call("Page.navigate", url=address)
        self.wait_for(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def evaluate(self, code: str) -> Any:
        """Return the value of an expression in the page; a gesture of the user, for what needs one."""
        found = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, code: str) -> Any:
        """Return the value of an expression as soon as it is true."""
        return self._until(lambda: self.evaluate(code), code)

    def choose_file(self, selector: str, file: Path) -> None:
        """Choose a file in an input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def screenshot(self, file: Path, width: int, height: int, scale: float = 1, mobile: bool = False) -> None:
        """Write a picture of the page, PNG or JPEG by the file's ending."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        time.sleep(1)
        kind = {"format": "png"} if file.suffix == ".png" else {"format": "jpeg", "quality": 82}
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **kind)["data"]))

    def close(self) -> None:
        """End the browser."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _note(self, method: str, said: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(said["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(said["exceptionDetails"].get("exception", {}).get("description", str(said)))
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")

    def _until(self, ask: Any, what: str = "") -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if found := ask():
                return found
            time.sleep(0.2)
        raise TimeoutError(f"{what}; the page says: {self.evaluate('document.body.innerText') if self._page else ''}")


def _lines(file: Path) -> list[str]:
    lines = file.read_text().split() if file.is_file() else []
    return lines if len(lines) == 2 else []
