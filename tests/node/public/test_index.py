"""What is read from the real index of the package idc-index-data."""

from __future__ import annotations

import sys

import pytest

from node.errors import NotReady
from node.public.collections import COLLECTIONS
from node.public.index import IndexedSeries, index_version, licences_of, read_index, studies_of

pytestmark = pytest.mark.slow


def test_the_index_is_that_of_release_25(idc: list[IndexedSeries]) -> None:
    assert index_version() == "25.0.5"
    assert len(idc) == 85_928
    assert {each.collection for each in idc} == set(COLLECTIONS)


def test_every_patient_bears_the_prefix_that_we_know(idc: list[IndexedSeries]) -> None:
    strange = {each.patient for each in idc if not each.patient.startswith(COLLECTIONS[each.collection].prefixes)}
    assert strange == set()


def test_a_series_says_where_it_lies_and_what_it_weighs(idc: list[IndexedSeries]) -> None:
    series = next(each for each in idc if each.patient == "AMBL-102" and each.number == 5)
    assert (series.description, series.images) == ("AX Sen Vibrant MultiPhase", 580)
    assert series.megabytes == pytest.approx(306.06, abs=0.01)
    assert series.url == f"s3://{series.bucket}/{series.folder}/*"
    assert licences_of([series]) == ("CC BY 4.0 (doi:10.7937/c7x1-yn57)",)


def test_results_of_analyses_and_other_modalities_are_no_images_of_the_collection(idc: list[IndexedSeries]) -> None:
    duke = [each for each in idc if each.collection == "duke_breast_cancer_mri"]
    assert {each.licence for each in duke} == {"CC BY-NC 4.0"}
    assert len(studies_of(duke)) == 922


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idc_index_data", None)
    with pytest.raises(NotReady, match=r"mome-node\[public\]"):
        index_version()
    with pytest.raises(NotReady, match=r"mome-node\[public\]"):
        read_index(["ispy1"])
