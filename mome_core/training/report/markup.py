"""Pieces of the page: sections, tables that scroll on a phone, numbers as people write them. Text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from mome_core.training.statistics import Interval

_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text
        What it says; escaped.
    quiet
        Smaller, after the text: an interval, a count.
    strong
        Printed bold.
    sentence
        Wraps where it is long.
    """

    text: str
    quiet: str = ""
    strong: bool = False
    sentence: bool = False


_Row = Sequence[Cell | str]


def section(title: str, *parts: str) -> str:
    """A section with its heading and an anchor; nothing where all parts are empty."""
    inside = "\n".join(part for part in parts if part)
    if not inside:
        return ""
    return f'<section id="{anchor(title)}"><h2>{escape(title)}</h2>\n{inside}\n</section>'


def anchor(title: str) -> str:
    """The name of a section in addresses."""
    return "".join(letter if letter.isalnum() else "-" for letter in title.lower())


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` is a class of the style sheet."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def grid(*charts: str) -> str:
    """Charts side by side where there is room, below one another on a phone."""
    return f'<div class="grid">{"".join(charts)}</div>' if charts else ""


def beside(chart: str, numbers: str) -> str:
    """A chart with its table to the right, or below it on a phone."""
    return f'<div class="beside">{chart}{numbers}</div>'


def figure(svg: str, caption: str) -> str:
    """One chart with what it shows."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def table(head: Sequence[str], rows: Iterable[_Row], caption: str = "", groups: Sequence[tuple[str, int]] = ()) -> str:
    """A table whose first column names the row; it scrolls by itself where the page is narrow.

    Parameters
    ----------
    groups
        (words, columns) of a line above the head, e.g. the models whose columns follow.
    """
    above = "".join(f'<th colspan="{width}" scope="colgroup">{escape(words)}</th>' for words, width in groups)
    first_line = f"<tr>{above}</tr>" if groups else ""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "\n".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    title = paragraph(caption, "caption") if caption else ""
    return (
        f'<div class="numbers">{title}<div class="scroll"><table><thead>{first_line}<tr>{names}</tr></thead>\n'
        f"<tbody>{lines}</tbody></table></div></div>"
    )


def _cells(row: _Row) -> str:
    first, *others = (cell if isinstance(cell, Cell) else Cell(cell) for cell in row)
    return f'<th scope="row">{_content(first)}</th>' + "".join(
        f"<td{_class('words' if cell.sentence else '')}>{_content(cell)}</td>" for cell in others
    )


def _content(cell: Cell) -> str:
    text = f"<strong>{escape(cell.text)}</strong>" if cell.strong else escape(cell.text)
    return f"{text} <small>{escape(cell.quiet)}</small>" if cell.quiet else text


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


_COLUMNS = {"bpe": "background enhancement", "bi_rads": "BI-RADS"}


def column_words(name: str) -> str:
    """What a column of the manifest is called on the page."""
    return _COLUMNS.get(name, name.replace("_", " "))


def with_interval(value: Interval) -> Cell:
    """A figure and its 95 % interval."""
    if not np.isfinite(value.value):
        return Cell("–")
    if value.low < 0:
        return Cell(_minus(value.value), f"({_minus(value.low)} to {_minus(value.high)})")
    return Cell(f"{value.value:.3f}", f"({value.low:.3f}–{value.high:.3f})")


def difference(value: Interval) -> Cell:
    """A difference with its sign and its 95 % interval."""
    if not np.isfinite(value.value):
        return Cell("–")
    return Cell(signed(value.value), f"({signed(value.low)} to {signed(value.high)})")


def _minus(value: float) -> str:
    """A number to three digits, with a true minus."""
    return f"{value:.3f}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign, a true minus, and no sign where it rounds to zero."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if float(text.replace("−", "-")) else text[1:]


def p_value(value: float) -> Cell:
    """A p-value, bold below 0.05."""
    return Cell(p_words(value), strong=value < _SIGNIFICANT)


def p_words(value: float) -> str:
    """A p-value as journals print it."""
    if not np.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def percent(value: float) -> str:
    """A share as a whole percentage, with one decimal where it is small."""
    return "–" if not np.isfinite(value) else f"{100 * value:.1f} %" if 0 < value < 0.1 else f"{100 * value:.0f} %"
