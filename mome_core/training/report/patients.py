"""Who was measured: what became of every case, and the table of patients with p-values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from mome_core.training.characteristics import Characteristic, CohortFlow, Quartiles
from mome_core.training.measured import MeasuredSet
from mome_core.training.report.markup import Cell, column_words, heading, p_value, table

_UNITS = {"age": "years", "field_strength": "T"}


def flow(cases: MeasuredSet) -> str:
    """The way of the cases of one set, as boxes from left to right; what fell out is dashed."""
    about = cases.cases.flow
    boxes = [_box(about.listed, "listed", out=False)]
    boxes += [_box(count, f"excluded: {reason}") for reason, count in about.excluded.items()]
    boxes += [_box(about.unlabelled, "without a label")] if about.unlabelled else []
    boxes += [
        _box(count, f"no score by {model}: {code.replace('_', ' ').lower()}")
        for model, reasons in about.withheld.items()
        for code, count in reasons.items()
    ]
    boxes.append(_box(about.measured, f"measured: {about.positive} positive, {_negative(about)} negative", out=False))
    boxes += [_box(count, f"no call by {model}") for model, count in about.uncalled.items() if count]
    return heading(cases.cases.name) + f'<ol class="flow">{"".join(boxes)}</ol>'


def _negative(about: CohortFlow) -> int:
    return about.measured - about.positive


def _box(count: int, words: str, *, out: bool = True) -> str:
    kind = ' class="out"' if out else ""
    return f"<li{kind}><b>{count}</b>{escape(words)}</li>"


def patients_table(rows: Sequence[Characteristic], sets: Sequence[MeasuredSet]) -> str:
    """Characteristics by set and class: median and quartiles, or count and share."""
    if not rows:
        return ""
    several = len(sets) > 1
    head, groups = ["characteristic"], [("", 1)]
    for each in sets:
        truth = each.cases.truth
        head += [f"negative (n = {int((~truth).sum())})", f"positive (n = {int(truth.sum())})", "p"]
        groups.append((each.cases.name, 3))
    if several:
        head.append("p")
        groups.append(("between sets", 1))
    lines = [line for row in rows for line in _lines(row, several)]
    tests = "Mann-Whitney, Kruskal-Wallis, chi-squared or Fisher's test"
    known = "Median (quartiles) or number (share of those known)"
    words = f"{known}; p-values by {tests}, none where a patient has several cases."
    return table(head, lines, words, groups)


def _lines(row: Characteristic, several: bool) -> list[list[Cell | str]]:
    """One line for a number; for levels one with the p-values and one for each level."""
    unit = f" ({_UNITS[row.column]})" if row.column in _UNITS else ""
    name = f"{column_words(row.column)}{unit}"
    if not row.levels:
        return [_line(Cell(name), row, [[_quartiles(side) for side in both] for both in row.groups], several)]
    empty: list[list[Cell | str]] = [["" for _ in both] for both in row.groups]
    lines = [_line(Cell(name), row, empty, several)]
    for level in row.levels:
        cells = [_count(side, level) for both in row.groups for side in (*both, None)]
        lines.append([Cell("", level), *cells, *([""] if several else [])])
    return lines


def _line(name: Cell, row: Characteristic, groups: Sequence[Sequence[Cell | str]], several: bool) -> list[Cell | str]:
    line: list[Cell | str] = [name]
    for both, p in zip(groups, row.p_by_class, strict=True):
        line += [*both, p_value(p)]
    return [*line, p_value(row.p_between_sets)] if several else line


def _quartiles(side: Quartiles | Mapping[str, int]) -> Cell:
    if not isinstance(side, Quartiles) or not side.known:
        return Cell("–")
    return Cell(f"{side.median:.0f}", f"({side.lower:.0f}–{side.upper:.0f})")


def _count(side: Quartiles | Mapping[str, int] | None, level: str) -> Cell:
    """How many are of this level; empty in the column of p-values."""
    if side is None or isinstance(side, Quartiles):
        return Cell("")
    total = sum(side.values())
    return Cell(str(side[level]), f"({100 * side[level] / total:.0f} %)" if total else "")
