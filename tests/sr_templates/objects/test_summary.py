"""The page as an object: what it says of itself is true to what is drawn on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mome_core.results import Laterality, Result
from sr_studies import DEVICE
from sr_templates.build import build_not_analysed, build_objects
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.summary_page import PageLayout, PageOptions
from sr_templates.identification import Identification
from sr_templates.kinds import Kind
from sr_templates.refusal import Refusal


def options_of(identify: Identification) -> ObjectOptions:
    return ObjectOptions(frozenset({Kind.SUMMARY}), page=PageOptions(PageLayout.PORTRAIT, identify))


@pytest.mark.parametrize("identify", Identification)
def test_burned_in_annotation_is_true_to_what_the_page_names(
    identify: Identification, evidence: Evidence, result: Result
) -> None:
    expected = "NO" if identify is Identification.NONE else "YES"
    options = options_of(identify)
    scored = build_objects(result, evidence, DEVICE, options=options)
    refused = build_not_analysed(Refusal("no contrast agent"), evidence, DEVICE, options=options)
    for objects in (scored, refused):
        (page,) = objects.by_kind[Kind.SUMMARY]
        assert page.BurnedInAnnotation == expected
        assert (page.Columns, page.Rows) == (1200, 1600)


def test_pages_of_different_options_are_different_instances(evidence: Evidence, result: Result) -> None:
    built = [build_objects(result, evidence, DEVICE, options=options_of(each)) for each in Identification]
    assert len({str(each.by_kind[Kind.SUMMARY][0].SOPInstanceUID) for each in built}) == len(Identification)


@pytest.mark.parametrize("laterality", Laterality)
def test_the_images_are_of_the_breasts_that_were_analysed(
    laterality: Laterality, evidence: Evidence, result: Result
) -> None:
    assert result.breasts is not None
    one = replace(result, breasts=replace(result.breasts, laterality=laterality))
    objects = build_objects(one, evidence, DEVICE)
    for kind in (Kind.SUMMARY, Kind.OVERLAY):
        assert {each.ImageLaterality for each in objects.by_kind[kind]} == {laterality}
    (report,) = objects.by_kind[Kind.REPORT]
    tracking = next(e.value for e in report.iterall() if e.keyword == "TextValue" and "breast malignancy" in e.value)
    words = {Laterality.BOTH: "Bilateral", Laterality.LEFT: "Left", Laterality.RIGHT: "Right"}
    assert tracking == f"{words[laterality]} breast malignancy"
