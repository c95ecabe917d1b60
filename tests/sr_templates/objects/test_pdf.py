"""The PDF as those who file, print and read it meet it: patient, words that can be searched, A4, PDF/A."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import page as pdf_validator
import pikepdf
import pytest

from calibrations import calibration
from mome_core.results import Result
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import build_objects
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import Kind

ONLY = ObjectOptions(frozenset({Kind.PDF}))


def document_of(evidence: Evidence, result: Result) -> bytes:
    (instance,) = build_objects(result, evidence, DEVICE, options=ONLY).by_kind[Kind.PDF]
    assert instance.BurnedInAnnotation == "YES"
    return bytes(instance.EncapsulatedDocument)[: instance.EncapsulatedDocumentLength]


@pytest.fixture(scope="module")
def document(evidence: Evidence, result: Result) -> bytes:
    return document_of(evidence, result)


def words_of(document: bytes, folder: Path) -> str:
    (folder / "a.pdf").write_bytes(document)
    found = subprocess.run(["pdftotext", "-layout", folder / "a.pdf", "-"], capture_output=True, text=True, check=True)
    return " ".join(found.stdout.split())


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed")
def test_its_words_can_be_searched(document: bytes, tmp_path: Path) -> None:
    words = words_of(document, tmp_path)
    for expected in (
        "Phantom Anna", "ID P-1", "born 1970-01-01", "study of 2026-09-01", "A-1", "83 %", "POSITIVE",
        "above the operating point of 50 %", "RESEARCH USE ONLY - NOT FOR DIAGNOSIS", "sensitivity 97 %",
        "Raised most on the left: DCE series 4, image", "+20.0 points", "Se 4, Im",
        "Measured on the images, not by the network", "washout (type III), -19 %", "6.3 ml; 24 mm left-right",
        "higher than 85 % of 100 negative and 83 % of 100 positive validation patients",
    ):  # fmt: skip
        assert expected in words


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed")
def test_a_negative_one_marks_no_place(evidence: Evidence, result: Result, tmp_path: Path) -> None:
    first = replace(result.scores[0], probability=0.1, calibration=calibration())
    words = words_of(document_of(evidence, replace(result, scores=(first,))), tmp_path)
    assert "no place is marked" in words
    assert "Raised most" not in words


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed")
def test_a_study_without_a_score_has_one_with_what_was_measured(
    evidence: Evidence, result: Result, tmp_path: Path
) -> None:
    withheld = replace(result, scores=(), saliency=(), withheld="The pre-contrast phase may be missing.")
    document = document_of(evidence, withheld)
    words = words_of(document, tmp_path)
    for expected in (
        "Phantom Anna", "Not analysed", "The pre-contrast phase may be missing.", "says nothing about the presence",
        "Measured on the images", "washout (type III), -19 %", "Fewer post-contrast phases",
    ):  # fmt: skip
        assert expected in words
    verdict = pdf_validator.validate_pdf_bytes(document, profile=pdf_validator.ValidationProfile.PDF_A_2A)
    assert verdict.is_compliant, str(verdict)


def test_it_is_pdf_a_with_its_language_and_fonts(document: bytes) -> None:
    verdict = pdf_validator.validate_pdf_bytes(document, profile=pdf_validator.ValidationProfile.PDF_A_2A)
    assert verdict.is_compliant, str(verdict)
    with pikepdf.open(BytesIO(document)) as pdf:
        assert str(pdf.Root.Lang) == "en"
        assert [round(float(each)) for each in pdf.pages[0].MediaBox] == [0, 0, 595, 842]
        fonts = [font.DescendantFonts[0].FontDescriptor for font in pdf.pages[0].Resources.Font.values()]
        assert fonts
        assert all({"/FontFile2", "/FontFile3"} & set(font.keys()) for font in fonts)


def test_the_validator_finds_what_is_wrong(document: bytes) -> None:
    """Without its output intent and metadata the same document is no PDF/A."""
    with pikepdf.open(BytesIO(document)) as pdf:
        del pdf.Root.Metadata
        spoiled = BytesIO()
        pdf.save(spoiled)
    profile = pdf_validator.ValidationProfile.PDF_A_2A
    assert not pdf_validator.validate_pdf_bytes(spoiled.getvalue(), profile=profile).is_compliant


def test_the_same_result_gives_the_same_bytes(document: bytes, evidence: Evidence, result: Result) -> None:
    assert document_of(evidence, result) == document


def test_a_name_in_any_script_leaves_a_document_with_every_glyph() -> None:
    """A sign that no font of this machine has is a question mark; a missing glyph would be no PDF/A.

    Of Noto Sans CJK, which typst embeds as CFF, the validator (0.11) holds widths against the document that it reads as
    zero; nothing else may be wrong.
    """
    evidence = make_evidence(Layout(attributes={"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう\U0001f9ec"}))
    document = document_of(evidence, make_result(evidence))
    verdict = pdf_validator.validate_pdf_bytes(document, profile=pdf_validator.ValidationProfile.PDF_A_2A)
    assert {each.rule_id for each in verdict.failures} <= {"PDFA2A-TRUETYPE-GLYPH-WIDTH-001"}


@pytest.mark.parametrize("sign", ["\uf6c5", "\uf001", "\ue000", "\U000f0000"])
def test_a_sign_for_private_use_in_a_name_is_a_question_mark(sign: str) -> None:
    """DejaVu Sans has some of them, and PDF/A forbids all."""
    evidence = make_evidence(Layout(attributes={"PatientName": f"Phantom^An{sign}na"}))
    document = document_of(evidence, make_result(evidence))
    verdict = pdf_validator.validate_pdf_bytes(document, profile=pdf_validator.ValidationProfile.PDF_A_2A)
    assert verdict.is_compliant, str(verdict)


def test_a_document_that_cannot_be_set_leaves_the_other_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the guard a sign for private use is what the typesetter refuses, with its own error."""
    monkeypatch.setattr("sr_templates.objects.pdf.drawable", lambda words, language: words)
    named = make_evidence(Layout(attributes={"PatientName": "Phantom^An\uf6c5na"}))
    objects = build_objects(
        make_result(named), named, DEVICE, options=ObjectOptions(frozenset({Kind.PDF, Kind.SUMMARY, Kind.REPORT}))
    )
    assert objects.not_written == {Kind.PDF: "the words of this study cannot be set as PDF/A"}
    assert set(objects.by_kind) == {Kind.SUMMARY, Kind.REPORT}
