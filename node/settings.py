"""One TOML file, every key overridable by the environment (`MOME__DICOM__PORT=104`); every mistake named at once."""

from __future__ import annotations

import difflib
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from node.dicom_settings import DicomSettings
from node.entity_settings import ApplicationEntity, PriorityRule
from node.errors import SettingsError
from node.integration_settings import AuditRepositorySettings, FhirServer, Hl7Receiver, UpsWorklist, WebStoreSettings
from node.model_settings import ModelSettings, PromotionSettings, WorkerSettings
from node.secret_files import secret, with_password
from node.settings_sections import (
    AlertSettings,
    DashboardSettings,
    DatabaseSettings,
    Destination,
    GatherSettings,
    HostSettings,
    ResultSettings,
    RetentionSettings,
    SeriesSettings,
    StorageSettings,
)


class Settings(BaseSettings):
    """Everything that a site decides."""

    model_config = SettingsConfigDict(env_prefix="MOME__", env_nested_delimiter="__", extra="forbid", frozen=True)

    dicom: DicomSettings = DicomSettings()
    storage: StorageSettings = StorageSettings()
    database: DatabaseSettings = DatabaseSettings()
    gather: GatherSettings = GatherSettings()
    hosts: HostSettings = HostSettings()
    retention: RetentionSettings = RetentionSettings()
    model: ModelSettings = ModelSettings()
    worker: WorkerSettings = WorkerSettings()
    promotion: PromotionSettings = PromotionSettings()
    series: SeriesSettings = SeriesSettings()
    results: ResultSettings = ResultSettings()
    dashboard: DashboardSettings = DashboardSettings()
    alerts: AlertSettings = AlertSettings()
    web_store: WebStoreSettings = WebStoreSettings()
    audit_repository: AuditRepositorySettings = AuditRepositorySettings()
    ae_titles: tuple[ApplicationEntity, ...] = ()
    priorities: tuple[PriorityRule, ...] = ()
    destinations: tuple[Destination, ...] = ()
    hl7: tuple[Hl7Receiver, ...] = ()
    fhir: tuple[FhirServer, ...] = ()
    worklists: tuple[UpsWorklist, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides the file; nothing else is read."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """URL of the ledger's database."""
        if not self.database.url:
            return f"sqlite:///{self.storage.root.absolute()}/ledger.db"
        if not self.database.password_file:
            return self.database.url
        return with_password(self.database.url, secret(Path(self.database.password_file)))

    def without_secrets(self) -> Settings:
        """These settings for display: the database's password and what the webhook's address says are hidden."""
        shown = self
        if urlsplit(self.database.url).password is not None:
            hidden = self.database.model_copy(update={"url": with_password(self.database.url, "***")})
            shown = shown.model_copy(update={"database": hidden})
        if self.alerts.webhook:  # who knows such an address may post there
            address = urlsplit(self.alerts.webhook)
            short = f"{address.scheme}://{address.hostname}/***"
            shown = shown.model_copy(update={"alerts": self.alerts.model_copy(update={"webhook": short})})
        return shown

    @property
    def result_receivers(self) -> tuple[str, ...]:
        """Names of all that results go to: each has a delivery job for every result."""
        lists = (self.destinations, self.hl7, self.fhir)
        return tuple(each.name for some in lists for each in some)

    def entity_called(self, ae_title: str) -> ApplicationEntity | None:
        """What is set for studies that call this AE title; None: what is set for the whole node."""
        return next((each for each in self.ae_titles if each.ae_title == ae_title), None)

    def estimator_of(self, called_ae_title: str) -> str:
        """Name of the estimator that answers studies that called this AE title; empty: the bundle's default."""
        entity = self.entity_called(called_ae_title)
        return entity.estimator if entity and entity.models else self.model.estimator

    def receivers_of(self, called_ae_title: str) -> tuple[str, ...]:
        """Names of all that the results of a study go to that called this AE title."""
        entity = self.entity_called(called_ae_title)
        return entity.destinations if entity and entity.destinations else self.result_receivers

    def results_of(self, called_ae_title: str) -> ResultSettings:
        """Which result objects are written for a study that called this AE title."""
        entity = self.entity_called(called_ae_title)
        return entity.results if entity and entity.results else self.results

    @property
    def refetch_peers(self) -> tuple[Destination, ...]:
        """The PACS to ask for studies of a host that has died, in order."""
        names = self.hosts.refetch_from or tuple(each.name for each in self.destinations if not each.web)
        found = {each.name: each for each in self.destinations}
        return tuple(found[name] for name in names) if self.hosts.refetch and not self.is_sqlite else ()

    @property
    def node_name(self) -> str:
        """What tells this node from others on the same ledger."""
        return f"{self.dicom.ae_title}@{socket.gethostname()}:{self.dicom.port}"

    @property
    def is_sqlite(self) -> bool:
        """Whether this node is alone on its ledger; several share work only on PostgreSQL."""
        return self.database_url.startswith("sqlite")


def load_settings(path: Path | None) -> Settings:
    """Settings from a file (None: defaults and environment); raises SettingsError with one line for each mistake."""
    name = str(path) if path else "the environment"
    try:
        values = tomllib.loads(path.read_text("utf-8")) if path else {}
        settings = Settings(**values)
    except OSError as error:
        raise SettingsError(f"{name}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: is not TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(f"{name}: {_mistake(each)}" for each in error.errors())) from None
    if mistakes := list(_contradictions(settings)):
        raise SettingsError("\n".join(f"{name}: {each}" for each in mistakes))
    return settings


def _contradictions(settings: Settings) -> Iterator[str]:
    """What is right in itself, and wrong beside another section."""
    if settings.web_store.enabled and not settings.dashboard.enabled:
        yield "web_store.enabled needs dashboard.enabled: images come in on its port"
    names = settings.result_receivers
    if twice := {each for each in names if names.count(each) > 1}:
        yield f"several that results go to share the name {', '.join(sorted(twice))}; each needs its own"
    archives, named = [each.name for each in settings.destinations], {"results": settings.results}
    named |= {f"ae_titles.{n}.results": each.results for n, each in enumerate(settings.ae_titles) if each.results}
    for where, results in named.items():
        if results.priors_from not in ("", *archives):
            yield f"{where}.priors_from: no destination {results.priors_from}; known: {', '.join(archives) or 'none'}"
    if unknown := set(settings.hosts.refetch_from) - {each.name for each in settings.destinations}:
        yield f"hosts.refetch_from: no destination {', '.join(sorted(unknown))}"
    titles = [settings.dicom.ae_title]
    for number, each in enumerate(settings.ae_titles):
        if each.ae_title in titles:
            yield f"ae_titles.{number}.ae_title: {each.ae_title} is there already (dicom.ae_title is one, too)"
        titles.append(each.ae_title)
        if unknown := set(each.destinations) - set(names):
            known = ", ".join(names) or "none"
            yield f"ae_titles.{number}.destinations: no {', '.join(sorted(unknown))}; results can go to: {known}"


_REPLACED = {
    "model.policy": "replaced by model.estimator; leave it out for the bundle's own, or name another that the bundle "
    'was validated with (the 54 versions of the paper are "published")',
}
"""Keys of earlier releases, and what stands in their place."""


def _mistake(error: Any) -> str:
    """Key, rule, and the nearest valid key for an unknown one."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg'].removeprefix('Value error, ')}"
    if key in _REPLACED:
        return f"{key}: {_REPLACED[key]}"
    valid = _valid_keys(error["loc"][:-1])
    nearest = difflib.get_close_matches(str(error["loc"][-1]), valid, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"valid keys: {', '.join(valid)}"
    return f"{key}: unknown key; {hint}"


def _valid_keys(place: tuple[str | int, ...]) -> list[str]:
    """The keys of a section, e.g. ("destinations", 0)."""
    model: Any = Settings
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields[part]
        model = next(iter(get_args(field.annotation)), field.annotation)  # of a list of sections: one of them
    return sorted(model.model_fields)
