"""One TOML file, every key overridable by the environment (`MOME__DICOM__PORT=104`); every mistake named at once."""

from __future__ import annotations

import difflib
import json
import re
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dicom_io.network.tls import ClientCertificates
from node.errors import SettingsError

if TYPE_CHECKING:
    from dicom_io.study.roles import RoleRule


def ae_title(value: str) -> str:
    """PS3.5 6.2, AE: 1 to 16 characters, no backslash, no control characters, not only spaces."""
    value = value.strip()
    if not 1 <= len(value) <= 16 or "\\" in value or not value.isprintable() or not value.isascii():
        raise ValueError("an AE title has 1 to 16 ASCII characters, without backslash or control characters")
    return value


AeTitle = Annotated[str, AfterValidator(ae_title)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of the settings; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dicom(Section):
    """How the node is called on the DICOM network."""

    ae_title: AeTitle = Field(default="MOMENODE", description="our AE title, 1 to 16 characters")
    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    port: Port = Field(default=11112, description="port to listen on; 104 needs a privilege")
    check_called_ae_title: bool = Field(default=False, description="refuse callers that use another name for us")
    callers: tuple[AeTitle, ...] = Field(default=(), description="AE titles that may send; empty: everyone")
    networks: tuple[str, ...] = Field(
        default=(), description="addresses or networks (10.0.0.0/8) that may send; empty: all"
    )
    associations: int = Field(default=64, ge=1, description="associations at once, of all callers together")
    associations_per_caller: int = Field(default=32, ge=1, description="associations at once of one calling AE title")
    max_object_mib: int = Field(default=2048, ge=1, description="largest instance that is kept")
    certificate: str = Field(default="", description="certificate (PEM, with its chain): the port speaks TLS only")
    key: str = Field(default="", description="its private key (PEM)")
    client_certificates: ClientCertificates = Field(
        default=ClientCertificates.NONE, description="of callers: none, optional, required"
    )
    authorities: str = Field(default="", description="who may have signed them (PEM)")

    @model_validator(mode="after")
    def tls_is_whole(self) -> Self:
        """Refuse half of what TLS needs."""
        require_pair(self.certificate, self.key)
        if self.client_certificates is not ClientCertificates.NONE and not (self.certificate and self.authorities):
            raise ValueError("client_certificates can be checked only with certificate, key and authorities")
        return self

    @property
    def address_from_here(self) -> str:
        """Where this machine itself reaches the listener."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound


class Storage(Section):
    """Where instances, results and the default database lie."""

    root: Path = Field(default=Path("/var/lib/mome-node"), description="folder for everything that is kept")
    reserve_mib: int = Field(
        default=512, ge=1, description="free space below which senders get A700 (out of resources)"
    )


class Database(Section):
    """The ledger."""

    url: str = Field(default="", description="postgresql://user@host/name; empty: SQLite in the storage root")
    password_file: str = Field(
        default="", description="file with the database's password, mode 0600; empty: none needed"
    )


class Gather(Section):
    """When a study is complete."""

    quiet_seconds: Seconds = Field(default=60.0, description="no new instance for this long: the study is complete")
    patience: int = Field(
        default=3, ge=1, description="so many times as long when earlier studies of its protocol had more"
    )
    deadline_seconds: Seconds = Field(
        default=7200.0, description="complete after this long even if instances still arrive"
    )
    learned_from: int = Field(
        default=3, ge=0, description="so many alike studies teach a protocol, which then completes at once; 0: never"
    )

    def complete_at(self, opened_at: float, last_received_at: float, missing: int) -> float:
        """When a study that is arriving, and of which so many images are missing, is complete if nothing else comes."""
        silent_at = last_received_at + self.quiet_seconds * (self.patience if missing else 1)
        return min(silent_at, opened_at + self.deadline_seconds)


class Retention(Section):
    """How long studies are kept that are delivered, or cannot be analysed; failed ones wait for you."""

    days: float = Field(default=0.0, ge=0, description="delete this many days after delivery; 0: never")


class Model(Section):
    """Which model answers, and how thoroughly."""

    path: str = Field(
        default="demo", description="bundle folder, or name of a shipped one, until `mome-node model promote`"
    )
    policy: Literal["default", "paper"] = Field(
        default="default", description="augmentation: cheap default, or the paper's 54"
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1")


class Promotion(Section):
    """What a candidate must reach to take the place of the active model, on the cases that were locked for it."""

    margin: float = Field(
        default=0.05, gt=0, lt=0.5, description="AUROC that it may be worse by, with 95 % confidence (non-inferiority)"
    )
    subgroup_margin: float = Field(
        default=0.1, gt=0, lt=0.5, description="AUROC that it may be worse by in any subgroup"
    )
    fewest: int = Field(default=10, ge=2, description="cases of each class in the set, and in a subgroup that counts")


class Series(Section):
    """A site's own words for its series: pattern (* ? [..]) on description or protocol name -> role."""

    rules: dict[str, str] = Field(default={}, description="'*my dynamic*' = 'DCE_MULTI'")

    def role_rules(self) -> tuple[RoleRule, ...]:
        """The rules as the reader takes them; raises SettingsError for a role that does not exist."""
        from dicom_io.study.roles import read_rules  # loads numpy, which most commands do without

        try:
            return read_rules(self.rules)
        except ValueError as error:
            raise SettingsError(str(error)) from error


class Results(Section):
    """What is written for a study."""

    kinds: tuple[str, ...] = Field(default=(), description="result objects to make; empty: the default set")
    not_analysed_report: bool = Field(default=True, description="say in the PACS why a study was not analysed")
    map_encoding: Literal["float32", "uint16"] = Field(
        default="float32", description="numbers of the saliency map: every value, or half the size"
    )
    crop_map: bool = Field(default=False, description="leave out slices at its ends that the model did not look at")


class Destination(Section):
    """A PACS that receives the results."""

    name: str = Field(description="our name for it")
    ae_title: AeTitle = Field(description="its AE title")
    host: str = Field(description="its address")
    port: Port = Field(description="its port")
    commitment: bool = Field(default=False, description="ask it for storage commitment")
    kinds: tuple[str, ...] = Field(default=(), description="result objects it gets; empty: all that were made")
    web: str = Field(default="", description="send by STOW-RS to this DICOMweb service instead of C-STORE")
    web_token_file: str = Field(default="", description="file with its bearer token, mode 0600; empty: none")
    tls: bool = Field(default=False, description="speak TLS with it, never without")
    authorities: str = Field(default="", description="who may have signed its certificate (PEM); empty: the system's")
    check_name: bool = Field(default=True, description="its certificate must name its host")
    certificate: str = Field(default="", description="certificate that we show it (PEM); empty: none")
    key: str = Field(default="", description="its private key (PEM)")

    @property
    def web_token(self) -> str:
        """The bearer token of its DICOMweb service; raises SettingsError for a file that others may read."""
        return secret(Path(self.web_token_file)) if self.web_token_file else ""

    @model_validator(mode="after")
    def tls_is_whole(self) -> Self:
        """Refuse half of what TLS needs, and a certificate that anybody could have."""
        require_pair(self.certificate, self.key)
        if not self.tls and (self.certificate or not self.check_name or (self.authorities and not self.web)):
            raise ValueError("authorities, check_name, certificate and key mean something only with tls = true")
        if self.web and not self.web.startswith(("https://", "http://")):
            raise ValueError("web is the address of a DICOMweb service, such as https://pacs/dicom-web")
        if not self.check_name and not self.authorities:
            raise ValueError("check_name = false needs authorities: else every certificate would do")
        return self


def require_pair(certificate: str, key: str) -> None:
    """ValueError for one without the other."""
    if bool(certificate) != bool(key):
        raise ValueError("certificate and key belong together")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    return host in {"localhost", "::1"} or host.startswith("127.")


class Dashboard(Section):
    """The web pages and the API; they leave this machine only over TLS or through a reverse proxy."""

    enabled: bool = Field(default=True, description="serve them at all")
    host: str = Field(default="127.0.0.1", description="address to listen on; others need a certificate or a proxy")
    port: Port = Field(default=8090, description="port to listen on")
    names: tuple[str, ...] = Field(default=(), description="host names that browsers may use for it")
    certificate: str = Field(default="", description="TLS certificate (PEM, with its chain)")
    key: str = Field(default="", description="its private key (PEM)")
    proxies: tuple[str, ...] = Field(default=(), description="addresses of reverse proxies, which end TLS for it")
    session_hours: Seconds = Field(default=10.0, description="a login lasts this long")
    oidc_issuer: str = Field(default="", description="https://... of an OpenID Connect provider; empty: none")
    oidc_client_id: str = Field(default="", description="our name there")
    oidc_secret_file: str = Field(default="", description="file with the client secret, mode 0600")
    oidc_claim: str = Field(default="groups", description="claim that holds a person's groups")
    oidc_viewers: tuple[str, ...] = Field(default=(), description="groups that may look")
    oidc_operators: tuple[str, ...] = Field(default=(), description="groups that may also act on studies")
    oidc_admins: tuple[str, ...] = Field(default=(), description="groups that may also give access")

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return bool(self.certificate or self.proxies)

    @property
    def session_seconds(self) -> float:
        """How long a login lasts."""
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
        return self


class Alerts(Section):
    """Who is told when something needs a person, and from when on."""

    webhook: str = Field(default="", description="URL that gets a POST with JSON; empty: none")
    recipients: tuple[str, ...] = Field(default=(), description="e-mail addresses")
    sender: str = Field(default="mome-node@localhost", description="e-mail address that we send from")
    smtp: str = Field(default="localhost:25", description="mail server, HOST:PORT")
    smtp_user: str = Field(default="", description="login there; empty: none. With a login, STARTTLS is required")
    smtp_password_file: str = Field(default="", description="file with its password, mode 0600")
    disk_free_gib: float = Field(default=20.0, ge=0, description="less free disk than this is told")
    destination_minutes: float = Field(default=15.0, ge=0, description="a destination down for longer is told")
    silence_hours: float = Field(default=0.0, ge=0, description="a scanner that sent nothing for longer; 0: never told")


class Settings(BaseSettings):
    """Everything that a site decides."""

    model_config = SettingsConfigDict(env_prefix="MOME__", env_nested_delimiter="__", extra="forbid", frozen=True)

    dicom: Dicom = Dicom()
    storage: Storage = Storage()
    database: Database = Database()
    gather: Gather = Gather()
    retention: Retention = Retention()
    model: Model = Model()
    promotion: Promotion = Promotion()
    series: Series = Series()
    results: Results = Results()
    dashboard: Dashboard = Dashboard()
    alerts: Alerts = Alerts()
    destinations: tuple[Destination, ...] = ()

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
        """The same, fit to be shown."""
        if urlsplit(self.database.url).password is None:
            return self
        hidden = self.database.model_copy(update={"url": with_password(self.database.url, "***")})
        return self.model_copy(update={"database": hidden})

    @property
    def node_name(self) -> str:
        """What tells this node from others on the same ledger."""
        return f"{self.dicom.ae_title}@{socket.gethostname()}:{self.dicom.port}"

    @property
    def is_sqlite(self) -> bool:
        """Whether this node is alone on its ledger; several share work only on PostgreSQL."""
        return self.database_url.startswith("sqlite")


def with_password(url: str, password: str) -> str:
    """The URL with this password in it."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    return parts._replace(netloc=f"{user}:{quote(password, safe='*')}@{host}").geturl()


def secret(path: Path) -> str:
    """The one line of a file that only its owner may read; raises SettingsError otherwise."""
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: others may read this secret; run: chmod 600 {path}")
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: the secret cannot be read: {getattr(error, 'strerror', 'not UTF-8')}") from None


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
        raise SettingsError("\n".join(f"{name}: {mistake(each)}" for each in error.errors())) from None
    names = [each.name for each in settings.destinations]
    if twice := {each for each in names if names.count(each) > 1}:
        raise SettingsError(f"{name}: destinations share the name {', '.join(sorted(twice))}; each needs its own")
    return settings


def mistake(error: Any) -> str:
    """Key, rule, and the nearest valid key for an unknown one."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg'].removeprefix('Value error, ')}"
    valid = valid_keys(error["loc"][:-1])
    nearest = difflib.get_close_matches(str(error["loc"][-1]), valid, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"valid keys: {', '.join(valid)}"
    return f"{key}: unknown key; {hint}"


def valid_keys(place: tuple[str | int, ...]) -> list[str]:
    """The keys of a section, e.g. ("destinations", 0)."""
    model: Any = Settings
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields[part]
        model = Destination if part == "destinations" else field.annotation
    return sorted(model.model_fields)


def with_caller(text: str, ae_title_: str, address: str) -> str:
    """The text of a settings file in which this caller may send; every other line stays as it is.

    Raises SettingsError when the lists are not written as `callers = [...]` on one line of [dicom].
    """
    lines, section, done = text.splitlines(), "", False
    for number, line in enumerate(lines):
        heading = line.strip()
        section = heading if heading.startswith("[") else section
        for key, value in (("callers", ae_title(ae_title_)), ("networks", address)):
            listed = re.match(rf"(\s*{key}\s*=\s*)(\[[^\]]*\])(.*)", line)
            if section != "[dicom]" or listed is None or not value:
                continue
            values = tomllib.loads(f"values = {listed[2]}")["values"]
            if values and value not in values:  # an empty list lets everyone in
                lines[number] = f"{listed[1]}{toml_value((*values, value))}{listed[3]}"
            done = True
    if not done:
        raise SettingsError('write callers = ["..."] on one line of [dicom] first')
    return "\n".join(lines) + "\n"


def example_toml() -> str:
    """A commented file with every key and its default; what `config init` writes and docs/configuration.md shows."""
    lines = ["# MOME Node. Every key can be overridden by the environment: MOME__DICOM__PORT=104", ""]
    lines += sections(Settings())
    lines += [f"# {Destination.__doc__} Repeat the section for a second one.", "# [[destinations]]"]
    example = Destination(name="pacs", ae_title="PACS", host="10.0.0.5", port=104)
    lines += [f"# {line}" for line in keys(example)]
    return "\n".join(lines) + "\n"


def settings_toml(settings: Settings) -> str:
    """The settings in force as a file that would give the same."""
    lines = sections(settings)
    for each in settings.destinations:
        lines += ["[[destinations]]", *keys(each), ""]
    return "\n".join(lines)


def sections(settings: Settings) -> list[str]:
    """Lines for every section but the destinations."""
    lines: list[str] = []
    for name in Settings.model_fields:
        section = getattr(settings, name)
        if isinstance(section, Section):
            lines += [f"# {section.__doc__}", f"[{name}]", *keys(section), ""]
    return lines


def keys(section: Section) -> list[str]:
    """One line for each key, with what it means."""
    return [
        f"{key} = {toml_value(getattr(section, key))}  # {field.description}"
        for key, field in type(section).model_fields.items()
    ]


def toml_value(value: Any) -> str:
    """A default as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}' = {toml_value(each)}" for key, each in value.items()) + "}"
    return str(value) if isinstance(value, int | float) else json.dumps(str(value), ensure_ascii=False)
