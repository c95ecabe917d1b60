"""The page: what an evaluation shows, on top in one sentence, then figure by figure."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files

from mome_core.training.measured import Measured, MeasuredSet
from mome_core.training.report.conclusion import conclusion, headlines
from mome_core.training.report.decisions import category_four, decisions
from mome_core.training.report.discrimination import curves, figures_table
from mome_core.training.report.markup import Cell, anchor, heading, paragraph, percent, section, table
from mome_core.training.report.modalities import coalitions, contributions
from mome_core.training.report.patients import flow, patients_table
from mome_core.training.report.readers import readers
from mome_core.training.report.reliability import calibration, mistakes
from mome_core.training.report.subgroups import subgroups

_RESEARCH = "RESEARCH USE ONLY - not for clinical use."

_READERS = (
    "A reader calls a case positive from BI-RADS {} on (a probability from 0.5 on), the model at its own operating "
    "point; both on the cases that the reader read."
)
_GROUPS = "Groups with fewer than five cases of a class are counted and not measured."
_COALITIONS = (
    "The model is given only these modalities of every case that has them all, and read at the operating point of just "
    "this subset. Where the bundle's validation supports none, no call is made."
)


def render(measured: Measured) -> str:
    """The page of an evaluation: one file that needs no network; the same evaluation gives the same page."""
    sections = {title: text for title, text in _sections(measured) if text}
    links = "".join(f'<a href="#{anchor(title)}">{escape(title)}</a>' for title in sections)
    names = ", ".join(model.identity.name for model in measured.sets[0].models)
    title = f"{names}: {measured.endpoint.words}"
    style = files("mome_core.training.report").joinpath("page.css").read_text("utf-8")
    found = headlines(measured)
    warnings = "".join(
        f'<p class="warning" role="alert">{escape(words)}.</p>' for words, is_test in found if not is_test
    )
    known = "".join(paragraph(f"{words}.", "quiet") for words, is_test in found if is_test)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>\n'
        f'<body><p class="research">{_RESEARCH}</p><header>{warnings}<h1>{escape(title)}</h1>'
        f'<p class="conclusion">{escape(conclusion(measured))}</p>{known}</header>\n'
        f"<main>{_tiles(measured)}<nav>{links}</nav>\n"
        + "\n".join(sections.values())
        + f"</main>\n<footer>{_models(measured)}{_methods(measured)}</footer></body></html>\n"
    )


def _sections(measured: Measured) -> list[tuple[str, str]]:
    """(title, section) in the page's order; empty where there is nothing to show."""
    reference, cut = measured.reference, measured.reader_cut
    patients = patients_table(measured.patients, measured.sets)
    return [
        ("Patients", section("Patients", *(flow(each) for each in measured.sets), patients)),
        _of_each(measured, "Discrimination", lambda each: curves(each) + figures_table(each, reference)),
        _of_each(measured, "Readers", lambda each: readers(each, cut), _READERS.format(cut)),
        _of_each(measured, "Groups of patients", subgroups, _GROUPS),
        _of_each(measured, "BI-RADS 4", lambda each: category_four(each, reference, measured.chosen_on)),
        _of_each(measured, "Decision curves", lambda each: decisions(each, reference)),
        _of_each(measured, "Missing modalities", coalitions, _COALITIONS),
        _of_each(measured, "Contributions of the modalities", contributions),
        _of_each(measured, "Reliability", calibration),
        _of_each(measured, "Most confident errors", mistakes),
    ]


def _of_each(measured: Measured, title: str, drawn: Callable[[MeasuredSet], str], note: str = "") -> tuple[str, str]:
    """A section with a part for each set, below a note; the parts are named where there are several."""
    parts = []
    for each in measured.sets:
        part = drawn(each)
        if part and len(measured.sets) > 1:
            part = heading(each.cases.name) + part
        parts.append(part)
    return title, section(title, paragraph(note) if note else "", *parts) if any(parts) else ""


def _tiles(measured: Measured) -> str:
    """The first model on every set at a glance."""
    tiles = []
    for each in measured.sets:
        model = each.models[0]
        value, calls = model.figures["auroc"], (model.figures["sensitivity"], model.figures["specificity"])
        words = f"sensitivity {percent(calls[0].value)}, specificity {percent(calls[1].value)}"
        tiles.append(
            f'<div class="tile">{escape(model.identity.name)} on {escape(each.cases.name)}'
            f"<b>{value.value:.3f}</b>AUROC, 95 % {value.low:.3f} to {value.high:.3f}<br>"
            f'<span class="quiet">{words}; n = {len(each.cases.truth)}</span></div>'
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _models(measured: Measured) -> str:
    """Which weights were measured, and what their makers say of them."""
    rows: list[list[Cell | str]] = [
        [m.identity.name, m.identity.sha256[:12], Cell(m.identity.statement, sentence=True)]
        for m in measured.sets[0].models
    ]
    return table(["model", "sha256", "what its bundle says"], rows)


def _methods(measured: Measured) -> str:
    return paragraph(
        f"Intervals are 95 % percentile intervals of {measured.repeats} bootstrap draws of patients; p-values are "
        "two-sided, 2 (1 + k) / (1 + B) of paired draws. AUPRC is the area under the steps, partial AUROC is "
        "standardised (McClish 1989), net benefit after Vickers and Elkin (2006)."
    )
