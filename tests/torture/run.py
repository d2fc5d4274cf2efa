"""Inject faults into the real workflow and say which it held: `make torture`, docs/reliability.md.

python tests/torture/run.py [--faults N] [--seed 0] [--only NAME] [--short]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests/helpers")]
os.environ["PYTHONPATH"] = str(PROJECT)

import file_faults  # noqa: E402, F401 -- each adds its own to FAULTS
import machine_faults  # noqa: E402, F401
from faults import FAULTS, SHORT, Judged  # noqa: E402
from world import World, finish  # noqa: E402

NEEDS_ROOT = {name for name in FAULTS if any(word in name for word in ("disk", "cannot be written", "may not be read"))}


def untried(name: str) -> str | None:
    """Return why a fault cannot be injected here."""
    if name in NEEDS_ROOT and os.geteuid() != 0:
        return "wants root"
    if name == "interlaced video" and not shutil.which("ffmpeg"):
        return "wants ffmpeg"
    return None


def torture(world: World, name: str, again: bool) -> list[str]:
    """Inject one fault; return what did not hold, in the run and (`again`) in one after the dataset was put back."""
    world.dataset = "signs"
    found, step = [], Judged()
    running = FAULTS[name](world)
    try:
        for step in running:
            found += _judge(world, step)
    except AssertionError as error:
        found.append(str(error))
    finally:
        running.close()
    # Where nothing was put back, the last run has shown it.
    if (world.restore() or step.names or found) and again:
        found += [f"then {problem}" for problem in _judge(world, Judged())]
    return found


def _judge(world: World, step: Judged) -> list[str]:
    process = step.process or world.start()
    if step.compare:
        world.fresh()  # beside it, which saves time
    run = finish(process)
    names = step.names if run.code != 0 or step.compare else ""
    found = world.problems(run, names, step.compare)
    if found:
        print(run.said[-3000:], file=sys.stderr)
    return found


def main() -> int:
    """Print a table: how often each fault was tried, how often it held, and what was lost."""
    parser = argparse.ArgumentParser(description="Inject faults into the real workflow.")
    parser.add_argument("--faults", type=int, default=len(FAULTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=FAULTS, help="these faults alone")
    parser.add_argument("--short", action="store_true", help="three faults, for CI")
    options = parser.parse_args()
    possible = [name for name in FAULTS if untried(name) is None]
    names = options.only or (list(SHORT) if options.short else possible)
    count = len(names) if options.short else options.faults
    tried, held = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        world = World(Path(folder).resolve(), random.Random(options.seed))
        if not options.short:
            assert not (before := _judge(world, Judged())), before
        for number in range(count):
            name, start = names[number % len(names)], time.monotonic()
            world.chance.seed(f"{options.seed} {number}")
            found = torture(world, name, again=not options.short)
            tried[name] += 1
            held[name] += not found
            print(f"{number + 1:3} {name}: {'; '.join(found) or 'held'} ({time.monotonic() - start:.0f} s)", flush=True)
            if found:
                world.start_over()
                world.run()
    print(f"\n{'fault':36} tried  held  lost")
    for name in FAULTS:
        lost = tried[name] - held[name]
        print(
            f"{name:36} {tried[name]:5} {held[name]:5} {lost:5}" if tried[name] else f"{name:36} {untried(name) or '-'}"
        )
    print(f"{'all':36} {tried.total():5} {held.total():5} {tried.total() - held.total():5}  (seed {options.seed})")
    return int(tried.total() > held.total())


if __name__ == "__main__":
    sys.exit(main())
