"""Many clips, videos and keypoint files, several at a time; one that cannot be read does not stop the others."""

from __future__ import annotations

import queue
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from signfold.core.clip import Extraction, empty_keypoints
from signfold.core.errors import CannotWrite, SignfoldError
from signfold.core.files import write_json
from signfold.core.tables import write_csv
from signfold.dataset.keypoint_files import ImportSettings
from signfold.formats.imported import check_order, wrist_distance
from signfold.inference.inputs import Clip, Inputs
from signfold.inference.model import TOP, UNKNOWN, Model, Prediction
from signfold.keypoints.cache import CRASHED, Cache, file_digest
from signfold.keypoints.import_files import read_clip
from signfold.keypoints.isolated import Isolated

# Clips that are read ahead of the network, for each worker: not all, because they are in memory.
AHEAD = 4


@dataclass(frozen=True)
class Answered:
    """A clip and what the model says of it."""

    clip: str
    prediction: Prediction


def predict(
    model: Model, inputs: Inputs, *, top: int = TOP, cache: Cache | None = None, workers: int = 1
) -> list[Answered]:
    """Recognise the signs in clips.

    Parameters
    ----------
    model
        The model.
    inputs
        What to recognise; what was refused among it is answered with its reason.
    top
        Number of signs in an answer.
    cache
        Cache of extractions; None: nothing is kept.
    workers
        Videos that are extracted at a time, each in a process of its own.

    Returns
    -------
    list of Answered
        In the order of the inputs, the refused ones last.

    Raises
    ------
    SignfoldError
        If the model cannot take videos and there are some, or the cache cannot be written.
    """
    found = []
    bar = tqdm(_extractions(model, inputs.clips, cache, workers), desc="predict", total=len(inputs.clips), unit="clip")
    for clip, extraction in zip(inputs.clips, bar, strict=True):
        found.append(Answered(clip.name, model.answer(extraction, top)))
    return found + [Answered(name, Prediction("unreadable", reason)) for name, reason in inputs.refused]


def _extractions(model: Model, clips: Sequence[Clip], cache: Cache | None, workers: int) -> Iterator[Extraction]:
    """Yield the keypoints of each clip, in order."""
    workers = max(1, min(workers, sum(clip.settings is None for clip in clips)))
    with ExitStack() as stack, ThreadPoolExecutor(workers) as pool:
        free: queue.SimpleQueue[Isolated] = queue.SimpleQueue()
        if any(clip.settings is None for clip in clips):
            holistic = model.holistic()
            for _ in range(workers):
                free.put(stack.enter_context(Isolated(holistic)))

        def extraction(clip: Clip) -> Extraction:
            if clip.settings is not None:
                return _imported(clip, clip.settings)
            extractor = free.get()
            try:
                return _extracted(clip.path, extractor, cache)
            finally:
                free.put(extractor)

        waiting: deque[Future[Extraction]] = deque()
        for clip in clips:
            waiting.append(pool.submit(extraction, clip))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _extracted(video: Path, extractor: Isolated, cache: Cache | None) -> Extraction:
    def look() -> Extraction:
        return extractor.extract(video) if cache is None else cache.extraction(video, file_digest(video)[0], extractor)

    try:
        found = look()
        # Others may have had the memory: once more, in a new process.
        return look() if found.status == CRASHED else found
    except CannotWrite:
        raise  # so it would be for each video that follows
    except (OSError, SignfoldError) as error:  # no permission, a file that changes: the others go on
        return unreadable(error)


def _imported(clip: Clip, settings: ImportSettings) -> Extraction:
    try:
        keypoints = read_clip(clip.path, clip.name, settings)[0]
        check_order(clip.name, [wrist_distance(keypoints)])
        return Extraction(keypoints)
    except (OSError, SignfoldError) as error:
        return unreadable(error)


def unreadable(error: Exception) -> Extraction:
    """Return what an error says of a file, as an extraction without frames."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Extraction(empty_keypoints(), "unreadable", reason)


def write(found: Sequence[Answered], out: Path, top: int = TOP) -> None:
    """Write predictions as a table, `.csv`, or as `.json`.

    The table has a column for each field: clip, status, reason, answer (a gloss, or unknown), label_1, gloss_1,
    probability_1 and so on. The JSON is a list of objects with the same fields, and `signs`, a list.

    Raises
    ------
    SignfoldError
        If the name ends otherwise.
    """
    check_ending(out)
    if out.suffix.lower() == ".json":
        write_json(out, [_fields(each) | {"signs": [vars(sign) for sign in each.prediction.signs]} for each in found])
        return
    rows = []
    for each in found:
        row = _fields(each)
        for number in range(1, top + 1):
            signs = each.prediction.signs
            sign = signs[number - 1] if number <= len(signs) else None
            row |= {f"label_{number}": sign and sign.label, f"gloss_{number}": sign and sign.gloss}
            row[f"probability_{number}"] = round(sign.probability, 6) if sign else None
        rows.append(row)
    write_csv(pd.DataFrame(rows), out)


def check_ending(out: Path) -> None:
    """Check that predictions can be written under a name.

    Raises
    ------
    SignfoldError
        If it is a folder, or ends in neither .csv nor .json.
    """
    if out.is_dir():
        raise SignfoldError(f"{out}: a folder; give the name of the table, as -o {out / 'predicted.csv'}")
    if out.suffix.lower() not in (".csv", ".json"):
        raise SignfoldError(f"{out}: predictions are written as .csv or .json; give a name that ends so")


def _fields(each: Answered) -> dict[str, Any]:
    said = each.prediction
    return {"clip": each.clip, "status": said.status, "reason": said.reason, "answer": said.answer}


def line(each: Answered) -> str:
    """Return a clip and what is said of it, in one line for a terminal, which no name of a stranger's can command."""
    said = each.prediction
    best = "; ".join(f"{sign.gloss} {sign.probability:.3f}" for sign in said.signs)
    text = f"{said.status}: {said.reason}" if not said.signs else best if said.known else f"{said.answer} ({best})"
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in f"{each.clip}: {text}")


def summary(found: Sequence[Answered], inputs: Inputs) -> list[str]:
    """Return how many clips were answered, and which files were not clips."""
    silent = Counter(each.prediction.status for each in found if not each.prediction.signs)
    unknown = sum(each.prediction.answer == UNKNOWN and not each.prediction.known for each in found)
    counts = [f"{len(found) - unknown - silent.total()} recognised", f"{unknown} unknown"]
    counts += [f"{count} {status}" for status, count in sorted(silent.items())]
    lines = [f"{len(found)} clips: {', '.join(counts)}"]
    if inputs.others:
        named = ", ".join(inputs.others[:10]) + (", ..." if len(inputs.others) > 10 else "")
        lines.append(f"neither videos nor keypoints, and passed over: {len(inputs.others)}: {named}")
    return lines
