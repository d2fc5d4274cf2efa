"""Which device a training runs on: no two of them share one. Light, the Snakefile imports it."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


def visible(environment: Mapping[str, str]) -> list[str] | None:
    """Return the names in CUDA_VISIBLE_DEVICES, up to the first that is none; None where it is not set."""
    value = environment.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    invalid = [place for place, name in enumerate(names) if not re.match(r"[0-9]|GPU-|MIG-", name)]
    return names[: invalid[0]] if invalid else names


def count(devices: Path = Path("/dev"), environment: Mapping[str, str] = os.environ) -> int:
    """Return how many NVIDIA devices this machine lets its processes use, without asking a library.

    Parameters
    ----------
    devices
        Where the driver puts them: `nvidia0`, `nvidia1`, ...
    environment
        With CUDA_VISIBLE_DEVICES, if only some are to be used.
    """
    there = sum(bool(re.fullmatch(r"nvidia[0-9]+", path.name)) for path in devices.glob("nvidia*"))
    named = visible(environment)
    if named is None or not there:
        return there
    # One device can be several MIG instances.
    return len(named) if any(name.startswith("MIG-") for name in named) else min(there, len(named))


def names(number: int, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return what the `number` devices that torch sees are called: by the machine's numbers, or by their own ids."""
    return (visible(environment) or [str(index) for index in range(number)])[:number]


@contextmanager
def claimed(
    found: Sequence[str],
    folder: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    rest: float = 5.0,
) -> Iterator[int | None]:
    """Hold one of the devices; wait for one where others hold them all.

    A lock that the system takes back when the process ends, however it ends, stands for each device. SLURM may number
    the devices of a job anew, so locks count within the job: what was given to it is its own.

    Parameters
    ----------
    found
        The devices' names, in torch's order.
    folder
        Of the locks: the machine's folder for temporary files.
    environment
        With SLURM_JOB_ID, inside a job.
    rest
        Seconds between two looks.

    Yields
    ------
    int or None
        The device's place among `found`; None where there are none.
    """
    if not found:
        yield None
        return
    from filelock import FileLock, Timeout

    folder = Path(tempfile.gettempdir()) if folder is None else folder
    prefix = f"signfold-gpu-{environment.get('SLURM_JOB_ID', 'here')}"
    locks = [FileLock(folder / f"{prefix}-{re.sub('[^A-Za-z0-9]', '-', name)}.lock", mode=0o666) for name in found]
    waiting = False
    while True:
        for place, lock in enumerate(locks):
            try:
                with lock.acquire(timeout=0):
                    log.info("device %s", found[place])
                    yield place
                    return
            except Timeout:
                continue
        if not waiting:
            log.info("waiting: other trainings have all %d devices (%s)", len(found), ", ".join(found))
        waiting = True
        time.sleep(rest)
