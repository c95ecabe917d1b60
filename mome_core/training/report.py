"""An evaluation as one HTML page that needs no network: figures with intervals, curves, and the cases to look at."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mome_core.case import Modality
from mome_core.results import ModelIdentity
from mome_core.training.breakdown import Downgrade, Reader, Subgroup
from mome_core.training.evaluate import Evaluation
from mome_core.training.exposure import ExposureReport
from mome_core.training.metrics import net_benefit, net_benefit_of_sparing, reliability, roc_curve, spelled
from mome_core.training.statistics import Comparison, Interval

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { font-weight: 600 } .research { background: #fff3cd; padding: .5rem 1rem; border-left: 4px solid #b58900 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .9rem .25rem 0; text-align: left }
.seen { background: #f8d7da; color: #842029; padding: .5rem 1rem; border-left: 4px solid #b02a37; font-weight: 600 }
th { border-bottom: 1px solid #999 } td.n { font-variant-numeric: tabular-nums } svg { max-width: 100%; height: auto }
"""
_THRESHOLDS = np.linspace(0.01, 0.99, 99)
_LISTED = 20


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredModel:
    """One model, what was measured of it, and how many of the cases it has seen before."""

    identity: ModelIdentity
    evaluation: Evaluation
    exposure: ExposureReport


@dataclass(frozen=True, slots=True, eq=False)
class Breakdown:
    """The first model's evaluation from other sides; what was not requested or cannot be measured is empty.

    Parameters
    ----------
    contributions
        Mean absolute Shapley value by modality.
    """

    groups: Sequence[Subgroup] = ()
    readers: Sequence[Reader] = ()
    downgrade: Downgrade | None = None
    contributions: Mapping[Modality, float] = field(default_factory=dict)


def render(
    measured: Sequence[MeasuredModel], comparison: dict[str, Comparison], breakdown: Breakdown | None = None
) -> str:
    """The page; the first model is the one reported, others are what it is compared with."""
    sides = breakdown or Breakdown()
    first = measured[0]
    about = first.evaluation
    title = f"{first.identity.name}: {about.endpoint.replace('_', ' ')}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(_exposure_words(each) for each in measured),
        '<p class="research">RESEARCH USE ONLY - not for clinical use.</p>',
        f"<p>{len(about.examples)} cases, {int(about.truth.sum())} positive. {escape(first.identity.statement)}</p>",
        "<h2>Figures</h2>",
        _figures_table(measured),
        *([_comparison_table(comparison)] if comparison else []),
        "<h2>Curves</h2>",
        _curves(measured, sides.readers),
        "<h2>Modalities</h2>",
        _table(["only these", "AUROC"], [[name, f"{value:.3f}"] for name, value in about.subsets.items()]),
        *_other_sides(about, sides),
        "<h2>Most confident errors</h2>",
        _mistakes_table(about),
    ]
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>' + (
        f"<style>{_STYLE}</style>\n<body>{body}</body></html>\n"
    )


def _exposure_words(model: MeasuredModel) -> str:
    """Whether the figures are of a test at all."""
    kind = "quiet" if model.exposure.is_test else "seen"
    return f'<p class="{kind}">{escape(model.exposure.headline(model.identity.name))}.</p>'


def _other_sides(evaluation: Evaluation, sides: Breakdown) -> Iterator[str]:
    """A section for everything in the breakdown that there is."""
    if sides.contributions:
        yield "<h2>Contributions</h2><p>Mean absolute Shapley value, in points of probability.</p>"
        yield _bars({str(modality): 100 * value for modality, value in sides.contributions.items()})
    if sides.groups:
        yield "<h2>Groups of patients</h2>" + _forest(sides.groups, evaluation.figures["auroc"])
    if sides.readers:
        yield "<h2>Readers</h2>" + _readers_table(sides.readers)
    if sides.downgrade is not None:
        yield "<h2>BI-RADS 4</h2>" + _downgrade_words(sides.downgrade)


def _readers_table(readers: Sequence[Reader]) -> str:
    """Each reader and the model, on the cases that this reader read."""
    head = [
        "reader",
        "cases",
        "sensitivity",
        "specificity",
        "AUROC",
        "model's AUROC",
        "difference (95 % interval)",
        "p",
    ]
    rows = [
        [
            each.name.removeprefix("reader_"),
            str(each.cases),
            f"{each.sensitivity:.3f}",
            f"{each.specificity:.3f}",
            f"{each.comparison.second:.3f}",
            f"{each.comparison.first:.3f}",
            str(each.comparison.difference),
            f"{each.comparison.p_value:.4f}",
        ]
        for each in readers
    ]
    return _table(head, rows)


def _downgrade_words(found: Downgrade) -> str:
    """What calling the lowest BI-RADS 4 findings benign would have meant."""
    return (
        f"<p>Below {found.threshold:.1%}, the highest point that kept a sensitivity of {found.sensitivity:.1%} on the "
        f"{found.chosen_on} BI-RADS 4 cases it was chosen on, lie {found.spared} of {found.benign} benign findings "
        f"(biopsies that would not be done) and {found.missed} of {found.malignant} malignant ones (missed) of the "
        "BI-RADS 4 cases reported here.</p>"
    )


def _bars(values: Mapping[str, float]) -> str:
    """A horizontal bar for each name."""
    figure = Figure(figsize=(6, 0.5 + 0.4 * len(values)), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(values)[::-1], list(values.values())[::-1], color="#2e75b6")
    axes.set(xlabel="points")
    return _svg(figure)


def _forest(groups: Sequence[Subgroup], whole: Interval) -> str:
    """AUROC of each group with its interval, beside that of all cases."""
    names = ["all cases", *(f"{each.column} {each.value} ({each.positive} of {each.cases})" for each in groups)]
    intervals = [whole, *(each.auroc for each in groups)]
    figure = Figure(figsize=(8, 0.8 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    for place, each in enumerate(intervals):
        axes.plot([each.low, each.high], [place, place], color="#2e75b6")
        axes.plot(each.value, place, "s", color="#2e75b6")
        axes.text(1.02, place, str(each), va="center", fontsize="small", transform=axes.get_yaxis_transform())
    axes.axvline(whole.value, color="grey", linestyle=":")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="AUROC (95 % interval)", xlim=(min(0.5, *(each.low for each in intervals)) - 0.02, 1.01))
    return _svg(figure)


def _figures_table(measured: Sequence[MeasuredModel]) -> str:
    """Every figure of every model."""
    names = list(measured[0].evaluation.figures)
    head = ["figure", *(f"{m.identity.name} (95 % interval)" for m in measured)]
    return _table(head, [[spelled(n), *(str(m.evaluation.figures[n]) for m in measured)] for n in names])


def _comparison_table(comparison: dict[str, Comparison]) -> str:
    """The difference of the AUROCs by each test."""
    rows = [[test, str(c.difference), f"{c.p_value:.4f}"] for test, c in comparison.items()]
    return _table(["test", "difference of AUROC (95 % interval)", "p"], rows)


def _mistakes_table(evaluation: Evaluation) -> str:
    """Cases on the wrong side of the threshold, the most confident first."""
    called = evaluation.probability > evaluation.threshold
    wrong = np.flatnonzero(called != evaluation.truth)
    confident = wrong[np.argsort(-np.abs(evaluation.probability - evaluation.threshold)[wrong])][:_LISTED]
    rows = [
        [evaluation.examples[n].name, str(int(evaluation.truth[n])), f"{evaluation.probability[n]:.3f}"]
        for n in confident
    ]
    return _table(["case", "label", "probability"], rows) if rows else "<p>none at this threshold</p>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of plain text."""
    header = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "\n".join("<tr>" + "".join(f'<td class="n">{escape(c)}</td>' for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{header}</tr>\n{lines}</table>"


def _curves(measured: Sequence[MeasuredModel], readers: Sequence[Reader] = ()) -> str:
    """ROC with the readers, reliability, and decision curves for acting and for sparing, as SVG."""
    figure = Figure(figsize=(10, 8), layout="constrained")
    (roc, calibration), (decision, sparing) = figure.subplots(2, 2)
    for each in measured:
        _draw(each, roc, calibration)
        _draw_benefits(each, decision, sparing)
    for reader in readers:
        roc.plot(1 - reader.specificity, reader.sensitivity, "^", label=reader.name.removeprefix("reader_"))
    roc.plot([0, 1], [0, 1], ":", color="grey")
    roc.set(title="ROC", xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.02))
    calibration.plot([0, 1], [0, 1], ":", color="grey")
    calibration.set(title="Reliability (a dot's area: its share of the cases)", xlim=(0, 1), ylim=(0, 1.02))
    calibration.set(xlabel="probability", ylabel="frequency")
    _treat_all(measured[0].evaluation, decision)
    _spare_all(measured[0].evaluation, sparing)
    for axes in (roc, calibration, decision, sparing):
        axes.legend(fontsize="small")
    return _svg(figure)


def _svg(figure: Figure) -> str:
    """A figure as text for the page; the same evaluation gives the same one."""
    with mpl.rc_context({"svg.hashsalt": "mome"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _draw(measured: MeasuredModel, roc: Axes, calibration: Axes) -> None:
    """One model's ROC and reliability."""
    e, name = measured.evaluation, measured.identity.name
    roc.plot(*roc_curve(e.truth, e.probability), label=f"{name} {e.figures['auroc']}")
    bins = reliability(e.truth, e.probability)
    (line,) = calibration.plot(bins.probability, bins.frequency, linewidth=1, label=name)
    share = bins.count / bins.count.sum()
    calibration.scatter(bins.probability, bins.frequency, s=6 + 200 * share, color=line.get_color(), clip_on=False)


def _draw_benefits(measured: MeasuredModel, decision: Axes, sparing: Axes) -> None:
    """One model's net benefit of acting above a threshold, and of doing nothing below it."""
    e, name = measured.evaluation, measured.identity.name
    decision.plot(_THRESHOLDS, [net_benefit(e.truth, e.probability, float(t)) for t in _THRESHOLDS], label=name)
    spared = [net_benefit_of_sparing(e.truth, e.probability, float(t)) for t in _THRESHOLDS]
    sparing.plot(_THRESHOLDS, spared, label=name)


def _treat_all(evaluation: Evaluation, decision: Axes) -> None:
    """What a model must beat: acting on everyone, and on no one (Vickers and Elkin 2006)."""
    rate = float(evaluation.truth.mean())
    everyone = rate - (1 - rate) * _THRESHOLDS / (1 - _THRESHOLDS)
    decision.plot(_THRESHOLDS, everyone, "--", color="grey", label="everyone")
    decision.axhline(0, color="grey", linestyle=":", label="no one")
    decision.set(title="Decision: treat", xlabel="threshold probability", ylabel="net benefit", xlim=(0, 1))
    decision.set_ylim(-0.05, max(0.05, rate * 1.1))


def _spare_all(evaluation: Evaluation, sparing: Axes) -> None:
    """What a model must beat when it spares biopsies: doing nothing for anyone, and for no one."""
    rate = float(evaluation.truth.mean())
    everyone = (1 - rate) - rate * (1 - _THRESHOLDS) / _THRESHOLDS
    sparing.plot(_THRESHOLDS, everyone, "--", color="grey", label="everyone")
    sparing.axhline(0, color="grey", linestyle=":", label="no one")
    sparing.set(title="Decision: avoid biopsy", xlabel="threshold probability", ylabel="net benefit", xlim=(0, 1))
    sparing.set_ylim(-0.05, max(0.05, (1 - rate) * 1.1))
