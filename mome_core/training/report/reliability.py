"""Whether probabilities mean what they say, and the cases that the first model is most sure and most wrong about."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from mome_core.training.measured import MeasuredModel, MeasuredSet
from mome_core.training.metrics import reliability
from mome_core.training.report.charts import QUIET, chart, look_of, unit_axes
from mome_core.training.report.markup import Cell, column_words, figure, grid, paragraph, percent, table

_LISTED = 20
_SHOWN_FACTS = ("site", "bi_rads", "age", "bpe", "vendor")


def calibration(cases: MeasuredSet) -> str:
    """A reliability diagram of each model with the histogram of its probabilities."""
    return grid(*(_diagram(model, number, cases.cases.name) for number, model in enumerate(cases.models)))


def _diagram(model: MeasuredModel, number: int, name: str) -> str:
    truth, probability, look = model.answers.truth, model.answers.probability, look_of(number)

    def draw(axes: Axes) -> None:
        bins = reliability(truth, probability)
        axes.plot([0, 1], [0, 1], ":", color=QUIET, linewidth=1)
        count, edges = np.histogram(probability, 20, (0, 1))
        axes.bar(edges[:-1], 0.25 * count / count.max(), 0.05, align="edge", color=QUIET, alpha=0.25, linewidth=0)
        axes.plot(bins.probability, bins.frequency, color=look.color, linestyle=look.line)
        share = bins.count / bins.count.sum()
        axes.scatter(bins.probability, bins.frequency, s=12 + 260 * share, color=look.color, clip_on=False, zorder=3)
        for x, y, n in zip(bins.probability, bins.frequency, bins.count, strict=True):
            axes.annotate(str(n), (x, y), xytext=(4, -11), textcoords="offset points", fontsize=7.5)
        unit_axes(axes, "probability", "observed frequency")

    label = f"reliability of {model.identity.name}, {name}"
    error = model.figures["ece"]
    words = f"{model.identity.name}, {name}: calibration error {error.value:.3f} ({error.low:.3f}–{error.high:.3f}). "
    return figure(
        chart(draw, label), f"{words}Numbers and dot areas: cases of a bin; grey: how often each probability occurs."
    )


def mistakes(cases: MeasuredSet) -> str:
    """Cases that the first model calls wrongly, the most confident first."""
    model = cases.models[0]
    answers = model.answers
    wrong = np.flatnonzero((answers.called != answers.truth) & answers.answered)
    if not answers.answered.any():
        return paragraph(f"{model.identity.name} makes no call on {cases.cases.name}.")
    confident = wrong[np.argsort(-np.abs(answers.probability - answers.truth)[wrong], kind="stable")]
    if not confident.size:
        return paragraph(f"{model.identity.name} calls no case of {cases.cases.name} wrongly.")
    facts = [name for name in _SHOWN_FACTS if any(cases.cases.column(name))]
    rows: list[list[Cell | str]] = [
        [
            cases.cases.names[n],
            "positive" if answers.truth[n] else "negative",
            percent(float(answers.probability[n])),
            *(cases.cases.facts[n].get(name, "") or "–" for name in facts),
        ]
        for n in confident[:_LISTED]
    ]
    words = (
        f"{cases.cases.name}: {len(wrong)} of {int(answers.answered.sum())} calls are wrong; {len(rows)} are listed."
    )
    return table(["case", "truth", "probability", *(column_words(name) for name in facts)], rows, words)
