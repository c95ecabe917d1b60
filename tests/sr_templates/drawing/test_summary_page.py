"""The summary page: one size, and what it must show stands in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mome_core.case import Modality
from mome_core.results import QualityFlag, Result, Severity
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.device import Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.colour import RGB
from sr_templates.drawing.page import PAPER
from sr_templates.drawing.summary_page import HEIGHT, WIDTH, render, render_refusal
from sr_templates.saliency.placed import place_saliency

FOOTER = (slice(1052, 1216), slice(56, 540))  # quality of the input
BADGE = (slice(92, 140), slice(1024, 1544))  # research use only


def common_of(evidence: Evidence, run: Revision | None = None) -> CommonAttributes:
    return CommonAttributes(evidence, DEVICE, run or Revision(), ())


def page_of(evidence: Evidence, result: Result) -> RGB:
    return render(common_of(evidence), result, place_saliency(result, evidence))


def test_the_edges_stay_free_for_the_viewers_own_bars(evidence: Evidence, result: Result) -> None:
    page = page_of(evidence, result)
    assert page.shape == (HEIGHT, WIDTH, 3)
    for edge in (page[:80], page[-50:], page[:, :50], page[:, -50:]):
        assert (edge == np.array(PAPER)).all()


def test_research_use_is_stated_with_and_without_a_score(evidence: Evidence, result: Result) -> None:
    scored = page_of(evidence, result)
    refused = render_refusal(common_of(evidence), "The post-contrast phases are missing.", ())
    assert np.array_equal(scored[BADGE], refused[BADGE])
    assert (scored[BADGE] != np.array(PAPER)).any()


def test_a_quality_flag_changes_the_footer_only(evidence: Evidence, result: Result) -> None:
    with_flag = page_of(evidence, result)
    without = page_of(evidence, replace(result, flags=()))
    differs = (with_flag != without).any(axis=2)
    assert differs[FOOTER].any()
    differs[FOOTER] = False
    assert not differs.any()


def test_more_flags_than_the_card_holds_do_not_run_out_of_it(evidence: Evidence, result: Result) -> None:
    flag = QualityFlag("few_phases", Severity.WARNING, "Fewer post-contrast phases than the model was trained with.")
    crowded = page_of(evidence, replace(result, flags=(flag,) * 9))
    without = page_of(evidence, replace(result, flags=()))
    differs = (crowded != without).any(axis=2)
    differs[FOOTER] = False
    assert not differs.any()


def test_the_page_is_the_same_for_the_same_result(evidence: Evidence, result: Result) -> None:
    assert np.array_equal(page_of(evidence, result), page_of(evidence, result))


def test_a_study_without_dce_has_a_page() -> None:
    evidence = make_evidence(Layout(modalities=(Modality.T2,)))
    assert page_of(evidence, make_result(evidence)).shape == (HEIGHT, WIDTH, 3)
