"""The report: one self-contained HTML page, its main figures by themselves, and the cards."""

from signfold.report.cards import cards
from signfold.report.page import build, figures
from signfold.report.results import Results, Run

__all__ = ["Results", "Run", "build", "cards", "figures"]
