"""Where a saliency lies among the source images, and on which of their grids viewers can overlay it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.results import Saliency
from mome_core.volume import Volume
from sr_studies import AXIAL, OBLIQUE, SAGITTAL, Layout, bump, make_evidence, make_result
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.grid import image_affine, place_as_analysed, place_for_overlay, resample
from sr_templates.errors import EvidenceRefused


def first_saliency(evidence: Evidence) -> Saliency:
    return make_result(evidence).saliency[0]


def moved(saliency: Saliency, affine: np.ndarray) -> Saliency:
    return replace(saliency, volume=Volume(saliency.volume.voxels, affine, saliency.volume.frame_of_reference_uid))


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE], ids=["axial", "sagittal", "oblique"])
def test_the_affine_leads_from_column_row_slice_to_the_position_of_each_image(orientation: tuple[float, ...]) -> None:
    images = make_evidence(Layout(orientation=orientation)).images(Modality.DCE)
    affine = image_affine(images)
    for k in (0, 4, 9):
        assert np.allclose((affine @ (0, 0, k, 1))[:3], images[k].position_mm, atol=1e-5)
    along_row = (affine @ (1, 0, 0, 0))[:3]
    assert np.allclose(along_row, images[0].orientation[:3] * images[0].spacing_mm[1])


def test_a_single_slice_has_its_normal_as_third_axis() -> None:
    (image,) = make_evidence(Layout(slices=1)).images(Modality.DCE)
    assert np.allclose(image_affine((image,))[:3, 2], (0, 0, 1))


def test_a_saliency_lies_on_the_grid_that_was_analysed(evidence: Evidence) -> None:
    placement = place_as_analysed(first_saliency(evidence), evidence)
    assert placement.images == evidence.images(Modality.DCE)
    assert placement.note == ""


def test_a_saliency_that_is_turned_in_its_plane_is_refused(evidence: Evidence) -> None:
    saliency = first_saliency(evidence)
    mirrored = saliency.volume.affine.copy()
    mirrored[:3, 0] *= -1
    with pytest.raises(EvidenceRefused, match="run differently"):
        place_as_analysed(moved(saliency, mirrored), evidence)


def test_one_image_at_each_position_carries_the_overlay_itself(evidence: Evidence) -> None:
    placement = place_for_overlay(first_saliency(evidence), evidence)
    assert placement is not None
    assert placement.images == evidence.images(Modality.DCE)


def test_phases_in_one_series_hand_the_overlay_to_t2_and_say_so() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True))
    placement = place_for_overlay(first_saliency(evidence), evidence)
    assert placement is not None
    assert placement.images == evidence.images(Modality.T2)
    assert "Resampled to the T2 series" in placement.note


def test_a_series_of_another_frame_of_reference_cannot_carry_the_overlay() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True, modalities=(Modality.DCE, Modality.T2)))
    for image in evidence.t2:
        image.header.FrameOfReferenceUID = "1.2.3"
    assert place_for_overlay(first_saliency(evidence), evidence) is None


def test_irregular_slices_cannot_carry_the_overlay() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True, modalities=(Modality.DCE, Modality.T2)))
    x, y, z = map(float, evidence.t2[4].header.ImagePositionPatient)
    evidence.t2[4].header.ImagePositionPatient = [x, y, z + 1]
    assert place_for_overlay(first_saliency(evidence), evidence) is None


def test_resampling_keeps_the_place_in_the_patient(evidence: Evidence) -> None:
    images = evidence.images(Modality.DCE)
    volume = Volume(bump(images, (60.0, -20.0, 5.0)), image_affine(images), "1.2")
    finer = volume.affine @ np.diag([0.5, 0.5, 0.5, 1])
    found = resample(volume, finer, (96, 80, 20))
    peak = np.unravel_index(found.voxels.argmax(), found.voxels.shape)
    assert np.abs((finer @ (*peak, 1))[:3] - (60.0, -20.0, 5.0)).max() < 6.5
    assert found.voxels.max() <= volume.voxels.max()
