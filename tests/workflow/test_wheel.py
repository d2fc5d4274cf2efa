"""signfold as others install it: a wheel in a new environment, away from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from paths import PROJECT


def run(folder: Path, *command: str | Path) -> str:
    """Run a command where no checkout is in reach; return what it printed, errors too."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; its other packages are those of the one that runs the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    for name in ("config", "signfold"):
        shutil.copytree(PROJECT / name, checkout / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(PROJECT / name, checkout)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(folder, *pip, "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation", "-w", folder, checkout)
    shutil.rmtree(checkout)
    (wheel,) = folder.glob("signfold-*.whl")
    run(folder, sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    run(folder, *pip, "--python", folder / "venv/bin/python", "install", "-q", "--no-index", "--no-deps", wheel)
    # A path only: the .pth file of an editable signfold beside these packages is not read.
    (site,) = folder.glob("venv/lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_is_what_is_imported(environment: Path) -> None:
    code = "import signfold; print(signfold.__file__, signfold.__version__)"
    assert f"{environment}/venv/" in run(environment, environment / "venv/bin/python", "-c", code)


def test_the_command_tells_what_there_is(environment: Path) -> None:
    assert "synth" in run(environment, environment / "venv/bin/signfold", "--help")


def test_the_command_draws_clips(environment: Path) -> None:
    run(
        environment,
        environment / "venv/bin/signfold",
        "synth",
        "clips",
        "--signs",
        "1",
        "--signers",
        "2",
        "--takes",
        "1",
    )
    assert len(list((environment / "clips").rglob("*.mp4"))) == 2


def test_the_shipped_configuration_is_in_the_wheel(environment: Path) -> None:
    shipped = sorted(str(path.relative_to(PROJECT / "config")) for path in (PROJECT / "config").rglob("*.yaml"))
    code = (
        "from signfold.config.load import HOME, dataset_of, read_config; config = read_config(None)\n"
        "assert dataset_of(config, config['dataset'])['root']\n"
        "print(*sorted(str(path.relative_to(HOME)) for path in HOME.rglob('*.yaml')), sep='\\n')"
    )
    assert run(environment, environment / "venv/bin/python", "-c", code).split() == shipped


def test_a_page_of_the_report_is_in_the_wheel(environment: Path) -> None:
    code = "from signfold.report.page import TEMPLATES; print(*sorted(path.name for path in TEMPLATES.iterdir()))"
    shipped = sorted(path.name for path in (PROJECT / "signfold/report/templates").iterdir())
    assert run(environment, environment / "venv/bin/python", "-c", code).split() == shipped


def test_the_live_page_is_in_the_wheel(environment: Path) -> None:
    code = "from signfold.inference.live.app import PAGE; print(*sorted(path.name for path in PAGE.iterdir()))"
    shipped = sorted(path.name for path in (PROJECT / "signfold/inference/live/page").iterdir())
    assert run(environment, environment / "venv/bin/python", "-c", code).split() == shipped


def test_without_mediapipe_one_line_says_what_to_install(environment: Path, write_video: Callable[..., Path]) -> None:
    write_video(environment / "clip.mp4")
    code = (
        "import sys; sys.modules['mediapipe'] = None\nfrom signfold.cli.main import main\n"
        "try:\n    main(['view', 'clip.mp4', '-o', 'sheet.png'])\n"
        "except SystemExit as left:\n    print('left with', left.code)"
    )
    said = run(environment, environment / "venv/bin/python", "-c", code).splitlines()
    assert said[-1] == "left with 1"
    assert "pip install --no-deps mediapipe==0.10.21" in said[-2]
    assert len(said) == 2
