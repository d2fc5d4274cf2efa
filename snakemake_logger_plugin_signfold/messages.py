"""Messages for people out of what Snakemake says, and out of a failed job's log."""

from __future__ import annotations

import re
import signal
import textwrap
from collections.abc import Iterable
from pathlib import Path

AGAIN = "what is finished stays, and the same command does the rest"
# What Snakemake says of itself, besides its events.
CHATTER = re.compile(
    "Assuming unrestricted|Building DAG|Using shell|Provided|Rules claiming|Conda environments:|Singularity containers:"
    "|Group jobs:|Select jobs|Config file .* extended|Elapsed time|Removing output files|Some jobs were triggered"
    "|Rules with|Reasons:|This was a dry-run|Shutting down|Determining filesystem|Loading trusted|SLURM run ID"
    "|Cleaning up SLURM|Job [0-9]+ has been|Submitted array|Updating |Processed |Migrat|Complete log"
    "|Exiting because a job"
)
_SIGNAL = re.compile(r"\b(SIG[A-Z]{3,})\b|exit status (-?\d+)\b")
# What libraries write where the system gives no memory, before they end the process.
_NO_MEMORY = re.compile(
    "^.*(?:bad_alloc|out of memory|can(?:not|'t) allocate memory|memory allocation|failed to map segment"
    "|pthread_create|thread creation|can't start new thread).*$",
    re.I | re.M,
)
_FEWER = "run fewer jobs at a time (a smaller --cores)"
_FRAME = re.compile(r'  File ".*", line [0-9]+, in ')


def plain(message: str, arguments: Iterable[str] = ()) -> str:
    """Return what of an error of the workflow is meant for its user, without files and lines of the code.

    Parameters
    ----------
    message
        What Snakemake says.
    arguments
        The words of the command line: Snakemake does not say which file cannot be read.
    """
    if nested := re.search(r"^Error:\n  WorkflowError:\n(.*?)^(?:Wildcards|Traceback):", message, re.S | re.M):
        return textwrap.dedent(nested[1]).strip()
    if "Config file is not valid" in message and (mistakes := list(filter(None, map(_yaml_mistake, arguments)))):
        return "\n".join(mistakes)
    if future := re.search(r"has older modification time \(.*?\) than input (\S+) \(([-\d]+ [:\d]+)", message):
        return (
            f"{future[1]} is dated {future[2]}, which is yet to come: was the clock set back? Give today's time to all "
            f"such files (find results -newermt now -exec touch {{}} +); {AGAIN}"
        )
    if message.startswith(("WorkflowError", "MissingRuleException")):
        return "\n".join(line for line in message.split("\n")[1:] if not _FRAME.match(line)).strip()
    if "Invalid config definition" in message:
        return (
            "--config takes name=value; put -- before what is to be made: --config seed=1 -- results/demo/report.html"
        )
    if "load_configfile" in message and (name := re.search(r"^FileNotFoundError: .*: '(.*)'$", message, re.M)):
        return f"--configfile {name[1]}: no such file; what is to be made comes after --"
    if system := re.search(r"^(?:OSError|PermissionError): \[Errno (?:28|30|13|122)\] (.*)$", message, re.M):
        return f"Snakemake cannot write here ({system[1]}): free some space, or make it writable; {AGAIN}"
    return message


def _yaml_mistake(name: str) -> str | None:
    """Return where a file is no YAML, and why; None if it is, or is none that is read as YAML."""
    import yaml

    if not name.endswith((".yaml", ".yml", ".json")):
        return None
    try:
        yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        return f"{name}{where}: {error.problem}; put regular expressions in single quotes"
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return None


def killed_by(message: str) -> str:
    """Return the name of the signal that ended a job, by what Snakemake says of its command; "" for none."""
    if (found := _SIGNAL.search(message)) is None:
        return ""
    status = int(found[2] or 0)
    try:
        return found[1] or signal.Signals(-status if status < 0 else status - 128).name
    except ValueError:
        return ""


def last_words(log: Path, killer: str = "") -> str:
    """Return why a job failed: the error with which its log ends, or the log's last lines where it ends otherwise.

    Parameters
    ----------
    log
        The job's log.
    killer
        Name of the signal that ended the job.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - (1 << 16)))
            text = file.read().decode(errors="replace").replace("\r", "\n").strip()
    except OSError:
        text = ""
    _, found, said = text.rpartition(" ERROR signfold: ")
    if found:
        return said
    end = "\n".join(text.splitlines()[-20:])
    if lines := list(_NO_MEMORY.finditer(end)):
        by = f", then {killer}" if killer else ""
        return f"memory ran out ({lines[-1][0].strip()}{by}); {_FEWER}"
    if killer == "SIGKILL":
        return f"killed by the system: most likely its memory ran out; {_FEWER}"
    if killer in ("SIGABRT", "SIGSEGV", "SIGBUS"):
        return f"killed by {killer}: a library gave up, often for want of memory; {_FEWER}, or see the log"
    if killer:
        return f"killed by {killer}"
    return "\n" + textwrap.indent("\n".join(text.splitlines()[-8:]), "    ") if "Traceback" in text else ""
