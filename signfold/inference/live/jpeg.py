"""The size that a JPEG states, read before anything is decoded."""

from __future__ import annotations

from signfold.core.errors import SignfoldError

# Start of frame: baseline, extended and progressive, the kinds that browsers write.
_FRAMES = {0xC0, 0xC1, 0xC2}
_START, _SCAN, _END = 0xD8, 0xDA, 0xD9


class NotJpeg(SignfoldError):
    """Bytes that are no JPEG picture."""


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG in pixels, as its header states them.

    Source: ITU-T T.81, annex B: markers, and the frame header.

    Raises
    ------
    NotJpeg
        If the content does not begin as a JPEG, or states no size.
    """
    if content[:2] != bytes([0xFF, _START]):
        raise NotJpeg(f"not a JPEG: it begins with {content[:4].hex(' ') or 'nothing'}")
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _FRAMES:
            height, width = (int.from_bytes(content[place + at : place + at + 2]) for at in (5, 7))
            if width and height:
                return width, height
            break
        if marker in (_SCAN, _END):
            break
        # A marker may be preceded by any number of 0xFF; the others are followed by the length of their segment.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4])
    raise NotJpeg("a JPEG that states no size before its picture")
