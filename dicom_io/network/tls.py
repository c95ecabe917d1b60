"""TLS for DICOM, in the BCP 195 profile of PS3.15 annex B: TLS 1.2 and 1.3, forward secrecy, authenticated ciphers."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from enum import StrEnum

from dicom_io.errors import DicomError

_CIPHERS = "ECDHE+AESGCM"  # RFC 9325 section 4.2, for TLS 1.2; every cipher of TLS 1.3 is acceptable


class ClientCertificates(StrEnum):
    """Whether peers that connect to us must present a certificate."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


_VERIFICATION = {
    ClientCertificates.NONE: ssl.CERT_NONE,
    ClientCertificates.OPTIONAL: ssl.CERT_OPTIONAL,
    ClientCertificates.REQUIRED: ssl.CERT_REQUIRED,
}


class TlsFilesUnusable(DicomError):
    """A certificate, key or list of authorities cannot be read; the message names the file."""


def acceptor_context(
    certificate: str,
    key: str,
    authorities: str,
    clients: ClientCertificates = ClientCertificates.NONE,
    crl: str = "",
) -> ssl.SSLContext:
    """TLS for incoming connections, from PEM files; raises TlsFilesUnusable.

    Parameters
    ----------
    crl
        Certificate revocation lists (RFC 5280) of the authorities that sign clients'; empty: none is asked.
        A client whose authority has none in there, or an old one, is refused.
    """
    context = hardened(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    _load(lambda: context.load_cert_chain(certificate, key), f"{certificate} with {key}")
    if clients is not ClientCertificates.NONE:
        _load(lambda: context.load_verify_locations(authorities), authorities)
    if crl:
        _load(lambda: context.load_verify_locations(crl), crl)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.verify_mode = _VERIFICATION[clients]
    return context


def requestor_context(certificate: str, key: str, authorities: str, *, check_name: bool) -> ssl.SSLContext:
    """TLS for outgoing connections, from PEM files; raises TlsFilesUnusable.

    Parameters
    ----------
    certificate, key
        What we present; empty: no certificate.
    authorities
        Whom we trust; empty: the authorities of the system.
    check_name
        Whether the peer's certificate must name its host.
    """
    context = hardened(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname = check_name
    if authorities:
        _load(lambda: context.load_verify_locations(authorities), authorities)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the peer's own certificate is an authority too
    else:
        context.load_default_certs()
    if certificate:
        _load(lambda: context.load_cert_chain(certificate, key), f"{certificate} with {key}")
    return context


def hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    """Apply the protocol versions and ciphers of the profile."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _load(read: Callable[[], None], files: str) -> None:
    """Read PEM files; raises TlsFilesUnusable with their names."""
    try:
        read()
    except OSError as error:  # ssl.SSLError is one
        raise TlsFilesUnusable(f"{files}: {error.strerror or 'not a certificate, or not its key'}") from None
