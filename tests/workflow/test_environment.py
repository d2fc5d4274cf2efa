"""The environment is the lock, the other files name the same versions, and all that is imported is declared."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import pkgutil
import re
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from paths import PROJECT

import signfold
from signfold.core import versions

ENVS = PROJECT / "envs"
# Of any build: 2.13.0+cpu is 2.13.0.
TORCH = f"torch=={importlib.metadata.version('torch').split('+')[0]}"


def locked() -> dict[str, str]:
    lines = (ENVS / "requirements.lock").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def declared() -> list[Requirement]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    # The extra tensorboard is not in the lock: users who want curves install it.
    extras = [line for name in ("onnx", "workflow") for line in project["optional-dependencies"][name]]
    return [Requirement(line) for line in [*project["dependencies"], *extras]]


def test_the_locked_versions_are_installed() -> None:
    assert {name: importlib.metadata.version(name) for name in locked()} == locked()


def test_every_requirement_is_in_the_lock() -> None:
    lines = (ENVS / "requirements.in").read_text().splitlines()
    wanted = {re.split("[<>=]", line)[0].lower() for line in lines if line and not line.startswith("#")}
    assert wanted <= set(locked())


def test_the_lock_is_within_the_declared_bounds() -> None:
    named = locked() | dict([TORCH.split("==")])
    outside = [str(wanted) for wanted in declared() if named[wanted.name.lower()] not in wanted.specifier]
    assert outside == []


def test_every_imported_library_is_declared() -> None:
    imported = set()
    for file in (PROJECT / "signfold").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.split(".")[0] for name in names}
    owners = importlib.metadata.packages_distributions()
    foreign = imported - sys.stdlib_module_names - {"signfold", "mediapipe"}
    names = {wanted.name.lower() for wanted in declared()}
    assert [
        name for name in sorted(foreign) if not names & {owner.lower().replace("_", "-") for owner in owners[name]}
    ] == []


def test_the_conda_file_names_the_same_versions() -> None:
    conda = yaml.safe_load((ENVS / "signfold.yaml").read_text())
    (pip,) = (item["pip"] for item in conda["dependencies"] if isinstance(item, dict))
    after = re.findall(r"\S+==\S+", (ENVS / "signfold.post-deploy.sh").read_text())
    expected = {f"{name}=={version}" for name, version in locked().items()}
    assert set(pip) - {TORCH} | set(after) == expected


@pytest.mark.parametrize("file", ["Makefile", "envs/signfold.yaml", "envs/Containerfile", "envs/README.md"])
def test_every_file_names_the_installed_torch(file: str) -> None:
    named = set(re.findall(r"torch==[\w.]+", (PROJECT / file).read_text()))
    assert named == {TORCH}


def test_the_image_is_made_of_what_there_is() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ENVS / "Containerfile").read_text(), re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (PROJECT / name).exists()] == []
    assert copied


def test_the_versions_of_a_run_need_no_installed_signfold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under conda, signfold is a checkout on PYTHONPATH."""
    known = importlib.metadata.version

    def version(name: str) -> str:
        if name == "signfold":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert versions.installed()["signfold"] == signfold.__version__


def test_one_package_owns_cv2() -> None:
    assert set(importlib.metadata.packages_distributions()["cv2"]) == {"opencv-python-headless"}


def test_every_module_can_be_imported() -> None:
    for module in pkgutil.walk_packages(signfold.__path__, "signfold."):
        importlib.import_module(module.name)


def test_every_library_can_be_imported() -> None:
    for name in "mediapipe torch snakemake pyarrow pandas scipy sklearn safetensors plotly".split():
        importlib.import_module(name)
