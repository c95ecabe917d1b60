"""One study from files to result objects: the whole pipeline on one screen.

read_series_headers -> assign_roles -> read_case -> analyze -> build_objects
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dicom_io.headers.read import read_series_headers
from dicom_io.headers.records import StudyHeaders
from dicom_io.study.case import Assembly, SourceFrame, read_case
from dicom_io.study.classify import assign_roles
from dicom_io.study.protocol import check_protocol
from dicom_io.study.roles import RoleAssignment, RoleRule
from mome_core.calibration import Calibration, coalition_name
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.inference import ActiveModel
from mome_core.model.checkpoint import Checkpoint
from mome_core.results import Result, Saliency, Score
from mome_core.visits import Visit
from node.answering import StageProgress, answer_case, timed
from node.earlier import visit_of, visits_beside
from node.errors import SettingsError
from node.identity import this_device
from node.loaded_models import load_models
from node.measuring import measured
from node.series_roles import series_summaries
from node.settings import Settings
from node.settings_sections import ResultSettings
from node.storage.records import EncodedObject
from node.study_doubts import doubted, require_one_patient
from node.summary import (
    AnalysisSummary,
    CalibrationSummary,
    EstimatorSummary,
    ModelSummary,
    SaliencySummary,
    ScoreSummary,
)
from sr_templates.build import (
    ResultObjects,
    build_not_analysed,
    build_objects,
    encode,
)
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom.device import Device, Revision
from sr_templates.dicom.evidence import Evidence, SourceImage
from sr_templates.drawing.fonts import can_draw
from sr_templates.drawing.summary_page import PageLayout, PageOptions
from sr_templates.errors import EvidenceRefused
from sr_templates.identification import Identification
from sr_templates.kinds import DEFAULT_KINDS, MEASURED_KINDS, OFFERED_KINDS, Kind
from sr_templates.languages.words import Language
from sr_templates.refusal import Refusal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisContext:
    """What an analysis needs beside the study.

    Parameters
    ----------
    models
        They answer together, each its own endpoints.
    rules
        The site's own roles for series of certain names.
    silent
        For which reasons a study that cannot be analysed gets no result objects.
    priors
        Whether earlier results of the patient are set beside the present one.
    """

    models: tuple[ActiveModel, ...]
    device: Device
    rules: tuple[RoleRule, ...] = ()
    options: ObjectOptions = field(default_factory=ObjectOptions)
    silent: frozenset[Ineligibility] = frozenset()
    priors: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisOutcome:
    """Everything that one analysis found; parts that it did not reach are None.

    Parameters
    ----------
    reason
        Why there is no score, for the reader; empty when there is one.
    code
        The stable code of `reason`.
    timings_s
        Seconds of each stage, by name.
    """

    headers: StudyHeaders
    roles: RoleAssignment
    assembly: Assembly | None
    result: Result | None
    objects: ResultObjects | None
    reason: str
    code: str
    timings_s: Mapping[str, float]


def analyze_study(
    paths: Sequence[Path],
    context: AnalysisContext,
    *,
    run: Revision | None = None,
    senders: Sequence[str] = (),
    earlier: Sequence[Visit] = (),
    progress: StageProgress | None = None,
) -> AnalysisOutcome:
    """Analyse the files of one study; one that cannot be analysed has a reason, and objects that state it.

    Parameters
    ----------
    senders
        Calling AE titles of its images.
    earlier
        What earlier studies of the patient gave, which the report and the PDF set beside this one.
    """
    timings: dict[str, float] = {}
    run = run or Revision()
    with timed(timings, "read headers"):
        headers = read_series_headers(paths)
        roles = assign_roles(headers, context.rules)
    try:
        require_one_patient(headers)
        with timed(timings, "assemble"):
            assembly = read_case(roles, dce_required=False, diffusion=True)
        answered = answer_case(assembly.case, assembly.without_dce, context.models, timings, progress)
        if (refusal := answered.refusal) is not None:
            objects = refused_objects(headers, refusal, context, run)
            return AnalysisOutcome(
                headers, roles, assembly, answered.result, objects, str(refusal), refusal.code, timings
            )
        result = doubted(answered.result, headers, senders, assembly.warnings)
    except StudyIneligible as reason:
        objects = refused_objects(headers, reason, context, run)
        return AnalysisOutcome(headers, roles, None, None, objects, str(reason), reason.code, timings)
    timings |= result.timings_s
    evidence = evidence_of(assembly)
    with timed(timings, "measure"):
        maps = not context.options.kinds.isdisjoint(MEASURED_KINDS)
        result = measured(result, assembly.case, answered.surveyed, evidence, maps=maps)
    visit = visit_of(result, assembly)
    run = replace(run, visit=visit, visits=visits_beside(visit, paths[0], earlier))
    with timed(timings, "result objects"):
        objects = build_objects(result, evidence, context.device, run=run, options=context.options)
    return AnalysisOutcome(headers, roles, assembly, result, objects, result.withheld, result.withheld_code, timings)


def refused_objects(
    headers: StudyHeaders, reason: StudyIneligible, context: AnalysisContext, run: Revision
) -> ResultObjects | None:
    """Objects that state why a study was not analysed; None where nobody is told, or it has no image to refer to.

    Those of two patients can be filed under neither.
    """
    if reason.code in (*context.silent, Ineligibility.SEVERAL_PATIENTS):
        return None
    images = tuple(SourceImage(instance.header) for series in headers for instance in series.instances)
    try:
        refusal = Refusal(str(reason), reason.code)
        return build_not_analysed(refusal, Evidence(other=images), context.device, run=run, options=context.options)
    except EvidenceRefused:
        return None


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


# --- for the worker


def open_context(
    settings: Settings,
    bundles: Sequence[Path],
    called_ae_title: str = "",
    loaded: dict[Path, Checkpoint] | None = None,
    device: Device | None = None,
) -> AnalysisContext:
    """Load bundles that answer together, with estimator and results as set for the AE title that studies called.

    The device is that of the storage root unless another is given. Raises as `load_models`, where `loaded` is told of.
    """
    results = settings.results_of(called_ae_title)
    return AnalysisContext(
        models=load_models(settings, bundles, called_ae_title, loaded),
        device=device or this_device(settings.storage.root),
        rules=settings.series.role_rules(),
        options=object_options(results),
        silent=_silent(results),
        priors=results.priors,
    )


def _silent(results: ResultSettings) -> frozenset[Ineligibility]:
    """Reasons of which the PACS is told nothing."""
    if not results.not_analysed_report:
        return frozenset(Ineligibility)
    return frozenset() if results.no_breast_report else frozenset((Ineligibility.NO_BREAST,))


def object_options(results: ResultSettings) -> ObjectOptions:
    """Which result objects to write, from the settings.

    Raises SettingsError for a kind that does not exist, or a language whose signs no font of this machine has.
    """
    language = Language(results.language)
    if not can_draw(language):
        raise SettingsError(
            f"results.language: no font of this machine has the signs of {language}; install Noto Sans CJK "
            "(Debian: apt-get install fonts-noto-cjk)"
        )
    page = PageOptions(PageLayout(results.page), Identification(results.identify), language)
    return ObjectOptions(wanted_kinds(results.kinds), MapEncoding(results.map_encoding), results.crop_map, page)


def wanted_kinds(names: Sequence[str]) -> frozenset[Kind]:
    """Kinds of result object by name; raises SettingsError for one that does not exist."""
    unknown = set(names) - OFFERED_KINDS
    if unknown:
        offered = ", ".join(sorted(OFFERED_KINDS))
        raise SettingsError(f"results.kinds: no kind {', '.join(sorted(unknown))}; kinds: {offered}")
    return frozenset(Kind(name) for name in names) or DEFAULT_KINDS


def encoded(objects: ResultObjects | None) -> Iterator[EncodedObject]:
    """The objects as files, with kind and UIDs for the ledger."""
    for kind, instances in (objects.by_kind if objects else {}).items():
        for each in instances:
            yield kind, str(each.SOPClassUID), str(each.SOPInstanceUID), str(each.SeriesInstanceUID), encode(each)


# --- for people


def summarize(outcome: AnalysisOutcome) -> AnalysisSummary:
    """The outcome as the ledger keeps it and people read it; holds no patient data and no text from headers."""
    result, assembly, objects = outcome.result, outcome.assembly, outcome.objects
    summary = AnalysisSummary(
        reason=outcome.reason,
        code=outcome.code,
        series=series_summaries(outcome.roles),
        protocol=check_protocol(outcome.roles),
        not_written={} if objects is None else {str(kind): why for kind, why in objects.not_written.items()},
        timings_s={name: round(seconds, 3) for name, seconds in outcome.timings_s.items()},
    )
    if assembly is not None:
        summary = replace(summary, warnings=tuple(assembly.warnings))
    if result is None:
        return summary
    visit = None if assembly is None else visit_of(result, assembly)
    return replace(with_result(summary, result), visit=visit)


def with_result(summary: AnalysisSummary, result: Result) -> AnalysisSummary:
    """The summary with all that a result says."""
    return replace(
        summary,
        scores=tuple(_summarize_score(score) for score in result.scores),
        modalities=result.modalities_used,
        flags=result.flags,
        policy=result.policy,
        saliency=tuple(_summarize_saliency(each) for each in result.saliency),
        measurements=result.measurements,
    )


def _summarize_score(score: Score) -> ScoreSummary:
    """One endpoint's score with its call, calibration, contributions and model."""
    estimator, validation = score.estimator, score.calibration.validation
    return ScoreSummary(
        endpoint=score.endpoint,
        probability=score.probability,
        threshold=score.threshold,
        spread=score.spread,
        augmentations=estimator.versions,
        contributions={each.modality: each.value for each in score.contributions},
        base_probability=score.base_probability,
        model=ModelSummary(score.model.name, score.model.version, score.model.sha256),
        call=score.call,
        withheld_reason=score.withheld,
        calibration=_summarize_calibration(score.calibration),
        at_this_score=score.at_this_score,
        among=None if validation is None or score.probability is None else validation.among(score.probability),
        without=score.without,
        estimator=EstimatorSummary(estimator.name, **estimator.to_json(), versions=estimator.versions),
    )


def _summarize_calibration(calibration: Calibration) -> CalibrationSummary | None:
    """What validation showed of the modalities that were used; None where nothing is known."""
    validation = calibration.validation
    if validation is None:
        return None
    return CalibrationSummary(
        coalition=coalition_name(calibration.coalition),
        operating_point=calibration.threshold,
        target_sensitivity=validation.target_sensitivity,
        sensitivity=validation.sensitivity,
        specificity=validation.specificity,
        auroc=validation.auroc,
        cases=validation.cases,
        prevalence=validation.prevalence,
    )


def _summarize_saliency(saliency: Saliency) -> SaliencySummary:
    """How a map was computed, and how complete it is."""
    return SaliencySummary(
        endpoint=saliency.endpoint,
        modality=saliency.modality,
        method=saliency.method,
        baseline=saliency.baseline,
        steps=saliency.steps,
        completeness_error=saliency.completeness_error,
        versions=saliency.versions,
        explained_log_odds=saliency.explained_log_odds,
        reported_log_odds=saliency.reported_log_odds,
        baseline_log_odds=saliency.baseline_log_odds,
        difference=saliency.difference,
    )
