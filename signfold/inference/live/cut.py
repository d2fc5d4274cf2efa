"""Signs cut out of the live picture: from where a hand is raised to where both are lowered, or by a key."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from signfold.inference.live.frames import Frame
from signfold.inference.live.limits import MOST_SIGN_FRAMES, MOST_SIGN_MS

# Hanging arms before a sign that belong to its clip, as clips of datasets have them.
LEAD_MS = 400.0
# Hands that are down for so long have ended the sign: in a frame or two the tracker may lose one that is up.
HOLD_MS = 100.0
# Hands that are up for less make no sign.
SHORTEST_MS = 250.0


@dataclass
class Sign:
    """A sign, while it goes on and when it has ended.

    Parameters
    ----------
    frames
        Its frames, with some of hanging arms around them.
    by_key
        Whether it was begun by `SignCutter.begin`, and waits for `SignCutter.end`.
    raised, lowered
        When a hand was up first, and since when none is up, in milliseconds of the page's clock; None if never.
    """

    frames: list[Frame]
    by_key: bool = False
    raised: float | None = None
    lowered: float | None = None

    @property
    def ended(self) -> float:
        """When the sign ended: when the hands were lowered, or else with its last frame."""
        last = self.frames[-1].at
        return last if self.by_key or self.lowered is None else self.lowered

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        self.frames.append(frame)
        if frame.raised:
            self.raised, self.lowered = frame.at if self.raised is None else self.raised, None
        elif self.lowered is None:
            self.lowered = frame.at

    @property
    def full(self) -> bool:
        """Whether it is as long as a sign may be."""
        return self.frames[-1].at - self.frames[0].at >= MOST_SIGN_MS or len(self.frames) >= MOST_SIGN_FRAMES

    @property
    def over(self) -> bool:
        """Whether the hands were lowered for good."""
        return not self.by_key and self.lowered is not None and self.frames[-1].at - self.lowered >= HOLD_MS

    @property
    def enough(self) -> bool:
        """Whether hands were up for long enough."""
        return self.by_key or (self.raised is not None and self.ended - self.raised >= SHORTEST_MS)


@dataclass
class SignCutter:
    """Takes frames as they come and gives each sign when it has ended.

    A sign begins with the first frame in which a hand is raised, or at `begin`. It ends when no hand is raised for
    `HOLD_MS`, or at `end`, or when it is as long as may be. After the latter two the next one waits until the hands
    were down.
    """

    _before: deque[Frame] = field(default_factory=deque)
    _sign: Sign | None = None
    _were_down: bool = True

    @property
    def signing(self) -> bool:
        """Whether a sign is going on."""
        return self._sign is not None

    def add(self, frame: Frame) -> Sign | None:
        """Take the next frame, of the same size as those before; return the sign that it ends, if any."""
        if self._sign is None:
            self._were_down |= not frame.raised
            if not (frame.raised and self._were_down):
                if not frame.raised:
                    self._remember(frame)
                return None
            self._sign = Sign(list(self._before))
        self._sign.add(frame)
        if not (self._sign.over or self._sign.full):
            return None
        sign = self._sign
        self._forget(were_down=sign.over)
        return sign if sign.enough else None

    def begin(self) -> None:
        """Begin a sign with the next frame, whatever the hands do; one that goes on already now waits for `end`."""
        if self._sign is None:
            self._sign = Sign([])
        self._sign.by_key = True

    def end(self) -> Sign | None:
        """End the sign now and return it; None if there is none, or it has no frame."""
        sign = self._sign
        self._forget(were_down=False)
        return sign if sign and sign.frames else None

    def _remember(self, frame: Frame) -> None:
        self._before.append(frame)
        while frame.at - self._before[0].at > LEAD_MS or len(self._before) > MOST_SIGN_FRAMES:
            self._before.popleft()

    def _forget(self, *, were_down: bool) -> None:
        self._sign, self._were_down = None, were_down
        self._before.clear()
