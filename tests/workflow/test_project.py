"""The files around the project agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
import yaml
from paths import PROJECT

import signfold

MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
DOCUMENTS = [
    *PROJECT.glob("*.md"),
    *PROJECT.glob("docs/*.md"),
    *PROJECT.glob("envs/*.md"),
    *PROJECT.glob("config/*.md"),
]


def recipe(target: str) -> list[str]:
    """Return the commands of a target of the Makefile."""
    (block,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    return [line.strip().lstrip("@").replace("$(BIN)", ".venv/bin") for line in block.splitlines()]


def test_the_hooks_are_the_linters_of_make_lint() -> None:
    (repository,) = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == recipe("lint")


def test_make_help_lists_every_target_of_the_makefile() -> None:
    listed = subprocess.check_output(("make", "help"), cwd=PROJECT, text=True)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(re.findall(r"^make (\S+) ", listed, re.MULTILINE)) == sorted(phony.split())


def test_the_continuous_integration_runs_linters_and_tests_and_fails_without_tests() -> None:
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert {"run": ".ci/run"} in workflow["jobs"]["ci"]["steps"]
    script = (PROJECT / ".ci/run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in script
    assert {"make lint", "make test", "make test-slurm"} <= set(script.splitlines())
    # pytest's own exit status, 5 where it finds no test, is that of make.
    assert recipe("test") == [".venv/bin/python -m pytest -n 2 --dist loadgroup"]


def test_the_citation_names_this_version_and_licence() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (citation["version"], citation["license"]) == (signfold.__version__, project["license"])


def test_the_layout_lists_every_package() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(path.parent.name for path in (PROJECT / "signfold").glob("*/__init__.py"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_links_between_documents_lead_somewhere(document) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_files_that_contributing_names_are_there() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:signfold|tests|config|workflow|benchmarks)/[\w./]+)`", text)
    assert [name for name in named if not (PROJECT / name).exists()] == []
    assert len(named) > 10
