"""Groups of patients: AUROC, AUPRC, sensitivity and specificity of each, as four forest plots and a table."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from mome_core.training.measured import MeasuredModel, MeasuredSet
from mome_core.training.metrics import spelled
from mome_core.training.report.charts import QUIET, chart, forest, look_of
from mome_core.training.report.markup import Cell, column_words, figure, grid, table, with_interval
from mome_core.training.subgroups import SUBGROUP_FIGURES, Subgroup


def subgroups(cases: MeasuredSet) -> str:
    """Every group with enough cases as a line of four charts, and all of them in a table."""
    if not cases.groups:
        return ""
    model, measured = cases.models[0], [group for group in cases.groups if group.figures]
    charts = [_forest(model, measured, name) for name in SUBGROUP_FIGURES] if measured else []
    return grid(*charts) + _table(model, cases.groups)


def _words_of(group: Subgroup) -> str:
    """A group as people call it."""
    return f"{column_words(group.column)} {group.value}"


def _forest(model: MeasuredModel, groups: Sequence[Subgroup], name: str) -> str:
    look, whole = look_of(0), model.figures[name]
    intervals = [whole, *(group.figures[name] for group in groups)]
    names = ["all cases", *(_words_of(group) for group in groups)]

    def draw(axes: Axes) -> None:
        forest(axes, names, intervals, [look.color] * len(names), "s")
        axes.axvline(whole.value, color=QUIET, linestyle=":", linewidth=1)
        axes.set(xlabel=f"{spelled(name)} (95 % interval)", xlim=(min(0.5, *(v.low for v in intervals)) - 0.02, 1.02))

    drawn = chart(draw, f"{spelled(name)} of groups of patients", (4.1, 0.9 + 0.26 * len(names)))
    return figure(drawn, f"{spelled(name)}; the dotted line is that of all cases.")


def _table(model: MeasuredModel, groups: Sequence[Subgroup]) -> str:
    truth = model.answers.truth
    rows: list[list[Cell | str]] = [
        [
            "all cases",
            str(len(truth)),
            str(int(truth.sum())),
            *(with_interval(model.figures[n]) for n in SUBGROUP_FIGURES),
        ]
    ]
    for group in groups:
        figures = [with_interval(group.figures[n]) if group.figures else Cell("–") for n in SUBGROUP_FIGURES]
        rows.append([_words_of(group), str(group.cases), str(group.positive), *figures])
    return table(["group", "cases", "positive", *(spelled(n) for n in SUBGROUP_FIGURES)], rows)
