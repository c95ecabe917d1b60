"""The sections of the settings file, with the default and the meaning of every key."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from node.errors import SettingsError
from node.secret_files import secret

if TYPE_CHECKING:
    from dicom_io.study.roles import RoleRule


def ae_title(value: str) -> str:
    """The value as an AE title: 1 to 16 characters, no backslash or control characters, not only spaces (PS3.5 6.2)."""
    value = value.strip()
    if not 1 <= len(value) <= 16 or "\\" in value or not value.isprintable() or not value.isascii():
        raise ValueError("an AE title has 1 to 16 ASCII characters, without backslash or control characters")
    return value


AeTitle = Annotated[str, AfterValidator(ae_title)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class SettingsSection(BaseModel):
    """One section of the settings file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StorageSettings(SettingsSection):
    """Where instances, results and the default database are stored."""

    root: Path = Field(default=Path("/var/lib/mome-node"), description="folder of archive and default database")
    reserve_mib: int = Field(
        default=512,
        ge=1,
        description="free MiB below which C-STORE is refused (A700, out of resources)",
    )
    search_key_file: str = Field(
        default="", description="file with the key of the patient search, mode 0600; empty: search.key in root"
    )

    @property
    def search_key_path(self) -> Path:
        """Where the key of the patient search lies; made at the first start."""
        return Path(self.search_key_file) if self.search_key_file else self.root / "search.key"


class DatabaseSettings(SettingsSection):
    """The database of the ledger: studies, jobs, deliveries, audit trail."""

    url: str = Field(default="", description="postgresql://user@host/name; empty: SQLite in the storage root")
    password_file: str = Field(default="", description="file with the database password, mode 0600; empty: no password")
    wait_seconds: float = Field(
        default=120.0, ge=0, description="how long `serve` waits for a PostgreSQL server that does not answer yet"
    )

    @model_validator(mode="after")
    def is_known(self) -> Self:
        """Refuse what is no URL of a database that we can use."""
        if self.url and not self.url.startswith(("postgresql://", "sqlite:///")):
            raise ValueError("url is postgresql://user@host/name, or empty for SQLite in the storage root")
        return self


class GatherSettings(SettingsSection):
    """When a study counts as complete."""

    quiet_seconds: Seconds = Field(default=60.0, description="complete once no instance has arrived for this long")
    patience: int = Field(
        default=3,
        ge=1,
        description="how many times as long, while images that its protocol usually has are missing",
    )
    deadline_seconds: Seconds = Field(
        default=7200.0, description="complete this long after its first instance, even if instances still arrive"
    )
    learned_from: int = Field(
        default=3,
        ge=0,
        description="identical studies after which a protocol completes without waiting; 0: never",
    )

    def complete_at(self, opened_at: float, last_received_at: float, missing: int) -> float:
        """When a study that is arriving, and of which so many images are missing, is complete if nothing else comes."""
        silent_at = last_received_at + self.quiet_seconds * (self.patience if missing else 1)
        return min(silent_at, opened_at + self.deadline_seconds)


class HostSettings(SettingsSection):
    """What this node does for studies of a host that has died, where several share a PostgreSQL."""

    refetch: bool = Field(default=True, description="fetch them from a PACS (C-MOVE) and go on with them here")
    refetch_from: tuple[str, ...] = Field(
        default=(), description="names of [[destinations]] to ask, one after the other; empty: all without web"
    )
    refetch_seconds: float = Field(
        default=20.0, ge=15, description="a host whose heartbeat stands still for so long is taken for dead"
    )
    refetch_attempts: int = Field(
        default=10, ge=1, description="give up, and wait for the host, after so many answers that lack images"
    )


class RetentionSettings(SettingsSection):
    """How long studies are kept once delivered or found ineligible; failed studies are never deleted automatically."""

    days: float = Field(default=0.0, ge=0, description="days after delivery; 0: never deleted")


class SeriesSettings(SettingsSection):
    """Site-specific series names: pattern (* ? [..]) on series description or protocol name -> role."""

    rules: dict[str, str] = Field(default={}, description="'*my dynamic*' = 'DCE_MULTI'")

    def role_rules(self) -> tuple[RoleRule, ...]:
        """The rules, parsed; raises SettingsError for a role that does not exist."""
        from dicom_io.study.roles import read_rules  # loads numpy, which most commands do without

        try:
            return read_rules(self.rules)
        except ValueError as error:
            raise SettingsError(str(error)) from error


class ResultSettings(SettingsSection):
    """Which result objects are written for a study."""

    kinds: tuple[str, ...] = Field(default=(), description="result objects to create; empty: the default set")
    not_analysed_report: bool = Field(default=True, description="report to the PACS why a study was not analysed")
    no_breast_report: bool = Field(default=False, description="that, too, for a study whose images show no breast")
    map_encoding: Literal["float32", "uint16"] = Field(
        default="float32", description="voxels of the saliency map: float32 (exact) or uint16 (half the size)"
    )
    crop_map: bool = Field(default=False, description="omit slices at both ends of the map that the model did not use")
    page: Literal["landscape", "portrait"] = Field(default="landscape", description="summary page: landscape, portrait")
    identify: Literal["none", "study", "patient"] = Field(
        default="none", description="whom the summary page names: none (the viewer does), study, patient"
    )
    language: Literal["en", "de", "fr", "zh", "ja"] = Field(
        default="en", description="language of page, overlay, PDF and report: en, de, fr, zh, ja"
    )
    priors: bool = Field(
        default=True, description="earlier results of the patient from this node's ledger, in report and PDF, by date"
    )
    priors_from: str = Field(
        default="", description="destination that is also asked for earlier node reports (C-FIND, C-GET); empty: none"
    )


class Destination(SettingsSection):
    """A PACS that results are delivered to."""

    name: str = Field(description="name of this destination, unique on this node")
    ae_title: AeTitle = Field(description="AE title")
    host: str = Field(description="host name or IP address")
    port: Port = Field(description="TCP port")
    commitment: bool = Field(default=False, description="request storage commitment")
    kinds: tuple[str, ...] = Field(default=(), description="result objects to send; empty: all")
    web: str = Field(default="", description="URL of a DICOMweb service: send by STOW-RS instead of C-STORE")
    web_token_file: str = Field(default="", description="file with the bearer token for it, mode 0600; empty: none")
    tls: bool = Field(default=False, description="use TLS only")
    authorities: str = Field(default="", description="trusted authorities (PEM); empty: the system's")
    check_name: bool = Field(default=True, description="require that its certificate names its host")
    certificate: str = Field(default="", description="client certificate of this node (PEM); empty: none")
    key: str = Field(default="", description="private key of the client certificate (PEM)")

    @property
    def web_token(self) -> str:
        """The bearer token of its DICOMweb service; raises SettingsError for a file that others may read."""
        return secret(Path(self.web_token_file)) if self.web_token_file else ""

    @model_validator(mode="after")
    def tls_is_whole(self) -> Self:
        """Refuse incomplete TLS settings, and those that would accept any certificate."""
        require_pair(self.certificate, self.key)
        if not self.tls and (self.certificate or not self.check_name or (self.authorities and not self.web)):
            raise ValueError("authorities, check_name, certificate and key mean something only with tls = true")
        if self.web and (not self.web.startswith(("https://", "http://")) or urlsplit(self.web).username is not None):
            raise ValueError(
                "web is the address of a DICOMweb service, such as https://pacs/dicom-web, without a login"
            )
        if not self.check_name and not self.authorities:
            raise ValueError("check_name = false needs authorities: else every certificate would do")
        return self


def require_pair(certificate: str, key: str) -> None:
    """ValueError for a certificate without its key, or the other way round."""
    if bool(certificate) != bool(key):
        raise ValueError("certificate and key belong together")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    return host in {"localhost", "::1"} or host.startswith("127.")


class PatientDisplay(StrEnum):
    """What lists show of a patient."""

    NONE = "none"
    ID = "id"
    NAME = "name"


class DashboardSettings(SettingsSection):
    """Web pages and API; reachable from the network only over TLS or through a reverse proxy."""

    enabled: bool = Field(default=True, description="run the dashboard")
    host: str = Field(
        default="127.0.0.1",
        description="address to listen on; beyond loopback only with TLS or a proxy",
    )
    port: Port = Field(default=8090, description="TCP port to listen on")
    names: tuple[str, ...] = Field(default=(), description="host names under which browsers reach it")
    certificate: str = Field(default="", description="TLS certificate with its chain (PEM)")
    key: str = Field(default="", description="private key of the certificate (PEM)")
    proxies: tuple[str, ...] = Field(default=(), description="IP addresses of reverse proxies that terminate TLS")
    connections: int = Field(default=512, ge=1, description="maximum number of connections at a time")
    connections_per_address: int = Field(default=64, ge=1, description="maximum per IP address, proxies excepted")
    patients: PatientDisplay = Field(
        default=PatientDisplay.ID, description="patient in lists, for those who may see patients: none, id, name"
    )
    session_hours: Seconds = Field(default=10.0, description="lifetime of a session, in hours")
    idle_minutes: float = Field(
        default=30.0, ge=2, description="a session that nobody uses for so long ends, in minutes"
    )
    oidc_issuer: str = Field(default="", description="URL of an OpenID Connect provider (https://...); empty: none")
    oidc_client_id: str = Field(default="", description="client ID of this node there")
    oidc_secret_file: str = Field(default="", description="file with the client secret, mode 0600")
    oidc_claim: str = Field(default="groups", description="claim with the groups of a user")
    oidc_patients: tuple[str, ...] = Field(
        default=(), description="groups that may see patients; empty: everybody who may log in"
    )
    oidc_viewers: tuple[str, ...] = Field(default=(), description="groups with role viewer")
    oidc_operators: tuple[str, ...] = Field(default=(), description="groups with role operator")
    oidc_admins: tuple[str, ...] = Field(default=(), description="groups with role admin")

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return bool(self.certificate or self.proxies)

    @property
    def idle_seconds(self) -> float:
        """How long a session lives without use."""
        return self.idle_minutes * 60

    @property
    def session_seconds(self) -> float:
        """Lifetime of a session."""
        return self.session_hours * 3600

    @model_validator(mode="after")
    def stays_private(self) -> Self:
        """Refuse to send passwords over a network in clear text."""
        require_pair(self.certificate, self.key)
        if self.enabled and not (is_loopback(self.host) or self.is_secure):
            raise ValueError(
                f"host {self.host} can be reached from the network: give certificate and key, or name the reverse "
                "proxy in front of it in proxies"
            )
        issuer = urlsplit(self.oidc_issuer)
        if self.oidc_issuer and issuer.scheme != "https" and not is_loopback(issuer.hostname or ""):
            raise ValueError("oidc_issuer must begin with https://: who is who would cross the network in clear text")
        return self


class AlertSettings(SettingsSection):
    """Who is alerted by e-mail or webhook, and the limits above which an alert is sent."""

    webhook: str = Field(default="", description="URL that receives a POST with JSON; empty: none")
    recipients: tuple[str, ...] = Field(default=(), description="e-mail addresses")
    sender: str = Field(default="mome-node@localhost", description="sender address of the e-mails")
    smtp: str = Field(default="localhost:25", description="mail server, HOST:PORT")
    smtp_user: str = Field(default="", description="user name there; empty: no login. A login requires STARTTLS")
    smtp_password_file: str = Field(default="", description="file with the password, mode 0600")
    disk_free_gib: float = Field(default=20.0, ge=0, description="alert when less disk space is free, in GiB")
    destination_minutes: float = Field(default=15.0, ge=0, description="alert when a destination is down for longer")
    commitment_minutes: float = Field(
        default=30.0, ge=0, description="alert when a destination owes its storage commitment for longer"
    )
    silence_hours: float = Field(
        default=0.0, ge=0, description="alert when a scanner sends nothing for so long; 0: no alert"
    )
