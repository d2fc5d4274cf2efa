"""The report: one self-contained HTML page, and its main figures by themselves."""

from signfold.report.page import build, figures
from signfold.report.sections import versions

__all__ = ["build", "figures", "versions"]
