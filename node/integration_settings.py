"""The sections of the settings file for what stands around a PACS; all are off until they are filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from node.secret_files import secret
from node.settings_sections import Port, Seconds, SettingsSection, is_loopback, require_pair


class TlsPeer(SettingsSection):
    """How a TLS server is trusted, and how this node identifies itself to it."""

    authorities: str = Field(default="", description="trusted authorities (PEM); empty: the system's")
    check_name: bool = Field(default=True, description="require that its certificate names its host")
    certificate: str = Field(default="", description="client certificate of this node (PEM); empty: none")
    key: str = Field(default="", description="private key of the client certificate (PEM)")

    @model_validator(mode="after")
    def certificate_can_be_judged(self) -> Self:
        """Refuse a certificate without its key, and settings by which any certificate would do."""
        require_pair(self.certificate, self.key)
        if not self.check_name and not self.authorities:
            raise ValueError("check_name = false needs authorities: else every certificate would do")
        return self


class WebStoreSettings(SettingsSection):
    """STOW-RS on the dashboard's port: programs with an API key of the role sender may send images."""

    enabled: bool = Field(default=False, description="accept images at /dicom-web/studies")
    uploads: int = Field(default=8, ge=1, description="maximum number of requests at a time")


class AuditRepositorySettings(TlsPeer):
    """An audit repository that gets the audit trail by syslog over TLS (RFC 5425), with patients (PS3.15 A.5)."""

    host: str = Field(default="", description="host name or IP address; empty: none")
    port: Port = Field(default=6514, description="TCP port")
    site: str = Field(default="", description="name of this site in the messages (AuditEnterpriseSiteID)")

    @property
    def enabled(self) -> bool:
        """Whether there is one."""
        return bool(self.host)


def _private(url: str) -> str:
    """The URL, if it keeps what is sent there private; ValueError otherwise."""
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        raise ValueError("is the address of a service, such as https://fhir.hospital.example/r4, without a login in it")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https://: patients would cross the network in clear text")
    return url.rstrip("/")


_PrivateUrl = Annotated[str, AfterValidator(_private)]
"""https, or http on this machine only."""


class Hl7Receiver(TlsPeer):
    """A RIS or interface engine that gets each result as HL7 v2 ORU^R01 over MLLP, preliminary."""

    name: str = Field(description="name of this receiver, unique among all that results go to")
    host: str = Field(description="host name or IP address")
    port: Port = Field(description="TCP port")
    tls: bool = Field(default=False, description="use TLS")
    sending_application: str = Field(default="MOMENODE", description="MSH-3")
    sending_facility: str = Field(default="", description="MSH-4")
    receiving_application: str = Field(default="", description="MSH-5")
    receiving_facility: str = Field(default="", description="MSH-6")
    version: Literal["2.4", "2.5", "2.5.1"] = Field(default="2.5.1", description="MSH-12: 2.4, 2.5 or 2.5.1")
    processing_id: Literal["P", "T", "D"] = Field(default="P", description="MSH-11: P production, T training, D debug")
    answer_seconds: Seconds = Field(default=30.0, description="how long an acknowledgement is awaited")

    @model_validator(mode="after")
    def tls_is_meant(self) -> Self:
        """Refuse TLS settings without TLS."""
        if not self.tls and (self.certificate or self.authorities):
            raise ValueError("authorities, check_name, certificate and key mean something only with tls = true")
        return self


class FhirServer(TlsPeer):
    """A FHIR server that gets each result as DiagnosticReport and Observations, preliminary."""

    name: str = Field(description="name of this server, unique among all that results go to")
    url: _PrivateUrl = Field(description="its base URL, https://...")
    release: Literal["R4", "R5"] = Field(default="R4", description="R4 or R5")
    patient_system: str = Field(default="", description="system (URI) of patient identifiers on that server")
    accession_system: str = Field(default="", description="system (URI) of accession numbers on that server")
    find_patient: bool = Field(
        default=False, description="let the server find the Patient; a patient whom it does not know is refused"
    )
    token_url: _PrivateUrl | Literal[""] = Field(
        default="", description="OAuth2 token endpoint (client credentials); empty: no login"
    )
    client_id: str = Field(default="", description="client ID of this node there")
    client_secret_file: str = Field(default="", description="file with the client secret, mode 0600")
    scope: str = Field(default="", description="scopes to ask for, parted by spaces; empty: the client's default")
    answer_seconds: Seconds = Field(default=30.0, description="how long an answer is awaited")

    @property
    def client_secret(self) -> str:
        """The secret; raises SettingsError for a file that others may read."""
        return secret(Path(self.client_secret_file))

    @model_validator(mode="after")
    def login_is_whole(self) -> Self:
        """Refuse a token endpoint without client ID and secret, and the other way round."""
        given = {bool(self.token_url), bool(self.client_id), bool(self.client_secret_file)}
        if len(given) > 1:
            raise ValueError("token_url, client_id and client_secret_file belong together")
        return self


class UpsWorklist(TlsPeer):
    """A UPS-RS worklist whose workitems this node performs when their study is here."""

    name: str = Field(description="name of this worklist")
    url: _PrivateUrl = Field(description="base URL of its DICOMweb services, https://...")
    token_file: str = Field(default="", description="file with the bearer token for it, mode 0600; empty: none")
    match: dict[str, str] = Field(
        default={}, description="what its workitems must match: attribute (as UPS-RS names it) = value; none: all"
    )
    seconds: Seconds = Field(default=10.0, description="how often it is asked")

    @property
    def token(self) -> str:
        """The bearer token; raises SettingsError for a file that others may read."""
        return secret(Path(self.token_file)) if self.token_file else ""
