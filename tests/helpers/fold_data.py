"""Manifests of invented clips, and the folds that are built from them."""

import pyarrow as pa

from signfold.core.files import read_parquet, write_parquet
from signfold.core.settings import FoldSettings
from signfold.dataset.manifest import SCHEMA
from signfold.folds.build import FoldPlan, build_fold
from signfold.folds.names import count_groups, fold_names

PAIRS = pa.schema([("sample_id", pa.string()), ("other_id", pa.string()), ("distance", pa.float32())])


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


def write_items(folder, rows, balance="none", takes=()):
    """Write items.parquet and duplicates.parquet; `takes`: pairs of clips that show one take. Return both paths."""
    items, duplicates = folder / "items.parquet", folder / "duplicates.parquet"
    write_parquet(pa.Table.from_pylist(rows, schema=SCHEMA), items, {"settings": {"balance": balance}})
    pairs = [{"sample_id": one, "other_id": other, "distance": 0.021} for one, other in takes]
    write_parquet(pa.Table.from_pylist(pairs, schema=PAIRS), duplicates, {})
    return items, duplicates


def run(folder, rows, seed=0, balance="none", takes=(), **options):
    """Build all folds; return {fold: {sample_id: row}}. `takes`: pairs of clips that show one take."""
    how = FoldSettings(**options)
    names = tuple(fold_names(count_groups([row["signer"] for row in rows if not row["copy"]], how), how))
    items, duplicates = write_items(folder, rows, balance, takes)
    for name in names:
        build_fold(items, duplicates, folder / f"{name}.parquet", FoldPlan(name, names, how, seed))
    return {name: by_id(folder / f"{name}.parquet") for name in names}


def by_id(path):
    """Return the rows of a fold's file by sample_id."""
    return {row["sample_id"]: row for row in read_parquet(path).to_pylist()}


def roles(fold):
    """Return the role of every row of a fold."""
    return {name: row["role"] for name, row in fold.items()}


def in_role(fold, role, column):
    """Return the values of a column in a role."""
    return {row[column] for row in fold.values() if row["role"] == role}
