"""What acting on the models is worth: decision curves of all cases and of BI-RADS 4 findings, and what would change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mome_core.calibration import Proportion
from mome_core.training.bi_rads_4 import CategoryFour
from mome_core.training.measured import MeasuredModel, MeasuredSet
from mome_core.training.report.charts import QUIET, chart, draw_band, legend_below, look_of
from mome_core.training.report.markup import Cell, figure, grid, paragraph, percent, table
from mome_core.training.resampling import Band


def decisions(cases: MeasuredSet, reference: str) -> str:
    """Net benefit of acting and of sparing on all cases, and differences from the model that is named."""
    rate, name = float(cases.cases.truth.mean()), cases.cases.name
    acting = [(m, n, m.curves.decision) for n, m in enumerate(cases.models)]
    sparing = [(m, n, m.curves.sparing) for n, m in enumerate(cases.models)]
    differences = [(m, n, m.curves.difference) for n, m in enumerate(cases.models) if m.curves.difference]
    charts = [
        _net_benefit(acting, _acting_on_all(rate, acting[0][2]), rate, f"Acting, {name}"),
        _net_benefit(sparing, _acting_on_all(1 - rate, sparing[0][2], falling=False), 1 - rate, f"Sparing, {name}"),
    ]
    if differences:
        charts.append(_difference(differences, reference, name))
    return grid(*charts)


def category_four(cases: MeasuredSet, reference: str, chosen_on: str) -> str:
    """Trade-off, operating point and decision curves of the BI-RADS 4 findings."""
    found = [(m, n, m.category_four) for n, m in enumerate(cases.models) if m.category_four]
    if not found:
        return ""
    first = found[0][2]
    rate = first.malignant / first.cases
    curves = [(model, number, four.decision) for model, number, four in found]
    compared = [(model, number, four.difference) for model, number, four in found if four.difference]
    charts = [
        _trade_off(found, cases.cases.name),
        _net_benefit(curves, _acting_on_all(rate, first.decision), rate, f"BI-RADS 4, {cases.cases.name}"),
    ]
    if compared:
        charts.append(_difference(compared, reference, f"BI-RADS 4, {cases.cases.name}"))
    benign = first.cases - first.malignant
    words = f"{cases.cases.name}: {first.cases} BI-RADS 4 cases, {first.malignant} malignant and {benign} benign."
    return paragraph(words) + grid(*charts) + _downgrades(found, chosen_on)


_Found = Sequence[tuple[MeasuredModel, int, CategoryFour]]
_Bands = Sequence[tuple[MeasuredModel, int, Band]]


def _acting_on_all(rate: float, band: Band, *, falling: bool = True) -> Band:
    """Net benefit of treating everyone alike: of acting (odds fall on the negatives) or of sparing."""
    odds = band.x / (1 - band.x) if falling else (1 - band.x) / band.x
    line = rate - (1 - rate) * odds
    return Band(band.x, line, line, line)


def _net_benefit(bands: _Bands, everyone: Band, best: float, label: str) -> str:
    def draw(axes: Axes) -> None:
        axes.plot(everyone.x, everyone.value, color=QUIET, linewidth=1, linestyle=(0, (6, 2)), label="everyone")
        axes.axhline(0, color=QUIET, linestyle=":", linewidth=1, label="no one")
        for model, number, band in bands:
            look = look_of(number)
            draw_band(axes, band, look)
            axes.plot(band.x, band.value, color=look.color, linestyle=look.line, label=model.identity.name)
        axes.set(xlabel="threshold probability", ylabel="net benefit", xlim=(0, 1))
        axes.set_ylim(-0.06 * max(best, 0.2), 1.1 * max(best, 0.05))
        legend_below(axes)

    return figure(chart(draw, f"decision curve: {label}"), f"{label}: net benefit per case with 95 % bands.")


def _difference(bands: _Bands, reference: str, label: str) -> str:
    def draw(axes: Axes) -> None:
        axes.axhline(0, color=QUIET, linewidth=1)
        for model, number, band in bands:
            look = look_of(number)
            draw_band(axes, band, look)
            axes.plot(band.x, band.value, color=look.color, linestyle=look.line, label=model.identity.name)
        values = np.concatenate([np.r_[band.low, band.high] for _, _, band in bands])
        reach = max(0.02, float(np.nanpercentile(np.abs(values), 95)))
        axes.set(xlabel="threshold probability", ylabel=f"net benefit minus {reference}'s", xlim=(0, 1))
        axes.set_ylim(-1.2 * reach, 1.2 * reach)
        legend_below(axes)

    words = f"{label}: difference in net benefit from {reference}, acting, with 95 % bands; above 0 is better."
    return figure(chart(draw, words), words)


def _trade_off(found: _Found, name: str) -> str:
    def draw(axes: Axes) -> None:
        for model, number, four in found:
            look = look_of(number)
            axes.step(
                100 * four.missed,
                100 * four.spared,
                where="post",
                color=look.color,
                linestyle=look.line,
                label=model.identity.name,
            )
            if four.downgrade:
                at = (100 * four.downgrade.missed.value, 100 * four.downgrade.spared.value)
                axes.plot(*at, look.marker, color=look.color, markersize=6.5, zorder=4)
        axes.set(xlabel="malignant findings missed (%)", ylabel="benign findings spared (%)")
        axes.set(xlim=(-1, 101), ylim=(-1, 102))
        legend_below(axes)

    words = f"{name}: what would be spared for what would be missed at every threshold; marks: the chosen one."
    return figure(chart(draw, words), words)


def _downgrades(found: _Found, chosen_on: str) -> str:
    """What the chosen operating points do, model by model."""
    rows: list[list[Cell | str]] = [
        [
            model.identity.name,
            f"{four.downgrade.threshold:.3f}",
            _share(four.downgrade.kept),
            _share(four.downgrade.spared),
            _share(four.downgrade.missed),
        ]
        for model, _, four in found
        if four.downgrade
    ]
    if not rows:
        return paragraph(
            "No operating point: there is no other set with malignant BI-RADS 4 cases to choose it on.", "quiet"
        )
    head = ["model", "threshold", f"kept on {chosen_on}", "benign spared here", "malignant missed here"]
    words = f"The threshold is the highest that keeps 98 % of the malignant BI-RADS 4 cases of {chosen_on}."
    return table(head, rows, f"{words} Exact 95 % intervals.")


def _share(share: Proportion) -> Cell:
    return Cell(
        f"{share.count} of {share.of}",
        f"{percent(share.value)} ({percent(share.low).removesuffix(' %')}–{percent(share.high)})",
    )
