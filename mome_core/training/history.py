"""A run as a picture: loss and AUROC of every epoch."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


def draw_history(run: Path) -> Path:
    """Draw `history.jsonl` of a run's directory as `history.svg` beside it; gives the picture's place."""
    epochs = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    numbers = [each["epoch"] + 1 for each in epochs]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    loss, ranking = figure.subplots(1, 2)
    loss.plot(numbers, [each["loss"] for each in epochs], "o-")
    loss.set(title="Training loss", xlabel="epoch", ylabel="loss")
    for endpoint in epochs[0]["auroc"]:
        ranking.plot(numbers, [each["auroc"][endpoint] for each in epochs], "o-", label=endpoint.replace("_", " "))
    best = max(each["epoch"] for each in epochs if each["best"]) + 1
    ranking.axvline(best, color="grey", linestyle=":", label=f"best: epoch {best}")
    ranking.set(title="Validation", xlabel="epoch", ylabel="AUROC", ylim=(0, 1.02))
    ranking.legend(fontsize="small")
    with mpl.rc_context({"svg.hashsalt": "mome"}):
        figure.savefig(run / "history.svg", metadata={"Date": None})
    return run / "history.svg"
