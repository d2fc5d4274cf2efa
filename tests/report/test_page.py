"""Promises of the report: one page that parses, escapes, describes its figures, and asks nothing of the network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from fake_results import evaluated, fake_results, rewrite, run_evaluate, seeded, with_final
from html_page import Page, built

from signfold import report
from signfold.core.results import ResultsFolder
from signfold.report.format import plural, points, share, span

NASTY = ('<script>alert("x")</script>', 'it\'s "so" & <b>so</b>', "two\nlines", "Hỏi đáp", "</style><img src=x>", "NA")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated(tmp_path_factory.mktemp("results"), streams=("joint", "bone"), takes=3)


@pytest.fixture(scope="module")
def page(root: Path) -> Page:
    return built(root)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = evaluated(tmp_path_factory.mktemp("nasty"), glosses=NASTY)
    table = pd.read_csv(root / "index.excluded.csv")
    table.loc[len(table)] = ["<script>alert(2)</script>\n.mp4", 'reason with "quotes" & <b>']
    table.to_csv(root / "index.excluded.csv", index=False)
    return root


def test_headline_is_the_pooled_figure_with_interval_and_protocol(root: Path, page: Page) -> None:
    summary = json.loads((root / "evaluation/metrics.json").read_text(encoding="utf-8"))
    found = page.words
    assert share(summary["top1"]["value"]) in found
    assert span(summary["top1"]) in found
    assert summary["protocol"] in found
    assert found.index(share(summary["top1"]["value"])) < found.index("Not to quote")
    assert f"Chance is {share(summary['chance'])}" in found


def test_of_a_final_network_the_cross_validated_accuracy_is_said_to_be_expected(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy")
    assert "final network" not in built(root).words
    streams = ("joint", "bone")
    chosen = {stream: ResultsFolder(root).chosen_epochs(stream) for stream in streams}
    with_final(tmp_path / "copy", chosen)
    said = built(tmp_path / "copy").words
    top1 = json.loads((root / "evaluation/metrics.json").read_text())["top1"]
    assert "there are 2 final networks, trained on all 71 items" in said
    assert f"joint: {plural(chosen['joint'], 'epoch')}, bone: {plural(chosen['bone'], 'epoch')}" in said
    assert f"is the cross-validated top-1, {share(top1['value'])} ({span(top1)})" in said
    with_final(tmp_path / "copy", {stream: epochs + 1 for stream, epochs in chosen.items()})
    assert "final network" not in built(tmp_path / "copy").words, "of an earlier run"


def test_simple_methods_stand_beside_the_network(root: Path, page: Page) -> None:
    best = pd.read_csv(root / "evaluation/baselines.csv").iloc[0]
    assert f"{best['method']} {share(best['top1'])}" in page.words
    assert points(best["gain"]) in page.words
    assert "does not beat" not in page.words


def test_a_network_that_simple_methods_beat_is_warned_of(tmp_path: Path) -> None:
    root = fake_results(tmp_path)
    for path in root.glob("baselines/*.parquet"):
        table = pd.read_parquet(path)
        table.loc[table["method"] == "linear", "predicted"] = table["class_id"]
        table.to_parquet(path)
    summary = run_evaluate(root)
    assert summary["baseline"]["method"] == "linear"
    assert not summary["baseline"]["beaten"]
    assert "The network does not beat the best simple method" in built(root).words
    for path in root.glob("models/*/*/seed-1/predictions.parquet"):
        rewrite(path, lambda t: t.assign(logits=list(20.0 * np.eye(len(t["logits"][0]))[t["class_id"]])))
    assert run_evaluate(root)["top1"]["value"] == 1
    said = built(root).words
    assert "these clips are too easy to tell how good the network is" in said
    assert "does not beat the best" not in said


def test_what_networks_had_seen_before_is_said(tmp_path: Path) -> None:
    root = fake_results(tmp_path)
    summary = run_evaluate(root)
    path = root / "evaluation/metrics.json"
    assert "Pre-trained on" not in built(root).words
    seen = {"datasets": ["autsl", "lsa64"], "clips": 1200, "namesakes": ["p1"]}
    path.write_text(json.dumps(summary | {"pretrained": seen}))
    said = built(root).words
    assert f"Pre-trained on {plural(1200, 'clip')} of autsl, lsa64" in said
    assert "names are there too: p1" in said


def test_the_report_of_several_seeds_says_which_figures_are_of_all(tmp_path: Path) -> None:
    tops = seeded(tmp_path, 3)
    run_evaluate(tmp_path / "all", seeds=3)
    said = built(tmp_path / "all").words
    assert share(np.mean(tops)) in said
    assert "There are 3 seeds." in said
    together = pd.read_csv(tmp_path / "all/evaluation/streams.csv").set_index("stream").loc["seeds together"]
    assert f"seeds together {share(together.top1)}" in said
    assert f"standard deviation {share(np.std(tops, ddof=1))}." in said


def test_suspicious_labels_are_listed(root: Path, page: Page) -> None:
    table = pd.read_csv(root / "evaluation/label_audit.csv")
    assert len(table) == json.loads((root / "evaluation/metrics.json").read_text())["suspicious_labels"] > 0
    assert table["sample_id"].iloc[0] in page.words


def test_every_section_is_there_and_linked(page: Page) -> None:
    ids = [attributes["id"] for attributes in page.all("section")]
    links = [attributes["href"] for attributes in page.all("a") if attributes["href"] != "#main"]
    assert links == [f"#{name}" for name in ids]
    assert len(ids) == 14
    assert len(page.all("h1")) == 1
    used = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(used) == len(set(used)), "an id is used twice"


def test_figures_are_drawn_and_described(page: Page) -> None:
    """Every specification has its element, with words for those who do not see it, and is what Plotly takes."""
    described = {a["id"]: a["aria-label"] for a in page.all("div") if a.get("role") == "img" and "id" in a}
    assert set(described) == {spec["id"] for spec in page.specs}
    streams = {f"plot-{stream}-{column}" for stream in ("joint", "bone") for column in ("loss", "top1")}
    assert set(described) == streams | {"plot-hands", "plot-confusion", "plot-calibration", "plot-coverage"}
    assert all(len(label or "") > 30 for label in described.values())
    for spec in page.specs:
        go.Figure(json.loads(re.sub(r'"@[a-z-]+"', '"#123456"', json.dumps({k: spec[k] for k in ("data", "layout")}))))


def test_confused_signs_move_side_by_side(root: Path, page: Page) -> None:
    """Beside the surest mistake of the worst pair a clip of the sign that it was taken for; both are embedded."""
    pair = pd.read_csv(root / "evaluation/confusions.csv").iloc[0]
    told = pd.read_parquet(root / "evaluation/predictions.parquet")
    wrong = told[(told["class_id"] == pair["true"]) & (told["predicted"] == pair["predicted"])]
    right = told[(told["class_id"] == pair["predicted"]) & (told["predicted"] == pair["predicted"])]
    canvases = page.all("canvas")
    assert [canvas["data-skeleton"] for canvas in canvases] == [str(place) for place in range(len(page.drawings))]
    for canvas, rows in zip(canvases, (wrong, right), strict=False):
        assert rows.sort_values("confidence").iloc[-1]["sample_id"] in str(canvas["aria-label"])
    for drawing in page.drawings:
        assert {len(frame) for frame in drawing["frames"]} == {2 * 27}
        values = [value for frame in drawing["frames"] for value in frame]
        assert None in values
        assert all(0 <= value <= 240 for value in values if value is not None)


def test_colours_are_those_of_the_style(page: Page, root: Path) -> None:
    names = set(re.findall(r'"@([a-z-]+)"', json.dumps(page.specs)))
    style = (root / "report.html").read_text(encoding="utf-8").split("</style>")[0]
    assert names
    assert all(f"--{name}:" in style for name in names)


def test_tables_have_captions_and_scopes(page: Page) -> None:
    assert len(page.all("caption")) == len(page.all("table")) > 8
    assert all("scope" in attributes for attributes in page.all("th"))


def test_nothing_is_loaded(root: Path, page: Page) -> None:
    """No element points outside, and the browser is told to refuse what a script would fetch."""
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name) or ""
            assert value.startswith(("#", "data:")) or not value, (tag, value)
    style = (root / "report.html").read_text(encoding="utf-8").split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = (a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_nothing_becomes_markup(nasty: Path) -> None:
    page = built(nasty)
    scripts = page.all("script")
    assert len(scripts) == 5, "a name opened a script"
    assert not page.all("img")
    for gloss in NASTY:
        assert " ".join(gloss.split()) in page.words
    assert 'reason with "quotes" & <b>' in page.words
    text = json.dumps(page.specs)
    assert "&lt;script&gt;" in text, "Plotly would take it for its own markup"
    assert "<script>" not in text
    assert "<b>" not in text.replace("<br>", "")


def test_figures_stand_alone(root: Path, tmp_path: Path) -> None:
    report.figures(report.Results(root), tmp_path)
    pages = {path.stem: Page(path) for path in tmp_path.glob("*.html")}
    assert set(pages) == {"per_signer", "learning_curves", "confusion", "quality"}
    assert len(pages["learning_curves"].specs) == 4
    assert "s02" in pages["per_signer"].words
    for page in pages.values():
        assert len(page.all("h1")) == 1


def test_an_empty_folder_is_a_page_that_says_so(tmp_path: Path) -> None:
    page = built(tmp_path)
    assert "Nothing is evaluated yet" in page.words
    assert page.specs == []
    report.figures(report.Results(tmp_path), tmp_path / "figures")


@pytest.mark.parametrize(
    "gone", ["evaluation", "models", "folds", "tensors", "keypoints", "benchmarks", "index.parquet"]
)
def test_a_missing_part_leaves_the_others(root: Path, tmp_path: Path, gone: str) -> None:
    copy = tmp_path / "results"
    shutil.copytree(root, copy, ignore=lambda folder, names: [gone] if gone in names else [])
    page = built(copy)
    assert len(page.all("section")) == 14
    assert ("Nothing is evaluated yet" in page.words) == (gone == "evaluation")


def test_unknown_signers_degrade_with_a_sentence(tmp_path: Path) -> None:
    found = built(evaluated(tmp_path, known_signers=False)).words
    assert "Who signs in which clip is not known" in found
    assert "Signers are not known, so there are no figures per signer" in found
    assert "never seen its signer" not in found


def test_page_of_many_signs_stays_small(tmp_path: Path) -> None:
    root = evaluated(tmp_path, classes=999, signers=5, takes=1, folds=5, epochs=100)
    page = built(root)
    assert (root / "report.html").stat().st_size < 15e6
    assert "999" in page.words
    assert len(page.specs) == 6


CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_draws_every_figure_without_a_word_of_complaint(nasty: Path, tmp_path: Path, scheme: str) -> None:
    """Real browser: each plot has its drawing, the console is silent, and no request leaves the page."""
    page = built(nasty)
    log = tmp_path / "net.json"
    options = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--enable-logging=stderr", "--v=0",
        f"--log-net-log={log}", "--window-size=1280,2000", *options, "--dump-dom", (nasty / "report.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
    assert done.stdout.count('class="main-svg"') >= len(page.specs)
    for spec in page.specs:
        drawn = done.stdout[done.stdout.index(f'id="{spec["id"]}"') :]
        assert '<svg class="main-svg"' in drawn[: drawn.index("</figure>")], spec["id"]
    # The browser asks its maker for this and that; nothing that the page names may be among it.
    asked = set(re.findall(r'"url":"https?://([^/"]+)', log.read_text(encoding="utf-8", errors="replace")))
    named = set(re.findall(r"https?://([\w.-]+)", (nasty / "report.html").read_text(encoding="utf-8")))
    assert named
    assert not asked & named
