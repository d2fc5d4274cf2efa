"""The report: one self-contained HTML page, figures and tables."""
