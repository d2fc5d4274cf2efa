"""Drawing: parts where they were detected, words that fit, a strip with a column for each moment."""

from __future__ import annotations

import numpy as np
from views import SIZE, clip_of, person, shows, with_gap

from signfold.core.clip import PARTS
from signfold.core.skeleton import HAND
from signfold.visual import draw
from signfold.visual.contact_sheet import tile


def test_a_part_is_drawn_where_it_was_found() -> None:
    panel = tile(clip_of(person()), 0, None, SIZE)
    rows, columns = np.nonzero(shows(panel, draw.COLOURS["right_hand"]))
    assert len(rows) > 10
    assert 0.26 < columns.min() / SIZE[0] < columns.max() / SIZE[0] < 0.34
    assert 0.26 < rows.min() / SIZE[1] < rows.max() / SIZE[1] < 0.34
    assert not shows(panel, draw.COLOURS["left_hand"]).any()  # never seen: there is nothing to draw


def test_the_strip_has_a_column_for_each_moment_and_a_row_for_each_part() -> None:
    strip = draw.strip(80, clip_of(with_gap(3, 4)).states)
    assert [tuple(strip[2, x]) for x in (0, 79)] == [draw.COLOURS["pose"]] * 2
    assert tuple(strip[12, 40]) == draw.EMPTY
    bottom = [tuple(strip[-2, x]) for x in (0, 29, 30, 49, 50, 79)]
    hand, filled = draw.COLOURS["right_hand"], draw.IMPUTED
    assert bottom == [hand, hand, filled, filled, hand, hand]


def test_a_line_is_cut_to_what_fits_and_says_where_it_ends() -> None:
    picture = np.zeros((30, 120, 3), np.uint8)
    end = draw.words(picture, "a name that is far too long to fit", (10, 20))
    assert 80 < end <= 120
    assert not picture[:, -4:].any()
    short = draw.words(np.zeros((30, 400, 3), np.uint8), "ab", (10, 20))
    assert abs(short - 10 - draw.width_of("ab", 15)) <= 2


def test_a_part_with_a_missing_joint_is_not_drawn_and_others_are() -> None:
    keypoints = person(1)
    parts = {part: getattr(keypoints, part)[0].copy() for part in PARTS}
    parts["right_hand"][5] = np.nan
    picture = np.zeros((*SIZE[::-1], 3), np.uint8)
    draw.figure(picture, parts)
    assert shows(picture, draw.COLOURS["pose"]).any()
    assert not shows(picture, draw.COLOURS["right_hand"]).any()


def test_a_hand_has_a_line_from_each_joint_towards_the_wrist() -> None:
    lines = draw.drawn_bones("left_hand")
    assert lines == draw.drawn_bones("right_hand")
    assert sorted(child for child, _ in lines) == list(range(1, len(HAND)))
    assert sum(parent == HAND.index("wrist") for _, parent in lines) == 5
