"""Looking for leaks: nothing may be in two roles of a fold. Training needs what this writes, so a leak stops the run.

The audit believes nothing that the folds stage did: it reads the roles as they stand in the files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_json

ROLES = ("train", "val", "test")
SHOWN = 5  # how many leaking items a message names

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditedFold:
    """A fold as it stands in its file.

    Parameters
    ----------
    name
        The file's name without ending.
    rows
        All rows.
    metadata
        What the folds stage says of it.
    pairs
        The clips that show one take: sample_id, other_id, distance.
    """

    name: str
    rows: pd.DataFrame
    metadata: dict[str, Any]
    pairs: pd.DataFrame

    def role(self, role: str) -> pd.DataFrame:
        """Return the rows of a role."""
        return self.rows[self.rows["role"] == role]


def overlaps(fold: AuditedFold, column: str) -> Iterator[tuple[str, str, list[str]]]:
    """Give (role, other role, values) wherever values of `column` are in two roles."""
    values = {role: set(fold.role(role)[column].dropna()) for role in ROLES}
    for one, other in combinations(ROLES, 2):
        if both := sorted(values[one] & values[other]):
            yield one, other, both


def shared_signers(fold: AuditedFold) -> dict[str, list[str]]:
    """Return the signers in two roles, by the pair of roles, e.g. `train and val`."""
    return {f"{one} and {other}": signers for one, other, signers in overlaps(fold, "signer")}


def may_share(fold: AuditedFold) -> set[str]:
    """Return the pairs of roles in which the fold's own protocol allows one signer.

    An official split is what it is, and is reported; folds over contents know of no signers; and where one person
    alone trains, validation can only be by that person too.
    """
    pairs = {f"{one} and {other}" for one, other in combinations(ROLES, 2)}
    if fold.metadata.get("method") == "official" or fold.metadata.get("group") == "sample":
        return pairs
    learnt = set(fold.role("train")["signer"].dropna()) | set(fold.role("val")["signer"].dropna())
    return {"train and val"} if len(learnt) == 1 else set()


def check_signers(fold: AuditedFold) -> Iterator[str]:
    """No signer is in two roles, unless the protocol says so."""
    for pair, signers in shared_signers(fold).items():
        if pair not in may_share(fold):
            yield f"{pair} share signers: {_some(signers)}"


def check_contents(fold: AuditedFold) -> Iterator[str]:
    """No video's content is in two roles, whatever the file is called."""
    for one, other, digests in overlaps(fold, "sha256"):
        ids = fold.rows.loc[fold.rows["sha256"].isin(digests) & (fold.rows["copy"] == 0), "sample_id"]
        yield f"{one} and {other} share the content of videos: {_some(sorted(ids))}"


def check_sources(fold: AuditedFold) -> Iterator[str]:
    """No video, and no copy of it, is in two roles."""
    for one, other, sources in overlaps(fold, "source_id"):
        yield f"{one} and {other} share videos, or copies of them: {_some(sources)}"


def check_copies(fold: AuditedFold) -> Iterator[str]:
    """Copies train only: nobody is scored twice."""
    for role in ("val", "test"):
        rows = fold.role(role)
        if (copies := rows["copy"] > 0).any():
            yield f"copies in {role}: {_some(sorted(rows.loc[copies, 'sample_id']))}"


def check_roles(fold: AuditedFold) -> Iterator[str]:
    """Every row has one known role, every row is there once, and no role is empty."""
    unknown = sorted(set(fold.rows["role"].astype(str)) - {*ROLES, "none"})
    if unknown:
        yield f"unknown roles: {_some(unknown)}; expected train, val, test or none"
    twice = fold.rows.loc[fold.rows["sample_id"].duplicated(), "sample_id"]
    if len(twice):
        yield f"rows that are there twice: {_some(sorted(set(twice)))}"
    without_val = fold.metadata.get("settings", {}).get("val_fraction") == 0
    for role in ROLES:
        if fold.role(role).empty and not (role == "val" and without_val):
            yield f"nothing has the role {role}"


def check_takes(fold: AuditedFold) -> Iterator[str]:
    """No take is in two roles, however it was encoded, resized or trimmed; neither are copies for balance of it."""
    roles = {name: set(found) & set(ROLES) for name, found in fold.rows.groupby("source_id")["role"]}
    for one, other in combinations(ROLES, 2):
        shown = []
        for pair in fold.pairs.to_dict("records"):
            a, b = (roles.get(pair[side], set()) for side in ("sample_id", "other_id"))
            if (one in a and other in b) or (other in a and one in b):
                apart = f"joints {pair['distance']:.3f} shoulder widths apart"
                shown.append(f"{pair['sample_id']} and {pair['other_id']} ({apart})")
        if shown:
            yield f"{one} and {other} show the same take: {_some(shown)}"


# A check looks at one fold and says what it finds.
CHECKS: tuple[Callable[[AuditedFold], Iterator[str]], ...] = (
    check_roles,
    check_sources,
    check_contents,
    check_takes,
    check_signers,
    check_copies,
)


def check_together(folds: Sequence[AuditedFold]) -> Iterator[str]:
    """All folds have the same rows; every video is tested in exactly one (with an official split, in one or none)."""
    first = folds[0]
    for fold in folds[1:]:
        if set(fold.rows["sample_id"]) != set(first.rows["sample_id"]):
            yield f"{first.name} and {fold.name} were made from different manifests"
    tested = pd.concat([fold.role("test") for fold in folds])["sample_id"].value_counts()
    often = sorted(tested[tested > 1].index)
    if often:
        yield f"videos in the test part of more than one fold: {_some(often)}"
    if any(fold.metadata.get("method") == "official" for fold in folds):
        return
    never = sorted(set(first.rows.loc[first.rows["copy"] == 0, "sample_id"]) - set(tested.index))
    if never:
        yield f"videos in the test part of no fold: {_some(never)}"


def audit_folds(fold_files: Sequence[str | Path], out_json: str | Path, duplicates: str | Path | None = None) -> None:
    """Check every fold for leaks, and write what was found to be in order.

    The file has `ok` (true), `group` (`signer` or `sample`), `method`, `shared_signers` (whether a signer is in two
    roles anywhere, where the protocol allows it), `tested_shared_signers` (those in a test part and in another role of
    its fold), per fold the counts of clips and signers, `same_take` (how many pairs of clips show one take, and
    how many of them are exact copies; null where nobody looked), and `findings` (empty).

    Parameters
    ----------
    fold_files
        All of `folds/{fold}.parquet`.
    out_json
        `folds/audit.json`; not written if there is a leak.
    duplicates
        `duplicates.parquet`: which clips show one take.

    Raises
    ------
    SignfoldError
        If anything leaks; all findings, each with fold, roles and items.
    """
    pairs = read_parquet(duplicates).to_pandas() if duplicates else pd.DataFrame(columns=["sample_id", "other_id"])
    folds = [AuditedFold(Path(p).stem, read_parquet(p).to_pandas(), read_metadata(p), pairs) for p in fold_files]
    findings = [f"{fold.name}: {finding}" for fold in folds for check in CHECKS for finding in check(fold)]
    findings += check_together(folds)
    if findings:
        raise SignfoldError(
            "the folds leak, so nothing is trained on them:\n  "
            + "\n  ".join(findings)
            + "\nDelete the folder folds/ and run again; if it comes back, the manifest or signfold is at fault"
        )
    write_json(out_json, {**summary(folds), "same_take": _same_take(folds[0]) if duplicates else None})
    log.info("%d folds: nothing is in two roles", len(folds))


def summary(folds: Sequence[AuditedFold]) -> dict[str, Any]:
    """Return what `audit` writes of folds in order."""
    shared = {fold.name: pairs for fold in folds if (pairs := shared_signers(fold))}
    tested = {signer for pairs in shared.values() for pair, both in pairs.items() if "test" in pair for signer in both}
    return {
        "ok": True,
        "version": versions.FOLDS,
        "method": folds[0].metadata.get("method"),
        "group": folds[0].metadata.get("group"),
        "shared_signers": bool(shared),
        "tested_shared_signers": sorted(tested),
        "unknown_signers": folds[0].metadata.get("unknown_signers"),
        "checks": [check.__name__.removeprefix("check_") for check in (*CHECKS, check_together)],
        "folds": {fold.name: _counts(fold) | {"shared": shared.get(fold.name, {})} for fold in folds},
        "findings": [],
    }


def _same_take(fold: AuditedFold) -> dict[str, int]:
    contents = fold.rows.drop_duplicates("sample_id").set_index("sample_id")["sha256"]
    exact = (fold.pairs["sample_id"].map(contents) == fold.pairs["other_id"].map(contents)).sum()
    return {"pairs": len(fold.pairs), "exact": int(exact)}


def _counts(fold: AuditedFold) -> dict[str, Any]:
    clips = fold.rows[fold.rows["copy"] == 0]
    by_role = {role: clips[clips["role"] == role] for role in (*ROLES, "none")}
    return {
        "clips": {role: len(rows) for role, rows in by_role.items()},
        "classes": {role: int(rows["class_id"].nunique()) for role, rows in by_role.items()},
        "signers": {role: sorted(set(rows["signer"].dropna())) for role, rows in by_role.items()},
        "copies": int((fold.rows["copy"] > 0).sum() - (fold.role("none")["copy"] > 0).sum()),
        "val_group": fold.metadata.get("val_group"),
        "unlearnt_test_classes": fold.metadata.get("unlearnt_test_classes"),
    }


def _some(items: Sequence[str]) -> str:
    return ", ".join(items[:SHOWN]) + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")
