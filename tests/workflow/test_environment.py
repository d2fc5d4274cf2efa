"""The environment is the lock, and the lock works without what mediapipe's metadata asks for."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import re
from pathlib import Path

import pytest
import yaml

import signfold

ENVS = Path(__file__).parents[2] / "envs"


def locked() -> dict[str, str]:
    lines = (ENVS / "requirements.lock").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("name", sorted(locked()))
def test_each_locked_version_is_installed(name: str) -> None:
    assert importlib.metadata.version(name) == locked()[name]


def test_every_requirement_is_in_the_lock() -> None:
    lines = (ENVS / "requirements.in").read_text().splitlines()
    wanted = {re.split("[<>=]", line)[0].lower() for line in lines if line and not line.startswith("#")}
    assert wanted <= set(locked())


def test_the_conda_file_names_the_same_versions() -> None:
    conda = yaml.safe_load((ENVS / "signfold.yaml").read_text())
    (pip,) = (item["pip"] for item in conda["dependencies"] if isinstance(item, dict))
    after = re.findall(r"\S+==\S+", (ENVS / "signfold.post-deploy.sh").read_text())
    expected = {f"{name}=={version}" for name, version in locked().items()}
    assert set(pip) - {"torch==2.13.0"} | set(after) == expected


def test_one_package_owns_cv2() -> None:
    assert set(importlib.metadata.packages_distributions()["cv2"]) == {"opencv-python-headless"}


@pytest.mark.parametrize("name", [m.name for m in pkgutil.walk_packages(signfold.__path__, "signfold.")])
def test_every_module_can_be_imported(name: str) -> None:
    importlib.import_module(name)


@pytest.mark.parametrize("name", "mediapipe torch snakemake pyarrow pandas scipy sklearn safetensors plotly".split())
def test_every_dependency_can_be_imported(name: str) -> None:
    importlib.import_module(name)
