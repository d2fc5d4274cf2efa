"""A small fold with a planted signal, as the stages before training would leave it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from signfold.core import files, versions
from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
from signfold.core.skeleton import layout
from signfold.tensors.shards import SHA256
from signfold.training.task import TrainingPaths, TrainingTask
from signfold.training.train import train

LAYOUT = layout("hands_body_27")
CHANNELS = ("x", "y")
FRAMES = 8
CLASSES = 3
TINY = ModelSettings(width=0.125, dropout=0.2)
SHORT = TrainingSettings(epochs=2, batch_size=8, learning_rate=5e-3)
SIGNERS = {"ann": "train", "ben": "train", "cem": "val", "dia": "test"}


@dataclass
class Example:
    """Where things are."""

    fold: Path
    tensors: list[Path]
    audit: Path
    out: Path
    checkpoint: Path

    def paths(self, **changes: Path | None) -> TrainingPaths:
        """Return the files of a training on this fold, with `changes`."""
        return TrainingPaths(**(vars(self) | changes))


def example(folder: Path, takes: int = 4, rows: list[dict[str, Any]] | None = None, channels=CHANNELS) -> Example:
    """Write two shards and a fold: each class moves its own joint; a hand is missing in some frames."""
    generator = np.random.default_rng(0)
    samples = [(signer, k, take) for signer in SIGNERS for k in range(CLASSES) for take in range(takes)]
    tensors = generator.normal(0, 0.3, (len(samples), len(channels), FRAMES, len(LAYOUT.joints))).astype(np.float32)
    for i, (_, k, _) in enumerate(samples):
        tensors[i, :, :, 5 * k : 5 * k + 5] += 1.5
        tensors[i, :, : i % 3, list(LAYOUT.hand("left"))] = np.nan
    shard_of = np.arange(len(samples)) % 2
    fold = []
    for shard in (0, 1):
        mine = np.flatnonzero(shard_of == shard)
        path = folder / "tensors" / f"{shard:04d}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, tensors[mine])
        ids = ["{}/{}-{}".format(*samples[i]) for i in mine]
        digests = [hashlib.sha256(name.encode()).hexdigest() for name in ids]
        metadata = {
            "layout": LAYOUT.name,
            "joints": list(LAYOUT.joints),
            "channels": list(channels),
            "frames": FRAMES,
            "settings": {},
            "version": versions.TENSORS,
            SHA256: files.file_sha256(path),
        }
        files.write_parquet(pa.table({"sample_id": ids, "sha256": digests}), path.with_suffix(".parquet"), metadata)
        for row, (i, name, digest) in enumerate(zip(mine, ids, digests, strict=True)):
            signer, k, _ = samples[i]
            fold.append(
                {"sample_id": name, "source_id": name, "copy": 0, "class_id": k, "label": f"sign {k}", "signer": signer}
                | {"sha256": digest, "shard": path.stem, "row": row, "weight": 1.0, "role": SIGNERS[signer]}
            )
    write_fold(folder / "folds" / "fold-1.parquet", [*fold, *(rows or [])])
    files.write_json(folder / "folds" / "audit.json", {"ok": True})
    return Example(
        folder / "folds" / "fold-1.parquet",
        sorted((folder / "tensors").glob("*.npy")),
        folder / "folds" / "audit.json",
        folder / "models" / "fold-1" / "joint",
        folder / "checkpoints" / "fold-1" / "state.pt",
    )


def write_fold(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write fold rows with the contract's types."""
    types = {"copy": pa.int32(), "class_id": pa.int32(), "row": pa.int32(), "weight": pa.float32()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in rows[0]])
    files.write_parquet(pa.Table.from_pylist(rows, schema=schema), path, {"version": versions.FOLDS})


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read fold rows back."""
    return files.read_parquet(path).to_pylist()


def run(given: Example, settings: TrainingSettings = SHORT, **changes: Any) -> dict[str, Any]:
    """Train, and return the metrics."""
    paths = given.paths(**{key: changes.pop(key) for key in ("audit", "initial", "tensorboard") if key in changes})
    train(task(training=settings, **changes), paths, threads=1)
    return json.loads((paths.out / "metrics.json").read_text())


def task(**changes: Any) -> TrainingTask:
    """Return the task of a tiny network, with `changes`."""
    return replace(TrainingTask("mine", "joint", 0, SHORT, Augmentation(), TINY), **changes)


def weights(given: Example) -> bytes:
    """Return the bytes of the weights that training wrote."""
    return (given.out / "model.safetensors").read_bytes()


def edit(given: Example, change: Any) -> None:
    """Change the rows of a fold."""
    rows = read_rows(given.fold)
    for row in rows:
        change(row)
    write_fold(given.fold, rows)


def pretrained(tmp_path: Path) -> tuple[Example, Example]:
    """A model, and another fold whose people and clips it has not seen."""
    old, new = example(tmp_path / "old"), example(tmp_path / "new")
    run(old, dataset="old")
    edit(new, lambda row: row.update(sha256=row["sha256"][::-1], signer=f"new {row['signer']}"))
    for path in new.tensors:
        rewrite_digests(path.with_suffix(".parquet"), lambda digest: digest[::-1])
    return old, new


def rewrite_digests(path: Path, change: Callable[[str], str]) -> None:
    """Change the content digests of a shard's table."""
    table = files.read_parquet(path)
    digests = [change(value) for value in table["sha256"].to_pylist()]
    index = table.column_names.index("sha256")
    files.write_parquet(table.set_column(index, "sha256", [digests]), path, files.read_metadata(path))


def rewrite_array(path: Path, tensors: np.ndarray) -> None:
    """Write other tensors into a shard, as its stage would: with their digest in the shard's table."""
    np.save(path, tensors)
    table = path.with_suffix(".parquet")
    metadata = files.read_metadata(table) | {SHA256: files.file_sha256(path)}
    files.write_parquet(files.read_parquet(table), table, metadata)
