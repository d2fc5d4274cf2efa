"""Do a package's own tests notice a changed operator or constant? A seeded sample of its mutants.

Only copies of the checkout are changed. A first run without a mutant notes which functions each test calls and how long
it takes. Every mutant then runs the test files that call its function, likely and quick tests first, until one fails.

Why not mutmut (3.8): it draws no sample, changes the words of messages, leaves constants outside functions alone, and
forks after the tests ran once, which torch's threads do not survive. Why not cosmic-ray (8.7): it changes the checkout
itself, draws no sample, and runs all tests for each mutant.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

import pytest

PROJECT = Path(__file__).parents[1]
JOBS = 2
PAIRS = "Lt LtE, Gt GtE, Eq NotEq, In NotIn, Is IsNot, And Or, Add Sub, Mult Div, BitAnd BitOr"
SWAPS = {getattr(ast, a): getattr(ast, b) for pair in PAIRS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}
SWAPS |= {ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult}


class Mutant(NamedTuple):
    """One changed place; `function` is None where the import of the file runs it."""

    file: str
    line: int
    function: str | None
    change: str
    source: str


def places(node: ast.AST, function: str | None = None) -> Iterator[tuple[Any, str | None]]:
    """Yield every node and its function, but for types, decorators, the words of errors, and `strict=`."""
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            left_out = field in ("annotation", "returns", "decorator_list") or getattr(child, "arg", "") == "strict"
            if isinstance(child, ast.AST) and not left_out and not isinstance(child, ast.Raise | ast.JoinedStr):
                inside = child.name if isinstance(child, ast.FunctionDef) else function
                yield child, inside
                yield from places(child, inside)


def mutants(file: Path, name: str) -> Iterator[Mutant]:
    """Yield a file's mutants: an operator exchanged, a number one more, a truth value or a sign turned over."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node, function in places(tree):
        before, kept = ast.unparse(node), dict(vars(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            node.value = not node.value if isinstance(node.value, bool) else node.value + 1
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            node.op = ast.UAdd()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
            node.op = SWAPS[type(node.op)]()
        elif isinstance(node, ast.Compare):
            node.ops = [SWAPS[type(node.ops[0])](), *node.ops[1:]]
        else:
            continue
        yield Mutant(name, node.lineno, function, f"{before}  ->  {ast.unparse(node)}", ast.unparse(tree))
        vars(node).update(kept)


def copy_checkout(copy: Path) -> None:
    """Copy the checkout's files as they are on disk; link the environment."""
    listed = subprocess.check_output(("git", "ls-files", "-co", "--exclude-standard"), cwd=PROJECT, text=True)
    for name in filter(lambda name: (PROJECT / name).exists(), listed.splitlines()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, copy / name, follow_symlinks=False)
    (copy / ".venv").symlink_to(sys.prefix)


def passes(copy: Path, tests: list[str], seconds: float | None = None, **variables: str) -> bool:
    """Return whether tests pass in a copy, in time."""
    options = "-qx -p mutation -p no:cacheprovider --hypothesis-seed=0".split()
    command = [sys.executable, "-m", "pytest", *options, *tests]
    # Compiled files are known by second and size, which two mutants may share.
    paths = {"PYTHONPATH": f"{copy}{os.pathsep}{copy / 'benchmarks'}", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=os.environ | paths | variables, timeout=seconds, capture_output=True
        )
        return not done.returncode
    except subprocess.TimeoutExpired:
        return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note a test's seconds and the functions that it calls: this file is a plugin of the first run."""
    called, start = set(), time.monotonic()
    if "CALLS" in os.environ:
        sys.setprofile(lambda frame, *_: called.add(f"{frame.f_code.co_filename}:{frame.f_code.co_name}"))
    result = yield
    sys.setprofile(None)
    if "CALLS" in os.environ:
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(json.dumps([time.monotonic() - start, item.nodeid, sorted(called)]) + "\n")
    return result


def choose(notes: list[Any], mutant: Mutant) -> tuple[list[str], float]:
    """Return the tests to run, callers and quick ones first, and their seconds; none where nothing calls it."""
    key = "" if mutant.function is None else f"{mutant.file}:{mutant.function}"
    callers = {test for _, test, called in notes if any(name.endswith(key) for name in called)}
    # What a shared fixture calls is noted with one of its tests only: the whole file runs.
    files = {test.split("::")[0] for test in callers}
    some = [note for note in notes if note[1].split("::")[0] in files]
    some.sort(key=lambda note: (note[1] not in callers, note[0]))
    return [test for _, test, _ in some], sum(seconds for seconds, *_ in some)


def survives(copies: Queue[Path], notes: list[Any], mutant: Mutant) -> bool:
    """Run the tests with a mutant in a free copy; print its fate."""
    tests, seconds = choose(notes, mutant)
    copy = copies.get()
    original = (copy / mutant.file).read_text(encoding="utf-8")
    (copy / mutant.file).write_text(mutant.source, encoding="utf-8")
    alive = not tests or passes(copy, tests, 60 + 3 * seconds)
    (copy / mutant.file).write_text(original, encoding="utf-8")
    copies.put(copy)
    fate = ("SURVIVED" if tests else "NO TEST ") if alive else "killed  "
    print(f"{fate} {mutant.file}:{mutant.line}  {mutant.change}", flush=True)
    return alive


def main() -> None:
    """Print every mutant of the sample with its fate, then how many were killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("package", help="a package of signfold, such as folds")
    parser.add_argument("--mutants", type=int, default=100, help="size of the sample")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the sample")
    asked = parser.parse_args()
    package = f"signfold/{asked.package}"
    everything = [
        mutant
        for file in sorted((PROJECT / package).glob("*.py"))
        for mutant in mutants(file, f"{package}/{file.name}")
    ]
    sample = random.Random(asked.seed).sample(everything, min(asked.mutants, len(everything)))
    copies: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(JOBS) as pool:
        for number in range(JOBS):
            copy_checkout(Path(folder, str(number)))
            copies.put(Path(folder, str(number)))
        if not passes(copies.queue[0], [f"tests/{asked.package}"], CALLS=f"{folder}/notes"):
            sys.exit(f"tests/{asked.package} fails without any mutant")
        notes = [json.loads(line) for line in Path(folder, "notes").read_text().splitlines()]
        alive = list(pool.map(lambda mutant: survives(copies, notes, mutant), sample))
    print(
        f"{asked.package}: {alive.count(False)} of {len(alive)} killed; {len(everything)} possible, seed {asked.seed}"
    )


if __name__ == "__main__":
    main()
