"""An evaluation as files: one page without network, every number as JSON or CSV, every case with its answers."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path

import numpy as np

from mome_core.calibration import coalition_name
from mome_core.training.bi_rads_4 import CategoryFour
from mome_core.training.characteristics import Characteristic
from mome_core.training.measured import MeasuredModel, MeasuredSet, ModelCurves
from mome_core.training.report.conclusion import conclusion
from mome_core.training.report.page import render
from mome_core.training.table import as_cells
from node.cases import exclusions_json
from node.evaluation.measure import EvaluationReport


def write_page(path: Path, report: EvaluationReport) -> None:
    """One HTML page with every figure and table, which needs no network."""
    path.write_text(render(report.measured), "utf-8")


def write_figures(path: Path, report: EvaluationReport) -> None:
    """A CSV file: every number of the report, one a line, under its place in it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["figure", "value"])
        writer.writerows(map(as_cells, _leaves(report_json(report), ())))


def write_cases(path: Path, report: EvaluationReport) -> None:
    """A CSV file: a line for each case of each set with every model's answer.

    The first model's most confident errors come first, since those are the ones to look at.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [model.identity.name for model in report.measured.sets[0].models]
        columns = [column for name in names for column in (name, f"{name} call", f"to {name}")]
        writer.writerow(as_cells(["set", "case", "label", *columns]))
        for each in report.measured.sets:
            first = each.models[0].answers
            for n in np.argsort(-abs(first.probability - first.truth), kind="stable"):
                said = [cell for model in each.models for cell in _answer(model, n, each.cases.names[n])]
                writer.writerow(as_cells([each.cases.name, each.cases.names[n], int(first.truth[n]), *said]))


def _answer(model: MeasuredModel, n: int, name: str) -> tuple[str, str, str]:
    """Probability and call of one case, and what the case was to the model."""
    answers = model.answers
    return f"{answers.probability[n]:.6f}", answers.call(n), model.exposure.cases[name].value


def report_json(report: EvaluationReport) -> dict[str, object]:
    """Plain values, for scripts and for `figures`; a figure that cannot be measured is null."""
    measured = report.measured
    content = {
        "endpoint": measured.endpoint.value,
        "conclusion": conclusion(measured),
        "reference": measured.reference,
        "repeats": measured.repeats,
        "reader_cut": measured.reader_cut,
        "bi_rads_4_chosen_on": measured.chosen_on,
        "unit_notes": list(measured.unit_notes),
        "patients": [_characteristic(each) for each in measured.patients],
        "sets": [
            _set_json(each) | {"excluded": exclusions_json(report.excluded[each.cases.name])} for each in measured.sets
        ],
    }
    return {name: _plain(value) for name, value in content.items()}


def _characteristic(found: Characteristic) -> dict[str, object]:
    groups = [[side if isinstance(side, Mapping) else asdict(side) for side in both] for both in found.groups]
    names = ("column", "levels", "p_by_class", "p_between_sets")
    return {name: getattr(found, name) for name in names} | {"groups": groups}


def _set_json(found: MeasuredSet) -> dict[str, object]:
    return {
        "set": found.cases.name,
        "cases": len(found.cases.truth),
        "positive": int(found.cases.truth.sum()),
        "flow": asdict(found.cases.flow),
        "models": [_model_json(each) for each in found.models],
        "readers": [asdict(each) for each in found.readers],
        "groups": [asdict(each) for each in found.groups],
    }


def _model_json(model: MeasuredModel) -> dict[str, object]:
    truth = model.answers.truth
    return {
        "model": model.identity.name,
        "sha256": model.identity.sha256,
        "exposure": model.exposure.to_json(),
        "figures": {name: asdict(interval) for name, interval in model.figures.items()},
        "against": {name: asdict(found) for name, found in model.against.items()},
        "coalitions": [
            {
                "modalities": coalition_name(each.modalities),
                "cases": each.cases,
                "positive": each.positive,
                "figures": {name: asdict(interval) for name, interval in each.figures.items()},
                "withheld": each.withheld,
            }
            for each in model.coalitions
        ],
        "contributions": {
            str(modality): {
                "negative": _mean(values[~truth]),
                "positive": _mean(values[truth]),
                "size": _mean(abs(values)),
            }
            for modality, values in model.contributions.items()
        },
        "bi_rads_4": _four_json(model.category_four) if model.category_four else None,
        "curves": _curves_json(model.curves),
    }


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Mean of those there are."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def _four_json(four: CategoryFour) -> dict[str, object]:
    return {
        "cases": four.cases,
        "malignant": four.malignant,
        "spared": four.spared.tolist(),
        "missed": four.missed.tolist(),
        "downgrade": asdict(four.downgrade) if four.downgrade else None,
        "decision": four.decision.to_json(),
        "difference": four.difference.to_json() if four.difference else None,
    }


def _curves_json(curves: ModelCurves) -> dict[str, object]:
    names = ("roc", "by_sensitivity", "precision_recall", "decision", "sparing", "difference")
    return {name: band.to_json() for name in names if (band := getattr(curves, name)) is not None}


def _plain(value: object) -> object:
    """As JSON has it: no NaN, no tuples, no enums."""
    match value:
        case Mapping():
            return {str(name): _plain(inside) for name, inside in value.items()}
        case Enum():
            return value.value
        case str():
            return value
        case Sequence():
            return [_plain(inside) for inside in value]
        case float():
            return float(value) if math.isfinite(value) else None
        case _:
            return value


def _leaves(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """Each plain value inside of mappings and lists, with the names and numbers that lead to it."""
    if isinstance(value, Mapping):
        for name, inside in value.items():
            yield from _leaves(inside, (*place, str(name)))
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from _leaves(inside, (*place, str(number)))
    else:
        yield ".".join(place), value
