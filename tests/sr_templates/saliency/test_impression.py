"""The sentences that a report begins with."""

from __future__ import annotations

from dataclasses import replace

from calibrations import calibration
from mome_core.calibration import WithheldCode
from mome_core.results import Endpoint, Result
from sr_studies import Layout, enhanced_evidence, make_evidence, make_result
from sr_templates.dicom.evidence import Evidence
from sr_templates.saliency.impression import impression, impression_of_refusal
from sr_templates.saliency.placed import place_saliency

WARNING = "AI result, research use only, not for diagnosis."


def said(evidence: Evidence, result: Result) -> str:
    return impression(result, place_saliency(result, evidence))


def test_it_has_warning_score_call_operating_point_side_series_and_image(evidence: Evidence) -> None:
    result = make_result(evidence, endpoints=(Endpoint.MALIGNANCY,))
    assert said(evidence, result) == (
        f"{WARNING} Probability of malignancy 83 %, positive: above the operating point of 50 %. "
        "Region of highest saliency, not a lesion outline: left side, DCE series 4, image 1006."
    )


def test_every_endpoint_has_its_sentence(evidence: Evidence, result: Result) -> None:
    words = said(evidence, result)
    assert [words.count(f"Probability of {endpoint.words} 83 %") for endpoint in Endpoint] == [1, 1, 1]


def test_near_the_midline_no_side_is_stated() -> None:
    evidence = make_evidence(Layout(lesion_x_mm=4.0))
    assert "side not determined, DCE series 4" in said(evidence, make_result(evidence, 4.0))


def test_a_withheld_call_and_a_withheld_score_say_why(evidence: Evidence, result: Result) -> None:
    first, second, third = result.scores
    silent = calibration(withheld=WithheldCode.NOT_TOLD_APART)
    withheld = replace(third, probability=None, calibration=silent, contributions=())
    uncalled = replace(second, calibration=calibration(withheld=WithheldCode.NOT_CALIBRATED))
    words = said(evidence, replace(result, scores=(first, uncalled, withheld)))
    assert "Probability of triple-negative subtype 83 %, no call: " in words
    assert "Probability of pathologic complete response withheld: " in words
    assert ".." not in words


def test_without_saliency_no_place_is_named(evidence: Evidence, result: Result) -> None:
    assert "saliency" not in said(evidence, replace(result, saliency=()))


def test_a_refusal_is_never_read_as_a_negative() -> None:
    words = impression_of_refusal("The post-contrast phases are missing.")
    assert words.startswith(f"{WARNING} Not analysed, no score was given; this says nothing about the presence")
    assert words.endswith("The post-contrast phases are missing.")


def test_a_frame_is_called_by_its_number_as_viewers_do() -> None:
    evidence = enhanced_evidence(Layout())
    assert said(evidence, make_result(evidence)).endswith("left side, DCE series 4, image 6.")


def test_without_series_number_the_image_alone_is_named() -> None:
    evidence = make_evidence(Layout())
    result = make_result(evidence)
    for header in evidence.instances:
        del header.SeriesNumber
    assert said(evidence, result).endswith("left side, DCE image 1006.")
