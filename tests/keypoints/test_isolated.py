"""A video may kill its extraction, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from keypoint_files import invented

from signfold.core.clip import Extraction
from signfold.core.errors import SignfoldError
from signfold.core.settings import KeypointSettings
from signfold.dataset.index import Sample
from signfold.keypoints import isolated
from signfold.keypoints.cache import CRASHED, Cache, entry_bytes, file_digest, from_bytes
from signfold.keypoints.extract import extract_shard
from signfold.keypoints.holistic import Holistic
from signfold.keypoints.isolated import Isolated

pytestmark = pytest.mark.slow


def test_a_child_finds_what_the_extractor_finds(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    path = write_video(tmp_path / "a.mp4")
    with Isolated(Holistic()) as extractor:
        ours, alone = extractor.extract(path), Holistic().extract(path)
    assert (ours.status, ours.error) == (alone.status, alone.error)
    assert (ours.keypoints.width, ours.keypoints.height, ours.keypoints.fps) == (96, 64, 25)
    np.testing.assert_array_equal(ours.keypoints.pose, alone.keypoints.pose)
    np.testing.assert_array_equal(ours.keypoints.timestamps_ms, alone.keypoints.timestamps_ms)


def killed_when_it_works(extractor: Isolated, number: signal.Signals) -> threading.Thread:
    """Kill the child with a signal as soon as it has started."""

    def kill() -> None:
        while extractor._child is None:
            time.sleep(0.01)
        os.kill(extractor._child.pid, number)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_child_that_dies_is_said_and_replaced(
    tmp_path: Path, write_video: Callable[..., Path], number: signal.Signals
) -> None:
    path = write_video(tmp_path / "a.mp4")
    with Isolated(Holistic()) as extractor:
        thread = killed_when_it_works(extractor, number)
        found = extractor.extract(path)
        thread.join()
        assert found.status == CRASHED
        assert number.name in str(found.error)
        assert ("memory" in str(found.error)) == (number == signal.SIGKILL)
        assert extractor.extract(path).status == "no_person"


@pytest.mark.parametrize(
    ("code", "wrote", "memory"), [(-6, "what():  std::bad_alloc\n", True), (-6, "assert\n", False)]
)
def test_what_a_child_wrote_tells_whether_memory_ended_it(code: int, wrote: str, memory: bool) -> None:
    assert ("want of memory" in isolated._death(code, wrote)) == memory


def test_a_child_that_gives_no_frame_is_ended(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "PATIENCE_SECONDS", 0.5)
    with Isolated(Holistic()) as extractor:
        thread = killed_when_it_works(extractor, signal.SIGSTOP)
        found = extractor.extract(write_video(tmp_path / "a.mp4"))
        thread.join()
    assert found.status == CRASHED
    assert "gave no frame" in str(found.error)


def test_a_crash_is_not_kept_and_does_not_stop_its_shard(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_video(tmp_path / f"{name}.mp4", shade=shade) for shade, name in enumerate("abc")]
    samples = [Sample(path.stem, str(path), "hello") for path in paths]
    extract = Isolated.extract

    def dies_at_b(self: Isolated, path: Path) -> object:
        return isolated._crashed("a test") if Path(path).stem == "b" else extract(self, path)

    monkeypatch.setattr(Isolated, "extract", dies_at_b)
    cache, out = Cache(tmp_path / "cache"), tmp_path / "0.parquet"
    with pytest.raises(SignfoldError, match=r"1 videos stop the run:\n.*b.mp4: crashed: .*a test"):
        extract_shard(samples, out, tmp_path / "0.videos.parquet", cache, KeypointSettings(), more_tries=True)
    assert len(list(cache.entries())) == 2
    extract_shard(samples, out, tmp_path / "0.videos.parquet", cache, KeypointSettings())
    assert pq.read_table(tmp_path / "0.videos.parquet")["status"].to_pylist() == ["no_person", "crashed", "no_person"]
    monkeypatch.undo()
    extract_shard(samples, out, tmp_path / "0.videos.parquet", cache, KeypointSettings())
    assert pq.read_table(tmp_path / "0.videos.parquet")["status"].to_pylist() == ["no_person"] * 3


def test_a_video_whose_extraction_is_killed_once_is_not_set_aside(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another process had taken the memory."""
    path, tries, extract = write_video(tmp_path / "a.mp4"), [], Isolated.extract

    def dies_at_first(self: Isolated, video: Path) -> object:
        tries.append(video)
        return isolated._crashed("a test") if len(tries) == 1 else extract(self, video)

    monkeypatch.setattr(Isolated, "extract", dies_at_first)
    samples, out = [Sample("a", str(path), "hello")], tmp_path / "0.videos.parquet"
    extract_shard(samples, tmp_path / "0.parquet", out, Cache(tmp_path / "cache"), KeypointSettings())
    assert pq.read_table(out)["status"].to_pylist() == ["no_person"]


def test_the_child_ends_with_its_parent(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    path = write_video(tmp_path / "a.mp4", frames=2000)
    code = (
        "from signfold.keypoints.holistic import Holistic; from signfold.keypoints.isolated import Isolated\n"
        "extractor = Isolated(Holistic()); print(extractor._started()[0].pid, flush=True)\n"
        f"extractor.extract({str(path)!r})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    child.wait(60)


def test_an_entry_of_another_video_or_with_one_bit_changed_is_not_used(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = write_video(tmp_path / "a.mp4", shade=1), write_video(tmp_path / "b.mp4", shade=90)
    cache, extractor = Cache(tmp_path / "cache"), Holistic()
    digests = [file_digest(path)[0] for path in (one, other)]
    for path, digest in zip((one, other), digests, strict=True):
        cache.extraction(path, digest, extractor)
    entries = [cache.path(digest, extractor.description()) for digest in digests]
    whole = entries[0].read_bytes()
    asked: list[Path] = []
    extract = Holistic.extract
    monkeypatch.setattr(Holistic, "extract", lambda self, path: (asked.append(path), extract(self, path))[1])

    entries[0].write_bytes(entries[1].read_bytes())
    cache.extraction(one, digests[0], extractor)
    assert asked == [one]
    generator = np.random.default_rng(0)
    for place in generator.integers(0, 8 * len(whole), 20).tolist():
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        entries[0].write_bytes(bytes(flipped))
        found = cache.extraction(one, digests[0], extractor)
        assert len(found.keypoints) == 8
        assert entries[0].read_bytes() in (whole, bytes(flipped))
    assert len(asked) > 10


def test_an_entry_that_says_something_else_than_was_written_is_not_believed() -> None:
    """As after a bit flip that no checksum of Parquet's covers."""
    content = entry_bytes(Extraction(invented(3), "ok", None))
    assert from_bytes(content).status == "ok"
    table = pq.read_table(pa.BufferReader(content))
    about = json.loads(table.schema.metadata[b"signfold"])
    about["video"]["fps"] = 99
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({b"signfold": json.dumps(about)}), sink)
    with pytest.raises(SignfoldError, match="its digest does not fit"):
        from_bytes(sink.getvalue().to_pybytes())
