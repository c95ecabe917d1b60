"""The saliency on its source images: which one is shown, in which scale, and on which slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.results import Result
from mome_core.volume import Volume
from sr_studies import Layout, make_evidence, make_result
from sr_templates.dicom.evidence import Evidence
from sr_templates.saliency.placed import PlacedSaliency, key_sources, place_saliencies, place_saliency
from sr_templates.saliency.region import smooth


def placed_on(evidence: Evidence, result: Result) -> PlacedSaliency:
    placed = place_saliency(result, evidence)
    assert placed is not None
    return placed


def test_the_saliency_of_dce_comes_before_that_of_t2_and_dwi(evidence: Evidence, result: Result) -> None:
    assert placed_on(evidence, result).saliency.modality is Modality.DCE
    without = replace(result, saliency=tuple(s for s in result.saliency if s.modality is not Modality.DCE))
    assert placed_on(evidence, without).saliency.modality is Modality.T2


def test_without_saliency_nothing_is_placed(evidence: Evidence, result: Result) -> None:
    assert place_saliency(replace(result, saliency=()), evidence) is None


def test_what_pictures_do_not_show_is_not_placed(
    evidence: Evidence, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoothed = []
    monkeypatch.setattr("sr_templates.saliency.placed.smooth", lambda volume: smoothed.append(volume) or smooth(volume))
    asked = [score.endpoint for score in result.scores]
    others = tuple(replace(each, endpoint=asked[1]) for each in result.saliency)
    both = replace(result, saliency=(*result.saliency, *others))
    assert placed_on(evidence, both).saliency.endpoint is asked[0]
    assert len(smoothed) == 1
    assert [each.saliency.endpoint for each in place_saliencies(both, evidence)] == asked[:2]


def test_a_slice_of_the_smoothed_saliency_lies_in_its_place(evidence: Evidence, result: Result) -> None:
    placed = placed_on(evidence, result)
    assert placed.region is not None
    i, j, k = placed.region.peak
    plane = placed.smoothed_slice(k)
    assert plane.shape == (48, 40)
    assert np.unravel_index(plane.argmax(), plane.shape) == (i, j)
    assert plane.max() == np.float32(placed.peak)


def test_the_strongest_along_an_axis_keeps_its_sign(evidence: Evidence, result: Result) -> None:
    strongest = placed_on(evidence, result).strongest_along(2)
    assert strongest.shape == (48, 40)
    assert strongest.max() > 0 > strongest.min()


def test_a_saliency_that_only_lowered_the_score_is_scaled_by_its_lowest_value(
    evidence: Evidence, result: Result
) -> None:
    volume = result.saliency[0].volume
    lowered = Volume(-np.abs(volume.voxels), volume.affine, volume.frame_of_reference_uid)
    placed = placed_on(evidence, replace(result, saliency=(replace(result.saliency[0], volume=lowered),)))
    assert placed.region is None
    assert placed.smoothed is not None
    assert placed.peak == -placed.smoothed.voxels.min()


def test_slices_around_the_region_stay_on_the_grid(evidence: Evidence, result: Result) -> None:
    placed = placed_on(evidence, result)
    assert placed.region is not None
    held = placed.region.slices
    assert placed.slices_around(placed.region) == range(held[0] - 1, held[-1] + 2)
    thin = make_evidence(Layout(slices=3))
    few = placed_on(thin, make_result(thin))
    assert few.region is not None
    assert few.slices_around(few.region).start >= 0
    assert few.slices_around(few.region).stop <= 3


def test_key_images_are_the_slices_at_the_peak_or_the_middle_ones(evidence: Evidence, result: Result) -> None:
    placed = placed_on(evidence, result)
    assert placed.region is not None
    at_peak = key_sources(evidence, result.modalities_used, placed)
    assert at_peak[0] is evidence.images(Modality.DCE)[placed.region.peak[2]]
    middle = key_sources(evidence, (Modality.T2,), None)
    assert middle == (evidence.t2[5],)
