"""`signfold doctor`: the videos of a dataset that are bad, suspicious or duplicates, each with a command to see it."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from signfold.core import files
from signfold.core.clip import Floats, Keypoints, read_shard, seen
from signfold.core.results import ResultsFolder, frames_of
from signfold.core.skeleton import HAND, SIDES
from signfold.dataset.index import COLUMNS
from signfold.dataset.index_table import similar_names

# Greatest plausible speeds, in shoulder widths (about 0.35 m) a second. In 447 clips of one signer before a camera, all
# wrists but one stay below 15, all trunks below 1.2; a hand or person confused with another moves at 20 and more.
WRIST_SPEED, TRUNK_SPEED = 20.0, 10.0
# Number of jumps whose times are named, and greatest width of the column of reasons in characters.
_NAMED, _WIDTH = 3, 80


@dataclass(frozen=True)
class Finding:
    """A video, and the reason why it is listed.

    Parameters
    ----------
    sample_id, path
        Name and path of the video.
    why
        Reason in words.
    opens
        Whether it has a frame to look at.
    """

    sample_id: str
    path: str
    why: str
    opens: bool = True


@dataclass(frozen=True)
class Diagnosis:
    """The findings of a results folder.

    Parameters
    ----------
    videos
        Number of extracted videos of the index.
    waiting
        Number of videos of the index that are not extracted yet.
    bad
        Videos that no stage uses: unreadable, without frames, without a person.
    suspicious
        Videos that are used, but may be wrong.
    duplicates
        Groups of videos with the same content.
    spellings
        Near-equal names of signers and labels, a line for each group.
    """

    videos: int
    waiting: int
    bad: list[Finding]
    suspicious: list[Finding]
    duplicates: list[list[Finding]]
    spellings: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether there is nothing to list."""
        return not (self.bad or self.suspicious or self.duplicates)


def diagnose(results: Path, hands: float = 0.3) -> Diagnosis:
    """Return the findings in the index and keypoints of a dataset.

    Parameters
    ----------
    results
        Folder `results/{dataset}` with the index and at least one shard of keypoints.
    hands
        Least share of frames with a hand, 0 to 1; clips below it are suspicious.

    Raises
    ------
    SignfoldError
        If no shard is extracted.
    """
    folder = ResultsFolder(results)
    shards = folder.shard_files("keypoints", ".videos.parquet")
    if not shards:
        raise folder.missing(f"{results}/keypoints: no shard is extracted")
    index = {row["sample_id"]: row for row in files.read_parquet(results / "index.parquet", COLUMNS).to_pylist()}
    videos: list[dict[str, Any]] = []
    suspicious: list[Finding] = []
    # Reading and unpacking release the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        done = pool.map(partial(_shard, index=index, hands=hands), shards)
        for rows, found in tqdm(done, total=len(shards), unit="shard", disable=None, leave=False):
            videos += rows
            suspicious += found
    bad = [_finding(row, f"{row['status']}: {row['error']}") for row in videos if row["status"] != "ok"]
    waiting, similar = len(index) - len(videos), similar_names(results / "index.parquet")
    return Diagnosis(len(videos), waiting, bad, suspicious, _duplicates(videos), similar)


def _shard(videos_file: Path, index: dict[str, Any], hands: float) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Return the shard's videos that are in the index, and the suspicious ones of those that are usable."""
    rows, found = [], []
    for clip in read_shard(frames_of(videos_file), videos_file):
        if clip.sample_id not in index:
            continue
        rows.append(index[clip.sample_id] | clip.row())
        if clip.usable:
            reasons = [clip.found.error, _few_hands(clip.keypoints, hands), *jumps(clip.keypoints)]
            if any(reasons):
                found.append(_finding(rows[-1], "; ".join(filter(None, reasons))))
    return rows, found


def _finding(row: dict[str, Any], why: str) -> Finding:
    return Finding(row["sample_id"], row["path"], why, row["frames"] > 0)


def _few_hands(keypoints: Keypoints, least: float) -> str | None:
    share = (seen(keypoints.left_hand) | seen(keypoints.right_hand)).mean()
    if not share:
        return "no hand in any frame"
    return f"a hand in only {share:.0%} of {len(keypoints)} frames" if share < least else None


def jumps(keypoints: Keypoints) -> list[str]:
    """Return where a wrist or the trunk moves faster than a person can: the tracker confused it with another.

    Speed is the distance between neighbouring frames, in the clip's median shoulder width, over the time between them;
    times below half the median count as half of it, so that uneven timestamps give no high speeds. Clips without a
    pose have no unit of length, and no jumps.

    Parameters
    ----------
    keypoints
        Keypoints as detected.

    Returns
    -------
    list of str
        A sentence for each of left hand, right hand and person that jumps, with the times of the first jumps.
    """
    times = keypoints.timestamps_ms / 1000
    steps = np.diff(times)
    width, step = keypoints.shoulder_width(), float(np.median(steps)) if len(steps) else 0.0
    if not width > 0 or step <= 0:
        return []
    said = []
    for name, track in _tracks(keypoints).items():
        speed = np.linalg.norm(np.diff(track, axis=0), axis=1) / width / np.maximum(steps, step / 2)
        at = times[1:][speed > (TRUNK_SPEED if name == "person" else WRIST_SPEED)]
        if len(at):
            said.append(f"{name} jumps at {_first(at)}")
    return said


def _tracks(keypoints: Keypoints) -> dict[str, Floats]:
    """Return positions (T, 2) in picture widths: of each hand's wrist, and of the middle between the shoulders."""
    hands = {f"{side} hand": keypoints.positions(f"{side}_hand")[:, HAND.index("wrist")] for side in SIDES}
    left, right = keypoints.shoulders()
    return {**hands, "person": (left + right) / 2}


def _first(times: Floats) -> str:
    named = ", ".join(f"{time:.2f}" for time in times[:_NAMED])
    return f"{named} s" + (f" and {len(times) - _NAMED} times more" if len(times) > _NAMED else "")


def _duplicates(videos: list[dict[str, Any]]) -> list[list[Finding]]:
    """Return the groups of videos with the same content; differences in label or signer are named with each."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in videos:
        if row["sha256"]:
            groups.setdefault(row["sha256"], []).append(row)
    return [_copies(rows) for rows in groups.values() if len(rows) > 1]


def _copies(rows: list[dict[str, Any]]) -> list[Finding]:
    differ = [f"{key}s differ" for key in ("label", "signer") if len({row[key] for row in rows}) > 1]
    who = [f"label {row['label']}, signer {row['signer'] or 'unknown'}" for row in rows]
    return [_finding(row, "; ".join([said, *differ])) for row, said in zip(rows, who, strict=True)]


def diagnosis_lines(diagnosis: Diagnosis, results: Path) -> list[str]:
    """Return the lines of the report, with the command that shows each video."""
    lines = _table("Bad: not used", diagnosis.bad, results)
    lines += _table("Suspicious: used, but worth a look", diagnosis.suspicious, results)
    for number, group in enumerate(diagnosis.duplicates, start=1):
        lines += _table(f"The same content, {number} of {len(diagnosis.duplicates)}", group, results)
    if diagnosis.spellings:
        advice = "Perhaps one name each: set `spellings` of the dataset to join or keep"
        lines += [advice, *(f"  {line}" for line in diagnosis.spellings), ""]
    twice = sum(len(group) for group in diagnosis.duplicates)
    lines.append(
        f"{diagnosis.videos} videos: {len(diagnosis.bad)} bad, {len(diagnosis.suspicious)} suspicious, "
        f"{twice} with the content of another."
    )
    if diagnosis.waiting:
        lines.append(f"{diagnosis.waiting} more are not extracted yet.")
    return lines


def _table(title: str, findings: list[Finding], results: Path) -> list[str]:
    """Return a headed table of two columns and an empty line; no line where there are no findings."""
    if not findings:
        return []
    width = min(max(len(finding.why) for finding in findings), _WIDTH)
    return [title, *(f"  {finding.why:{width}}  {_see(finding, results)}" for finding in findings), ""]


def _see(finding: Finding, results: Path) -> str:
    if not finding.opens:
        return shlex.join(["ffprobe", finding.path])
    return shlex.join(["signfold", "view", finding.sample_id, "--results", str(results)])
