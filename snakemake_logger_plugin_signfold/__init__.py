"""What Snakemake shows of a run: stages, clips and epochs done of all, warnings, the headline; of a dry run, a screen.

Snakemake finds this package by its name, `profiles/default` asks for it (`logger: [signfold]`). On a terminal there are
bars; elsewhere plain lines, one a minute for each stage at work. All that Snakemake itself says is in its log file,
.snakemake/log; `--verbose` shows it instead of this.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from snakemake_interface_logger_plugins.base import LogHandlerBase

from signfold.core.text import counted, duration
from snakemake_logger_plugin_signfold.messages import AGAIN, CHATTER, killed_by, last_words, plain
from snakemake_logger_plugin_signfold.reasons import Reasons
from snakemake_logger_plugin_signfold.stages import Board

# Warnings of a stage that are shown; the rest is counted.
SHOWN = 3


class LogHandler(LogHandlerBase):
    """Takes Snakemake's messages, one by one, and shows what a person wants to know."""

    writes_to_stream = has_filter = has_formatter = True
    writes_to_file = needs_rulegraph = False

    def __post_init__(self) -> None:
        common = self.common_settings
        self.console = Console(stderr=not common.stdout, no_color=common.nocolor or None, highlight=False, markup=False)
        self.board: Board | None = None
        self.live: Live | None = None
        self.reasons = Reasons()
        self.command = self.logfile = self.report = ""
        self.begun = time.monotonic()
        self.warnings: Counter[str] = Counter()
        self.stopped = self.broken = False
        self.killer = ""
        self.over = threading.Event()
        self.own = snakemakes_own(common) if common.verbose or common.debug_dag else None
        sys.excepthook = _excepthook

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a message of Snakemake's is about."""
        try:
            if self.own is not None:
                self.own.handle(record)
            elif show := getattr(self, f"on_{getattr(record, 'event', None) or 'message'}", None):
                show(record, vars(record))
        except Exception as error:  # what is shown is not worth stopping a run, nor many lines
            self.say(f"this could not be shown: {record.getMessage()[:200]} ({error!r})", "yellow")

    def on_workflow_started(self, _: logging.LogRecord, about: dict[str, Any]) -> None:
        """Remember the command line."""
        self.command = str(about.get("cmd", ""))

    def on_run_info(self, _: logging.LogRecord, about: dict[str, Any]) -> None:
        """Begin to show the stages; what a dry run says before and after its reasons is shown at the end."""
        self.board = Board(about["stats"])
        if self.common_settings.dryrun:
            return
        jobs = sum(stage.jobs for stage in self.board.stages.values())
        self.say(f"{counted(jobs, 'job')}: {', '.join(self.board.stages)}")
        if self.console.is_terminal and not self.common_settings.quiet:
            self.live = Live(get_renderable=self._bars, console=self.console, auto_refresh=False)
            self.live.start()
        threading.Thread(target=self._keep_looking, daemon=True).start()

    def on_job_info(self, _: logging.LogRecord, about: dict[str, Any]) -> None:
        """Note that a job begins, or in a dry run, why it would."""
        if self.common_settings.dryrun:
            self.reasons.add(about["rule_name"], about["output"], about["reason"])
        elif self.board:
            self.board.begin(about["jobid"], about["rule_name"], about["wildcards"] or {}, about["log"])
            if about["rule_name"] == "report":
                self.report = about["output"][0]

    def on_job_finished(self, _: logging.LogRecord, about: dict[str, Any]) -> None:
        """Note that a job is done; where there are no bars, say when its stage is."""
        if self.board is None or (stage := self.board.stage(about["job_id"])) is None:
            return
        for warning in self.board.end(about["job_id"]):
            self._warn(stage.name, warning)
        if stage.ended and self.live is None:
            self._line(stage.name)

    def on_job_error(self, _: logging.LogRecord, about: dict[str, Any]) -> None:
        """Say in which job something went wrong, what it was, and where more is."""
        job = self.board.job(about["jobid"]) if self.board else None
        if self.stopped:
            return
        if self.board:
            self.board.failed.add(about["jobid"])
        named = " ".join([about["rule_name"], *(job.wildcards.values() if job else ())])
        said = last_words(Path(about["log"][0] if about["log"] else os.devnull), self.killer)
        said = said or str(about.get("rule_msg") or "it ended without a word")
        self.say(f"failed: {named}: {said}", "red")
        logs = ", ".join(about["log"])  # the rule's, and a cluster's
        self.say(f"  log: {logs}" if logs else "  no log", "red")
        self.killer = ""

    def on_group_error(self, record: logging.LogRecord, _: dict[str, Any]) -> None:
        """Say that a group of jobs failed."""
        self.say(record.getMessage(), "red")

    def on_error(self, record: logging.LogRecord, about: dict[str, Any]) -> None:
        """Show an error of the workflow as a whole: last, alone."""
        message = record.getMessage()
        if "CalledProcessError in " in message or about.get("exception") == "SpawnedJobError":  # shown with the job
            self.killer = self.killer or killed_by(message)
        elif not message.startswith("WorkflowError:\nAt least one job"):
            self.broken = True
            self.say(plain(message, sys.argv), "red")

    def on_message(self, record: logging.LogRecord, _: dict[str, Any]) -> None:
        """Show what is no event: the workflow's own words, warnings, and little of Snakemake's."""
        message = record.getMessage() if record.msg else ""
        if message.startswith("Complete log(s): "):
            self.logfile = message.removeprefix("Complete log(s): ")
        elif message.startswith("Terminating processes"):
            self.stopped = True
            self.say("stopping the jobs ...")
        elif message.startswith("Nothing to be done"):
            self.say("nothing to be done: all is there and up to date")
            named = re.search(r"\S+/report\.html", self.command)
            self.report = named[0] if named else ""
        elif message and record.levelno >= logging.INFO and not CHATTER.match(message):
            self.say(message, "yellow" if record.levelno >= logging.WARNING else None)

    def close(self) -> None:
        """Say how it ended."""
        if not self.over.is_set():
            self.over.set()
            with self.lock or threading.RLock():
                if self.live is not None:
                    self.live.refresh()
                    self.live.stop()
                if self.own is None and not self.broken:
                    self._show_end()
        super().close()

    def say(self, text: str, style: str | None = None) -> None:
        """Print a text, above the bars; lines are left as long as they are, so that paths can be copied."""
        self.console.print(text, style=style, soft_wrap=True)

    def look(self) -> None:
        """Read what the jobs have written, and show it."""
        if self.board is None:
            return
        for name, warning in self.board.look():
            self._warn(name, warning)
        if self.live is not None:
            self.live.refresh()
            return
        for stage in self.board.stages.values():
            if stage.running:
                self._line(stage.name)

    def _keep_looking(self) -> None:
        while not self.over.wait(0.5 if self.live is not None else 60.0):
            with self.lock or threading.RLock():
                self.look()

    def _warn(self, stage: str, warning: str) -> None:
        self.warnings[stage] += 1
        if self.warnings[stage] <= SHOWN:
            self.say(f"warning: {stage}: {warning}", "yellow")

    def _line(self, name: str) -> None:
        """Print a stage's line where there is no terminal."""
        assert self.board is not None
        for stage, done, total, unit, left in self.board.rows():
            if stage.name == name and not self.common_settings.quiet:
                rest = f", {duration(left)} left" if left else ""
                self.say(f"{time.strftime('%H:%M:%S')} {name}: {int(done):,} of {round(total):,} {unit}{rest}")

    def _bars(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for stage, done, total, unit, left in self.board.rows() if self.board else ():
            bar = ProgressBar(total=max(total, 1e-9), completed=done, width=24)
            rest = f"{duration(left)} left" if left else "done" if stage.ended else ""
            table.add_row(f"  {stage.name}", bar, f"{int(done):,} of {round(total):,} {unit}", rest)
        return table

    def _show_plan(self, board: Board) -> None:
        self.say(f"  {'stage':<10}{'jobs':>7}  why")
        for stage in board.stages.values():
            self.say(f"  {stage.name:<10}{stage.jobs:>7,}  {self.reasons.of(stage.name)}")
        jobs = sum(stage.jobs for stage in board.stages.values())
        self.say(f"  {'in all':<10}{jobs:>7,}  a dry run: nothing was done (--verbose lists every job)")

    def _show_end(self) -> None:
        for stage, count in self.warnings.items():
            if count > SHOWN:
                self.say(f"warning: {stage}: {count} warnings in all; the logs of the stage have them", "yellow")
        took = duration(time.monotonic() - self.begun)
        if self.stopped:
            self.say(f"stopped after {took}; {AGAIN}")
        elif self.board and self.board.failed:
            self.say(f"{counted(len(self.board.failed), 'job')} failed after {took}; {AGAIN}", "red")
            self.say(f"Snakemake's own log: {self.logfile}")
        elif self.board and self.common_settings.dryrun:
            self._show_plan(self.board)
        elif self.board:
            self.say(f"done in {took}")
        if self.report and Path(self.report).is_file() and not self.stopped and not (self.board and self.board.failed):
            from signfold.core.results import ResultsFolder

            self.say("\n".join(ResultsFolder(Path(self.report).parent).headline()))


def snakemakes_own(common: Any) -> logging.Handler:
    """Return Snakemake's own handler."""
    from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

    quiet = (common.quiet, common.debug_dag, common.verbose, common.dryrun, common.printshellcmds)
    return ColorizingTextHandler(
        nocolor=common.nocolor,
        stream=sys.stdout if common.stdout else sys.stderr,
        filter=DefaultFilter(*quiet),
        formatter=DefaultFormatter(common.quiet, common.show_failed_logs),
    )


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print(f"stopped; {AGAIN}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
