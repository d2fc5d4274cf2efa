"""An entry is believed only if it is, to the bit, what was written for that video and extractor."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensor_clips import signer

from signfold.core.clip import Extraction
from signfold.core.errors import SignfoldError
from signfold.keypoints.cache import entry_bytes, from_bytes

PROVENANCE = {"sha256": "ab" * 32, "model": "holistic"}


def rewritten(content: bytes, pose: float = 0.0, **about: object) -> bytes:
    """Return an entry as a whole Parquet file with other values under the digest of the first."""
    table = pq.read_table(pa.BufferReader(content))
    said = json.loads(table.schema.metadata[b"signfold"]) | about
    place = next(i for i, field in enumerate(table.schema) if pa.types.is_fixed_size_list(field.type))
    column = table.column(place).combine_chunks()
    values = np.array(column.flatten())
    values[0] += pose
    changed = pa.FixedSizeListArray.from_arrays(pa.array(values), column.type.list_size).cast(column.type)
    table = table.set_column(place, table.schema.field(place), changed)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({b"signfold": json.dumps(said).encode()}), sink)
    return sink.getvalue().to_pybytes()


def test_what_was_written_is_read_again() -> None:
    content = entry_bytes(Extraction(signer()), PROVENANCE)
    for each in (content, rewritten(content)):
        np.testing.assert_array_equal(from_bytes(each, PROVENANCE).keypoints.pose, signer().pose)


@pytest.mark.parametrize("change", [{"pose": 1e-3}, {"sha256": "cd" * 32}, {"model": "another"}])
def test_other_values_under_the_same_digest_are_refused(change: dict[str, object]) -> None:
    content = entry_bytes(Extraction(signer()), PROVENANCE)
    with pytest.raises(SignfoldError, match="its digest does not fit"):
        from_bytes(rewritten(content, **change))  # type: ignore[arg-type]


def test_another_videos_entry_is_refused() -> None:
    content = entry_bytes(Extraction(signer()), PROVENANCE)
    with pytest.raises(SignfoldError, match="of another video or extractor"):
        from_bytes(content, PROVENANCE | {"sha256": "cd" * 32})
