"""The section of the settings file for this node's own DICOM port: who it is, and who may connect."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from dicom_io.network.tls import ClientCertificates
from node.settings_sections import AeTitle, Port, SettingsSection, require_pair


def _network(value: str) -> str:
    """The value as an IP address or network, e.g. 10.0.0.7 or 10.0.0.0/8."""
    ipaddress.ip_network(value, strict=False)
    return value


def fingerprint(value: str) -> str:
    """A SHA-256 as programs write it (AB:CD:..., or 64 digits) in small letters without colons; else empty."""
    digits = value.replace(":", "").lower()
    return digits if re.fullmatch(r"[0-9a-f]{64}", digits) else ""


def _certificate(value: str) -> str:
    """The value as what a certificate must show: a host name, an IP address, or the SHA-256 of the certificate."""
    if not (fingerprint(value) or re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", value)):
        raise ValueError("a host name or IP address in the certificate, or its SHA-256 (64 hexadecimal digits)")
    return value


class DicomSettings(SettingsSection):
    """DICOM identity of this node, and who may connect to it."""

    ae_title: AeTitle = Field(default="MOMENODE", description="AE title of this node, 1 to 16 characters")
    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0: all interfaces")
    port: Port = Field(default=11112, description="TCP port to listen on; below 1024 (such as 104) needs a privilege")
    check_called_ae_title: bool = Field(default=False, description="reject associations that call another AE title")
    callers: tuple[AeTitle, ...] = Field(
        default=(),
        description="calling AE titles that may send; empty: any. Destinations may always report to us",
    )
    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(), description="IP addresses or networks (10.0.0.0/8) that are accepted; empty: any"
    )
    associations: int = Field(default=64, ge=1, description="maximum number of associations at a time")
    associations_per_caller: int = Field(default=32, ge=1, description="maximum per calling AE title")
    associations_per_address: int = Field(
        default=32, ge=1, description="maximum per IP address; behind NAT: of all there"
    )
    max_object_mib: int = Field(default=2048, ge=1, description="largest instance that is accepted, in MiB")
    certificate: str = Field(default="", description="TLS certificate with its chain (PEM): the port accepts TLS only")
    key: str = Field(default="", description="private key of the certificate (PEM)")
    client_certificates: ClientCertificates = Field(
        default=ClientCertificates.NONE, description="client certificates: none, optional, required"
    )
    authorities: str = Field(default="", description="trusted authorities for client certificates (PEM)")
    crl: str = Field(default="", description="revoked client certificates, a current list of each authority (PEM)")
    certificates: dict[AeTitle, Annotated[str, AfterValidator(_certificate)]] = Field(
        default_factory=dict,
        description="what a calling AE title must prove: a name in its certificate, or the SHA-256 of it",
    )

    @model_validator(mode="after")
    def tls_is_whole(self) -> Self:
        """Refuse a certificate without its key, and client certificates without authorities."""
        require_pair(self.certificate, self.key)
        if self.client_certificates is not ClientCertificates.NONE and not (self.certificate and self.authorities):
            raise ValueError("client_certificates can be checked only with certificate, key and authorities")
        if self.client_certificates is ClientCertificates.NONE and (self.crl or self.certificates):
            raise ValueError('crl and certificates need client certificates: set client_certificates = "required"')
        return self

    @property
    def address_from_here(self) -> str:
        """The address at which this machine itself reaches the listener."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
