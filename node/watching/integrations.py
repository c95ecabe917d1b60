"""Examines the systems around the PACS that the settings name, each by its own protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from node.integrations import syslog
from node.integrations.errors import IntegrationError
from node.settings import Settings
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


def integration_probes(settings: Settings) -> Iterator[IntegrationProbe]:
    """One for each system that the settings name."""
    repository = settings.audit_repository
    if repository.enabled:
        hint = "check [audit_repository]: host, port, authorities, and the firewalls between; entries wait meanwhile"
        yield IntegrationProbe("audit repository", lambda: f"answers by {syslog.probe(repository)}", hint)


def examine_integrations(settings: Settings) -> Iterator[Finding]:
    """What each of them answers now."""
    for each in integration_probes(settings):
        try:
            level, message, hint = FindingLevel.OK, each.ask(), ""
        except IntegrationError as error:
            level, message, hint = FindingLevel.FAILED, str(error), each.hint
        yield Finding(_ID, each.name, level, message, hint, subject=each.name)
