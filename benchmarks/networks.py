"""Networks and simple methods beside each other: same clips, same folds by signer, same recipe, same machine.

    python benchmarks/networks.py results/words39                                 # every network, seeds 0, 1 and 2
    python benchmarks/networks.py results/mine conv light --seeds 0 --configfile mine-recipe.yaml

Needs the keypoints of a dataset (`snakemake ... --until index folds`). Folds are those of benchmarks/ablation.py: each
signer validates once, no test part is scored, the last epoch counts. The recipe is the default one, or a file over it.
Top-1 is over the classes with at least 8 signers, macro recall over all; both are the mean over the seeds,
with intervals over signers. Pairs are two networks of a seed whose probabilities are averaged; simple methods see the
same training clips. At most three clips of a signer and class are taken, the first ones.

Then the networks take turns, with all cores each: samples/s of a training step and of prediction, medians of the turns.
Finished networks are kept in results/bench/ablation, so an interrupted run resumes. Prints a table in Markdown, writes
results/bench/networks.json.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from ablation import OUT, Change, prepared, recipe, run
from torch.nn import functional

from signfold.core import files
from signfold.core.settings import ModelSettings, TrainingSettings
from signfold.evaluation.baselines import answers
from signfold.evaluation.fusion import probabilities
from signfold.evaluation.intervals import GroupIntervals, Interval
from signfold.evaluation.metrics import Scored, score
from signfold.folds.roles import read_fold
from signfold.models.registry import build_network, parameter_count
from signfold.tensors.shards import Shards
from signfold.training.optim import configure_optimiser, precision
from signfold.training.run import EVALUATION_BATCH, configure_torch

CLIPS, SIGNERS = 3, 8
MODELS: dict[str, dict[str, Any]] = {
    "aagcn": {"network": "aagcn"},
    "aagcn, half the width": {"network": "aagcn", "width": 0.5},
    "light": {"network": "light"},
    "light, half the width": {"network": "light", "width": 0.5},
    "conv": {"network": "conv"},
}
TURNS = 5


def validated(folder: Path, predictions: list[Path]) -> pd.DataFrame:
    """Return the validation clips of all folds: signer, class_id and `probabilities` (K,), by sample_id."""
    signer = files.read_parquet(folder / "items.parquet").to_pandas().set_index("sample_id")["signer"]
    table = pd.concat(files.read_parquet(path).to_pandas() for path in predictions)
    table = table[table["role"] == "val"].set_index("sample_id")
    said = probabilities(np.stack(table["logits"].tolist()).astype(float))
    return table[["class_id"]].assign(signer=signer, probabilities=list(said))


def simple(folder: Path) -> dict[str, pd.DataFrame]:
    """Return what each simple method says of the validation clips, as `validated`, with 1 for its answer."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for path in sorted((folder / "folds").glob("*.parquet")):
        fold = read_fold(path, folder / "audit.json")
        val, nobody = fold.roles["val"], {name: each[:0] for name, each in vars(fold.roles["val"]).items()}
        asked = replace(fold, roles={**fold.roles, "test": val, "val": type(val)(**nobody)})
        for said in answers(asked, Shards(sorted((folder / "tensors").glob("*.npy"))), 0):
            table = pd.DataFrame({"class_id": val.class_id, "signer": val.signer}, index=val.sample_id)
            table["probabilities"] = list(np.eye(len(fold.labels))[said.predicted])
            parts.setdefault(said.method, []).append(table)
    return {method: pd.concat(tables) for method, tables in parts.items()}


def averaged(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the clips with the mean of their probabilities."""
    mean = np.mean([np.stack(table.loc[tables[0].index, "probabilities"].tolist()) for table in tables], axis=0)
    return tables[0].assign(probabilities=list(mean))


def scored(table: pd.DataFrame) -> Scored:
    """Return the clips of `validated` as metrics take them."""
    return score(np.stack(table["probabilities"].tolist()), table["class_id"].to_numpy())


def figures(tables: list[pd.DataFrame], beside: list[pd.DataFrame], frequent: set[int]) -> dict[str, Interval]:
    """Return top-1 of frequent classes, macro recall of all, and the paired difference of top-1 to `beside`.

    Parameters
    ----------
    tables, beside
        The clips of a row and of the row that it is compared with, each a table for each seed.
    frequent
        Class ids.
    """
    clips = tables[0]
    some = clips[clips["class_id"].isin(frequent)].index
    intervals = GroupIntervals.of_clips(clips.loc[some])
    right, other = (
        np.mean([scored(table.loc[some]).right for table in several], axis=0) for several in (tables, beside)
    )
    macro = GroupIntervals.of_clips(clips).metrics([scored(table.loc[clips.index]) for table in tables])
    return {
        "top1": intervals.share(right),
        "macro_recall": macro["balanced_accuracy"],
        "beside": intervals.difference(other, right),
    }


def speeds(models: Mapping[str, dict[str, Any]], change: Change, about: Any, classes: int) -> pd.DataFrame:
    """Return parameters, and samples/s of training and prediction, of networks that take turns with all cores."""
    configure_torch(os.cpu_count() or 1)
    settings, device = TrainingSettings(**change["training"]), torch.device("cpu")
    dtype = precision(settings, device)
    shape = (len(about["channels"]) + 1, about["frames"], len(about["joints"]))
    networks = {name: build_network(about, classes, ModelSettings(**model)) for name, model in models.items()}
    optimisers = {name: configure_optimiser(network, settings) for name, network in networks.items()}
    taken: dict[str, dict[str, list[float]]] = {name: {"train": [], "predict": []} for name in networks}

    def step(name: str, kind: str) -> None:
        size = settings.batch_size if kind == "train" else EVALUATION_BATCH
        network, x = networks[name].train(kind == "train"), torch.randn(size, *shape)
        x[:, -1] = (x[:, -1] > -1).float()
        with torch.set_grad_enabled(kind == "train"), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits = network(x).float()
        if kind == "train":
            optimisers[name].zero_grad()
            functional.cross_entropy(logits, torch.randint(classes, (size,))).backward()
            optimisers[name].step()

    for _ in range(TURNS):
        for name, kinds in taken.items():
            for kind, rates in kinds.items():
                step(name, kind)  # warms the caches after the other networks' turns
                start = time.perf_counter()
                step(name, kind)
                size = settings.batch_size if kind == "train" else EVALUATION_BATCH
                rates.append(size / (time.perf_counter() - start))
    counts = {name: parameter_count(network) for name, network in networks.items()}
    rows = {name: {kind: float(np.median(rates)) for kind, rates in kinds.items()} for name, kinds in taken.items()}
    return pd.DataFrame({name: {"parameters": counts[name], **row} for name, row in rows.items()}).T


def trained(pool: ProcessPoolExecutor, folder: Path, models: list[str], seeds: list[int], change: Change) -> Any:
    """Train every network of every seed on every fold; return the validation clips' tables by network and seed."""
    names = sorted(path.stem for path in (folder / "folds").glob("*.parquet"))
    waiting: dict[tuple[str, int], list[Future[Path]]] = {}
    for seed in seeds:
        for name in models:
            wanted = {**change, "model": {**change["model"], **MODELS[name]}}
            jobs = [pool.submit(run, folder, fold, name, "joint", seed, wanted) for fold in names]
            waiting[name, seed] = jobs
    return {
        name: {seed: validated(folder, [job.result() for job in waiting[name, seed]]) for seed in seeds}
        for name in models
    }


def rows_of(tables: Mapping[str, dict[int, pd.DataFrame]], folder: Path) -> dict[str, list[pd.DataFrame]]:
    """Return all rows of the table: networks, pairs of networks, seeds together, simple methods."""
    rows = {name: list(seeds.values()) for name, seeds in tables.items()}
    names = list(tables)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if MODELS[one]["network"] != MODELS[other]["network"]:
                pairs = zip(tables[one].values(), tables[other].values(), strict=True)
                rows[f"{one} + {other}"] = [averaged(list(pair)) for pair in pairs]
    several = {name: list(seeds.values()) for name, seeds in tables.items() if len(seeds) > 1}
    rows |= {f"{name}, {len(seeds)} seeds averaged": [averaged(seeds)] for name, seeds in several.items()}
    return rows | {method: [table] for method, table in simple(folder).items()}


def main() -> None:
    """Train what is missing, measure speeds, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("networks", nargs="*", default=list(MODELS), help=f"of {', '.join(MODELS)}")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--configfile", type=Path, help="recipe over the default one")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    change = recipe(given.configfile)
    folder = prepared(given.dataset, change["tensors"], CLIPS)
    with ProcessPoolExecutor(given.processes, get_context("spawn")) as pool:
        tables = trained(pool, folder, given.networks, given.seeds, change)
    items = files.read_parquet(folder / "items.parquet").to_pandas()
    signers = items.groupby("class_id")["signer"].nunique()
    frequent = set(signers[signers >= SIGNERS].index) or set(signers.index)
    about = files.read_metadata(next((folder / "tensors").glob("*.parquet")))
    cost = speeds({name: MODELS[name] for name in given.networks}, change, about, len(signers))
    rows = rows_of(tables, folder)
    first = next(iter(rows.values()))
    result: dict[str, Any] = {}
    print(f"top-1 of {len(frequent)} classes with at least {SIGNERS} signers; macro recall of {len(signers)} classes")
    print("| | top-1 | macro recall | beside the first | parameters | training | prediction |")
    print("|---|---|---|---|---:|---:|---:|")
    for name, row in rows.items():
        found = figures(row, first if len(row) == len(first) else [averaged(first)], frequent)
        result[name] = {key: asdict(value) for key, value in found.items()}
        result[name] |= cost.loc[name].to_dict() if name in cost.index else {}
        shares = [f"{v.value:.1%} ({v.low:.1%} to {v.high:.1%})" for v in (found["top1"], found["macro_recall"])]
        gain = found["beside"]
        shares.append(f"{100 * gain.value:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})")
        own = [f"{value:,.0f}" for value in cost.loc[name]] if name in cost.index else ["", "", ""]
        print(f"| {name} | {' | '.join([*shares, *own])} |", flush=True)
    files.write_json(OUT / "networks.json", result)


if __name__ == "__main__":
    main()
