"""What a page may ask of the server: beyond these limits it is refused."""

from __future__ import annotations

# A picture of 640 × 480 takes about 60 kB as JPEG.
MOST_FRAME_BYTES = 512 * 1024
MOST_FRAME_PIXELS = 1280 * 960
# Messages in one second, pictures and others. A web cam has 30.
MOST_MESSAGES = 90
# A sign longer than this is ended, and so many frames of it are kept.
MOST_SIGN_MS = 20_000.0
MOST_SIGN_FRAMES = 1200
# An uploaded clip: its size, how much of it is looked at, and how long it may take to arrive, and to be looked at.
MOST_CLIP_BYTES = 64 * 1024 * 1024
MOST_CLIP_SECONDS = 20.0
MOST_UPLOAD_SECONDS = 120.0
# Pages that are live at a time; each has a process of its own.
MOST_SESSIONS = 2
