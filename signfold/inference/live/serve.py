"""Starting the server, and the browser."""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress

import torch
import uvicorn

from signfold.core.clip import Extraction
from signfold.core.errors import SignfoldError
from signfold.inference.live.app import build_app
from signfold.inference.live.limits import MOST_FRAME_BYTES
from signfold.inference.model import Model
from signfold.inference.preprocessing import clips
from signfold.keypoints.holistic import Holistic


def serve(model: Model, host: str, port: int, started: Callable[[str], None], *, browser: bool) -> None:
    """Serve the live page until it is interrupted.

    Parameters
    ----------
    model
        What tells the signs. One that was trained on imported keypoints gets MediaPipe's, with the default thresholds.
    host, port
        What to listen on; port 0: any that is free.
    started
        Called with the page's address.
    browser
        Whether to open it.

    Raises
    ------
    SignfoldError
        If it cannot listen there.
    """
    # The tracker works meanwhile: torch's threads wait for each other, so one without a core holds up all.
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))
    extractor = Holistic() if model.keypoints is None else model.holistic()
    listening = _listen(host, port)
    # What is loaded and prepared at the first answer would delay that of the first sign.
    model.answer(Extraction(next(iter(clips().values()))))
    token = secrets.token_urlsafe(16)
    config = uvicorn.Config(
        build_app(model, extractor, token, host),
        ws="websockets-sansio",
        ws_max_size=MOST_FRAME_BYTES,
        ws_per_message_deflate=False,
        limit_concurrency=32,
        # Addresses hold the token.
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    address = f"http://{_named(host)}:{listening.getsockname()[1]}/{token}/"
    started(address)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise SignfoldError(
            f"{host}, port {port}: cannot listen there ({error}); give another --port or --host"
        ) from None


def _named(host: str) -> str:
    """Return the host as an address has it; a server that listens everywhere is opened at this machine's own."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
