"""The saliency on its source images: which one is shown, in which scale, and on which slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibrations import calibration
from mome_core.calibration import Calibration, WithheldCode
from mome_core.case import Modality
from mome_core.results import Result
from mome_core.volume import Volume, voxel_ml_of
from sr_studies import Layout, make_evidence, make_result
from sr_templates.dicom.evidence import Evidence
from sr_templates.saliency.placed import PlacedSaliency, Unshown, key_sources, place_saliencies, place_saliency
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
    plane = placed.shown_slice(k)
    assert plane.shape == (48, 40)
    assert np.unravel_index(plane.argmax(), plane.shape) == (i, j)
    assert plane.max() == pytest.approx(placed.region.peak_per_ml, rel=1e-5)


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


def answered(result: Result, probability: float, read_by: Calibration) -> Result:
    first = replace(result.scores[0], probability=probability, calibration=read_by)
    return replace(result, scores=(first, *result.scores[1:]))


@pytest.mark.parametrize(
    ("probability", "read_by", "why"),
    [
        (0.3, calibration(), Unshown.NEGATIVE),
        (0.9, calibration(withheld=WithheldCode.NOT_CALIBRATED, validation=None), Unshown.NO_CALL),
    ],
    ids=["not above the operating point", "no call"],
)
def test_no_place_is_shown_without_a_positive_call(
    probability: float, read_by: Calibration, why: Unshown, evidence: Evidence, result: Result
) -> None:
    placed = placed_on(evidence, answered(result, probability, read_by))
    assert (placed.region, placed.shown, placed.unshown) == (None, None, why)
    assert not placed.strongest_along(2).any()


def test_no_place_is_shown_that_is_faint_or_of_unknown_breasts(evidence: Evidence, result: Result) -> None:
    volume = result.saliency[0].volume
    faint = Volume(volume.voxels * np.float32(0.01), volume.affine, volume.frame_of_reference_uid)
    weak = replace(result, saliency=(replace(result.saliency[0], volume=faint),))
    assert placed_on(evidence, weak).unshown is Unshown.FAINT
    assert placed_on(evidence, replace(result, breasts=None)).unshown is Unshown.BREASTS_UNKNOWN
    assert result.breasts is not None
    elsewhere = replace(result.breasts, share=replace(result.breasts.share, frame_of_reference_uid="1.2.3"))
    assert placed_on(evidence, replace(result, breasts=elsewhere)).unshown is Unshown.BREASTS_UNKNOWN


@pytest.mark.parametrize(("share", "shown"), [(1.0, True), (0.93, True), (0.8, False), (0.0, False)])
def test_a_region_needs_nine_tenths_of_it_in_the_breasts(
    share: float, shown: bool, evidence: Evidence, result: Result
) -> None:
    """The mask ends where so much of the region lies on one side of it; what sticks out is left out."""
    whole = placed_on(evidence, result).region
    assert whole is not None
    assert result.breasts is not None
    order = np.argsort(np.argwhere(whole.mask)[:, 0], kind="stable")[::-1]  # from the left inwards
    kept = np.argwhere(whole.mask)[order][: round(share * whole.mask.sum())]
    inside = np.zeros(whole.mask.shape, np.float32)
    inside[tuple(kept.T)] = 1.0
    inside[whole.peak] = float(share > 0)
    cut = replace(result.breasts, share=replace(result.breasts.share, voxels=inside))
    placed = placed_on(evidence, replace(result, breasts=cut))
    assert (placed.region is not None) == shown
    if placed.region is None:
        assert placed.unshown is Unshown.OUTSIDE_BREASTS
    else:
        assert not (placed.region.mask & (inside == 0)).any()
        assert placed.region.volume_ml == pytest.approx(placed.region.mask.sum() * voxel_ml_of(cut.share.affine))
        assert (placed.region.volume_ml < whole.volume_ml) == (share < 1)


def test_the_totals_are_what_lies_within_the_lowest_contours(evidence: Evidence, result: Result) -> None:
    placed = placed_on(evidence, result)
    raised, lowered = placed.totals
    assert raised > 0 > lowered
    assert placed.smoothed is not None
    assert raised == pytest.approx(placed.smoothed.voxels[placed.smoothed.voxels > 0].sum(), rel=0.15)


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
