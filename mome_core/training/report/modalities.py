"""What the first model knows from a part of the protocol, and what each modality contributes by class."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mome_core.calibration import coalition_words
from mome_core.case import Modality
from mome_core.training.measured import MeasuredModel, MeasuredSet
from mome_core.training.report.charts import INK, QUIET, chart, forest, look_of
from mome_core.training.report.markup import Cell, beside, figure, signed, table, with_interval

_FIGURES = ("auroc", "sensitivity", "specificity")


def coalitions(cases: MeasuredSet) -> str:
    """A table of the seven subsets for each model that was measured on them, and a chart of the first one's AUROCs."""
    measured = [(model, number) for number, model in enumerate(cases.models) if model.coalitions]
    if not measured:
        return ""
    return "".join(_chart(model, number) + _table(model) for model, number in measured)


def _chart(model: MeasuredModel, number: int) -> str:
    found = [each for each in model.coalitions if "auroc" in each.figures]

    def draw(axes: Axes) -> None:
        look = look_of(number)
        values = [each.figures["auroc"] for each in found]
        names = [coalition_words(each.modalities) for each in found]
        forest(axes, names, values, [look.color] * len(found), look.marker)
        for place in (n for n, each in enumerate(found) if each.withheld):
            axes.plot(values[place].value, place, "x", color=INK, markersize=9, zorder=5)
        axes.axvline(0.5, color=QUIET, linestyle=":", linewidth=1)
        axes.set(xlabel="AUROC (95 % interval)", xlim=(min(0.4, *(e.figures["auroc"].low for e in found)) - 0.02, 1.02))

    label = f"AUROC of {model.identity.name} from each subset of the modalities"
    return figure(chart(draw, label, (4.3, 2.9)), f"{model.identity.name}; crossed out: no call is made.")


def _table(model: MeasuredModel) -> str:
    rows: list[list[Cell | str]] = []
    for each in model.coalitions:
        cells = [with_interval(each.figures[name]) if name in each.figures else Cell("–") for name in _FIGURES]
        call = Cell(f"withheld: {each.withheld}", sentence=True) if each.withheld else Cell("made")
        rows.append([coalition_words(each.modalities), str(each.cases), str(each.positive), *cells, call])
    head = ["modalities", "cases", "positive", "AUROC", "sensitivity", "specificity", "call"]
    return table(head, rows, model.identity.name)


def contributions(cases: MeasuredSet) -> str:
    """Signed Shapley values of each modality in negative and in positive cases: every case, and their means."""
    model = cases.models[0]
    if not model.contributions:
        return ""
    truth = model.answers.truth
    return beside(_strips(model, truth), _means(model, truth))


def _strips(model: MeasuredModel, truth: NDArray[np.bool_]) -> str:
    shown = [modality for modality in Modality if modality in model.contributions]

    def draw(axes: Axes) -> None:
        rng = np.random.default_rng(1)
        for place, modality in enumerate(shown):
            for side, offset in ((False, -0.19), (True, 0.19)):
                values = 100 * model.contributions[modality][truth == side]
                look = look_of(1 if side else 0)
                height = place + offset + rng.uniform(-0.1, 0.1, len(values))
                axes.scatter(values, height, s=9, color=look.color, marker=look.marker, alpha=0.5, linewidth=0)
                axes.plot(
                    [np.nanmean(values)] * 2, [place + offset - 0.15, place + offset + 0.15], color=INK, linewidth=2
                )
        for side, words in ((False, "negative"), (True, "positive")):
            look = look_of(1 if side else 0)
            axes.scatter(
                [], [], s=16, color=look.color, marker=look.marker, label=f"{words} (n = {int((truth == side).sum())})"
            )
        axes.axvline(0, color=QUIET, linewidth=1)
        axes.set_yticks(range(len(shown)), [str(each) for each in shown])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set(xlabel="contribution to the probability (points)")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)

    label = f"Shapley values of {model.identity.name} by class"
    return figure(
        chart(draw, label, (5.0, 3.6)),
        f"{model.identity.name}: Shapley value of each modality in each case; bars: means.",
    )


def _means(model: MeasuredModel, truth: NDArray[np.bool_]) -> str:
    rows: list[list[Cell | str]] = []
    for modality, values in model.contributions.items():
        cells = [Cell(_points(values[truth == side])) for side in (False, True)]
        rows.append([str(modality), *cells, Cell(f"{100 * float(np.nanmean(np.abs(values))):.1f}")])
    head = ["modality", "negative cases", "positive cases", "mean size"]
    return table(head, rows, "Mean Shapley value in points of probability; mean size without the sign, all cases.")


def _points(values: NDArray[np.float64]) -> str:
    return signed(100 * float(np.nanmean(values)), 1) if np.isfinite(values).any() else "–"
