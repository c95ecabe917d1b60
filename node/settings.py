"""One TOML file, every key overridable by the environment (`MOME__DICOM__PORT=104`); every mistake named at once."""

from __future__ import annotations

import difflib
import socket
import tomllib
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from node.errors import SettingsError
from node.integration_settings import AuditRepositorySettings, FhirServer, Hl7Receiver, UpsWorklist, WebStoreSettings
from node.secret_files import secret, with_password
from node.settings_sections import (
    AlertSettings,
    DashboardSettings,
    DatabaseSettings,
    Destination,
    DicomSettings,
    GatherSettings,
    ModelSettings,
    PromotionSettings,
    ResultSettings,
    RetentionSettings,
    SeriesSettings,
    StorageSettings,
    WorkerSettings,
)


class Settings(BaseSettings):
    """Everything that a site decides."""

    model_config = SettingsConfigDict(env_prefix="MOME__", env_nested_delimiter="__", extra="forbid", frozen=True)

    dicom: DicomSettings = DicomSettings()
    storage: StorageSettings = StorageSettings()
    database: DatabaseSettings = DatabaseSettings()
    gather: GatherSettings = GatherSettings()
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
        """These settings with the password of the database hidden, for display."""
        if urlsplit(self.database.url).password is None:
            return self
        hidden = self.database.model_copy(update={"url": with_password(self.database.url, "***")})
        return self.model_copy(update={"database": hidden})

    @property
    def result_receivers(self) -> tuple[str, ...]:
        """Names of all that results go to: each has a delivery job for every result."""
        lists = (self.destinations, self.hl7, self.fhir)
        return tuple(each.name for some in lists for each in some)

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
    if settings.web_store.enabled and not settings.dashboard.enabled:
        raise SettingsError(f"{name}: web_store.enabled needs dashboard.enabled: images come in on its port")
    names = settings.result_receivers
    if twice := {each for each in names if names.count(each) > 1}:
        shared = ", ".join(sorted(twice))
        raise SettingsError(f"{name}: several that results go to share the name {shared}; each needs its own")
    return settings


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
