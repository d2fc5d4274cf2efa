"""A results folder as the stages before evaluation would leave it: random, but with planted strengths and mistakes."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.core.files import read_parquet, write_json, write_parquet
from signfold.core.settings import EvaluationSettings, TensorSettings
from signfold.evaluation.evaluate import EvaluationInputs, evaluate

WORDS = "hello thanks water mother father school eat drink house friend book go come help want name work day rain tree"

KEPT = ["frames", "duration_ms", "imputed_left", "imputed_right", "seen_left", "seen_right", "longest_gap", "mirrored"]
SHUFFLED = {
    "shuffled": 0.99, "apart": 0.6, "difference": {"value": 0.39, "low": 0.2, "high": 0.5}, "clips": 70, "trained": 46,
}  # fmt: skip
COLUMNS = ["sample_id", "source_id", "copy", "class_id", "label", "signer", "sha256", "shard", "row", "weight"]


def fake_results(
    root: Path,
    classes: int = 6,
    signers: int = 6,
    takes: int = 2,
    folds: int = 3,
    streams: Sequence[str] = ("joint",),
    epochs: int = 20,
    known_signers: bool = True,
    glosses: Sequence[str] = (),
    logit_type: type = np.float32,
    seed: int = 0,
) -> Path:
    """Write index, videos, tensors, manifest, folds, models and benchmarks below `root`; return `root`.

    Signer s02 is signed for badly (about half of the others' accuracy), and class 1 is often taken for class 0.
    """
    rng = np.random.default_rng(seed)
    index = _index(classes, signers, takes, known_signers, glosses)
    write_parquet(pa.Table.from_pandas(index, preserve_index=False), root / "index.parquet", {"version": 1})
    _csv(root / "index.excluded.csv", ["path", "reason"], [["notes/readme.mp4", "file name matches no pattern"]])
    videos = _videos(root, index, rng)
    manifest = _manifest(root, index, videos, rng)
    signer_fold = {s: i % folds for i, s in enumerate(sorted(manifest["true_signer"].unique()))}
    for number in range(folds):
        fold = f"fold-{number + 1}"
        place = manifest["true_signer"].map(signer_fold)
        role = np.where(place == number, "test", np.where(place == (number + 1) % folds, "val", "train"))
        role = np.where((manifest["copy"] > 0) & (role != "train"), "none", role)
        table = manifest[COLUMNS].assign(role=role)
        metadata = {"group": "signer" if known_signers else "digest", "method": "signers"}
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), root / f"folds/{fold}.parquet", metadata)
        _baselines(root / f"baselines/{fold}.parquet", table[role == "test"], classes, rng)
        for stream in streams:
            _model(root / "models" / fold / stream / "seed-1", manifest, role, stream, classes, epochs, rng, logit_type)
    write_json(root / "folds/audit.json", {"ok": True, "folds": {f"fold-{number + 1}": {} for number in range(folds)}})
    write_json(root / "baselines/shuffled.json", SHUFFLED)
    _benchmarks(root, folds, streams, rng)
    return root


def evaluated(root: Path, **options: object) -> Path:
    """Make fake results and evaluate them; return `root`."""
    fake_results(root, **options)  # type: ignore[arg-type]
    run_evaluate(root)
    return root


def run_evaluate(root: Path, settings: EvaluationSettings | None = None, seeds: int = 1) -> dict:
    """Evaluate everything below `root`; return the summary."""
    folds = {path.stem: path for path in sorted((root / "folds").glob("*.parquet"))}
    inputs = EvaluationInputs(
        models={(path.parent.name, path.name): path for path in sorted((root / "models").glob("*/*"))},
        folds=folds,
        audit=root / "folds/audit.json",
        manifest=root / "manifest.parquet",
        baselines={fold: root / f"baselines/{fold}.parquet" for fold in folds},
        shuffled=root / "baselines/shuffled.json",
        seeds=seeds,
    )
    evaluate(inputs, root / "evaluation", settings or EvaluationSettings())
    return json.loads((root / "evaluation/metrics.json").read_text(encoding="utf-8"))


def with_final(root: Path, epochs: dict[str, int]) -> None:
    """Fake a network of each stream that was trained on all clips for so many epochs; the folds are evaluated."""
    for stream, count in epochs.items():
        first = root / f"models/fold-1/{stream}/seed-1"
        folder = root / f"models/final/{stream}/seed-1"
        about = json.loads((first / "metrics.json").read_text()) | {"fold": "all", "epochs": count, "n_train": 71}
        write_json(folder / "metrics.json", about)
        (folder / "model.safetensors").write_bytes(b"weights")


def as_official(root: Path) -> None:
    """Make the first fold an official split, and take the other folds away."""
    for folder in ("folds", "models", "baselines"):
        for path in sorted((root / folder).glob("fold-*")):
            first = path.stem == "fold-1"
            path.rename(
                path.with_name(path.name.replace("fold-1", "official")) if first else root / f"{folder}-{path.name}"
            )


def seeded(root: Path, seeds: int) -> list[float]:
    """Fake further seeds beside the first, below `all`; return the pooled top-1 of each."""
    tops = []
    for number in range(seeds):
        alone = fake_results(root / f"alone-{number}")
        for path in alone.glob("models/*/joint/seed-1/predictions.parquet") if number else ():
            rng = np.random.default_rng(number)
            rewrite(path, lambda t, rng=rng: t.assign(logits=[each + rng.normal(0, 3, 6) for each in t["logits"]]))
        tops.append(run_evaluate(alone)["top1"]["value"])
    shutil.copytree(root / "alone-0", root / "all")
    for number in range(1, seeds):
        for folder in (root / f"alone-{number}/models").glob("*/joint/seed-1"):
            shutil.copytree(folder, root / "all/models" / folder.parents[1].name / f"joint/seed-{number + 1}")
    return tops


def _baselines(path: Path, test: pd.DataFrame, classes: int, rng: np.random.Generator) -> None:
    """Each method is right in some share of the clips."""
    parts = []
    for method, skill in (("majority", 0.0), ("nearest centroid", 0.3), ("1-NN (DTW of hands)", 0.4), ("linear", 0.5)):
        guess = rng.integers(classes, size=len(test))
        found = np.where(rng.random(len(test)) < skill, test["class_id"], guess).astype(np.int32)
        parts.append(test[["sample_id", "class_id"]].assign(method=method, predicted=found, detail=""))
    write_parquet(pa.Table.from_pandas(pd.concat(parts), preserve_index=False), path)


def _csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def _index(classes: int, signers: int, takes: int, known: bool, glosses: Sequence[str]) -> pd.DataFrame:
    words = WORDS.split()
    names = list(glosses) or [words[c] if c < len(words) else f"{words[c % 20]} {c // 20}" for c in range(classes)]
    rows = [
        (f"s{s:02d}/sign{c:03d}_{t}", str(c + 1), names[c % len(names)], f"s{s:02d}")
        for s in range(signers)
        for c in range(classes)
        for t in range(takes)
    ]
    table = pd.DataFrame(rows, columns=["sample_id", "label", "gloss", "true_signer"])
    table["path"] = table["sample_id"] + ".mp4"
    table["signer"] = table["true_signer"] if known else pd.Series([None] * len(table), dtype=object)
    table["split"] = pd.Series([None] * len(table), dtype=object)
    table["shard"] = [f"{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 8:03d}" for name in table["sample_id"]]
    return table


def _videos(root: Path, index: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    frames = rng.integers(30, 90, len(index)).astype(np.int32)
    seen = np.clip(rng.beta(8, 2, (2, len(index))) - (index["true_signer"] == "s02").to_numpy() * 0.3, 0, 1)
    status = np.where(np.arange(len(index)) == 3, "no_person", np.where(np.arange(len(index)) == 8, "unreadable", "ok"))
    table = pd.DataFrame(
        {
            "sample_id": index["sample_id"],
            "sha256": [hashlib.sha256(name.encode()).hexdigest() for name in index["sample_id"]],
            "bytes": rng.integers(10**5, 10**6, len(index)),
            "width": np.int32(960),
            "height": np.int32(720),
            "fps": 25.0,
            "frames": frames,
            "frames_pose": frames,
            "frames_left_hand": (frames * seen[0] * 0.4).astype(np.int32),
            "frames_right_hand": (frames * seen[1]).astype(np.int32),
            "status": status,
            "error": np.where(status == "unreadable", "moov atom not found", None),
        }
    )
    for shard, rows in table.groupby(index["shard"]):
        write_parquet(pa.Table.from_pandas(rows, preserve_index=False), root / f"keypoints/{shard}.videos.parquet")
    return table


def _manifest(root: Path, index: pd.DataFrame, videos: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    usable = index.merge(videos.drop(columns="error"), on="sample_id")
    usable = usable[usable["status"] == "ok"].reset_index(drop=True)
    left, right = (usable[f"frames_{side}_hand"] / usable["frames"] for side in ("left", "right"))
    usable = usable.assign(
        seen_left=left, seen_right=right, imputed_left=1 - left, imputed_right=1 - right, mirrored=False,
        duration_ms=usable["frames"] * 40.0, longest_gap=rng.integers(0, 15, len(usable)).astype(np.int32),
        first_frame=0, last_frame=usable["frames"] - 1,
    )  # fmt: skip
    usable["row"] = usable.groupby("shard").cumcount().astype(np.int32)
    quality = [
        "frames",
        "duration_ms",
        "imputed_left",
        "imputed_right",
        "seen_left",
        "seen_right",
        "longest_gap",
        "mirrored",
        "first_frame",
        "last_frame",
        "sha256",
    ]
    for shard, rows in usable.groupby("shard"):
        table = pa.Table.from_pandas(rows[["sample_id", *quality]], preserve_index=False)
        metadata: dict[str, object] = {"layout": "hands_body_27", "channels": ["x", "y"], "frames": 64, "version": 1}
        metadata["settings"] = vars(TensorSettings())
        write_parquet(table, root / f"tensors/{shard}.parquet", metadata)
        tensors = np.cumsum(rng.normal(0, 0.1, (len(rows), 2, 16, 27)), axis=2).astype(np.float32)
        tensors[:, :, 4:9, 7:17] = np.nan  # a hand that was not seen
        np.save(root / f"tensors/{shard}.npy", tensors)
    excluded = videos[videos["status"] != "ok"]
    rows = [[row.sample_id, f"{row.sample_id}.mp4", row.status] for row in excluded.itertuples()]
    _csv(root / "manifest.excluded.csv", ["sample_id", "path", "reason"], rows)
    usable["class_id"] = (usable["label"].astype(int) - 1).astype(np.int32)
    usable = usable.assign(source_id=usable["sample_id"], copy=np.int32(0), weight=np.float32(1))
    copies = usable.groupby(["class_id", "true_signer"]).head(1).iloc[::3].copy()
    copies = copies.assign(sample_id=copies["source_id"] + "#1", copy=np.int32(1))
    manifest = pd.concat([usable, copies], ignore_index=True)
    columns = [*COLUMNS, "gloss", "split"]
    write_parquet(pa.Table.from_pandas(manifest[columns], preserve_index=False), root / "manifest.parquet")
    sizes = usable.groupby(["class_id", "label", "gloss"]).size().reset_index(name="items")
    sizes.to_csv(root / "classes.csv", index=False)
    return manifest


def _logits(part: pd.DataFrame, classes: int, rng: np.random.Generator) -> np.ndarray:
    logits = rng.normal(0, 1, (len(part), classes))
    truth = part["class_id"].to_numpy()
    strength = rng.normal(np.where(part["true_signer"] == "s02", 2.0, 4.5), 1.5)
    logits[np.arange(len(part)), truth] += strength
    logits[truth == 1, 0] += 4
    logits[np.arange(len(part)), (truth * 7 + 3) % classes] += rng.exponential(1.2, len(part))
    return logits


def _model(
    folder: Path,
    manifest: pd.DataFrame,
    role: np.ndarray,
    stream: str,
    classes: int,
    epochs: int,
    rng: np.random.Generator,
    logit_type: type,
) -> None:
    part = manifest[np.isin(role, ["val", "test"])]
    logits = _logits(part, classes, rng).astype(logit_type)
    roles = role[np.isin(role, ["val", "test"])]
    table = pa.table({"sample_id": part["sample_id"].tolist(), "role": roles.tolist()})
    table = table.append_column("class_id", pa.array(part["class_id"].to_numpy(), pa.int32()))
    flat = pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), classes)
    write_parquet(table.append_column("logits", flat), folder / "predictions.parquet")
    hit = logits.argmax(1) == part["class_id"].to_numpy()
    values = {r: {"top1": float(hit[roles == r].mean()), "top5": 1.0, "loss": 0.7} for r in ("val", "test")}
    steps = np.arange(1, epochs + 1)
    history = pd.DataFrame({"epoch": steps})
    history["lr"] = 0.01
    history["train_loss"] = np.log(classes) * np.exp(-steps / 5) + rng.uniform(0, 0.05, epochs)
    history["val_loss"] = np.log(classes) * (0.3 + 0.7 * np.exp(-steps / 4)) + rng.uniform(0, 0.1, epochs)
    history["train_top1"] = 1 - 0.9 * np.exp(-steps / 4)
    history["val_top1"] = values["val"]["top1"] * (1 - np.exp(-steps / 3)) + rng.uniform(-0.03, 0.03, epochs)
    history.to_csv(folder / "history.csv", index=False)
    counts = {f"n_{r}": int((role == r).sum()) for r in ("train", "val", "test")}
    write_json(
        folder / "metrics.json",
        {
            "fold": folder.parents[1].name, "stream": stream, "seed": 0, "epochs": epochs,
            "best_epoch": int(history["val_loss"].argmin()) + 1, "select": "best", "parameters": 3_900_000, **counts,
            "n_classes": classes, **values, "train_seconds": 33.5, "device": "cpu", "versions": {"torch": "2.13.0"},
            "initial": None, "pretrained": None,
        },
    )  # fmt: skip


def _benchmarks(root: Path, folds: int, streams: Sequence[str], rng: np.random.Generator) -> None:
    jobs = {f"keypoints/{shard:03d}": (60, 420) for shard in range(8)} | {
        f"tensors/{s:03d}": (2, 210) for s in range(8)
    }
    jobs |= {"index": (1, 90), "manifest": (1, 120), "folds": (1, 130), "evaluate": (4, 260)}
    jobs |= {f"train/fold-{fold + 1}/{stream}": (35, 900) for fold in range(folds) for stream in streams}
    header = ["s", "h:m:s", "max_rss", "max_vms", "max_uss", "max_pss", "io_in", "io_out", "mean_load", "cpu_time"]
    for name, (seconds, memory) in jobs.items():
        took = seconds * rng.uniform(0.8, 1.2)
        row = [f"{took:.4f}", "0:00:01", f"{memory:.2f}", "1", "1", "1", "0", "0", "98", f"{took * 0.98:.2f}"]
        path = root / f"benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\t".join(header) + "\n" + "\t".join(row) + "\n", encoding="utf-8")


def rewrite(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Put `change(table)` in the place of a Parquet file's table; its metadata is lost."""
    write_parquet(pa.Table.from_pandas(change(read_parquet(path).to_pandas()), preserve_index=False), path)
