"""GPUs: how many there are, and a lock on each, so that no two trainings share one.

The Snakefile imports this module: it loads no heavy library.
"""

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
    """Return the devices in CUDA_VISIBLE_DEVICES, up to the first invalid name, as CUDA does; None if it is not set."""
    value = environment.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    invalid = [i for i, name in enumerate(names) if not re.match(r"[0-9]|GPU-|MIG-", name)]
    return names[: invalid[0]] if invalid else names


def count_devices(devices: Path = Path("/dev"), environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of NVIDIA devices that processes may use, without loading a library.

    Parameters
    ----------
    devices
        Folder of the driver's device files, `nvidia0`, `nvidia1`, ...
    environment
        Environment variables, of which CUDA_VISIBLE_DEVICES is read.
    """
    present = sum(bool(re.fullmatch(r"nvidia[0-9]+", path.name)) for path in devices.glob("nvidia*"))
    named = visible(environment)
    if named is None or not present:
        return present
    # A device can have several MIG instances.
    return len(named) if any(name.startswith("MIG-") for name in named) else min(present, len(named))


def names(number: int, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the first `number` visible devices, in torch's order: numbers on the machine, or UUIDs."""
    return (visible(environment) or [str(index) for index in range(number)])[:number]


@contextmanager
def claimed(
    found: Sequence[str],
    folder: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    pause: float = 5.0,
) -> Iterator[int | None]:
    """Hold the lock of one device; wait while other processes hold all of them.

    The system releases a lock when its process ends, for whatever reason. SLURM may number the devices of each job from
    0, so locks are separate for each job.

    Parameters
    ----------
    found
        Names of the devices, in torch's order.
    folder
        Folder of the lock files; None for the machine's folder of temporary files.
    environment
        Environment variables, of which SLURM_JOB_ID is read.
    pause
        Time between two attempts, in seconds.

    Yields
    ------
    int or None
        Index of the device in `found`; None without devices.
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
        for index, lock in enumerate(locks):
            try:
                with lock.acquire(timeout=0):
                    log.info("device %s", found[index])
                    yield index
                    return
            except Timeout:
                continue
        if not waiting:
            log.info("waiting: other trainings hold all %d devices (%s)", len(found), ", ".join(found))
        waiting = True
        time.sleep(pause)
