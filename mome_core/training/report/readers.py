"""Readers and model on the same cases: F1 and MCC of each, and the model's differences from every reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from mome_core.training.measured import MeasuredSet
from mome_core.training.metrics import spelled
from mome_core.training.readers import Reader
from mome_core.training.report.charts import INK, chart, forest, look_of
from mome_core.training.report.markup import Cell, difference, figure, grid, p_value, paragraph, table, with_interval
from mome_core.training.statistics import Interval

_SHOWN = ("f1", "mcc")
_COMPARED = ("f1", "mcc", "auroc")


def readers(cases: MeasuredSet, cut: str) -> str:
    """A chart of F1 and one of MCC, a table of each reader, and one of the differences."""
    if not cases.readers:
        return ""
    model = cases.models[0].identity.name
    return "\n".join(
        (
            _unlettered(cases.readers, cut),
            grid(*(_dots(cases, name) for name in _SHOWN)),
            _table(cases.readers),
            _differences(cases.readers, model),
        )
    )


def _unlettered(found: Sequence[Reader], cut: str) -> str:
    """What a plain 4 counts as, where there are any."""
    count = sum(reader.without_letter for reader in found)
    return paragraph(f"{count} ratings of 4 without a letter count as below {cut}.", "quiet") if count else ""


def _dots(cases: MeasuredSet, name: str) -> str:
    """One figure of the model, on all cases, and of every reader, with intervals."""
    rows: list[tuple[str, Mapping[str, Interval]]] = [(cases.models[0].identity.name, cases.models[0].figures)]
    rows += [(f"{reader.name} (n = {reader.cases})", reader.of_reader) for reader in cases.readers]

    def draw(axes: Axes) -> None:
        colors = [look_of(0).color, *(INK for _ in cases.readers)]
        forest(axes, [words for words, _ in rows], [figures[name] for _, figures in rows], colors, "o")
        axes.axvline(rows[0][1][name].value, color=look_of(0).color, linestyle=":", linewidth=1)
        axes.set(xlabel=f"{spelled(name)} (95 % interval)")

    drawn = chart(draw, f"{spelled(name)} of model and readers", (4.6, 0.9 + 0.3 * len(rows)))
    return figure(drawn, f"{spelled(name)}; the dotted line is the model's.")


def _table(found: Sequence[Reader]) -> str:
    names = ("sensitivity", "specificity", "f1", "mcc", "auroc")
    rows: list[list[Cell | str]] = [
        [reader.name, str(reader.cases), str(reader.positive), *(with_interval(reader.of_reader[n]) for n in names)]
        for reader in found
    ]
    return table(["reader", "cases", "positive", *(spelled(n) for n in names)], rows)


def _differences(found: Sequence[Reader], model: str) -> str:
    head = ["reader", *(words for name in _COMPARED for words in (spelled(name), "p"))]
    rows: list[list[Cell | str]] = []
    for reader in found:
        cells: list[Cell] = []
        for name in _COMPARED:
            compared = reader.differences[name]
            cells += [difference(compared.difference), p_value(compared.p_value)]
        rows.append([reader.name, *cells])
    return table(head, rows, f"{model} minus the reader, on the same cases (paired bootstrap).")
