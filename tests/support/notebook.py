"""docs/python.ipynb, executed: `python tests/support/notebook.py` writes it anew with the outputs of today."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

from places import DOCS, ROOT

NOTEBOOK = DOCS / "python.ipynb"


def executed(folder: Path) -> Any:
    """The notebook after every cell has run in a folder; CellExecutionError shows the first one that failed.

    Of a picture the JPEG is kept, a quarter of the PNG's size.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    inherited = os.environ.get("PYTHONPATH", "")
    found = os.pathsep.join(filter(None, (str(ROOT), inherited)))
    environment = {**os.environ, "PYTHONPATH": found, "XDG_STATE_HOME": str(folder / "state")}
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the hour of the day
        for output in cell.get("outputs", ()):
            if "image/jpeg" in output.get("data", {}):
                output["data"].pop("image/png", None)
    notebook.metadata.pop("language_info", None)  # the version of this machine's Python
    return notebook


def outputs(notebook: Any) -> list[list[str]]:
    """What each cell of code puts out, by its kind: streams by their name, data by their media types."""
    return [
        sorted(kind for each in cell.outputs for kind in each.get("data", [each.get("name", each.output_type)]))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        nbformat.write(executed(Path(place)), NOTEBOOK)
