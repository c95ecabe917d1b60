"""A report in the site's language: in the study's own character set, each item with its language, codes unchanged."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from mome_core.errors import Ineligibility
from mome_core.results import QualityFlag, Severity
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import build_not_analysed, build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.dicom.report_wording import ReportWording
from sr_templates.drawing.summary_page import PageOptions
from sr_templates.kinds import Kind
from sr_templates.languages.words import Language
from sr_templates.refusal import Refusal

IMPRESSION, LANGUAGE = "121073", "121049"
FITS = [
    ("ISO_IR 192", Language.GERMAN), ("ISO_IR 192", Language.FRENCH), ("ISO_IR 192", Language.CHINESE),
    ("ISO_IR 192", Language.JAPANESE), ("GB18030", Language.CHINESE), ("ISO_IR 100", Language.GERMAN),
    ("ISO_IR 100", Language.FRENCH), (["", "ISO 2022 IR 87"], Language.JAPANESE),
]  # fmt: skip
LACKS = [
    ("ISO_IR 100", Language.CHINESE), ("ISO_IR 100", Language.JAPANESE), ("", Language.GERMAN),
    ("ISO_IR 6", Language.FRENCH), ("ISO_IR 126", Language.GERMAN), (["", "ISO 2022 IR 87"], Language.GERMAN),
]  # fmt: skip


def source(character_set: str | list[str]) -> Dataset:
    image = Dataset()
    image.SpecificCharacterSet = character_set
    return image


@pytest.mark.parametrize(("character_set", "language"), FITS)
def test_a_study_whose_character_set_has_the_letters_is_told_in_the_language(character_set, language) -> None:  # type: ignore[no-untyped-def]
    assert ReportWording.of(language, source(character_set)).words.language is language


@pytest.mark.parametrize(("character_set", "language"), LACKS)
def test_another_study_is_told_in_english(character_set, language) -> None:  # type: ignore[no-untyped-def]
    assert ReportWording.of(language, source(character_set)).words.language is Language.ENGLISH


def written(document: Dataset) -> dict[str, tuple[str, str]]:
    """Text and language of each TEXT item of the file, by its code."""
    read = dcmread(BytesIO(encode(document)))
    found, stack = {}, list(read.ContentSequence)
    while stack:
        item = stack.pop()
        children = list(item.get("ContentSequence") or ())
        stack += children
        if item.ValueType == "TEXT":
            languages = [
                child.ConceptCodeSequence[0].CodeValue
                for child in children
                if child.ConceptNameCodeSequence[0].CodeValue == LANGUAGE
            ]
            name = item.ConceptNameCodeSequence[0].CodeValue
            found[name] = (item.TextValue, languages[0] if languages else "")
    return found


def report_in(language: Language, character_set: str | list[str]) -> dict[str, tuple[str, str]]:
    evidence = make_evidence(Layout(attributes={"SpecificCharacterSet": character_set, "PatientName": "Phantom^Anna"}))
    options = ObjectOptions(frozenset({Kind.REPORT}), page=PageOptions(language=language))
    return written(build_objects(make_result(evidence), evidence, DEVICE, options=options).by_kind[Kind.REPORT][0])


@pytest.mark.parametrize(("character_set", "language", "said"), [
    ("ISO_IR 192", Language.GERMAN, "nicht zur Diagnose. Wahrscheinlichkeit (Malignität) 83 %, positiv: über dem"),
    ("ISO_IR 100", Language.FRENCH, "pas pour le diagnostic. Probabilité (malignité) 83 %"),
    ("GB18030", Language.CHINESE, "不得用于诊断。 恶性概率 83 %，阳性：高于操作点 50 %"),
    (["", "ISO 2022 IR 87"], Language.JAPANESE, "診断に使用しないこと"),
])  # fmt: skip
def test_the_impression_is_read_again_as_it_was_said(character_set, language: Language, said: str) -> None:  # type: ignore[no-untyped-def]
    words, stated = report_in(language, character_set)[IMPRESSION]
    assert said in words
    assert stated == language


def test_in_english_no_item_states_a_language_of_its_own() -> None:
    words, stated = report_in(Language.ENGLISH, "ISO_IR 192")[IMPRESSION]
    assert words.startswith("AI result, research use only, not for diagnosis. Probability of malignancy 83 %, positive")
    assert stated == ""


@pytest.mark.parametrize("language", [Language.GERMAN, Language.JAPANESE])
def test_a_refusal_is_said_in_the_language_with_the_english_reason_beside_it(language: Language) -> None:
    evidence, options = make_evidence(Layout()), ObjectOptions(page=PageOptions(language=language))
    flag = QualityFlag("MOTION_LEFT", Severity.WARNING, "4.2 mm of motion between the phases could not be corrected.")
    refusal = Refusal("no breast was found", Ineligibility.NO_BREAST, (flag,))
    (document,) = build_not_analysed(refusal, evidence, DEVICE, options=options).by_kind[Kind.REPORT]
    texts = [words for words, _ in written(document).values()]
    reason = {Language.GERMAN: "Es wurde keine Mamma gefunden.", Language.JAPANESE: "乳房が見つかりません。"}[language]
    assert any(f"{reason} (no breast was found)" in each for each in texts)
    assert any("(MOTION_LEFT: 4.2 mm of motion" in each for each in texts)
