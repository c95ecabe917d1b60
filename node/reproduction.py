"""Whether a report can be reproduced: find the images it was made from, analyse them again, compare every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from node.analysis import analyze_study, encoded, open_context
from node.errors import NodeError
from node.hosts import images_here, open_storage
from node.models import Registry, bundles_in_use, manifest_of
from node.settings import Settings
from node.storage.decisions import ModelDecisions
from node.storage.ledger.ledger import Ledger
from sr_templates.kinds import Kind
from sr_templates.reading.report_numbers import ReportedNumbers, read_numbers


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Numbers by their path of concept names, as written: what the report states, and what the analysis gives now."""

    stated: Mapping[str, str]
    found: Mapping[str, str]

    @property
    def different(self) -> tuple[str, ...]:
        """Paths of the numbers that differ, or that only one side has."""
        names = self.stated.keys() | self.found.keys()
        return tuple(sorted(name for name in names if self.stated.get(name) != self.found.get(name)))


def reproduce_report(settings: Settings, report: Path) -> Reproduction:
    """Analyse the inputs of a structured report again, with its model if this node keeps it, else with the active one.

    Its study is the one that has the images which the report names: two patients' studies can have one Study Instance
    UID. Raises NodeError when the study is not in the archive.
    """
    stated = read_numbers(report.read_bytes())
    archive, ledger = open_storage(settings)
    uid = ledger.reading.study_of(sorted(stated.evidence))
    if uid is None:
        raise NodeError("the study of this report is not in this node's archive; ingest or retrieve it first")
    paths = images_here(ledger, archive, uid)
    called = ledger.reading.study(uid).study.called_ae_title
    context = open_context(settings, _bundles_of(stated, settings, ledger, called), called)
    outcome = analyze_study(paths, context, senders=ledger.reading.senders(uid))
    again = next(content for kind, *_, content in encoded(outcome.objects) if kind == Kind.REPORT)
    return Reproduction(stated.numbers, read_numbers(again).numbers)


def _bundles_of(stated: ReportedNumbers, settings: Settings, ledger: Ledger, called: str) -> tuple[Path, ...]:
    """Those with the stated weights, kept or of the AE title that the study called; else the active ones."""
    active, registry = bundles_in_use(settings, ModelDecisions(ledger.engine), called), Registry(settings.storage.root)
    here = {manifest_of(each).weights_sha256: each for each in active}
    found = [registry.with_weights(each) or here.get(each) for each in stated.weights]
    return tuple(each for each in found if each) if found and all(found) else active
