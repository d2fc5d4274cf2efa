import pytest

from signfold.core.text import counted, did_you_mean, duration, shortened


def test_a_number_agrees_with_its_noun() -> None:
    assert counted(1, "video") == "1 video"
    assert counted(2000, "video") == "2,000 videos"
    assert counted(0, "class", "classes") == "0 classes"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.7, "1 min"),
        (75, "1 min 15 s"),
        (599, "9 min 59 s"),
        (629, "10 min"),
        (3600, "1 h"),
        (8000, "2 h 13 min"),
        (86_400, "1 d"),
        (300_000, "3 d 11 h"),
    ],
)
def test_durations_are_rounded_to_what_matters(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_nearest_known_name_is_suggested_where_one_is_near() -> None:
    assert did_you_mean("dmo", ["demo", "domino", "mine"]) == "did you mean 'demo'?"
    assert did_you_mean("epoch", {"epochs": 3}, "`") == "did you mean `epochs`?"
    assert did_you_mean("xyz", ["demo", "mine"]) == ""


def test_a_long_list_ends_with_the_number_of_the_others() -> None:
    assert shortened(["a", "b", "c"], 3) == "a, b, c"
    assert shortened(["a", "b", "c", "d"], 2) == "a, b and 2 more"
