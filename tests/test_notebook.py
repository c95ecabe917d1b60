"""docs/python.ipynb runs from its first cell to its last, and is kept with its outputs, small."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from notebook import NOTEBOOK, executed, outputs

MOST_BYTES = 400_000


@pytest.mark.slow
def test_the_notebook_runs_and_puts_out_what_it_was_kept_with(tmp_path: Path) -> None:
    """By kind, not by number: another demo model scores otherwise. `make notebook` writes the outputs anew."""
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert outputs(executed(tmp_path)) == outputs(kept)
    assert [path for path in tmp_path.rglob("*.dcm") if path.parent.name == "results"] != []


def test_the_notebook_is_kept_executed_and_small() -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    assert sum("image/jpeg" in kinds for kinds in outputs(kept)) == 2
    assert [cell.execution_count for cell in kept.cells if cell.cell_type == "code"] == list(
        range(1, 1 + sum(cell.cell_type == "code" for cell in kept.cells))
    )
