"""A study is read as the node reads it, says what it is made of, and never whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import mome_node
from mome_core.case import same_images
from mome_node import Modality, Role, Study, StudyIneligible
from node.cases import read_study as read_case_of
from node.volumes import write_case_files


def test_a_study_has_the_volumes_that_a_cohort_gives(study: Study, prompt: Path) -> None:
    assert study.case.modalities == tuple(Modality)
    assert same_images(study.case, read_case_of(prompt / "study"))
    assert study.case.adc is not None, "the scanner's own map is read for the measurements"


def test_every_series_has_a_role_in_the_scanner_s_order(study: Study) -> None:
    numbers = [each.series.number or 0 for each in study.roles]
    assert numbers == sorted(numbers)
    assert len(study.roles) == len(study.headers)
    assert all(each.why for each in study.roles)


def test_a_study_is_told_without_its_patient(study: Study) -> None:
    assert "PHANTOM" not in repr(study)
    assert repr(study).startswith(f"Study of {len(study.headers)} series: DCE of 6 phases")


def test_a_site_s_rule_decides(prompt: Path) -> None:
    with_rule = mome_node.read_study(prompt / "study", rules={"t2_*": "OTHER"})
    assert with_rule.case.t2 is None
    assert Role.T2 not in {each.role for each in with_rule.roles}
    with pytest.raises(ValueError, match="no role T3"):
        mome_node.read_study(prompt / "study", rules={"*": "T3"})


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyIneligible, match="no DICOM or NIfTI file") as refused:
        mome_node.read_study(tmp_path)
    assert refused.value.code == "NO_MR_IMAGE"


def test_a_phantom_is_not_written_among_other_files(prompt: Path) -> None:
    with pytest.raises(ValueError, match="holds files already"):
        mome_node.write_phantom(prompt / "study")


def test_nifti_gives_the_volumes_of_the_dicom_that_it_came_from(study: Study, tmp_path: Path) -> None:
    assert study.assembly is not None
    write_case_files(study.assembly.roles, tmp_path)
    nifti = mome_node.read_study(tmp_path)
    assert same_images(nifti.case, study.case)
    assert nifti.roles == () and nifti.nifti is not None and nifti.without_dce is None
    assert repr(nifti).startswith("Study of NIfTI: DCE of 6 phases")
    assert nifti.show().size == study.show().size
