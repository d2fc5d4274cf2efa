"""The error of imputed joints, by length of the gap and method of imputation.

Synthetic signers are rendered, whose true joints are known, and their keypoints extracted. Gaps are made at random
places of stretches in which a hand was detected, and imputed. Every figure is a mean distance to the true position,
over joints, frames and gaps, in percent of the clip's shoulder width. `detected` is the error of the detector in the
same frames, which no imputation can be expected to beat.

    python benchmarks/imputation.py                  # prints a table, writes results/bench/imputation.json
    python benchmarks/imputation.py results/mine         # real clips instead: distance to the removed detections
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signfold.core import files, versions
from signfold.core.clip import PARTS, Floats, Keypoints, read_shard, seen
from signfold.core.results import frames_of
from signfold.core.skeleton import POSE, SIDES
from signfold.dataset.synthetic import TRUTH
from signfold.keypoints.cache import Cache, file_digest
from signfold.keypoints.holistic import Holistic
from signfold.synth import SynthSettings
from signfold.tensors.imputation import impute
from signfold.tensors.resample import clock

LENGTHS = (1, 2, 3, 5, 8, 13)
METHODS = ("linear", "pchip", "hold")
# Gaps of each length in each hand of each clip, and clips: enough for differences of a tenth of the error.
GAPS = 4
RENDERED = SynthSettings(signs=8, signers=4, takes=1, seed=7)
OUT = Path("results/bench")


def rendered() -> Iterator[tuple[str, Keypoints, dict[str, Floats]]]:
    """Yield name, keypoints and true joints by part, (T, joints, 2), of each synthetic clip."""
    from signfold.synth.render import render

    folder = OUT / "imputation-videos"
    if not (folder / TRUTH).exists():
        render(folder, RENDERED)
    truth = files.read_parquet(folder / TRUTH).to_pandas()
    cache, extractor = Cache(Path("results/cache")), Holistic()
    for name, rows in truth.groupby("sample_id", sort=False):
        path = folder / f"{name}.mp4"
        found = cache.extraction(path, file_digest(path)[0], extractor)
        true = {part: np.stack(rows[part].to_list()).reshape(len(rows), -1, 2) for part in PARTS}
        yield str(name), found.keypoints, true


def real(results: Path) -> Iterator[tuple[str, Keypoints, dict[str, Floats]]]:
    """Yield the same of a dataset; detections take the place of the true joints."""
    for shard in sorted(results.glob("keypoints/*.videos.parquet")):
        for clip in read_shard(frames_of(shard), shard):
            if clip.usable and seen(clip.keypoints.pose).any():
                yield clip.sample_id, clip.keypoints, {part: getattr(clip.keypoints, part)[..., :2] for part in PARTS}


def measured(name: str, keypoints: Keypoints, true: dict[str, Floats]) -> Iterator[dict[str, Any]]:
    """Yield a row for each gap: its clip, length, the wrist's distance moved, and the error of each method."""
    square = np.array([1.0, keypoints.aspect])
    left, right = (true["pose"][:, POSE.index(f"{side}_shoulder")] * square for side in SIDES)
    unit = float(np.nanmedian(np.linalg.norm(left - right, axis=1))) / 100
    rng = np.random.default_rng([len(keypoints), *name.encode()])
    times = clock(keypoints.timestamps_ms)
    for side in SIDES:
        hand, goal = keypoints.hand(side), true[f"{side}_hand"]
        for length in LENGTHS:
            for start in _places(seen(hand), length, rng):
                gap = slice(start, start + length)
                errors = {"detected": hand} | {method: _filled(hand, gap, times, method) for method in METHODS}
                away = {of: np.linalg.norm((at[gap, :, :2] - goal[gap]) * square, axis=-1).mean() / unit
                        for of, at in errors.items()}  # fmt: skip
                around = goal[start - 1 : start + length + 1, 0] * square
                way = np.linalg.norm(np.diff(around, axis=0), axis=-1).sum() / unit
                yield {"clip": name, "length": length, "way": way, **away}


def _places(known: Floats, length: int, rng: np.random.Generator) -> list[int]:
    """Return up to `GAPS` random first frames of gaps that lie, with a frame on each side, in detections."""
    window = np.convolve(known.astype(int), np.ones(length + 2, int), "valid") == length + 2
    starts = np.flatnonzero(window) + 1
    return rng.choice(starts, min(GAPS, len(starts)), replace=False).tolist()


def _filled(hand: Floats, gap: slice, times: Floats, method: Any) -> Floats:
    punched = hand.copy()
    punched[gap] = np.nan
    return impute(punched, times, method)


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for each length the mean errors, and the other methods' error less that of linear with 95 % intervals."""
    rows = []
    for length, gaps in table.groupby("length"):
        row = {"length": int(length), "gaps": len(gaps), "moving": round(float(gaps["way"].median()), 1)}
        row |= {of: round(float(gaps[of].mean()), 2) for of in ("detected", *METHODS)}
        for method in METHODS[1:]:
            row[f"{method}_less_linear"] = _interval(gaps.assign(more=gaps[method] - gaps["linear"]))
        rows.append(row)
    return rows


def _interval(gaps: pd.DataFrame, resamples: int = 2000) -> list[float]:
    """Return the mean of `more` and its 95 % interval from a bootstrap over clips."""
    sums = gaps.groupby("clip")["more"].agg(["sum", "size"]).to_numpy()
    picked = sums[np.random.default_rng(0).integers(0, len(sums), (resamples, len(sums)))].sum(axis=1)
    low, high = np.percentile(picked[:, 0] / picked[:, 1], [2.5, 97.5])
    return [round(float(value), 2) for value in (gaps["more"].mean(), low, high)]


def main() -> None:
    """Measure, print, write."""
    results = [Path(argument) for argument in sys.argv[1:]]
    clips = [clip for folder in results for clip in real(folder)] if results else list(rendered())
    table = pd.DataFrame([gap for clip in clips for gap in measured(*clip)])
    moving = table[table["way"] > table.groupby("length")["way"].transform("median")]
    found = {"unit": "percent of shoulder width", "clips": len(clips), "versions": versions.installed()}
    found |= {"against": "detections" if results else "true joints", "all": summary(table), "moving": summary(moving)}
    for title in ("all", "moving"):
        print(f"\n{title} gaps, mean error in {found['unit']} against {found['against']}, {len(clips)} clips")
        print(pd.DataFrame(found[title]).to_string(index=False))
    files.write_json(OUT / ("imputation-real.json" if results else "imputation.json"), found)


if __name__ == "__main__":
    main()
