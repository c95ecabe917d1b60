"""The sections of the settings file for what stands around a PACS; all are off until they are filled in."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from node.settings_sections import Port, Seconds, SettingsSection, require_pair


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


class AuditRepositorySettings(TlsPeer):
    """An audit repository that gets the audit trail by syslog over TLS (RFC 5425), with patients (PS3.15 A.5)."""

    host: str = Field(default="", description="host name or IP address; empty: none")
    port: Port = Field(default=6514, description="TCP port")
    site: str = Field(default="", description="name of this site in the messages (AuditEnterpriseSiteID)")

    @property
    def enabled(self) -> bool:
        """Whether there is one."""
        return bool(self.host)


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
