"""Manifests of invented clips, and the folds that are built of them."""

import pyarrow as pa

from signfold.core.files import read_parquet, write_parquet
from signfold.core.settings import FoldSettings
from signfold.dataset.manifest import SCHEMA
from signfold.folds.build import build_fold
from signfold.folds.names import count_groups, fold_names


def clip(name, label="0", signer="ann", copy=0, sha256=None, split=None):
    return {
        "sample_id": f"{name}#{copy}" if copy else name, "source_id": name, "copy": copy, "class_id": int(label),
        "label": label, "gloss": "shown elsewhere", "signer": signer, "split": split, "shard": "0", "row": 0,
        "sha256": sha256 or f"digest of {name}", "weight": 1.0,
    }  # fmt: skip


def people(signers=6, classes=4, takes=2):
    """Every signer signs every class."""
    return [
        clip(f"{signer}-{label}-{take}", str(label), f"signer{signer}")
        for signer in range(signers)
        for label in range(classes)
        for take in range(takes)
    ]


def run(folder, rows, seed=0, balance="none", takes=None, **options):
    """Build all folds; return {fold: {sample_id: row}}. `takes`: pairs of clips that show one take."""
    how = FoldSettings(**options)
    names = fold_names(count_groups([row["signer"] for row in rows if not row["copy"]], how), how)
    metadata = {"settings": {"balance": balance}}
    write_parquet(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "manifest.parquet", metadata)
    pairs = None
    if takes is not None:
        pairs = folder / "duplicates.parquet"
        write_parquet(pa.table(list(zip(*takes, strict=True)), ["sample_id", "other_id"]), pairs, {})
    for name in names:
        build_fold(folder / "manifest.parquet", folder / f"{name}.parquet", name, names, how, seed, pairs)
    return {
        name: {row["sample_id"]: row for row in read_parquet(folder / f"{name}.parquet").to_pylist()} for name in names
    }
