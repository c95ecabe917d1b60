"""Which lesions patients have: overlapping as published, and every habit as often as it should be."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from benchmarks.phantom import DRAWN, joint_auroc, separability
from dicom_io.phantom.detailed.population import (
    Histology,
    LesionForm,
    LesionTraits,
    MassShape,
    Subtype,
    draw_traits,
)
from dicom_io.phantom.spec import Lesion, Presentation
from mome_core.training.metrics import auroc

SHAPES = list(MassShape)


@cache
def drawn(presentation: Presentation = Presentation.CLINICAL, count: int = 2000) -> tuple[LesionTraits, ...]:
    """Half malignant, half benign."""
    kinds = (Lesion.MALIGNANT, Lesion.BENIGN)
    found = (draw_traits(np.random.default_rng(seed), kinds[seed % 2], presentation) for seed in range(count))
    return tuple(each for each in found if each is not None)


def malignant(presentation: Presentation = Presentation.CLINICAL) -> np.ndarray:
    return np.array([each.malignant for each in drawn(presentation)])


def test_no_single_parameter_separates_the_classes_and_together_they_nearly_do() -> None:
    for name in (*DRAWN, "diameter_mm", "satellites", "bi_rads"):
        assert separability([getattr(each, name) for each in drawn()], malignant()) < 0.85, name
    assert separability([SHAPES.index(each.shape) for each in drawn()], malignant()) < 0.85
    joint = [[np.log(getattr(each, name)) for name in DRAWN] for each in drawn()]
    assert 0.93 <= joint_auroc(joint, malignant()) <= 0.95


def test_adc_overlaps_as_published() -> None:
    sick, benign = (np.array([each.adc for each in drawn() if each.malignant is kind]) for kind in (True, False))
    assert sick.mean() == pytest.approx(1.0, abs=0.15)  # 0.89 +- 0.29
    assert benign.mean() == pytest.approx(1.37, abs=0.15)  # 1.27 +- 0.42
    assert 0.75 < separability([each.adc for each in drawn()], malignant()) < 0.85


def test_t2_alone_is_worth_something() -> None:
    assert 0.70 < separability([each.t2_ms for each in drawn()], malignant()) < 0.80


def test_forms_and_sizes_are_as_often_as_published() -> None:
    forms = Counter(each.form for each in drawn())
    assert forms[LesionForm.NON_MASS] / len(drawn()) == pytest.approx(0.15, abs=0.02)
    assert forms[LesionForm.FOCUS] / len(drawn()) == pytest.approx(0.10, abs=0.02)
    assert np.mean([each.satellites > 0 for each in drawn()]) == pytest.approx(0.20, abs=0.03)
    sizes = np.array([each.diameter_mm for each in drawn()])
    assert sizes.min() >= 4 and sizes.max() <= 60
    assert {each.form for each in drawn() if each.diameter_mm < 5} == {LesionForm.FOCUS}
    masses = np.log([each.diameter_mm for each in drawn() if each.form is LesionForm.MASS])
    assert abs(np.mean((masses - masses.mean()) ** 3) / masses.std() ** 3) < 0.4  # log-normal, hardly cut


def test_a_diagnosis_fits_its_parameters() -> None:
    of = {kind: [each for each in drawn() if each.histology is kind] for kind in Histology}
    assert all(of.values())
    t2 = {kind: np.median([each.t2_ms for each in found]) for kind, found in of.items()}
    assert t2[Histology.MUCINOUS] > t2[Histology.NO_SPECIAL_TYPE] + 10
    assert {each.form for each in of[Histology.DCIS]} == {LesionForm.NON_MASS}
    assert np.median([each.diameter_mm for each in of[Histology.NODE]]) < 10
    assert not {Histology.FIBROADENOMA, Histology.NODE} & {each.histology for each in drawn() if each.malignant}


def test_subtype_and_response_are_as_weakly_readable_as_published() -> None:
    invasive = [each for each in drawn(count=6000) if each.subtype is not None]
    negative = np.array([each.subtype is Subtype.TRIPLE_NEGATIVE for each in invasive])
    complete = np.array([bool(each.pathologic_complete_response) for each in invasive])
    assert 0.10 < negative.mean() < 0.25
    assert 0.15 < complete.mean() < 0.40
    features = [
        [each.core_uptake, np.log(each.t2_ms), np.log(each.diameter_mm), np.log(each.ktrans_per_minute), each.ve]
        for each in invasive
    ]
    assert 0.62 < joint_auroc(features, negative) < 0.80  # paper: 0.709
    assert 0.60 < joint_auroc(features, complete) < 0.80  # paper: 0.694


def test_only_invasive_carcinomas_have_a_subtype() -> None:
    without = [each for each in drawn() if not each.malignant or each.histology is Histology.DCIS]
    assert {each.subtype for each in without} == {None}
    assert {each.pathologic_complete_response for each in without} == {None}


def test_simulated_readers_are_good_and_not_perfect() -> None:
    assert 0.75 < auroc(malignant(), [each.bi_rads for each in drawn()]) < 0.85


def test_textbook_lesions_are_one_conspicuous_mass_that_no_parameter_confuses() -> None:
    found = drawn(Presentation.TEXTBOOK, 400)
    sick = np.array([each.malignant for each in found])
    assert {each.form for each in found} == {LesionForm.MASS}
    assert {each.satellites for each in found} == {0}
    assert min(each.diameter_mm for each in found) >= 15
    for name in ("ktrans_per_minute", "ve", "t2_ms", "adc"):
        assert separability([getattr(each, name) for each in found], sick) > 0.95, name


def test_a_healthy_patient_has_none() -> None:
    assert draw_traits(np.random.default_rng(0), Lesion.NONE, Presentation.CLINICAL) is None


def test_rim_core_and_septum_differ() -> None:
    each = drawn()[0]
    rim, core, septum = each.properties()
    assert rim.ktrans == each.ktrans_per_minute
    assert core.ktrans == pytest.approx(rim.ktrans * each.core_uptake)
    assert septum.t2_ms < rim.t2_ms
