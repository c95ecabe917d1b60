"""What a document refers to, and the numbers that it states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from pydicom.dataset import Dataset

from sr_templates.checks.refusal import refusal
from sr_templates.dicom import codes
from sr_templates.kinds import REPORT_CLASSES

_UNITS = (codes.PERCENT.value, "mm", "ml", "s", "mm2/s", "um2/s")


def check_document(instance: Dataset, known: Mapping[str, Dataset]) -> None:
    """References resolve and are in evidence; numbers are possible; containers print in every viewer."""
    listed = _listed(instance)
    for uid, sop_class in listed.items():
        if uid not in known:
            raise refusal(instance, f"its evidence names {uid}, which is neither source nor result")
        if known[uid].SOPClassUID != sop_class:
            raise refusal(instance, f"its evidence gives {uid} another SOP class than the instance has")
    is_report = instance.SOPClassUID in REPORT_CLASSES
    for item in _walk(instance):
        for reference in item.get("ReferencedSOPSequence", ()):
            if reference.ReferencedSOPInstanceUID not in listed:
                raise refusal(
                    instance, f"it refers to {reference.ReferencedSOPInstanceUID}, which is not in its evidence"
                )
        if item.get("ValueType") == "NUM":
            _check_number(instance, item)
        if is_report and item.get("ValueType") == "CONTAINER" and item.get("ContinuityOfContent") != "SEPARATE":
            raise refusal(instance, "a container is not SEPARATE, so viewers print values without names")
    if is_report:
        _check_report(instance)


def _listed(instance: Dataset) -> dict[str, str]:
    return {
        str(item.ReferencedSOPInstanceUID): str(item.ReferencedSOPClassUID)
        for study in instance.get("CurrentRequestedProcedureEvidenceSequence", ())
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }


def _walk(item: Dataset) -> Iterator[Dataset]:
    yield item
    for child in item.get("ContentSequence", ()):
        yield from _walk(child)


def _name(item: Dataset) -> tuple[str, str]:
    named = item.get("ConceptNameCodeSequence")
    return (str(named[0].CodeValue), str(named[0].CodingSchemeDesignator)) if named else ("", "")


def _check_number(instance: Dataset, item: Dataset) -> None:
    concept = item.ConceptNameCodeSequence[0].CodeMeaning
    measured = item.get("MeasuredValueSequence")
    if not measured:
        raise refusal(instance, f"{concept} has no value")
    units = measured[0].get("MeasurementUnitsCodeSequence")
    if not units or units[0].CodingSchemeDesignator != "UCUM" or units[0].CodeValue not in _UNITS:
        raise refusal(instance, f"{concept} is in no unit that reports use")
    number = float(measured[0].NumericValue)
    exact = float(measured[0].get("FloatingPointValue", number))
    if not (np.isfinite(number) and np.isfinite(exact)):
        raise refusal(instance, f"{concept} is not finite")
    if abs(exact - number) > 0.0501:
        raise refusal(instance, f"{concept} reads {number} but its exact value is {exact}")
    if _is_probability(item) and (units[0].CodeValue != codes.PERCENT.value or not 0 <= number <= 100):
        raise refusal(instance, f"{concept} = {number} {units[0].CodeValue} is impossible")


def _is_probability(item: Dataset) -> bool:
    return _name(item) in {(code.value, code.scheme_designator) for code in codes.PROBABILITY.values()}


def _check_report(instance: Dataset) -> None:
    """What TID 1500 leaves optional and we do not."""
    top = {_name(item) for item in instance.get("ContentSequence", ())}
    for code in (codes.LANGUAGE, codes.OBSERVER_TYPE, codes.PROCEDURE_REPORTED, codes.IMAGING_MEASUREMENTS):
        if (code.value, code.scheme_designator) not in top:
            raise refusal(instance, f"{code.meaning} is missing")
    for group in _walk(instance):
        if _name(group) != (codes.MEASUREMENT_GROUP.value, "DCM"):
            continue
        held = {_name(item): item for item in group.get("ContentSequence", ())}
        for code in (codes.TRACKING_IDENTIFIER, codes.TRACKING_UID, codes.ALGORITHM_NAME, codes.ALGORITHM_VERSION,
                     codes.FINDING_SITE):  # fmt: skip
            if (code.value, code.scheme_designator) not in held:
                raise refusal(instance, f"a measurement group has no {code.meaning}")
        placed = any(each.get("ValueType") in ("SCOORD", "SCOORD3D") for each in held.values())
        if (placed or (codes.REFERENCED_SEGMENT.value, "DCM") in held) and any(map(_is_probability, held.values())):
            raise refusal(instance, "a probability stands beside one place, and would be read as that of a lesion")
        site = held[(codes.FINDING_SITE.value, "SCT")]
        if (codes.LATERALITY.value, "SCT") not in {_name(item) for item in site.get("ContentSequence", ())}:
            raise refusal(instance, "a finding site has no laterality")
