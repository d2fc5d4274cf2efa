"""Figures show the values that they are given, and say in words what they show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from signfold.report import plots
from signfold.report.format import share


def history(top1: list[float], validated: bool = True) -> pd.DataFrame:
    table = pd.DataFrame({"epoch": range(1, len(top1) + 1), "train_loss": 1.0, "train_top1": top1})
    return table.assign(val_loss=2.0, val_top1=[value / 2 for value in top1]) if validated else table


def test_each_fold_has_a_line_for_each_role_and_the_legend_names_a_role_once() -> None:
    histories = {"fold-1": history([0.2, 0.6]), "fold-2": history([0.4, 0.8])}
    loss, top1 = plots.learning_curves(histories, {"fold-1": 2, "fold-2": 1}, "bone_motion")
    assert (loss.id, top1.id) == ("plot-bone_motion-loss", "plot-bone_motion-top1")
    assert top1.title == "Top-1, bone motion"
    lines = [trace for trace in top1.traces if trace["mode"] == "lines"]
    assert [trace["y"] for trace in lines] == [[0.2, 0.6], [0.4, 0.8], [0.1, 0.3], [0.2, 0.4]]
    assert [trace["name"] for trace in lines if trace["showlegend"]] == ["training", "validation"]


def test_chosen_epochs_are_marked_on_the_validation_line() -> None:
    histories = {"fold-1": history([0.2, 0.6]), "fold-2": history([0.4, 0.8])}
    top1 = plots.learning_curves(histories, {"fold-1": 2, "fold-2": 1}, "joint")[1]
    (marks,) = (trace for trace in top1.traces if trace["name"] == "chosen epoch")
    assert (marks["x"], marks["y"], marks["text"]) == ([2, 1], [0.3, 0.2], ["fold-1", "fold-2"])


def test_without_validation_there_is_no_validation_line_and_no_mark() -> None:
    for figure in plots.learning_curves({"official": history([0.5, 0.9], validated=False)}, {"official": 2}, "joint"):
        assert [trace["name"] for trace in figure.traces] == ["training"]
    assert plots.learning_curves({}, {}, "joint") == []


def test_a_value_that_is_not_finite_is_a_gap() -> None:
    top1 = plots.learning_curves({"fold-1": history([0.2, np.nan, np.inf])}, {"fold-1": None}, "joint")[1]
    assert top1.traces[0]["y"] == [0.2, None, None]


def test_the_histogram_of_hands_counts_every_clip() -> None:
    figure = plots.hands_seen(np.array([1.0, 0.97, 0.5]), np.array([0.0, 0.02, 0.5]))
    better, other = (np.array(trace["y"]) for trace in figure.traces)
    assert (better.sum(), better[-1], better[10]) == (3, 2, 1)
    assert (other.sum(), other[0], other[10]) == (3, 2, 1)
    assert "Histogram of 3 clips" in figure.alternative


def test_the_heat_map_has_the_signed_in_rows_and_the_recognised_in_columns() -> None:
    counts = np.array([[3, 1], [0, 2]])
    figure = plots.confusion(counts / counts.sum(axis=1, keepdims=True), counts, ["tea", "<b>coffee</b>"])
    (trace,) = figure.traces
    assert trace["z"] == [[0.75, 0.25], [0.0, 1.0]]
    assert trace["text"] == [["3", "1"], ["", "2"]]
    assert trace["customdata"][0][1] == ["tea", "&lt;b&gt;coffee&lt;/b&gt;", 1]
    assert figure.layout["yaxis"]["autorange"] == "reversed"
    assert (figure.layout["xaxis"]["title"]["text"], figure.layout["yaxis"]["title"]["text"]) == (
        "Recognised as",
        "Signed",
    )


@pytest.mark.parametrize(("signs", "numbers"), [(plots.LEGIBLE, True), (plots.LEGIBLE + 1, False)])
def test_cells_have_numbers_where_there_is_room(signs: int, numbers: bool) -> None:
    (trace,) = plots.confusion(np.eye(signs), np.eye(signs, dtype=int), [str(sign) for sign in range(signs)]).traces
    assert any(text for row in trace["text"] for text in row) == numbers


def test_calibration_leaves_empty_bins_out_and_draws_the_diagonal() -> None:
    table = pd.DataFrame({"confidence": [0.1, 0.5, 0.9], "accuracy": [0.2, np.nan, 0.8], "clips": [4, 0, 16]})
    diagonal, dots = plots.calibration(table).traces
    assert (diagonal["x"], diagonal["y"]) == ([0, 1], [0, 1])
    assert (dots["x"], dots["y"], dots["customdata"]) == ([0.1, 0.9], [0.2, 0.8], [4, 16])
    small, large = dots["marker"]["size"]
    assert small < large


def test_coverage_leaves_thresholds_out_that_answer_nothing_and_marks_the_default() -> None:
    table = pd.DataFrame(
        {"threshold": [0.0, 0.5, 1.0], "answered": [4, 2, 0], "coverage": [1, 0.5, 0], "accuracy": [0.5, 1.0, np.nan]}
    )
    answered = {"coverage": {"value": 0.75}, "accuracy": {"value": 0.8}}
    figure = plots.coverage(table, {"threshold": 0.4, "answered": answered})
    line, mark = figure.traces
    assert (line["x"], line["y"], line["customdata"]) == ([1.0, 0.5], [0.5, 1.0], [0.0, 0.5])
    assert (mark["x"], mark["y"]) == ([0.75], [0.8])
    assert f"{share(0.5)} where all are answered, {share(0.8)} where {share(0.75)} are" in figure.alternative


def test_every_figure_has_the_style_of_the_page_and_keeps_its_own_layout() -> None:
    figure = plots.Figure("a", "A", "words", [], {"height": 500, "yaxis": {"range": [0, 1]}})
    layout = figure.spec["layout"]
    assert (figure.height, layout["height"]) == (500, 500)
    assert layout["yaxis"]["range"] == [0, 1]
    assert layout["yaxis"]["gridcolor"] == "@line"
    assert plots.Figure("b", "B", "words", [], {}).height == 300
