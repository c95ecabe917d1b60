"""The source images: which belong together, which one speaks for the study, and where their frames lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.case import Modality
from sr_studies import Layout, enhanced_evidence, make_evidence, slices
from sr_templates.dicom.evidence import Evidence, SourceImage, places
from sr_templates.errors import EvidenceRefused


def test_results_are_placed_on_the_first_post_contrast_phase(evidence: Evidence) -> None:
    assert evidence.reference_phase == 1
    assert evidence.images(Modality.DCE) == evidence.dce[1]
    assert replace(evidence, dce=evidence.dce[:1]).images(Modality.DCE) == evidence.dce[0]
    assert replace(evidence, dce=()).images(Modality.DCE) == ()


def test_every_instance_is_listed_once_in_ascending_order_of_its_uid(evidence: Evidence) -> None:
    uids = [str(header.SOPInstanceUID) for header in evidence.instances]
    assert uids == sorted(set(uids))
    assert len(uids) == 5 * 10  # three phases, T2, DWI


def test_the_frames_of_an_enhanced_instance_count_as_one_instance() -> None:
    evidence = enhanced_evidence(Layout(phases_in_one_series=True))
    assert sum(header.get("NumberOfFrames", 0) > 1 for header in evidence.instances) == 1


def test_an_enhanced_frame_has_the_plane_of_its_functional_groups() -> None:
    layout = Layout()
    classic, enhanced = make_evidence(layout).dce[1], enhanced_evidence(layout).dce[1]
    for one, other in zip(classic, enhanced, strict=True):
        assert np.allclose(one.position_mm, other.position_mm)
        assert np.allclose(one.orientation, other.orientation)
        assert np.allclose(one.spacing_mm, other.spacing_mm)


def test_a_frame_without_position_is_refused_by_name() -> None:
    header = enhanced_evidence(Layout()).dce[1][0].header
    del header.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    with pytest.raises(EvidenceRefused, match="PlanePositionSequence"):
        _ = SourceImage(header, 3).position_mm


def test_nothing_is_no_evidence() -> None:
    with pytest.raises(EvidenceRefused, match="no source image"):
        Evidence()


def test_phases_of_different_length_are_refused(evidence: Evidence) -> None:
    with pytest.raises(EvidenceRefused, match="different numbers of slices"):
        replace(evidence, dce=(evidence.dce[0], evidence.dce[1][:-1]))


def test_phases_in_one_series_repeat_positions(evidence: Evidence) -> None:
    assert not evidence.series_repeats_positions(Modality.DCE)
    assert make_evidence(Layout(phases_in_one_series=True)).series_repeats_positions(Modality.DCE)


def test_one_image_for_all_slices_is_a_mosaic(evidence: Evidence) -> None:
    tiled = replace(evidence, t2=(evidence.t2[0],) * 10)
    assert tiled.is_tiled(Modality.T2)
    assert tiled.series_repeats_positions(Modality.T2)
    assert not tiled.is_tiled(Modality.DCE)


def test_positions_count_as_one_within_a_hundredth_of_a_millimetre() -> None:
    assert len(places((*slices(Layout(), 3), *slices(Layout(), 4)))) == 10
