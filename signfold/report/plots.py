"""The interactive figures, as Plotly specifications: plain dictionaries, drawn in the browser by the embedded library.

Colours are names of the page's CSS variables with @ in front; the page's script puts in their values, so that figures
follow light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from signfold.report.format import figure_text, share

Trace = dict[str, Any]
# Greatest number of signs at which the cells of a heat map have room for a number.
LEGIBLE = 12


@dataclass(frozen=True)
class Figure:
    """A figure with its title and text alternative.

    Parameters
    ----------
    id
        Id of the element, unique on the page.
    title
        Title above the figure.
    alternative
        Text alternative for readers who do not see the figure.
    traces, layout
        Traces and layout in Plotly's terms.
    """

    id: str
    title: str
    alternative: str
    traces: list[Trace]
    layout: dict[str, Any]

    @property
    def spec(self) -> dict[str, Any]:
        """What the page's script draws."""
        return {"id": self.id, "data": self.traces, "layout": _laid_out(self.layout)}

    @property
    def height(self) -> int:
        """Height in pixels, reserved on the page before the figure is drawn."""
        return self.layout.get("height", 300)


def _laid_out(layout: dict[str, Any]) -> dict[str, Any]:
    """Add the house style to a layout."""
    axis: dict[str, Any] = {"gridcolor": "@line", "linecolor": "@line", "zerolinecolor": "@line", "tickcolor": "@line"}
    axis |= {"fixedrange": True, "automargin": True}
    style = {
        "font": {"color": "@muted", "size": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 48, "r": 12, "t": 8, "b": 44},
        "height": 300,
        "dragmode": False,
        "hoverlabel": {"bgcolor": "@raised", "bordercolor": "@line", "font": {"color": "@ink"}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "showlegend": False,
    }
    axes = {name: axis | layout.get(name, {}) for name in ("xaxis", "yaxis")}
    return style | layout | axes


def learning_curves(histories: dict[str, pd.DataFrame], best: dict[str, int | None], stream: str) -> list[Figure]:
    """Return the loss and the top-1 of one stream over the epochs: a thin line per fold, the chosen epochs marked."""
    wanted = (("loss", "Loss"), ("top1", "Top-1"))
    return [figure for column, title in wanted if (figure := _curve(histories, best, stream, column, title))]


def _curve(
    histories: dict[str, pd.DataFrame], best: dict[str, int | None], stream: str, column: str, title: str
) -> Figure | None:
    roles = {"train": ("training", "@quiet", "dot"), "val": ("validation", "@accent", "solid")}
    traces = []
    for role, (name, colour, dash) in roles.items():
        drawn = False
        for fold, table in histories.items():
            if f"{role}_{column}" in table and table[f"{role}_{column}"].notna().any():
                traces.append(_line(table, f"{role}_{column}", fold, name, colour, dash, shown=not drawn))
                drawn = True
    if not traces:
        return None
    if (marks := _chosen(histories, best, f"val_{column}")) is not None:
        traces.append(marks)
    percent = {"tickformat": ".0%", "range": [0, 1.02]} if column == "top1" else {"rangemode": "tozero"}
    alternative = f"{title} of stream {stream} over the epochs, one line per fold ({len(histories)} folds). " + (
        "The table of models has the chosen epochs and their values."
    )
    layout = {"xaxis": {"title": {"text": "Epoch"}, "rangemode": "tozero"}, "yaxis": percent, "showlegend": True}
    return Figure(f"plot-{stream}-{column}", f"{title}, {stream.replace('_', ' ')}", alternative, traces, layout)


def _line(table: pd.DataFrame, column: str, fold: str, name: str, colour: str, dash: str, shown: bool) -> Trace:
    unit = ":.1%" if column.endswith("top1") else ":.3f"
    return {
        "type": "scatter",
        "mode": "lines" if len(table) > 1 else "markers",
        "x": _epochs(table),
        "y": _plain(table[column]),
        "name": name,
        "legendgroup": name,
        "showlegend": shown,
        "opacity": 0.8,
        "line": {"color": colour, "width": 1.3, "dash": dash},
        "marker": {"color": colour},
        "hovertemplate": f"{figure_text(fold)}, {name}<br>epoch %{{x}}: %{{y{unit}}}<extra></extra>",
    }


def _chosen(histories: dict[str, pd.DataFrame], best: dict[str, int | None], column: str) -> Trace | None:
    points = []
    for fold, table in histories.items():
        if column in table and best.get(fold) is not None:
            row = table[np.asarray(_epochs(table)) == best[fold]]
            points += [(best[fold], value, figure_text(fold)) for value in _plain(row[column].dropna().head(1))]
    if not points:
        return None
    x, y, text = (list(values) for values in zip(*points, strict=True))
    marker = {"color": "@warm", "size": 8, "line": {"color": "@paper", "width": 1.5}}
    hover = "%{text}: epoch %{x} was chosen<extra></extra>"
    trace = {"type": "scatter", "mode": "markers", "name": "chosen epoch", "marker": marker, "hovertemplate": hover}
    return {**trace, "x": x, "y": y, "text": text}


def _epochs(table: pd.DataFrame) -> list[int]:
    return [int(epoch) for epoch in table["epoch"]] if "epoch" in table else list(range(1, len(table) + 1))


def _plain(values: pd.Series) -> list[float | None]:
    """Return rounded numbers; None where a value is not finite, for which JSON has no number."""
    return [round(float(value), 5) if np.isfinite(value) else None for value in values]


def hands_seen(better: np.ndarray, other: np.ndarray) -> Figure:
    """Return how many clips have a hand in what share of their frames, for the better seen hand and the other one."""
    edges = np.linspace(0, 1, 21)
    middle = ((edges[:-1] + edges[1:]) / 2).round(4).tolist()
    labels = [f"{100 * low:.0f}–{100 * high:.0f} %" for low, high in pairwise(edges)]
    traces = []
    for name, values, colour in (("better seen hand", better, "@accent"), ("other hand", other, "@quiet")):
        clips = np.histogram(values, edges)[0]
        hover = f"%{{y}} clips with the {name}<br>in %{{text}} of their frames<extra></extra>"
        bar = {"type": "bar", "x": middle, "y": clips.tolist(), "name": name, "text": labels, "textposition": "none"}
        traces.append({**bar, "marker": {"color": colour}, "hovertemplate": hover})
    shares = {"tickformat": ".0%", "range": [0, 1.001], "dtick": 0.2}
    layout = {
        "barmode": "group", "bargap": 0.12, "bargroupgap": 0.02, "showlegend": True,
        "xaxis": shares | {"title": {"text": "Share of the clip's frames with the hand"}},
        "yaxis": {"title": {"text": "Clips"}},
    }  # fmt: skip
    alternative = (
        f"Histogram of {len(better)} clips. Their better seen hand is found in {share(np.median(better), 0)} of the "
        f"frames (median), the other in {share(np.median(other), 0)}."
    )
    return Figure("plot-hands", "How often the hands were found", alternative, traces, layout)


def confusion(shares: np.ndarray, counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Return the heat map of how often the sign of a row was taken for that of a column, (K', K')."""
    size = len(names)
    text = [figure_text(name, 18) for name in names]
    places = list(range(size))
    trace = {
        "type": "heatmap", "z": shares.round(4).tolist(), "x": places, "y": places, "zmin": 0, "zmax": 1,
        "colorscale": [[0, "@paper"], [0.08, "@heat-low"], [1, "@accent"]], "xgap": 1, "ygap": 1,
        "customdata": [[[text[i], text[j], int(counts[i, j])] for j in places] for i in places],
        "text": [[str(count) if count and size <= LEGIBLE else "" for count in row] for row in counts.tolist()],
        "texttemplate": "%{text}",
        "hovertemplate": "%{customdata[0]} → %{customdata[1]}<br>%{customdata[2]} clips, %{z:.0%}<extra></extra>",
        "colorbar": {"tickformat": ".0%", "thickness": 10, "outlinewidth": 0, "len": 0.6, "y": 0.7},
    }  # fmt: skip
    ticks = {"tickvals": places, "ticktext": text, "showgrid": False, "zeroline": False}
    layout = {
        "height": max(320, 23 * size + 150),
        "xaxis": ticks | {"tickangle": -50, "title": {"text": "Recognised as", "standoff": 8}},
        "yaxis": ticks | {"autorange": "reversed", "title": {"text": "Signed", "standoff": 8}},
    }
    alternative = f"Heat map of {size} signs by {size} signs; the table of confused pairs has its strongest cells."
    return Figure("plot-confusion", "The signs that are confused most", alternative, [trace], layout)


def calibration(table: pd.DataFrame) -> Figure:
    """Return accuracy over confidence, bin by bin, with the diagonal of perfect calibration."""
    table = table[table["clips"] > 0]
    sizes = np.sqrt(table["clips"] / table["clips"].max()) * 22 + 5
    line: Trace = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip"}
    dots = {
        "type": "scatter", "mode": "lines+markers", "x": _plain(table["confidence"]), "y": _plain(table["accuracy"]),
        "marker": {"size": sizes.round(1).tolist(), "color": "@accent", "opacity": 0.85},
        "line": {"color": "@accent", "width": 1}, "customdata": [int(clips) for clips in table["clips"]],
        "hovertemplate": "%{customdata} clips<br>confidence %{x:.0%}<br>right %{y:.0%}<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": {"tickformat": ".0%", "range": [0, 1.04], "title": {"text": "Confidence"}},
        "yaxis": {"tickformat": ".0%", "range": [0, 1.06], "title": {"text": "Right"}},
        "height": 320,
    }
    alternative = "Share of right answers over confidence, in bins; on the diagonal, confidence equals accuracy."
    traces = [line | {"line": {"color": "@quiet", "dash": "dot", "width": 1}}, dots]
    return Figure("plot-calibration", "Confidence and accuracy", alternative, traces, layout)


def coverage(table: pd.DataFrame, summary: Mapping[str, Any]) -> Figure:
    """Return the share of right answers over the share of clips that are answered, and where the threshold stands."""
    table = table[table["answered"] > 0]
    x, y = summary["answered"]["coverage"]["value"], summary["answered"]["accuracy"]["value"]
    line = {
        "type": "scatter", "mode": "lines", "x": _plain(table["coverage"]), "y": _plain(table["accuracy"]),
        "line": {"color": "@accent", "width": 1.5}, "customdata": _plain(table["threshold"]),
        "hovertemplate": "threshold %{customdata:.2f}<br>answered %{x:.1%}<br>right of these %{y:.1%}<extra></extra>",
    }  # fmt: skip
    mark = {
        "type": "scatter", "mode": "markers", "x": [round(x, 5)], "y": [round(y, 5)],
        "marker": {"color": "@warm", "size": 10, "line": {"color": "@paper", "width": 1.5}},
        "hovertemplate": f"threshold {summary['threshold']:.2f}<br>answered {share(x)}<br>right of these {share(y)}"
        "<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": {"tickformat": ".0%", "range": [0, 1.04], "title": {"text": "Answered"}},
        "yaxis": {"tickformat": ".0%", "range": [0, 1.06], "title": {"text": "Right of these"}},
        "height": 320,
    }
    alternative = (
        f"Share of right answers over the share of clips that are answered, for thresholds from 0 to 1: "
        f"{share(table['accuracy'].iloc[0])} where all are answered, {share(y)} where {share(x)} are."
    )
    return Figure("plot-coverage", "Coverage and accuracy", alternative, [line, mark], layout)
