"""All clips train the final network, whatever roles they had in the folds."""

from fold_data import by_id, people, roles, write_items

from signfold.core.files import read_metadata
from signfold.core.settings import FoldSettings
from signfold.folds.final_split import build_final_split
from signfold.folds.roles import read_fold


def test_every_clip_trains_and_nobody_validates_or_is_tested(tmp_path):
    for balance in ("none", "copies"):
        out = tmp_path / balance / "all.parquet"
        build_final_split(*write_items(tmp_path / balance, people(), balance), out, FoldSettings())
        assert set(roles(by_id(out)).values()) == {"train"}
        fold = read_fold(out, None)
        assert {role: len(samples) for role, samples in fold.roles.items()} == {"train": 48, "val": 0, "test": 0}
        found = read_metadata(out)
        assert (found["fold"], found["clips"]["train"], found["val_group"]) == ("all", 48, None)


def test_an_official_test_part_trains_too(tmp_path):
    rows = [row | {"split": split} for row, split in zip(people(), ["train", "val", "test", None] * 12, strict=True)]
    out = tmp_path / "all.parquet"
    build_final_split(*write_items(tmp_path, rows), out, FoldSettings(method="official"))
    assert len(read_fold(out, None).roles["train"]) == 48
