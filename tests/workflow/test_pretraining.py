"""Networks that start from another dataset's, through Snakemake itself."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from small_workflow import configure, entries, planned, small_config, snakemake, videos

# One worker runs them all: what has run once serves every test.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


def test_a_fold_whose_test_clips_the_source_has_under_other_names_stops(done: Path) -> None:
    """The source has the clips of two signers, renamed: only the fold that tests the third one may start there."""
    (done / "theirs").mkdir()
    for number, video in enumerate(video for video in videos(done) if not video.name.startswith("03")):
        shutil.copy(video, done / "theirs" / f"sign{video.stem.rpartition('_')[2]}-someone{number}.mp4")
    theirs = {"root": "theirs", "match": "(?P<label>sign[0-9]+)-(?P<signer>[a-z]+[0-9])"}
    config = small_config()
    plain = config["datasets"]["demo"]
    same = plain["settings"]
    demo = plain | {"settings": same | {"pretrain": {"dataset": "theirs"}}}
    configure(done, config | {"datasets": {"demo": demo, "theirs": theirs | {"settings": same}}})
    before = entries(done)
    plan = planned(done)
    assert (plan["pretrain"], plan["pretrain_clips"], plan["train"]) == (1, 1, 3)
    models = [f"results/demo/models/fold-{fold}/joint/seed-1/metrics.json" for fold in (1, 2, 3)]
    said = snakemake(done, *models, check=False)
    assert entries(done) == before, "the same content is not extracted again"
    # Each is said by the job, and once more where Snakemake shows the logs of what failed.
    assert len(set(re.findall(r"has seen 2 test clips of (fold-[123]).*a leak", said))) == 2
    # Snakemake removes the outputs of the folds that failed.
    (model,) = [json.loads((done / path).read_text()) for path in models if (done / path).exists()]
    assert model["initial"] == "results/theirs/pretrain/joint/model.safetensors"
    # The source's clips are those of the fold's own training part: it has seen nothing besides.
    assert model["pretrained"] is None

    # The same, said of all datasets, of which demo and the source are two.
    bystander = {"root": "theirs", "match": theirs["match"], "settings": {"tensors": {"frames": 12}}}
    both = {"demo": plain, "theirs": theirs | {"settings": same}, "bystander": bystander}
    configure(done, config | {"datasets": both, "pretrain": {"dataset": "theirs"}})
    assert planned(done)["train"] == 2, "nothing has changed for the fold that is there"

    other = {"demo": demo, "theirs": theirs | {"settings": same | {"tensors": {"frames": 12}}}}
    configure(done, config | {"datasets": other})
    said = snakemake(done, "-n", check=False)
    assert "pretrain.dataset: demo cannot start from theirs: tensors.frames is 12 for theirs and 16 for demo" in said
    assert "Traceback (most recent call last)" not in said
