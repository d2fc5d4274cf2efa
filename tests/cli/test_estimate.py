"""The estimate before the start: of what is there, and in the direction of the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner

from signfold.cli.estimate import plan, scaled, spread_by_size, step_seconds
from signfold.cli.main import main
from signfold.core.errors import SignfoldError
from signfold.core.settings import ModelSettings, TensorSettings, TrainingSettings
from signfold.dataset.index import Sample


def test_the_sampled_clips_span_small_and_large(tmp_path: Path) -> None:
    samples = []
    for size in range(1, 101):
        (tmp_path / f"{size}.mp4").write_bytes(b"0" * size)
        samples.append(Sample(str(size), str(tmp_path / f"{size}.mp4"), "a"))
    sizes = [int(sample.sample_id) for sample in spread_by_size(samples, 4)]
    assert sizes == [13, 38, 63, 88]
    assert len(spread_by_size(samples[:2], 5)) == 2


def test_alike_clips_leave_no_doubt_and_different_ones_do() -> None:
    assert scaled([2.0, 2.0, 2.0], 100) == (200.0, 0.0)
    total, off = scaled([1.0, 3.0], 100)
    assert total == 200
    assert off == pytest.approx(1.96 * 100)
    assert scaled([2.0], 100)[1] > 0


def test_a_larger_network_takes_longer_steps() -> None:
    cpu = torch.device("cpu")
    tensors = TensorSettings(frames=16)
    training = TrainingSettings(batch_size=4)
    small, large = (step_seconds(tensors, ModelSettings(width=width), training, 3, cpu) for width in (0.125, 1.0))
    assert 0 < small < large


def configured(folder: Path, dataset: dict[str, Any]) -> Path:
    file = folder / "mine.yaml"
    settings = {"tensors": {"frames": 16}, "model": {"width": 0.125}, "training": {"epochs": 1}, "folds": {"k": 2}}
    file.write_text(yaml.safe_dump({"dataset": "mine", "datasets": {"mine": {**dataset, "settings": settings}}}))
    return file


@pytest.mark.slow
def test_a_dataset_is_planned_from_its_configuration(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    for number in range(6):
        write_video(tmp_path / "videos" / f"sign{number % 2}" / f"{number}.mp4", shade=number)
    file = configured(tmp_path, {"preset": "folders", "root": str(tmp_path / "videos")})
    found = plan(file, sample=2)
    assert found.videos == 6
    assert found.networks == 2
    assert found.seconds[0] > 0
    assert found.tensor_bytes == 6 * 4 * 9 * 16 * 27
    assert found.keypoint_bytes > 0
    said = CliRunner().invoke(main, ["plan", str(file), "--sample", "1", "--workers", "2"]).output
    assert "6 videos" in said
    assert "with 2 workers" in said


def test_what_cannot_be_planned_is_said(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="nothing to plan"):
        plan(configured(tmp_path, {"root": str(tmp_path), "keypoints": "npz"}))
    with pytest.raises(SignfoldError, match="yet to be drawn"):
        plan(configured(tmp_path, {"preset": "demo", "synth": {"signs": 2, "signers": 2, "takes": 1, "seed": 9}}))
    with pytest.raises(SignfoldError, match="no such file"):
        plan(tmp_path / "none.yaml")
