"""Moving skeletons: what the network saw of a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.core import files
from signfold.report.skeletons import skeletons


def test_a_hand_alone_is_drawn_too(tmp_path: Path) -> None:
    """Tensors without a place in the picture have a hand's own shape."""
    hand = np.random.default_rng(0).normal(size=(1, 3, 32, 21)).astype(np.float32)
    (tmp_path / "tensors").mkdir()
    np.save(tmp_path / "tensors/0000.npy", hand)
    metadata = {"layout": "hand_21", "channels": ["to_thumb", "x_palm", "y_palm"]}
    files.write_parquet(pa.table({"sample_id": ["a"]}), tmp_path / "tensors/0000.parquet", metadata)
    found = skeletons(tmp_path, pd.DataFrame({"sample_id": ["a"], "shard": ["0000"], "row": [0]}))["a"]
    for axis in (0, 1):
        places = np.array(found["frames"])[:, axis::2]
        assert np.corrcoef(places.ravel(), hand[0, 1 + axis].ravel())[0, 1] > 0.99
    assert set(found["sides"]) == {1}
