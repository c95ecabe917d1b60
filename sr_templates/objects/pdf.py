"""The result as an encapsulated PDF (PS3.3 A.45.1), for systems that file and print documents; off by default.

An A4 page on a light ground with the patient's name, ID and dates, because it leaves the viewer that would add them.
The words are text, so that it can be searched and read aloud; PDF/A-2a (ISO 19005-2), with the language stated.
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import datetime
from importlib.resources import files
from io import BytesIO
from typing import Any

import typst
from PIL import Image
from pydicom.dataset import Dataset

from mome_core.measurements import Measurements
from mome_core.results import Result, Score
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.measurement_words import measurement_rows, not_measured_words
from sr_templates.dicom.score_words import points_that_add_up, side_words, sum_words
from sr_templates.dicom.text import percent
from sr_templates.dicom.visit_words import visit_rows
from sr_templates.drawing.box import Box
from sr_templates.drawing.curves import CURVES, ON_LIGHT, draw_curves
from sr_templates.drawing.fonts import dejavu, drawable, noto_cjk
from sr_templates.drawing.page import Page
from sr_templates.drawing.projection import MIP, MIP_WITH_CONTOURS, place_words
from sr_templates.drawing.summary_scores import CALLS, population, proof, score_without, whose
from sr_templates.errors import NotShowable
from sr_templates.identification import patient_parts, study_parts
from sr_templates.kinds import Kind
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, Wording
from sr_templates.refusal import Refusal
from sr_templates.saliency.placed import PlacedSaliency

_RIM = 27  # pixels around a projection that hold its letters and ruler
_TEMPLATE = "main.typ"
_CURVES_FILE, _CURVES_SIZE = "curves.svg", (620, 300)
_EMPTY: dict[str, Any] = {
    "answers": [], "contributions": [], "sum": "", "place": [], "projections": [], "cuts": [],
    "measured": [], "not_measured": [], "curves": "", "flags": [], "reading": [], "visits": [],
}  # fmt: skip
_CJK_NAMES = {Language.CHINESE: "Noto Sans CJK SC"}


def build(context: BuildContext) -> Instances:
    """One document."""
    result, page = context.result, context.page
    spoken = _head(context.common, page.words) | _of_result(result, context.saliency, page)
    spoken |= _measured(result.measurements, page.words)
    pictures = _figures_of(page) | _curves(result.measurements, page.words)
    return (_document(context.common, spoken, pictures, page.words),)


def build_refusal_pdf(
    common: CommonAttributes, refusal: Refusal, measurements: Measurements | None, words: Wording
) -> Dataset:
    """The document that says that no score was given, and why, with what was measured."""
    spoken = _head(common, words) | {
        "answers": [_unanswered(words(Phrase.NOT_ANALYSED), refusal.said(words), words(Phrase.NO_SCORE))],
        "flags": [words.flag(flag) for flag in refusal.flags],
    }
    spoken |= _measured(measurements, words)
    return _document(common, spoken, _curves(measurements, words), words)


def _document(common: CommonAttributes, spoken: dict[str, Any], pictures: dict[str, bytes], words: Wording) -> Dataset:
    """One object, in which the patient is named."""
    instance = common.new_instance(Kind.PDF)
    instance.ConversionType = "WSD"
    instance.BurnedInAnnotation = "YES"
    instance.RecognizableVisualFeatures = "NO"
    instance.AcquisitionDateTime = ""
    instance.DocumentTitle = "AI breast MRI summary, research use only"
    instance.ConceptNameCodeSequence = []
    instance.MIMETypeOfEncapsulatedDocument = "application/pdf"
    said = {key: _drawable(value, words) for key, value in (_EMPTY | spoken).items()}
    document = _compiled(said, pictures, common.moment)
    instance.EncapsulatedDocument = document + b"\x00" * (len(document) % 2)
    instance.EncapsulatedDocumentLength = len(document)
    return instance


def _compiled(words: dict[str, Any], figures: dict[str, bytes], made: datetime) -> bytes:
    """The bytes of the document; they depend on these alone. Raises NotShowable where they cannot be set."""
    language = Language(words["language"])
    cjk = noto_cjk(language)
    folders = [dejavu().regular.parent, *([] if cjk is None else [cjk.regular.parent])]
    words = words | {
        "date": [made.year, made.month, made.day],
        "fonts": ["DejaVu Sans", *([] if cjk is None else [_CJK_NAMES.get(language, "Noto Sans CJK JP")])],
    }
    sources = {
        _TEMPLATE: files("sr_templates.objects").joinpath("pdf.typ").read_bytes(),
        "data.json": json.dumps(words).encode(),
        **figures,
    }
    try:
        document: bytes = typst.compile(  # type: ignore[call-overload]
            sources,  # of files in memory: its stub does not know them yet
            format="pdf",
            font_paths=[str(folder) for folder in folders],
            ignore_system_fonts=True,
            pdf_standards="a-2a",
            timestamp=round((made - datetime(1970, 1, 1)).total_seconds()),
        )
    except typst.TypstError:
        raise NotShowable("the words of this study cannot be set as PDF/A") from None  # its message may quote the name
    return document


def _figures_of(page: Page) -> dict[str, bytes]:
    """Pictures of the summary page as files: projections with their letters, and cuts.

    Each is a PNG within an SVG, because typst takes files from memory as text only.
    """
    found = {}
    for number, (name, box) in enumerate(page.pictures.items()):
        if name == CURVES:
            continue  # drawn on a light ground instead
        part = box.inset(-_RIM) if name in (MIP, MIP_WITH_CONTOURS) else box
        found[f"{number}.svg"] = _svg(page.image.crop((part.x, part.y, part.right, part.bottom)))
    return found


def _svg(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    size = f'width="{picture.width}" height="{picture.height}"'
    png = b64encode(buffer.getvalue()).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><image {size} href="data:image/png;base64,{png}"/></svg>'
    ).encode()


def _head(common: CommonAttributes, words: Wording) -> dict[str, Any]:
    """Whose document it is, who signs it, and the titles of its parts."""
    source = common.evidence.reference
    revision = words(Phrase.REVISION, number=common.run.revision)
    return {
        "language": words.language,
        "title": words(Phrase.TITLE),
        "warning": words(Phrase.RESEARCH_ONLY),
        "who": [*patient_parts(source, words), *study_parts(source, words)],
        "signed": f"{common.device.model_name} {common.device.software_version}, {revision}",
        "contributions_title": words(Phrase.CONTRIBUTIONS),
        "place_title": f"{words(Phrase.ENHANCEMENT)}, {words(Phrase.SUBTRACTION_MIP)}",
        "measured_title": words(Phrase.MEASURED_TITLE),
        "quality_title": words(Phrase.QUALITY),
        "reading_title": words(Phrase.HOW_TO_READ),
        "visits_title": words(Phrase.VISITS_TITLE),
        "visits": visit_rows(common.run.visits, words),
    }


def _of_result(result: Result, placed: PlacedSaliency | None, page: Page) -> dict[str, Any]:
    """What the network answered, and where from."""
    words = page.words
    explained = result.explained
    pictures = {
        name: {"file": f"{number}.svg", "caption": page.captions[name]}
        for number, name in enumerate(page.pictures)
        if name != CURVES
    }
    projections = [pictures.pop(name) for name in (MIP, MIP_WITH_CONTOURS) if name in pictures]
    return {
        "answers": [_answer(score, result, words) for score in result.scores],
        "contributions": [] if explained is None else _contributions(explained, words),
        "sum": "" if explained is None else _sum(explained, words),
        "place": place_words(placed, words),
        "projections": projections,
        "cuts": list(pictures.values()),
        "flags": [words.flag(flag) for flag in result.flags] or [words(Phrase.NO_FLAGS)],
        "reading": [
            *(f"{each.name} {each.version}: {words.term(each.statement)}" for each in result.models),
            words(Phrase.READING_HELP),
        ],
    }


def _measured(measurements: Measurements | None, words: Wording) -> dict[str, Any]:
    """The numbers that no network had a part in, and what could not be measured."""
    if measurements is None:
        return {}
    tissue, times_s = measurements.tissue, measurements.times_s
    shown = tissue is not None and times_s
    return {
        "measured": [list(row) for row in measurement_rows(measurements, words)],
        "not_measured": list(not_measured_words(measurements, words)),
        "curves": {"file": _CURVES_FILE, "caption": words(Phrase.CURVE_AXES)} if shown else "",
    }


def _curves(measurements: Measurements | None, words: Wording) -> dict[str, bytes]:
    """The curves on a light ground, as a file; empty where there are none."""
    if measurements is None or measurements.tissue is None or not measurements.times_s:
        return {}
    page = Page(Image.new("RGB", _CURVES_SIZE, "white"), words)
    draw_curves(page, Box(0, 0, *_CURVES_SIZE), measurements.tissue, measurements.times_s, ON_LIGHT)
    return {_CURVES_FILE: _svg(page.image)}


def _answer(score: Score, result: Result, words: Wording) -> dict[str, Any]:
    """One endpoint: name, number, call, side of the operating point, and what it is worth."""
    name = words(Phrase.PROBABILITY_OF, endpoint=words.endpoint(score.endpoint))
    if score.probability is None:
        reason = "" if score.withheld is None else words.withheld(score.withheld)
        return _unanswered(name, words(Phrase.SCORE_WITHHELD), reason)
    call = words(CALLS[score.call]) + (f", {words(Phrase.UNSTABLE)}" if score.unstable else "")
    return {
        "name": name,
        "number": percent(score.probability),
        "call": call,
        "side": side_words(score.call, score.threshold, words) if score.withheld is None else "",
        "lines": [words(whose(result)), population(score, words), "; ".join(proof(score, words))],
    }


def _unanswered(name: str, *lines: str) -> dict[str, Any]:
    """A heading with lines and no number."""
    return {"name": name, "number": "", "call": "", "side": "", "lines": list(lines)}


def _contributions(score: Score, words: Wording) -> list[list[str]]:
    """Rows of modality, points, and the score without it."""
    shares = {share.modality: share.value for share in score.contributions}
    printed = points_that_add_up(score.base_probability, shares, score.probability)
    head = ["", "", words(Phrase.SCORE_WITHOUT)]
    rows = [[m, words(Phrase.POINTS, value=f"{printed[m]:+.1f}"), score_without(score, m, words)] for m in shares]
    return [head, *rows]


def _sum(score: Score, words: Wording) -> str:
    shares = {share.modality: share.value for share in score.contributions}
    return sum_words(score.base_probability, shares, score.probability, words)


def _drawable(value: Any, words: Wording) -> Any:
    """The same with a question mark for each sign that PDF/A forbids: without a glyph, or for private use."""
    match value:
        case str():
            return drawable(value, words.language)
        case list():
            return [_drawable(each, words) for each in value]
        case dict():
            return {key: _drawable(each, words) for key, each in value.items()}
    return value
