"""Tables at the terminal, in one look."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_rows(titles: list[str], rows: list[list[str]]) -> None:
    """A table; header text of strangers is printed as it is, never read as markup."""
    table = Table(*titles, title="research use only")
    for row in rows:
        table.add_row(*(Text("".join(c if c.isprintable() else "?" for c in cell)) for cell in row))
    Console().print(table)
