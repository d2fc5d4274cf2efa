"""The page on Python is a notebook: its blocks run from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keypoint_files import VALUES_1662, flat, invented
from paths import PROJECT
from saved_models import evaluated, save_folds

from signfold.dataset.synthetic import SynthSettings
from signfold.inference.pack import pack
from signfold.synth.render import render

PAGE = PROJECT / "docs" / "python.md"


@pytest.mark.slow
def test_its_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    results = save_folds(tmp_path / "results/mine", final=True)
    top1 = {"value": 0.8, "low": 0.7, "high": 0.9}
    evaluated(results, [{"fold-1": {"joint": 1.0}, "fold-2": {"joint": 1.0}}], top1=top1)
    (results / "model_card.md").write_text("# Model card")
    pack(results, Path("mine.signfold"))
    render(Path("new_clips"), SynthSettings(1, 1, 1, 0))
    next(Path("new_clips").glob("*.mp4")).rename("clip.mp4")
    Path("new_clips/truth.parquet").unlink()
    Path("new_clips/broken.mp4").write_bytes(b"no video")
    np.save("clip.npy", flat(invented(), VALUES_1662))
    np.save("new_clips/a.npy", flat(invented(), VALUES_1662))

    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 6
    for block in blocks:
        exec(block, names)
    assert names["found"].status == "ok"
    assert [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()] == [
        round(sign.probability, 3) for sign in names["found"].signs
    ]
    assert names["model"].answer(names["extraction"], 3) == names["found"]
    said = {Path(each.clip).name: each.prediction.status for each in names["answers"]}
    assert said == {"broken.mp4": "unreadable", "a.npy": "ok"}
    assert names["model"].metrics["top1"] == top1
    assert Path("predicted.csv").read_text().startswith("clip,status,reason,answer,label_1,gloss_1,probability_1,")
