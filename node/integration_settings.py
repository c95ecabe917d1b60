"""The sections of the settings file for what stands around a PACS; all are off until they are filled in."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from node.settings_sections import Port, SettingsSection, require_pair


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
