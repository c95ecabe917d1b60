"""Which series are got: chosen from the real index by name, number and image count."""

from __future__ import annotations

from collections import Counter

import pytest

from node.errors import NodeError
from node.public.choice import ChosenSeries, SeriesChoice, choose
from node.public.collections import collection_named
from node.public.index import IndexedSeries, studies_of

pytestmark = pytest.mark.slow


def chosen(idc: list[IndexedSeries], name: str, choice: SeriesChoice) -> ChosenSeries:
    collection = collection_named(name)
    return choose(collection, [each for each in idc if each.collection == collection.name], choice)


def test_of_ambl_the_mask_the_phases_and_the_axial_t2_are_needed(idc: list[IndexedSeries]) -> None:
    found = chosen(idc, "ambl", SeriesChoice(patients=("AMBL-102",), needed_only=True))
    assert [(each.number, each.description, each.images) for each in found.series] == [
        (3, "AX Sen Vibrant MASK", 116),
        (5, "AX Sen Vibrant MultiPhase", 580),
        (6, "Ax T2 FSE", 116),
    ]


def test_of_632_studies_of_ambl_all_are_chosen_so_and_one_bears_a_number_twice(idc: list[IndexedSeries]) -> None:
    found = chosen(idc, "ambl", SeriesChoice(needed_only=True)).series
    names = Counter(each.description for each in found)
    assert (names["AX Sen Vibrant MASK"], names["AX Sen Vibrant MultiPhase"], names["Ax T2 FSE"]) == (631, 632, 632)
    assert [each.patient for each in found if "Sag" in each.description] == ["AMBL-589"]  # number 5 of two series


def test_of_acrin_6698_copies_and_maps_are_not_needed(idc: list[IndexedSeries]) -> None:
    found = chosen(idc, "acrin-6698", SeriesChoice(patients=("ACRIN-6698-887594",), needed_only=True))
    assert {each.description for each in found.series} == {
        "ACRIN-6698: AX DWI 6698",
        "ISPY2: T2 TIRM AX",
        "ISPY2: T1_FL3D_AX_dynVIEWS_1+6",
    }
    assert sum("dynVIEWS" in each.description for each in found.series) == 7


@pytest.mark.parametrize(
    ("name", "visits", "gigabytes"),
    [
        ("ambl", 632, 270.0),
        ("duke", 922, 337.0),
        ("ispy2", 717, 286.2),
        ("acrin_6698", 385, 187.6),
        ("ispy1", 216, 9.7),
        ("nact", 64, 2.2),
        ("breast_diagnosis", 84, 30.9),
        ("tcga_brca", 136, 33.1),
        ("acrin_contralateral_breast_mr", 953, 77.2),
    ],
)
def test_before_treatment_what_is_needed_weighs(
    idc: list[IndexedSeries], name: str, visits: int, gigabytes: float
) -> None:
    found = chosen(idc, name, SeriesChoice(needed_only=True))
    assert len(studies_of(found.series)) == visits
    assert found.gigabytes == pytest.approx(gigabytes, abs=0.06)
    assert max(Counter(each.patient for each in found.series if each.number == -1).values(), default=0) == 0


def test_a_patient_has_one_visit_unless_every_visit_is_asked(idc: list[IndexedSeries]) -> None:
    one = chosen(idc, "ispy2", SeriesChoice(patients=("ISPY2-100899",)))
    assert {each.study_description for each in one.series} == {"ISPY2_MRI_T0"}
    assert "later visits" in one.notes[0]
    every = chosen(idc, "ispy2", SeriesChoice(patients=("ISPY2-100899",), every_visit=True))
    assert len(studies_of(every.series)) > 1


def test_a_bound_takes_whole_patients(idc: list[IndexedSeries]) -> None:
    found = chosen(idc, "ambl", SeriesChoice(most_gigabytes=5.0, needed_only=True))
    assert found.gigabytes <= 5.0
    assert {each.patient for each in found.series} == {f"AMBL-{n:03d}" for n in range(1, 12)}
    assert "11 of 632 patients" in found.notes[-1]


def test_an_unknown_patient_or_collection_is_said(idc: list[IndexedSeries]) -> None:
    with pytest.raises(NodeError, match="no patient AMBL-999"):
        chosen(idc, "ambl", SeriesChoice(patients=("AMBL-999",)))
    with pytest.raises(NodeError, match="no collection that is known here; there are acrin_6698"):
        collection_named("brats")
