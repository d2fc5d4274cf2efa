"""The configuration: what it does not know it refuses, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from signfold.config.load import check_config, dataset_of, dataset_settings, merged, resolved, typed
from signfold.core.errors import SignfoldError

CONFIG = Path(__file__).parents[2] / "config"


def default() -> dict[str, Any]:
    return yaml.safe_load((CONFIG / "config.yaml").read_text())


def check(**changes: Any) -> None:
    check_config(merged(default(), changes))


def test_the_default_is_valid() -> None:
    check()


@pytest.mark.parametrize("preset", sorted(path.stem for path in (CONFIG / "datasets").glob("*.yaml")))
def test_every_preset_is_valid(preset: str) -> None:
    keys = yaml.safe_load((CONFIG / "datasets" / f"{preset}.yaml").read_text())
    check(datasets={"mine": {"root": "videos", **keys}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"epoch": 3}}, r"training\.epoch: unknown key; did you mean `epochs`"),
        ({"shard": 3}, r"shard: unknown key; did you mean `shards`"),
        ({"training": {"epochs": "many"}}, r"training\.epochs: found 'many'; expected a valid integer"),
        ({"training": {"epochs": True}}, r"training\.epochs: found True; expected a valid integer"),
        ({"training": {"epochs": 10**30}}, r"training\.epochs: .*less than or equal to 100000"),
        (
            {"training": {"learning_rate": float("nan")}},
            r"learning_rate: found nan; expected a finite",
        ),
        ({"keypoints": {"max_seconds": float("inf")}}, r"keypoints\.max_seconds: found inf"),
        ({"evaluation": {"fusion": [1, 2]}}, r"evaluation\.fusion: .*at least 4 items"),
        ({"tensors": {"channels": ["x", "x"]}}, r"tensors\.channels: each once"),
        ({"tensors": {"layout": "hands"}}, r"tensors: layout: found 'hands', expected one of"),
        ({"datasets": {"mine": {"glosses": {"file": "x"}}}}, r"datasets\.mine\.glosses: give `file`"),
        (
            {"datasets": {"mine": {"labels": {"file": "x", "vido": "y"}}}},
            r"vido: unknown key; did you mean `video`",
        ),
        ({"datasets": {"a\n": {"root": "x"}}}, "the name"),
        ({"datasets": None}, r"datasets: .*expected a valid dictionary"),
        (
            {"datasets": {"cache": {"root": "x"}}},
            r"datasets\.cache: its results would lie in results/cache, and",
        ),
        ({"cache": "results/demo/cache"}, r"datasets\.demo: its results would lie in results/demo"),
        ({"cache": "./results"}, r"datasets\.demo: .* and the cache in \./results"),
        ({"datasets": {"mine": {"root": "a\0b"}}}, r"datasets\.mine\.root: found 'a\\x00b'"),
        (
            {"datasets": {"mine": {"root": "x", "spellings": "merge"}}},
            r"spellings: found 'merge'; expected 'warn'",
        ),
        ({"streams": ["joints"]}, r"streams\.0: found 'joints'; expected 'joint'"),
        ({"datasets": {"mine": {"rot": "x"}}}, r"datasets\.mine\.rot: unknown key; did you mean `root`"),
        (
            {"datasets": {"mine": {"settings": {"folds": {"n": 3}}}}},
            r"settings\.folds\.n: unknown key; known keys: method",
        ),
        ({"dataset": "dmo"}, r"datasets\.dmo: unknown key; did you mean `demo`"),
        ({"datasets": {26: {"root": "x"}}}, "the name 26: expected text"),
        ({"datasets": {"a/b": {"root": "x"}}}, "a/b"),
        ({"manifest": {"per_class": "min"}}, r"manifest\.per_class"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SignfoldError, match=message):
        check(**changes)


def test_the_command_line_counts_most_then_the_datasets_own_settings() -> None:
    base = merged(default(), {"datasets": {"mine": {"root": "x", "settings": {"training": {"epochs": 7}}}}})
    assert dataset_settings(resolved(base, {}), "mine").training.epochs == 7
    assert dataset_settings(resolved(base, {}), "mine").training.batch_size == base["training"]["batch_size"]
    given = resolved(base, {"training": {"epochs": "2"}})
    assert dataset_settings(given, "mine").training.epochs == dataset_settings(given, "demo").training.epochs == 2


@pytest.mark.parametrize(("run", "name"), [("letters", "mine-letters"), (2, "mine-2")])
def test_a_further_run_is_the_same_dataset_under_its_own_name(run: str | int, name: str) -> None:
    own = {"root": "x", "settings": {"training": {"epochs": 7}}}
    given = merged(default(), {"dataset": "mine", "datasets": {"mine": own}, "run": run})
    config = resolved(given, {"training": {"epochs": "2"}})
    assert config["dataset"] == name
    assert list(config["datasets"]) == ["demo", "mine", name]
    assert config["datasets"][name] == config["datasets"]["mine"]
    assert dataset_settings(config, name).training.epochs == 2
    assert resolved(given | {"run": None}, {})["dataset"] == "mine"
    assert resolved(given | {"run": None}, {"run": str(run)})["dataset"] == name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": "2", "datasets": {"demo-2": {"root": "x"}}}, "run: 2: its results would lie in results/demo-2, where"),
        ({"run": "a/b"}, "run: found 'a/b'; "),
        ({"run": True}, "run: found True; "),
        ({"run": "x" * 96}, "the name 'demo-xx"),
        ({"run": "2", "cache": "results/demo-2/cache"}, r"datasets\.demo-2: its results would lie in results/demo-2"),
    ],
)
def test_a_run_needs_a_folder_of_its_own(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SignfoldError, match=message):
        resolved(merged(default(), changes), {})


def test_settings_that_do_not_go_together_are_an_error_of_their_dataset() -> None:
    base = merged(default(), {"tensors": {"layout": "hand_21"}})
    base["datasets"]["mine"] = {"root": "x", "settings": {"tensors": {"mirror_left_handed": False}}}
    check_config(base)
    with pytest.raises(SignfoldError, match=r"dataset mine:\n  tensors: layout: hand_21 is the right hand"):
        dataset_settings(base, "mine")


def test_the_same_number_written_otherwise_is_the_same_setting() -> None:
    assert dataset_settings(merged(default(), {"seed": 0.0}), "demo") == dataset_settings(default(), "demo")


def test_a_dataset_is_its_preset_with_its_own_keys_over_it() -> None:
    base = merged(default(), {"datasets": {"mine": {"preset": "lsa64", "root": "x", "match": "y"}}})
    assert dataset_of(base, "mine") == {"root": "x", "match": "y"}
    with pytest.raises(SignfoldError, match="did you mean `mine`"):
        dataset_of(base, "min")
    base["datasets"]["mine"]["preset"] = "lsa"
    with pytest.raises(SignfoldError, match="known presets: asl-signs, autsl"):
        dataset_of(base, "mine")
    base["datasets"]["mine"] = {"preset": "lsa64"}
    with pytest.raises(SignfoldError, match="no `root`"):
        dataset_of(base, "mine")


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    given = merged(default(), {"cache": "~/cache", "datasets": {"mine": {"root": "~/videos"}}})
    config = resolved(given, {"predict": "~/new"})
    assert dataset_of(config, "mine")["root"] == "/home/ann/videos"
    assert (config["cache"], config["predict"]) == ("/home/ann/cache", "/home/ann/new")


def test_numbers_on_the_command_line_are_numbers() -> None:
    given = {"training": {"epochs": "2", "mirror": "true"}, "streams": ["joint"], "seed": 3}
    assert typed(given) == {"training": {"epochs": 2, "mirror": True}, "streams": ["joint"], "seed": 3}


@pytest.mark.parametrize("recipe", sorted((CONFIG / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipe_is_a_configuration_to_lay_over_the_defaults(recipe: Path) -> None:
    over = yaml.safe_load(recipe.read_text())
    check(**over)
    dataset_settings(merged(default(), over), "demo")
