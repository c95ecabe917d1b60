"""The command that writes the conformance statement."""

from __future__ import annotations

import typer

from node.conformance import statement


def conformance() -> None:
    """Print the DICOM conformance statement of this version, in Markdown.

    Example: mome-node conformance > conformance.md
    """
    typer.echo(statement(), nl=False)
