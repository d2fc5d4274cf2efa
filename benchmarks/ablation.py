"""Ablation of the recipe: one change at a time, compared on validation signers; no test part is scored.

    python benchmarks/ablation.py results/letters26                 # every variant, seed 0
    python benchmarks/ablation.py results/letters26 base mirror --seeds 0 1 2
    python benchmarks/ablation.py results/letters26 aagcn "aagcn, fp32" --beside aagcn --seeds 0 1 2

Needs the keypoints of a dataset (`snakemake ... --until index folds`). In each of three folds a third of the signers
validate, one is left out (the test part, which is not looked at), and the others train, so every signer validates once.
A variant is the base recipe with the named change; its accuracy is that of the last epoch, pooled over all validation
signers. The network is small: a variant takes minutes on a core. Finished runs are kept in results/bench/ablation, so
an interrupted ablation resumes. Prints a table, writes results/bench/ablation.json.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.config.load import HOME, read_config
from signfold.core import files, versions
from signfold.core.settings import (
    STREAMS,
    Augmentation,
    ManifestSettings,
    ModelSettings,
    TensorSettings,
    TrainingSettings,
)
from signfold.dataset import manifest
from signfold.evaluation import fusion
from signfold.evaluation.intervals import GroupIntervals, Interval
from signfold.folds.leakage import audit_folds
from signfold.folds.roles import FOLD_SCHEMA
from signfold.tensors.build import build_tensors
from signfold.tensors.channels import TIPS
from signfold.training.checkpoint import digest
from signfold.training.task import TrainingPaths, TrainingTask
from signfold.training.train import train

OUT = Path("results/bench")
RECIPES = HOME / "recipes"
FOLDS = 3
HAND, TIPS = ["x_palm", "y_palm"], list(TIPS)
DEFAULT = list(TensorSettings().channels)
Change = dict[str, dict[str, Any]]  # section of the configuration: keys
BASE: Change = {
    "tensors": {"frames": 32, "layout": "hand_21", "channels": [*HAND, *TIPS], "trim": "sign"},
    "model": {"network": "light", "width": 0.5},
    "training": {"checkpoint": "last", "epochs": 60, "batch_size": 8},
    "augmentation": {},
}


def recipe(path: Path | None = None, **model: str) -> Change:
    """Return the default configuration, with a recipe's file over it, and the last epoch's weights kept."""
    whole = read_config(path)
    last = {"checkpoint": "last", "patience": None}
    return {
        "tensors": whole["tensors"],
        "model": {**whole["model"], **model},
        "training": {**whole["training"], **last},
        "augmentation": whole["augmentation"],
    }


VARIANTS: dict[str, Change] = {
    "base": {},
    "default recipe": recipe(),
    "seed recipe": recipe(RECIPES / "seed.yaml"),
    "fingerspelling recipe": recipe(RECIPES / "fingerspelling.yaml"),
    "fingerspelling recipe, light": recipe(RECIPES / "fingerspelling.yaml", network="light"),
    "no fingertip distances": {"tensors": {"channels": HAND}},
    "fingertip distances alone": {"tensors": {"channels": TIPS}},
    "from the wrist, no palms": {"tensors": {"channels": ["x_wrist", "y_wrist"]}},
    "place too": {"tensors": {"channels": ["x", "y", *HAND, *TIPS]}},
    "place alone": {"tensors": {"channels": ["x", "y"]}},
    "both hands, arms": {"tensors": {"layout": "hands_arms_46"}},
    "both hands, ten joints each": {"tensors": {"layout": "hands_body_27"}},
    "ten joints, other hand hidden": {"tensors": {"layout": "hands_body_27", "idle_hand": "mask_other"}},
    "default's tensors": {"tensors": {"layout": "hands_body_27", "channels": DEFAULT, "trim": "none"}},
    "default's tensors, from the wrist": {
        "tensors": {"layout": "hands_body_27", "channels": ["x", "y", "x_wrist", "y_wrist"], "trim": "none"}
    },
    "resample: pad": {"tensors": {"resample": "pad", "frames": 80}},
    "normalise: none": {"tensors": {"normalise": "none", "channels": ["x", "y"]}},
    "both hands, arms, idle_hand: keep": {"tensors": {"layout": "hands_arms_46", "idle_hand": "keep"}},
    "both hands, arms, mirror_left_handed: false": {
        "tensors": {"layout": "hands_arms_46", "mirror_left_handed": False}
    },
    "trim: none": {"tensors": {"trim": "none"}},
    "imputation: none": {"tensors": {"imputation": "none"}},
    "no rotation": {"augmentation": {"rotation_deg": 0}},
    "no scale, no shear": {"augmentation": {"scale": 0, "shear": 0}},
    "no noise": {"augmentation": {"noise": 0}},
    "noise 0.04": {"augmentation": {"noise": 0.04}},
    "no time warp": {"augmentation": {"time_warp": 0}},
    "no variation at all": {"augmentation": {"rotation_deg": 0, "scale": 0, "shear": 0, "noise": 0, "time_warp": 0}},
    "twice the variation": {
        "augmentation": {"rotation_deg": 30, "scale": 0.2, "shear": 0.2, "noise": 0.02, "time_warp": 0.2}
    },
    "twice the variation, longer": {
        "augmentation": {"rotation_deg": 30, "scale": 0.2, "shear": 0.2, "noise": 0.03, "time_warp": 0.2},
        "training": {"epochs": 150, "batch_size": 16},
    },
    "mirror": {"augmentation": {"mirror": True}},
    "joint_dropout 0.1": {"augmentation": {"joint_dropout": 0.1}},
    "frame_dropout 0.1": {"augmentation": {"frame_dropout": 0.1}},
    "both hands, arms, hand_dropout 0.3": {
        "tensors": {"layout": "hands_arms_46"},
        "augmentation": {"hand_dropout": 0.3},
    },
    "learning rate 0.004": {"training": {"learning_rate": 4e-3}},
    "fp32": {"training": {"precision": "fp32"}},
    "120 epochs": {"training": {"epochs": 120}},
    "batches of 16": {"training": {"batch_size": 16}},
    "T = 16": {"tensors": {"frames": 16}},
    "T = 64": {"tensors": {"frames": 64}},
    "a quarter of the width": {"model": {"width": 0.25}},
    "the whole width": {"model": {"width": 1.0}},
    "aagcn": {"model": {"network": "aagcn"}},
    "aagcn, fp32": {"model": {"network": "aagcn"}, "training": {"precision": "fp32"}},
    "no label smoothing": {"training": {"label_smoothing": 0}},
    "SGD, cosine": {
        "training": {"optimiser": "sgd", "schedule": "cosine", "learning_rate": 0.05, "weight_decay": 5e-4}
    },
    "ema 0.98": {"training": {"ema": 0.98}},
    "dropout 0.5": {"model": {"dropout": 0.5}},
}


def changed(change: Change) -> Change:
    """Return the base recipe with a change."""
    return {section: {**keys, **change.get(section, {})} for section, keys in BASE.items()}


def prepared(dataset: Path, settings: dict[str, Any], clips: int | None = None) -> Path:
    """Return the folder of a dataset's tensors and folds for these settings; make them if it does not exist yet.

    Parameters
    ----------
    dataset
        Folder of its results.
    settings
        Section `tensors`.
    clips
        At most so many clips of a signer and class are in the folds, the first ones; None for all.
    """
    wanted = {**settings, "version": versions.TENSORS, **({} if clips is None else {"clips": clips})}
    folder = OUT / "ablation" / dataset.name / digest(wanted)[:12]
    if (folder / "audit.json").exists():
        return folder
    for videos in sorted((dataset / "keypoints").glob("*.videos.parquet")):
        shard = videos.name.split(".")[0]
        out = folder / "tensors" / f"{shard}.npy"
        wanted = TensorSettings(**settings)
        build_tensors(videos.with_name(f"{shard}.parquet"), videos, out, out.with_suffix(".parquet"), wanted)
    manifest.build_items(
        files.read_parquet(dataset / "index.parquet").to_pandas(),
        sorted((folder / "tensors").glob("*.parquet")),
        sorted((dataset / "keypoints").glob("*.videos.parquet")),
        folder / "items.parquet",
        folder / "excluded.csv",
        ManifestSettings(),
        0,
    )
    items = files.read_parquet(folder / "items.parquet").to_pandas()
    if clips is not None:
        items = items.groupby(["signer", "class_id"]).head(clips)
    signers = sorted(items["signer"].dropna().unique())
    for number in range(FOLDS):
        validate, aside = signers[number::FOLDS], signers[(number + 1) % FOLDS]
        role = items["signer"].map({**dict.fromkeys(validate, "val"), aside: "test"}).fillna("train")
        table = pa.Table.from_pandas(items.assign(role=role), schema=FOLD_SCHEMA, preserve_index=False)
        metadata = {"version": versions.FOLDS, "method": "official", "group": "signer", "val_group": "signer"}
        files.write_parquet(table, folder / "folds" / f"fold-{number + 1}.parquet", metadata)
    audit_folds(sorted((folder / "folds").glob("*.parquet")), folder / "audit.json")
    return folder


def run(folder: Path, fold: str, name: str, stream: str, seed: int, change: Change) -> Path:
    """Train a variant on a fold, unless it is trained already; return its predictions."""
    version = [*versions.training(change["model"]["network"]), versions.TENSORS]
    identity = f"{re.sub('[^a-z0-9]+', '-', name.lower())}-{digest({**change, 'version': version})[:8]}"
    out = folder.parent / "runs" / identity / stream / f"seed-{seed}" / fold
    if not (out / "metrics.json").exists():
        logging.disable()
        training, augmentation = TrainingSettings(**change["training"]), Augmentation(**change["augmentation"])
        task = TrainingTask(folder.parent.name, stream, seed, training, augmentation, ModelSettings(**change["model"]))
        paths = TrainingPaths(
            fold=folder / "folds" / f"{fold}.parquet",
            tensors=sorted((folder / "tensors").glob("*.npy")),
            audit=folder / "audit.json",
            out=out,
            checkpoint=out / "state.pt",
        )
        train(task, paths, threads=1)
    return out / "predictions.parquet"


def validated(folder: Path, predictions: list[list[Path]]) -> pd.DataFrame:
    """Return each validation clip's signer, and whether the streams, fused 2:2:1:1, are right.

    Parameters
    ----------
    folder
        From `prepared`.
    predictions
        The streams' `predictions.parquet`, a list for each fold.
    """
    signer = files.read_parquet(folder / "items.parquet").to_pandas().set_index("sample_id")["signer"]
    parts = []
    for streams in predictions:
        tables = {path.parts[-4]: files.read_parquet(path).to_pandas() for path in streams}
        tables = {name: table[table["role"] == "val"].set_index("sample_id") for name, table in tables.items()}
        first = next(iter(tables.values()))
        logits = {name: np.stack(table.loc[first.index, "logits"].tolist()) for name, table in tables.items()}
        right = fusion.fuse(logits, dict(zip(STREAMS, (2, 2, 1, 1), strict=True))).argmax(1) == first["class_id"]
        parts.append(pd.DataFrame({"signer": signer[first.index], "right": right}))
    return pd.concat(parts)


def beside(variant: dict[int, pd.DataFrame], base: dict[int, pd.DataFrame]) -> Interval | None:
    """Return the difference to the base on the seeds and clips that both have, and its interval over signers."""
    seeds = sorted(variant.keys() & base.keys())
    if not seeds:
        return None
    both = pd.concat([variant[seed].join(base[seed]["right"].rename("right_base"), how="inner") for seed in seeds])
    clips = both.groupby(level=0).agg({"right": "mean", "right_base": "mean", "signer": "first"})
    return GroupIntervals.of_clips(clips).difference(clips["right_base"].to_numpy(), clips["right"].to_numpy())


def main() -> None:
    """Train what is missing, print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--beside", default="base", help="variant that the others are compared with")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--streams", nargs="*", default=["joint"])
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    right: dict[str, dict[int, pd.DataFrame]] = {}
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        waiting = {}
        for name in arguments.variants:
            change = changed(VARIANTS[name])
            folder = prepared(arguments.dataset, change["tensors"])
            names = sorted(path.stem for path in (folder / "folds").glob("*.parquet"))
            for seed in arguments.seeds:
                runs = [
                    [pool.submit(run, folder, fold, name, stream, seed, change) for stream in arguments.streams]
                    for fold in names
                ]
                waiting[name, seed] = (folder, runs)
        print(f"{'variant':28} {'seed':>4} {'top-1':>6} {'95 %':>14}  by signer", flush=True)
        for (name, seed), (folder, runs) in waiting.items():
            clips = validated(folder, [[job.result() for job in streams] for streams in runs])
            right.setdefault(name, {})[seed] = clips
            top1 = GroupIntervals.of_clips(clips).share(clips["right"].to_numpy())
            shares = clips.groupby("signer")["right"].mean().to_dict()
            result.setdefault(name, {})[seed] = {**asdict(top1), "by_signer": shares}
            row = " ".join(f"{signer} {share:.2f}" for signer, share in shares.items())
            print(f"{name:28} {seed:4} {top1.value:6.1%} {top1.low:6.1%}–{top1.high:6.1%}  {row}", flush=True)
    print(f"\npoints beside {arguments.beside}, on the same seeds")
    for name in [name for name in result if name != arguments.beside]:
        if better := beside(right[name], right.get(arguments.beside, {})):
            print(f"{name:34} {100 * better.value:+6.1f} {100 * better.low:+6.1f} to {100 * better.high:+.1f}")
            result[name]["beside"] = {"variant": arguments.beside, **asdict(better)}
    files.write_json(OUT / "ablation.json", result)


if __name__ == "__main__":
    main()
