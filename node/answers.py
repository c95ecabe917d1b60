"""What bundles answer together from the volumes of one study, and the images that the answer refers to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from dicom_io.headers.records import StudyHeaders
from dicom_io.study.case import Assembly, SourceFrame
from mome_core.calibration import withheld_words
from mome_core.case import Modality
from mome_core.errors import StudyIneligible
from mome_core.inference import ActiveModel, analyze_together, unanswered, withheld_result
from mome_core.measurements import NotMeasured
from mome_core.model.checkpoint import Checkpoint
from mome_core.results import Result, combined
from node.measuring import measured, surveyed_case
from node.study_doubts import doubted
from sr_templates.dicom.evidence import Evidence, SourceImage

_Progress = Callable[[str, int, int], None]


def answer_assembly(
    assembly: Assembly,
    headers: StudyHeaders,
    models: Sequence[ActiveModel],
    *,
    senders: Sequence[str] = (),
    maps: bool = True,
    progress: _Progress | None = None,
) -> Result:
    """What bundles answer together from the volumes of one study, with doubts about the study and measurements.

    Raises StudyIneligible when the case cannot be analysed. Where no bundle may answer without a dynamic, the result
    says so and nothing is computed.

    Parameters
    ----------
    maps
        Whether the maps behind the measurements are wanted.
    """
    timings: dict[str, float] = {}
    refused = refused_bundles(assembly, models)
    if len(refused) == len(models):
        return combined(withheld_answers(refused, assembly.case.modalities))
    with timed(timings, "survey"):
        surveyed = surveyed_case(assembly.case)
    answering = [each for each in models if each not in refused]
    known = None if isinstance(surveyed, NotMeasured) else surveyed
    answered = analyze_together(assembly.case, answering, progress, known)
    answered = beside_refusals(answered, refused, assembly.case.modalities)
    result = doubted(answered, headers, senders, assembly.warnings)
    timings |= result.timings_s
    with timed(timings, "measure"):
        result = measured(result, assembly.case, surveyed, evidence_of(assembly), maps=maps)
    return replace(result, timings_s=timings)


def refused_bundles(assembly: Assembly, models: Sequence[ActiveModel]) -> dict[ActiveModel, StudyIneligible]:
    """The bundles that may not answer a study without a usable DCE, and why."""
    refusals = {each: refused_without_dce(assembly, each.checkpoint) for each in models}
    return {each: reason for each, reason in refusals.items() if reason}


def withheld_answers(refused: Mapping[ActiveModel, StudyIneligible], modalities: Sequence[Modality]) -> list[Result]:
    """What each bundle that may not answer from these modalities says instead."""
    return [withheld_result(each.checkpoint, modalities, str(reason)) for each, reason in refused.items()]


def beside_refusals(
    answered: Result, refused: Mapping[ActiveModel, StudyIneligible], modalities: Sequence[Modality]
) -> Result:
    """The answer of some bundles, which names the questions that others leave open, and why."""
    result = combined([answered, *withheld_answers(refused, modalities)])
    flags = (unanswered(each.checkpoint, reason) for each, reason in refused.items())
    return replace(result, flags=(*result.flags, *flags))


def refused_without_dce(assembly: Assembly, checkpoint: Checkpoint) -> StudyIneligible | None:
    """Why a study without a usable DCE stays unanswered; None where the bundle was validated for what is there."""
    reason, modalities = assembly.without_dce, assembly.case.modalities
    if reason is None or checkpoint.answers(modalities):
        return None
    words = withheld_words(checkpoint.calibrations(checkpoint.endpoints[0]).of(modalities))
    return StudyIneligible(f"{reason}; {words}", reason.code)


def evidence_of(assembly: Assembly) -> Evidence:
    """The source images of an assembly as the result objects need them."""
    return Evidence(
        dce=tuple(_sources(phase) for phase in assembly.dce),
        t2=_sources(assembly.t2),
        dwi=_sources(assembly.dwi),
        other=(*_sources(assembly.dwi_all), *_sources(assembly.adc)),
        case=assembly.case,
    )


def _sources(images: Sequence[SourceFrame]) -> tuple[SourceImage, ...]:
    """Source images of a volume as the result objects refer to them."""
    return tuple(SourceImage(image.header, image.frame) for image in images)


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Measure the seconds of a stage, under its name."""
    started = time.perf_counter()
    yield
    timings[name] = time.perf_counter() - started
