"""How well the models rank: ROC, precision-recall and two partial ROCs with bands, and every figure in a table."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from mome_core.training.curves import precision_recall_curve
from mome_core.training.measured import MeasuredModel, MeasuredSet
from mome_core.training.metrics import roc_curve, spelled
from mome_core.training.readers import Reader
from mome_core.training.report.charts import INK, QUIET, chart, draw_band, legend_below, look_of, unit_axes
from mome_core.training.report.markup import Cell, difference, figure, grid, p_value, table, with_interval

_LOWER_IS_BETTER = ("brier", "ece")
_NAMES = {
    "brier": "Brier score",
    "ece": "calibration error (ECE)",
    "partial_auroc_specificity_90": "partial AUROC, specificity ≥ 0.9",
    "partial_auroc_sensitivity_90": "partial AUROC, sensitivity ≥ 0.9",
}


def curves(cases: MeasuredSet) -> str:
    """ROC with the readers, precision-recall, and the ROC where specificity or sensitivity is at least 0.9."""
    about = f"{cases.cases.name}: n = {len(cases.cases.truth)}, {int(cases.cases.truth.sum())} positive"
    return grid(
        figure(chart(lambda axes: _roc(axes, cases), f"ROC, {about}"), _roc_caption(cases)),
        figure(
            chart(lambda axes: _precision_recall(axes, cases), f"precision-recall, {about}"),
            "Precision–recall; dotted: share of positive cases.",
        ),
        figure(
            chart(lambda axes: _high_specificity(axes, cases), f"partial ROC, specificity at least 0.9, {about}"),
            "ROC where specificity is at least 0.9; partial AUROC scaled so that chance is 0.5 (McClish).",
        ),
        figure(
            chart(lambda axes: _high_sensitivity(axes, cases), f"partial ROC, sensitivity at least 0.9, {about}"),
            "ROC where sensitivity is at least 0.9; partial AUROC scaled so that chance is 0.5 (McClish).",
        ),
    )


def _roc_caption(cases: MeasuredSet) -> str:
    words = "ROC with 95 % bands; a filled mark is a model's operating point."
    return f"{words} Letters are readers." if cases.readers else words


def _legend(axes: Axes, model: MeasuredModel, name: str, number: int) -> None:
    """An entry with the figure and its interval."""
    look, value = look_of(number), model.figures[name]
    words = f"{model.identity.name} {value.value:.3f} ({value.low:.2f}–{value.high:.2f})"
    axes.plot([], [], color=look.color, linestyle=look.line, label=words)


def _roc(axes: Axes, cases: MeasuredSet) -> None:
    axes.plot([0, 1], [0, 1], ":", color=QUIET, linewidth=1)
    for number, model in enumerate(cases.models):
        look, answers = look_of(number), model.answers
        draw_band(axes, model.curves.roc, look)
        axes.plot(*roc_curve(answers.truth, answers.probability), color=look.color, linestyle=look.line)
        _operating_point(axes, model, number)
        _legend(axes, model, "auroc", number)
    for at, names in _reader_points(cases.readers).items():
        axes.plot(*at, "o", color=INK, markersize=2.5)
        axes.annotate(", ".join(names), at, xytext=(3, -9), textcoords="offset points", fontsize=8)
    unit_axes(axes, "1 − specificity", "sensitivity")
    legend_below(axes, "AUROC (95 % interval)")


def _reader_points(readers: Sequence[Reader]) -> dict[tuple[float, float], list[str]]:
    """Where readers lie, and who lies there: initials, with the number at the end of a name."""
    found: dict[tuple[float, float], list[str]] = {}
    for reader in readers:
        at = (1 - reader.of_reader["specificity"].value, reader.of_reader["sensitivity"].value)
        number = reader.name[len(reader.name.rstrip("0123456789")) :]
        initials = f"{reader.name[0]}{number}" if number else reader.name[:2]
        found.setdefault(at, []).append(initials.upper())
    return found


def _operating_point(axes: Axes, model: MeasuredModel, number: int) -> None:
    look = look_of(number)
    at = (1 - model.figures["specificity"].value, model.figures["sensitivity"].value)
    axes.plot(*at, look.marker, color=look.color, markersize=6, zorder=4)


def _precision_recall(axes: Axes, cases: MeasuredSet) -> None:
    prevalence = float(cases.cases.truth.mean())
    axes.axhline(prevalence, linestyle=":", color=QUIET, linewidth=1)
    for number, model in enumerate(cases.models):
        look, answers = look_of(number), model.answers
        draw_band(axes, model.curves.precision_recall, look)
        recall, precision = precision_recall_curve(answers.truth, answers.probability)
        axes.step([0, *recall], [precision[0], *precision], where="pre", color=look.color, linestyle=look.line)
        _legend(axes, model, "auprc", number)
    unit_axes(axes, "recall (sensitivity)", "precision (PPV)")
    legend_below(axes, "AUPRC (95 % interval)")


def _high_specificity(axes: Axes, cases: MeasuredSet) -> None:
    axes.plot([0, 0.1], [0, 0.1], ":", color=QUIET, linewidth=1)
    for number, model in enumerate(cases.models):
        look, answers = look_of(number), model.answers
        draw_band(axes, model.curves.roc, look)
        axes.plot(*roc_curve(answers.truth, answers.probability), color=look.color, linestyle=look.line)
        _legend(axes, model, "partial_auroc_specificity_90", number)
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(0, 0.1), ylim=(-0.01, 1.02))
    legend_below(axes, "partial AUROC (95 % interval)")


def _high_sensitivity(axes: Axes, cases: MeasuredSet) -> None:
    axes.plot([0, 1], [0, 1], ":", color=QUIET, linewidth=1)
    for number, model in enumerate(cases.models):
        look, answers, band = look_of(number), model.answers, model.curves.by_sensitivity
        axes.fill_betweenx(band.x, 1 - band.high, 1 - band.low, color=look.color, alpha=0.14, linewidth=0)
        axes.plot(*roc_curve(answers.truth, answers.probability), color=look.color, linestyle=look.line)
        _legend(axes, model, "partial_auroc_sensitivity_90", number)
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(0.9, 1.0015))
    legend_below(axes, "partial AUROC (95 % interval)")


def figures_table(cases: MeasuredSet, reference: str) -> str:
    """Every figure of every model with its interval, and the difference from the model that is named."""
    names = list(cases.models[0].figures)
    head, groups = ["figure"], [("", 1)]
    for model in cases.models:
        compared = bool(model.against)
        head += ["value (95 % interval)", *(["difference", "p"] if compared else [])]
        groups.append((model.identity.name, 3 if compared else 1))
    rows: list[list[Cell | str]] = [
        [_named(name), *(cell for m in cases.models for cell in _cells(m, name))] for name in names
    ]
    delong = [cell for model in cases.models for cell in _delong_cells(model)]
    if any(isinstance(cell, Cell) for cell in delong):
        rows.append(["AUROC by DeLong's test", *delong])
    words = f"{cases.cases.name}: {len(cases.cases.truth)} cases, {int(cases.cases.truth.sum())} positive."
    if any(model.against for model in cases.models):
        words += f" Differences are from {reference}; p-values are not corrected for their number."
    return table(head, rows, words, groups)


def _named(name: str) -> Cell:
    words = _NAMES.get(name, spelled(name))
    return Cell(words, "lower is better" if name in _LOWER_IS_BETTER else "")


def _cells(model: MeasuredModel, name: str) -> list[Cell]:
    cells = [with_interval(model.figures[name])]
    if model.against:
        compared = model.against[name]
        cells += [difference(compared.difference), p_value(compared.p_value)]
    return cells


def _delong_cells(model: MeasuredModel) -> list[Cell | str]:
    """The difference by DeLong's test; empty for the model that others are compared with, or where it was not made."""
    if not model.against:
        return [""]
    compared = model.against.get("auroc_delong")
    if compared is None:
        return ["", "", ""]
    return ["", difference(compared.difference), p_value(compared.p_value)]
