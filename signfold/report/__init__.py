"""The report: one self-contained HTML page, and its main figures by themselves."""

from signfold.report.page import build, figures

__all__ = ["build", "figures"]
