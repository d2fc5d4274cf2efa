"""The leak audit: nothing may be in two roles of a fold. Every training needs its output, so a leak stops the run.

The audit takes the roles from the fold files and relies on nothing else that the folds stage computed.
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
from signfold.core.results import ROLES
from signfold.core.text import shortened
from signfold.dataset import spelling
from signfold.folds.roles import FOLD_SCHEMA, other_version, signers_may_share

SHOWN = 5  # leaking items that a message names

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditedFold:
    """A fold as read from its file.

    Parameters
    ----------
    name
        Name of the file without ending.
    rows
        All rows of the file.
    metadata
        Metadata of the file: version, method, group, val_group and more.
    pairs
        Pairs of clips that show one take: sample_id, other_id, distance.
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


def check_version(fold: AuditedFold) -> Iterator[str]:
    """The roles are those of today's folds stage."""
    if found := other_version(fold.metadata):
        yield found


def check_signers(fold: AuditedFold) -> Iterator[str]:
    """No signer is in two roles, but for official splits and folds over videos."""
    if not signers_may_share(fold.metadata):
        for pair, signers in shared_signers(fold).items():
            yield f"{pair} share signers: {shortened(signers, SHOWN)}"


def check_contents(fold: AuditedFold) -> Iterator[str]:
    """No video's content is in two roles, whatever the file is called."""
    for one, other, digests in overlaps(fold, "sha256"):
        ids = fold.rows.loc[fold.rows["sha256"].isin(digests) & (fold.rows["copy"] == 0), "sample_id"]
        yield f"{one} and {other} share the content of videos: {shortened(sorted(ids), SHOWN)}"


def check_sources(fold: AuditedFold) -> Iterator[str]:
    """No video, and no copy of it, is in two roles."""
    for one, other, sources in overlaps(fold, "source_id"):
        yield f"{one} and {other} share videos, or copies of them: {shortened(sources, SHOWN)}"


def check_copies(fold: AuditedFold) -> Iterator[str]:
    """Copies train only, so that no clip is scored twice."""
    for role in ("val", "test"):
        rows = fold.role(role)
        if (copies := rows["copy"] > 0).any():
            yield f"copies in {role}: {shortened(sorted(rows.loc[copies, 'sample_id']), SHOWN)}"


def check_roles(fold: AuditedFold) -> Iterator[str]:
    """Every row has a known role and is there once; no role is empty, but for `val` if the fold says so."""
    unknown = sorted(set(fold.rows["role"].astype(str)) - {*ROLES, "none"})
    if unknown:
        yield f"unknown roles: {shortened(unknown, SHOWN)}; expected train, val, test or none"
    twice = fold.rows.loc[fold.rows["sample_id"].duplicated(), "sample_id"]
    if len(twice):
        yield f"rows that are there twice: {shortened(sorted(set(twice)), SHOWN)}"
    needed = [role for role in ROLES if role != "val" or fold.metadata.get("val_group")]
    for role in needed:
        if fold.role(role).empty:
            yield f"no row has the role {role}"


def check_takes(fold: AuditedFold) -> Iterator[str]:
    """No take is in two roles, whatever its encoding, size, trim, side or speed; nor are copies for balance of it."""
    roles = {name: set(found) & set(ROLES) for name, found in fold.rows.groupby("source_id")["role"]}
    for one, other in combinations(ROLES, 2):
        shown = []
        for pair in fold.pairs.to_dict("records"):
            a, b = (roles.get(pair[side], set()) for side in ("sample_id", "other_id"))
            if (one in a and other in b) or (other in a and one in b):
                apart = f"joints {pair['distance']:.3f} shoulder widths apart"
                shown.append(f"{pair['sample_id']} and {pair['other_id']} ({apart})")
        if shown:
            yield f"{one} and {other} show the same take: {shortened(shown, SHOWN)}"


# Each check yields a message for each problem of one fold.
CHECKS: tuple[Callable[[AuditedFold], Iterator[str]], ...] = (
    check_version,
    check_roles,
    check_sources,
    check_contents,
    check_takes,
    check_signers,
    check_copies,
)


def check_together(folds: Sequence[AuditedFold]) -> Iterator[str]:
    """All folds have the same rows; every video is tested in exactly one fold (official splits: in one or none)."""
    first = folds[0]
    for fold in folds[1:]:
        if set(fold.rows["sample_id"]) != set(first.rows["sample_id"]):
            yield f"{first.name} and {fold.name} were made from different manifests"
    tested = pd.concat([fold.role("test") for fold in folds])["sample_id"].value_counts()
    often = sorted(tested[tested > 1].index)
    if often:
        yield f"videos in the test part of more than one fold: {shortened(often, SHOWN)}"
    if any(fold.metadata.get("method") == "official" for fold in folds):
        return
    never = sorted(set(first.rows.loc[first.rows["copy"] == 0, "sample_id"]) - set(tested.index))
    if never:
        yield f"videos in the test part of no fold: {shortened(never, SHOWN)}"


def audit_folds(fold_files: Sequence[Path], out_json: Path, duplicates: Path | None = None) -> None:
    """Check every fold for leaks, and write the audit's report if there is none.

    The report has `ok` (true), `group` (`signer` or `sample`), `method`, `shared_signers` (whether a signer is in two
    roles anywhere, where the protocol allows it), `tested_shared_signers` (those in a test part and in another role of
    its fold), `near_equal` (groups of names of signers and of labels that may mean one thing: to the audit they are
    several), per fold the counts of clips and signers, `same_take` (number of pairs of clips that show one take, and
    of exact copies among them; null without `duplicates`), and `findings` (empty).

    Parameters
    ----------
    fold_files
        All of `folds/{fold}.parquet`.
    out_json
        `folds/audit.json`; not written if there is a leak.
    duplicates
        `duplicates.parquet`, the pairs of clips that show one take; without it only exact copies are looked for.

    Raises
    ------
    SignfoldError
        If anything leaks; the message lists all findings, each with fold, roles and items.
    """
    named = ["sample_id", "other_id", "distance"]
    pairs = read_parquet(duplicates, named).to_pandas() if duplicates else pd.DataFrame(columns=named)
    folds = [
        AuditedFold(path.stem, read_parquet(path, FOLD_SCHEMA.names).to_pandas(), read_metadata(path), pairs)
        for path in fold_files
    ]
    findings = [f"{fold.name}: {finding}" for fold in folds for check in CHECKS for finding in check(fold)]
    findings += check_together(folds)
    if findings:
        raise SignfoldError(
            "the folds leak, so nothing is trained on them:\n  "
            + "\n  ".join(findings)
            + "\nDelete the folder folds/ and run again; if it comes back, the manifest or signfold is at fault"
        )
    report = audit_report(folds)
    write_json(out_json, {**report, "same_take": _same_take(folds[0]) if duplicates else None})
    log.info("%d folds: nothing is in two roles", len(folds))
    for line in spelling.near_equal_lines(report["near_equal"]):
        log.warning("%s: the audit takes these names for different ones; if they mean one, join them (spellings)", line)


def audit_report(folds: Sequence[AuditedFold]) -> dict[str, Any]:
    """Return the report of folds without findings, but for `same_take`."""
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
        "near_equal": _near_equal(folds[0]),
        "checks": [check.__name__.removeprefix("check_") for check in (*CHECKS, check_together)],
        "folds": {fold.name: _counts(fold) | {"shared": shared.get(fold.name, {})} for fold in folds},
        "findings": [],
    }


def _near_equal(fold: AuditedFold) -> dict[str, list[list[str]]]:
    """Return the near-equal names of signers and labels, by field; none of a field without any."""
    clips = fold.rows[fold.rows["copy"] == 0]
    found = {field: spelling.near_equal(clips[field].dropna()) for field in ("signer", "label")}
    return {field: groups for field, groups in found.items() if groups}


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
        "copies": int((fold.role("train")["copy"] > 0).sum()),
        "val_group": fold.metadata.get("val_group"),
        "unlearnt_test_classes": fold.metadata.get("unlearnt_test_classes"),
    }
