"""Who analyses for the worker: the active models of each AE title, and the shadow model beside them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dicom_io.encoding.part10 import examine
from dicom_io.headers.read import read_series_headers
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.inference import analyze
from mome_core.model.checkpoint import Checkpoint
from node.analysis import (
    AnalysisContext,
    AnalysisOutcome,
    analyze_study,
    encoded,
    open_context,
    summarize,
)
from node.answering import refused_without_dce
from node.models import bundles_in_use, registry_of
from node.prior_reports import PriorReports
from node.reasons import Reason, ReasonCode
from node.settings import Settings
from node.storage.database import open_engine
from node.storage.decisions import ModelDecisions, shadow_of
from node.storage.ledger.reading import LedgerReader
from node.storage.records import StudyAnalysis, StudyRevision
from sr_templates.dicom.device import DocumentReference, Revision

log = logging.getLogger(__name__)


class ContextsByAeTitle:
    """What the studies of each AE title are analysed with now; a bundle is loaded once, however many use it."""

    def __init__(self, settings: Settings) -> None:
        """Load all; raises SettingsError, NotReady or CheckpointRefused."""
        self.settings, self.engine = settings, open_engine(settings.database_url)
        self.decisions = ModelDecisions(self.engine)
        self.loaded: dict[Path, Checkpoint] = {}
        self.contexts: dict[str, tuple[tuple[Path, ...], AnalysisContext]] = {}
        for title in ("", *(each.ae_title for each in settings.ae_titles)):
            self.of(title)

    def of(self, called_ae_title: str) -> AnalysisContext:
        """For a study that called this AE title, with the models that are active now."""
        title = called_ae_title if self.settings.entity_called(called_ae_title) else ""
        bundles = bundles_in_use(self.settings, self.decisions, title)
        known, context = self.contexts.get(title, ((), None))
        if context is not None and known == bundles:
            return context
        made = open_context(self.settings, bundles, title, self.loaded)
        self.contexts[title] = bundles, made
        if context is not None:
            identities = [each.checkpoint.identity.sha256 for each in made.models]
            log.info("the active model has changed", extra={"models": identities})
        self.forget_unused()
        return made

    def prior_reports(self, called_ae_title: str) -> PriorReports:
        """What is asked for earlier results of the patient of a study that called this AE title."""
        results = self.settings.results_of(called_ae_title)
        knows = LedgerReader(self.engine).knows
        return PriorReports.of_settings(self.settings, results.priors_from if results.priors else "", knows)

    def forget_unused(self) -> None:
        """Let go of bundles that no AE title uses any more."""
        used = {bundle for bundles, _ in self.contexts.values() for bundle in bundles}
        for each in self.loaded.keys() - used:
            del self.loaded[each]


def make_analyst(settings: Settings) -> Callable[[Sequence[Path], StudyRevision], StudyAnalysis]:
    """Load the active models; the analyst analyses study after study, each with those that are active then."""
    contexts = ContextsByAeTitle(settings)

    def analyst(paths: Sequence[Path], revision: StudyRevision) -> StudyAnalysis:
        context = contexts.of(revision.called_ae_title)
        elsewhere = contexts.prior_reports(revision.called_ae_title).before(revision.study_instance_uid, paths[0])
        outcome = analyze_study(
            paths,
            context,
            run=_run_of(revision, paths),
            senders=revision.senders,
            earlier=(*revision.earlier, *elsewhere) if context.priors else (),
            progress=revision.progress,
        )
        summary = replace(summarize(outcome), elsewhere=elsewhere if context.priors else ())
        return StudyAnalysis(tuple(encoded(outcome.objects)), summary, _why_without_score(outcome))

    return analyst


def _why_without_score(outcome: AnalysisOutcome) -> Reason | None:
    """The reason for which there is no score, with its code; None when there is one."""
    code = outcome.code if isinstance(outcome.code, Ineligibility) else ReasonCode.SCORE_WITHHELD
    return Reason(code, outcome.reason) if outcome.reason else None


class ShadowModel:
    """The shadow model: it scores studies beside the active model, and its results are not delivered."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.decisions = ModelDecisions(open_engine(settings.database_url))
        self.digest, self.since = "", 0.0
        self.context: AnalysisContext | None = None

    def refresh(self) -> None:
        """Read which shadow is set now; its bundle is loaded when there is a study to score."""
        decision = shadow_of(self.decisions.decisions())
        digest = decision.digest if decision else ""
        if digest != self.digest:
            self.context = None
        self.digest, self.since = digest, decision.at if decision else 0.0

    def __call__(self, paths: Sequence[Path]) -> tuple[dict[str, float], str]:
        """Probability of each endpoint, or the reason for none; raises CheckpointRefused for a damaged bundle."""
        if self.context is None:
            self.context = open_context(self.settings, [registry_of(self.settings, self.decisions).bundle(self.digest)])
        try:
            assembly = read_case(assign_roles(read_series_headers(paths), self.context.rules), dce_required=False)
            (model,) = self.context.models
            if refusal := refused_without_dce(assembly.without_dce, assembly.case.modalities, model.checkpoint):
                return {}, str(refusal)
            policy = replace(model.policy, contributions=False, saliency=False)
            result = analyze(assembly.case, model.checkpoint, policy)
        except StudyIneligible as reason:
            return {}, str(reason)
        shown = {str(each.endpoint): each.probability for each in result.scores if each.probability is not None}
        return shown, result.withheld


def _run_of(revision: StudyRevision, paths: Sequence[Path]) -> Revision:
    """As `revision_of`, with the Study Instance UID that the images themselves have."""
    told = examine(paths[0]).study_instance_uid if revision.predecessor and paths else ""
    return revision_of(revision, told)


def revision_of(revision: StudyRevision, study_instance_uid: str) -> Revision:
    """The revision as the result objects state it, with the report that it supersedes.

    Parameters
    ----------
    study_instance_uid
        Of the images: a study that was split has another in the ledger, which stands in no object.
    """
    earlier = revision.predecessor
    if earlier is None:
        return Revision(revision=revision.revision)
    uids = (study_instance_uid, earlier.series_instance_uid, earlier.sop_class_uid, earlier.sop_instance_uid)
    return Revision(revision=revision.revision, predecessor=DocumentReference(*uids))
