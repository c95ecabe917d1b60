"""One study of each collection's naming and layout is read as it was made: phases in order, T2, DWI."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec
from dicom_io.study.listed import ListedSeries, parts_of
from mome_core.case import Modality, Role
from mome_core.errors import StudyIneligible
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.recipe import Recipe
from node.cases import read_assembly, read_study
from public_sets import LAYOUTS, write_public_study

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("collection", ["ispy1", "breast_mri_nact_pilot"])
def test_a_study_of_one_breast_is_prepared(collection: str, tmp_path: Path) -> None:
    prepared = prepare(read_study(write_public_study(tmp_path, collection, "P-1", seed=3)), Recipe())
    assert set(prepared.modalities) == {Modality.DCE, Modality.T2}
    assert prepared.breasts is not None
    left_ml, right_ml = prepared.breasts.volumes_ml
    assert left_ml > 300
    assert right_ml == 0


@pytest.mark.parametrize("collection", LAYOUTS)
def test_it_assembles(collection: str, tmp_path: Path) -> None:
    layout = LAYOUTS[collection]
    case = read_study(write_public_study(tmp_path, collection, "P-1", seed=3))
    expected = {Modality.DCE, Modality.T2, Modality.DWI} - layout.without
    assert set(case.modalities) == expected
    assert case.dce is not None
    assert case.dce.phase_count == layout.posts + 1


# Of the pilot the counts of kinetic maps prove it, which phantoms do not have; tests of the real index do.
@pytest.mark.parametrize("collection", sorted(set(LAYOUTS) - {"breast_mri_nact_pilot"}))
def test_the_index_alone_chooses_the_same_series(collection: str, tmp_path: Path) -> None:
    folder = write_public_study(tmp_path, collection, "P-1", seed=3)
    listed = [
        ListedSeries(int(each.name[:5]), str(_first(each).SeriesDescription), len(list(each.iterdir())))
        for each in folder.iterdir()
    ]
    parts = parts_of(listed)
    numbers = {number for name, (number, _) in LAYOUTS[collection].names.items() if name.startswith("dce")}
    assert set(parts.dce) == numbers | ({3} if collection.startswith("advanced") else set())


def test_the_mask_of_ambl_is_the_phase_before_contrast_voxel_by_voxel(tmp_path: Path) -> None:
    folder = write_public_study(tmp_path, "advanced_mri_breast_lesions", "AMBL-001", seed=3)
    assembly = read_assembly(folder)
    roles = {item.series.description: item.role for item in assembly.roles.roles}
    assert roles["AX Sen Vibrant MASK"] is Role.DCE_PRE
    assert roles["AX Sen Vibrant MultiPhase"] is Role.DCE_MULTI
    spec = PhantomSpec(
        seed=3, lesion=Lesion.MALIGNANT, post_phases=5, without=frozenset({Modality.DWI}), field_strength_t=1.5
    )
    drawn = simulate(spec).dce
    dce = assembly.case.dce
    assert drawn is not None
    assert dce is not None
    assert np.array_equal(np.asarray(dce.voxels[0]), drawn.voxels[0])
    assert np.array_equal(np.asarray(dce.voxels[5]), drawn.voxels[5])


def test_a_mask_that_does_not_fit_the_dynamic_refuses_the_study(tmp_path: Path) -> None:
    folder = write_public_study(tmp_path, "advanced_mri_breast_lesions", "AMBL-001", seed=3)
    for path in folder.glob("00003-*/*.dcm"):
        image = pydicom.dcmread(path)
        image.FlipAngle = float(image.FlipAngle) + 20
        image.save_as(path)
    why = read_assembly(folder).without_dce
    assert isinstance(why, StudyIneligible)
    assert "named as the phase before contrast" in str(why)


def _first(folder: Path) -> pydicom.Dataset:
    return pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True)
