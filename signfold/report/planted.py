"""The note on a synthetic dataset with planted flaws: what was planted, and whether the run found it.

Only this note reads the list of planted flaws; no stage does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from signfold.core.files import read_metadata, read_parquet
from signfold.report.format import share
from signfold.report.results import Results

TRUTH = "videos/truth.parquet"

Flaw = dict[str, str]


@dataclass(frozen=True)
class Verdict:
    """Whether a flaw was found, and what the run says of it."""

    found: bool
    said: str


def planted(results: Results) -> dict[str, Any]:
    """Return the planted flaws of a synthetic dataset, each with what the run found; empty if there are none."""
    path = results.root / TRUTH
    flaws: list[Flaw] = read_metadata(path).get("planted", []) if path.exists() else []
    if not flaws:
        return {}
    findings = Findings(results)
    rows = [{**flaw, **KINDS[flaw["kind"]].row(flaw, findings)} for flaw in flaws]
    return {"rows": rows, "found": sum(row["found"] for row in rows), "total": len(rows)}


@dataclass(frozen=True)
class Findings:
    """Findings of the stages that the note needs."""

    results: Results

    @cached_property
    def reasons(self) -> dict[str, str]:
        """Reason for each video that was left out, by its sample id."""
        table = self.results.excluded
        # The index names files by their paths, the manifest by their sample ids.
        names = table["name"].str.rpartition("videos/")[2].str.removesuffix(".mp4")
        return dict(zip(names, table["reason"], strict=True))

    @cached_property
    def suspects(self) -> dict[str, tuple[int, str]]:
        """Place in the list of label errors, from 1, and the label that the clip seems to have, by its sample id."""
        table = self.results.evaluation("label_audit")
        if table.empty:
            return {}
        pairs = zip(table["sample_id"], table["other_label"], strict=True)
        return {name: (place, label) for place, (name, label) in enumerate(pairs, 1)}

    @cached_property
    def twins(self) -> dict[frozenset[str], float]:
        """Distance in shoulder widths of each pair of near-duplicates."""
        path = self.results.root / "duplicates.parquet"
        rows = read_parquet(path, ["sample_id", "other_id", "distance"]).to_pylist() if path.exists() else []
        return {frozenset((row["sample_id"], row["other_id"])): row["distance"] for row in rows}

    @cached_property
    def glosses(self) -> dict[str, str]:
        """Gloss of each label."""
        index = self.results.index
        return dict(zip(index["label"], index["gloss"], strict=True))

    def per_signer(self, column: str) -> dict[str, float]:
        """Return the mean over each signer's clips of a column of the tensors' table."""
        tensors = self.results.tensors
        if column not in tensors or self.results.index.empty:
            return {}
        signer = tensors["sample_id"].map(self.results.index.set_index("sample_id")["signer"])
        return {str(name): float(mean) for name, mean in tensors[column].astype(float).groupby(signer).mean().items()}


@dataclass(frozen=True)
class Check:
    """How a kind of flaw is named, which section shows it, and how it is looked for in the results."""

    title: str
    section: str
    find: Callable[[Flaw, Findings], Verdict] = field(repr=False)

    def row(self, flaw: Flaw, findings: Findings) -> dict[str, Any]:
        """Return the columns of a flaw's row."""
        verdict = self.find(flaw, findings)
        return {"title": self.title, "section": self.section, "found": verdict.found, "said": verdict.said}


def _left_out(flaw: Flaw, findings: Findings) -> Verdict:
    reason = findings.reasons.get(flaw["name"])
    return Verdict(reason is not None, f"left out: {reason}" if reason else "not left out")


def _wrong_label(flaw: Flaw, findings: Findings) -> Verdict:
    performed = findings.glosses.get(flaw["other"], flaw["other"])
    if flaw["name"] not in findings.suspects:
        return Verdict(False, f"performs {performed}; not among the {len(findings.suspects)} suspicious labels")
    place, label = findings.suspects[flaw["name"]]
    seems = findings.glosses.get(label, label)
    return Verdict(
        True, f"performs {performed}; number {place} of {len(findings.suspects)} suspicious labels, as {seems}"
    )


def _twin(flaw: Flaw, findings: Findings) -> Verdict:
    distance = findings.twins.get(frozenset((flaw["name"], flaw["other"])))
    if distance is None:
        return Verdict(False, "not among the near-duplicates")
    return Verdict(True, f"near-duplicate at {distance:.3f} shoulder widths; never in another role than its original")


def _two_people(flaw: Flaw, findings: Findings) -> Verdict:
    if flaw["name"] in findings.reasons:
        return _left_out(flaw, findings)
    return Verdict(False, "nothing looks for a second person: MediaPipe follows one, and the clip is used")


def _left_handed(flaw: Flaw, findings: Findings) -> Verdict:
    mirrored = findings.per_signer("mirrored")
    own = mirrored.get(flaw["name"], 0.0)
    return Verdict(own > 0.5 and own == max(mirrored.values()), f"{share(own, 0)} of the clips mirrored")


def _poor_light(flaw: Flaw, findings: Findings) -> Verdict:
    gaps = findings.per_signer("longest_gap")
    own = gaps.get(flaw["name"], 0.0)
    longest = own > 0 and own == max(gaps.values())
    rank = "the longest" if longest else "not the longest"
    return Verdict(longest, f"a hand is lost for {own:.1f} frames, averaged over clips: {rank} of all signers")


KINDS = {
    "wrong_label": Check("Wrong label", "labels", _wrong_label),
    "copy": Check("Copy under another signer's name", "folds", _twin),
    "reencoded": Check("Re-encoded copy under another signer's name", "folds", _twin),
    "two_people": Check("Two people", "quality", _two_people),
    "unreadable": Check("File that breaks off", "data", _left_out),
    "no_label": Check("Name without a sign", "data", _left_out),
    "left_handed": Check("Left-handed signer", "quality", _left_handed),
    "poor_light": Check("Signer in poor light", "quality", _poor_light),
}
