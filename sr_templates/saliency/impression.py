"""What a result comes to, in the few sentences that a report begins with and an information system can pass on."""

from __future__ import annotations

from collections.abc import Iterator

from mome_core.calibration import Call
from mome_core.results import Result, Score
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.score_words import call_words
from sr_templates.dicom.text import percent
from sr_templates.saliency.placed import PlacedSaliency
from sr_templates.saliency.region import Region, Side

_SENTENCES = {
    "warning": "AI result, research use only, not for diagnosis.",
    "score": "Probability of {endpoint} {probability}, {call}.",
    "no call": "Probability of {endpoint} {probability}, no call: {reason}.",
    "withheld": "Probability of {endpoint} withheld: {reason}.",
    "region": "Region of highest saliency, not a lesion outline: {side}, {modality} {where}.",
    "not analysed": "Not analysed, no score was given; this says nothing about the presence or absence of disease.",
}
_SIDES = {Side.LEFT: "left side", Side.RIGHT: "right side", None: "side not determined"}


def impression(result: Result, placed: PlacedSaliency | None) -> str:
    """Warning, each score with its call and operating point, and where the saliency that is shown is highest."""
    sentences = [_SENTENCES["warning"], *map(_of_score, result.scores)]
    if placed is not None and placed.region is not None:
        sentences.append(place_of_region(placed, placed.region))
    return " ".join(sentences)


def impression_of_refusal(reason: str) -> str:
    """Warning, that there is no score, and why."""
    return " ".join((_SENTENCES["warning"], _SENTENCES["not analysed"], reason))


def _of_score(score: Score) -> str:
    withheld = "" if score.withheld is None else score.withheld.words
    named = {"endpoint": score.endpoint.words, "reason": withheld.rstrip(".")}
    if score.probability is None:
        return _SENTENCES["withheld"].format(**named)
    named["probability"] = percent(score.probability)
    if score.call is Call.WITHHELD:
        return _SENTENCES["no call"].format(**named)
    return _SENTENCES["score"].format(call=call_words(score.call, score.threshold), **named)


def place_of_region(placed: PlacedSaliency, region: Region) -> str:
    """Where the saliency is highest: side, series and image."""
    where = _image_words(placed.images[region.peak[2]])
    return _SENTENCES["region"].format(side=_SIDES[region.side], modality=placed.saliency.modality, where=where)


def _image_words(source: SourceImage) -> str:
    """What a viewer calls a source image, e.g. "series 7, image 24"."""
    return ", ".join(_numbers_of(source))


def _numbers_of(source: SourceImage) -> Iterator[str]:
    if source.series_number:
        yield f"series {source.series_number}"
    if source.number:
        yield f"image {source.number}"
