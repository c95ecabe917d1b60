"""The summary page: what it must show stands in its place, no text is small, none lies on another."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from calibrations import calibration
from mome_core.calibration import WithheldCode
from mome_core.case import Modality
from mome_core.results import Endpoint, Laterality, QualityFlag, Result, Severity
from sr_studies import DEVICE, SAGITTAL, Layout, make_evidence, make_result
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.device import Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import PAPER
from sr_templates.drawing.curves import CURVES
from sr_templates.drawing.fonts import can_draw
from sr_templates.drawing.page import SMALL, Page
from sr_templates.drawing.summary_page import PageLayout, PageOptions, render, render_refusal
from sr_templates.identification import Identification
from sr_templates.languages.words import Language
from sr_templates.refusal import Refusal
from sr_templates.saliency.placed import place_saliency
from told_measurements import MEASURED, measured_without_times

SIZES = {PageLayout.LANDSCAPE: (1600, 1280), PageLayout.PORTRAIT: (1200, 1600)}
LONG = QualityFlag(
    "PHASES_FEW", Severity.WARNING, "The DCE has 2 post-contrast phase(s); at least 4 are expected by the recipe."
)
FULL = PageOptions(identify=Identification.PATIENT)


def common_of(evidence: Evidence, run: Revision | None = None) -> CommonAttributes:
    return CommonAttributes(evidence, DEVICE, run or Revision(), ())


def page_of(evidence: Evidence, result: Result, options: PageOptions | None = None) -> Page:
    return render(common_of(evidence), result, place_saliency(result, evidence), options or PageOptions())


def said(page: Page) -> str:
    return " ".join(each.words for each in page.texts)


def first_score(result: Result, **changed: object) -> Result:
    return replace(result, scores=(replace(result.scores[0], **changed), *result.scores[1:]))


def of(modalities: tuple[Modality, ...] = tuple(Modality), **layout: object) -> tuple[Evidence, Result]:
    evidence = make_evidence(Layout(modalities=modalities, **layout))  # type: ignore[arg-type]
    return evidence, make_result(evidence, endpoints=(Endpoint.MALIGNANCY,))


def one_breast() -> tuple[Evidence, Result]:
    evidence, result = of()
    assert result.breasts is not None
    return evidence, replace(result, breasts=replace(result.breasts, laterality=Laterality.LEFT))


def unstable() -> tuple[Evidence, Result]:
    evidence, result = of()
    return evidence, replace(first_score(result, spread=0.2), flags=(LONG,) * 2)


def negative() -> tuple[Evidence, Result]:
    evidence, result = of()
    return evidence, first_score(result, probability=0.004)


def without_call() -> tuple[Evidence, Result]:
    evidence, result = of()
    return evidence, first_score(result, calibration=calibration(withheld=WithheldCode.NOT_CALIBRATED, validation=None))


def three_endpoints() -> tuple[Evidence, Result]:
    evidence = make_evidence(Layout())
    return evidence, make_result(evidence)


def not_usable() -> tuple[Evidence, Result]:
    evidence, result = of((Modality.DCE, Modality.DWI))
    assert evidence.case is not None
    reason = "series 5 (T2) is not used: it has one slice"
    return replace(evidence, case=replace(evidence.case, unusable={Modality.T2: reason})), result


def without_times() -> tuple[Evidence, Result]:
    evidence, result = of()
    return evidence, replace(result, measurements=measured_without_times())


def without_adc() -> tuple[Evidence, Result]:
    evidence, result = of()
    return evidence, replace(result, measurements=replace(MEASURED, diffusion=None))


def not_measured() -> tuple[Evidence, Result]:
    evidence, result = of()
    return evidence, replace(result, measurements=None, kinetics=None)


STUDIES = {
    "positive": of,
    "negative": negative,
    "no call": without_call,
    "one breast": one_breast,
    "unstable, flags": unstable,
    "three endpoints": three_endpoints,
    "no DCE": lambda: of((Modality.T2, Modality.DWI)),
    "T2 alone": lambda: of((Modality.T2,)),
    "T2 not usable": not_usable,
    "sagittal": lambda: of(orientation=SAGITTAL),
    "times unknown": without_times,
    "no ADC": without_adc,
    "not measured": not_measured,
}


def assert_legible(page: Page) -> None:
    """Text boxes are disjoint, inside the page, of a legible size; pictures are disjoint too."""
    whole = Box(0, 0, *page.image.size)
    for text in page.texts:
        assert whole.holds(text.box), f"{text.words} runs out of the page"
        assert text.size >= SMALL, f"{text.words} is set in {text.size} pixels"
    for one, other in combinations(page.texts, 2):
        assert not one.box.overlaps(other.box), f"{one.words!r} lies on {other.words!r}"
    for one, other in combinations(page.pictures.values(), 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("layout", PageLayout)
@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_no_text_is_small_lies_on_another_or_leaves_the_page(study, layout: PageLayout) -> None:  # type: ignore[no-untyped-def]
    evidence, result = study()
    page = page_of(evidence, result, replace(FULL, layout=layout))
    assert page.image.size == SIZES[layout]
    assert_legible(page)
    assert not page.shortened or len(result.scores) > 1  # then the report alone says all that each score is worth
    assert not any(text.words.endswith(" ...") for text in page.texts)


def readable(language: Language) -> None:
    if not can_draw(language):
        pytest.skip(f"no font of this machine has the signs of {language}")


TOLD = ["positive", "negative", "one breast", "no DCE", "T2 not usable", "times unknown", "no ADC"]


@pytest.mark.parametrize("layout", PageLayout)
@pytest.mark.parametrize("language", [each for each in Language if each is not Language.ENGLISH])
@pytest.mark.parametrize(
    "study", ["positive", "negative", "one breast", "no DCE", "T2 not usable", "times unknown", "no ADC"]
)
def test_every_language_fits_and_has_every_glyph(study: str, language: Language, layout: PageLayout) -> None:
    readable(language)
    evidence, result = STUDIES[study]()
    page = page_of(evidence, result, PageOptions(layout, Identification.PATIENT, language))
    assert_legible(page)
    assert not page.shortened
    assert not any("?" in each.words for each in page.texts)
    options = PageOptions(layout, language=language)
    refusal = render_refusal(common_of(evidence), Refusal("no contrast agent"), options, result.measurements)
    assert_legible(refusal)
    assert not refusal.shortened
    assert not any("?" in each.words for each in refusal.texts)


@pytest.mark.parametrize("layout", PageLayout)
def test_a_refusal_is_as_legible(layout: PageLayout, evidence: Evidence) -> None:
    reason = "The dynamic has one phase only; it needs one before and at least one after contrast. " * 2
    page = render_refusal(
        common_of(evidence), Refusal(reason, flags=(LONG,) * 4), replace(FULL, layout=layout), MEASURED
    )
    assert_legible(page)
    assert not page.shortened
    assert "Worst curve: washout (type III)" in said(page)
    assert CURVES in page.pictures
    assert "Not analysed" in said(page)
    assert "RESEARCH USE ONLY" in said(page)


@pytest.mark.parametrize("layout", PageLayout)
def test_the_edges_stay_free_for_the_viewers_own_bars(layout: PageLayout, evidence: Evidence, result: Result) -> None:
    page = page_of(evidence, result, PageOptions(layout)).pixels()
    for edge in (page[:80], page[-50:], page[:, :50], page[:, -50:]):
        assert (edge == np.array(PAPER)).all()


@pytest.mark.parametrize("layout", PageLayout)
def test_more_flags_than_the_card_holds_are_counted(layout: PageLayout, evidence: Evidence, result: Result) -> None:
    crowded = page_of(evidence, replace(result, flags=(LONG,) * 9), PageOptions(layout))
    assert_legible(crowded)
    assert "more, see the report" in said(crowded)


@pytest.mark.parametrize("layout", PageLayout)
def test_what_the_images_prove_stands_on_the_page(layout: PageLayout) -> None:
    page = page_of(*of(), PageOptions(layout))
    assert "Measured on the images, not by the network" in said(page)
    assert "washout (type III), -19 %" in said(page)
    assert CURVES in page.pictures


def test_a_score_stands_among_those_of_the_validation_cases() -> None:
    words = said(page_of(*of()))
    assert "higher than 85 % of 100 negative (bars below) and 83 % of 100 positive" in words
    assert "higher than" not in said(page_of(*without_call()))  # an old bundle does not hold them


def test_nobody_is_named_unless_the_site_asks_for_it(evidence: Evidence, result: Result) -> None:
    named = {each: said(page_of(evidence, result, PageOptions(identify=each))) for each in Identification}
    assert "Phantom" not in named[Identification.NONE]
    assert "2026-09-01" not in named[Identification.NONE]
    assert "study of 2026-09-01" in named[Identification.STUDY]
    assert "A-1" in named[Identification.STUDY]
    assert "Phantom" not in named[Identification.STUDY]
    assert "Phantom Anna | ID P-1 | born 1970-01-01 | study of 2026-09-01" in named[Identification.PATIENT]


def test_the_breasts_that_were_analysed_are_named() -> None:
    assert "left breast only" in said(page_of(*one_breast()))
    assert "both breasts" in said(page_of(*of()))


def test_an_unstable_score_says_so_beside_the_number() -> None:
    assert "UNSTABLE" in said(page_of(*unstable()))
    assert "UNSTABLE" not in said(page_of(*of()))


def test_a_sequence_that_could_not_be_used_is_named_with_the_reason() -> None:
    words = said(page_of(*not_usable()))
    assert "T2: not usable, because" in words
    assert "T2: absent" not in words
    assert "T2: absent" in said(page_of(*of((Modality.DCE, Modality.DWI))))


def test_a_probability_has_no_false_decimal() -> None:
    assert "< 1 %" in said(page_of(*negative()))
    assert "83 %" in said(page_of(*of()))


def test_the_page_is_the_same_for_the_same_result(evidence: Evidence, result: Result) -> None:
    assert np.array_equal(page_of(evidence, result).pixels(), page_of(evidence, result).pixels())
