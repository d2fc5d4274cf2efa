"""The size of a JPEG is known before anything is decoded, and any bytes are answered."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_server import jpeg

from signfold.inference.live.jpeg import NotJpeg, jpeg_size

PICTURE = np.random.default_rng(0).integers(0, 255, (37, 53, 3)).astype(np.uint8)


@pytest.mark.parametrize("progressive", [0, 1])
def test_the_size_is_the_pictures(progressive: int) -> None:
    content = cv2.imencode(".jpg", PICTURE, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
    assert jpeg_size(content) == (53, 37)


def test_a_thumbnail_in_the_header_is_not_the_picture() -> None:
    inner = jpeg(PICTURE[:8, :8])
    segment = b"\xff\xe1" + (len(inner) + 2).to_bytes(2) + inner
    content = jpeg(PICTURE)
    assert jpeg_size(content[:2] + segment + b"\xff\xff" + content[3:]) == (53, 37)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", jpeg()[:20], b"\xff\xd8\xff\xda" + bytes(40)]
)
def test_what_states_no_size_is_no_jpeg(content: bytes) -> None:
    with pytest.raises(NotJpeg):
        jpeg_size(content)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_have_a_size_or_are_refused(content: bytes, place: int) -> None:
    whole = jpeg(PICTURE)
    for each in (content, b"\xff\xd8" + content, whole[:place] + content + whole[place:]):
        try:
            width, height = jpeg_size(each)
        except NotJpeg:
            continue
        assert 0 < width < 65536
        assert 0 < height < 65536
