"""An evaluation as one HTML page that needs no network: figures with intervals, curves, and the cases to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mome_core.results import ModelIdentity
from mome_core.training.evaluate import Evaluation
from mome_core.training.metrics import net_benefit, reliability, roc_curve
from mome_core.training.statistics import Comparison

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { font-weight: 600 } .research { background: #fff3cd; padding: .5rem 1rem; border-left: 4px solid #b58900 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .9rem .25rem 0; text-align: left }
th { border-bottom: 1px solid #999 } td.n { font-variant-numeric: tabular-nums } svg { max-width: 100%; height: auto }
"""
THRESHOLDS = np.linspace(0.01, 0.99, 99)
LISTED = 20


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One model and what was measured of it."""

    identity: ModelIdentity
    evaluation: Evaluation


def render(measured: Sequence[Measured], comparison: dict[str, Comparison]) -> str:
    """The page; the first model is the one reported, others are what it is compared with."""
    first = measured[0]
    about = first.evaluation
    title = f"{first.identity.name}: {about.endpoint.replace('_', ' ')}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        '<p class="research">RESEARCH USE ONLY - not for clinical use.</p>',
        f"<p>{len(about.examples)} cases, {int(about.truth.sum())} positive. {escape(first.identity.statement)}</p>",
        "<h2>Figures</h2>",
        figures_table(measured),
        *([comparison_table(comparison)] if comparison else []),
        "<h2>Curves</h2>",
        curves(measured),
        "<h2>Modalities</h2>",
        table(["only these", "AUROC"], [[name, f"{value:.3f}"] for name, value in about.subsets.items()]),
        "<h2>The surest mistakes</h2>",
        mistakes_table(about),
    ]
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>' + (
        f"<style>{STYLE}</style>\n<body>{body}</body></html>\n"
    )


def figures_table(measured: Sequence[Measured]) -> str:
    """Every figure of every model."""
    names = list(measured[0].evaluation.figures)
    head = ["figure", *(f"{m.identity.name} (95 % interval)" for m in measured)]
    return table(head, [[n.replace("_", " "), *(str(m.evaluation.figures[n]) for m in measured)] for n in names])


def comparison_table(comparison: dict[str, Comparison]) -> str:
    """The difference of the AUROCs by each test."""
    rows = [[test, str(c.difference), f"{c.p_value:.4f}"] for test, c in comparison.items()]
    return table(["test", "difference of AUROC (95 % interval)", "p"], rows)


def mistakes_table(evaluation: Evaluation) -> str:
    """Cases on the wrong side of the threshold, the surest first."""
    called = evaluation.probability > evaluation.threshold
    wrong = np.flatnonzero(called != evaluation.truth)
    surest = wrong[np.argsort(-np.abs(evaluation.probability - evaluation.threshold)[wrong])][:LISTED]
    rows = [
        [evaluation.examples[n].name, str(int(evaluation.truth[n])), f"{evaluation.probability[n]:.3f}"] for n in surest
    ]
    return table(["case", "label", "probability"], rows) if rows else "<p>none at this threshold</p>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of plain text."""
    header = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "\n".join("<tr>" + "".join(f'<td class="n">{escape(c)}</td>' for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{header}</tr>\n{lines}</table>"


def curves(measured: Sequence[Measured]) -> str:
    """ROC, reliability and decision curve side by side, as SVG."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    roc, calibration, decision = figure.subplots(1, 3)
    for each in measured:
        draw(each, roc, calibration, decision)
    roc.plot([0, 1], [0, 1], ":", color="grey")
    roc.set(title="ROC", xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.02))
    calibration.plot([0, 1], [0, 1], ":", color="grey")
    calibration.set(title="Reliability", xlabel="probability", ylabel="frequency", xlim=(0, 1), ylim=(0, 1.02))
    treat_all(measured[0].evaluation, decision)
    for axes in (roc, calibration, decision):
        axes.legend(fontsize="small")
    with mpl.rc_context({"svg.hashsalt": "mome"}):  # the same evaluation gives the same page
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def draw(measured: Measured, roc: Axes, calibration: Axes, decision: Axes) -> None:
    """One model's three curves."""
    e, name = measured.evaluation, measured.identity.name
    roc.plot(*roc_curve(e.truth, e.probability), label=f"{name} {e.figures['auroc']}")
    bins = reliability(e.truth, e.probability)
    calibration.plot(bins.probability, bins.frequency, "o-", label=name)
    decision.plot(THRESHOLDS, [net_benefit(e.truth, e.probability, float(t)) for t in THRESHOLDS], label=name)


def treat_all(evaluation: Evaluation, decision: Axes) -> None:
    """What a model must beat: acting on everyone, and on no one (Vickers and Elkin 2006)."""
    rate = float(evaluation.truth.mean())
    everyone = rate - (1 - rate) * THRESHOLDS / (1 - THRESHOLDS)
    decision.plot(THRESHOLDS, everyone, "--", color="grey", label="everyone")
    decision.axhline(0, color="grey", linestyle=":", label="no one")
    decision.set(title="Decision curve", xlabel="threshold probability", ylabel="net benefit", xlim=(0, 1))
    decision.set_ylim(-0.05, max(0.05, rate * 1.1))
