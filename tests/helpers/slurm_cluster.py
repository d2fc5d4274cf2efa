"""A real SLURM of one node on this machine: munged, slurmctld and slurmd, started by hand in a folder of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path

# setpriv ends a daemon when the tests are killed: nothing of an earlier run is in the way of the next.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scontrol", "scancel", "setpriv")
SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"
# More processors than there are, so that a job of four threads fits on any machine. Without control groups memory is
# watched by looking every second; `config_overrides` takes the number below without a check.
CONF = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
KillWait=2
MinJobAge=900
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, each another."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def missing() -> list[str]:
    """Return the programs of SLURM that this machine does not have."""
    return [name for name in PROGRAMS if shutil.which(name, path=SBIN) is None]


@dataclass
class Cluster:
    """One node, below `folder`. Its processes are ended by their ids alone."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What makes SLURM's commands speak to this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": f"{self.folder}/bin:{SBIN}"}

    def start(self) -> None:
        """Start the three daemons and wait until the node takes jobs."""
        # munged insists on folders that only their owner can write to.
        for name, mode in (("munge", 0o755), ("state", 0o755), ("spool", 0o755)):
            (self.folder / name).mkdir(mode=mode)
        key = self.folder / "munge/key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        host = os.uname().nodename.split(".")[0]
        conf = CONF.format(folder=self.folder, host=host, user=getuser(), ports=free_ports(2))
        (self.folder / "slurm.conf").write_text(conf, encoding="utf-8")
        munge = [f"--{name}-file={self.folder}/munge/{name}" for name in ("key", "pid", "log", "seed")]
        # Inside a job, Snakemake's plugin forgets SLURM_CONF.
        srun = self.folder / "bin/srun"
        srun.parent.mkdir()
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        self.run("munged", "--foreground", "--force", f"--socket={self.folder}/munge/socket", *munge)
        self.wait(lambda: (self.folder / "munge/socket").exists())
        self.start_controller()
        self.run("slurmd", "-D", "-N", host)
        self.wait(lambda: "idle" in self.command("sinfo", "-h", "-o", "%T"))

    def start_controller(self) -> None:
        """Start slurmctld, with what it knew when it was ended."""
        self.run("slurmctld", "-D")
        self.wait(lambda: "UP" in self.command("scontrol", "ping"))

    def run(self, program: str, *arguments: str) -> None:
        """Start a daemon in the foreground, which makes it our child."""
        with (self.folder / f"{program}.out").open("ab") as out:
            self.processes[program] = subprocess.Popen(
                [*DIES_WITH_US, program, *arguments],
                env=self.environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )

    def end(self, program: str) -> None:
        """End one daemon."""
        process = self.processes.pop(program)
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Cancel what still runs, and end the daemons."""
        if "slurmctld" in self.processes:
            self.command("scancel", "--user", getuser())
            self.wait(lambda: not self.command("squeue", "-h"), seconds=60)
        for program in reversed(list(self.processes)):
            self.end(program)

    def command(self, *arguments: str) -> str:
        """Run one of SLURM's commands and return what it prints; an unreachable controller is no error."""
        done = subprocess.run(arguments, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def jobs(self, *states: str) -> list[str]:
        """Return the ids of the jobs in these states."""
        return self.command("squeue", "-h", "-r", "-o", "%i", f"--states={','.join(states)}").split()

    def wait(self, happens: Callable[[], object], seconds: float = 300) -> None:
        """Wait until something is true: long, because a busy machine makes everything late.

        Raises
        ------
        RuntimeError
            If a daemon has ended, or it is not true in time; with the ends of the daemons' logs.
        """
        deadline = time.monotonic() + seconds
        while not happens():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = [*self.folder.glob("*.log"), *self.folder.glob("*.out"), *self.folder.glob("munge/log")]
                ends = "\n".join(f"{path.name}:\n{path.read_text()[-1500:]}" for path in logs)
                why = f"{', '.join(ended)} ended" if ended else f"not in {seconds} s"
                raise RuntimeError(f"{why}. The daemons say:\n{ends}")
            time.sleep(0.1)
