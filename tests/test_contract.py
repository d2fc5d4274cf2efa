"""Who imports whom: imports run one way, and what the Snakefile imports in every job is light."""

from __future__ import annotations

import ast
import graphlib
import json
import pkgutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from paths import PROJECT

import signfold.config

HEAVY = {"numpy", "pandas", "pyarrow", "cv2", "torch", "mediapipe"}
LIGHT = [
    *[f"signfold.core.{name}" for name in ("settings", "versions", "devices", "errors", "results")],
    *[module.name for module in pkgutil.walk_packages(signfold.config.__path__, "signfold.config.")],
    *[
        f"signfold.dataset.{name}"
        for name in "index keypoint_files label_tables listing patterns spelling state synthetic".split()
    ],
    "signfold.folds.names",
    "signfold.cli.main",
]
# What a package must never import: packages of signfold, or libraries.
NEVER = {
    "config": "formats keypoints tensors models training evaluation inference visual",
    "dataset": "formats keypoints",
    "tensors": "keypoints folds models training",
    "models": "training folds evaluation",
    "training": "evaluation",
    "evaluation": "training models",
    "inference": "config folds training",
    "report": "models training mediapipe",
    "visual": "models training mediapipe",
}


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports anywhere, those inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: write the full name, from signfold...."
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports_by_package() -> dict[str, dict[str, str]]:
    """Return which packages of signfold, or libraries, each package imports, with a file that does."""
    arrows: dict[str, dict[str, str]] = defaultdict(dict)
    for file in sorted((PROJECT / "signfold").glob("*/**/*.py")):
        package = file.relative_to(PROJECT / "signfold").parts[0]
        for name in imported(file):
            first, second = [*name.split("."), ""][:2]
            target = second if first == "signfold" else first
            # `from signfold import __version__` is no package.
            if target != package and (first != "signfold" or (PROJECT / "signfold" / second).is_dir()):
                arrows[package][target] = f"{file.relative_to(PROJECT)} imports {name}"
    return arrows


IMPORTS = imports_by_package()
PACKAGES = {path.parent.name for path in (PROJECT / "signfold").glob("*/__init__.py")}


def offences(package: str, never: set[str]) -> list[str]:
    return [IMPORTS[package][target] for target in sorted(never & set(IMPORTS[package]))]


def test_core_stands_on_no_other_package() -> None:
    assert offences("core", PACKAGES) == []


@pytest.mark.parametrize("package", NEVER)
def test_a_package_keeps_out_of(package: str) -> None:
    assert package in PACKAGES
    assert offences(package, set(NEVER[package].split())) == []


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_nothing_imports_the_commands_or_the_report_and_only_commands_draw_signers(package: str) -> None:
    assert offences(package, {"cli", "report"} if package == "cli" else {"cli", "report", "synth"}) == []


def test_the_workflow_imports_no_command() -> None:
    files = [*(PROJECT / "workflow").rglob("*.py"), *(PROJECT / "workflow").rglob("*.smk"), PROJECT / "Snakefile"]
    assert [file for file in files if "signfold.cli" in file.read_text(encoding="utf-8")] == []


def test_packages_import_each_other_one_way() -> None:
    order = graphlib.TopologicalSorter({package: set(IMPORTS[package]) & PACKAGES for package in PACKAGES})
    assert set(order.static_order()) == PACKAGES  # a cycle raises CycleError, which names it


def loaded(modules: list[str], libraries: set[str]) -> dict[str, list[str]]:
    """Return which libraries each of the modules loads, imported one after another in one new process."""
    code = (
        "import importlib, json, sys\nfound = {}\n"
        f"for name in {modules!r}:\n    importlib.import_module(name)\n"
        f"    found[name] = sorted({libraries!r} & set(sys.modules))\nprint(json.dumps(found))"
    )
    output = subprocess.check_output((sys.executable, "-c", code), cwd=PROJECT, text=True)
    return json.loads(output)


def test_what_every_job_imports_loads_no_heavy_library() -> None:
    assert {name: found for name, found in loaded(LIGHT, HEAVY).items() if found} == {}


def test_the_report_and_pictures_load_neither_mediapipe_nor_torch() -> None:
    pictures = [module.name for module in pkgutil.walk_packages(signfold.__path__, "signfold.")]
    pictures = [name for name in pictures if name.split(".")[1] in ("report", "visual")]
    assert {name: found for name, found in loaded(pictures, {"mediapipe", "torch"}).items() if found} == {}
