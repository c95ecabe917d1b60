"""Kinetic maps: the numbers themselves with their unit, on the planes of the DCE, also where no score is given."""

from __future__ import annotations

from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.results import QualityFlag, Result, Severity
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import ResultObjects, build_objects, decode, encode
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import DEFAULT_KINDS, MEASURED_KINDS, Kind

WANTED = ObjectOptions(frozenset({*MEASURED_KINDS, Kind.REPORT}))


def built(evidence: Evidence, **changes: object) -> ResultObjects:
    return build_objects(replace(make_result(evidence), **changes), evidence, DEVICE, options=WANTED)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def maps() -> tuple[Dataset, ...]:
    return tuple(decode(encode(each)) for each in built(make_evidence(Layout())).by_kind[Kind.KINETIC_MAPS])


def test_each_map_states_its_quantity_and_unit(maps: tuple[Dataset, ...]) -> None:
    stated = []
    for each in maps:
        (mapping,) = each.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
        (unit,), (quantity,) = mapping.MeasurementUnitsCodeSequence, mapping.QuantityDefinitionSequence
        stated.append((unit.CodeValue, unit.CodingSchemeDesignator, quantity.ConceptCodeSequence[0].CodeValue))
        assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
    assert stated == [("%", "UCUM", "INITIAL_UPTAKE"), ("%", "UCUM", "DELAYED_CHANGE"), ("s", "UCUM", "113069")]


def test_highdicom_reads_the_numbers_in_their_place(maps: tuple[Dataset, ...]) -> None:
    read = [hd.pm.ParametricMap.from_dataset(each).get_volume() for each in maps]
    assert [(float(each.array.min()), float(each.array.max())) for each in read] == [(0, 120), (-25, 25), (0, 180)]
    result = make_result(make_evidence(Layout()))
    expected = result.saliency[0].volume.affine @ (14, 14.5, 4.5, 1)
    inside = np.argwhere(read[0].array > 0).mean(axis=0)
    assert (read[0].affine @ (*inside, 1))[:3] == pytest.approx(expected[:3], abs=0.01)


def test_each_map_has_a_series_of_its_own_that_says_what_it_is(maps: tuple[Dataset, ...]) -> None:
    assert [int(each.SeriesNumber) for each in maps] == [9060, 9061, 9062]
    assert len({each.SeriesInstanceUID for each in maps}) == 3
    assert [each.SeriesDescription for each in maps] == [
        "Kinetic map, measured: initial uptake % - research use only",
        "Kinetic map, measured: delayed change % - research use only",
        "Kinetic map, measured: time to peak s - research use only",
    ]


def test_a_withheld_result_has_its_kinetics_all_the_same() -> None:
    flag = QualityFlag("MOTION", Severity.WITHHOLD, "It moved.")
    objects = built(make_evidence(Layout()), scores=(), saliency=(), withheld="It moved.", flags=(flag,))
    assert {*MEASURED_KINDS, Kind.REPORT} == set(objects.by_kind)


def test_the_report_of_a_withheld_result_says_what_was_not_written() -> None:
    objects = built(make_evidence(Layout(phases_in_one_series=True)), scores=(), saliency=(), withheld="It moved.")
    reason = objects.not_written[Kind.KINETIC_MAPS]
    report = encode(objects.by_kind[Kind.REPORT][0])
    assert f"kinetic-maps: {reason}".encode() in report


def test_nothing_measured_is_told_in_not_written(result: Result, evidence: Evidence) -> None:
    objects = build_objects(replace(result, kinetics=None), evidence, DEVICE, options=WANTED)
    assert set(objects.not_written) == set(MEASURED_KINDS)


def test_all_phases_in_one_series_carry_no_map_but_curve_types() -> None:
    objects = built(make_evidence(Layout(phases_in_one_series=True)))
    assert "several images at each position" in objects.not_written[Kind.KINETIC_MAPS]
    assert Kind.CURVE_TYPES in objects.by_kind


def test_measured_objects_are_asked_for() -> None:
    assert not DEFAULT_KINDS & set(MEASURED_KINDS)
    assert make_evidence(Layout()).images(Modality.DCE)
