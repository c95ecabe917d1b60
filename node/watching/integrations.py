"""Examines the systems around the PACS that the settings name, each by its own protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from node.integration_settings import FhirServer
from node.integrations import mllp, syslog
from node.integrations.errors import IntegrationError, ReceiverUnreachable
from node.integrations.fhir import require_library
from node.integrations.fhir_client import FhirClient
from node.integrations.worklist import probe as ask_worklist
from node.settings import Settings
from node.storage.health import Echo, HealthStore
from node.watching.findings import Finding, FindingLevel

_ID = "integration"


@dataclass(frozen=True, slots=True)
class IntegrationProbe:
    """A system around the PACS, how it is asked whether it is there, and what to look at when it is not.

    Parameters
    ----------
    ask
        What it answered, in a few words; raises IntegrationError.
    """

    name: str
    ask: Callable[[], str]
    hint: str

    def answer(self) -> str:
        """What it answered; raises ReceiverUnreachable with what to look at."""
        try:
            return self.ask()
        except IntegrationError as error:
            raise ReceiverUnreachable(f"{error}; {self.hint}") from None


def integration_probes(settings: Settings) -> Iterator[IntegrationProbe]:
    """One for each system that the settings name."""
    for receiver in settings.hl7:
        hint = f"check host, port and TLS of [[hl7]] {receiver.name}, and the firewalls between; results wait meanwhile"
        yield IntegrationProbe(receiver.name, partial(mllp.probe, receiver), hint)
    for server in settings.fhir:
        hint = (
            f"check url, release and login of [[fhir]] {server.name}, and the firewalls between; results wait meanwhile"
        )
        yield IntegrationProbe(server.name, partial(_ask_fhir, server), hint)
    for worklist in settings.worklists:
        hint = f"check url and token_file of [[worklists]] {worklist.name}, and the firewalls; workitems wait meanwhile"
        ask = partial(ask_worklist, worklist, settings.dicom.ae_title)
        yield IntegrationProbe(worklist.name, ask, hint)
    repository = settings.audit_repository
    if repository.enabled:
        hint = "check [audit_repository]: host, port, authorities, and the firewalls between; entries wait meanwhile"
        yield IntegrationProbe("audit repository", lambda: f"answers by {syslog.probe(repository)}", hint)


def _ask_fhir(server: FhirServer) -> str:
    """Its capabilities, if messages for it can be made here at all."""
    require_library(server)
    return FhirClient(server).probe()


def examine_integrations(settings: Settings) -> Iterator[Finding]:
    """What each of them answers now."""
    for each in integration_probes(settings):
        try:
            level, message, hint = FindingLevel.OK, each.ask(), ""
        except IntegrationError as error:
            level, message, hint = FindingLevel.FAILED, str(error), each.hint
        yield Finding(_ID, each.name, level, message, hint, subject=each.name)


def call_receivers(settings: Settings, store: HealthStore) -> None:
    """Ask every receiver of messages whether it is there, and remember the answer as that of a C-ECHO is."""
    for each in integration_probes(settings):
        if each.name not in settings.result_receivers:
            continue
        began, seconds, reason = time.perf_counter(), None, ""
        try:
            each.ask()
            seconds = time.perf_counter() - began
        except IntegrationError as error:
            reason = str(error)
        store.echoed(Echo(each.name, time.time(), seconds, reason))
