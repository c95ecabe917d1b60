"""What a result comes to, in the few sentences that a report begins with and an information system can pass on."""

from __future__ import annotations

from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.results import Result, Score
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.score_words import side_words
from sr_templates.dicom.text import percent
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, Wording, words_of
from sr_templates.saliency.placed import PlacedSaliency
from sr_templates.saliency.region import Region, Side

_ENGLISH = words_of(Language.ENGLISH)
_SIDES = {Side.LEFT: Phrase.ON_LEFT, Side.RIGHT: Phrase.ON_RIGHT, None: Phrase.SIDE_UNKNOWN}


def impression(result: Result, placed: PlacedSaliency | None, words: Wording = _ENGLISH) -> str:
    """Warning, each score with its call and operating point, and where the saliency that is shown is highest."""
    sentences = [words(Phrase.IMPRESSION_WARNING), *(_of_score(score, words) for score in result.scores)]
    if placed is not None and placed.region is not None:
        sentences.append(place_of_region(placed, placed.region, words))
    return " ".join(sentences)


def impression_of_refusal(reason: str, words: Wording = _ENGLISH) -> str:
    """Warning, that there is no score, and why."""
    return " ".join((words(Phrase.IMPRESSION_WARNING), words(Phrase.IMPRESSION_REFUSED), reason))


def _of_score(score: Score, words: Wording) -> str:
    named = {
        "endpoint": words.endpoint(score.endpoint),
        "reason": "" if score.withheld is None else words.withheld(score.withheld).rstrip("."),
    }
    if score.probability is None:
        return words(Phrase.IMPRESSION_WITHHELD, **named)
    named["probability"] = percent(score.probability)
    if score.call is Call.WITHHELD:
        return words(Phrase.IMPRESSION_NO_CALL, **named)
    named |= {"call": words(Phrase(f"call_{score.call}")), "side": side_words(score.call, score.threshold, words)}
    return words(Phrase.IMPRESSION_SCORE, **named)


def place_of_region(placed: PlacedSaliency, region: Region, words: Wording = _ENGLISH) -> str:
    """Where the saliency is highest: side, series and image."""
    place = image_words(placed.images[region.peak[2]], placed.saliency.modality, words)
    return words(Phrase.IMPRESSION_REGION, side=words(_SIDES[region.side]), place=place)


def image_words(source: SourceImage, modality: Modality, words: Wording) -> str:
    """Sequence, series and image, without the numbers that the source does not state."""
    series, image = source.series_number, source.number
    if not (series or image):
        return str(modality)
    both = Phrase.SERIES_IMAGE if series and image else Phrase.SERIES_ONLY
    return words(both if series else Phrase.IMAGE_ONLY, modality=modality, series=series, image=image)
