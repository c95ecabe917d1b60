"""One study from files to result objects: the whole product on one screen.

read_series_headers -> assign_roles -> read_case -> analyze -> build_objects
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dicom_io.headers.read import StudyHeaders, read_series_headers
from dicom_io.study.case import Assembly, read_case
from dicom_io.study.case import SourceImage as ReadImage
from dicom_io.study.classify import assign_roles
from dicom_io.study.roles import RoleRule
from mome_core.errors import StudyIneligible
from mome_core.inference import Augmentation, Policy, analyze, best_device, default_policy
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.results import Result
from node.errors import SettingsError
from node.identity import this_device
from node.models import Registry, bundle_in_use
from node.service.worker import Analyst, StudyAnalysis, StudyRevision
from node.settings import Results, Settings
from node.storage.archive import EncodedObject
from node.storage.database import open_engine
from node.storage.decisions import ModelDecisions, shadow_of
from sr_templates.build import (
    ResultObjects,
    build_not_analysed,
    build_objects,
    encode,
)
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom.device import Device, DocumentReference, Revision
from sr_templates.dicom.evidence import Evidence, SourceImage
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import DEFAULT_KINDS, OFFERED_KINDS, Kind

Progress = Callable[[str, int, int], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisContext:
    """What an analysis needs beside the study.

    rules : the site's own words for its series.
    silent : write nothing to the PACS about a study that cannot be analysed.
    """

    checkpoint: Checkpoint
    policy: Policy
    device: Device
    rules: tuple[RoleRule, ...] = ()
    options: ObjectOptions = field(default_factory=ObjectOptions)
    silent: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisOutcome:
    """Everything that one analysis found; parts that were not reached are None."""

    headers: StudyHeaders
    assembly: Assembly | None
    result: Result | None
    objects: ResultObjects | None
    reason: str
    timings_s: Mapping[str, float]


def analyze_study(
    paths: Sequence[Path], workplace: AnalysisContext, *, run: Revision | None = None, progress: Progress | None = None
) -> AnalysisOutcome:
    """Analyse the files of one study; a study that cannot be analysed gives a reason and objects that say so."""
    timings: dict[str, float] = {}
    run = run or Revision()
    with timed(timings, "read headers"):
        headers = read_series_headers(paths)
    try:
        with timed(timings, "assemble"):
            assembly = read_case(assign_roles(headers, workplace.rules))
        result = analyze(assembly.case, workplace.checkpoint, workplace.policy, progress)
    except StudyIneligible as reason:
        objects = None if workplace.silent else refuse(headers, str(reason), workplace, run)
        return AnalysisOutcome(headers, None, None, objects, str(reason), timings)
    timings |= result.timings_s
    with timed(timings, "result objects"):
        objects = build_objects(result, evidence_of(assembly), workplace.device, run=run, options=workplace.options)
    return AnalysisOutcome(headers, assembly, result, objects, result.withheld, timings)


def refuse(headers: StudyHeaders, reason: str, workplace: AnalysisContext, run: Revision) -> ResultObjects | None:
    """Objects that say why a study was not analysed; None when it holds no image that they could be filed to."""
    images = tuple(SourceImage(instance.header) for series in headers for instance in series.instances)
    try:
        return build_not_analysed(reason, Evidence(other=images), workplace.device, run=run, options=workplace.options)
    except EvidenceRefused:
        return None


def evidence_of(assembly: Assembly) -> Evidence:
    """The source images of an assembly as the result objects need them."""
    return Evidence(
        dce=tuple(sources(phase) for phase in assembly.dce),
        t2=sources(assembly.t2),
        dwi=sources(assembly.dwi),
        other=sources(assembly.dwi_all),
        case=assembly.case,
    )


def sources(images: Sequence[ReadImage]) -> tuple[SourceImage, ...]:
    """The same images in the words of sr_templates."""
    return tuple(SourceImage(image.header, image.frame) for image in images)


# --- for the worker


def make_analyst(settings: Settings) -> Analyst:
    """Load the active model; the analyst answers study after study, each with the model that is active then."""
    book = ModelDecisions(open_engine(settings.database_url))
    bundle = bundle_in_use(settings, book)
    workplace = open_workplace(settings, bundle)

    def analyst(paths: Sequence[Path], edition: StudyRevision) -> StudyAnalysis:
        nonlocal bundle, workplace
        if (active := bundle_in_use(settings, book)) != bundle:
            workplace = open_workplace(settings, active)
            bundle = active
            log.info("another model answers from now on", extra={"model": workplace.checkpoint.identity.sha256})
        findings = analyze_study(paths, workplace, run=run_of(edition))
        return StudyAnalysis(tuple(encoded(findings.objects)), summary_of(findings), findings.reason)

    return analyst


class ShadowModel:
    """The shadow that was set last: it scores studies beside the active model, and nothing of it is delivered."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.book = ModelDecisions(open_engine(settings.database_url))
        self.digest, self.since = "", 0.0
        self.workplace: AnalysisContext | None = None

    def look(self) -> None:
        """Take note of which shadow is on now; its bundle is loaded when it has something to answer."""
        decision = shadow_of(self.book.decisions())
        digest = decision.digest if decision else ""
        if digest != self.digest:
            self.workplace = None
        self.digest, self.since = digest, decision.at if decision else 0.0

    def __call__(self, paths: Sequence[Path]) -> tuple[dict[str, float], str]:
        """Probability of each endpoint, or why there is none; raises CheckpointRefused for a damaged bundle."""
        if self.workplace is None:
            self.workplace = open_workplace(self.settings, Registry(self.settings.storage.root).bundle(self.digest))
        try:
            assembly = read_case(assign_roles(read_series_headers(paths), self.workplace.rules))
            policy = replace(self.workplace.policy, contributions=False, saliency=False)
            result = analyze(assembly.case, self.workplace.checkpoint, policy)
        except StudyIneligible as reason:
            return {}, str(reason)
        return {str(score.endpoint): score.probability for score in result.scores}, result.withheld


def run_of(edition: StudyRevision) -> Revision:
    """The same in the words of sr_templates."""
    earlier = edition.predecessor
    if earlier is None:
        return Revision(revision=edition.revision)
    uids = (edition.study_instance_uid, earlier.series_instance_uid, earlier.sop_class_uid, earlier.sop_instance_uid)
    return Revision(revision=edition.revision, predecessor=DocumentReference(*uids))


def open_workplace(settings: Settings, bundle: Path) -> AnalysisContext:
    """A model, with policy and device as the settings say; raises SettingsError or CheckpointRefused."""
    device = settings.model.device
    checkpoint = load_checkpoint(bundle, device if device != "auto" else best_device())
    policy = default_policy(checkpoint.network)
    if settings.model.policy == "paper":
        policy = Policy(augmentation=Augmentation.PUBLISHED, precision=policy.precision)
    return AnalysisContext(
        checkpoint=checkpoint,
        policy=policy,
        device=this_device(settings.storage.root),
        rules=settings.series.role_rules(),
        options=object_options(settings.results),
        silent=not settings.results.not_analysed_report,
    )


def object_options(results: Results) -> ObjectOptions:
    """Which objects the settings ask for, and how; raises SettingsError for a kind that does not exist."""
    return ObjectOptions(wanted_kinds(results.kinds), MapEncoding(results.map_encoding), results.crop_map)


def wanted_kinds(names: Sequence[str]) -> frozenset[Kind]:
    """Kinds of result object by name; raises SettingsError for one that does not exist."""
    unknown = set(names) - OFFERED_KINDS
    if unknown:
        offered = ", ".join(sorted(OFFERED_KINDS))
        raise SettingsError(f"results.kinds: no kind {', '.join(sorted(unknown))}; kinds: {offered}")
    return frozenset(Kind(name) for name in names) or DEFAULT_KINDS


def encoded(objects: ResultObjects | None) -> Iterator[EncodedObject]:
    """The objects as files, with what the ledger wants to know of them."""
    for kind, instances in (objects.by_kind if objects else {}).items():
        for each in instances:
            yield kind, str(each.SOPClassUID), str(each.SOPInstanceUID), str(each.SeriesInstanceUID), encode(each)


# --- for people


def summary_of(findings: AnalysisOutcome) -> dict[str, Any]:
    """What the ledger keeps and `studies show` prints; holds no patient data and no text from headers."""
    result, assembly = findings.result, findings.assembly
    return {
        "reason": findings.reason,
        "scores": [] if result is None else [score_line(score) for score in result.scores],
        "modalities": [] if result is None else [str(each) for each in result.modalities_used],
        "flags": []
        if result is None
        else [{"code": f.code, "severity": f.severity, "message": f.message} for f in result.flags],
        "policy": "" if result is None else result.policy,
        "saliency": [] if result is None else saliency_lines(result),
        "series": []
        if assembly is None
        else [
            {
                "series_instance_uid": each.series.series_uid,
                "role": each.role,
                "confidence": each.confidence,
                "why": each.why,
            }
            for each in assembly.roles.roles
        ],
        "warnings": [] if assembly is None else list(assembly.warnings),
        "not_written": {} if findings.objects is None else {str(k): v for k, v in findings.objects.not_written.items()},
        "timings_s": {name: round(seconds, 3) for name, seconds in findings.timings_s.items()},
    }


def score_line(score: Any) -> dict[str, Any]:
    """One endpoint's score with everything that it rests on."""
    return {
        "endpoint": score.endpoint,
        "probability": score.probability,
        "threshold": score.threshold,
        "spread": score.spread,
        "augmentations": score.augmentations,
        "contributions": {each.modality: each.value for each in score.contributions},
        "base_probability": score.base_probability,
        "model": {"name": score.model.name, "version": score.model.version, "sha256": score.model.sha256},
    }


def saliency_lines(result: Result) -> list[dict[str, Any]]:
    """How each map was computed, and how complete it is."""
    return [
        {
            "endpoint": each.endpoint,
            "modality": each.modality,
            "method": each.method,
            "baseline": each.baseline,
            "steps": each.steps,
            "completeness_error": each.completeness_error,
        }
        for each in result.saliency
    ]


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Seconds of the stage, under its name."""
    started = time.perf_counter()
    yield
    timings[name] = time.perf_counter() - started
